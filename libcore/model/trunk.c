#include "model/trunk.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "math/act.h"
#include "math/dropout.h"
#include "math/elem.h"
#include "math/gemm.h"
#include "math/linear.h"
#include "math/norm.h"

/* The sizes that every function here needs. */
struct dims {
	size_t c, q, kv, qkv, f, wide; /* width; query; key; all three; hidden; up projection */
};

static struct dims
dims(const struct config *cfg)
{
	size_t hd = config_head_dim(cfg), q = cfg->heads * hd, kv = cfg->kv_heads * hd;
	size_t wide = config_traits(cfg)->gated ? 2 * cfg->hidden : cfg->hidden;
	return (struct dims){cfg->width, q, kv, q + 2 * kv, cfg->hidden, wide};
}

static size_t
larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void
carve_block(struct arena *a, struct block_acts *s, const struct trunk *t, struct dims d)
{
	size_t n = t->max_tokens;
	s->x = arena_carve(a, n * d.c, sizeof(real));
	s->mean1 = arena_carve(a, n, sizeof(real));
	s->rstd1 = arena_carve(a, n, sizeof(real));
	s->n1 = arena_carve(a, n * d.c, sizeof(real));
	s->qkv = arena_carve(a, n * d.qkv, sizeof(real));
	s->lse = arena_carve(a, n * t->cfg->heads, sizeof(real));
	s->att = arena_carve(a, n * d.q, sizeof(real));
	s->mid = arena_carve(a, n * d.c, sizeof(real));
	s->mean2 = arena_carve(a, n, sizeof(real));
	s->rstd2 = arena_carve(a, n, sizeof(real));
	s->n2 = arena_carve(a, n * d.c, sizeof(real));
	s->up = arena_carve(a, n * d.wide, sizeof(real));
	s->act = arena_carve(a, n * d.f, sizeof(real));
}

/* Measures (base NULL) or lays out. */
static void
carve(struct trunk *t, struct arena *a)
{
	struct dims d = dims(t->cfg);
	size_t n = t->max_tokens;
	t->acts = arena_carve(a, t->cfg->layers, sizeof *t->acts);
	struct block_acts measured, *s = t->acts ? t->acts : &measured;
	for (size_t l = 0; l < t->cfg->layers; l++) {
		struct block_acts *at = t->acts ? s + l : s;
		if (t->train || l == 0)
			carve_block(a, at, t, d);
		else if (t->acts)
			*at = s[0];
	}
	t->last = t->train ? arena_carve(a, n * d.c, sizeof(real)) : s->x;
	t->mean = arena_carve(a, n, sizeof(real));
	t->rstd = arena_carve(a, n, sizeof(real));
	t->h = arena_carve(a, n * d.c, sizeof(real));
	t->tmp = arena_carve(a, n * d.c, sizeof(real));
	if (t->train) {
		t->dx = arena_carve(a, n * d.c, sizeof(real));
		t->dn = arena_carve(a, n * d.c, sizeof(real));
		t->dwide = arena_carve(a, n * larger(d.wide, d.qkv), sizeof(real));
		t->dmid = arena_carve(a, n * larger(d.f, d.q), sizeof(real));
	}
	t->scratch = arena_carve(a, attention_scratch(t->max_keys, t->threads), sizeof(real));
	if (config_traits(t->cfg)->rotary) {
		t->cos = arena_carve(a, t->cfg->context * config_head_dim(t->cfg) / 2, sizeof(real));
		t->sin = arena_carve(a, t->cfg->context * config_head_dim(t->cfg) / 2, sizeof(real));
	}
}

static struct trunk
plan(const struct config *cfg, const struct params *table, size_t max_tokens, size_t max_keys,
    bool train)
{
	return (struct trunk){.cfg = cfg, .table = table, .max_tokens = max_tokens,
	    .max_keys = max_keys, .train = train, .threads = (size_t)omp_get_max_threads()};
}

size_t
trunk_memory(const struct config *cfg, size_t max_tokens, size_t max_keys, bool train)
{
	struct trunk t = plan(cfg, NULL, max_tokens, max_keys, train);
	struct arena a = {0};
	carve(&t, &a);
	return a.overflow ? SIZE_MAX : a.used;
}

int
trunk_open(struct trunk *t, const struct config *cfg, const struct params *table,
    size_t max_tokens, size_t max_keys, bool train, struct err *e)
{
	*t = plan(cfg, table, max_tokens, max_keys, train);
	t->arena.huge = true;
	carve(t, &t->arena);
	if (arena_commit(&t->arena, "activations", e))
		return -1;
	carve(t, &t->arena);
	if (t->cos)
		rope_table(t->cos, t->sin, cfg->context, config_head_dim(cfg), cfg->rope_theta);
	return 0;
}

