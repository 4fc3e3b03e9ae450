/* half.h - numbers of 16 bits: IEEE 754 binary16 and bfloat16. Conversions to them round to the nearest, ties to
 * even; what is too large becomes infinite; NaN stays NaN. */
#ifndef TENON_BASE_HALF_H
#define TENON_BASE_HALF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline double
half_value(uint16_t h)
{
	int exponent = h >> 10 & 31, fraction = h & 1023;
	double v = exponent == 31 ? (double)(fraction ? NAN : INFINITY)
	    : exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
	return h >> 15 ? -v : v;
}

static inline uint16_t
half_of(double x)
{
	uint16_t sign = signbit(x) ? 0x8000 : 0;
	int exponent;
	if (isnan(x))
		return sign | 0x7e00;
	x = fabs(x);
	if (!(x < 65520))
		return sign | 0x7c00;
	if (x < 0x1p-14) /* subnormal: multiples of 2^-24 */
		return sign | (uint16_t)nearbyint(ldexp(x, 24));
	frexp(x, &exponent); /* x = m 2^exponent, m in [0.5, 1): 1024 + fraction = x 2^(11 - exponent) */
	uint16_t all = (uint16_t)nearbyint(ldexp(x, 11 - exponent));
	return sign | (uint16_t)(((exponent + 13) << 10) + all); /* a carry goes to the exponent */
}

static inline float
bfloat_value(uint16_t b)
{
	uint32_t w = (uint32_t)b << 16;
	float f;
	memcpy(&f, &w, sizeof f);
	return f;
}

static inline uint16_t
bfloat_of(float x)
{
	uint32_t w;
	memcpy(&w, &x, sizeof w);
	if (isnan(x))
		return (uint16_t)(w >> 16 | 0x40);
	return (uint16_t)((w + 0x7fff + (w >> 16 & 1)) >> 16);
}

#endif
