/* Learning from judged answers in double precision: every loss by hand and by finite differences, through whole models too;
 * what is read at which token of ragged and cut answers; accumulation; rows that do not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loss/reward.h"
#include "train/prefer.h"
#include "train/reward.h"
#include "unit/gradients.h"

enum { ROWS = 6, LONGEST = 7, MOST = 4 };

static const struct config gpt2 = {.arch = ARCH_GPT2, .layers = 2, .heads = 2, .width = 10, .hidden = 14,
    .context = LONGEST, .vocab = 13, .tied = true, .value = true};
static const struct config llama = {.arch = ARCH_LLAMA, .layers = 1, .heads = 4, .kv_heads = 2, .width = 16, .hidden = 12,
    .context = LONGEST, .vocab = 13, .value = true};
static const struct config adapted = {.arch = ARCH_GPT2, .layers = 2, .heads = 2, .width = 10, .hidden = 14,
    .context = LONGEST, .vocab = 13, .tied = true, .value = true, .lora_rank = 2, .lora_alpha = 3,
    .lora_targets = (1u << LORA_QUERY) | (1u << LORA_VALUE)};

static void
near(double got, double want, const char *what)
{
	if (!(fabs(got - want) < 1e-12 * fmax(1, fabs(want))))
		fail_msg("%s: %.17g, not %.17g", what, got, want);
}

/* ---- losses alone ---- */

static double
sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}

static void
test_rewards_by_hand(void **state)
{
	(void)state;
	double d[3], s[3] = {0.5, -1, 2};
	uint32_t up[2] = {1, 2}, down[2] = {2, 1}, tie[2] = {1, 1}, three[3] = {2, 3, 1}, tied[3] = {1, 2, 1};
	near(reward_pairs(d, s, up, 2, 0.25, 0), -log(sigmoid(1.5 - 0.25)), "a pair");
	near(d[0], sigmoid(1.25) - 1, "its gradient");
	near(d[1], 1 - sigmoid(1.25), "its gradient");
	near(reward_pairs(d, s, down, 2, 0.25, 0), -log(sigmoid(-1.5 - 0.25)), "the other way");
	near(reward_pairs(d, s, tie, 2, 0.25, 0), -(log(sigmoid(1.5)) + log(sigmoid(-1.5))) / 2, "a tie");
	near(reward_pairs(d, s, up, 2, 0, 0.1), -log(sigmoid(1.5)) + 0.1 * 0.25, "centred");
	near(reward_pairs(d, s, three, 3, 0, 0), -(log(sigmoid(1.5)) + log(sigmoid(1.5)) + log(sigmoid(3))) / 3, "three");
	near(reward_listwise(d, s, up, 2, 0), -log(sigmoid(1.5)), "a list of two");
	near(reward_listwise(d, s, tie, 2, 0), -(log(sigmoid(1.5)) + log(sigmoid(-1.5))) / 2, "a tied list of two");
	double all = exp(0.5) + exp(-1) + exp(2);
	near(reward_listwise(d, s, three, 3, 0), -(log(exp(2) / all) + log(sigmoid(1.5))) / 2, "a list of three");
	near(reward_listwise(d, s, tied, 3, 0), -(log(exp(2) / all) + log(exp(0.5) / all)) / 2, "two first of three");
	near(reward_rating(d, 2, 0.5), 2.25, "a rating");
	near(reward_liked(d, 0.5, false), -log(sigmoid(-0.5)), "not liked");
	near(logistic_loss(800), 0, "no overflow");
	near(logistic_loss(-800), 800, "no overflow");
	near(logistic_slope(-800), -1, "no overflow");
}

static double
compared(int which, double *d, const double *s, const uint32_t *ranks, size_t k)
{
	return which == 0 ? reward_pairs(d, s, ranks, k, 0.4, 0.3) : which == 1 ? reward_listwise(d, s, ranks, k, 0.3)
	    : reward_demonstrations(d, s, ranks, k, 0.3);
}

