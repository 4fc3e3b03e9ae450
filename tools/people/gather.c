#include "people/gather.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"

/* One stream. */
struct source {
	struct ten_reader *r;
	struct judgement_fields fields;
	int judged, rater, positions;
	size_t *order;      /* of the answers of the record by hash */
	XXH128_hash_t *keys;/* of the answers, in that order */
	size_t cap_order, cap_keys;
};

noreturn static void
bad(const struct source *s, const char *what)
{
	cli_die(ERR_DATA, "%s: record %" PRIu64 ": %s", ten_reader_name(s->r), ten_reader_record(s->r) - 1, what);
}

static void
open_source(struct gathered *g, struct source *s)
{
	static const char *const fields[] = {"ranks", "liked", "rating"}, *const what[] = {"comparisons", "likes", "ratings"};
	struct err e;
	const struct ten_head *h = ten_reader_head(s->r);
	const char *name = ten_reader_name(s->r);
	int kind = -1;
	if (judgement_fields(&s->fields, h, name, &e) || (s->rater = ten_head_need(h, name, "rater", TEN_TEXT, 8, 1, &e)) < 0)
		cli_fail(&e);
	for (int i = 0; i < 3; i++)
		if (ten_head_find(h, fields[i]) >= 0 && kind >= 0)
			cli_die(ERR_DATA, "%s: has both %s and %s", name, fields[kind], fields[i]);
		else if (ten_head_find(h, fields[i]) >= 0)
			kind = i;
	if (kind < 0)
		cli_die(ERR_DATA, "%s: has no field `ranks', `liked' or `rating'", name);
	if (g->begun && (int)g->kind != kind)
		cli_die(ERR_DATA, "%s: has %s, the streams before have %s", name, what[kind], what[g->kind]);
	g->begun = true;
	g->kind = (enum gather_kind)kind;
	s->judged = kind == GATHER_RANKS ? cli_field(s->r, "ranks", TEN_UINT, 32, 1)
	    : kind == GATHER_LIKED ? cli_field(s->r, "liked", TEN_UINT, 8, 0) : cli_field(s->r, "rating", TEN_FLOAT, 64, 0);
	s->positions = kind == GATHER_RANKS ? cli_field(s->r, "positions", TEN_UINT, 32, 1) : -1;
}

/* ---- the item of a record ---- */

/* Sorts the answers by hash: few, so by insertion. Exits when two are the same. */
static void
sort_answers(struct source *s, const struct item *item)
{
	struct err e;
	XXH128_hash_t prompt = item_prompt_key(item);
	if (mem_grow(&s->order, &s->cap_order, item->k, sizeof *s->order, "answers", &e) ||
	    mem_grow(&s->keys, &s->cap_keys, item->k, sizeof *s->keys, "answers", &e))
		cli_fail(&e);
	for (size_t i = 0; i < item->k; i++) {
		XXH128_hash_t key = item_answer_key(item, prompt, i);
		size_t at = i;
		for (; at > 0 && XXH128_cmp(&s->keys[at - 1], &key) > 0; at--) {
			s->keys[at] = s->keys[at - 1];
			s->order[at] = s->order[at - 1];
		}
		s->keys[at] = key;
		s->order[at] = i;
		if (at > 0 && XXH128_isEqual(s->keys[at - 1], key))
			bad(s, "two answers are the same");
	}
}

/* Its number; a new one is copied, with its answers in the order of their hashes. */
static uint32_t
find_item(struct gathered *g, struct source *s, const struct item *item)
{
	struct err e;
	XXH128_hash_t key;
	uint32_t number;
	bool added;
	sort_answers(s, item);
	if (item_key(&key, item, NULL, 0, &e) || keymap_add(&g->item_keys, key, &number, &added, &e))
		cli_fail(&e);
	if (!added)
		return number;
	struct gathered_item new = {item_copy(item, s->order, item->k, &e), NULL};
	if (!new.item || !(new.things = mem_zalloc(item->k, sizeof *new.things, "answers", &e)) ||
	    mem_grow(&g->items, &g->cap_items, g->nitems + 1, sizeof *g->items, "items", &e))
		cli_fail(&e);
	for (size_t i = 0; i < item->k; i++) {
		if (keymap_add(&g->things, s->keys[i], &new.things[i], &added, &e) ||
		    (added && mem_grow(&g->sizes, &g->cap_sizes, g->things.n, sizeof *g->sizes, "answers", &e)))
			cli_fail(&e);
		item_answer(new.item, i, &g->sizes[new.things[i]]);
	}
	g->items[g->nitems++] = new;
	return number;
}

static XXH128_hash_t
pair_key(uint32_t a, uint32_t b)
{
	return XXH3_128bits((uint32_t[]){a, b}, 2 * sizeof a);
}

/* ---- votes ---- */

static void
cast(struct gathered *g, uint32_t unit, uint32_t rater, double value, int shown)
{
	struct err e;
	if (mem_grow(&g->ballots, &g->cap_ballots, g->nballots + 1, sizeof *g->ballots, "votes", &e))
		cli_fail(&e);
	g->ballots[g->nballots] = (struct ballot){{unit, rater, value}, (int8_t)shown, g->nballots};
	g->nballots++;
}

