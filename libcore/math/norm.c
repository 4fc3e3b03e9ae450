#include "math/norm.h"

#include "base/par.h"
#include "base/simd.h"
#include "math/colsum.h"

#include <math.h>
#include <string.h>

#ifdef TENON_DOUBLE
#define rsqrt_of(x) (1 / sqrt(x))
#else
#define rsqrt_of(x) (1 / sqrtf(x))
#endif

KERNEL static void
layernorm_rows(real *restrict y, real *restrict mean, real *restrict rstd,
    const real *restrict x, const real *restrict g, const real *restrict b, size_t n, size_t c,
    real eps)
{
	for (size_t i = 0; i < n; i++, x += c, y += c) {
		real s = 0, q = 0, d = 0;
#pragma omp simd reduction(+ : s)
		for (size_t j = 0; j < c; j++)
			s += x[j];
		real mu = s / (real)c;
#pragma omp simd reduction(+ : d, q)
		for (size_t j = 0; j < c; j++) {
			d += x[j] - mu;
			q += (x[j] - mu) * (x[j] - mu);
		}
		d /= (real)c; /* what rounding left out of the mean, large where the mean is */
		mu += d;
		real var = q / (real)c - d * d;
		real r = rsqrt_of((var < 0 ? 0 : var) + eps);
		if (b)
			for (size_t j = 0; j < c; j++)
				y[j] = (x[j] - mu) * r * g[j] + b[j];
		else
			for (size_t j = 0; j < c; j++)
				y[j] = (x[j] - mu) * r * g[j];
		mean[i] = mu;
		rstd[i] = r;
	}
}

void
layernorm_forward(real *restrict y, real *restrict mean, real *restrict rstd,
    const real *restrict x, const real *restrict g, const real *restrict b, size_t n, size_t c,
    real eps)
{
#pragma omp parallel if (n * c >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(n, 1, &lo, &hi);
		layernorm_rows(y + lo * c, mean + lo, rstd + lo, x + lo * c, g, b, hi - lo, c, eps);
	}
}

/* With h = dy g and xhat = (x - mean) rstd:  dx = rstd (h - avg(h) - xhat avg(h xhat)). */
KERNEL static void
layernorm_backward_rows(real *restrict dx, const real *restrict dy, const real *restrict x,
    const real *restrict mean, const real *restrict rstd, const real *restrict g, size_t n,
    size_t c)
{
	for (size_t i = 0; i < n; i++, x += c, dy += c, dx += c) {
		real mu = mean[i], r = rstd[i], s = 0, q = 0;
#pragma omp simd reduction(+ : s, q)
		for (size_t j = 0; j < c; j++) {
			real h = dy[j] * g[j];
			s += h;
			q += h * (x[j] - mu);
		}
		s /= (real)c;
		q *= r * r / (real)c;
		for (size_t j = 0; j < c; j++)
			dx[j] += r * (dy[j] * g[j] - s - (x[j] - mu) * q);
	}
}

/* sg = sums of dy xhat, sb = sums of dy, of w columns of c. */
KERNEL static void
layernorm_backward_cols(real *restrict sg, real *restrict sb, const real *restrict dy,
    const real *restrict x, const real *restrict mean, const real *restrict rstd, size_t n,
    size_t w, size_t c)
{
	memset(sg, 0, w * sizeof *sg);
	memset(sb, 0, w * sizeof *sb);
	for (size_t i = 0; i < n; i++, x += c, dy += c) {
		real mu = mean[i], r = rstd[i];
		for (size_t j = 0; j < w; j++) {
			sg[j] += dy[j] * ((x[j] - mu) * r);
			sb[j] += dy[j];
		}
	}
}

void
layernorm_backward(real *restrict dx, real *restrict dg, real *restrict db,
    const real *restrict dy, const real *restrict x, const real *restrict mean,
    const real *restrict rstd, const real *restrict g, size_t n, size_t c)
{
	real part[2][SUM_CHUNKS][SUM_COLS];
	size_t rows = sum_rows(n);
	for (size_t j = 0; j < c; j += SUM_COLS) {
		size_t w = c - j < SUM_COLS ? c - j : SUM_COLS;
#pragma omp parallel for schedule(static) if (n * c >= PAR_MIN)
		for (size_t i = 0; i < n; i += rows) {
			size_t m = n - i < rows ? n - i : rows, at = i * c;
			if (j == 0)
				layernorm_backward_rows(dx + at, dy + at, x + at, mean + i, rstd + i, g, m, c);
			layernorm_backward_cols(part[0][i / rows], part[1][i / rows], dy + at + j,
			    x + at + j, mean + i, rstd + i, m, w, c);
		}
		if (dg)
			sum_chunks(dg + j, part[0], n, w);
		if (db)
			sum_chunks(db + j, part[1], n, w);
	}
}

KERNEL static void
rmsnorm_rows(real *restrict y, real *restrict rstd, const real *restrict x,
    const real *restrict g, size_t n, size_t c, real eps)
{
	for (size_t i = 0; i < n; i++, x += c, y += c) {
		real q = 0;
#pragma omp simd reduction(+ : q)
		for (size_t j = 0; j < c; j++)
			q += x[j] * x[j];
		real r = rsqrt_of(q / (real)c + eps);
		for (size_t j = 0; j < c; j++)
			y[j] = x[j] * r * g[j];
		rstd[i] = r;
	}
}

