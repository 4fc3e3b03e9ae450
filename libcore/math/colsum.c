#include "math/colsum.h"

#include "base/simd.h"

KERNEL void
sum_chunks(real *restrict out, real (*restrict part)[SUM_COLS], size_t n, size_t w)
{
	for (size_t i = sum_rows(n), k = 1; i < n; i += sum_rows(n), k++)
		for (size_t j = 0; j < w; j++)
			part[0][j] += part[k][j];
	for (size_t j = 0; n > 0 && j < w; j++)
		out[j] += part[0][j];
}
