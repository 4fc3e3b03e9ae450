#include "math/attention.h"

#include <math.h>
#include <string.h>

#include "base/par.h"
#include "base/simd.h"
#include "math/gemm.h"
#include "math/vexp.h"

enum { BLOCK = 64 }; /* queries whose scores exist at one time */

size_t
attention_scratch(size_t max_keys, size_t threads)
{
	return threads * 2 * BLOCK * (max_keys + 16);
}

static real *
my_scratch(real *scratch, size_t max_keys)
{
	return scratch + (size_t)omp_get_thread_num() * 2 * BLOCK * (max_keys + 16);
}

/* In place: row r of s (rows, ld) holds scores of which the first `seen + r` count, or all `keys` when
 * they are fewer; they become probabilities, the others up to `keys` zero. lse with stride ldl may be NULL. */
KERNEL static void
softmax_rows(real *restrict s, size_t ld, size_t rows, size_t keys, size_t seen,
    real *restrict lse, size_t ldl)
{
	for (size_t r = 0; r < rows; r++) {
		real *restrict x = s + r * ld;
		size_t n = seen + r < keys ? seen + r : keys;
		real m = x[0], sum = 0;
#pragma omp simd reduction(max : m)
		for (size_t j = 0; j < n; j++)
			m = x[j] > m ? x[j] : m;
#pragma omp simd reduction(+ : sum)
		for (size_t j = 0; j < n; j++) {
			x[j] = vexp(x[j] - m);
			sum += x[j];
		}
		real scale = 1 / sum;
		for (size_t j = 0; j < n; j++)
			x[j] *= scale;
		for (size_t j = n; j < keys; j++)
			x[j] = 0;
		if (lse)
			lse[r * ldl] = m + (real)log((double)sum);
	}
}

/* In place: scores s become probabilities exp(s - lse), and dp (d loss / d probability) becomes
 * the gradient of the scores, p (dp - d) with d = sum_j p_j dp_j = o . d_o. */
KERNEL static void
softmax_backward_rows(real *restrict s, real *restrict dp, size_t ld, size_t rows, size_t keys,
    size_t seen, const real *restrict lse, const real *restrict d, size_t ldl, real scale)
{
	for (size_t r = 0; r < rows; r++) {
		real *restrict p = s + r * ld, *restrict g = dp + r * ld;
		size_t n = seen + r < keys ? seen + r : keys;
		real l = lse[r * ldl], dr = d[r];
		for (size_t j = 0; j < n; j++) {
			p[j] = vexp(p[j] - l);
			g[j] = scale * p[j] * (g[j] - dr);
		}
		for (size_t j = n; j < keys; j++)
			p[j] = g[j] = 0;
	}
}

KERNEL static void
row_dots(real *restrict d, const real *a, const real *b, size_t ld, size_t rows, size_t n)
{
	for (size_t r = 0; r < rows; r++) {
		real sum = 0;
#pragma omp simd reduction(+ : sum)
		for (size_t j = 0; j < n; j++)
			sum += a[r * ld + j] * b[r * ld + j];
		d[r] = sum;
	}
}

/* One head of one span. */
static void
forward_head(real *restrict o, real *restrict lse, const real *q, size_t ldq, const real *k,
    const real *v, size_t ldk, const struct span *s, const struct attn *a, real *scores)
{
	size_t hd = a->head_dim, ldo = a->heads * hd;
	real scale = (real)(1 / sqrt((double)hd));
	for (size_t i = 0; i < s->n; i += BLOCK) {
		size_t rows = s->n - i < BLOCK ? s->n - i : BLOCK;
		size_t keys = a->both ? s->past + s->n : s->past + i + rows, seen = a->both ? keys : s->past + i + 1;
		gemm_tile(false, true, rows, keys, hd, scale, q + i * ldq, ldq, k, ldk, false, scores, keys);
		softmax_rows(scores, keys, rows, keys, seen, lse ? lse + i * a->heads : NULL,
		    a->heads);
		gemm_tile(false, false, rows, hd, keys, 1, scores, keys, v, ldk, false, o + i * ldo, ldo);
	}
}

