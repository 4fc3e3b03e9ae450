#include "model/lm_head.h"

#include <string.h>

#include "math/elem.h"
#include "math/gemm.h"
#include "math/linear.h"
#include "math/norm.h"
#include "math/softmax.h"

/* Chunks hold about 16 Mi logits, so that reading and writing the gradient of the projection
 * once for each chunk stays far below the cost of its product. */
enum { CHUNK_LOGITS = 16 << 20, CHUNK_ROWS = 4096 };

static const real *
weight(const struct lm_head *l, const real *w, enum slot slot)
{
	size_t o = param_offset(l->table, slot, 0);
	return o == SIZE_MAX ? NULL : w + o;
}

static real *
gradient(const struct lm_head *l, real *g, enum slot slot)
{
	size_t o = param_offset(l->table, slot, 0);
	return o == SIZE_MAX || (l->skip && l->skip[slot]) ? NULL : g + o;
}

static size_t
chunk_rows(const struct config *cfg, size_t max_tokens)
{
	size_t chunk = CHUNK_LOGITS / cfg->vocab / 64 * 64;
	chunk = chunk < 64 ? 64 : chunk > CHUNK_ROWS ? CHUNK_ROWS : chunk;
	return chunk > max_tokens ? max_tokens : chunk;
}

/* Measures (base NULL) or lays out. */
static void
carve(struct lm_head *l, struct arena *a)
{
	size_t width = l->cfg->width, chunk = l->chunk;
	l->logits = arena_carve(a, chunk * l->cfg->vocab, sizeof(real));
	l->rows = arena_carve(a, chunk * width, sizeof(real));
	l->drows = arena_carve(a, chunk * width, sizeof(real));
	if (config_traits(l->cfg)->encoder) {
		l->dense = arena_carve(a, chunk * width, sizeof(real));
		l->act = arena_carve(a, chunk * width, sizeof(real));
		l->normed = arena_carve(a, chunk * width, sizeof(real));
		l->mean = arena_carve(a, chunk, sizeof(real));
		l->rstd = arena_carve(a, chunk, sizeof(real));
	}
	l->logp = arena_carve(a, chunk, sizeof(real));
	l->lse = arena_carve(a, chunk, sizeof(real));
	l->ent = arena_carve(a, chunk, sizeof(real));
	l->dlogp = arena_carve(a, chunk, sizeof(real));
	l->dent = arena_carve(a, chunk, sizeof(real));
	l->targets = arena_carve(a, chunk, sizeof *l->targets);
	l->best = arena_carve(a, chunk, sizeof *l->best);
	l->index = arena_carve(a, chunk, sizeof *l->index);
}

size_t
lm_head_memory(const struct config *cfg, size_t max_tokens)
{
	struct lm_head l = {.cfg = cfg, .chunk = chunk_rows(cfg, max_tokens)};
	struct arena a = {0};
	carve(&l, &a);
	return a.overflow ? SIZE_MAX : a.used;
}

int
lm_head_open(struct lm_head *l, const struct config *cfg, const struct params *table,
    size_t max_tokens, struct err *e)
{
	if (cfg->headless)
		return err_set(e, ERR_DATA, "the model has no language head; tgraft --head language gives it one");
	*l = (struct lm_head){.cfg = cfg, .table = table, .chunk = chunk_rows(cfg, max_tokens)};
	l->arena.huge = true;
	carve(l, &l->arena);
	if (arena_commit(&l->arena, "logits", e))
		return -1;
	carve(l, &l->arena);
	return 0;
}

void
lm_head_close(struct lm_head *l)
{
	arena_close(&l->arena);
	memset(l, 0, sizeof *l);
}

/* The next chunk: gathers the rows of h that have a target, from *i on; returns how many. Rows
 * without one are not computed. */
static size_t
gather(struct lm_head *l, const real *h, const int32_t *targets, size_t n, size_t *i)
{
	size_t m = 0;
	for (; *i < n && m < l->chunk; ++*i)
		if (targets[*i] >= 0) {
			l->targets[m] = targets[*i];
			l->index[m++] = *i;
		}
	for (size_t r = 0; r < m; r++)
		memcpy(l->rows + r * l->cfg->width, h + l->index[r] * l->cfg->width, l->cfg->width * sizeof *h);
	return m;
}

static void
clear(const struct lm_out *out, size_t n)
{
	memset(out->logp, 0, n * sizeof *out->logp);
	if (out->entropy)
		memset(out->entropy, 0, n * sizeof *out->entropy);
	if (out->best)
		memset(out->best, 0, n * sizeof *out->best);
}

