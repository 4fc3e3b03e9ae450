/* attention.h - scaled dot-product attention, causal or in both directions, (Vaswani et al. 2017,
 * section 3.2.1) with grouped key-value heads (Ainslie et al. 2023), over runs of tokens that see only each other.
 *
 * Scores exist for one block of queries of one head at a time; backward recomputes them from
 * the saved log-sum-exp of each row (Dao et al. 2022, section 3). */
#ifndef TENON_MATH_ATTENTION_H
#define TENON_MATH_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

/* A run of n queries at rows [row, row + n) of a batch. Its keys and values are past + n rows
 * from row `key` on of the key and value arrays; query i sees the first past + i + 1 of them, or all of
 * them in both directions. */
struct span {
	size_t row, n, past, key;
};

struct attn {
	size_t heads, kv_heads, head_dim; /* query heads [g*heads/kv_heads, ...) share key head g */
	bool both;                        /* directions */
};

/* Elements of scratch that forward and backward need for spans of at most max_keys keys on
 * `threads` threads. */
size_t attention_scratch(size_t max_keys, size_t threads);

/* q: row i of head h at q + i*ldq + h*head_dim; k, v likewise with ldk and key heads.
 * Sets o (n, heads*head_dim) and lse (n, heads), which may be NULL. */
void attention_forward(real *restrict o, real *restrict lse, const real *q, size_t ldq,
    const real *k, const real *v, size_t ldk, const struct span *spans, size_t nspans,
    const struct attn *a, real *scratch, size_t max_keys);

/* For spans with past = 0 and key = row. Sets dq, dk, dv (rows as q, k, v; same strides) from
 * d_o (n, heads*head_dim), o and lse of the forward pass. */
void attention_backward(real *restrict dq, real *restrict dk, real *restrict dv, const real *d_o,
    const real *o, const real *lse, const real *q, size_t ldq, const real *k, const real *v,
    size_t ldk, const struct span *spans, size_t nspans, const struct attn *a, real *scratch,
    size_t max_keys);

#endif
