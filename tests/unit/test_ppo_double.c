/* Policy optimisation: rewards, advantages and losses by hand and by finite differences, and the gradient of a whole
 * update through a model with a value head: finite differences of every parameter, micro-batches, temperature, the first
 * ratios. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "train/ppo.h"
#include "unit/gradients.h"

static void
near(double got, double want, double by, const char *what, size_t i)
{
	if (!(fabs(got - want) <= by))
		fail_msg("%s[%zu] = %.12g, not %.12g", what, i, got, want);
}

/* ---- by hand ---- */

/* Answers of 3, 1 and 2 tokens, of which the second was cut: its score stands at its last token, too. */
static const size_t ends[3] = {3, 4, 6};

static void
test_rewards(void **state)
{
	(void)state;
	const double logp[6] = {-1, -2, -3, -1, -0.5, -2}, reference[6] = {-2, -2, -1, -1.5, -1, -2}, score[3] = {10, -4, 0.5};
	const double k1[6] = {-0.1, 0, 10.2, -4.05, -0.05, 0.5};
	double r[6];
	ppo_rewards(r, logp, reference, score, ends, 3, KL_K1, 0.1);
	for (size_t i = 0; i < 6; i++)
		near(r[i], k1[i], 1e-15, "k1", i);
	ppo_rewards(r, logp, reference, score, ends, 3, KL_K2, 2);
	const double k2[6] = {-1, 0, 10 - 4, -4 - 0.25, -0.25, 0.5};
	for (size_t i = 0; i < 6; i++)
		near(r[i], k2[i], 1e-15, "k2", i);
	ppo_rewards(r, logp, reference, score, ends, 3, KL_K3, 1);
	near(r[0], -exp(-1), 1e-15, "k3", 0);
	near(r[2], 10 - (exp(2) - 1 - 2), 1e-14, "k3", 2);
	for (double d = -2; d <= 2; d += 0.5)
		for (int k = KL_K1; k <= KL_K3; k++) {
			double x = d;
			near(kl_derivative((enum kl_estimator)k, d), DIFFERENCE(x, 1e-6, kl_estimate((enum kl_estimator)k, x)), 1e-8, "derivative",
			    (size_t)k);
			assert_true(k == KL_K1 || kl_estimate((enum kl_estimator)k, d) >= 0);
		}
	assert_true(isfinite(kl_estimate(KL_K3, -1e4)));
	assert_true(isfinite(kl_derivative(KL_K3, -1e4)));
}

static void
test_gae(void **state)
{
	(void)state;
	const double r[6] = {0, 0, 1, 2, 0, -1}, v[6] = {0.5, 0.25, -1, 1, 2, 0}, g = 0.5, l = 0.5;
	double a[6], ret[6];
	ppo_gae(a, ret, r, v, ends, 3, g, l);
	/* each answer by itself, backwards; after its end there is nothing */
	const double d2 = 1 + 1, d1 = g * -1 - 0.25, d0 = g * 0.25 - 0.5;
	const double want[6] = {d0 + g * l * (d1 + g * l * d2), d1 + g * l * d2, d2, 1, -2 + g * 0 + g * l * -1, -1};
	for (size_t i = 0; i < 6; i++) {
		near(a[i], want[i], 1e-15, "advantage", i);
		near(ret[i], want[i] + v[i], 1e-15, "return", i);
	}
	/* lambda 1: the return is the sum of what comes */
	ppo_gae(a, ret, r, v, ends, 3, 1, 1);
	near(ret[0], 1, 1e-15, "return", 0);
	near(ret[3], 2, 1e-15, "return", 3);
	near(ret[4], -1, 1e-15, "return", 4);
}

static void
test_whiten(void **state)
{
	(void)state;
	double x[4] = {1, 2, 3, 6}, y[4] = {1, 2, 3, 6}, one[1] = {5}, same[3] = {2, 2, 2};
	const double deviation = sqrt((4 + 1 + 0 + 9) / 3.0 + 1e-8);
	ppo_whiten(x, 4, true);
	ppo_whiten(y, 4, false);
	for (size_t i = 0; i < 4; i++) {
		const double was[4] = {1, 2, 3, 6};
		near(x[i], (was[i] - 3) / deviation, 1e-15, "whitened", i);
		near(y[i], (was[i] - 3) / deviation + 3, 1e-15, "whitened, not moved", i);
	}
	ppo_whiten(one, 1, true);
	assert_true(one[0] == 5);
	ppo_whiten(same, 3, true);
	assert_true(same[0] == 0);
}

