/* Agreement of raters against worked examples in print, as exact fractions; the models behind it against simulated raters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "eval/agreement.h"
#include "eval/crowdbt.h"
#include "eval/dawid.h"
#include "eval/ratings.h"

static void
close_to(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("got %.12g, wanted %.12g", got, want);
}

/* Rows of raters, a character a unit: a digit or letter is a label, a dot no vote. Returns how many votes. */
static size_t
votes_of(struct vote *v, const char *const *rows, size_t raters)
{
	size_t n = 0;
	for (uint32_t u = 0; rows[0][u]; u++)
		for (uint32_t r = 0; r < raters; r++)
			if (rows[r][u] != '.')
				v[n++] = (struct vote){u, r, rows[r][u] >= 'a' ? rows[r][u] - 'a' : rows[r][u] - '0'};
	return n;
}

static double
alpha_of(const char *const *rows, size_t raters, enum alpha_metric m)
{
	struct vote v[256];
	struct err e;
	double alpha;
	assert_int_equal(krippendorff_alpha(&alpha, v, votes_of(v, rows, raters), m, &e), 0);
	return alpha;
}

/* Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability": A (.095), B (.692), C (.743; ordinal .815; interval
 * .849); and the example of Wikipedia's article "Krippendorff's alpha" (.691; interval .811). */
static void
test_alpha(void **state)
{
	(void)state;
	static const char *const a[] = {"0100000010", "1110010000"}, *const b[] = {"aabbdcccedda", "babbbccceddd"},
	    *const c[] = {"123321412...", "1233224125.3", ".3332342251.", "12332441251."},
	    *const w[] = {".....34121133.3", "1.213343.......", "..21344.21133.4"};
	close_to(alpha_of(a, 2, ALPHA_NOMINAL), 2.0 / 21, 1e-12);
	close_to(alpha_of(b, 2, ALPHA_NOMINAL), 155.0 / 224, 1e-12);
	close_to(alpha_of(c, 4, ALPHA_NOMINAL), 113.0 / 152, 1e-12);
	close_to(alpha_of(c, 4, ALPHA_ORDINAL), 108577.0 / 133160, 1e-12);
	close_to(alpha_of(c, 4, ALPHA_INTERVAL), 951.0 / 1120, 1e-12);
	close_to(alpha_of(w, 3, ALPHA_NOMINAL), 56.0 / 81, 1e-12);
	close_to(alpha_of(w, 3, ALPHA_ORDINAL), 112173.0 / 139048, 1e-12);
	close_to(alpha_of(w, 3, ALPHA_INTERVAL), 643.0 / 793, 1e-12);
	static const char *const same[] = {"111", "111"}, *const single[] = {"1.", ".2"};
	assert_true(isnan(alpha_of(same, 2, ALPHA_NOMINAL)) && isnan(alpha_of(same, 2, ALPHA_INTERVAL)));
	assert_true(isnan(alpha_of(single, 2, ALPHA_ORDINAL)));
}

static double
fleiss_of(const uint8_t *table, size_t units, size_t classes)
{
	static struct vote v[1024];
	struct err e;
	size_t n = 0;
	double kappa;
	for (uint32_t u = 0; u < units; u++)
		for (uint32_t c = 0, r = 0; c < classes; c++)
			for (int i = 0; i < table[u * classes + c]; i++)
				v[n++] = (struct vote){u, r++, c};
	assert_int_equal(fleiss_kappa(&kappa, v, n, classes, &e), 0);
	return kappa;
}

/* Fleiss 1971, "Measuring nominal scale agreement among many raters", table 1: 30 patients, 6 psychiatrists, 5 diagnoses
 * (.430); and the example of Wikipedia's article "Fleiss' kappa" (.210). */
