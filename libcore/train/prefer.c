#include "train/prefer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const columns[] = {"rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen",
    "logps/rejected", NULL};

/* ---- log-probabilities ---- */

static int
make_room(struct prefer_trainer *k, const struct rows *r, struct err *e)
{
	return mem_grow(&k->said, &k->cap_said, r->ncandidates, sizeof *k->said, "log-probabilities", e) ||
	    mem_grow(&k->d, &k->cap_d, r->ncandidates, sizeof *k->d, "log-probabilities", e) ? -1 : 0;
}

/* Candidates [*first, returned) are those of the rows [from, to). */
static size_t
candidates_of(const struct rows *r, size_t from, size_t to, size_t *first)
{
	*first = r->judged[from].first;
	return r->judged[to - 1].first + r->judged[to - 1].k;
}

/* Sums over the answers of the rows [from, to), whose tokens the trunk has just been through. */
static void
add_up(struct prefer_trainer *k, struct trainer *t, const struct rows *r, size_t from, size_t to, const int32_t *targets,
    size_t n)
{
	size_t start = from ? r->ends[from - 1].tokens : 0, first, last = candidates_of(r, from, to, &first);
	lm_head_forward(&t->head, t->trunk.h, t->w, targets, n, &(struct lm_out){.logp = t->out.logp});
	for (size_t c = first; c < last; c++) {
		struct likelihood *a = &k->said[c];
		*a = (struct likelihood){.reference = isnan(r->candidates[c].reference) ? 0 : r->candidates[c].reference};
		for (size_t i = r->candidates[c].start - start; i < r->candidates[c].end - start; i++)
			if (targets[i] != TARGET_NONE) {
				a->logp += (double)t->out.logp[i];
				a->n++;
			}
	}
}

/* ---- losses ---- */

/* What kto takes answer c for: 1 liked, 0 not, -1 neither. */
static int
liked(const struct judged *j, const struct candidate *c, size_t i)
{
	uint32_t best = UINT32_MAX, worst = 0;
	if (!j->ranked)
		return j->liked;
	for (size_t k = 0; k < j->k; k++) {
		best = c[k].rank < best ? c[k].rank : best;
		worst = c[k].rank > worst ? c[k].rank : worst;
	}
	return best == worst || (c[i].rank != best && c[i].rank != worst) ? -1 : c[i].rank == best;
}

/* Of the rows of all ranks of the team. */
static int
reference_point(struct prefer_trainer *k, struct team *team, const struct rows *r, struct err *e)
{
	double sum = 0, n = 0;
	for (size_t i = 0; i < r->n; i++)
		for (size_t c = 0; c < r->judged[i].k; c++)
			if (liked(&r->judged[i], r->candidates + r->judged[i].first, c) >= 0) {
				const struct likelihood *a = &k->said[r->judged[i].first + c];
				sum += a->logp - a->reference;
				n++;
			}
	double all[2] = {sum, n};
	if (team_sum(team, all, 2, e))
		return -1;
	k->point = all[1] > 0 ? fmax(0, all[0] / all[1]) : 0;
	return 0;
}

static double
single_loss(struct prefer_trainer *k, const struct judged *j, const struct candidate *c, struct judged_sums *sums)
{
	double sum = 0, n = 0;
	for (size_t i = 0; i < j->k; i++)
		n += liked(j, c, i) >= 0;
	for (size_t i = 0; i < j->k; i++) {
		const struct likelihood *a = &k->said[j->first + i];
		int is = liked(j, c, i);
		double over = a->logp - a->reference - k->point, w = j->weight / n;
		k->d[j->first + i] = 0;
		if (is < 0)
			continue;
		sum += preference_single(&k->loss, &k->d[j->first + i], a, is, k->point);
		k->d[j->first + i] /= n;
		judged_add(sums, is ? PREFER_CHOSEN : PREFER_REJECTED, w, preference_reward(&k->loss, a));
		judged_add(sums, is ? PREFER_LOGP_CHOSEN : PREFER_LOGP_REJECTED, w, a->logp);
		judged_add(sums, PREFER_ACCURACY, w, over > 0 ? is : over < 0 ? !is : 0.5);
	}
	return n > 0 ? sum / n : 0;
}

/* Adds scale times the gradient of the pair; returns its loss. */
static double
one_pair(struct prefer_trainer *k, size_t chosen, size_t rejected, double scale)
{
	double a, b, loss = preference_pair(&k->loss, &a, &b, &k->said[chosen], &k->said[rejected]);
	k->d[chosen] += scale * a;
	k->d[rejected] += scale * b;
	return scale * loss;
}

static void
say_pair(const struct prefer_trainer *k, size_t chosen, size_t rejected, double w, struct judged_sums *sums)
{
	double a = preference_reward(&k->loss, &k->said[chosen]), b = preference_reward(&k->loss, &k->said[rejected]);
	judged_add(sums, PREFER_CHOSEN, w, a);
	judged_add(sums, PREFER_REJECTED, w, b);
	judged_add(sums, PREFER_ACCURACY, w, a > b ? 1 : a < b ? 0 : 0.5);
	judged_add(sums, PREFER_LOGP_CHOSEN, w, k->said[chosen].logp);
	judged_add(sums, PREFER_LOGP_REJECTED, w, k->said[rejected].logp);
}