/* What the projection reads: the gathered rows, or their transform. */
static const real *
transform(struct lm_head *l, const real *w, size_t m)
{
	size_t c = l->cfg->width;
	if (!l->dense)
		return l->rows;
	(l->alone ? linear_rows : linear_forward)(l->dense, l->rows, weight(l, w, SLOT_TRANSFORM), m, c, c);
	act_forward(ACT_GELU, l->act, l->dense, weight(l, w, SLOT_TRANSFORM_B), m, c);
	layernorm_forward(l->normed, l->mean, l->rstd, l->act, weight(l, w, SLOT_TRANSFORM_NORM),
	    weight(l, w, SLOT_TRANSFORM_NORM_B), m, c, (real)l->cfg->norm_eps);
	return l->normed;
}

/* drows becomes the gradient of the gathered rows. */
static void
transform_backward(struct lm_head *l, const real *w, real *g, size_t m)
{
	size_t c = l->cfg->width;
	if (!l->dense)
		return;
	real *dact = l->normed; /* no longer needed */
	memset(dact, 0, m * c * sizeof *dact);
	layernorm_backward(dact, gradient(l, g, SLOT_TRANSFORM_NORM), gradient(l, g, SLOT_TRANSFORM_NORM_B),
	    l->drows, l->act, l->mean, l->rstd, weight(l, w, SLOT_TRANSFORM_NORM), m, c);
	act_backward(ACT_GELU, dact, gradient(l, g, SLOT_TRANSFORM_B), dact, l->dense, m, c);
	linear_backward(l->drows, gradient(l, g, SLOT_TRANSFORM), dact, l->rows,
	    weight(l, w, SLOT_TRANSFORM), m, c, c);
}

/* Logits of the gathered chunk, and what is asked of them. Returns what the projection read. */
static const real *
score_chunk(struct lm_head *l, const real *w, size_t m, bool entropy, const struct lm_out *out)
{
	size_t vocab = l->cfg->vocab;
	const real *x = transform(l, w, m);
	(l->alone ? linear_rows : linear_forward)(l->logits, x, w + head_offset(l->table), m, l->cfg->width, vocab);
	if (weight(l, w, SLOT_HEAD_B))
		bias_add(l->logits, weight(l, w, SLOT_HEAD_B), m, vocab);
	xent_forward(l->logp, l->lse, entropy ? l->ent : NULL, out->best ? l->best : NULL, l->logits,
	    l->targets, m, vocab, vocab);
	for (size_t r = 0; r < m; r++) {
		size_t i = l->index[r];
		out->logp[i] = l->logp[r];
		if (out->entropy)
			out->entropy[i] = l->ent[r];
		if (out->best)
			out->best[i] = l->best[r];
	}
	return x;
}

void
lm_head_forward(struct lm_head *l, const real *h, const real *w, const int32_t *targets,
    size_t n, const struct lm_out *out)
{
	clear(out, n);
	for (size_t i = 0, m; (m = gather(l, h, targets, n, &i)) > 0;)
		score_chunk(l, w, m, out->entropy, out);
}

void
lm_head_backward(struct lm_head *l, real *dh, real *g, const real *dlogp, const real *dent,
    const real *h, const real *w, const int32_t *targets, size_t n, const struct lm_out *out)
{
	size_t c = l->cfg->width, vocab = l->cfg->vocab, head = head_offset(l->table);
	real *ghead = gradient(l, g, l->cfg->tied ? SLOT_TOKEN : SLOT_HEAD);
	clear(out, n);
	memset(dh, 0, n * c * sizeof *dh);
	for (size_t i = 0, m; (m = gather(l, h, targets, n, &i)) > 0;) {
		const real *x = score_chunk(l, w, m, out->entropy || dent, out);
		for (size_t r = 0; r < m; r++) {
			l->dlogp[r] = dlogp[l->index[r]];
			if (dent)
				l->dent[r] = dent[l->index[r]];
		}
		xent_backward(l->logits, l->lse, l->ent, l->targets, l->dlogp, dent ? l->dent : NULL, m,
		    vocab, vocab);
		if (gradient(l, g, SLOT_HEAD_B))
			column_sum_add(gradient(l, g, SLOT_HEAD_B), l->logits, m, vocab);
		linear_backward(l->drows, ghead, l->logits, x, w + head, m, c, vocab);
		transform_backward(l, w, g, m);
		for (size_t r = 0; r < m; r++)
			memcpy(dh + l->index[r] * c, l->drows + r * c, c * sizeof *dh);
	}
}
