#include "model/block.h"

#include <string.h>

#include "math/dropout.h"
#include "math/elem.h"
#include "math/gemm.h"
#include "math/linear.h"
#include "math/norm.h"

real *
at(real *base, const struct trunk *t, enum slot slot, size_t l)
{
	size_t o = param_offset(t->table, slot, l);
	return o == SIZE_MAX || (t->skip && t->skip[l * SLOT_COUNT + slot]) ? NULL : base + o;
}

const real *
wat(const real *base, const struct trunk *t, enum slot slot, size_t l)
{
	size_t o = param_offset(t->table, slot, l);
	return o == SIZE_MAX ? NULL : base + o;
}

/* y (n,out) = x (n,in) w^T. Without training a row's bits do not depend on the rest of the
 * batch, so generation gives the same tokens whatever else is generated beside them. */
static void
linear(const struct trunk *t, real *y, const real *x, const real *w, size_t n, size_t in, size_t out)
{
	(t->train ? linear_forward : linear_rows)(y, x, w, n, in, out);
}

/* ---- adapters: y += alpha / rank (x A^T) B^T ---- */

/* z (n, rank) = alpha / rank x A^T. */
static void
lora_down(const struct trunk *t, const real *w, enum lora_target target, size_t l, const real *x, size_t n, size_t in)
{
	size_t rank = t->cfg->lora_rank;
	real scale = (real)(t->cfg->lora_alpha / (double)rank);
	linear_forward(t->lora_z, x, wat(w, t, slot_lora_a(target), l), n, in, rank);
	for (size_t i = 0; i < n * rank; i++)
		t->lora_z[i] *= scale;
}

/* Columns of y, whose rows are `wide` apart, that the layer makes. */
static void
lora_forward(const struct trunk *t, const real *w, enum lora_target target, size_t l, real *y, size_t wide,
    const real *x, size_t n, size_t in, size_t out)
{
	size_t rank = t->cfg->lora_rank;
	const real *b = wat(w, t, slot_lora_b(target), l);
	if (!b)
		return;
	lora_down(t, w, target, l, x, n, in);
	gemm(false, true, n, out, rank, t->lora_z, rank, b, rank, true, y, wide);
}

/* Adds to dx, and to the gradients of A and B. */
static void
lora_backward(const struct trunk *t, const real *w, real *g, enum lora_target target, size_t l, real *dx,
    const real *dy, size_t wide, const real *x, size_t n, size_t in, size_t out)
{
	size_t rank = t->cfg->lora_rank;
	real scale = (real)(t->cfg->lora_alpha / (double)rank);
	const real *a = wat(w, t, slot_lora_a(target), l), *b = wat(w, t, slot_lora_b(target), l);
	real *da = at(g, t, slot_lora_a(target), l), *db = at(g, t, slot_lora_b(target), l);
	if (!b)
		return;
	if (db) {
		lora_down(t, w, target, l, x, n, in);
		gemm(true, false, out, rank, n, dy, wide, t->lora_z, rank, true, db, rank);
	}
	gemm(false, false, n, rank, out, dy, wide, b, rank, false, t->lora_dz, rank);
	for (size_t i = 0; i < n * rank; i++)
		t->lora_dz[i] *= scale;
	if (da)
		gemm(true, false, rank, in, n, t->lora_dz, rank, x, in, true, da, in);
	gemm(false, false, n, in, rank, t->lora_dz, rank, a, in, true, dx, in);
}

void
norm_forward(const struct trunk *t, real *y, real *mean, real *rstd, const real *x, const real *g,
    const real *b, size_t n)
{
	real eps = (real)t->cfg->norm_eps;
	if (config_traits(t->cfg)->rms)
		rmsnorm_forward(y, rstd, x, g, n, t->cfg->width, eps);
	else
		layernorm_forward(y, mean, rstd, x, g, b, n, t->cfg->width, eps);
}

