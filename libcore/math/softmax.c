#include "math/softmax.h"

#include "base/par.h"
#include "base/simd.h"
#include "math/vexp.h"

#include <math.h>

#define BLOCK 1024 /* terms summed in real before they join a sum in double */
#define LANES 64   /* running maxima */

/* Lanes by hand: as a reduction, clang does not vectorise a maximum that must skip NaN. */
KERNEL real
row_max(const real *x, size_t n)
{
	real lane[LANES];
	for (size_t l = 0; l < LANES; l++)
		lane[l] = -(real)INFINITY;
	size_t j = 0;
	for (; j + LANES <= n; j += LANES)
		for (size_t l = 0; l < LANES; l++)
			lane[l] = x[j + l] > lane[l] ? x[j + l] : lane[l];
	for (; j < n; j++)
		lane[0] = x[j] > lane[0] ? x[j] : lane[0];
	for (size_t l = 1; l < LANES; l++)
		lane[0] = lane[l] > lane[0] ? lane[l] : lane[0];
	return lane[0];
}

KERNEL double
row_exp_sum(real *x, size_t n, real scale, real max)
{
	double sum = 0;
	for (size_t b = 0; b < n; b += BLOCK) {
		size_t end = n - b < BLOCK ? n : b + BLOCK;
		real s = 0;
#pragma omp simd reduction(+ : s)
		for (size_t j = b; j < end; j++) {
			x[j] = vexp(scale * x[j] - max);
			s += x[j];
		}
		sum += (double)s;
	}
	return sum;
}

/* sum_j exp(z_j - max) */
KERNEL static double
exp_sum(const real *restrict z, size_t v, real max)
{
	double sum = 0;
	for (size_t b = 0; b < v; b += BLOCK) {
		size_t end = v - b < BLOCK ? v : b + BLOCK;
		real s = 0;
#pragma omp simd reduction(+ : s)
		for (size_t j = b; j < end; j++)
			s += vexp(z[j] - max);
		sum += (double)s;
	}
	return sum;
}

/* The same, and *centred = sum_j exp(z_j - max) (z_j - max). */
KERNEL static double
exp_sum_centred(const real *restrict z, size_t v, real max, double *centred)
{
	double sum = 0, cen = 0;
	for (size_t b = 0; b < v; b += BLOCK) {
		size_t end = v - b < BLOCK ? v : b + BLOCK;
		real s = 0, t = 0;
#pragma omp simd reduction(+ : s, t)
		for (size_t j = b; j < end; j++) {
			real d = z[j] - max, e = vexp(d);
			s += e;
			t += e > 0 ? e * d : e; /* 0 log 0 = 0, also where z_j is -infinity */
		}
		sum += (double)s;
		cen += (double)t;
	}
	*centred = cen;
	return sum;
}

static size_t
first_equal(const real *x, size_t n, real value)
{
	size_t j = 0;
	while (j + 1 < n && x[j] < value)
		j++;
	return j;
}

void
xent_forward(real *restrict logp, real *restrict lse, real *restrict entropy,
    int32_t *restrict best, const real *restrict z, const int32_t *restrict y, size_t n,
    size_t v, size_t ld)
{
#pragma omp parallel for schedule(static) if (n * v >= PAR_MIN)
	for (size_t i = 0; i < n; i++) {
		const real *row = z + i * ld;
		real max = row_max(row, v);
		double centred, sum;
		if (entropy) {
			sum = exp_sum_centred(row, v, max, &centred);
			entropy[i] = (real)(log(sum) - centred / sum);
		} else {
			sum = exp_sum(row, v, max);
		}
		double l = (double)max + log(sum);
		lse[i] = (real)l;
		logp[i] = y[i] < 0 ? 0 : (real)((double)row[y[i]] - l);
		if (best)
			best[i] = (int32_t)first_equal(row, v, max);
	}
}

KERNEL static void
grad_row(real *restrict z, size_t v, real lse, real dlogp)
{
	for (size_t j = 0; j < v; j++)
		z[j] = -dlogp * vexp(z[j] - lse);
}

KERNEL static void
grad_row_entropy(real *restrict z, size_t v, real lse, real dlogp, real dent, real entropy)
{
	for (size_t j = 0; j < v; j++) {
		real lp = z[j] - lse, p = vexp(lp);
		lp = p > 0 ? lp : 0;
		z[j] = p * (-dlogp - dent * (lp + entropy));
	}
}

void
xent_backward(real *restrict z, const real *restrict lse, const real *restrict entropy,
    const int32_t *restrict y, const real *restrict dlogp, const real *restrict dent, size_t n,
    size_t v, size_t ld)
{
#pragma omp parallel for schedule(static) if (n * v >= PAR_MIN)
	for (size_t i = 0; i < n; i++) {
		real d = y[i] < 0 ? 0 : dlogp[i];
		if (dent)
			grad_row_entropy(z + i * ld, v, lse[i], d, dent[i], entropy[i]);
		else
			grad_row(z + i * ld, v, lse[i], d);
		if (y[i] >= 0)
			z[i * ld + (size_t)y[i]] += d;
	}
}