static void
test_fleiss(void **state)
{
	(void)state;
	static const uint8_t fleiss[30][5] = {{0, 0, 0, 6, 0}, {0, 3, 0, 0, 3}, {0, 1, 4, 0, 1}, {0, 0, 0, 0, 6}, {0, 3, 0, 3, 0},
	    {2, 0, 4, 0, 0}, {0, 0, 4, 0, 2}, {2, 0, 3, 1, 0}, {2, 0, 0, 4, 0}, {0, 0, 0, 0, 6}, {1, 0, 0, 5, 0}, {1, 1, 0, 4, 0},
	    {0, 3, 3, 0, 0}, {1, 0, 0, 5, 0}, {0, 2, 0, 3, 1}, {0, 0, 5, 0, 1}, {3, 0, 0, 1, 2}, {5, 1, 0, 0, 0}, {0, 2, 0, 4, 0},
	    {1, 0, 2, 0, 3}, {0, 0, 0, 0, 6}, {0, 1, 0, 5, 0}, {0, 2, 0, 1, 3}, {2, 0, 0, 4, 0}, {1, 0, 0, 4, 1}, {0, 5, 0, 1, 0},
	    {4, 0, 0, 0, 2}, {0, 2, 0, 4, 0}, {1, 0, 5, 0, 0}, {0, 0, 0, 0, 6}};
	static const uint8_t wikipedia[10][5] = {{0, 0, 0, 0, 14}, {0, 2, 6, 4, 2}, {0, 0, 3, 5, 6}, {0, 3, 9, 2, 0}, {2, 2, 8, 1, 1},
	    {7, 7, 0, 0, 0}, {3, 2, 6, 3, 0}, {2, 5, 3, 2, 2}, {6, 5, 2, 1, 0}, {0, 2, 2, 3, 7}};
	static const uint8_t uneven[2][2] = {{2, 0}, {2, 1}}, one[2][2] = {{1, 0}, {0, 1}};
	close_to(fleiss_of(&fleiss[0][0], 30, 5), 5437.0 / 12637, 1e-12);
	close_to(fleiss_of(&wikipedia[0][0], 10, 5), 4211.0 / 20059, 1e-12);
	assert_true(isnan(fleiss_of(&uneven[0][0], 2, 2)) && isnan(fleiss_of(&one[0][0], 2, 2)));
}

/* Cohen 1960, "A coefficient of agreement for nominal scales": 200 cases, agreement .70, by chance .41, kappa .492. */
static void
test_cohen(void **state)
{
	(void)state;
	static const int table[3][3] = {{88, 14, 18}, {10, 40, 10}, {2, 6, 12}};
	struct vote v[401];
	struct err e;
	size_t n = 0;
	uint32_t u = 0;
	double kappa;
	for (int a = 0; a < 3; a++)
		for (int b = 0; b < 3; b++)
			for (int i = 0; i < table[a][b]; i++, u++) {
				/* who comes first in a unit does not matter */
				v[n++] = (struct vote){u, u % 2, u % 2 ? b : a};
				v[n++] = (struct vote){u, (u + 1) % 2, u % 2 ? a : b};
			}
	v[n++] = (struct vote){u, 0, 1}; /* on which one has voted alone */
	assert_int_equal(cohen_kappa(&kappa, v, n, 3, &e), 0);
	close_to(kappa, 29.0 / 59, 1e-12);
	close_to(agreement_share(v, n), 0.7, 1e-12);
	assert_int_equal(cohen_kappa(&kappa, v, 0, 3, &e), 0);
	assert_true(isnan(kappa) && isnan(agreement_share(v, 0)));
}

static void
test_binomial(void **state)
{
	(void)state;
	close_to(binomial_tail(8, 10, 0.5), 56.0 / 1024, 1e-14);
	close_to(binomial_tail(2, 3, 0.25), 10.0 / 64, 1e-14);
	close_to(binomial_tail(0, 5, 0.3), 1, 0);
	close_to(binomial_tail(5, 5, 0), 0, 0);
	close_to(binomial_tail(5, 5, 1), 1, 0);
	close_to(binomial_tail(500000, 1000000, 0.5), 0.500398942, 1e-7);
}

/* ---- simulated raters ---- */

enum { UNITS = 600, RATERS = 9 };
static const double reliable[RATERS] = {0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.5, 0.5}; /* a third at random */

/* Each unit has the class (u % 3); wrong labels are equally probable. Every fifth vote is missing. */
static size_t
simulate(struct vote *v, size_t classes)
{
	size_t n = 0;
	for (uint32_t u = 0; u < UNITS; u++)
		for (uint32_t r = 0; r < RATERS; r++) {
			uint64_t at = (uint64_t)u * RATERS + r;
			double right = r < 6 ? reliable[r] : 1 / (double)classes;
			if (rng_uniform(1, RNG_TEST, 0, at) < 0.2)
				continue;
			size_t said = u % classes;
			if (rng_uniform(1, RNG_TEST, 1, at) >= right)
				said = (said + 1 + rng_below(classes - 1, 1, RNG_TEST, 2, at)) % classes;
			v[n++] = (struct vote){u, r, (double)said};
		}
	return n;
}

/* Share of units whose label has most votes; of ties the right one counts in part. */
static double
majority(const struct vote *v, size_t n, size_t classes)
{
	double right = 0;
	for (size_t at = 0, m; (m = vote_run(v + at, n - at)) > 0; at += m) {
		size_t count[4] = {0}, most = 0, tied = 0;
		for (size_t i = at; i < at + m; i++)
			count[(size_t)v[i].value]++;
		for (size_t c = 0; c < classes; c++)
			most = count[c] > most ? count[c] : most;
		for (size_t c = 0; c < classes; c++)
			tied += count[c] == most;
		right += count[v[at].unit % classes] == most ? 1 / (double)tied : 0;
	}
	return right / UNITS;
}

