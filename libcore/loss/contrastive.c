#include "loss/contrastive.h"

#include <math.h>
#include <string.h>

#include "math/gemm.h"
#include "math/softmax.h"
#include "math/unit.h"

enum { BLOCK = 256 }; /* rows of similarities that exist at one time */

static void
carve(struct contrastive *c, struct arena *a)
{
	size_t dim = c->dim, rows = c->max_rows, columns = rows > c->max_queue + 1 ? rows : c->max_queue + 1;
	c->unit = arena_carve(a, rows * dim, sizeof(real));
	c->dunit = arena_carve(a, rows * dim, sizeof(real));
	c->other = arena_carve(a, rows * dim, sizeof(real));
	c->inv = arena_carve(a, rows, sizeof(real));
	c->other_inv = arena_carve(a, rows, sizeof(real));
	c->sim = arena_carve(a, BLOCK * columns, sizeof(real));
	c->logp = arena_carve(a, BLOCK, sizeof(real));
	c->lse = arena_carve(a, BLOCK, sizeof(real));
	c->dlogp = arena_carve(a, BLOCK, sizeof(real));
	c->targets = arena_carve(a, BLOCK, sizeof *c->targets);
}

size_t
contrastive_memory(size_t dim, size_t max_rows, size_t max_queue)
{
	struct contrastive c = {.dim = dim, .max_rows = max_rows, .max_queue = max_queue};
	struct arena a = {0};
	carve(&c, &a);
	return a.overflow ? SIZE_MAX : a.used;
}

int
contrastive_open(struct contrastive *c, size_t dim, size_t max_rows, size_t max_queue, struct err *e)
{
	*c = (struct contrastive){.dim = dim, .max_rows = max_rows, .max_queue = max_queue};
	carve(c, &c->arena);
	if (arena_commit(&c->arena, "similarities", e))
		return -1;
	carve(c, &c->arena);
	return 0;
}

void
contrastive_close(struct contrastive *c)
{
	arena_close(&c->arena);
	memset(c, 0, sizeof *c);
}

/* The block's similarities (m, columns) become their gradient for a mean over n rows; returns the sum
 * of the losses. */
static double
block_loss(struct contrastive *c, size_t m, size_t columns, size_t n, double temperature)
{
	double sum = 0;
	xent_forward(c->logp, c->lse, NULL, NULL, c->sim, c->targets, m, columns, columns);
	for (size_t i = 0; i < m; i++) {
		sum -= (double)c->logp[i];
		c->dlogp[i] = (real)(-1 / ((double)n * temperature));
	}
	xent_backward(c->sim, c->lse, NULL, c->targets, c->dlogp, NULL, m, columns, columns);
	return sum;
}

double
contrastive_ntxent(struct contrastive *c, real *dz, const real *z, const uint64_t *key, size_t n,
    double temperature)
{
	size_t d = c->dim;
	double sum = 0;
	unit_forward(c->unit, c->inv, z, n, d);
	memset(c->dunit, 0, n * d * sizeof *c->dunit);
	for (size_t from = 0; from < n; from += BLOCK) {
		size_t m = n - from < BLOCK ? n - from : BLOCK;
		const real *rows = c->unit + from * d;
		gemm(false, true, m, n, d, rows, d, c->unit, d, false, c->sim, n);
#pragma omp parallel for schedule(static)
		for (size_t i = 0; i < m; i++) {
			size_t at = from + i, partner = at ^ 1;
			c->targets[i] = (int32_t)partner;
			for (size_t j = 0; j < n; j++)
				c->sim[i * n + j] = j == at || (key[j] == key[at] && j != partner) ? -(real)INFINITY
				    : c->sim[i * n + j] / (real)temperature;
		}
		sum += block_loss(c, m, n, n, temperature);
		gemm(false, false, m, d, n, c->sim, n, c->unit, d, true, c->dunit + from * d, d);
		gemm(true, false, n, d, m, c->sim, n, rows, d, true, c->dunit, d);
	}
	if (dz)
		unit_backward(dz, c->dunit, c->unit, c->inv, n, d);
	return sum / (double)n;
}

double
contrastive_queue(struct contrastive *c, real *dq, const real *query, const real *positive,
    const uint64_t *key, size_t n, const real *queue, const uint64_t *queue_key, size_t m,
    double temperature)
{
	size_t d = c->dim, columns = m + 1;
	double sum = 0;
	unit_forward(c->unit, c->inv, query, n, d);
	unit_forward(c->other, c->other_inv, positive, n, d);
	for (size_t from = 0; from < n; from += BLOCK) {
		size_t rows = n - from < BLOCK ? n - from : BLOCK;
		const real *q = c->unit + from * d, *k = c->other + from * d;
		gemm(false, true, rows, m, d, q, d, queue, d, false, c->sim + 1, columns);
#pragma omp parallel for schedule(static)
		for (size_t i = 0; i < rows; i++) {
			real *s = c->sim + i * columns;
			gemm_tile(false, true, 1, 1, d, 1, q + i * d, d, k + i * d, d, false, s, columns);
			for (size_t j = 0; j <= m; j++)
				s[j] = j && queue_key[j - 1] == key[from + i] ? -(real)INFINITY : s[j] / (real)temperature;
			c->targets[i] = 0;
		}
		sum += block_loss(c, rows, columns, n, temperature);
		gemm(false, false, rows, d, m, c->sim + 1, columns, queue, d, false, c->dunit + from * d, d);
		for (size_t i = 0; i < rows; i++)
			for (size_t j = 0; j < d; j++)
				c->dunit[(from + i) * d + j] += c->sim[i * columns] * k[i * d + j];
	}
	if (dq)
		unit_backward(dq, c->dunit, c->unit, c->inv, n, d);
	return sum / (double)n;
}