void
norm_backward(const struct trunk *t, real *dx, real *dg, real *db, const real *dy, const real *x,
    const real *mean, const real *rstd, const real *g, size_t n)
{
	if (config_traits(t->cfg)->rms)
		rmsnorm_backward(dx, dg, dy, x, rstd, g, n, t->cfg->width);
	else
		layernorm_backward(dx, dg, db, dy, x, mean, rstd, g, n, t->cfg->width);
}

void
drop(const struct trunk *t, real *x, size_t n, size_t layer, enum site site)
{
	if (t->train && t->dropout > 0)
		dropout(x, n * t->cfg->width, t->dropout, t->seed, t->step, layer * SITES + site);
}

/* y = x + dropout(tmp + bias). */
static void
add_residual(const struct trunk *t, real *y, const real *x, const real *bias, size_t n, size_t layer,
    enum site site)
{
	size_t c = t->cfg->width;
	if (t->train && t->dropout > 0) {
		if (bias)
			bias_add(t->tmp, bias, n, c);
		drop(t, t->tmp, n, layer, site);
		bias = NULL;
	}
	residual_add(y, x, t->tmp, bias, n, c);
}

/* Copies the batch's keys and values behind those of earlier tokens. */
static void
append_cache(const struct batch *b, real *k, real *v, const real *qkv, struct dims d)
{
	for (size_t i = 0; i < b->nspans; i++) {
		const struct span *s = &b->spans[i];
		for (size_t r = 0; r < s->n; r++) {
			const real *from = qkv + (s->row + r) * d.qkv + d.q;
			size_t to = (s->key + s->past + r) * d.kv;
			memcpy(k + to, from, d.kv * sizeof *k);
			memcpy(v + to, from + d.kv, d.kv * sizeof *v);
		}
	}
}

/* Queries and keys, a head at a time, where the family's variant has norms of them. */
static void
norm_heads(struct trunk *t, const real *w, size_t n, size_t l)
{
	struct dims d = dims(t->cfg);
	struct block_acts *s = &t->acts[l];
	size_t hd = config_head_dim(t->cfg);
	real eps = (real)t->cfg->norm_eps;
	if (!t->cfg->qk_norm)
		return;
	headnorm_forward(s->qkv, d.qkv, s->raw_q, s->rstd_q, wat(w, t, SLOT_Q_NORM, l), n, t->cfg->heads, hd, eps);
	headnorm_forward(s->qkv + d.q, d.qkv, s->raw_k, s->rstd_k, wat(w, t, SLOT_K_NORM, l), n, t->cfg->kv_heads, hd, eps);
}

/* tmp = out(attention(in)), without the bias. */
static void
attention_part(struct trunk *t, const real *w, const struct batch *b, size_t l, const real *in,
    struct kvcache *cache)
{
	struct dims d = dims(t->cfg);
	struct block_acts *s = &t->acts[l];
	size_t n = b->n, hd = config_head_dim(t->cfg);
	struct attn shape = {t->cfg->heads, t->cfg->kv_heads, hd, config_traits(t->cfg)->encoder};
	linear(t, s->qkv, in, wat(w, t, SLOT_Q, l), n, d.c, d.qkv);
	if (t->cfg->lora_rank) {
		lora_forward(t, w, LORA_QUERY, l, s->qkv, d.qkv, in, n, d.c, d.q);
		lora_forward(t, w, LORA_KEY, l, s->qkv + d.q, d.qkv, in, n, d.c, d.kv);
		lora_forward(t, w, LORA_VALUE, l, s->qkv + d.q + d.kv, d.qkv, in, n, d.c, d.kv);
	}
	if (wat(w, t, SLOT_Q_B, l))
		bias_add(s->qkv, wat(w, t, SLOT_Q_B, l), n, d.qkv);
	norm_heads(t, w, n, l);
	if (t->cos)
		rope_forward(s->qkv, b->positions, t->cos, t->sin, n, t->cfg->heads + t->cfg->kv_heads, hd,
		    d.qkv);
	const real *k = s->qkv + d.q, *v = k + d.kv;
	size_t ldk = d.qkv;
	if (cache) {
		size_t layer = l * cache->slots * cache->context * d.kv;
		append_cache(b, cache->k + layer, cache->v + layer, s->qkv, d);
		k = cache->k + layer;
		v = cache->v + layer;
		ldk = d.kv;
	}
	attention_forward(s->att, s->lse, s->qkv, d.qkv, k, v, ldk, b->spans, b->nspans, &shape, t->scratch,
	    t->max_keys);
	linear(t, t->tmp, s->att, wat(w, t, SLOT_OUT, l), n, d.q, d.c);
	if (t->cfg->lora_rank)
		lora_forward(t, w, LORA_OUT, l, t->tmp, d.c, s->att, n, d.q, d.c);
}