static void
cast_ranks(struct gathered *g, struct source *s, const struct gathered_item *it, uint32_t rater, const uint32_t *ranks,
    const uint32_t *positions)
{
	struct err e;
	for (size_t i = 0; i < it->item->k; i++)
		for (size_t j = i + 1; j < it->item->k; j++) {
			size_t a = s->order[i], b = s->order[j];
			int shown = !positions || positions[a] == positions[b] ? 0 : positions[a] < positions[b] ? 1 : -1;
			uint32_t unit;
			bool added;
			if (keymap_add(&g->units, pair_key(it->things[i], it->things[j]), &unit, &added, &e) ||
			    (added && mem_grow(&g->pairs, &g->cap_pairs, g->units.n, sizeof *g->pairs, "pairs", &e)))
				cli_fail(&e);
			memcpy(g->pairs[unit], (uint32_t[]){it->things[i], it->things[j]}, sizeof *g->pairs);
			cast(g, unit, rater, ranks[a] < ranks[b] ? FIRST_BETTER : ranks[a] > ranks[b] ? SECOND_BETTER : EQUAL, shown);
		}
}

/* Ranks of the record, NULL when it was skipped. */
static const uint32_t *
ranks_of(const struct source *s, const struct item *item, const struct ten_value *v)
{
	const uint32_t *ranks = v[s->judged].data;
	size_t none = 0;
	if (v[s->judged].count != item->k)
		bad(s, "ranks and answers are not as many");
	if (s->positions >= 0 && v[s->positions].count && v[s->positions].count != item->k)
		bad(s, "positions and answers are not as many");
	for (size_t i = 0; i < item->k; i++)
		none += ranks[i] == 0;
	if (none && none < item->k)
		bad(s, "some answers have rank 0, which only all can have");
	if (!none && item->k < 2)
		bad(s, "one answer is nothing to compare");
	return none ? NULL : ranks;
}

static void
add_record(struct gathered *g, struct source *s, const struct ten_value *v)
{
	struct err e;
	struct item item;
	if (item_of(&item, &s->fields, v, &e))
		bad(s, e.msg);
	const uint32_t *ranks = g->kind == GATHER_RANKS ? ranks_of(s, &item, v) : NULL;
	double value = g->kind == GATHER_LIKED ? *(const uint8_t *)v[s->judged].data
	    : g->kind == GATHER_RATING ? *(const double *)v[s->judged].data : 0;
	if (g->kind != GATHER_RANKS && item.k != 1)
		bad(s, "several answers and one judgement");
	if (g->kind == GATHER_LIKED && value > 1)
		bad(s, "liked is neither 0 nor 1");
	if (isinf(value))
		bad(s, "the rating is not finite");
	if (v[s->rater].count == 0)
		bad(s, "does not say who judged: the rater is empty");
	g->judgements++;
	if ((g->kind == GATHER_RANKS && !ranks) || isnan(value)) {
		g->undecided++;
		return;
	}
	size_t known = g->raters.n;
	int32_t rater = label_set_add(&g->raters, v[s->rater].data, v[s->rater].count, &e);
	if (rater < 0 || mem_grow(&g->by_rater, &g->cap_by_rater, g->raters.n, sizeof *g->by_rater, "raters", &e)) {
		err_prefix(&e, "%s: record %" PRIu64 ": raters", ten_reader_name(s->r), ten_reader_record(s->r) - 1);
		cli_fail(&e);
	}
	g->by_rater[rater] = (size_t)rater < known ? g->by_rater[rater] + 1 : 1;
	uint32_t number = find_item(g, s, &item);
	if (ranks)
		cast_ranks(g, s, &g->items[number], (uint32_t)rater, ranks,
		    s->positions >= 0 && v[s->positions].count ? v[s->positions].data : NULL);
	else
		cast(g, number, (uint32_t)rater, value, 0);
}

void
gather(struct gathered *g, struct ten_reader *r)
{
	struct err e;
	struct source s = {.r = r};
	struct ten_value *v = mem_zalloc(ten_reader_head(r)->nfields, sizeof *v, "fields", &e);
	int got;
	if (!v)
		cli_fail(&e);
	open_source(g, &s);
	while ((got = ten_read(r, v, &e)) > 0)
		add_record(g, &s, v);
	if (got < 0)
		cli_fail(&e);
	free(v);
	free(s.order);
	free(s.keys);
}

/* ---- all is read ---- */

static int
by_unit_and_rater(const void *a, const void *b)
{
	const struct ballot *x = a, *y = b;
	if (x->vote.unit != y->vote.unit)
		return x->vote.unit < y->vote.unit ? -1 : 1;
	if (x->vote.rater != y->vote.rater)
		return x->vote.rater < y->vote.rater ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

void
gather_finish(struct gathered *g)
{
	size_t n = 0;
	if (g->nballots)
		qsort(g->ballots, g->nballots, sizeof *g->ballots, by_unit_and_rater);
	for (size_t i = 0; i < g->nballots; i++) {
		const struct vote *v = &g->ballots[i].vote, *before = n ? &g->ballots[n - 1].vote : NULL;
		bool again = before && before->unit == v->unit && before->rater == v->rater;
		g->replaced += again;
		n -= again;
		g->ballots[n++] = g->ballots[i];
	}
	g->nballots = n;
}

size_t
gather_units(const struct gathered *g)
{
	return g->kind == GATHER_RANKS ? g->units.n : g->nitems;
}

uint32_t
gather_unit(const struct gathered *g, uint32_t a, uint32_t b)
{
	uint32_t unit = 0;
	keymap_find(&g->units, pair_key(a, b), &unit);
	return unit;
}
