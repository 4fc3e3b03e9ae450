#include "model/trunk.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "math/dropout.h"
#include "math/elem.h"
#include "model/block.h"

static size_t
larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* All but the block's input. */
static void
carve_block(struct arena *a, struct block_acts *s, const struct trunk *t, struct dims d)
{
	size_t n = t->max_tokens;
	s->mean1 = arena_carve(a, n, sizeof(real));
	s->rstd1 = arena_carve(a, n, sizeof(real));
	s->n1 = arena_carve(a, n * d.c, sizeof(real));
	s->qkv = arena_carve(a, n * d.qkv, sizeof(real));
	if (t->cfg->qk_norm) {
		s->raw_q = arena_carve(a, n * d.q, sizeof(real));
		s->rstd_q = arena_carve(a, n * t->cfg->heads, sizeof(real));
		s->raw_k = arena_carve(a, n * d.kv, sizeof(real));
		s->rstd_k = arena_carve(a, n * t->cfg->kv_heads, sizeof(real));
	}
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
		if (l && t->acts)
			*at = s[0];
		if (l == 0 || t->train)
			at->x = arena_carve(a, n * d.c, sizeof(real));
		if (l == 0 || (t->train && !t->recompute))
			carve_block(a, at, t, d);
	}
	t->last = t->train ? arena_carve(a, n * d.c, sizeof(real)) : s->x;
	t->mean = arena_carve(a, n, sizeof(real));
	t->rstd = arena_carve(a, n, sizeof(real));
	t->h = arena_carve(a, n * d.c, sizeof(real));
	t->tmp = arena_carve(a, n * d.c, sizeof(real));
	if (config_traits(t->cfg)->encoder) {
		t->embedded = arena_carve(a, n * d.c, sizeof(real));
		t->embed_mean = arena_carve(a, n, sizeof(real));
		t->embed_rstd = arena_carve(a, n, sizeof(real));
	}
	if (t->train) {
		t->dx = arena_carve(a, n * d.c, sizeof(real));
		t->dn = arena_carve(a, n * d.c, sizeof(real));
		t->dwide = arena_carve(a, n * larger(d.wide, d.qkv), sizeof(real));
		t->dmid = arena_carve(a, n * larger(d.f, d.q), sizeof(real));
		t->lora_z = arena_carve(a, n * t->cfg->lora_rank, sizeof(real));
		t->lora_dz = arena_carve(a, n * t->cfg->lora_rank, sizeof(real));
	}
	t->scratch = arena_carve(a, attention_scratch(t->max_keys, t->threads), sizeof(real));
	if (config_traits(t->cfg)->rotary) {
		t->cos = arena_carve(a, t->cfg->context * config_head_dim(t->cfg) / 2, sizeof(real));
		t->sin = arena_carve(a, t->cfg->context * config_head_dim(t->cfg) / 2, sizeof(real));
	}
}

static struct trunk
plan(const struct config *cfg, const struct params *table, size_t max_tokens, size_t max_keys,
    enum trunk_keep keep)
{
	return (struct trunk){.cfg = cfg, .table = table, .max_tokens = max_tokens,
	    .max_keys = max_keys, .train = keep != KEEP_NOTHING, .recompute = keep == KEEP_INPUTS, .threads = (size_t)omp_get_max_threads()};
}

size_t
trunk_memory(const struct config *cfg, size_t max_tokens, size_t max_keys, enum trunk_keep keep)
{
	struct trunk t = plan(cfg, NULL, max_tokens, max_keys, keep);
	struct arena a = {0};
	carve(&t, &a);
	return a.overflow ? SIZE_MAX : a.used;
}

