#include "model/value_head.h"

#include <string.h>

#include "math/elem.h"
#include "math/gemm.h"
#include "math/linear.h"

static void
carve(struct value_head *v, size_t n)
{
	size_t c = v->cfg->width;
	v->x = arena_carve(&v->arena, n * c, sizeof(real));
	v->dx = arena_carve(&v->arena, n * c, sizeof(real));
	v->z = arena_carve(&v->arena, n, sizeof(real));
	v->dz = arena_carve(&v->arena, n, sizeof(real));
	v->index = arena_carve(&v->arena, n, sizeof *v->index);
}

int
value_head_open(struct value_head *v, const struct config *cfg, const struct params *table, size_t max_points,
    struct err *e)
{
	*v = (struct value_head){.cfg = cfg, .table = table};
	if (!cfg->value)
		return err_set(e, ERR_DATA, "the model has no value head; treward trains one, tgraft --head value adds one");
	carve(v, max_points);
	if (arena_commit(&v->arena, "values", e))
		return -1;
	carve(v, max_points);
	return 0;
}

void
value_head_close(struct value_head *v)
{
	arena_close(&v->arena);
	memset(v, 0, sizeof *v);
}

void
value_head_gather(struct value_head *v, const real *h)
{
	size_t c = v->cfg->width;
	for (size_t i = 0; i < v->n; i++)
		memcpy(v->x + i * c, h + v->index[i] * c, c * sizeof *h);
}

void
value_head_forward(struct value_head *v, const real *w)
{
	linear_rows(v->z, v->x, w + param_offset(v->table, SLOT_VALUE, 0), v->n, v->cfg->width, 1);
	bias_add(v->z, w + param_offset(v->table, SLOT_VALUE_B, 0), v->n, 1);
}

void
value_head_backward(struct value_head *v, const real *w, real *g)
{
	linear_backward(v->dx, g + param_offset(v->table, SLOT_VALUE, 0), v->dz, v->x,
	    w + param_offset(v->table, SLOT_VALUE, 0), v->n, v->cfg->width, 1);
	column_sum_add(g + param_offset(v->table, SLOT_VALUE_B, 0), v->dz, v->n, 1);
}

void
value_head_scatter(const struct value_head *v, real *dh, size_t n)
{
	size_t c = v->cfg->width;
	memset(dh, 0, n * c * sizeof *dh);
	for (size_t i = 0; i < v->n; i++)
		memcpy(dh + v->index[i] * c, v->dx + i * c, c * sizeof *dh);
}
