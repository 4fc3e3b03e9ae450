/* linear.h - a linear layer whose rows do not know of each other, for inference.
 *
 * Every element of y is one dot product, summed in one order that depends on `in` and the kind of
 * processor alone: a row's bits depend neither on how many rows there are (gemm.h does not promise that)
 * nor on the number of threads. One or two rows cost one pass over the weights at the speed of memory;
 * many run at the speed of gemm.h and, where there is AVX-512, faster. */
#ifndef TENON_MATH_LINEAR_H
#define TENON_MATH_LINEAR_H

#include <stddef.h>

#include "base/mem.h"

/* y (n,out) = x (n,in) w^T, w (out,in); all row-major without gaps, y apart from x and w, in > 0. Never
 * allocates. */
void linear_rows(real *restrict y, const real *x, const real *w, size_t n, size_t in, size_t out);

#endif
