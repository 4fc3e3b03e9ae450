#include "train/contrast.h"

#include <string.h>

#include "base/rng.h"
#include "math/act.h"
#include "math/gemm.h"
#include "math/unit.h"

static void
carve(struct contrast *c, struct arena *a)
{
	size_t n = c->opts.rows, w = c->cfg->width, q = c->opts.queue;
	c->pooled = arena_carve(a, n * w, sizeof(real));
	c->hidden = arena_carve(a, n * w, sizeof(real));
	c->act = arena_carve(a, n * w, sizeof(real));
	c->z = arena_carve(a, n * c->dim, sizeof(real));
	c->dz = arena_carve(a, n * c->dim, sizeof(real));
	c->ends = arena_carve(a, n, sizeof *c->ends);
	c->keys = arena_carve(a, n, sizeof *c->keys);
	if (!q)
		return;
	c->average = arena_carve(a, c->table->size, sizeof(real));
	c->queue = arena_carve(a, q * c->dim, sizeof(real));
	c->queue_keys = arena_carve(a, q, sizeof *c->queue_keys);
	c->fresh = arena_carve(a, n * c->dim, sizeof(real));
}

/* Random directions, as the published code begins; no source has their keys. */
static void
fill_queue(struct contrast *c)
{
	real inv;
	for (size_t i = 0; i < c->opts.queue; i++) {
		real *q = c->queue + i * c->dim;
		for (size_t j = 0; j < c->dim; j++)
			q[j] = (real)rng_normal(c->opts.seed, RNG_INIT, UINT64_MAX, i * c->dim + j);
		unit_forward(q, &inv, q, 1, c->dim);
		c->queue_keys[i] = 0;
	}
}

/* ---- embeddings ---- */

static const real *
weight(const struct contrast *c, const real *w, enum slot slot)
{
	return w + param_offset(c->table, slot, 0);
}

static int
check_pairs(const struct rows *r, const struct contrast *c, struct err *e)
{
	if (r->n % 2 || r->n > c->opts.rows)
		return err_set(e, ERR_DATA, "%zu views are not pairs, or more than %zu", r->n, c->opts.rows);
	for (size_t i = 0; i < r->n; i++) {
		if (i % 2 && (r->ends[i].source != r->ends[i - 1].source || r->ends[i].key != r->ends[i - 1].key))
			return err_set(e, ERR_DATA, "views of records %llu and %llu stand beside each other: views of one"
			    " source must be neighbours, two of each",
			    (unsigned long long)r->ends[i - 1].source, (unsigned long long)r->ends[i].source);
		if (r->ends[i].tokens == (i ? r->ends[i - 1].tokens : 0))
			return err_set(e, ERR_DATA, "a view of record %llu is empty", (unsigned long long)r->ends[i].source);
	}
	return 0;
}

static const size_t *
local_ends(struct contrast *c, const struct rows *r, size_t from, size_t to)
{
	rows_ends(r, from, to, c->ends + from);
	return c->ends + from;
}

/* Sets pooled of all rows; returns the number of micro-batches. `first`: number of the first, which
 * addresses its dropout. */
static size_t
embed(struct contrast *c, struct trainer *t, const real *w, struct rows *r, size_t first, double dropout)
{
	size_t micro = 0;
	for (size_t from = 0, to; from < r->n; from = to, micro++) {
		struct batch b;
		const int32_t *targets;
		to = rows_batch(r, from, t->opts.max_tokens, &b, &targets);
		t->trunk.dropout = dropout;
		t->trunk.step = t->step << 16 | (first + micro);
		trunk_forward(&t->trunk, w, &b, NULL);
		pool_forward(c->opts.pool, c->pooled + from * c->cfg->width, t->trunk.h, local_ends(c, r, from, to),
		    to - from, c->cfg->width);
	}
	return micro;
}

/* z from pooled. */
static void
project(struct contrast *c, const real *w, size_t n)
{
	size_t width = c->cfg->width;
	if (!n)
		return;
	if (!c->cfg->projection) {
		memcpy(c->z, c->pooled, n * width * sizeof *c->z);
		return;
	}
	linear_forward(c->hidden, c->pooled, weight(c, w, SLOT_PROJECT1), n, width, width);
	act_forward(ACT_RELU, c->act, c->hidden, weight(c, w, SLOT_PROJECT1_B), n, width);
	linear_forward(c->z, c->act, weight(c, w, SLOT_PROJECT2), n, width, c->dim);
}