static void
test_groups(void **state)
{
	(void)state;
	const double score[6] = {1, 2, 6, 5, 5, 5};
	double a[6];
	rloo_advantages(a, score, 6, 3);
	const double rloo[6] = {1 - 4, 2 - 3.5, 6 - 1.5, 0, 0, 0};
	for (size_t i = 0; i < 6; i++)
		near(a[i], rloo[i], 1e-15, "rloo", i);
	grpo_advantages(a, score, 6, 3);
	const double deviation = sqrt((4 + 1 + 9) / 2.0) + 1e-4;
	const double grpo[6] = {-2 / deviation, -1 / deviation, 3 / deviation, 0, 0, 0};
	for (size_t i = 0; i < 6; i++)
		near(a[i], grpo[i], 1e-15, "grpo", i);
}

static void
test_controllers(void **state)
{
	(void)state;
	near(kl_coefficient(0.1, 6, 6, 64, 1000), 0.1, 1e-15, "at the target", 0);
	near(kl_coefficient(0.1, 100, 6, 50, 1000), 0.1 * (1 + 0.2 * 0.05), 1e-15, "above", 0);
	near(kl_coefficient(0.1, 0, 6, 50, 1000), 0.1 * (1 - 0.2 * 0.05), 1e-15, "below", 0);
	near(kl_coefficient(0.1, 6.6, 6, 50, 1000), 0.1 * (1 + 0.1 * 0.05), 1e-12, "near", 0);
	struct running r = {0};
	const double x[7] = {3, 1, 4, 1, 5, 9, 2};
	assert_true(running_deviation(&r) == 1);
	running_add(&r, x, 3);
	running_add(&r, x + 3, 0);
	running_add(&r, x + 3, 4);
	near(r.mean, 25.0 / 7, 1e-14, "mean", 0);
	near(running_deviation(&r), sqrt((137 - 625.0 / 7) / 6), 1e-14, "deviation", 0);
}

/* ratio, advantage -> loss, gradient in log p, clipped or not; clip 0.2 */
static void
test_policy_loss(void **state)
{
	(void)state;
	static const struct { double ratio, advantage, loss, gradient; int clipped, outside; } cases[] = {
	    {1, 2, -2, -2, 0, 0},        {1.1, 2, -2.2, -2.2, 0, 0}, {1.5, 2, -2.4, 0, 1, 1},    {0.5, 2, -1, -1, 0, 1},
	    {1.5, -2, 3, 3, 0, 1},       {0.5, -2, 1.6, 0, 1, 1},    {0.9, -2, 1.8, 1.8, 0, 0}, {2, 0, 0, 0, 0, 1}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ppo_sums s = {0};
		double old = -1.5, logp = old + log(cases[i].ratio), d, w = 0.25;
		ppo_policy_loss(&s, &d, &logp, &old, &cases[i].advantage, &w, 1, 0.2);
		near(s.policy, w * cases[i].loss, 1e-14, "policy loss", i);
		near(d, w * cases[i].gradient, 1e-14, "its gradient", i);
		near(s.clipped, cases[i].clipped, 0, "clipped", i);
		near(s.outside, cases[i].outside, 0, "outside", i);
		near(s.approx_kl, pow(log(cases[i].ratio), 2) / 2, 1e-14, "approximate KL", i);
		near(s.ratio, cases[i].ratio, 1e-14, "ratio", i);
	}
}

static void
test_value_loss(void **state)
{
	(void)state;
	/* old 1, return 2, clip 0.5: going too far towards the return costs nothing, and teaches nothing */
	static const struct { double value, loss, gradient, clipped; } cases[] = {
	    {1.2, 0.32, -0.8, 0}, {1.8, 0.125, 0, 1}, {0.2, 1.62, -1.8, 0}, {4, 2, 2, 0}, {2, 0.125, 0, 1}};
	const double old = 1, ret = 2, w = 1;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ppo_sums s = {0};
		double d;
		ppo_value_loss(&s, &d, &cases[i].value, &old, &ret, &w, 1, 0.5);
		near(s.value, cases[i].loss, 1e-14, "value loss", i);
		near(d, cases[i].gradient, 1e-14, "its gradient", i);
		near(s.value_clipped, cases[i].clipped, 0, "clipped", i);
	}
	struct ppo_sums s = {0};
	double d, v = 9;
	ppo_value_loss(&s, &d, &v, &old, &ret, &w, 1, 0);
	near(s.value, 24.5, 1e-14, "no clipping", 0);
	near(d, 7, 1e-14, "no clipping", 0);
}

