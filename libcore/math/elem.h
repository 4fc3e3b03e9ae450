/* elem.h - element-wise pieces of a transformer. Arrays row-major. Never fail, never allocate;
 * the same bits for any number of threads. */
#ifndef TENON_MATH_ELEM_H
#define TENON_MATH_ELEM_H

#include <stdint.h>

#include "base/mem.h"

/* x += b in every row. x (n, c), b (c). */
void bias_add(real *restrict x, const real *restrict b, size_t n, size_t c);

/* y = x + a + bias; all (n, c), bias (c) or NULL. y may be x or a. */
void residual_add(real *y, const real *x, const real *a, const real *restrict bias, size_t n,
    size_t c);

/* db += column sums of dy: the backward of a bias. dy (n, c), db (c). */
void column_sum_add(real *restrict db, const real *restrict dy, size_t n, size_t c);

/* y[i] = wte[ids[i]] + wpe[pos[i]]. y (n, c); ids, pos (n); wte, wpe tables with rows of c.
 * wpe may be NULL (then pos is not read). The caller has checked ids and pos. */
void embedding_forward(real *restrict y, const int32_t *ids, const int32_t *pos,
    const real *restrict wte, const real *restrict wpe, size_t n, size_t c);

/* dwte[ids[i]] += dy[i], dwpe[pos[i]] += dy[i], in the order of i. Either may be NULL. */
void embedding_backward(real *restrict dwte, real *restrict dwpe, const real *restrict dy,
    const int32_t *ids, const int32_t *pos, size_t n, size_t c);

/* y[i] += table[ids[i]], for a further table. */
void embedding_add(real *restrict y, const int32_t *ids, const real *restrict table, size_t n, size_t c);

/* How a model that was trained on `original` positions goes further. Linear: all positions are divided by
 * `factor` (Chen et al. 2023). LLaMA 3 (Grattafiori et al. 2024): waves that fit into the original context fewer
 * than `low` times are stretched by `factor`, those that fit in more than `high` times are left as they
 * are, and those between are mixed. */
enum rope_kind { ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3, ROPE_KINDS };
struct rope_scaling {
	enum rope_kind kind;
	double factor, low, high;
	size_t original;
};

/* Rotary positions (Su et al. 2021) in the layout of LLaMA on Hugging Face: within a head of
 * hd (even) numbers, i and i + hd/2 turn together by pos * theta^(-2i/hd).
 * rope_table sets cos and sin (max, hd/2), with frequencies that `s` stretches (NULL: does not). rope_forward turns in place the heads at
 * x[i * stride + h * hd], i < n, h < heads, by the angle of pos[i] (checked: 0 <= pos < max);
 * rope_backward turns gradients back. */
void rope_table(real *restrict cos_table, real *restrict sin_table, size_t max, size_t hd,
    double theta, const struct rope_scaling *s);
/* The angle that pair i of a head turns by from one position to the next. */
double rope_frequency(size_t i, size_t hd, double theta, const struct rope_scaling *s);
void rope_forward(real *restrict x, const int32_t *pos, const real *restrict cos_table,
    const real *restrict sin_table, size_t n, size_t heads, size_t hd, size_t stride);
void rope_backward(real *restrict dx, const int32_t *pos, const real *restrict cos_table,
    const real *restrict sin_table, size_t n, size_t heads, size_t hd, size_t stride);

#endif