/* act = act(up(in)). */
static void
widen(struct trunk *t, const real *w, size_t n, size_t l, const real *in)
{
	struct dims d = dims(t->cfg);
	struct block_acts *s = &t->acts[l];
	enum slot up = wat(w, t, SLOT_GATE, l) ? SLOT_GATE : SLOT_UP;
	linear(t, s->up, in, wat(w, t, up, l), n, d.c, d.wide);
	if (t->cfg->lora_rank) {
		lora_forward(t, w, LORA_GATE, l, s->up, d.wide, in, n, d.c, d.f);
		lora_forward(t, w, LORA_UP, l, s->up + (d.wide - d.f), d.wide, in, n, d.c, d.f);
	}
	act_forward(config_traits(t->cfg)->act, s->act, s->up, wat(w, t, SLOT_UP_B, l), n, d.f);
}

/* tmp = down(act), without the bias. */
static void
narrow(struct trunk *t, const real *w, size_t n, size_t l)
{
	struct dims d = dims(t->cfg);
	struct block_acts *s = &t->acts[l];
	linear(t, t->tmp, s->act, wat(w, t, SLOT_DOWN, l), n, d.f, d.c);
	if (t->cfg->lora_rank)
		lora_forward(t, w, LORA_DOWN, l, t->tmp, d.c, s->act, n, d.f, d.c);
}

/* Post-norm: up to the sum before the second norm. */
static void
post_norm_sums(struct trunk *t, const real *w, const struct batch *b, size_t l, struct kvcache *cache)
{
	struct block_acts *s = &t->acts[l];
	size_t n = b->n;
	attention_part(t, w, b, l, s->x, cache);
	add_residual(t, s->mid, s->x, wat(w, t, SLOT_OUT_B, l), n, l, SITE_ATTENTION);
	norm_forward(t, s->n2, s->mean2, s->rstd2, s->mid, wat(w, t, SLOT_NORM1, l), wat(w, t, SLOT_NORM1_B, l), n);
	widen(t, w, n, l, s->n2);
	narrow(t, w, n, l);
	add_residual(t, s->n1, s->n2, wat(w, t, SLOT_DOWN_B, l), n, l, SITE_MLP);
}

/* Pre-norm: up to what the last product of the block reads. */
static void
pre_norm_wide(struct trunk *t, const real *w, const struct batch *b, size_t l, struct kvcache *cache)
{
	struct block_acts *s = &t->acts[l];
	size_t n = b->n;
	norm_forward(t, s->n1, s->mean1, s->rstd1, s->x, wat(w, t, SLOT_NORM1, l), wat(w, t, SLOT_NORM1_B, l), n);
	attention_part(t, w, b, l, s->n1, cache);
	add_residual(t, s->mid, s->x, wat(w, t, SLOT_OUT_B, l), n, l, SITE_ATTENTION);
	norm_forward(t, s->n2, s->mean2, s->rstd2, s->mid, wat(w, t, SLOT_NORM2, l), wat(w, t, SLOT_NORM2_B, l), n);
	widen(t, w, n, l, s->n2);
}

void
block_forward(struct trunk *t, const real *w, const struct batch *b, size_t l, real *next,
    struct kvcache *cache)
{
	struct block_acts *s = &t->acts[l];
	size_t n = b->n;
	if (t->cfg->post_norm) {
		post_norm_sums(t, w, b, l, cache);
		norm_forward(t, next, s->mean1, s->rstd1, s->n1, wat(w, t, SLOT_NORM2, l), wat(w, t, SLOT_NORM2_B, l), n);
		return;
	}
	pre_norm_wide(t, w, b, l, cache);
	narrow(t, w, n, l);
	add_residual(t, next, s->mid, wat(w, t, SLOT_DOWN_B, l), n, l, SITE_MLP);
}

