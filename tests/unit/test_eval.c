/* Logistic regression against its own optimality and a closed form; neighbours; geometry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "eval/logistic.h"
#include "eval/nearest.h"

enum { N = 400, D = 7, K = 3 };

static void
fill(real *x, int32_t *labels)
{
	for (size_t i = 0; i < N; i++) {
		double score[K] = {0};
		for (size_t j = 0; j < D; j++) {
			x[i * D + j] = (real)rng_normal(1, RNG_TEST, i, j);
			for (size_t c = 0; c < K; c++)
				score[c] += (double)x[i * D + j] * rng_normal(2, RNG_TEST, c, j);
		}
		labels[i] = 0;
		for (int32_t c = 0; c < K; c++) {
			score[c] += 2 * rng_normal(3, RNG_TEST, i, (uint64_t)c);
			labels[i] = score[c] > score[labels[i]] ? c : labels[i];
		}
	}
}

/* d/dw of mean -log p + l2/2 |W|^2 in double, by hand. */
static double
gradient_norm(const struct logistic *m, const real *x, const int32_t *labels, double l2)
{
	double g[K][D + 1] = {{0}}, sum = 0;
	for (size_t i = 0; i < N; i++) {
		double z[K], total = 0;
		for (size_t c = 0; c < K; c++) {
			z[c] = m->w[c * (D + 1) + D];
			for (size_t j = 0; j < D; j++)
				z[c] += m->w[c * (D + 1) + j] * (double)x[i * D + j];
			total += exp(z[c]);
		}
		for (size_t c = 0; c < K; c++) {
			double d = (exp(z[c]) / total - ((int32_t)c == labels[i])) / N;
			g[c][D] += d;
			for (size_t j = 0; j < D; j++)
				g[c][j] += d * (double)x[i * D + j];
		}
	}
	for (size_t c = 0; c < K; c++)
		for (size_t j = 0; j <= D; j++) {
			double v = g[c][j] + (j < D ? l2 * m->w[c * (D + 1) + j] : 0);
			sum += v * v;
		}
	return sqrt(sum);
}

static void
test_optimum(void **state)
{
	(void)state;
	static real x[N * D];
	static int32_t labels[N], said[N], sparse_said[N];
	struct err e;
	struct logistic m = {0}, s = {0};
	struct features f = {.n = N, .dim = D, .dense = x};
	fill(x, labels);
	assert_int_equal(logistic_fit(&m, &f, labels, K, 0.01, &e), 0);
	assert_true(gradient_norm(&m, x, labels, 0.01) < 1e-4);
	double loss = logistic_apply(&m, &f, labels, said, &e);
	assert_true(loss > 0.1 && loss < log(K));
	/* the same numbers as compressed rows */
	static size_t start[N + 1];
	static int32_t index[N * D];
	for (size_t i = 0; i <= N; i++)
		start[i] = i * D;
	for (size_t i = 0; i < N * D; i++)
		index[i] = (int32_t)(i % D);
	struct features sparse = {.n = N, .dim = D, .start = start, .index = index, .value = x};
	assert_int_equal(logistic_fit(&s, &sparse, labels, K, 0.01, &e), 0);
	assert_true(fabs(logistic_apply(&s, &sparse, labels, sparse_said, &e) - loss) < 1e-5);
	size_t differ = 0;
	for (size_t i = 0; i < N; i++)
		differ += said[i] != sparse_said[i];
	assert_true(differ <= 1);
	logistic_free(&m);
	logistic_free(&s);
}

/* Without features only the biases are left: the shares of the classes. */
static void
test_shares(void **state)
{
	(void)state;
	static real x[N];
	static int32_t labels[N], said[N];
	struct err e;
	struct logistic m = {0};
	struct features f = {.n = N, .dim = 1, .dense = x};
	for (size_t i = 0; i < N; i++)
		labels[i] = i % 4 == 0;
	assert_int_equal(logistic_fit(&m, &f, labels, 2, 0.1, &e), 0);
	assert_true(fabs(m.w[1] - m.w[3] - log(3)) < 1e-3);
	assert_true(fabs(logistic_apply(&m, &f, labels, said, &e) + 0.25 * log(0.25) + 0.75 * log(0.75)) < 1e-6);
	x[3] = (real)NAN;
	logistic_free(&m);
	assert_int_equal(logistic_fit(&m, &f, labels, 2, 0.1, &e), -1);
	assert_int_equal(e.code, ERR_NONFINITE);
	logistic_free(&m);
}

static void
test_standardise(void **state)
{
	(void)state;
	real x[8] = {1, 5, 3, 5, 5, 5, 7, 5}, y[2] = {4, 6}, mean[2], scale[2];
	features_standardise(x, 4, 2, mean, scale, true);
	assert_true(fabs((double)x[0] + 3 / sqrt(5)) < 1e-6 && fabs((double)x[6] - 3 / sqrt(5)) < 1e-6);
	assert_true(x[1] == 0 && x[7] == 0);
	features_standardise(y, 1, 2, mean, scale, false);
	assert_true(fabs((double)y[0]) < 1e-6 && y[1] == 0);
}

static void
test_nearest(void **state)
{
	(void)state;
	/* on a circle, at these degrees; two rows are equal */
	const double degrees[6] = {0, 10, 50, 50, 180, 270};
	real x[12], score[18];
	size_t found[18];
	struct err e;
	for (size_t i = 0; i < 6; i++) {
		x[2 * i] = (real)cos(degrees[i] * M_PI / 180);
		x[2 * i + 1] = (real)sin(degrees[i] * M_PI / 180);
	}
	assert_int_equal(nearest(found, score, x, 6, x, 6, 2, 3, true, &e), 0);
	const size_t want[3] = {1, 2, 3};
	assert_memory_equal(found, want, sizeof want);
	assert_true(found[6] == 3 && found[9] == 2); /* the equal ones find each other, not themselves */
	assert_int_equal(nearest(found, score, x, 6, x, 6, 2, 1, false, &e), 0);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(found[i], i == 3 ? 2 : i); /* of equals the earlier */
	const int32_t labels[6] = {0, 1, 1, 0, 0, 1};
	double work[4];
	assert_int_equal(nearest_vote((const size_t[]){0, 1, 2}, (const real[]){1, 1, 1}, 3, labels, 2, work), 1);
	assert_int_equal(nearest_vote((const size_t[]){0, 1}, (const real[]){0.9f, 0.8f}, 2, labels, 2, work), 0);
	double u, sum = 0;
	for (size_t i = 0; i < 6; i++)
		for (size_t j = 0; j < i; j++)
			sum += exp(-2 * (2 - 2 * cos((degrees[i] - degrees[j]) * M_PI / 180)));
	assert_int_equal(uniformity(&u, x, 6, 2, &e), 0);
	assert_true(fabs(u - log(sum / 15)) < 1e-5);
	double a = (2 - 2 * cos(10 * M_PI / 180) + 0 + 2 - 2 * cos(90 * M_PI / 180)) / 3;
	assert_true(fabs(alignment(x, 6, 2) - a) < 1e-6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_optimum), cmocka_unit_test(test_shares),
	    cmocka_unit_test(test_standardise), cmocka_unit_test(test_nearest)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