/* pooled becomes its own gradient. */
static void
project_backward(struct contrast *c, const real *w, real *g, size_t n)
{
	size_t width = c->cfg->width;
	if (!n)
		return;
	if (!c->cfg->projection) {
		memcpy(c->pooled, c->dz, n * width * sizeof *c->z);
		return;
	}
	real *dact = c->act;
	real *in = c->pooled;
	gemm(true, false, c->dim, width, n, c->dz, c->dim, c->act, width, true,
	    g + param_offset(c->table, SLOT_PROJECT2, 0), width);
	gemm(false, false, n, width, c->dim, c->dz, c->dim, weight(c, w, SLOT_PROJECT2), width, false, dact, width);
	act_backward(ACT_RELU, dact, g + param_offset(c->table, SLOT_PROJECT1_B, 0), dact, c->hidden, n, width);
	gemm(true, false, width, width, n, dact, width, in, width, true,
	    g + param_offset(c->table, SLOT_PROJECT1, 0), width);
	gemm(false, false, n, width, width, dact, width, weight(c, w, SLOT_PROJECT1), width, false, in, width);
}

/* From the gradients of the pooled states; `count` micro-batches, the last of which the trunk still holds. */
static void
embed_backward(struct contrast *c, struct trainer *t, struct rows *r, size_t count)
{
	for (size_t from = 0, to, micro = 0; from < r->n; from = to, micro++) {
		struct batch b;
		const int32_t *targets;
		to = rows_batch(r, from, t->opts.max_tokens, &b, &targets);
		if (count > 1)
			trainer_forward(t, &b, micro);
		pool_backward(c->opts.pool, t->dh, c->pooled + from * c->cfg->width, local_ends(c, r, from, to),
		    to - from, c->cfg->width);
		trainer_backward(t, &b, to == r->n);
	}
}

static void
take_keys(struct contrast *c, const struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		c->keys[i] = r->ends[i].key;
}

/* ---- the batch of all ranks ---- */

/* Of n items, `views` of each pair, where this rank's begin. */
static size_t
first_of(const struct trainer *t, size_t n, size_t views)
{
	return views * team_share_of(n / views, team_rank(t->team), team_size(t->team));
}

/* The n items of the batch, each of `bytes`, of which this rank has its own at the front of x: all of them in their order. */
static int
gather(struct trainer *t, void *x, size_t n, size_t views, size_t bytes, struct err *e)
{
	size_t size = team_size(t->team), from = first_of(t, n, views);
	size_t to = views * team_share_of(n / views, team_rank(t->team) + 1, size);
	char *at = x;
	memmove(at + from * bytes, at, (to - from) * bytes);
	for (size_t r = 0; r < size; r++) {
		from = views * team_share_of(n / views, r, size);
		to = views * team_share_of(n / views, r + 1, size);
		if (team_share(t->team, r, at + from * bytes, (to - from) * bytes, e))
			return -1;
	}
	return team_finish(t->team, e);
}

/* Of the gradients of all embeddings those of this rank's, at the front. */
static void
keep_own(struct contrast *c, const struct trainer *t, size_t all, size_t views, size_t own)
{
	memmove(c->dz, c->dz + first_of(t, all, views) * c->dim, own * c->dim * sizeof *c->dz);
}

/* ---- with a queue ---- */

/* The first view of each pair to half[0], the second to half[1]. */
static int
divide(struct contrast *c, const struct rows *r, struct err *e)
{
	rows_reset(&c->half[0]);
	rows_reset(&c->half[1]);
	for (size_t i = 0; i < r->n; i++) {
		size_t from = i ? r->ends[i - 1].tokens : 0;
		struct row row = {.ids = r->ids + from, .positions = r->positions + from, .types = NULL,
		    .n = r->ends[i].tokens - from, .source = r->ends[i].source, .key = r->ends[i].key};
		if (rows_add(&c->half[i % 2], &row, c->cfg, e))
			return -1;
	}
	return 0;
}

static int
queue_gradient(struct contrast *c, struct trainer *t, struct rows *r, struct step_stats *s, struct err *e)
{
	if (divide(c, r, e))
		return -1;
	struct rows *queries = &c->half[0], *keys = &c->half[1];
	size_t n = queries->n, all = t->team ? c->opts.rows / 2 : n;
	/* masks of the keys are apart from those of the queries */
	embed(c, t, c->average, keys, 1 << 15, t->opts.dropout);
	project(c, c->average, n);
	memcpy(c->fresh, c->z, n * c->dim * sizeof *c->fresh);
	c->nfresh = all;
	size_t count = embed(c, t, t->w, queries, 0, t->opts.dropout);
	project(c, t->w, n);
	take_keys(c, queries);
	if (gather(t, c->fresh, all, 1, c->dim * sizeof *c->fresh, e) || gather(t, c->z, all, 1, c->dim * sizeof *c->z, e) ||
	    gather(t, c->keys, all, 1, sizeof *c->keys, e))
		return -1;
	s->loss = contrastive_queue(&c->loss, c->dz, c->z, c->fresh, c->keys, all, c->queue, c->queue_keys,
	    c->opts.queue, c->opts.temperature);
	memcpy(c->fresh, c->loss.other, all * c->dim * sizeof *c->fresh); /* of length 1 */
	keep_own(c, t, all, 1, n);
	project_backward(c, t->w, t->g, n);
	embed_backward(c, t, queries, count);
	return 0;
}