static void
test_rewards_differences(void **state)
{
	(void)state;
	for (uint64_t trial = 0; trial < 60; trial++) {
		double s[MOST], d[MOST], other[MOST];
		uint32_t ranks[MOST];
		size_t k = 2 + rng_below(MOST - 1, 1, RNG_TEST, trial, 0);
		for (size_t i = 0; i < k; i++) {
			s[i] = rng_normal(2, RNG_TEST, trial, i);
			ranks[i] = 1 + (uint32_t)rng_below(3, 3, RNG_TEST, trial, i);
		}
		for (int which = 0; which < 3; which++) {
			if (which == 2) { /* there is a demonstration and a sample */
				ranks[0] = 1;
				ranks[k - 1] = 2;
			}
			for (size_t i = 0; i < k; i++) {
				double want = DIFFERENCE(s[i], 1e-6, compared(which, other, s, ranks, k));
				(void)compared(which, d, s, ranks, k);
				assert_true(fabs(want - d[i]) < 1e-8);
			}
		}
	}
}

/* ---- demonstrations ---- */

static void
test_demonstrations_by_hand(void **state)
{
	(void)state;
	double d[MOST], equal[MOST] = {0.7, 0.7, 0.7, 0.7}, s[MOST] = {0.5, -1, 2, 0.25}, big[MOST] = {3000, 1000, -2000, 1000};
	uint32_t one[MOST] = {1, 2, 2, 2}, order[MOST] = {1, 2, 4, 3}, two[MOST] = {2, 1, 1, 2}, last[MOST] = {2, 2, 2, 1};
	near(reward_demonstrations(d, equal, one, 4, 0), log(4), "equal scores: log(1 + K)");
	near(d[0], -0.75, "its gradient");
	near(d[2], 0.25, "its gradient");
	double all = exp(0.5) + exp(-1) + exp(2) + exp(0.25);
	near(reward_demonstrations(d, s, one, 4, 0), -log(exp(0.5) / all), "one demonstration, three samples");
	near(d[0], exp(0.5) / all - 1, "minus the demonstration");
	near(d[2], exp(2) / all, "plus the samples, by softmax");
	near(reward_demonstrations(d, s, order, 4, 0), -log(exp(0.5) / all), "the order of samples does not count");
	double first = exp(0.5) + exp(-1) + exp(0.25), second = exp(0.5) + exp(2) + exp(0.25);
	near(reward_demonstrations(d, s, two, 4, 0), -(log(exp(-1) / first) + log(exp(2) / second)) / 2, "two demonstrations");
	near(d[1], (exp(-1) / first - 1) / 2, "each against the samples only");
	near(d[3], (exp(0.25) / first + exp(0.25) / second) / 2, "a sample against both");
	near(reward_demonstrations(d, s, one, 2, 0), reward_pairs(d, s, one, 2, 0, 0), "one and one: a pair");
	near(reward_demonstrations(d, s, one, 2, 0.1) - reward_demonstrations(d, s, one, 2, 0), 0.1 * 0.25, "centred");
	near(reward_demonstrations(d, big, one, 4, 0), 0, "no overflow");
	near(d[0] + d[1] + d[2] + d[3], 0, "no overflow");
	near(reward_demonstrations(d, big, last, 4, 0), 2000, "no overflow");
	near(d[0], 1, "no overflow");
	near(d[3], -1, "no overflow");
}

/* A prompt with ANSWERS answers, of which the policy takes a with probability p(a) and the demonstrator with q(a), proportional to
 * p(a) exp(r(a)). */
enum { ANSWERS = 5 };
static const double true_reward[ANSWERS] = {1.5, -0.5, 0, 0.75, -2}, policy[ANSWERS] = {0.1, 0.4, 0.3, 0.15, 0.05};

static void
demonstrator(double q[ANSWERS])
{
	double sum = 0;
	for (int a = 0; a < ANSWERS; a++)
		sum += q[a] = policy[a] * exp(true_reward[a]);
	for (int a = 0; a < ANSWERS; a++)
		q[a] /= sum;
}

/* Adds the gradient of a record's loss by the scores `s` of all answers; the first answer is demonstrated. */
static double
add_record(double g[ANSWERS], const double s[ANSWERS], const int *answers, size_t k, double weight)
{
	double d[MOST], of[MOST];
	uint32_t ranks[MOST] = {1, 2, 2, 2};
	for (size_t i = 0; i < k; i++)
		of[i] = s[answers[i]];
	double loss = reward_demonstrations(d, of, ranks, k, 0);
	for (size_t i = 0; i < k; i++)
		g[answers[i]] += weight * d[i];
	return weight * loss;
}

/* The expected loss of a demonstration and k - 1 samples and its gradient, exactly, over all records that there may be; `distinct`:
 * those with equal answers are left out. */
