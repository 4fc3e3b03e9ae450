/* adamw.h - the optimizer's pass over a range of parameters, and the norm of gradients.
 * Neither allocates; the same bits for any number of threads. */
#ifndef TENON_TRAIN_ADAMW_H
#define TENON_TRAIN_ADAMW_H

#include <stdint.h>

#include "base/mem.h"

struct adamw {
	double beta1, beta2; /* decay of the moments, in [0, 1) */
	double eps;          /* added to the denominator, > 0 */
	double decay;        /* weight decay, >= 0; it is multiplied by lr */
};

/* AdamW (Loshchilov & Hutter 2019), as PyTorch orders it. t = 1 at the first step; gradients
 * are multiplied by gscale first (clipping, averaging). For n parameters p, moments m, v:
 *   p -= lr decay p;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
 *   p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).
 * Parameters that do not decay are given with a struct whose decay is 0. No aliasing. */
void adamw_update(real *restrict p, real *restrict m, real *restrict v, const real *restrict g,
    size_t n, const struct adamw *cfg, uint64_t t, double lr, double gscale);

/* Euclidean norm of n numbers, in double. Not finite exactly when one of them is not (floats:
 * their squares cannot overflow a double). */
double grad_norm(const real *g, size_t n);

/* Factor that brings a gradient of this norm to at most max_norm, PyTorch's definition:
 * min(1, max_norm / (norm + 1e-6)). max_norm = 0: no clipping, 1. */
double clip_scale(double norm, double max_norm);

#endif