static double
pairs_loss(struct prefer_trainer *k, const struct judged *j, const struct candidate *c, struct judged_sums *sums)
{
	double loss = 0, scale = 1 / ((double)j->k * (double)(j->k - 1) / 2), unequal = 0;
	memset(k->d + j->first, 0, j->k * sizeof *k->d);
	for (size_t a = 0; a < j->k; a++)
		for (size_t b = 0; b < j->k; b++)
			unequal += c[a].rank < c[b].rank;
	for (size_t a = 0; a < j->k; a++)
		for (size_t b = a + 1; b < j->k; b++) {
			size_t x = j->first + a, y = j->first + b;
			if (c[a].rank == c[b].rank) {
				loss += one_pair(k, x, y, scale / 2) + one_pair(k, y, x, scale / 2);
			} else {
				size_t chosen = c[a].rank < c[b].rank ? x : y, rejected = chosen == x ? y : x;
				loss += one_pair(k, chosen, rejected, scale);
				say_pair(k, chosen, rejected, j->weight / unequal, sums);
			}
		}
	return loss;
}

/* Losses of the rows [from, to) whose log-probabilities are known, and their gradients. */
static void
losses(struct prefer_trainer *k, const struct rows *r, size_t from, size_t to, struct judged_sums *sums)
{
	for (size_t i = from; i < to; i++) {
		const struct judged *j = &r->judged[i];
		const struct candidate *c = r->candidates + j->first;
		sums->loss += j->weight * (k->loss.kind == PREFER_KTO ? single_loss(k, j, c, sums) : pairs_loss(k, j, c, sums));
		sums->weight += j->weight;
	}
}

double
prefer_mean(const struct judged_sums *s, int column)
{
	return column == PREFER_MARGIN ? judged_mean(s, PREFER_CHOSEN) - judged_mean(s, PREFER_REJECTED) : judged_mean(s, column);
}

/* ---- the objective ---- */

static void
spread(const struct prefer_trainer *k, struct trainer *t, const struct rows *r, size_t from, size_t to,
    const int32_t *targets, double scale)
{
	size_t start = from ? r->ends[from - 1].tokens : 0;
	for (size_t i = from; i < to; i++)
		for (size_t c = r->judged[i].first; c < r->judged[i].first + r->judged[i].k; c++) {
			real d = (real)(scale * r->judged[i].weight * k->d[c]);
			for (size_t p = r->candidates[c].start - start; p < r->candidates[c].end - start; p++)
				t->dlogp[p] = targets[p] == TARGET_NONE ? 0 : d;
		}
}

/* The log-probabilities of all rows, in micro-batches with the dropout that each has anyway; returns how many. */
static size_t
look_ahead(struct prefer_trainer *k, struct trainer *t, struct rows *r)
{
	size_t micro = 0;
	for (size_t from = 0, to; from < r->n; from = to, micro++) {
		struct batch b;
		const int32_t *targets;
		to = rows_batch(r, from, t->opts.max_tokens, &b, &targets);
		trainer_forward(t, &b, micro);
		add_up(k, t, r, from, to, targets, b.n);
	}
	return micro;
}

static int
gradient(struct objective *o, struct trainer *t, struct rows *r, struct step_stats *s, struct err *e)
{
	struct prefer_trainer *k = (struct prefer_trainer *)o;
	struct judged_sums sums = {0};
	double weight;
	if (judged_weight(t->team, r, &weight, s, e) || make_room(k, r, e))
		return -1;
	if (s->idle)
		return 0;
	double trained = (double)r->trained;
	if (team_sum(t->team, &trained, 1, e))
		return -1;
	s->trained = (size_t)trained;
	size_t seen = k->loss.kind == PREFER_KTO ? look_ahead(k, t, r) : 0;
	if (k->loss.kind == PREFER_KTO && reference_point(k, t->team, r, e))
		return -1;
	for (size_t from = 0, to, micro = 0; from < r->n; from = to, micro++) {
		struct batch b;
		const int32_t *targets;
		to = rows_batch(r, from, t->opts.max_tokens, &b, &targets);
		if (seen != 1) { /* else the trunk still holds the only one */
			trainer_forward(t, &b, micro);
			add_up(k, t, r, from, to, targets, b.n);
		}
		losses(k, r, from, to, &sums);
		spread(k, t, r, from, to, targets, 1 / weight);
		lm_head_backward(&t->head, t->dh, t->g, t->dlogp, NULL, t->trunk.h, t->w, targets, b.n,
		    &(struct lm_out){.logp = t->out.logp});
		trainer_backward(t, &b, to == r->n);
	}
	if (judged_team(t->team, &sums, e))
		return -1;
	s->loss = sums.loss / weight;
	for (int i = 0; i < PREFER_COLUMNS; i++)
		s->columns[i] = prefer_mean(&sums, i);
	return 0;
}

int
prefer_evaluate(struct prefer_trainer *k, struct trainer *t, struct rows *r, struct judged_sums *sums, struct err *e)
{
	double dropout = t->opts.dropout;
	if (make_room(k, r, e))
		return -1;
	t->opts.dropout = 0;
	look_ahead(k, t, r);
	t->opts.dropout = dropout;
	if (reference_point(k, NULL, r, e))
		return -1;
	losses(k, r, 0, r->n, sums);
	return 0;
}

int
prefer_open(struct prefer_trainer *k, struct trainer *t, const struct preference_loss *l, struct err *e)
{
	*k = (struct prefer_trainer){.loss = *l, .objective = {.gradient = gradient, .columns = columns}};
	if (!t->head.cfg)
		return err_set(e, ERR_DATA, "the model has no language head; tgraft --head language gives it one");
	t->objective = &k->objective;
	return 0;
}

void
prefer_close(struct prefer_trainer *k)
{
	free(k->said);
	free(k->d);
	memset(k, 0, sizeof *k);
}