static double
expected(double g[ANSWERS], const double s[ANSWERS], size_t k, bool distinct)
{
	double q[ANSWERS], loss = 0, all = 0;
	size_t records = 1;
	demonstrator(q);
	memset(g, 0, ANSWERS * sizeof *g);
	for (size_t i = 0; i < k; i++)
		records *= ANSWERS;
	for (size_t n = 0; n < records; n++) {
		int answers[MOST];
		bool equal = false;
		double weight = 1;
		for (size_t i = 0, rest = n; i < k; i++, rest /= ANSWERS) {
			answers[i] = (int)(rest % ANSWERS);
			weight *= (i ? policy : q)[answers[i]];
			for (size_t j = 0; j < i; j++)
				equal = equal || answers[i] == answers[j];
		}
		if (equal && distinct)
			continue;
		loss += add_record(g, s, answers, k, weight);
		all += weight;
	}
	for (int a = 0; a < ANSWERS; a++)
		g[a] /= all;
	return loss / all;
}

/* What the scores are off by when the constant is taken out that no comparison tells. */
static double
off(const double s[ANSWERS])
{
	double shift = 0, worst = 0;
	for (int a = 0; a < ANSWERS; a++)
		shift += (s[a] - true_reward[a]) / ANSWERS;
	for (int a = 0; a < ANSWERS; a++)
		worst = fmax(worst, fabs(s[a] - true_reward[a] - shift));
	return worst;
}

/* For any number of samples the minimum of the expected loss is the true reward up to a constant; that records with equal
 * answers are left out does not move it, since whether some are equal does not depend on which is the demonstration. */
static void
test_demonstrations_recover(void **state)
{
	(void)state;
	for (size_t k = 2; k <= MOST; k++)
		for (int distinct = 0; distinct < 2; distinct++) {
			double g[ANSWERS], s[ANSWERS], least, worst = 0;
			for (int a = 0; a < ANSWERS; a++)
				s[a] = true_reward[a] + 7;
			least = expected(g, s, k, distinct);
			for (int a = 0; a < ANSWERS; a++)
				worst = fmax(worst, fabs(g[a]));
			assert_true(worst < 1e-15);
			memset(s, 0, sizeof s);
			assert_true(expected(g, s, k, distinct) > least + 1e-2);
			for (int step = 0; step < 4000; step++) {
				expected(g, s, k, distinct);
				for (int a = 0; a < ANSWERS; a++)
					s[a] -= 4 * g[a];
			}
			if (off(s) > 1e-6)
				fail_msg("%zu answers, distinct %d: off by %g", k, distinct, off(s));
		}
}

static int
draw(const double p[ANSWERS], uint64_t record, uint64_t item)
{
	double u = rng_uniform(17, RNG_TEST, record, item);
	int a = 0;
	while (a + 1 < ANSWERS && u >= p[a])
		u -= p[a++];
	return a;
}

/* The same from records that are drawn: nearer, the more there are. */
static void
test_demonstrations_drawn(void **state)
{
	(void)state;
	enum { K = 4, LARGE = 20000 };
	static int answers[LARGE][K];
	double q[ANSWERS];
	demonstrator(q);
	for (uint64_t n = 0; n < LARGE; n++)
		for (uint64_t i = 0; i < K; i++)
			answers[n][i] = draw(i ? policy : q, n, i);
	double error[2];
	for (int large = 0; large < 2; large++) {
		size_t records = large ? LARGE : LARGE / 100;
		double s[ANSWERS] = {0};
		for (int step = 0; step < 200; step++) {
			double g[ANSWERS] = {0};
			for (size_t n = 0; n < records; n++)
				add_record(g, s, answers[n], K, 4 / (double)records);
			for (int a = 0; a < ANSWERS; a++)
				s[a] -= g[a];
		}
		error[large] = off(s);
	}
	if (!(error[1] < 0.1) || !(error[1] < error[0]))
		fail_msg("off by %g from %d records, by %g from %d", error[0], LARGE / 100, error[1], LARGE);
}

