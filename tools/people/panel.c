#include "people/panel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"

/* Pairs without any tie have two classes. */
static void
copy_votes(struct panel *v, const struct gathered *g)
{
	v->n = g->nballots;
	v->units = gather_units(g);
	v->raters = g->raters.n;
	v->votes = cli_zalloc(v->n, sizeof *v->votes, "votes");
	v->first = cli_zalloc(v->units + 1, sizeof *v->first, "votes");
	for (size_t i = 0; i < v->n && g->kind == GATHER_RANKS; i++)
		v->ties = v->ties || g->ballots[i].vote.value == EQUAL;
	for (size_t i = 0; i < v->n; i++) {
		v->votes[i] = g->ballots[i].vote;
		if (g->kind == GATHER_RANKS && !v->ties)
			v->votes[i].value /= 2;
		v->first[v->votes[i].unit + 1] = i + 1;
	}
	v->classes = v->ties ? 3 : 2;
}

/* With fewer opponents an answer's score fits whatever was said of it, and hides the raters' errors. */
static bool
has_opponents(const struct gathered *g)
{
	return 2 * g->units.n >= MANY_OPPONENTS * g->things.n;
}

static void
fit_crowd(struct panel *v)
{
	struct err e;
	const struct gathered *g = v->g;
	struct duel *d = cli_zalloc(2 * v->n, sizeof *d, "votes");
	size_t n = 0;
	for (size_t i = 0; i < v->n; i++) {
		const struct vote *b = &g->ballots[i].vote;
		uint32_t first = g->pairs[b->unit][0], second = g->pairs[b->unit][1];
		double weight = b->value == EQUAL ? 0.5 : 1;
		if (b->value != SECOND_BETTER)
			d[n++] = (struct duel){first, second, b->rater, weight};
		if (b->value != FIRST_BETTER)
			d[n++] = (struct duel){second, first, b->rater, weight};
	}
	if (crowd_bt_fit(&v->crowd, d, n, g->things.n, v->raters, &e))
		cli_fail(&e);
	free(d);
}

/* ---- raters beside the others ---- */

/* The label that the others' votes on the unit of vote i make most probable, -1 when none is. */
static int
others_label(const struct panel *v, size_t i, double *p)
{
	uint32_t unit = v->votes[i].unit;
	size_t from = v->first[unit], m = v->first[unit + 1] - from, best = 0;
	if (m < 2)
		return -1;
	dawid_posterior(&v->dawid, v->votes + from, m, v->votes[i].rater, p);
	for (size_t c = 1; c < v->classes; c++)
		best = p[c] > p[best] ? c : best;
	for (size_t c = 0; c < v->classes; c++)
		if (c != best && p[best] - p[c] < 1e-6)
			return -1;
	return (int)best;
}

/* On which side of the mean the others' ratings of the unit are, -1: on none. */
static int
others_side(const struct panel *v, size_t i)
{
	const struct ratings *m = &v->ratings;
	uint32_t unit = v->votes[i].unit, rater = v->votes[i].rater;
	double sum = 0; /* weighted as in their worth */
	for (size_t j = v->first[unit]; j < v->first[unit + 1]; j++)
		if (v->votes[j].rater != rater)
			sum += (v->votes[j].value - m->offset[v->votes[j].rater] - m->mean) / m->error[v->votes[j].rater];
	return sum == 0 ? -1 : sum > 0;
}

/* The same of the rating, leniency apart. */
static int
own_side(const struct panel *v, size_t i)
{
	double own = v->votes[i].value - v->ratings.offset[v->votes[i].rater] - v->ratings.mean;
	return own == 0 ? -1 : own > 0;
}

static void
compare_with_others(struct panel *v)
{
	double *own = cli_zalloc(v->raters * 3, sizeof *own, "votes"), p[3];
	double *others = cli_zalloc(v->raters * 3, sizeof *others, "votes");
	bool rated = v->model == MODEL_OFFSETS;
	for (size_t i = 0; i < v->n; i++) {
		size_t r = v->votes[i].rater;
		int said = rated ? own_side(v, i) : (int)v->votes[i].value;
		int wanted = rated ? others_side(v, i) : others_label(v, i, p);
		if (said < 0 || wanted < 0)
			continue;
		v->views[r].compared++;
		v->views[r].agreed += said == wanted;
		own[3 * r + (size_t)said]++;
		others[3 * r + (size_t)wanted]++;
	}
	for (size_t r = 0; r < v->raters; r++) {
		struct rater_view *w = &v->views[r];
		double n = (double)w->compared;
		w->agreement = w->chance = w->p = (double)NAN;
		if (!w->compared)
			continue;
		w->agreement = (double)w->agreed / n;
		w->chance = 0;
		for (size_t c = 0; c < 3; c++)
			w->chance += own[3 * r + c] / n * (others[3 * r + c] / n);
		w->p = binomial_tail(w->agreed, w->compared, w->chance);
		w->flagged = w->compared >= FLAG_LEAST && w->p > FLAG_LEVEL;
	}
	free(own);
	free(others);
}

