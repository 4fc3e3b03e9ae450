/* norm.h - normalisation over the columns of each row. All arrays row-major.
 *
 * x, y, dx, dy (n, c); g, b, dg, db (c); mean, rstd (n), saved by forward for backward. eps > 0
 * is added to the variance or mean square. Forward sets its outputs. Backward ADDS to dx (the
 * gradient of the residual stream, which has other consumers) and to dg and db, unless NULL. No aliasing.
 * Never fails, never allocates; the same bits for any number of threads. */
#ifndef TENON_MATH_NORM_H
#define TENON_MATH_NORM_H

#include "base/mem.h"

/* Layer normalisation (Ba, Kiros & Hinton 2016): y = (x - mean) rstd g + b. b and, with it,
 * db may be NULL: no bias. */
void layernorm_forward(real *restrict y, real *restrict mean, real *restrict rstd,
    const real *restrict x, const real *restrict g, const real *restrict b, size_t n, size_t c,
    real eps);
void layernorm_backward(real *restrict dx, real *restrict dg, real *restrict db,
    const real *restrict dy, const real *restrict x, const real *restrict mean,
    const real *restrict rstd, const real *restrict g, size_t n, size_t c);

/* RMS norm (Zhang & Sennrich 2019): y = x rstd g. */
void rmsnorm_forward(real *restrict y, real *restrict rstd, const real *restrict x,
    const real *restrict g, size_t n, size_t c, real eps);
void rmsnorm_backward(real *restrict dx, real *restrict dg, const real *restrict dy,
    const real *restrict x, const real *restrict rstd, const real *restrict g, size_t n,
    size_t c);

/* The RMS norm of each head of queries or keys (Dehghani et al. 2023, with RMS norm), in place: n rows that are ld numbers
 * apart, of which the first heads * hd are normed, hd at a time, all with g (hd). x (n, heads * hd) gets what was there, rstd
 * (n, heads). Backward: d, in such rows, is the gradient of the output on entry, of the input at the end; dg (hd). */
void headnorm_forward(real *restrict y, size_t ld, real *restrict x, real *restrict rstd,
    const real *restrict g, size_t n, size_t heads, size_t hd, real eps);
void headnorm_backward(real *restrict d, size_t ld, real *restrict dg, const real *restrict x,
    const real *restrict rstd, const real *restrict g, size_t n, size_t heads, size_t hd);

#endif