static void
test_preferences_by_hand(void **state)
{
	(void)state;
	struct likelihood c = {-6, -7, 3}, r = {-4, -3, 2};
	double a, b;
	struct preference_loss l = {PREFER_SIGMOID, 0.5, 0.1, 0, 0}; /* m = 1 + 1 */
	near(preference_pair(&l, &a, &b, &c, &r), -0.9 * log(sigmoid(1)) - 0.1 * log(sigmoid(-1)), "cDPO");
	l = (struct preference_loss){PREFER_IPO, 0.5, 0, 0, 0};
	near(preference_pair(&l, &a, &b, &c, &r), 1, "IPO");
	l = (struct preference_loss){PREFER_HINGE, 0.25, 0, 0, 0};
	near(preference_pair(&l, &a, &b, &c, &r), 0.5, "hinge");
	l = (struct preference_loss){PREFER_SIMPO, 2, 0, 0.5, 0};
	near(preference_pair(&l, &a, &b, &c, &r), -log(sigmoid(2 * -2 - 2 * -2 - 0.5)), "SimPO");
	l = (struct preference_loss){PREFER_ORPO, 0, 0, 0, 0.2};
	c.logp = -3;
	double odds = exp(-1) / (1 - exp(-1)), other = exp(-2) / (1 - exp(-2));
	near(preference_pair(&l, &a, &b, &c, &r), 1 - 0.2 * log(sigmoid(log(odds / other))), "ORPO");
	l = (struct preference_loss){PREFER_KTO, 0.5, 0, 0, 0};
	near(preference_single(&l, &a, &c, true, 1), 1 - sigmoid(0.5 * (4 - 1)), "KTO, liked");
	near(preference_single(&l, &a, &c, false, 1), 1 - sigmoid(0.5 * (1 - 4)), "KTO, not liked");
	c.logp = 0; /* certain: odds without end, but finite numbers */
	l.kind = PREFER_ORPO;
	l.lambda = 0.2;
	assert_true(isfinite(preference_pair(&l, &a, &b, &c, &r)) && isfinite(a) && isfinite(b));
}

static const struct preference_loss losses[] = {{PREFER_SIGMOID, 0.3, 0, 0, 0}, {PREFER_SIGMOID, 0.3, 0.2, 0, 0},
    {PREFER_IPO, 0.4, 0, 0, 0}, {PREFER_HINGE, 0.3, 0, 0, 0}, {PREFER_ORPO, 0, 0, 0, 0.7}, {PREFER_SIMPO, 2, 0, 0.3, 0},
    {PREFER_KTO, 0.4, 0, 0, 0}};
enum { LOSSES = sizeof losses / sizeof *losses };

static void
test_preferences_differences(void **state)
{
	(void)state;
	for (uint64_t trial = 0; trial < 40; trial++)
		for (int i = 0; i < LOSSES; i++) {
			struct likelihood x[2];
			double d[2] = {0}, other[2];
			for (uint64_t j = 0; j < 2; j++)
				x[j] = (struct likelihood){-3 - 2 * fabs(rng_normal(4, RNG_TEST, trial, j)), -4, 2 + j};
			bool single = losses[i].kind == PREFER_KTO;
			for (int j = 0; j < 2 - single; j++) {
				double want = DIFFERENCE(x[j].logp, 1e-6, single ? preference_single(&losses[i], other, &x[0], trial % 2, 0.3)
				    : preference_pair(&losses[i], &other[0], &other[1], &x[0], &x[1]));
				(void)(single ? preference_single(&losses[i], d, &x[0], trial % 2, 0.3)
				    : preference_pair(&losses[i], &d[0], &d[1], &x[0], &x[1]));
				assert_true(fabs(want - d[j]) < 1e-7);
			}
		}
}

/* ---- through models ---- */

struct set {
	struct config cfg;
	struct params table;
	struct trainer t;
	struct reward_trainer reward;
	struct prefer_trainer prefer;
	struct rows r;
};

/* Records of 1 (`single`) or 2 to 4 answers of many lengths, with ties and weights; the last token of an answer is scored, of
 * some one before it. */
