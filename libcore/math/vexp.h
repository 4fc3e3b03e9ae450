/* vexp.h - exp and its relations for the inside of kernels, written so that loops over them
 * vectorise. NaN gives NaN. Doubles (tests) use the C library.
 *
 * vexp      relative error below 1e-7 from -87.33 to 88.37; 0 below, infinity above (where
 *           floats would still be denormal, and just finite)
 * vsigmoid  1 / (1 + exp(-x)), relative error below 2e-7 from -87.33 on; 0 below -88.37
 * vphi      the normal distribution function, absolute error below 2.5e-7 */
#ifndef TENON_MATH_VEXP_H
#define TENON_MATH_VEXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/simd.h"

#ifdef TENON_DOUBLE

KERNEL_INLINE double
vexp(double x)
{
	return exp(x);
}

/* Phi(x); *e = exp(-x^2/2) comes for free. */
KERNEL_INLINE double
vphi(double x, double *e)
{
	*e = exp(-0.5 * x * x);
	return 0.5 * erfc(x * -0.70710678118654752440);
}

#else

/* exp(x) = 2^n exp(r), r = x - n ln 2 in [-ln2/2, ln2/2]; exp(r) = 1 + r + r^2 p(r), p the
 * Chebyshev interpolation of degree 4 (error 8e-9). Adding 1.5 * 2^23 rounds to an integer
 * that then stands in the low bits, from where the shift makes it an exponent. What lies
 * outside the range is computed too, and not used: a select vectorises, a branch does not. */
KERNEL_INLINE float
vexp(float x)
{
	const float magic = 12582912.0f;
	float t = x * 1.44269504f + magic;
	float n = t - magic;
	float r = x - n * 0.693145751953125f;
	r = r - n * 1.42860682e-6f;
	float p = 1.3933733216e-3f;
	p = p * r + 8.3632353846e-3f;
	p = p * r + 4.1666464167e-2f;
	p = p * r + 1.6666576644e-1f;
	p = p * r + 5.0000000135e-1f;
	p = (p * r) * r + r;
	uint32_t u;
	memcpy(&u, &t, sizeof u);
	u = (u << 23) + 0x3F800000u;
	float scale;
	memcpy(&scale, &u, sizeof scale);
	float y = p * scale + scale;
	y = x > 88.37f ? INFINITY : y;
	return x < -87.33f ? 0 : y;
}

/* Phi(x) = erfc(-x / sqrt 2) / 2, and for z > 0 erfc(z) = exp(-z^2) t q(2t - 1) with
 * t = 1 / (1 + 0.4 z); q is the Chebyshev interpolation of degree 10 (error 9e-9). */
KERNEL_INLINE float
vphi(float x, float *e)
{
	float t = 1.0f / (1.0f + 0.28284271f * fabsf(x));
	float s = 2.0f * t - 1.0f;
	float q = -2.806405171e-05f;
	q = q * s - 1.080285192e-05f;
	q = q * s + 2.637163239e-04f;
	q = q * s + 1.655699940e-04f;
	q = q * s - 1.918944466e-03f;
	q = q * s - 3.353252750e-03f;
	q = q * s + 1.134267047e-02f;
	q = q * s + 6.849979497e-02f;
	q = q * s + 1.815658105e-01f;
	q = q * s + 3.218607715e-01f;
	q = q * s + 4.216127259e-01f;
	*e = vexp(-0.5f * x * x);
	q = 0.5f * q * t * *e;
	return x > 0 ? 1.0f - q : q;
}

#endif

KERNEL_INLINE real
vsigmoid(real x)
{
	return 1 / (1 + vexp(-x));
}

#endif