int
trunk_open(struct trunk *t, const struct config *cfg, const struct params *table,
    size_t max_tokens, size_t max_keys, enum trunk_keep keep, struct err *e)
{
	*t = plan(cfg, table, max_tokens, max_keys, keep);
	if (cfg->lora_rank && !t->train)
		return err_set(e, ERR_RUNTIME, "adapters must be merged before inference");
	t->depth = cfg->layers;
	t->arena.huge = true;
	carve(t, &t->arena);
	if (arena_commit(&t->arena, "activations", e))
		return -1;
	carve(t, &t->arena);
	if (t->cos)
		rope_table(t->cos, t->sin, cfg->context, config_head_dim(cfg), cfg->rope_theta, &cfg->rope);
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

/* ---- the whole ---- */

/* Elements of the position table before the row of position 0. */
static size_t
first_place(const struct trunk *t)
{
	return config_traits(t->cfg)->first_position * t->cfg->width;
}

static void
embed(struct trunk *t, const real *w, const struct batch *b)
{
	size_t n = b->n, c = t->cfg->width;
	real *x = t->acts[0].x, *sum = t->embedded ? t->embedded : x;
	const real *places = wat(w, t, SLOT_POSITION, 0);
	embedding_forward(sum, b->ids, b->positions, wat(w, t, SLOT_TOKEN, 0), places ? places + first_place(t) : NULL, n, c);
	if (wat(w, t, SLOT_TYPE, 0))
		embedding_add(sum, b->types, wat(w, t, SLOT_TYPE, 0), n, c);
	if (t->embedded)
		norm_forward(t, x, t->embed_mean, t->embed_rstd, sum, wat(w, t, SLOT_EMBED_NORM, 0),
		    wat(w, t, SLOT_EMBED_NORM_B, 0), n);
	drop(t, x, n, 0, SITE_EMBED);
}

static void
embed_backward(struct trunk *t, const real *w, real *g, const struct batch *b)
{
	size_t n = b->n, c = t->cfg->width;
	real *d = t->dx;
	drop(t, d, n, 0, SITE_EMBED);
	if (t->embedded) {
		memset(t->dn, 0, n * c * sizeof *t->dn);
		norm_backward(t, t->dn, at(g, t, SLOT_EMBED_NORM, 0), at(g, t, SLOT_EMBED_NORM_B, 0), d, t->embedded,
		    t->embed_mean, t->embed_rstd, wat(w, t, SLOT_EMBED_NORM, 0), n);
		d = t->dn;
	}
	real *places = at(g, t, SLOT_POSITION, 0);
	embedding_backward(at(g, t, SLOT_TOKEN, 0), places ? places + first_place(t) : NULL, d, b->ids, b->positions, n, c);
	if (at(g, t, SLOT_TYPE, 0))
		embedding_backward(at(g, t, SLOT_TYPE, 0), NULL, d, b->types, NULL, n, c);
}

void
trunk_forward(struct trunk *t, const real *w, const struct batch *b, struct kvcache *cache)
{
	size_t layers = t->depth;
	bool norm = layers == t->cfg->layers && !t->cfg->post_norm && !t->cfg->unnormed;
	real *end = norm ? t->last : t->h;
	embed(t, w, b);
	if (layers == 0)
		memcpy(end, t->acts[0].x, b->n * t->cfg->width * sizeof *end);
	for (size_t l = 0; l < layers; l++)
		block_forward(t, w, b, l, l + 1 < layers ? t->acts[l + 1].x : end, cache);
	if (norm)
		norm_forward(t, t->h, t->mean, t->rstd, t->last, wat(w, t, SLOT_NORM, 0), wat(w, t, SLOT_NORM_B, 0),
		    b->n);
}

void
trunk_backward(struct trunk *t, const real *w, real *g, const struct batch *b, const real *dh)
{
	size_t bytes = b->n * t->cfg->width * sizeof *t->dx;
	if (t->cfg->post_norm || t->cfg->unnormed) {
		memcpy(t->dx, dh, bytes);
	} else {
		memset(t->dx, 0, bytes);
		norm_backward(t, t->dx, at(g, t, SLOT_NORM, 0), at(g, t, SLOT_NORM_B, 0), dh, t->last, t->mean,
		    t->rstd, wat(w, t, SLOT_NORM, 0), b->n);
	}
	for (size_t l = t->cfg->layers; l-- > t->bottom;) {
		if (t->recompute && l + 1 < t->cfg->layers) /* what forward left is the last block's */
			block_again(t, w, b, l);
		block_backward(t, w, g, b, l);
		if (t->finished)
			t->finished(t->finished_ctx, l);
	}
	if (!t->skip_embeddings)
		embed_backward(t, w, g, b);
}