/* ---- through a model ---- */

enum { ANSWERS = 4, CONTEXT = 8 };

static const struct config small = {.arch = ARCH_GPT2, .layers = 2, .heads = 2, .width = 8, .hidden = 12,
    .context = CONTEXT, .vocab = 11, .tied = true, .value = true};
static const size_t prompts[ANSWERS] = {2, 1, 3, 2}, lengths[ANSWERS] = {6, 8, 4, 5};

struct set {
	struct config cfg;
	struct params table;
	struct trainer t;
	struct ppo_trainer p;
};

static struct ppo_opts
options(enum ppo_algo algo, double temperature)
{
	return (struct ppo_opts){.algo = algo, .estimator = KL_K3, .temperature = temperature, .gamma = 0.9, .lambda = 0.8,
	    .clip_ratio = 0.2, .clip_value = 0.3, .value_coef = 0.7, .entropy = 0.05, .whiten = true, .samples = 2, .epochs = 2,
	    .minibatch = ANSWERS};
}

static void
open_set(struct set *s, const struct ppo_opts *o, size_t micro, unsigned lora)
{
	struct err e;
	*s = (struct set){.cfg = small};
	s->cfg.lora_rank = lora;
	s->cfg.lora_alpha = 2;
	s->cfg.lora_targets = lora ? 1u << LORA_QUERY | 1u << LORA_DOWN : 0;
	s->cfg.value = o->algo == ALGO_PPO;
	struct train_opts to = {.max_tokens = micro * CONTEXT, .max_keys = CONTEXT, .seed = 5,
	    .schedule = {SCHEDULE_CONSTANT, 0.01, 0.01, 0, 10, 0}, .adamw = {0.9, 0.95, 1e-8, 0}};
	open_trainer(&s->t, &s->table, &s->cfg, &to, 0.5);
	assert_int_equal(ppo_open(&s->p, &s->t, o, ANSWERS, CONTEXT, &e), 0);
	s->p.kl_coefficient = 0.3;
	ppo_begin(&s->p);
	for (uint64_t i = 0; i < ANSWERS; i++) {
		int32_t ids[CONTEXT];
		for (size_t j = 0; j < lengths[i]; j++)
			ids[j] = (int32_t)rng_below(11, 2, RNG_TEST, i, j);
		assert_int_equal(ppo_add(&s->p, &s->t, ids, prompts[i], lengths[i], &e), 0);
	}
	assert_int_equal(s->p.r.tokens, 4 + 7 + 1 + 3);
	assert_int_equal(ppo_measure(&s->p, &s->t, &e), 0);
	for (size_t i = 0; i < s->p.r.tokens; i++)
		s->p.r.reference[i] = s->p.r.logp[i] + 0.3 * rng_normal(3, RNG_TEST, 0, i);
	for (size_t i = 0; i < ANSWERS; i++)
		s->p.r.score[i] = rng_normal(4, RNG_TEST, 0, i);
	ppo_advantages(&s->p);
}

/* Ratios and values away from where they were, some beyond the clip ranges. */
static void
disturb(struct set *s)
{
	for (size_t i = 0; i < s->p.r.tokens; i++) {
		s->p.r.logp[i] += 0.4 * rng_normal(6, RNG_TEST, 0, i);
		s->p.r.values[i] += 0.5 * rng_normal(7, RNG_TEST, 0, i);
	}
}

static void
close_set(struct set *s)
{
	ppo_close(&s->p);
	trainer_close(&s->t);
	params_free(&s->table);
}

static double
loss(struct set *s)
{
	return loss_and_gradient(&s->t, &s->p.r.rows);
}

static void
check_gradient(enum ppo_algo algo, double temperature, unsigned lora)
{
	static struct set s;
	static double g[8192];
	struct ppo_opts o = options(algo, temperature);
	open_set(&s, &o, ANSWERS, lora);
	disturb(&s);
	loss(&s);
	assert_true(s.p.sums.clipped > 0 && s.p.sums.clipped < s.p.sums.tokens);
	assert_true(s.table.size <= 8192);
	memcpy(g, s.t.g, s.table.size * sizeof *g);
	for (size_t i = 0; i < s.table.n; i++) {
		const struct param *it = &s.table.items[i];
		for (size_t j = 0; j < it->size && !s.t.how[i].frozen; j++) {
			size_t at = it->offset + j;
			near(g[at], DIFFERENCE(s.t.w[at], 1e-5, loss(&s)), 1e-7, it->name, j);
		}
	}
	close_set(&s);
}

