#include "people/consensus.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"

/* What is said of an item. */
struct opinion_of_all {
	double *wins;   /* (k) expected number of others that it is better than, an equal one counting half */
	uint32_t *ranks;
	size_t cap_wins, cap_ranks;
	double value;   /* rating, or 0 and 1 */
	double weight;  /* how probable it is that this is right */
	uint32_t raters;
};

static void
make_room(struct opinion_of_all *o, size_t k)
{
	struct err e;
	if (mem_grow(&o->wins, &o->cap_wins, k, sizeof *o->wins, "ranks", &e) ||
	    mem_grow(&o->ranks, &o->cap_ranks, k, sizeof *o->ranks, "ranks", &e))
		cli_fail(&e);
	memset(o->wins, 0, k * sizeof *o->wins);
}

/* Places by expected wins; those that differ by less than 1e-6 share one, and two answers that are most probably equal. */
static void
rank(const struct panel *v, const struct gathered_item *it, struct opinion_of_all *o)
{
	size_t k = it->item->k;
	double p[3];
	make_room(o, k);
	for (size_t i = 0; i < k; i++)
		for (size_t j = i + 1; j < k; j++) {
			panel_pair(v, it->things[i], it->things[j], p);
			o->wins[i] += p[FIRST_BETTER] + p[EQUAL] / 2;
			o->wins[j] += p[SECOND_BETTER] + p[EQUAL] / 2;
			if (k == 2 && p[EQUAL] >= p[FIRST_BETTER] && p[EQUAL] >= p[SECOND_BETTER])
				o->wins[i] = o->wins[j] = 0.5;
		}
	for (size_t i = 0; i < k; i++) {
		o->ranks[i] = 1;
		for (size_t j = 0; j < k; j++)
			o->ranks[i] += o->wins[j] > o->wins[i] + 1e-6;
	}
}

/* The mean over the pairs of how probable what the ranks say of it is. */
static void
weigh(const struct panel *v, const struct gathered_item *it, struct opinion_of_all *o)
{
	size_t k = it->item->k;
	double p[3], sum = 0;
	o->raters = 0;
	for (size_t i = 0; i < k; i++)
		for (size_t j = i + 1; j < k; j++) {
			uint32_t unit = gather_unit(v->g, it->things[i], it->things[j]), a = o->ranks[i], b = o->ranks[j];
			size_t votes = v->first[unit + 1] - v->first[unit];
			panel_pair(v, it->things[i], it->things[j], p);
			sum += a < b ? p[FIRST_BETTER] : a > b ? p[SECOND_BETTER] : v->model == MODEL_CROWD_BT ? 0.5 : p[EQUAL];
			o->raters = votes > o->raters ? (uint32_t)votes : o->raters;
		}
	o->weight = sum / ((double)k * (double)(k - 1) / 2);
}

static void
find_opinion(const struct panel *v, size_t i, struct opinion_of_all *o)
{
	const struct gathered_item *it = &v->g->items[i];
	if (v->g->kind == GATHER_RANKS) {
		rank(v, it, o);
		weigh(v, it, o);
		return;
	}
	o->raters = (uint32_t)(v->first[i + 1] - v->first[i]);
	if (v->g->kind == GATHER_RATING) {
		o->value = v->ratings.worth[i];
		o->weight = ratings_confidence(&v->ratings, i);
		return;
	}
	const double *p = v->dawid.posterior + 2 * i;
	o->value = p[1] >= p[0];
	o->weight = fmax(p[0], p[1]);
}

