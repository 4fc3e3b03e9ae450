/* unit.h - rows scaled to Euclidean length 1. Arrays row-major (n, c). */
#ifndef TENON_MATH_UNIT_H
#define TENON_MATH_UNIT_H

#include <stddef.h>

#include "base/mem.h"

/* y = x / |x|; inv (n) = 1 / |x|, saved for backward. A length below 1e-12 counts as 1e-12, as PyTorch's
 * normalize has it. y may be x. */
void unit_forward(real *y, real *restrict inv, const real *x, size_t n, size_t c);
/* dx = (dy - y (y . dy)) inv, from the y of forward. dx may be dy. */
void unit_backward(real *dx, const real *dy, const real *y, const real *inv, size_t n, size_t c);

#endif
