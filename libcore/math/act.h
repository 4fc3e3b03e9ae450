/* act.h - activations with the bias of the matrix product before them. Arrays row-major.
 *
 * y, dy (n, c); x, dx (n, w), bias, db (w), where w = act_width(act) * c: 2c for the gated
 * units, whose row is c gates, then c values that they gate; c for the others.
 * Never fails, never allocates; the same bits for any number of threads. */
#ifndef TENON_MATH_ACT_H
#define TENON_MATH_ACT_H

#include "base/mem.h"

enum act {
	ACT_GELU_TANH, /* x sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)): GPT-2's (Hendrycks & Gimpel 2016) */
	ACT_GELU,      /* x Phi(x), the same paper, exact */
	ACT_SILU,      /* x sigmoid(x) */
	ACT_SWIGLU,    /* silu(gate) * value (Shazeer 2020), LLaMA's */
	ACT_RELU       /* max(x, 0) */
};

/* Columns of x for one column of y: 1 or 2. */
static inline size_t
act_width(enum act act)
{
	return act == ACT_SWIGLU ? 2 : 1;
}

/* x += bias in place, which is what backward needs; y = act(x). bias may be NULL. y does not
 * overlap x. */
void act_forward(enum act act, real *restrict y, real *restrict x, const real *restrict bias,
    size_t n, size_t c);

/* dx = dy act'(x); db += column sums of dx, unless NULL. x as forward left it. dx may be x
 * itself and, where act_width is 1, dy itself; otherwise no overlap. */
void act_backward(enum act act, real *dx, real *restrict db, const real *dy, const real *x,
    size_t n, size_t c);

#endif