void
block_again(struct trunk *t, const real *w, const struct batch *b, size_t l)
{
	if (t->cfg->post_norm) /* whose last norm leaves statistics: its output goes where backward begins anew */
		block_forward(t, w, b, l, t->dn, NULL);
	else
		pre_norm_wide(t, w, b, l, NULL);
}

/* ---- backward ---- */

/* The gradient that enters a residual branch: dx itself, or a dropped-out copy in tmp; the bias
 * at the end of the branch gets its sums. */
static const real *
enter_branch(struct trunk *t, real *g, const struct batch *b, enum slot bias, size_t l, enum site site)
{
	const real *d = t->dx;
	if (t->dropout > 0) {
		memcpy(t->tmp, t->dx, b->n * t->cfg->width * sizeof *t->tmp);
		drop(t, t->tmp, b->n, l, site);
		d = t->tmp;
	}
	if (at(g, t, bias, l))
		column_sum_add(at(g, t, bias, l), d, b->n, t->cfg->width);
	return d;
}

/* From dx at the end of the branch: gradients of its weights, and dn, of its input. */
static void
mlp_backward(struct trunk *t, const real *w, real *g, const struct batch *b, size_t l)
{
	struct dims d = dims(t->cfg);
	struct block_acts *s = &t->acts[l];
	size_t n = b->n;
	enum slot up = wat(w, t, SLOT_GATE, l) ? SLOT_GATE : SLOT_UP;
	const real *dy = enter_branch(t, g, b, SLOT_DOWN_B, l, SITE_MLP);
	linear_backward(t->dmid, at(g, t, SLOT_DOWN, l), dy, s->act, wat(w, t, SLOT_DOWN, l), n, d.f, d.c);
	if (t->cfg->lora_rank)
		lora_backward(t, w, g, LORA_DOWN, l, t->dmid, dy, d.c, s->act, n, d.f, d.c);
	act_backward(config_traits(t->cfg)->act, t->dwide, at(g, t, SLOT_UP_B, l), t->dmid, s->up, n, d.f);
	linear_backward(t->dn, at(g, t, up, l), t->dwide, s->n2, wat(w, t, up, l), n, d.c, d.wide);
	if (t->cfg->lora_rank) {
		lora_backward(t, w, g, LORA_GATE, l, t->dn, t->dwide, d.wide, s->n2, n, d.c, d.f);
		lora_backward(t, w, g, LORA_UP, l, t->dn, t->dwide + (d.wide - d.f), d.wide, s->n2, n, d.c, d.f);
	}
}

/* dqkv (n, q + 2 kv): of normed queries and keys on entry, of raw ones at the end. */
static void
norm_heads_backward(struct trunk *t, const real *w, real *g, real *dqkv, size_t n, size_t l)
{
	struct dims d = dims(t->cfg);
	const struct block_acts *s = &t->acts[l];
	size_t hd = config_head_dim(t->cfg);
	if (!t->cfg->qk_norm)
		return;
	headnorm_backward(dqkv, d.qkv, at(g, t, SLOT_Q_NORM, l), s->raw_q, s->rstd_q, wat(w, t, SLOT_Q_NORM, l), n,
	    t->cfg->heads, hd);
	headnorm_backward(dqkv + d.q, d.qkv, at(g, t, SLOT_K_NORM, l), s->raw_k, s->rstd_k, wat(w, t, SLOT_K_NORM, l), n,
	    t->cfg->kv_heads, hd);
}