static void
open_consensus(struct cli_out *out, const struct panel *v, const char *path, const struct ten_head *const *inputs, size_t n)
{
	struct err e;
	struct ten_head h = {.kind = "judgements"};
	uint64_t ragged = TEN_RAGGED;
	enum gather_kind kind = v->g->kind;
	if (ten_head_add(&h, "text", TEN_TEXT, 8, 1, &ragged, &e) || ten_head_add(&h, "turn_ends", TEN_UINT, 32, 1, &ragged, &e) ||
	    ten_head_add(&h, "roles", TEN_UINT, 8, 1, &ragged, &e) || ten_head_add(&h, "answers", TEN_TEXT, 8, 1, &ragged, &e) ||
	    ten_head_add(&h, "answer_ends", TEN_UINT, 32, 1, &ragged, &e) ||
	    (kind == GATHER_RANKS ? ten_head_add(&h, "ranks", TEN_UINT, 32, 1, &ragged, &e)
	        : kind == GATHER_LIKED ? ten_head_add(&h, "liked", TEN_UINT, 8, 0, NULL, &e)
	        : ten_head_add(&h, "rating", TEN_FLOAT, 64, 0, NULL, &e)) ||
	    ten_head_add(&h, "weight", TEN_FLOAT, 64, 0, NULL, &e) || ten_head_add(&h, "raters", TEN_UINT, 32, 0, NULL, &e))
		cli_fail(&e);
	cli_open_out(out, path, &h, inputs, n, NULL, NULL);
	ten_head_free(&h);
}

double
consensus_write(const struct panel *v, const char *path, const struct ten_head *const *inputs, size_t n)
{
	struct cli_out out;
	struct opinion_of_all o = {0};
	double sum = 0;
	if (path)
		open_consensus(&out, v, path, inputs, n);
	for (size_t i = 0; i < v->g->nitems; i++) {
		const struct item *t = v->g->items[i].item;
		find_opinion(v, i, &o);
		sum += o.weight;
		uint8_t liked = o.value > 0;
		const struct ten_value values[8] = {ten_vector(t->prompt.text, t->prompt.ends[t->prompt.turns - 1]),
		    ten_vector(t->prompt.ends, t->prompt.turns), ten_vector(t->prompt.roles, t->prompt.turns),
		    ten_vector(t->answers, t->ends[t->k - 1]), ten_vector(t->ends, t->k),
		    v->g->kind == GATHER_RANKS ? ten_vector(o.ranks, t->k) : v->g->kind == GATHER_LIKED ? ten_vector(&liked, 1)
		    : ten_vector(&o.value, 1), ten_vector(&o.weight, 1), ten_vector(&o.raters, 1)};
		if (path)
			cli_write(&out, values);
	}
	if (path)
		cli_close_out(&out);
	free(o.wins);
	free(o.ranks);
	return sum / (double)v->g->nitems;
}

void
consensus_raters(const struct panel *v, const char *path, const struct ten_head *const *inputs, size_t n)
{
	static const char *const shares[] = {"agreement", "chance", "p", "reliability", "position_bias", "length_bias"};
	struct err e;
	struct cli_out out;
	struct ten_head h = {.kind = "raters"};
	uint64_t ragged = TEN_RAGGED;
	size_t nshares = v->g->kind == GATHER_RANKS ? 6 : 4;
	int rc = ten_head_add(&h, "rater", TEN_TEXT, 8, 1, &ragged, &e) || ten_head_add(&h, "judgements", TEN_UINT, 64, 0, NULL, &e) ||
	    ten_head_add(&h, "compared", TEN_UINT, 64, 0, NULL, &e);
	for (size_t i = 0; i < nshares && !rc; i++)
		rc = ten_head_add(&h, shares[i], TEN_FLOAT, 64, 0, NULL, &e);
	if (rc || ten_head_add(&h, "flagged", TEN_UINT, 8, 0, NULL, &e))
		cli_fail(&e);
	cli_open_out(&out, path, &h, inputs, n, NULL, NULL);
	for (size_t r = 0; r < v->raters; r++) {
		const struct rater_view *w = &v->views[r];
		const double all[6] = {w->agreement, w->chance, w->p, w->reliability, w->position_bias, w->length_bias};
		uint8_t flagged = w->flagged;
		const char *name = v->g->raters.names[r];
		struct ten_value values[10] = {ten_vector(name, strlen(name)), ten_vector(&w->judgements, 1), ten_vector(&w->compared, 1)};
		for (size_t i = 0; i < nshares; i++)
			values[3 + i] = ten_vector(&all[i], 1);
		values[3 + nshares] = ten_vector(&flagged, 1);
		cli_write(&out, values);
	}
	cli_close_out(&out);
	ten_head_free(&h);
}
