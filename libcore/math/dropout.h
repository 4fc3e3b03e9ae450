/* dropout.h - dropout (Srivastava et al. 2014) from counter-based random numbers: the mask is
 * never stored, it is a function of (seed, step, site). */
#ifndef TENON_MATH_DROPOUT_H
#define TENON_MATH_DROPOUT_H

#include <stdint.h>

#include "base/mem.h"

/* In place: each of n elements becomes 0 with probability p (0 <= p < 1), else x / (1 - p).
 * The same call on the gradient is the backward. Element i is dropped where word i % 4 of
 * block (seed, RNG_DROPOUT, step, site << 40 | i / 4) is below p 2^32; n < 2^42, site < 2^24.
 * Same bits for any number of threads. */
void dropout(real *x, size_t n, double p, uint64_t seed, uint64_t step, uint64_t site);

#endif