/* As mlp_backward; `in` is what the branch was given. */
static void
attention_part_backward(struct trunk *t, const real *w, real *g, const struct batch *b, size_t l,
    const real *in)
{
	struct dims d = dims(t->cfg);
	struct block_acts *s = &t->acts[l];
	size_t n = b->n, hd = config_head_dim(t->cfg);
	struct attn shape = {t->cfg->heads, t->cfg->kv_heads, hd, config_traits(t->cfg)->encoder};
	const real *dy = enter_branch(t, g, b, SLOT_OUT_B, l, SITE_ATTENTION);
	linear_backward(t->dmid, at(g, t, SLOT_OUT, l), dy, s->att, wat(w, t, SLOT_OUT, l), n, d.q, d.c);
	if (t->cfg->lora_rank)
		lora_backward(t, w, g, LORA_OUT, l, t->dmid, dy, d.c, s->att, n, d.q, d.c);
	real *dqkv = t->dwide;
	attention_backward(dqkv, dqkv + d.q, dqkv + d.q + d.kv, t->dmid, s->att, s->lse, s->qkv, d.qkv,
	    s->qkv + d.q, s->qkv + d.q + d.kv, d.qkv, b->spans, b->nspans, &shape, t->scratch, t->max_keys);
	if (t->cos)
		rope_backward(dqkv, b->positions, t->cos, t->sin, n, t->cfg->heads + t->cfg->kv_heads, hd,
		    d.qkv);
	norm_heads_backward(t, w, g, dqkv, n, l);
	if (at(g, t, SLOT_Q_B, l))
		column_sum_add(at(g, t, SLOT_Q_B, l), dqkv, n, d.qkv);
	linear_backward(t->dn, at(g, t, SLOT_Q, l), dqkv, in, wat(w, t, SLOT_Q, l), n, d.c, d.qkv);
	if (t->cfg->lora_rank) {
		lora_backward(t, w, g, LORA_QUERY, l, t->dn, dqkv, d.qkv, in, n, d.c, d.q);
		lora_backward(t, w, g, LORA_KEY, l, t->dn, dqkv + d.q, d.qkv, in, n, d.c, d.kv);
		lora_backward(t, w, g, LORA_VALUE, l, t->dn, dqkv + d.q + d.kv, d.qkv, in, n, d.c, d.kv);
	}
}

/* Post-norm: dx, the gradient of a norm's output, becomes that of its input x. */
static void
back_through_norm(struct trunk *t, const real *w, real *g, size_t n, size_t l, enum slot gain,
    enum slot bias, const real *x, const real *mean, const real *rstd)
{
	real *dx = t->dx;
	memset(t->dn, 0, n * t->cfg->width * sizeof *t->dn);
	norm_backward(t, t->dn, at(g, t, gain, l), at(g, t, bias, l), dx, x, mean, rstd, wat(w, t, gain, l), n);
	t->dx = t->dn;
	t->dn = dx;
}

void
block_backward(struct trunk *t, const real *w, real *g, const struct batch *b, size_t l)
{
	struct block_acts *s = &t->acts[l];
	size_t n = b->n, c = t->cfg->width;
	if (t->cfg->post_norm) {
		back_through_norm(t, w, g, n, l, SLOT_NORM2, SLOT_NORM2_B, s->n1, s->mean1, s->rstd1);
		mlp_backward(t, w, g, b, l);
		residual_add(t->dx, t->dx, t->dn, NULL, n, c);
		back_through_norm(t, w, g, n, l, SLOT_NORM1, SLOT_NORM1_B, s->mid, s->mean2, s->rstd2);
		attention_part_backward(t, w, g, b, l, s->x);
		residual_add(t->dx, t->dx, t->dn, NULL, n, c);
		return;
	}
	mlp_backward(t, w, g, b, l);
	norm_backward(t, t->dx, at(g, t, SLOT_NORM2, l), at(g, t, SLOT_NORM2_B, l), t->dn, s->mid,
	    s->mean2, s->rstd2, wat(w, t, SLOT_NORM2, l), n);
	attention_part_backward(t, w, g, b, l, s->n1);
	norm_backward(t, t->dx, at(g, t, SLOT_NORM1, l), at(g, t, SLOT_NORM1_B, l), t->dn, s->x,
	    s->mean1, s->rstd1, wat(w, t, SLOT_NORM1, l), n);
}
