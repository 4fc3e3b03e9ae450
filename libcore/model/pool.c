#include "model/pool.h"

#include <string.h>

#include "base/par.h"
#include "base/simd.h"

KERNEL static void
mean_row(real *restrict y, const real *restrict h, size_t n, size_t c)
{
	memset(y, 0, c * sizeof *y);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < c; j++)
			y[j] += h[i * c + j];
	for (size_t j = 0; j < c; j++)
		y[j] /= (real)n;
}

KERNEL static void
mean_row_backward(real *restrict dh, const real *restrict dy, size_t n, size_t c)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < c; j++)
			dh[i * c + j] = dy[j] / (real)n;
}

void
pool_forward(enum pool how, real *y, const real *h, const size_t *ends, size_t rows, size_t c)
{
#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < rows; i++) {
		size_t from = i ? ends[i - 1] : 0, n = ends[i] - from;
		if (how == POOL_MEAN)
			mean_row(y + i * c, h + from * c, n, c);
		else
			memcpy(y + i * c, h + (how == POOL_FIRST ? from : ends[i] - 1) * c, c * sizeof *y);
	}
}

void
pool_backward(enum pool how, real *dh, const real *dy, const size_t *ends, size_t rows, size_t c)
{
#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < rows; i++) {
		size_t from = i ? ends[i - 1] : 0, n = ends[i] - from;
		if (how == POOL_MEAN) {
			mean_row_backward(dh + from * c, dy + i * c, n, c);
			continue;
		}
		memset(dh + from * c, 0, n * c * sizeof *dh);
		memcpy(dh + (how == POOL_FIRST ? from : ends[i] - 1) * c, dy + i * c, c * sizeof *dh);
	}
}
