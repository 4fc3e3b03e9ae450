#include "train/reward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "loss/reward.h"

static const char *const columns[] = {"accuracy", "margin", NULL};
static const char *const columns_of_demonstrations[] = {"accuracy", "margin", "chance", NULL};

/* The mean over the pairs that are no ties; with `first` of pairs with an answer of rank 1 only. */
static void
compare(struct judged_sums *sums, double weight, const double *s, const struct candidate *c, size_t k, bool first)
{
	double pairs = 0, right = 0, margin = 0;
	for (size_t i = 0; i < k; i++)
		for (size_t j = 0; j < k; j++)
			if (c[i].rank < c[j].rank && (c[i].rank == 1 || !first)) {
				pairs++;
				margin += s[i] - s[j];
				right += s[i] > s[j] ? 1 : s[i] < s[j] ? 0 : 0.5;
			}
	if (pairs > 0) {
		judged_add(sums, REWARD_ACCURACY, weight, right / pairs);
		judged_add(sums, REWARD_MARGIN, weight, margin / pairs);
	}
}

/* Loss of a record whose scores are k->s; sets k->d. */
static double
record_loss(struct reward_trainer *k, const struct judged *j, const struct candidate *c, uint32_t *ranks,
    struct judged_sums *sums)
{
	double sign = j->liked ? 1 : -1;
	if (k->opts.kind == REWARD_RATING)
		return reward_rating(k->d, k->s[0], j->rating);
	if (k->opts.kind == REWARD_LIKED) {
		judged_add(sums, REWARD_ACCURACY, j->weight, k->s[0] == 0 ? 0.5 : sign * k->s[0] > 0);
		judged_add(sums, REWARD_MARGIN, j->weight, sign * k->s[0]);
		return reward_liked(k->d, k->s[0], j->liked);
	}
	bool demonstrated = k->opts.kind == REWARD_DEMONSTRATION;
	size_t samples = 0;
	for (size_t i = 0; i < j->k; i++) {
		ranks[i] = c[i].rank;
		samples += ranks[i] > 1;
	}
	compare(sums, j->weight, k->s, c, j->k, demonstrated);
	if (demonstrated) {
		judged_add(sums, REWARD_CHANCE, j->weight, log1p((double)samples));
		return reward_demonstrations(k->d, k->s, ranks, j->k, k->opts.centre);
	}
	if (k->opts.kind == REWARD_LISTWISE)
		return reward_listwise(k->d, k->s, ranks, j->k, k->opts.centre);
	return reward_pairs(k->d, k->s, ranks, j->k, j->margin, k->opts.centre);
}

/* Scores of the rows [from, to), which the trunk has just been through. */
static void
score(struct reward_trainer *k, struct trainer *t, const struct rows *r, size_t from, size_t to)
{
	size_t start = from ? r->ends[from - 1].tokens : 0, last = r->judged[to - 1].first + r->judged[to - 1].k;
	k->n = 0;
	for (size_t c = r->judged[from].first; c < last; c++)
		k->at[k->n++] = r->candidates[c].scored - start;
	value_head_forward(k->z, t->trunk.h, k->at, k->n, t->w, t->table, t->cfg->width);
}

/* Adds the losses of the rows that have been scored and sets dz, scale times each record's gradient. */
static void
losses(struct reward_trainer *k, const struct rows *r, size_t from, size_t to, double scale, struct judged_sums *sums)
{
	for (size_t i = from, at = 0; i < to; i++) {
		const struct judged *j = &r->judged[i];
		for (size_t c = 0; c < j->k; c++)
			k->s[c] = (double)k->z[at + c];
		sums->loss += j->weight * record_loss(k, j, r->candidates + j->first, k->ranks, sums);
		sums->weight += j->weight;
		for (size_t c = 0; c < j->k; c++)
			k->dz[at + c] = (real)(scale * j->weight * k->d[c]);
		at += j->k;
	}
}

/* Room for the largest record. */
static int
make_room(struct reward_trainer *k, const struct rows *r, struct err *e)
{
	size_t most = 1;
	for (size_t i = 0; i < r->n; i++)
		most = r->judged[i].k > most ? r->judged[i].k : most;
	return mem_grow(&k->s, &k->cap_s, most, sizeof *k->s, "scores", e) ||
	    mem_grow(&k->d, &k->cap_d, most, sizeof *k->d, "scores", e) ||
	    mem_grow(&k->ranks, &k->cap_ranks, most, sizeof *k->ranks, "ranks", e) ? -1 : 0;
}

static int
gradient(struct objective *o, struct trainer *t, struct rows *r, struct step_stats *s, struct err *e)
{
	struct reward_trainer *k = (struct reward_trainer *)o;
	struct judged_sums sums = {0};
	double weight;
	if (judged_weight(t->team, r, &weight, s, e) || make_room(k, r, e))
		return -1;
	if (s->idle)
		return 0;
	double trained = (double)r->ncandidates;
	if (team_sum(t->team, &trained, 1, e))
		return -1;
	s->trained = (size_t)trained;
	for (size_t from = 0, to, micro = 0; from < r->n; from = to, micro++) {
		struct batch b;
		const int32_t *targets;
		to = rows_batch(r, from, t->opts.max_tokens, &b, &targets);
		trainer_forward(t, &b, micro);
		score(k, t, r, from, to);
		losses(k, r, from, to, 1 / weight, &sums);
		memset(t->dh, 0, b.n * t->cfg->width * sizeof *t->dh);
		value_head_backward(t->dh, t->g, k->dz, t->trunk.h, k->at, k->n, t->w, t->table, t->cfg->width);
		trainer_backward(t, &b, to == r->n);
	}
	if (judged_team(t->team, &sums, e))
		return -1;
	s->loss = sums.loss / weight;
	for (int i = 0; o->columns[i]; i++)
		s->columns[i] = judged_mean(&sums, i);
	return 0;
}

int
reward_evaluate(struct reward_trainer *k, struct trainer *t, struct rows *r, struct judged_sums *sums, struct err *e)
{
	if (make_room(k, r, e))
		return -1;
	t->trunk.dropout = 0;
	for (size_t from = 0, to; from < r->n; from = to) {
		struct batch b;
		const int32_t *targets;
		to = rows_batch(r, from, t->opts.max_tokens, &b, &targets);
		trunk_forward(&t->trunk, t->w, &b, NULL);
		score(k, t, r, from, to);
		losses(k, r, from, to, 0, sums);
	}
	return 0;
}

int
reward_open(struct reward_trainer *k, struct trainer *t, const struct reward_opts *o, struct err *e)
{
	*k = (struct reward_trainer){.opts = *o, .objective = {.gradient = gradient,
	    .columns = o->kind == REWARD_DEMONSTRATION ? columns_of_demonstrations : columns}};
	size_t n = trainer_room(&t->opts);
	for (int pass = 0; pass < 2; pass++) {
		k->z = arena_carve(&k->arena, n, sizeof(real));
		k->dz = arena_carve(&k->arena, n, sizeof(real));
		k->at = arena_carve(&k->arena, n, sizeof *k->at);
		if (pass == 0 && arena_commit(&k->arena, "scores", e))
			return -1;
	}
	trainer_freeze(t, SLOT_TRANSFORM, SLOT_HEAD_B, true);
	trainer_freeze(t, SLOT_VALUE, SLOT_VALUE_B, false);
	trainer_plan(t);
	t->objective = &k->objective;
	return 0;
}

void
reward_close(struct reward_trainer *k)
{
	arena_close(&k->arena);
	free(k->s);
	free(k->d);
	free(k->ranks);
	memset(k, 0, sizeof *k);
}
