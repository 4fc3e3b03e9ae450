/* pool.h - hidden states of tokens to one vector a row, and the gradient back. */
#ifndef TENON_MODEL_POOL_H
#define TENON_MODEL_POOL_H

#include <stddef.h>

#include "base/mem.h"

enum pool { POOL_MEAN, POOL_FIRST, POOL_LAST, POOL_COUNT };

/* Row i has the tokens [begin(i), ends[i]), where begin(0) = 0 and begin(i) = ends[i - 1]: at least one.
 * h (tokens, c), y (rows, c). */
void pool_forward(enum pool how, real *y, const real *h, const size_t *ends, size_t rows, size_t c);
/* Sets dh for all tokens. */
void pool_backward(enum pool how, real *dh, const real *dy, const size_t *ends, size_t rows, size_t c);

#endif
