#include "model/value_head.h"

enum { COLUMNS = 128 }; /* of the weight's gradient that one thread sums */

static size_t
row(const size_t *at, size_t i)
{
	return at ? at[i] : i;
}

void
value_head_forward(real *restrict y, const real *restrict h, const size_t *at, size_t n, const real *w,
    const struct params *table, size_t width)
{
	const real *weight = w + param_offset(table, SLOT_VALUE, 0), *bias = w + param_offset(table, SLOT_VALUE_B, 0);
#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < n; i++) {
		const real *x = h + row(at, i) * width;
		double sum = (double)*bias;
		for (size_t j = 0; j < width; j++)
			sum += (double)x[j] * (double)weight[j];
		y[i] = (real)sum;
	}
}

static void
add_hidden(real *restrict dh, const real *dy, const size_t *at, size_t n, const real *restrict weight, size_t width)
{
#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < n; i++) {
		real *d = dh + row(at, i) * width;
		for (size_t j = 0; j < width; j++)
			d[j] += dy[i] * weight[j];
	}
}

static void
add_weight(real *restrict g, const real *dy, const real *restrict h, const size_t *at, size_t n, size_t width)
{
#pragma omp parallel for schedule(static)
	for (size_t from = 0; from < width; from += COLUMNS) {
		size_t m = width - from < COLUMNS ? width - from : COLUMNS;
		double sum[COLUMNS] = {0};
		for (size_t i = 0; i < n; i++) {
			const real *x = h + row(at, i) * width + from;
			for (size_t j = 0; j < m; j++)
				sum[j] += (double)dy[i] * (double)x[j];
		}
		for (size_t j = 0; j < m; j++)
			g[from + j] += (real)sum[j];
	}
}

void
value_head_backward(real *restrict dh, real *restrict g, const real *dy, const real *restrict h, const size_t *at,
    size_t n, const real *w, const struct params *table, size_t width)
{
	size_t weight = param_offset(table, SLOT_VALUE, 0);
	double sum = 0;
	if (dh)
		add_hidden(dh, dy, at, n, w + weight, width);
	if (!g)
		return;
	for (size_t i = 0; i < n; i++)
		sum += (double)dy[i];
	g[param_offset(table, SLOT_VALUE_B, 0)] += (real)sum;
	add_weight(g + weight, dy, h, at, n, width);
}