void
attention_forward(real *restrict o, real *restrict lse, const real *q, size_t ldq,
    const real *k, const real *v, size_t ldk, const struct span *spans, size_t nspans,
    const struct attn *a, real *scratch, size_t max_keys)
{
	size_t hd = a->head_dim, group = a->heads / a->kv_heads, pairs = 0;
	for (size_t i = 0; i < nspans; i++)
		pairs += spans[i].n * (spans[i].past + spans[i].n);
#pragma omp parallel for collapse(2) schedule(dynamic) if (pairs * a->heads * hd >= PAR_MIN)
	for (size_t i = 0; i < nspans; i++)
		for (size_t h = 0; h < a->heads; h++) {
			const struct span *s = &spans[i];
			size_t at = s->key * ldk + h / group * hd;
			forward_head(o + (s->row * a->heads + h) * hd, lse ? lse + s->row * a->heads + h : NULL,
			    q + s->row * ldq + h * hd, ldq, k + at, v + at, ldk, s, a,
			    my_scratch(scratch, max_keys));
		}
}

/* One head of one span; adds to dk and dv. */
static void
backward_head(real *restrict dq, real *restrict dk, real *restrict dv, const real *d_o,
    const real *o, const real *lse, const real *q, size_t ldq, const real *k, const real *v,
    size_t ldk, size_t n, const struct attn *a, real *p, real *dp)
{
	size_t hd = a->head_dim, ldo = a->heads * hd;
	real scale = (real)(1 / sqrt((double)hd)), d[BLOCK];
	for (size_t i = 0; i < n; i += BLOCK) {
		size_t rows = n - i < BLOCK ? n - i : BLOCK;
		size_t keys = a->both ? n : i + rows, seen = a->both ? keys : i + 1;
		const real *qi = q + i * ldq, *di = d_o + i * ldo;
		row_dots(d, o + i * ldo, di, ldo, rows, hd);
		gemm_tile(false, true, rows, keys, hd, scale, qi, ldq, k, ldk, false, p, keys);
		gemm_tile(false, true, rows, keys, hd, 1, di, ldo, v, ldk, false, dp, keys);
		softmax_backward_rows(p, dp, keys, rows, keys, seen, lse + i * a->heads, d, a->heads, scale);
		gemm_tile(true, false, keys, hd, rows, 1, p, keys, di, ldo, true, dv, ldk);
		gemm_tile(true, false, keys, hd, rows, 1, dp, keys, qi, ldq, true, dk, ldk);
		gemm_tile(false, false, rows, hd, keys, 1, dp, keys, k, ldk, false, dq + i * ldq, ldq);
	}
}

void
attention_backward(real *restrict dq, real *restrict dk, real *restrict dv, const real *d_o,
    const real *o, const real *lse, const real *q, size_t ldq, const real *k, const real *v,
    size_t ldk, const struct span *spans, size_t nspans, const struct attn *a, real *scratch,
    size_t max_keys)
{
	size_t hd = a->head_dim, group = a->heads / a->kv_heads;
	/* the query heads of a group add to the same dk and dv: one thread has them all */
#pragma omp parallel for collapse(2) schedule(dynamic)
	for (size_t i = 0; i < nspans; i++)
		for (size_t g = 0; g < a->kv_heads; g++) {
			const struct span *s = &spans[i];
			real *p = my_scratch(scratch, max_keys);
			size_t kv = s->row * ldk + g * hd;
			for (size_t r = 0; r < s->n; r++) {
				memset(dk + kv + r * ldk, 0, hd * sizeof *dk);
				memset(dv + kv + r * ldk, 0, hd * sizeof *dv);
			}
			for (size_t h = g * group; h < (g + 1) * group; h++) {
				size_t at = s->row * ldq + h * hd, to = (s->row * a->heads + h) * hd;
				backward_head(dq + at, dk + kv, dv + kv, d_o + to, o + to,
				    lse + s->row * a->heads + h, q + at, ldq, k + kv, v + kv, ldk, s->n, a, p,
				    p + BLOCK * (max_keys + 16));
			}
		}
}