static void
fill_rows(struct rows *r, const struct config *c, bool single)
{
	struct err e;
	for (uint64_t i = 0; i < ROWS; i++) {
		int32_t ids[MOST * LONGEST], targets[MOST * LONGEST];
		uint32_t ends[MOST], scored[MOST], ranks[MOST];
		float reference[MOST];
		size_t k = single ? 1 : 2 + rng_below(MOST - 1, 11, RNG_TEST, i, 0), n = 0;
		for (uint64_t j = 0; j < k; j++) {
			size_t m = 3 + rng_below(LONGEST - 2, 12, RNG_TEST, i, j), from = n;
			for (size_t p = 0; p < m; p++, n++) {
				ids[n] = (int32_t)rng_below(c->vocab, 13, RNG_TEST, i, n);
				targets[n] = TARGET_NONE;
				if (p >= 2)
					targets[n - 1] = ids[n];
			}
			ends[j] = (uint32_t)n;
			scored[j] = (uint32_t)(j == 2 ? from : n - 1);
			ranks[j] = i == 2 ? 1 : 1 + (uint32_t)rng_below(3, 14, RNG_TEST, i, j);
			reference[j] = (float)(-5 + rng_normal(15, RNG_TEST, i, j));
		}
		struct row row = {.ids = ids, .targets = targets, .n = n, .k = k, .ends = ends, .scored = scored,
		    .ranks = single ? NULL : ranks, .reference = reference,
		    .judged = {.liked = (int)(i % 2), .rating = rng_normal(16, RNG_TEST, i, 0), .weight = i == 4 ? 0 : 0.5 + (double)i,
		    .margin = 0.1 * (double)i}};
		assert_int_equal(rows_add(r, &row, c, &e), 0);
	}
}

/* kind: to REWARD_DEMONSTRATION a reward, from there on a preference. Kto comes twice, of rankings and of single answers. */
enum { REWARDS = REWARD_DEMONSTRATION + 1, KINDS = REWARDS + LOSSES + 1 };

static bool
of_one(int kind)
{
	return kind == REWARD_RATING || kind == REWARD_LIKED || kind == KINDS - 1;
}

static void
open_set(struct set *s, const struct config *c, int kind, size_t micro, double dropout)
{
	struct err e;
	*s = (struct set){.cfg = *c};
	struct train_opts to = {.max_tokens = micro, .max_keys = LONGEST, .dropout = dropout, .seed = 5, .no_language = kind < REWARDS,
	    .schedule = {SCHEDULE_CONSTANT, 0.01, 0.01, 0, 10, 0}, .adamw = {0.9, 0.95, 1e-8, 0.1}};
	open_trainer(&s->t, &s->table, &s->cfg, &to, 0.4);
	struct reward_opts o = {(enum reward_kind)kind, kind < 2 || kind == REWARD_DEMONSTRATION ? 0.2 : 0};
	if (kind < REWARDS)
		assert_int_equal(reward_open(&s->reward, &s->t, &o, &e), 0);
	else
		assert_int_equal(prefer_open(&s->prefer, &s->t, &losses[kind == KINDS - 1 ? LOSSES - 1 : kind - REWARDS], &e), 0);
	fill_rows(&s->r, &s->cfg, of_one(kind));
	for (size_t i = 0; kind == REWARD_DEMONSTRATION && i < s->r.n; i++) { /* each has a demonstration and a sample */
		const struct judged *j = &s->r.judged[i];
		s->r.candidates[j->first].rank = 2;
		s->r.candidates[j->first + j->k - 1].rank = 1;
	}
}

static void
close_set(struct set *s)
{
	reward_close(&s->reward);
	prefer_close(&s->prefer);
	trainer_close(&s->t);
	params_free(&s->table);
	rows_free(&s->r);
}

static double
loss_of(struct set *s)
{
	return loss_and_gradient(&s->t, &s->r);
}

/* Of a preference by kto the reference point carries no gradient: here it is held still. */
static double
loss_with(struct set *s, int kind, double point)
{
	struct err e;
	struct judged_sums sums = {0};
	double loss = 0, weight = 0;
	if (kind < REWARDS || s->prefer.loss.kind != PREFER_KTO)
		return loss_of(s);
	assert_int_equal(prefer_evaluate(&s->prefer, &s->t, &s->r, &sums, &e), 0);
	for (size_t i = 0; i < s->r.n; i++) {
		const struct judged *j = &s->r.judged[i];
		double sum = 0, n = 0;
		uint32_t best = 9, worst = 0;
		for (size_t c = j->first; j->ranked && c < j->first + j->k; c++) {
			best = s->r.candidates[c].rank < best ? s->r.candidates[c].rank : best;
			worst = s->r.candidates[c].rank > worst ? s->r.candidates[c].rank : worst;
		}
		for (size_t c = j->first; c < j->first + j->k; c++) {
			uint32_t rank = s->r.candidates[c].rank;
			double d, is = j->ranked ? rank == best : j->liked;
			if (j->ranked && (best == worst || (rank != best && rank != worst)))
				continue;
			sum += preference_single(&s->prefer.loss, &d, &s->prefer.said[c], is > 0, point);
			n++;
		}
		loss += n > 0 ? j->weight * sum / n : 0;
		weight += j->weight;
	}
	return loss / weight;
}

