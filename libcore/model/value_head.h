/* value_head.h - hidden states to one number a token, and the gradient back: the value of reinforcement learning, or
 * a reward that is read at some tokens. One linear layer, tensors value.weight (1, width) and value.bias (1). */
#ifndef TENON_MODEL_VALUE_HEAD_H
#define TENON_MODEL_VALUE_HEAD_H

#include <stddef.h>

#include "base/mem.h"
#include "model/params.h"

/* y[i] = h[at[i]] . weight + bias, i < n. h (tokens, width); at (n): rows of h, or NULL for the first n. The table is
 * of a model whose configuration has `value`. Sums in double; a value's bits depend on its row alone. */
void value_head_forward(real *restrict y, const real *restrict h, const size_t *at, size_t n, const real *w,
    const struct params *table, size_t width);

/* From dy (n): adds to the rows at[i] of dh (the places differ), which another head may have set, and to the
 * gradients g. NULL: dh or g is not wanted. The same bits for any number of threads. */
void value_head_backward(real *restrict dh, real *restrict g, const real *dy, const real *restrict h, const size_t *at,
    size_t n, const real *w, const struct params *table, size_t width);

#endif
