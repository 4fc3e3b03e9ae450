/* runlog.h - the log of a training: a stream of kind metrics, one record a logged step.
 *
 * Kept in memory and written whole, so that the file is complete at any moment and a resumed
 * training's log has no gap. */
#ifndef TENON_TOOLS_RUNLOG_H
#define TENON_TOOLS_RUNLOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ten.h"

enum run_column { RUN_STEP, RUN_LOSS, RUN_GRAD_NORM, RUN_LR, RUN_TOKENS, RUN_TOKENS_PER_S,
	RUN_GEMM_SHARE, RUN_EVAL_LOSS, RUN_EVAL_SCORE, RUN_COLUMNS };

struct run_log {
	double *rows;      /* (n, columns) */
	size_t n, cap;
	const char *score; /* what RUN_EVAL_SCORE is called, NULL: there is none */
	/* of a training that logs other things: what they are called, the step first; NULL: those of enum run_column */
	const char *const *names;
	size_t nnames;
};

size_t run_log_columns(const struct run_log *l);
/* Appends a row; columns that do not apply are NaN. */
int run_log_add(struct run_log *l, const double *row, struct err *e);
void run_log_free(struct run_log *l);

/* Writes the whole log to `path`, atomically; `own` is the head whose provenance it shares.
 * Exits through cli_fail on error. */
void run_log_write(const struct run_log *l, const char *path, const struct ten_head *own);

#endif