static void
check_dawid(size_t classes, bool mirror)
{
	static struct vote v[UNITS * RATERS];
	struct dawid d;
	struct err e;
	double right = 0, p[4];
	size_t n = simulate(v, classes);
	assert_int_equal(dawid_fit(&d, v, n, UNITS, RATERS, classes, mirror, &e), 0);
	for (size_t r = 0; r < RATERS; r++)
		close_to(dawid_reliability(&d, r), r < 6 ? reliable[r] : 1 / (double)classes, 0.05);
	for (size_t u = 0; u < UNITS; u++) {
		size_t best = 0;
		for (size_t c = 1; c < classes; c++)
			best = d.posterior[u * classes + c] > d.posterior[u * classes + best] ? c : best;
		right += best == u % classes;
	}
	assert_true(right / UNITS > majority(v, n, classes) + 0.02);
	/* at the end posteriors are those of the votes; without a vote they are others */
	size_t m = vote_run(v, n);
	dawid_posterior(&d, v, m, SIZE_MAX, p);
	close_to(p[0], d.posterior[0], 1e-6);
	dawid_posterior(&d, v, m, v[0].rater, p);
	assert_true(fabs(p[0] - d.posterior[0]) > 1e-9);
	for (size_t r = 0; r < RATERS && mirror; r++)
		close_to(d.confusion[4 * r], d.confusion[4 * r + 3], 1e-12);
	dawid_free(&d);
}

static void
test_dawid(void **state)
{
	(void)state;
	check_dawid(2, false);
	check_dawid(2, true);
	check_dawid(3, false);
}

/* Worths of deviation 1 around 4; leniencies and errors of five raters, of whom each sees a part. */
static void
test_ratings(void **state)
{
	(void)state;
	static const double offset[5] = {0.5, -1, 0, 1, -0.5}, error[5] = {0.3, 0.5, 0.5, 1, 2};
	static struct vote v[UNITS * 5];
	struct ratings m;
	struct err e;
	double worth[UNITS], off = 0, plain = 0, mean = 0, shift = 0;
	size_t n = 0;
	for (uint32_t u = 0; u < UNITS; u++) {
		worth[u] = 4 + rng_normal(4, RNG_TEST, 0, u);
		for (uint32_t r = 0; r < 5; r++)
			if (rng_uniform(4, RNG_TEST, 1, 5 * u + r) < (r == 3 && worth[u] < 4 ? 0.2 : 0.8))
				v[n++] = (struct vote){u, r, worth[u] + offset[r] + error[r] * rng_normal(4, RNG_TEST, 2, 5 * u + r)};
	}
	assert_int_equal(ratings_fit(&m, v, n, UNITS, 5, &e), 0);
	for (size_t r = 0; r < 5; r++)
		shift += (m.offset[r] - offset[r]) / 5; /* the mean of all votes is part of the worths */
	for (size_t r = 0; r < 5; r++) {
		close_to(m.offset[r] - shift, offset[r], 0.1);
		close_to(sqrt(m.error[r]), error[r], 0.1);
		close_to(ratings_reliability(&m, r), 1 / (1 + error[r] * error[r]), 0.05);
	}
	for (size_t at = 0, k; (k = vote_run(v + at, n - at)) > 0; at += k) {
		uint32_t u = v[at].unit;
		mean = 0;
		for (size_t i = at; i < at + k; i++)
			mean += v[i].value / (double)k;
		plain += fabs(mean - worth[u]) / UNITS;
		off += fabs(m.worth[u] + shift - worth[u]) / UNITS;
	}
	assert_true(off < 0.5 * plain);
	ratings_free(&m);
	/* without errors nothing is left over, and nothing divides by 0 */
	static const struct vote exact[6] = {{0, 0, 1}, {0, 1, 3}, {1, 0, 2}, {1, 1, 4}, {2, 0, 5}, {2, 1, 7}};
	assert_int_equal(ratings_fit(&m, exact, 6, 3, 2, &e), 0);
	close_to(m.offset[1] - m.offset[0], 2, 1e-5);
	close_to(m.worth[0], 2, 1e-5);
	close_to(m.worth[2], 6, 1e-5);
	assert_true(ratings_confidence(&m, 0) > 0.999);
	ratings_free(&m);
	static const struct vote same[2] = {{0, 0, 3}, {1, 1, 3}};
	assert_int_equal(ratings_fit(&m, same, 2, 2, 2, &e), 0);
	close_to(m.worth[1], 3, 1e-12);
	assert_true(ratings_confidence(&m, 0) >= 0 && ratings_confidence(&m, 0) <= 1);
	ratings_free(&m);
}

