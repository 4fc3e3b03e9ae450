#include "model/task_head.h"

#include <string.h>

#include "math/elem.h"
#include "math/gemm.h"
#include "math/linear.h"
#include "model/lm_head.h"

static void
carve(struct task_head *t, size_t n)
{
	size_t c = t->cfg->width, k = t->cfg->outputs;
	t->x = arena_carve(&t->arena, n * c, sizeof(real));
	t->dx = arena_carve(&t->arena, n * c, sizeof(real));
	t->z = arena_carve(&t->arena, n * k, sizeof(real));
	t->dz = arena_carve(&t->arena, n * k, sizeof(real));
	t->index = arena_carve(&t->arena, n, sizeof *t->index);
}

int
task_head_open(struct task_head *t, const struct config *cfg, const struct params *table, size_t max_tokens,
    struct err *e)
{
	*t = (struct task_head){.cfg = cfg, .table = table};
	if (cfg->task == TASK_NONE)
		return err_set(e, ERR_DATA, "the model has no head for a task; tgraft --head or tfinetune gives it one");
	carve(t, max_tokens);
	if (arena_commit(&t->arena, "outputs", e))
		return -1;
	carve(t, max_tokens);
	return 0;
}

void
task_head_close(struct task_head *t)
{
	arena_close(&t->arena);
	memset(t, 0, sizeof *t);
}

void
task_head_gather(struct task_head *t, const real *h, const size_t *ends, size_t rows, const int32_t *targets,
    size_t n)
{
	size_t c = t->cfg->width;
	if (t->cfg->task != TASK_TAG) {
		t->n = rows;
		pool_forward(t->cfg->pool, t->x, h, ends, rows, c);
		return;
	}
	t->n = 0;
	for (size_t i = 0; i < n; i++)
		if (targets[i] != TARGET_NONE) {
			memcpy(t->x + t->n * c, h + i * c, c * sizeof *h);
			t->index[t->n++] = i;
		}
}

void
task_head_forward(struct task_head *t, const real *w)
{
	size_t k = t->cfg->outputs;
	linear_rows(t->z, t->x, w + param_offset(t->table, SLOT_SCORE, 0), t->n, t->cfg->width, k);
	bias_add(t->z, w + param_offset(t->table, SLOT_SCORE_B, 0), t->n, k);
}

void
task_head_backward(struct task_head *t, const real *w, real *g)
{
	size_t k = t->cfg->outputs;
	linear_backward(t->dx, g + param_offset(t->table, SLOT_SCORE, 0), t->dz, t->x,
	    w + param_offset(t->table, SLOT_SCORE, 0), t->n, t->cfg->width, k);
	column_sum_add(g + param_offset(t->table, SLOT_SCORE_B, 0), t->dz, t->n, k);
}

void
task_head_scatter(struct task_head *t, real *dh, const size_t *ends, size_t rows, size_t n)
{
	size_t c = t->cfg->width;
	if (t->cfg->task != TASK_TAG) {
		pool_backward(t->cfg->pool, dh, t->dx, ends, rows, c);
		return;
	}
	memset(dh, 0, n * c * sizeof *dh);
	for (size_t i = 0; i < t->n; i++)
		memcpy(dh + t->index[i] * c, t->dx + i * c, c * sizeof *dh);
}
