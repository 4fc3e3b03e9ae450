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
#include "train/trainer.h"

enum run_column { RUN_STEP, RUN_LOSS, RUN_GRAD_NORM, RUN_LR, RUN_TOKENS, RUN_TOKENS_PER_S,
	RUN_GEMM_SHARE, RUN_EVAL_LOSS, RUN_EVAL_SCORE, RUN_OWN, /* the objective's own begin here */
	RUN_COLUMNS = RUN_OWN + STEP_COLUMNS };

struct run_log {
	double (*rows)[RUN_COLUMNS];
	size_t n, cap;
	const char *score; /* what RUN_EVAL_SCORE is called, NULL: there is none */
	const char *const *own; /* names of the objective's columns, NULL-terminated; NULL: there are none. They are written
	                         * right behind the loss */
};

/* Appends a row; columns that do not apply are NaN. */
int run_log_add(struct run_log *l, const double row[RUN_COLUMNS], struct err *e);
void run_log_free(struct run_log *l);

/* Writes the whole log to `path`, atomically; `own` is the head whose provenance it shares.
 * Exits through cli_fail on error. */
void run_log_write(const struct run_log *l, const char *path, const struct ten_head *own);

#endif
