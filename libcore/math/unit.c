#include "math/unit.h"

#include <math.h>

#include "base/par.h"
#include "base/simd.h"

KERNEL static real
dot(const real *a, const real *b, size_t c)
{
	real sum = 0;
#pragma omp simd reduction(+ : sum)
	for (size_t j = 0; j < c; j++)
		sum += a[j] * b[j];
	return sum;
}

void
unit_forward(real *y, real *restrict inv, const real *x, size_t n, size_t c)
{
#pragma omp parallel for schedule(static) if (n * c >= PAR_MIN)
	for (size_t i = 0; i < n; i++) {
		double length = sqrt((double)dot(x + i * c, x + i * c, c));
		inv[i] = (real)(1 / (length > 1e-12 || isnan(length) ? length : 1e-12));
		for (size_t j = 0; j < c; j++)
			y[i * c + j] = x[i * c + j] * inv[i];
	}
}

void
unit_backward(real *dx, const real *dy, const real *y, const real *inv, size_t n, size_t c)
{
#pragma omp parallel for schedule(static) if (n * c >= PAR_MIN)
	for (size_t i = 0; i < n; i++) {
		real d = dot(dy + i * c, y + i * c, c);
		for (size_t j = 0; j < c; j++)
			dx[i * c + j] = (dy[i * c + j] - y[i * c + j] * d) * inv[i];
	}
}