/* ---- biases ---- */

struct share {
	double part, all;
};

/* Adds the vote to the shares of decided pairs in which the first shown, and the longer, was preferred. */
static void
add_biases(const struct gathered *g, const struct ballot *b, struct share *position, struct share *length)
{
	if (b->vote.value == EQUAL)
		return;
	const uint32_t *pair = g->pairs[b->vote.unit];
	int better = b->vote.value == FIRST_BETTER ? 1 : -1;
	int longer = (g->sizes[pair[0]] > g->sizes[pair[1]]) - (g->sizes[pair[0]] < g->sizes[pair[1]]);
	position->all += b->shown != 0;
	position->part += b->shown == better;
	length->all += longer != 0;
	length->part += longer == better;
}

static double
of_all(const struct share *s)
{
	return s->all > 0 ? s->part / s->all : (double)NAN;
}

void
panel_biases(const struct panel *v, double *position, double *length)
{
	struct share a = {0}, b = {0};
	for (size_t i = 0; i < v->n && v->g->kind == GATHER_RANKS; i++)
		add_biases(v->g, &v->g->ballots[i], &a, &b);
	*position = of_all(&a);
	*length = of_all(&b);
}

/* Of every rater. */
static void
find_biases(struct panel *v)
{
	struct share *a = cli_zalloc(2 * v->raters, sizeof *a, "votes"), *b = a + v->raters;
	for (size_t i = 0; i < v->n && v->g->kind == GATHER_RANKS; i++)
		add_biases(v->g, &v->g->ballots[i], &a[v->votes[i].rater], &b[v->votes[i].rater]);
	for (size_t r = 0; r < v->raters; r++) {
		v->views[r].position_bias = of_all(&a[r]);
		v->views[r].length_bias = of_all(&b[r]);
	}
	free(a);
}

/* ---- the whole ---- */

void
panel_find(struct panel *v, const struct gathered *g, int model)
{
	struct err e;
	*v = (struct panel){.g = g};
	if (model == MODEL_CROWD_BT && g->kind == GATHER_LIKED)
		cli_die(ERR_USAGE, "--model crowd-bt is for comparisons, these are likes");
	if (model >= 0 && g->kind == GATHER_RATING)
		cli_die(ERR_USAGE, "--model is for comparisons and likes, these are ratings");
	copy_votes(v, g);
	v->model = g->kind == GATHER_RATING ? MODEL_OFFSETS : model >= 0 ? (enum panel_model)model
	    : g->kind == GATHER_RANKS && has_opponents(g) ? MODEL_CROWD_BT : MODEL_DAWID_SKENE;
	if (v->model == MODEL_OFFSETS ? ratings_fit(&v->ratings, v->votes, v->n, v->units, v->raters, &e)
	    : dawid_fit(&v->dawid, v->votes, v->n, v->units, v->raters, v->classes, g->kind == GATHER_RANKS, &e))
		cli_fail(&e);
	if (v->model == MODEL_CROWD_BT)
		fit_crowd(v);
	v->views = cli_zalloc(v->raters, sizeof *v->views, "votes");
	compare_with_others(v);
	for (size_t r = 0; r < v->raters; r++) {
		v->views[r].judgements = g->by_rater[r];
		v->views[r].reliability = !v->views[r].compared ? (double)NAN : v->model == MODEL_OFFSETS ? ratings_reliability(&v->ratings, r)
		    : v->model == MODEL_CROWD_BT ? v->crowd.reliability[r] : dawid_reliability(&v->dawid, r);
	}
	find_biases(v);
}

void
panel_pair(const struct panel *v, uint32_t a, uint32_t b, double p[3])
{
	if (v->model == MODEL_CROWD_BT) {
		p[FIRST_BETTER] = 1 / (1 + exp(v->crowd.score[b] - v->crowd.score[a]));
		p[SECOND_BETTER] = 1 - p[FIRST_BETTER];
		p[EQUAL] = 0;
		return;
	}
	const double *q = v->dawid.posterior + gather_unit(v->g, a, b) * v->classes;
	p[FIRST_BETTER] = q[0];
	p[EQUAL] = v->ties ? q[1] : 0;
	p[SECOND_BETTER] = q[v->classes - 1];
}