void
trunk_close(struct trunk *t)
{
	arena_close(&t->arena);
	memset(t, 0, sizeof *t);
}

int
kvcache_open(struct kvcache *c, const struct config *cfg, size_t slots, struct err *e)
{
	*c = (struct kvcache){.slots = slots, .context = cfg->context, .width = dims(cfg).kv};
	size_t n;
	if (mul_overflows(slots * cfg->layers, cfg->context * c->width, &n))
		return err_nomem(e, SIZE_MAX, "key-value cache");
	for (int pass = 0; pass < 2; pass++) {
		c->k = arena_carve(&c->arena, n, sizeof(real));
		c->v = arena_carve(&c->arena, n, sizeof(real));
		if (pass == 0 && arena_commit(&c->arena, "key-value cache", e))
			return -1;
	}
	return 0;
}

void
kvcache_close(struct kvcache *c)
{
	arena_close(&c->arena);
	memset(c, 0, sizeof *c);
}

/* ---- one block ---- */

/* The weights or gradients of `slot` in block l; NULL when the family has none. */
static real *
at(real *base, const struct trunk *t, enum slot slot, size_t l)
{
	size_t o = param_offset(t->table, slot, l);
	return o == SIZE_MAX ? NULL : base + o;
}

static const real *
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

static void
norm_forward(const struct trunk *t, real *y, real *mean, real *rstd, const real *x, const real *g,
    const real *b, size_t n)
{
	real eps = (real)t->cfg->norm_eps;
	if (config_traits(t->cfg)->rms)
		rmsnorm_forward(y, rstd, x, g, n, t->cfg->width, eps);
	else
		layernorm_forward(y, mean, rstd, x, g, b, n, t->cfg->width, eps);
}

/* Adds to dx, dg, db. */
static void
norm_backward(const struct trunk *t, real *dx, real *dg, real *db, const real *dy, const real *x,
    const real *mean, const real *rstd, const real *g, size_t n)
{
	if (config_traits(t->cfg)->rms)
		rmsnorm_backward(dx, dg, dy, x, rstd, g, n, t->cfg->width);
	else
		layernorm_backward(dx, dg, db, dy, x, mean, rstd, g, n, t->cfg->width);
}

enum site { SITE_EMBED, SITE_ATTENTION, SITE_MLP, SITES };

static void
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

static void
attention_part(struct trunk *t, const real *w, const struct batch *b, size_t l, struct kvcache *cache)
{
	struct dims d = dims(t->cfg);
	struct block_acts *s = &t->acts[l];
	size_t n = b->n, hd = config_head_dim(t->cfg);
	struct attn shape = {t->cfg->heads, t->cfg->kv_heads, hd};
	linear(t, s->qkv, s->n1, wat(w, t, SLOT_Q, l), n, d.c, d.qkv);
	if (wat(w, t, SLOT_Q_B, l))
		bias_add(s->qkv, wat(w, t, SLOT_Q_B, l), n, d.qkv);
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
}

static void
block_forward(struct trunk *t, const real *w, const struct batch *b, size_t l, real *next,
    struct kvcache *cache)
{
	struct dims d = dims(t->cfg);
	struct block_acts *s = &t->acts[l];
	enum act act = config_traits(t->cfg)->gated ? ACT_SWIGLU : ACT_GELU_TANH;
	size_t n = b->n;
	norm_forward(t, s->n1, s->mean1, s->rstd1, s->x, wat(w, t, SLOT_NORM1, l),
	    wat(w, t, SLOT_NORM1_B, l), n);
	attention_part(t, w, b, l, cache);
	add_residual(t, s->mid, s->x, wat(w, t, SLOT_OUT_B, l), n, l, SITE_ATTENTION);

	norm_forward(t, s->n2, s->mean2, s->rstd2, s->mid, wat(w, t, SLOT_NORM2, l),
	    wat(w, t, SLOT_NORM2_B, l), n);
	enum slot up = config_traits(t->cfg)->gated ? SLOT_GATE : SLOT_UP;
	linear(t, s->up, s->n2, wat(w, t, up, l), n, d.c, d.wide);
	act_forward(act, s->act, s->up, wat(w, t, SLOT_UP_B, l), n, d.f);
	linear(t, t->tmp, s->act, wat(w, t, SLOT_DOWN, l), n, d.f, d.c);
	add_residual(t, next, s->mid, wat(w, t, SLOT_DOWN_B, l), n, l, SITE_MLP);
}

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