static void
test_gradient(void **state)
{
	(void)state;
	check_gradient(ALGO_PPO, 1, 0);
	check_gradient(ALGO_PPO, 0.7, 2);
	check_gradient(ALGO_GRPO, 1.5, 0);
	check_gradient(ALGO_RLOO, 1, 0);
}

static void
test_micro(void **state)
{
	(void)state;
	static struct set a, b;
	for (int algo = ALGO_PPO; algo <= ALGO_RLOO; algo++) {
		struct ppo_opts o = options((enum ppo_algo)algo, 1);
		open_set(&a, &o, ANSWERS, 0);
		open_set(&b, &o, 1, 0);
		disturb(&a);
		disturb(&b);
		near(loss(&a), loss(&b), 1e-12, "loss in micro-batches", (size_t)algo);
		for (size_t i = 0; i < a.table.size; i++)
			near(a.t.g[i], b.t.g[i], 1e-12, "gradient in micro-batches", i);
		close_set(&a);
		close_set(&b);
	}
}

/* Before anything has been learnt the ratios are 1, to the bit, and nothing is clipped. */
static void
test_first_ratio(void **state)
{
	(void)state;
	static struct set s;
	struct err e;
	struct ppo_stats st;
	struct ppo_opts o = options(ALGO_PPO, 0.8);
	o.minibatch = 3;
	o.epochs = 1;
	open_set(&s, &o, 2, 0);
	s.t.opts.schedule.lr = s.t.opts.schedule.min_lr = 0;
	assert_int_equal(ppo_update(&s.p, &s.t, 0, &st, &e), 0);
	assert_int_equal(st.minibatches, 2);
	assert_true(st.ratio == 1 && st.approx_kl == 0 && st.clipped == 0 && st.outside == 0 && st.value_clipped == 0);
	close_set(&s);
	/* an update makes the good answers more probable, and ends early when it goes too far */
	o = options(ALGO_RLOO, 1);
	o.minibatch = 1;
	o.target_kl = 1e-9;
	open_set(&s, &o, ANSWERS, 0);
	s.p.kl_coefficient = 0;
	ppo_advantages(&s.p);
	double before = 0, after = 0;
	for (size_t i = 0; i < s.p.r.tokens; i++)
		before += s.p.r.logp[i] * s.p.r.advantages[i];
	assert_int_equal(ppo_update(&s.p, &s.t, 0, &st, &e), 0);
	assert_int_equal(st.epochs, 1);
	assert_int_equal(ppo_measure(&s.p, &s.t, &e), 0);
	for (size_t i = 0; i < s.p.r.tokens; i++)
		after += s.p.r.logp[i] * s.p.r.advantages[i];
	assert_true(after > before);
	close_set(&s);
}

/* The reference says what the policy says when the weights are the same, at any temperature. */
static void
test_reference(void **state)
{
	(void)state;
	static struct set s;
	struct err e;
	struct frozen_policy f;
	struct ppo_opts o = options(ALGO_PPO, 0.6);
	open_set(&s, &o, 2, 0);
	assert_int_equal(frozen_open(&f, &s.cfg, &s.table, s.t.w, CONTEXT, CONTEXT, &e), 0);
	frozen_logp(&f, &s.p.r.rows, 0.6, s.p.r.reference);
	for (size_t i = 0; i < s.p.r.tokens; i++)
		near(s.p.r.reference[i], s.p.r.logp[i], 1e-12, "reference", i);
	frozen_close(&f);
	close_set(&s);
	struct trainer t = {.cfg = &(struct config){.width = 8}};
	struct ppo_trainer p;
	assert_int_equal(ppo_open(&p, &t, &o, 1, 1, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rewards), cmocka_unit_test(test_gae),
	    cmocka_unit_test(test_whiten), cmocka_unit_test(test_groups), cmocka_unit_test(test_controllers),
	    cmocka_unit_test(test_policy_loss), cmocka_unit_test(test_value_loss), cmocka_unit_test(test_gradient),
	    cmocka_unit_test(test_micro), cmocka_unit_test(test_first_ratio), cmocka_unit_test(test_reference)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