static void
check_differences(const struct config *c, int kind, double dropout)
{
	struct set s;
	open_set(&s, c, kind, MOST * LONGEST * ROWS, dropout);
	loss_of(&s);
	double point = s.prefer.point, worst = 0, most = 0;
	real *g = malloc(s.table.size * sizeof *g);
	memcpy(g, s.t.g, s.table.size * sizeof *g);
	for (size_t i = 0; i < s.table.n; i++) {
		const struct param *p = &s.table.items[i];
		for (size_t j = p->offset; j < p->offset + p->size && !s.t.how[i].frozen; j++) {
			double d = DIFFERENCE(s.t.w[j], 2e-6, loss_with(&s, kind, point));
			worst = fmax(worst, fabs(d - g[j]) / fmax(1, fabs(d)));
			most = fmax(most, fabs(d));
		}
	}
	if (!(worst < 1e-7) || !(most > 1e-3))
		fail_msg("%s, kind %d, dropout %g: error %g, largest %g", config_traits(c)->name, kind, dropout, worst, most);
	free(g);
	close_set(&s);
}

static void
test_differences(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		check_differences(&gpt2, kind, 0);
		check_differences(kind % 2 ? &llama : &adapted, kind, 0);
	}
	check_differences(&gpt2, 0, 0.2);
	check_differences(&gpt2, REWARDS, 0.2);
}

/* Micro-batches of any size: the gradient of the whole, reference point included. */
static void
test_accumulation(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		struct set whole;
		open_set(&whole, &gpt2, kind, MOST * LONGEST * ROWS, 0);
		double loss = loss_of(&whole), largest = 0, error = 0;
		for (size_t micro = MOST * LONGEST; micro < 3 * MOST * LONGEST; micro += 9) {
			struct set parts;
			open_set(&parts, &gpt2, kind, micro, 0);
			assert_true(fabs(loss_of(&parts) - loss) < 1e-12 * fmax(1, loss));
			for (size_t j = 0; j < whole.table.size; j++) {
				largest = fmax(largest, fabs(whole.t.g[j]));
				error = fmax(error, fabs(whole.t.g[j] - parts.t.g[j]));
			}
			close_set(&parts);
		}
		assert_true(error < 1e-12 * fmax(1, largest));
		close_set(&whole);
	}
}

/* ---- what is read ---- */

/* Each answer alone, by the parts: the state at the scored token times the value head; log-probabilities of the targets. */
static void
test_places(void **state)
{
	(void)state;
	struct set s, p;
	struct err e;
	struct judged_sums sums = {0};
	open_set(&s, &llama, REWARD_PAIRS, MOST * LONGEST * ROWS, 0);
	open_set(&p, &llama, REWARDS, MOST * LONGEST * ROWS, 0);
	assert_int_equal(reward_evaluate(&s.reward, &s.t, &s.r, &sums, &e), 0);
	assert_int_equal(prefer_evaluate(&p.prefer, &p.t, &p.r, &sums, &e), 0);
	for (size_t c = 0; c < s.r.ncandidates; c++) {
		const struct candidate *a = &s.r.candidates[c];
		size_t n = a->end - a->start, width = s.cfg.width, trained = 0;
		int32_t positions[LONGEST], types[LONGEST] = {0};
		for (size_t i = 0; i < n; i++)
			positions[i] = (int32_t)i;
		struct span span = {0, n, 0, 0};
		struct batch b = {n, s.r.ids + a->start, positions, &span, 1, types};
		trunk_forward(&p.t.trunk, s.t.w, &b, NULL);
		const real *h = p.t.trunk.h + (a->scored - a->start) * width, *w = s.t.w + param_offset(&s.table, SLOT_VALUE, 0);
		double z = s.t.w[param_offset(&s.table, SLOT_VALUE_B, 0)], logp = 0;
		for (size_t i = 0; i < width; i++)
			z += h[i] * w[i];
		near(s.reward.z[c], z, "score");
		lm_head_forward(&p.t.head, p.t.trunk.h, s.t.w, s.r.targets + a->start, n, &p.t.out);
		for (size_t i = 1; i + 1 < n; i++) {
			assert_int_equal(s.r.targets[a->start + i], s.r.ids[a->start + i + 1]);
			logp += p.t.out.logp[i];
			trained++;
		}
		near(p.prefer.said[c].logp, logp, "log-probability");
		assert_int_equal(p.prefer.said[c].n, trained);
	}
	close_set(&s);
	close_set(&p);
}

