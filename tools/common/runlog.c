#include "common/runlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"

/* Names of the columns that every log has: step is UINT64, the others FLOAT64. */
static const char *const names[RUN_EVAL_SCORE] = {"step", "loss", "grad_norm", "lr", "tokens",
    "tokens_per_s", "gemm_share", "eval_loss"};

int
run_log_add(struct run_log *l, const double row[RUN_COLUMNS], struct err *e)
{
	if (mem_grow(&l->rows, &l->cap, l->n + 1, sizeof *l->rows, "log", e))
		return -1;
	memcpy(l->rows[l->n++], row, sizeof *l->rows);
	return 0;
}

void
run_log_free(struct run_log *l)
{
	free(l->rows);
	memset(l, 0, sizeof *l);
}

/* The columns of the file in order, and their names; returns how many. */
static size_t
columns_of(const struct run_log *l, int which[RUN_COLUMNS], const char *called[RUN_COLUMNS], char score[80])
{
	size_t n = 0;
	for (int c = 0; c < RUN_EVAL_SCORE; c++) {
		which[n] = c;
		called[n++] = names[c];
		for (int i = 0; c == RUN_LOSS && l->own && l->own[i]; i++) {
			which[n] = RUN_OWN + i;
			called[n++] = l->own[i];
		}
	}
	if (l->score) {
		snprintf(score, 80, "eval_%s", l->score);
		which[n] = RUN_EVAL_SCORE;
		called[n++] = score;
	}
	return n;
}

void
run_log_write(const struct run_log *l, const char *path, const struct ten_head *own)
{
	struct err e;
	struct ten_head h = {.kind = "metrics"};
	struct cli_out out;
	int which[RUN_COLUMNS];
	const char *called[RUN_COLUMNS];
	char score[80];
	size_t n = columns_of(l, which, called, score);
	for (size_t i = 0; i < n; i++)
		if (ten_head_add(&h, called[i], which[i] == RUN_STEP ? TEN_UINT : TEN_FLOAT, 64, 0, NULL, &e))
			cli_fail(&e);
	if (ten_head_merge_prov(&h, own, &e))
		cli_fail(&e);
	cli_open_raw(&out, path, &h, NULL);
	for (size_t i = 0; i < l->n; i++) {
		uint64_t step = (uint64_t)l->rows[i][RUN_STEP];
		struct ten_value v[RUN_COLUMNS];
		for (size_t c = 0; c < n; c++)
			v[c] = ten_vector(which[c] == RUN_STEP ? (const void *)&step : &l->rows[i][which[c]], 1);
		cli_write(&out, v);
	}
	cli_close_out(&out);
	ten_head_free(&h);
}
