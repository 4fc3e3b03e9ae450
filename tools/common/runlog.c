#include "common/runlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"

/* Names of the columns but the last: step is UINT64, the others FLOAT64. */
static const char *const names[RUN_EVAL_SCORE] = {"step", "loss", "grad_norm", "lr", "tokens",
    "tokens_per_s", "gemm_share", "eval_loss"};

size_t
run_log_columns(const struct run_log *l)
{
	return l->names ? l->nnames : RUN_COLUMNS;
}

int
run_log_add(struct run_log *l, const double *row, struct err *e)
{
	size_t columns = run_log_columns(l);
	if (mem_grow(&l->rows, &l->cap, (l->n + 1) * columns, sizeof *l->rows, "log", e))
		return -1;
	memcpy(l->rows + l->n++ * columns, row, columns * sizeof *row);
	return 0;
}

void
run_log_free(struct run_log *l)
{
	free(l->rows);
	memset(l, 0, sizeof *l);
}

static int
log_head(struct ten_head *h, const struct run_log *l, const struct ten_head *own, struct err *e)
{
	char score[80];
	snprintf(h->kind, sizeof h->kind, "metrics");
	const char *const *what = l->names ? l->names : names;
	size_t n = l->names ? l->nnames : RUN_EVAL_SCORE;
	for (size_t i = 0; i < n; i++)
		if (ten_head_add(h, what[i], i == RUN_STEP ? TEN_UINT : TEN_FLOAT, 64, 0, NULL, e))
			return -1;
	snprintf(score, sizeof score, "eval_%s", l->score ? l->score : "");
	if (l->score && ten_head_add(h, score, TEN_FLOAT, 64, 0, NULL, e))
		return -1;
	return ten_head_merge_prov(h, own, e);
}

void
run_log_write(const struct run_log *l, const char *path, const struct ten_head *own)
{
	struct err e;
	struct ten_head h = {0};
	struct cli_out out;
	if (log_head(&h, l, own, &e))
		cli_fail(&e);
	size_t columns = run_log_columns(l);
	struct ten_value *v = cli_zalloc(columns, sizeof *v, "log");
	cli_open_raw(&out, path, &h, NULL);
	for (size_t i = 0; i < l->n; i++) {
		const double *row = l->rows + i * columns;
		uint64_t step = (uint64_t)row[RUN_STEP];
		for (size_t c = 0; c < columns; c++)
			v[c] = ten_vector(c == RUN_STEP ? (const void *)&step : &row[c], 1);
		cli_write(&out, v);
	}
	cli_close_out(&out);
	free(v);
	ten_head_free(&h);
}