/* dx (n,c): gradient of the block's output on entry, of its input at the end. */
static void
block_backward(struct trunk *t, const real *w, real *g, const struct batch *b, size_t l)
{
	struct dims d = dims(t->cfg);
	struct block_acts *s = &t->acts[l];
	enum act act = config_traits(t->cfg)->gated ? ACT_SWIGLU : ACT_GELU_TANH;
	size_t n = b->n, hd = config_head_dim(t->cfg);
	struct attn shape = {t->cfg->heads, t->cfg->kv_heads, hd};

	const real *dy = enter_branch(t, g, b, SLOT_DOWN_B, l, SITE_MLP);
	linear_backward(t->dmid, at(g, t, SLOT_DOWN, l), dy, s->act, wat(w, t, SLOT_DOWN, l), n, d.f, d.c);
	act_backward(act, t->dwide, at(g, t, SLOT_UP_B, l), t->dmid, s->up, n, d.f);
	enum slot up = config_traits(t->cfg)->gated ? SLOT_GATE : SLOT_UP;
	linear_backward(t->dn, at(g, t, up, l), t->dwide, s->n2, wat(w, t, up, l), n, d.c, d.wide);
	norm_backward(t, t->dx, at(g, t, SLOT_NORM2, l), at(g, t, SLOT_NORM2_B, l), t->dn, s->mid,
	    s->mean2, s->rstd2, wat(w, t, SLOT_NORM2, l), n);

	dy = enter_branch(t, g, b, SLOT_OUT_B, l, SITE_ATTENTION);
	linear_backward(t->dmid, at(g, t, SLOT_OUT, l), dy, s->att, wat(w, t, SLOT_OUT, l), n, d.q, d.c);
	real *dqkv = t->dwide;
	attention_backward(dqkv, dqkv + d.q, dqkv + d.q + d.kv, t->dmid, s->att, s->lse, s->qkv, d.qkv,
	    s->qkv + d.q, s->qkv + d.q + d.kv, d.qkv, b->spans, b->nspans, &shape, t->scratch, t->max_keys);
	if (t->cos)
		rope_backward(dqkv, b->positions, t->cos, t->sin, n, t->cfg->heads + t->cfg->kv_heads, hd,
		    d.qkv);
	if (at(g, t, SLOT_Q_B, l))
		column_sum_add(at(g, t, SLOT_Q_B, l), dqkv, n, d.qkv);
	linear_backward(t->dn, at(g, t, SLOT_Q, l), dqkv, s->n1, wat(w, t, SLOT_Q, l), n, d.c, d.qkv);
	norm_backward(t, t->dx, at(g, t, SLOT_NORM1, l), at(g, t, SLOT_NORM1_B, l), t->dn, s->x,
	    s->mean1, s->rstd1, wat(w, t, SLOT_NORM1, l), n);
}

/* ---- the whole ---- */

void
trunk_forward(struct trunk *t, const real *w, const struct batch *b, struct kvcache *cache)
{
	size_t layers = t->cfg->layers;
	embedding_forward(t->acts[0].x, b->ids, b->positions, wat(w, t, SLOT_TOKEN, 0),
	    wat(w, t, SLOT_POSITION, 0), b->n, t->cfg->width);
	drop(t, t->acts[0].x, b->n, 0, SITE_EMBED);
	for (size_t l = 0; l < layers; l++)
		block_forward(t, w, b, l, l + 1 < layers ? t->acts[l + 1].x : t->last, cache);
	norm_forward(t, t->h, t->mean, t->rstd, t->last, wat(w, t, SLOT_NORM, 0),
	    wat(w, t, SLOT_NORM_B, 0), b->n);
}

void
trunk_backward(struct trunk *t, const real *w, real *g, const struct batch *b, const real *dh)
{
	memset(t->dx, 0, b->n * t->cfg->width * sizeof *t->dx);
	norm_backward(t, t->dx, at(g, t, SLOT_NORM, 0), at(g, t, SLOT_NORM_B, 0), dh, t->last, t->mean,
	    t->rstd, wat(w, t, SLOT_NORM, 0), b->n);
	for (size_t l = t->cfg->layers; l-- > 0;)
		block_backward(t, w, g, b, l);
	drop(t, t->dx, b->n, 0, SITE_EMBED);
	embedding_backward(at(g, t, SLOT_TOKEN, 0), at(g, t, SLOT_POSITION, 0), t->dx, b->ids,
	    b->positions, b->n, t->cfg->width);
}
