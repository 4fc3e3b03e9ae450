#include "math/linear.h"

#include <string.h>

#include "base/par.h"
#include "base/simd.h"

/* 32 bytes suit every processor since AVX2: 4 x 3 sums and what they need fill its 16 registers,
 * and twelve independent sums hide the latency of the multiply-add. Single rows take eight
 * columns at a time. Blocks of COLUMNS share out; their weights stay in the cache while all the
 * rows pass. */
typedef real vec __attribute__((vector_size(32), aligned(sizeof(real)), may_alias));
enum { LANES = 32 / sizeof(real), ROWS = 4, COLS = 3, SINGLE = 8, COLUMNS = 48 };

KERNEL_INLINE real
sum_lanes(const vec *v)
{
	real a[LANES];
	memcpy(a, v, sizeof a);
	for (size_t w = LANES / 2; w; w /= 2)
		for (size_t i = 0; i < w; i++)
			a[i] += a[i + w];
	return a[0];
}

/* The n <= LANES numbers at p, then zeros: the odd end of a row goes the same way as the rest, so
 * that no compiler rounds it differently in one place than in another. */
KERNEL_INLINE void
load(vec *v, const real *p, size_t n)
{
	if (n == LANES) {
		*v = *(const vec *)p;
		return;
	}
	memset(v, 0, sizeof *v);
	memcpy(v, p, n * sizeof *p);
}

/* Adds LANES products (n of them at the end of a row) to each sum. */
KERNEL_INLINE void
tile_step(const size_t rows, const size_t cols, vec sum[ROWS][SINGLE], const real *x, const real *w,
    size_t in, size_t n)
{
	vec a[ROWS], b;
#pragma GCC unroll 4
	for (size_t r = 0; r < rows; r++)
		load(&a[r], x + r * in, n);
#pragma GCC unroll 8
	for (size_t c = 0; c < cols; c++) {
		load(&b, w + c * in, n);
#pragma GCC unroll 4
		for (size_t r = 0; r < rows; r++)
			sum[r][c] += a[r] * b;
	}
}

/* y (rows,cols), stride ldy, from rows of x and of w. rows and cols are constants where this is
 * called, so the sums live in registers. */
KERNEL_INLINE void
tile(const size_t rows, const size_t cols, real *restrict y, size_t ldy, const real *x, const real *w,
    size_t in)
{
	vec sum[ROWS][SINGLE] = {{{0}}};
	size_t i = 0;
	for (; i + LANES <= in; i += LANES)
		tile_step(rows, cols, sum, x + i, w + i, in, LANES);
	if (i < in)
		tile_step(rows, cols, sum, x + i, w + i, in, in - i);
#pragma GCC unroll 4
	for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 8
		for (size_t c = 0; c < cols; c++)
			y[r * ldy + c] = sum_lanes(&sum[r][c]);
}

/* Columns [lo, hi) of y. */
KERNEL static void
columns(real *restrict y, const real *x, const real *w, size_t n, size_t in, size_t out, size_t lo,
    size_t hi)
{
	size_t i = 0;
	for (; i + ROWS <= n; i += ROWS) {
		size_t j = lo;
		for (; j + COLS <= hi; j += COLS)
			tile(ROWS, COLS, y + i * out + j, out, x + i * in, w + j * in, in);
		for (; j < hi; j++)
			tile(ROWS, 1, y + i * out + j, out, x + i * in, w + j * in, in);
	}
	for (; i < n; i++) {
		size_t j = lo;
		for (; j + SINGLE <= hi; j += SINGLE)
			tile(1, SINGLE, y + i * out + j, out, x + i * in, w + j * in, in);
		for (; j < hi; j++)
			tile(1, 1, y + i * out + j, out, x + i * in, w + j * in, in);
	}
}

void
linear_rows(real *restrict y, const real *x, const real *w, size_t n, size_t in, size_t out)
{
	size_t blocks = (out + COLUMNS - 1) / COLUMNS;
#pragma omp parallel for schedule(dynamic) if (n * in * out >= PAR_MIN)
	for (size_t b = 0; b < blocks; b++) {
		size_t lo = b * COLUMNS, hi = lo + COLUMNS < out ? lo + COLUMNS : out;
		columns(y, x, w, n, in, out, lo, hi);
	}
}