static void
stepped(struct objective *o, struct trainer *t)
{
	struct contrast *c = (struct contrast *)o;
	real m = (real)c->opts.momentum;
	for (size_t i = 0; i < c->nfresh; i++) {
		memcpy(c->queue + c->queue_at * c->dim, c->fresh + i * c->dim, c->dim * sizeof *c->queue);
		c->queue_keys[c->queue_at] = c->keys[i];
		c->queue_at = (c->queue_at + 1) % c->opts.queue;
	}
	c->nfresh = 0;
#pragma omp parallel for simd schedule(static)
	for (size_t i = 0; i < c->table->size; i++)
		c->average[i] = m * c->average[i] + (1 - m) * t->w[i];
}

/* ---- the objective ---- */

static int
gradient(struct objective *o, struct trainer *t, struct rows *r, struct step_stats *s, struct err *e)
{
	struct contrast *c = (struct contrast *)o;
	if (check_pairs(r, c, e))
		return err_prefix(e, "step %llu", (unsigned long long)t->step + 1);
	double tokens = (double)r->tokens;
	if (team_sum(t->team, &tokens, 1, e))
		return -1;
	s->trained = (size_t)tokens;
	if (c->opts.queue)
		return queue_gradient(c, t, r, s, e);
	size_t count = embed(c, t, t->w, r, 0, t->opts.dropout);
	project(c, t->w, r->n);
	take_keys(c, r);
	size_t all = t->team ? c->opts.rows : r->n;
	if (gather(t, c->z, all, 2, c->dim * sizeof *c->z, e) || gather(t, c->keys, all, 2, sizeof *c->keys, e))
		return -1;
	s->loss = contrastive_ntxent(&c->loss, c->dz, c->z, c->keys, all, c->opts.temperature);
	keep_own(c, t, all, 2, r->n);
	project_backward(c, t->w, t->g, r->n);
	embed_backward(c, t, r, count);
	return 0;
}

size_t
contrast_memory(const struct config *cfg, const struct params *table, const struct contrast_opts *o)
{
	struct contrast c = {.opts = *o, .cfg = cfg, .table = table, .dim = cfg->projection ? cfg->projection : cfg->width};
	struct arena a = {0};
	carve(&c, &a);
	size_t loss = contrastive_memory(c.dim, o->rows, o->queue), sum;
	return a.overflow || loss == SIZE_MAX || add_overflows(a.used, loss, &sum) ? SIZE_MAX : sum;
}

int
contrast_open(struct contrast *c, struct trainer *t, const struct contrast_opts *o, struct err *e)
{
	*c = (struct contrast){.opts = *o, .cfg = t->cfg, .table = t->table,
	    .dim = t->cfg->projection ? t->cfg->projection : t->cfg->width};
	c->objective.gradient = gradient;
	c->objective.stepped = o->queue ? stepped : NULL;
	trainer_freeze(t, SLOT_TRANSFORM, SLOT_HEAD_B, true);
	trainer_freeze(t, SLOT_PROJECT1, SLOT_PROJECT2, false);
	trainer_plan(t);
	carve(c, &c->arena);
	if (arena_commit(&c->arena, "embeddings", e) ||
	    contrastive_open(&c->loss, c->dim, o->rows, o->queue, e)) {
		contrast_close(c);
		return -1;
	}
	carve(c, &c->arena);
	if (o->queue) {
		fill_queue(c);
		memcpy(c->average, t->w, c->table->size * sizeof *c->average);
	}
	t->objective = &c->objective;
	return 0;
}

void
contrast_close(struct contrast *c)
{
	contrastive_close(&c->loss);
	arena_close(&c->arena);
	rows_free(&c->half[0]);
	rows_free(&c->half[1]);
	memset(c, 0, sizeof *c);
}

int
contrast_evaluate(struct contrast *c, struct trainer *t, struct rows *r, double *loss, struct err *e)
{
	if (check_pairs(r, c, e))
		return -1;
	embed(c, t, t->w, r, 0, 0);
	project(c, t->w, r->n);
	take_keys(c, r);
	*loss = contrastive_ntxent(&c->loss, NULL, c->z, c->keys, r->n, c->opts.temperature);
	return 0;
}