static void
refused(struct row *row, const char *why)
{
	struct err e;
	struct rows r = {0};
	assert_int_equal(rows_add(&r, row, &gpt2, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	if (!strstr(e.msg, why))
		fail_msg("`%s' does not say `%s'", e.msg, why);
	assert_int_equal(r.n, 0);
	rows_free(&r);
}

static void
test_hostile_rows(void **state)
{
	(void)state;
	int32_t ids[20] = {1, 2, 3, 4, 5, 6};
	uint32_t ends[2] = {2, 6}, scored[2] = {1, 5}, ranks[2] = {1, 2}, bad[2];
	float reference[2] = {-1, -2};
	const struct row good = {.ids = ids, .n = 6, .k = 2, .ends = ends, .scored = scored, .ranks = ranks, .reference = reference,
	    .judged = {.weight = 1, .liked = -1, .rating = (double)NAN}};
	struct rows r = {0};
	struct err e;
	assert_int_equal(rows_add(&r, &good, &gpt2, &e), 0);
	assert_int_equal(r.nspans, 2);
	assert_int_equal(r.positions[2], 0);
	assert_int_equal(r.positions[5], 3);
	assert_int_equal(r.candidates[1].scored, 5);
	rows_free(&r);
	static const struct { uint32_t ends[2], scored[2], ranks[2]; const char *why; } cases[] = {
	    {{2, 5}, {1, 4}, {1, 2}, "last answer ends at token 5 of 6"}, {{0, 6}, {0, 5}, {1, 2}, "answer 1 is tokens 0 to 0"},
	    {{6, 6}, {1, 5}, {1, 2}, "answer 2 is tokens 6 to 6"}, {{2, 7}, {1, 5}, {1, 2}, "answer 2 is tokens 2 to 7 of 6"},
	    {{4, 2}, {1, 5}, {1, 2}, "answer 2 is tokens 4 to 2"}, {{2, 6}, {2, 5}, {1, 2}, "answer 1 is scored at token 2"},
	    {{2, 6}, {1, 6}, {1, 2}, "answer 2 is scored at token 6"}, {{2, 6}, {1, 1}, {1, 2}, "answer 2 is scored at token 1"},
	    {{2, 4294967295}, {1, 5}, {1, 2}, "answer 2 is tokens"}, {{2, 6}, {1, 5}, {1, 0}, "answer 2 has no rank"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct row row = good;
		row.ends = cases[i].ends;
		row.scored = cases[i].scored;
		row.ranks = cases[i].ranks;
		refused(&row, cases[i].why);
	}
	struct row row = good;
	float nan[2] = {-1, NAN};
	row.reference = nan;
	refused(&row, "reference of answer 2");
	row = good;
	row.judged.weight = -1;
	refused(&row, "weight -1");
	row.judged.weight = (double)INFINITY;
	refused(&row, "weight inf");
	row = good;
	row.n = 12;
	bad[0] = 2;
	bad[1] = 12;
	row.ends = bad;
	refused(&row, "answer 2 has 10 tokens, the model's context is 7");
}

/* No weight: nothing to learn, no division by zero, and nothing is said but that. */
static void
test_no_weight(void **state)
{
	(void)state;
	struct err e;
	struct step_stats st;
	for (int kind = 0; kind < KINDS; kind += KINDS - 2) {
		struct set s;
		open_set(&s, &gpt2, kind, MOST * LONGEST * ROWS, 0);
		for (size_t i = 0; i < s.r.n; i++)
			s.r.judged[i].weight = 0;
		assert_int_equal(train_gradient(&s.t, &s.r, &st, &e), 0);
		assert_true(st.idle && st.loss == 0 && st.grad_norm == 0 && isnan(st.columns[0]));
		close_set(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rewards_by_hand),
	    cmocka_unit_test(test_rewards_differences),
	    cmocka_unit_test(test_demonstrations_by_hand),
	    cmocka_unit_test(test_demonstrations_recover),
	    cmocka_unit_test(test_demonstrations_drawn),
	    cmocka_unit_test(test_preferences_by_hand),
	    cmocka_unit_test(test_preferences_differences),
	    cmocka_unit_test(test_differences),
	    cmocka_unit_test(test_accumulation),
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_hostile_rows),
	    cmocka_unit_test(test_no_weight),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
