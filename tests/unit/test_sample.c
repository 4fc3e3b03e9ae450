/* Sampling against plain sorting, exact frequencies, and the edges of every filter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "model/sample.h"

enum { MAX = 1000 };
static char scratch[MAX * 64] __attribute__((aligned(64)));
static const struct sample_opts plain = {.temperature = 1, .top_p = 1, .penalty = 1};

static int32_t
sample(const struct sample_opts *o, const real *logits, size_t n, double u)
{
	real logp;
	assert_true(sample_scratch(n) <= sizeof scratch);
	int32_t t = sample_token(o, logits, n, NULL, 0, u, scratch, &logp);
	assert_true(t >= 0 && (size_t)t < n);
	double sum = 0;
	for (size_t j = 0; j < n; j++)
		sum += exp((double)logits[j]);
	assert_true(fabs((double)logp - ((double)logits[t] - log(sum))) < 1e-5);
	return t;
}

/* What the header says, done plainly: probabilities (n), sorting included. */
static void
expected(double *p, const struct sample_opts *o, const real *logits, size_t n)
{
	size_t order[MAX];
	double max = -HUGE_VAL, sum = 0, all = 0;
	for (size_t j = 0; j < n; j++)
		max = fmax(max, (double)logits[j]);
	for (size_t j = 0; j < n; j++) {
		p[j] = exp(((double)logits[j] - max) / o->temperature);
		order[j] = j;
	}
	for (size_t i = 1; i < n; i++) /* stable: of equals the lower id first */
		for (size_t j = i; j && p[order[j]] > p[order[j - 1]]; j--) {
			size_t swap = order[j];
			order[j] = order[j - 1];
			order[j - 1] = swap;
		}
	size_t k = o->top_k && o->top_k < n ? o->top_k : n, m = 0;
	for (size_t j = 0; j < k; j++)
		sum += p[order[j]];
	while (m < k && (m == 0 || all < o->top_p * sum))
		all += p[order[m++]];
	while (m > 1 && p[order[m - 1]] < o->min_p)
		m--;
	for (size_t j = m; j < n; j++)
		p[order[j]] = 0;
	sum = 0;
	for (size_t j = 0; j < n; j++)
		sum += p[j];
	for (size_t j = 0; j < n; j++)
		p[j] /= sum;
}

/* Pearson's statistic of `draws` samples against the expected distribution. */
static double
chi_square(const struct sample_opts *o, const real *logits, size_t n, size_t draws, size_t *freedom)
{
	double p[MAX], chi = 0;
	size_t seen[MAX] = {0};
	expected(p, o, logits, n);
	for (size_t i = 0; i < draws; i++)
		seen[sample(o, logits, n, rng_uniform(7, RNG_SAMPLE, i, 0))]++;
	*freedom = 0;
	for (size_t j = 0; j < n; j++) {
		double want = p[j] * (double)draws, d = (double)seen[j] - want;
		if (want == 0)
			assert_int_equal(seen[j], 0);
		else
			chi += d * d / want;
		*freedom += want > 0;
	}
	*freedom -= 1;
	return chi;
}

static void
test_distribution(void **state)
{
	(void)state;
	const real logits[] = {0.3f, -1.0f, 2.0f, 0.0f, 1.5f, -0.5f, 1.0f, 0.7f};
	struct sample_opts o[] = {plain, plain, plain, plain, plain, plain, plain};
	o[1].temperature = 0.5;
	o[2].temperature = 2;
	o[3].top_k = 3;
	o[4].top_p = 0.8;
	o[5].min_p = 0.2;
	o[6] = (struct sample_opts){.temperature = 0.8, .top_p = 0.9, .min_p = 0.1, .penalty = 1, .top_k = 6};
	for (size_t i = 0; i < sizeof o / sizeof *o; i++) {
		size_t f;
		double chi = chi_square(&o[i], logits, 8, 20000, &f);
		/* mean f, standard deviation sqrt(2 f): four of them */
		assert_true(chi < (double)f + 4 * sqrt(2 * (double)f));
	}
}

/* Which tokens a filter leaves, on many random rows with ties, against sorting. */
static void
test_filters(void **state)
{
	(void)state;
	static real logits[MAX];
	static double p[MAX];
	for (uint64_t row = 0; row < 60; row++) {
		size_t n = 1 + (size_t)rng_below(MAX, 1, RNG_TEST, row, 0);
		for (size_t j = 0; j < n; j++) /* eighths: many equals */
			logits[j] = (real)(floor(8 * rng_normal(2, RNG_TEST, row, j)) / 8);
		struct sample_opts o = {.temperature = 0.5 + 0.25 * (double)(row % 4), .top_p = row % 3 ? 1 : 0.7,
		    .min_p = row % 5 ? 0 : 0.05, .penalty = 1, .top_k = row % 2 ? 0 : 1 + row};
		expected(p, &o, logits, n);
		double at = 0;
		for (size_t j = 0; j < n; j++) { /* the middle of each token's share draws that token */
			if (p[j] > 1e-5)
				assert_int_equal(sample(&o, logits, n, at + p[j] / 2), j);
			at += p[j];
		}
		assert_true(p[sample(&o, logits, n, 0)] > 0);
		assert_true(p[sample(&o, logits, n, 1 - 0x1p-53)] > 0);
	}
}