/* Counts whose products wrap around to less than there would be. */
static void
test_hostile_counts(void **state)
{
	(void)state;
	static const struct vote v[2] = {{0, 0, 0}, {0, 1, 0}};
	struct dawid d;
	struct ratings m;
	struct err e;
	double kappa;
	assert_int_equal(dawid_fit(&d, v, 2, 1, 2, (size_t)1 << 32, false, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	assert_int_equal(dawid_fit(&d, v, 2, (size_t)1 << 62, 2, 4, false, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	assert_int_equal(ratings_fit(&m, v, 2, 1, SIZE_MAX / 3 + 1, &e), -1);
	assert_int_equal(cohen_kappa(&kappa, v, 2, SIZE_MAX / 2 + 2, &e), -1);
	assert_int_equal(fleiss_kappa(&kappa, v, 2, SIZE_MAX / 2 + 2, &e), -1);
	assert_int_equal(e.code, ERR_RUNTIME);
}

enum { THINGS = 40, DUELS = 9000 };

/* Scores from -3 to 3; each rater decides as the model has it. */
static void
duels(struct duel *d, double *score)
{
	for (size_t i = 0; i < THINGS; i++)
		score[i] = 6 * (double)i / (THINGS - 1) - 3;
	for (uint64_t k = 0; k < DUELS; k++) {
		uint32_t r = (uint32_t)(k % RATERS), i = (uint32_t)rng_below(THINGS, 2, RNG_TEST, 0, k);
		uint32_t j = (i + 1 + (uint32_t)rng_below(THINGS - 1, 2, RNG_TEST, 1, k)) % THINGS;
		double p = 1 / (1 + exp(score[j] - score[i])), q = reliable[r] * p + (1 - reliable[r]) * (1 - p);
		bool first = rng_uniform(2, RNG_TEST, 2, k) < q;
		d[k] = (struct duel){first ? i : j, first ? j : i, r, 1};
	}
}

/* Share of all pairs of things that are in their true order. */
static double
in_order(const double *score)
{
	double right = 0;
	for (size_t i = 0; i < THINGS; i++)
		for (size_t j = 0; j < i; j++)
			right += score[i] > score[j];
	return right / (THINGS * (THINGS - 1) / 2.0);
}

static void
test_crowd(void **state)
{
	(void)state;
	static struct duel d[DUELS];
	double truth[THINGS], shares[THINGS] = {0}, times[THINGS] = {0}, off = 0;
	struct crowd_bt m;
	struct err e;
	duels(d, truth);
	assert_int_equal(crowd_bt_fit(&m, d, DUELS, THINGS, RATERS, &e), 0);
	for (size_t r = 0; r < RATERS; r++)
		close_to(m.reliability[r], reliable[r], 0.05);
	for (size_t k = 0; k < DUELS; k++) {
		shares[d[k].better]++;
		times[d[k].better]++;
		times[d[k].worse]++;
	}
	for (size_t i = 0; i < THINGS; i++) {
		shares[i] /= times[i];
		off += fabs(m.score[i] - truth[i]) / THINGS;
	}
	assert_true(in_order(m.score) > in_order(shares) && in_order(m.score) > 0.9);
	assert_true(off < 0.6);
	crowd_bt_free(&m);
}

static void
test_crowd_gradient(void **state)
{
	(void)state;
	static struct duel d[DUELS];
	double score[THINGS], x[THINGS + RATERS], g[THINGS + RATERS], unused[THINGS + RATERS], h = 1e-5;
	duels(d, score);
	d[7].weight = d[8].weight = 0.5;
	for (size_t i = 0; i < THINGS + RATERS; i++)
		x[i] = rng_normal(3, RNG_TEST, 0, i);
	crowd_bt_loss(x, g, d, 50, THINGS, RATERS);
	for (size_t i = 0; i < THINGS + RATERS; i++) {
		double was = x[i];
		x[i] = was + h;
		double up = crowd_bt_loss(x, unused, d, 50, THINGS, RATERS);
		x[i] = was - h;
		double down = crowd_bt_loss(x, unused, d, 50, THINGS, RATERS);
		x[i] = was;
		close_to(g[i], (up - down) / (2 * h), 1e-7);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_alpha), cmocka_unit_test(test_fleiss), cmocka_unit_test(test_cohen),
	    cmocka_unit_test(test_binomial), cmocka_unit_test(test_dawid), cmocka_unit_test(test_ratings), cmocka_unit_test(test_hostile_counts),
	    cmocka_unit_test(test_crowd),
	    cmocka_unit_test(test_crowd_gradient)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
