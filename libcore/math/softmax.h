/* softmax.h - log-probabilities and entropy of rows of logits, and their gradient.
 *
 * Sums accumulate in double over blocks. A NaN in a row makes its results NaN. Never fail,
 * never allocate; the same bits for any number of threads. */
#ifndef TENON_MATH_SOFTMAX_H
#define TENON_MATH_SOFTMAX_H

#include <stdint.h>

#include "base/mem.h"

/* Largest of n > 0 elements, NaN ignored (-infinity when nothing else is there). */
real row_max(const real *x, size_t n);

/* x = exp(scale * x - max) in place; returns the sum. */
double row_exp_sum(real *x, size_t n, real scale, real max);

/* For each row i of z (n rows of v logits, ld >= v apart) with target y[i]:
 *   lse[i] = log sum_j exp z_ij, logp[i] = z_iy - lse[i], both in nats;
 *   entropy[i] = -sum_j p_ij log p_ij, unless NULL;
 *   best[i] = the first j of the largest logit, unless NULL.
 * A negative target means none: logp[i] = 0. */
void xent_forward(real *restrict logp, real *restrict lse, real *restrict entropy,
    int32_t *restrict best, const real *restrict z, const int32_t *restrict y, size_t n,
    size_t v, size_t ld);

/* Overwrites the logits with the gradient: z_ij = dlogp_i (1[j = y_i] - p_ij)
 *   - dent_i p_ij (log p_ij + entropy_i). A row without target takes dlogp_i = 0. dent and with
 * it entropy may be NULL. lse and entropy as xent_forward set them. */
void xent_backward(real *restrict z, const real *restrict lse, const real *restrict entropy,
    const int32_t *restrict y, const real *restrict dlogp, const real *restrict dent, size_t n,
    size_t v, size_t ld);

#endif
