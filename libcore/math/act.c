#include "math/act.h"

#include "base/par.h"
#include "base/simd.h"
#include "math/colsum.h"
#include "math/vexp.h"

#include <string.h>

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

KERNEL_INLINE real
relu(real x)
{
	return x < 0 ? 0 : x; /* NaN stays */
}

KERNEL_INLINE real
relu_slope(real x)
{
	return x > 0 ? 1 : 0;
}

/* Each plain activation: f_row sets y = f(x + bias); f_slope, for n rows and w columns of c, sets
 * dx = dy f'(x), which may be x or dy element for element, and adds dx to the columns' sums s. */
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
	KERNEL static void f##_slope_rows(real *dx, real *restrict s, const real *dy, const real *x, \
	    size_t n, size_t w, size_t c)                                                          \
	{                                                                                          \
		for (size_t i = 0; i < n; i++, dx += c, dy += c, x += c)                               \
			_Pragma("omp simd") for (size_t j = 0; j < w; j++)                                 \
			{                                                                                  \
				real d = dy[j] * f##_slope(x[j]);                                              \
				dx[j] = d;                                                                     \
				s[j] += d;                                                                     \
			}                                                                                  \
	}
ROW(gelu_tanh)
ROW(gelu)
ROW(silu)
ROW(relu)
SLOPE(gelu_tanh)
SLOPE(gelu)
SLOPE(silu)
SLOPE(relu)

KERNEL static void
swiglu_row(real *restrict y, real *restrict x, const real *restrict bias, size_t c)
{
	for (size_t j = 0; bias && j < 2 * c; j++)
		x[j] += bias[j];
	for (size_t j = 0; j < c; j++)
		y[j] = silu(x[j]) * x[c + j];
}

/* s: sums of the gates' gradients, t: of the values', which stand c after their gates. */
KERNEL static void
swiglu_slope_rows(real *dx, real *restrict s, real *restrict t, const real *restrict dy,
    const real *x, size_t n, size_t w, size_t c)
{
	for (size_t i = 0; i < n; i++, dx += 2 * c, dy += c, x += 2 * c) {
#pragma omp simd
		for (size_t j = 0; j < w; j++) {
			real a = x[j], up = x[c + j], d = dy[j];
			real sig = vsigmoid(a);
			real da = d * up * (sig + a * sig * (1 - sig));
			real dup = d * a * sig;
			dx[j] = da;
			dx[c + j] = dup;
			s[j] += da;
			t[j] += dup;
		}
	}
}

static void (*const row_of[])(real *, real *, const real *, size_t) = {
    [ACT_GELU_TANH] = gelu_tanh_row,
    [ACT_GELU] = gelu_row,
    [ACT_SILU] = silu_row,
    [ACT_RELU] = relu_row,
    [ACT_SWIGLU] = swiglu_row,
};

static void (*const slope_of[])(real *, real *, const real *, const real *, size_t, size_t,
    size_t) = {
    [ACT_GELU_TANH] = gelu_tanh_slope_rows,
    [ACT_GELU] = gelu_slope_rows,
    [ACT_SILU] = silu_slope_rows,
    [ACT_RELU] = relu_slope_rows,
};

void
act_forward(enum act act, real *restrict y, real *restrict x, const real *restrict bias,
    size_t n, size_t c)
{
	size_t w = act_width(act) * c;
#pragma omp parallel if (n * w >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(n, 1, &lo, &hi);
		for (size_t i = lo; i < hi; i++)
			row_of[act](y + i * c, x + i * w, bias, c);
	}
}

void
act_backward(enum act act, real *dx, real *restrict db, const real *dy, const real *x, size_t n,
    size_t c)
{
	real part[2][SUM_CHUNKS][SUM_COLS];
	size_t rows = sum_rows(n), width = act_width(act) * c;
	for (size_t j = 0; j < c; j += SUM_COLS) {
		size_t w = c - j < SUM_COLS ? c - j : SUM_COLS;
#pragma omp parallel for schedule(static) if (n * c >= PAR_MIN)
		for (size_t i = 0; i < n; i += rows) {
			size_t m = n - i < rows ? n - i : rows;
			real *s = part[0][i / rows], *t = part[1][i / rows];
			real *d = dx + i * width + j;
			memset(s, 0, w * sizeof *s);
			if (act == ACT_SWIGLU) {
				memset(t, 0, w * sizeof *t);
				swiglu_slope_rows(d, s, t, dy + i * c + j, x + i * width + j, m, w, c);
			} else {
				slope_of[act](d, s, dy + i * c + j, x + i * width + j, m, w, c);
			}
		}
		if (!db)
			continue;
		sum_chunks(db + j, part[0], n, w);
		if (act == ACT_SWIGLU)
			sum_chunks(db + c + j, part[1], n, w);
	}
}