static void
test_edges(void **state)
{
	(void)state;
	/* probabilities 1/2, 1/4, 1/8, 1/8 (exactly, up to the rounding of log 2) */
	const real z[] = {(real)(-3 * M_LN2), (real)-M_LN2, (real)(-2 * M_LN2), (real)(-3 * M_LN2)};
	struct sample_opts o = plain;
	o.top_p = 0;    /* one stays */
	assert_int_equal(sample(&o, z, 4, 0.9999), 1);
	o.top_p = 0.49; /* less than the first has */
	assert_int_equal(sample(&o, z, 4, 0), 1);
	assert_int_equal(sample(&o, z, 4, 0.9999), 1);
	o.top_p = 0.51; /* the second as well */
	assert_int_equal(sample(&o, z, 4, 0.9999), 2);
	assert_int_equal(sample(&o, z, 4, 0), 1);
	o.top_p = 0.8; /* of the equals only the first */
	assert_int_equal(sample(&o, z, 4, 0.9999), 2);
	assert_int_equal(sample(&o, z, 4, 0), 0);
	o = plain;
	o.min_p = 0.49;
	assert_int_equal(sample(&o, z, 4, 0), 1);
	assert_int_equal(sample(&o, z, 4, 0.9999), 2);
	o.min_p = 0.51;
	assert_int_equal(sample(&o, z, 4, 0.9999), 1);
	o.min_p = 1; /* the most probable stays */
	assert_int_equal(sample(&o, z, 4, 0.5), 1);
	o = plain;
	o.top_k = 3;
	assert_int_equal(sample(&o, z, 4, 0), 0);
	assert_int_equal(sample(&o, z, 4, 0.9999), 2);
	o.top_k = 1;
	assert_int_equal(sample(&o, z, 4, 0.9999), 1);
}

static void
test_greedy_and_penalty(void **state)
{
	(void)state;
	const real z[] = {1, 3, 3, -1};
	const int32_t seen[] = {1, 1, 3};
	real logp;
	struct sample_opts o = plain;
	o.temperature = 0;
	assert_int_equal(sample(&o, z, 4, 0.9), 1); /* the lowest of equals */
	o.penalty = 2;                              /* 1, 3/2, 3, -2 */
	assert_int_equal(sample_token(&o, z, 4, seen, 3, 0, scratch, &logp), 2);
	const int32_t both[] = {1, 2, 2, 2};        /* seen often counts once: 1, 3/2, 3/2, -1 */
	assert_int_equal(sample_token(&o, z, 4, both, 4, 0, scratch, &logp), 1);
	double own = 3 - log(exp(1) + 2 * exp(3) + exp(-1));
	assert_true(fabs((double)logp - own) < 1e-6); /* the model's own, not the penalized one */
	/* as a distribution: exp(1), exp(1.5), exp(3), exp(-2) */
	o.temperature = 1;
	double sum = exp(1) + exp(1.5) + exp(3) + exp(-2), below = (exp(1) + exp(1.5) + exp(3)) / sum;
	assert_int_equal(sample_token(&o, z, 4, seen, 3, below - 1e-4, scratch, &logp), 2);
	assert_int_equal(sample_token(&o, z, 4, seen, 3, below + 1e-4, scratch, &logp), 3);
}

static void
test_odd_logits(void **state)
{
	(void)state;
	real z[] = {0, NAN, 1}, logp;
	assert_int_equal(sample_token(&plain, z, 3, NULL, 0, 0.5, scratch, &logp), -1);
	z[1] = INFINITY;
	assert_int_equal(sample_token(&plain, z, 3, NULL, 0, 0.5, scratch, &logp), -1);
	real none[] = {-INFINITY, -INFINITY};
	assert_int_equal(sample_token(&plain, none, 2, NULL, 0, 0.5, scratch, &logp), -1);
	z[1] = -INFINITY; /* never drawn */
	for (int i = 0; i < 100; i++)
		assert_int_not_equal(sample_token(&plain, z, 3, NULL, 0, i / 100.0, scratch, &logp), 1);
	real far[] = {3e38f, -3e38f};
	struct sample_opts o = plain;
	o.temperature = 1e-5;
	assert_int_equal(sample_token(&o, far, 2, NULL, 0, 0.999, scratch, &logp), 0);
	real one = 5;
	assert_int_equal(sample(&plain, &one, 1, 0.999), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_distribution), cmocka_unit_test(test_filters),
	    cmocka_unit_test(test_edges), cmocka_unit_test(test_greedy_and_penalty),
	    cmocka_unit_test(test_odd_logits)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
