#include "math/act.h"

#include "base/par.h"
#include "base/simd.h"
#include "math/vexp.h"

#define TILE 64  /* rows of a partial sum */
#define COLS 1024 /* columns whose sums stand on the stack */

#define GELU_A ((real)1.5957691216057307118) /* 2 sqrt(2/pi) */
#define GELU_B ((real)0.044715)
#define INV_SQRT_2PI ((real)0.39894228040143267794)

/* (1 + tanh u) / 2 = sigmoid(2u): no cancellation where tanh nears -1. */
KERNEL_INLINE real
gelu_tanh(real x)
{
	return x * vsigmoid(GELU_A * (x + GELU_B * x * x * x));
}

KERNEL_INLINE real
gelu_tanh_slope(real x)
{
	real s = vsigmoid(GELU_A * (x + GELU_B * x * x * x));
	return s + x * s * (1 - s) * GELU_A * (1 + 3 * GELU_B * x * x);
}

KERNEL_INLINE real
gelu(real x)
{
	real e;
	return x * vphi(x, &e);
}

KERNEL_INLINE real
gelu_slope(real x)
{
	real e, phi = vphi(x, &e);
	return phi + x * e * INV_SQRT_2PI;
}

KERNEL_INLINE real
silu(real x)
{
	return x * vsigmoid(x);
}

KERNEL_INLINE real
silu_slope(real x)
{
	real s = vsigmoid(x);
	return s + x * s * (1 - s);
}

/* One row of each plain activation: ROW(name) sets y = f(x + bias), SLOPE(name) dx = dy f'(x)
 * and adds dx to the columns' sums s. dx may be x or dy, element for element. */
#define ROW(f)                                                                                 \
	KERNEL static void f##_row(real *restrict y, real *restrict x, const real *restrict bias,  \
	    size_t c)                                                                              \
	{                                                                                          \
		if (bias)                                                                              \
			for (size_t j = 0; j < c; j++) {                                                   \
				real a = x[j] + bias[j];                                                       \
				x[j] = a;                                                                      \
				y[j] = f(a);                                                                   \
			}                                                                                  \
		else                                                                                   \
			for (size_t j = 0; j < c; j++)                                                     \
				y[j] = f(x[j]);                                                                \
	}
#define SLOPE(f)                                                                               \
	KERNEL static void f##_slope_row(real *dx, real *restrict s, const real *dy, const real *x, \
	    size_t c)                                                                              \
	{                                                                                          \
		_Pragma("omp simd") for (size_t j = 0; j < c; j++)                                     \
		{                                                                                      \
			real d = dy[j] * f##_slope(x[j]);                                                  \
			dx[j] = d;                                                                         \
			s[j] += d;                                                                         \
		}                                                                                      \
	}
ROW(gelu_tanh)
ROW(gelu)
ROW(silu)
SLOPE(gelu_tanh)
SLOPE(gelu)
SLOPE(silu)

KERNEL static void
swiglu_row(real *restrict y, real *restrict x, const real *restrict bias, size_t c)
{
	for (size_t j = 0; bias && j < 2 * c; j++)
		x[j] += bias[j];
	for (size_t j = 0; j < c; j++)
		y[j] = silu(x[j]) * x[c + j];
}

/* w columns from column j on; the values stand c after their gates. s: sums of the gates'
 * gradients, then, COLS on, of the values'. */
KERNEL static void
swiglu_slope_row(real *dx, real *restrict s, const real *restrict dy, const real *x, size_t w,
    size_t c)
{
#pragma omp simd
	for (size_t j = 0; j < w; j++) {
		real a = x[j], up = x[c + j], d = dy[j];
		real sig = vsigmoid(a);
		real da = d * up * (sig + a * sig * (1 - sig));
		real db = d * a * sig;
		dx[j] = da;
		dx[c + j] = db;
		s[j] += da;
		s[COLS + j] += db;
	}
}

static void (*const row_of[])(real *, real *, const real *, size_t) = {
    [ACT_GELU_TANH] = gelu_tanh_row,
    [ACT_GELU] = gelu_row,
    [ACT_SILU] = silu_row,
    [ACT_SWIGLU] = swiglu_row,
};

static void (*const slope_row_of[])(real *, real *, const real *, const real *, size_t) = {
    [ACT_GELU_TANH] = gelu_tanh_slope_row,
    [ACT_GELU] = gelu_slope_row,
    [ACT_SILU] = silu_slope_row,
};

void
act_forward(enum act act, real *restrict y, real *restrict x, const real *restrict bias,
    size_t n, size_t c)
{
	size_t w = act_width(act) * c;
#pragma omp parallel if (n * w >= PAR_MIN / 4)
	{
		size_t lo, hi;
		par_share(n, 1, &lo, &hi);
		for (size_t i = lo; i < hi; i++)
			row_of[act](y + i * c, x + i * w, bias, c);
	}
}

/* Columns [j, j + m) of all rows; m <= COLS. */
static void
backward_cols(enum act act, real *dx, real *restrict db, const real *dy, const real *x, size_t n,
    size_t c, size_t j, size_t m)
{
	size_t w = act_width(act) * c;
	for (size_t i = 0; i < n; i += TILE) {
		real s[2 * COLS] = {0};
		for (size_t k = i; k < n && k < i + TILE; k++)
			if (act == ACT_SWIGLU)
				swiglu_slope_row(dx + k * w + j, s, dy + k * c + j, x + k * w + j, m, c);
			else
				slope_row_of[act](dx + k * w + j, s, dy + k * c + j, x + k * w + j, m);
		for (size_t k = 0; db && k < m; k++) {
			db[j + k] += s[k];
			if (act == ACT_SWIGLU)
				db[c + j + k] += s[COLS + k];
		}
	}
}

void
act_backward(enum act act, real *dx, real *restrict db, const real *dy, const real *x, size_t n,
    size_t c)
{
#pragma omp parallel if (n * c >= PAR_MIN / 4)
	{
		size_t lo, hi;
		par_share(c, 64, &lo, &hi);
		for (size_t j = lo; j < hi; j += COLS)
			backward_cols(act, dx, db, dy, x, n, c, j, hi - j < COLS ? hi - j : COLS);
	}
}