void
rmsnorm_forward(real *restrict y, real *restrict rstd, const real *restrict x,
    const real *restrict g, size_t n, size_t c, real eps)
{
#pragma omp parallel if (n * c >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(n, 1, &lo, &hi);
		rmsnorm_rows(y + lo * c, rstd + lo, x + lo * c, g, hi - lo, c, eps);
	}
}

/* With h = dy g:  dx = rstd (h - x rstd^2 avg(h x)). */
KERNEL static void
rmsnorm_backward_rows(real *restrict dx, const real *restrict dy, const real *restrict x,
    const real *restrict rstd, const real *restrict g, size_t n, size_t c)
{
	for (size_t i = 0; i < n; i++, x += c, dy += c, dx += c) {
		real r = rstd[i], q = 0;
#pragma omp simd reduction(+ : q)
		for (size_t j = 0; j < c; j++)
			q += dy[j] * g[j] * x[j];
		q *= r * r / (real)c;
		for (size_t j = 0; j < c; j++)
			dx[j] += r * (dy[j] * g[j] - x[j] * q);
	}
}

KERNEL static void
rmsnorm_backward_cols(real *restrict sg, const real *restrict dy, const real *restrict x,
    const real *restrict rstd, size_t n, size_t w, size_t c)
{
	memset(sg, 0, w * sizeof *sg);
	for (size_t i = 0; i < n; i++, x += c, dy += c) {
		real r = rstd[i];
		for (size_t j = 0; j < w; j++)
			sg[j] += dy[j] * (x[j] * r);
	}
}

void
rmsnorm_backward(real *restrict dx, real *restrict dg, const real *restrict dy,
    const real *restrict x, const real *restrict rstd, const real *restrict g, size_t n,
    size_t c)
{
	real part[SUM_CHUNKS][SUM_COLS];
	size_t rows = sum_rows(n);
	for (size_t j = 0; j < c; j += SUM_COLS) {
		size_t w = c - j < SUM_COLS ? c - j : SUM_COLS;
#pragma omp parallel for schedule(static) if (n * c >= PAR_MIN)
		for (size_t i = 0; i < n; i += rows) {
			size_t m = n - i < rows ? n - i : rows, at = i * c;
			if (j == 0)
				rmsnorm_backward_rows(dx + at, dy + at, x + at, rstd + i, g, m, c);
			rmsnorm_backward_cols(part[i / rows], dy + at + j, x + at + j, rstd + i, m, w, c);
		}
		if (dg)
			sum_chunks(dg + j, part, n, w);
	}
}

void
headnorm_forward(real *restrict y, size_t ld, real *restrict x, real *restrict rstd,
    const real *restrict g, size_t n, size_t heads, size_t hd, real eps)
{
	size_t c = heads * hd;
#pragma omp parallel if (n * c >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(n, 1, &lo, &hi);
		for (size_t i = lo; i < hi; i++) {
			memcpy(x + i * c, y + i * ld, c * sizeof *x);
			rmsnorm_rows(y + i * ld, rstd + i * heads, x + i * c, g, heads, hd, eps);
		}
	}
}

/* rmsnorm_backward_rows for the heads of one row, dx in the place of dy. */
KERNEL static void
headnorm_backward_row(real *restrict d, const real *restrict x, const real *restrict rstd,
    const real *restrict g, size_t heads, size_t hd)
{
	for (size_t k = 0; k < heads; k++, x += hd, d += hd) {
		real r = rstd[k], q = 0;
#pragma omp simd reduction(+ : q)
		for (size_t j = 0; j < hd; j++)
			q += d[j] * g[j] * x[j];
		q *= r * r / (real)hd;
		for (size_t j = 0; j < hd; j++)
			d[j] = r * (d[j] * g[j] - x[j] * q);
	}
}

/* sg = sums of dy x rstd over n rows and their heads, of w columns of each head. */
KERNEL static void
headnorm_backward_cols(real *restrict sg, const real *restrict dy, size_t ld, const real *restrict x,
    const real *restrict rstd, size_t n, size_t w, size_t heads, size_t hd)
{
	memset(sg, 0, w * sizeof *sg);
	for (size_t i = 0; i < n; i++, dy += ld, x += heads * hd, rstd += heads)
		for (size_t k = 0; k < heads; k++)
			for (size_t j = 0; j < w; j++)
				sg[j] += dy[k * hd + j] * (x[k * hd + j] * rstd[k]);
}

/* The sums come first: what they read is overwritten. */
void
headnorm_backward(real *restrict d, size_t ld, real *restrict dg, const real *restrict x,
    const real *restrict rstd, const real *restrict g, size_t n, size_t heads, size_t hd)
{
	real part[SUM_CHUNKS][SUM_COLS];
	size_t rows = sum_rows(n), c = heads * hd;
	for (size_t j = 0; dg && j < hd; j += SUM_COLS) {
		size_t w = hd - j < SUM_COLS ? hd - j : SUM_COLS;
#pragma omp parallel for schedule(static) if (n * c >= PAR_MIN)
		for (size_t i = 0; i < n; i += rows)
			headnorm_backward_cols(part[i / rows], d + i * ld + j, ld, x + i * c + j, rstd + i * heads,
			    n - i < rows ? n - i : rows, w, heads, hd);
		sum_chunks(dg + j, part, n, w);
	}
#pragma omp parallel for schedule(static) if (n * c >= PAR_MIN)
	for (size_t i = 0; i < n; i++)
		headnorm_backward_row(d + i * ld, x + i * c, rstd + i * heads, g, heads, hd);
}
