#include "train/shard.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 22 }; /* numbers of a piece: so that sending begins before a large tensor has been copied */

/* ---- owners ---- */

/* Where the first `want` of the trained numbers end. */
static size_t
place_of(const struct params *p, const bool *trained, size_t want)
{
	for (size_t i = 0, seen = 0; i < p->n; i++) {
		const struct param *it = &p->items[i];
		if (!trained[i])
			continue;
		if (want - seen <= it->size)
			return it->offset + (want - seen);
		seen += it->size;
	}
	return p->size;
}

static void
set_bounds(struct shard_plan *s, const struct params *p, const bool *trained)
{
	size_t all = 0;
	for (size_t i = 0; i < p->n; i++)
		all += trained[i] ? p->items[i].size : 0;
	s->bounds[0] = 0;
	s->bounds[s->ranks] = p->size;
	for (size_t r = 1; r < s->ranks; r++) {
		size_t want = all / s->ranks * r + all % s->ranks * r / s->ranks;
		s->bounds[r] = want ? place_of(p, trained, want) : 0;
	}
}

/* ---- pieces ---- */

static int
add_piece(struct shard_plan *s, size_t at, size_t n, size_t owner, size_t stage, struct err *e)
{
	if (mem_grow(&s->pieces, &s->cap, s->n + 1, sizeof *s->pieces, "pieces of the gradient", e))
		return -1;
	s->pieces[s->n++] = (struct shard_piece){at, n, owner, stage, s->owned[owner]};
	s->owned[owner] += n;
	return 0;
}

/* [from, to) cut where the owner changes, and where it is too large. */
static int
add_range(struct shard_plan *s, size_t from, size_t to, size_t stage, struct err *e)
{
	size_t owner = 0;
	while (from < to) {
		while (s->bounds[owner + 1] <= from)
			owner++;
		size_t end = s->bounds[owner + 1] < to ? s->bounds[owner + 1] : to;
		end = end - from > LARGEST ? from + LARGEST : end;
		if (add_piece(s, from, end - from, owner, stage, e))
			return -1;
		from = end;
	}
	return 0;
}

static size_t
stage_of(const struct param *it, size_t layers)
{
	bool block = (it->slot >= SLOT_NORM1 && it->slot <= SLOT_DOWN_B) || it->slot >= SLOT_LORA;
	return block ? it->layer : layers;
}

/* Neighbours travel together; between them are at most the gaps of the alignment. */
static int
add_stage(struct shard_plan *s, const struct params *p, size_t layers, const bool *trained, size_t stage, struct err *e)
{
	size_t from = 0, to = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct param *it = &p->items[i];
		if (!trained[i] || stage_of(it, layers) != stage)
			continue;
		if (to > from && it->offset - to < 16) {
			to = it->offset + it->size;
			continue;
		}
		if (add_range(s, from, to, stage, e))
			return -1;
		from = it->offset;
		to = from + it->size;
	}
	return add_range(s, from, to, stage, e);
}

int
shard_plan_build(struct shard_plan *s, const struct params *p, size_t layers, const bool *trained, size_t ranks,
    struct err *e)
{
	*s = (struct shard_plan){.ranks = ranks};
	s->bounds = mem_zalloc(ranks + 1, sizeof *s->bounds, "shards", e);
	s->owned = mem_zalloc(ranks, sizeof *s->owned, "shards", e);
	if (!s->bounds || !s->owned)
		goto fail;
	set_bounds(s, p, trained);
	for (size_t l = layers; l-- > 0;)
		if (add_stage(s, p, layers, trained, l, e))
			goto fail;
	if (add_stage(s, p, layers, trained, layers, e))
		goto fail;
	return 0;
fail:
	shard_plan_free(s);
	return -1;
}

void
shard_plan_free(struct shard_plan *s)
{
	free(s->bounds);
	free(s->owned);
	free(s->pieces);
	memset(s, 0, sizeof *s);
}
