/* Shingles, signatures and bands: what they promise, by counting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/lsh.h"
#include "data/minhash.h"

static struct err e;

static size_t
count(enum shingle_unit unit, size_t width, const void *data, size_t n)
{
	struct shingles s = {0};
	assert_int_equal(shingles_make(&s, unit, width, data, n, &e), 0);
	size_t got = s.n;
	shingles_free(&s);
	return got;
}

/* Whether two texts have the same shingles in the same order. */
static bool
same(enum shingle_unit unit, size_t width, const char *a, const char *b)
{
	struct shingles s = {0}, t = {0};
	assert_int_equal(shingles_make(&s, unit, width, a, strlen(a), &e), 0);
	assert_int_equal(shingles_make(&t, unit, width, b, strlen(b), &e), 0);
	bool equal = s.n == t.n && memcmp(s.v, t.v, s.n * sizeof *s.v) == 0;
	shingles_free(&s);
	shingles_free(&t);
	return equal;
}

static void
test_shingles(void **state)
{
	(void)state;
	assert_int_equal(count(SHINGLE_WORDS, 5, "one two three four five six", 27), 2);
	assert_int_equal(count(SHINGLE_WORDS, 5, "one two", 7), 1);
	assert_int_equal(count(SHINGLE_WORDS, 1, " one\ttwo\n", 9), 2);
	assert_int_equal(count(SHINGLE_WORDS, 5, "  ", 2), 1);
	assert_int_equal(count(SHINGLE_WORDS, 5, "", 0), 1);
	assert_int_equal(count(SHINGLE_BYTES, 5, "abcdefg", 7), 3);
	assert_int_equal(count(SHINGLE_TOKENS, 2, (int32_t[]){1, 2, -3}, 3), 2);
	assert_int_equal(count(SHINGLE_TOKENS, 2, NULL, 0), 1);
	assert_true(same(SHINGLE_WORDS, 3, "a b  c\nd", "\ta b c d "));
	assert_false(same(SHINGLE_WORDS, 2, "a b", "b a"));
	assert_false(same(SHINGLE_WORDS, 3, "ab c d", "a bc d"));
	assert_false(same(SHINGLE_WORDS, 3, " ", "  "));
	assert_false(same(SHINGLE_BYTES, 9, "a b", "a  b"));
}

/* A shingle's hash does not depend on what is before it. */
static void
test_rolling(void **state)
{
	(void)state;
	int32_t ids[400];
	struct shingles all = {0}, one = {0};
	for (size_t i = 0; i < 400; i++)
		ids[i] = (int32_t)rng_below(7, 1, RNG_TEST, 0, i);
	for (size_t w = 1; w < 40; w += 4) {
		assert_int_equal(shingles_make(&all, SHINGLE_TOKENS, w, ids, 400, &e), 0);
		assert_int_equal(all.n, 401 - w);
		for (size_t i = 0; i < all.n; i++) {
			assert_int_equal(shingles_make(&one, SHINGLE_TOKENS, w, ids + i, w, &e), 0);
			assert_int_equal(one.n, 1);
			assert_true(one.v[0] == all.v[i]);
		}
	}
	shingles_free(&all);
	shingles_free(&one);
}

/* Two sets of n numbers each, of which `common` are in both, other ones in each trial. */
static void
make_sets(struct shingles *a, struct shingles *b, size_t n, size_t common, uint64_t trial)
{
	for (size_t i = 0; i < n; i++) {
		a->v[i] = rng_u64(1, RNG_TEST, trial, i);
		b->v[i] = i < common ? a->v[i] : rng_u64(2, RNG_TEST, trial, i);
	}
	a->n = b->n = n;
}

static double
exact(size_t n, size_t common)
{
	return (double)common / (double)(2 * n - common);
}

static void
test_jaccard(void **state)
{
	(void)state;
	uint64_t x[40], y[40];
	struct shingles a = {.v = x}, b = {.v = y};
	struct shingle_room room = {0};
	double got;
	for (size_t common = 0; common <= 20; common++) {
		make_sets(&a, &b, 20, common, common);
		memcpy(x + 20, x, 20 * sizeof *x); /* twice the same is once */
		a.n = 40;
		assert_int_equal(shingles_jaccard(&got, &a, &b, &room, &e), 0);
		assert_true(fabs(got - exact(20, common)) < 1e-15);
		assert_int_equal(shingles_jaccard(&got, &b, &a, &room, &e), 0);
		assert_true(fabs(got - exact(20, common)) < 1e-15);
	}
	shingle_room_free(&room);
}

/* For sets of a few elements, of many, and of one; the mean of T estimates is within four of its standard errors of the exact
 * similarity, and their variance is not above the binomial one by more than four of its own. */
static void
test_unbiased(void **state)
{
	(void)state;
	enum { T = 1500, MOST = 3000 };
	static const struct { size_t n, common, k; } cases[] = {{10, 8, 128}, {3, 1, 64}, {60, 54, 128}, {130, 100, 128}, {700, 600, 100},
	    {3000, 2900, 64}, {3000, 300, 33}, {25, 5, 256}, {1, 0, 128}, {2, 1, 8}};
	static uint64_t x[MOST], y[MOST];
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		struct shingles a = {.v = x}, b = {.v = y};
		uint32_t s[256], t[256];
		size_t k = cases[c].k, trials = cases[c].n > 1000 ? T / 5 : T;
		double want = exact(cases[c].n, cases[c].common), sum = 0, squares = 0;
		for (size_t i = 0; i < trials; i++) {
			make_sets(&a, &b, cases[c].n, cases[c].common, 100 * i + c);
			minhash_sign(s, k, a.v, a.n);
			minhash_sign(t, k, b.v, b.n);
			double d = minhash_similarity(s, t, k) - want;
			sum += d;
			squares += d * d;
		}
		double variance = want * (1 - want) / (double)k, mean = sum / (double)trials, n = (double)trials;
		print_message("# n=%zu k=%zu similarity %.4f: mean error %.5f (standard error %.5f), variance / binomial %.3f\n", cases[c].n, k,
		    want, mean, sqrt(variance / n), variance > 0 ? squares / n / variance : 0.0);
		assert_true(fabs(mean) <= 4 * sqrt(variance / n));
		assert_true(squares / n <= variance * (1 + 4 * sqrt(2 / n)));
	}
}

/* The order of the elements and how often each occurs do not matter. */
static void
test_sets(void **state)
{
	(void)state;
	uint64_t x[300];
	uint32_t s[100], t[100];
	for (size_t n = 1; n < 150; n += 13) {
		for (size_t i = 0; i < n; i++)
			x[i] = x[2 * n - 1 - i] = rng_u64(1, RNG_TEST, n, i);
		minhash_sign(s, 100, x, n);
		minhash_sign(t, 100, x, 2 * n);
		assert_memory_equal(s, t, sizeof s);
		minhash_sign(t, 100, x + n, n);
		assert_memory_equal(s, t, sizeof s);
	}
}

/* ---- bands ---- */

struct met {
	size_t pairs;
	uint8_t of[2000];
};

static int
meet(void *ctx, size_t a, size_t b, struct err *err)
{
	struct met *m = ctx;
	(void)err;
	assert_true(a < b);
	m->pairs++;
	if (b == a + 1 && a % 2 == 0)
		m->of[a / 2] = 1;
	return 0;
}

/* Pairs of records 2 i, 2 i + 1 of a similarity are found as often as the curve says, within four standard errors, and hardly any others. */
static void
test_curve(void **state)
{
	(void)state;
	enum { PAIRS = 2000, K = 128, N = 100 };
	static uint32_t sig[2 * PAIRS * K];
	static struct met m;
	uint64_t x[N], y[N];
	struct lsh_bands b = {6, 21};
	for (size_t common = 40; common < N; common += 8) {
		for (size_t i = 0; i < PAIRS; i++) {
			struct shingles s = {.v = x}, t = {.v = y};
			make_sets(&s, &t, N, common, 1000 * i + common);
			minhash_sign(sig + 2 * i * K, K, x, N);
			minhash_sign(sig + (2 * i + 1) * K, K, y, N);
		}
		memset(&m, 0, sizeof m);
		assert_int_equal(lsh_pairs(sig, 2 * PAIRS, K, b, meet, &m, &e), 0);
		double p = lsh_probability(exact(N, common), b), found = 0;
		for (size_t i = 0; i < PAIRS; i++)
			found += m.of[i];
		print_message("# similarity %.3f: found %.4f, expected %.4f\n", exact(N, common), found / PAIRS, p);
		assert_true(fabs(found / PAIRS - p) <= 4 * sqrt(p * (1 - p) / PAIRS) + 1e-4);
		assert_true(m.pairs <= PAIRS * b.bands);
		assert_true(p > 0.9 || m.pairs < PAIRS * 3);
	}
}

static void
test_choice(void **state)
{
	(void)state;
	for (size_t k = 16; k <= 512; k *= 2)
		for (double t = 0.3; t < 1; t += 0.05) {
			struct lsh_bands b = lsh_choose(t, k), next = {b.rows + 1, k / (b.rows + 1)};
			assert_true(b.rows * b.bands <= k);
			assert_true(b.rows == 1 || lsh_probability(t, b) >= 0.99);
			assert_true(lsh_probability(t, next) < 0.99);
		}
	assert_true(fabs(lsh_probability(0.5, (struct lsh_bands){2, 3}) - (1 - 0.75 * 0.75 * 0.75)) < 1e-15);
}

static int
connect(void *ctx, size_t a, size_t b, struct err *err)
{
	uint8_t *reached = ctx;
	(void)err;
	assert_true(reached[a]); /* the pairs of equal ones come in ascending order of the later */
	reached[b] = 1;
	return 0;
}

static int
stop(void *ctx, size_t a, size_t b, struct err *err)
{
	++*(size_t *)ctx;
	return err_set(err, ERR_DATA, "%zu %zu", a, b);
}

/* A crowd of equal records: all are connected, and the number of pairs is linear. */
static void
test_crowd(void **state)
{
	(void)state;
	enum { N = 5000, K = 8 };
	uint32_t *sig = calloc(N * K, sizeof *sig);
	uint8_t *reached = calloc(N, 1);
	struct met m = {0};
	size_t calls = 0;
	reached[0] = 1;
	assert_int_equal(lsh_pairs(sig, N, K, (struct lsh_bands){8, 1}, connect, reached, &e), 0);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(reached[i], 1);
	assert_int_equal(lsh_pairs(sig, LSH_CROWD + 1, K, (struct lsh_bands){8, 1}, meet, &m, &e), 0);
	assert_int_equal(m.pairs, (LSH_CROWD + 1) * LSH_CROWD / 2);
	m = (struct met){0};
	assert_int_equal(lsh_pairs(sig, 4000, K, (struct lsh_bands){8, 1}, meet, &m, &e), 0);
	assert_true(m.pairs <= 4000 * LSH_CROWD);
	assert_int_equal(lsh_pairs(sig, N, K, (struct lsh_bands){8, 1}, stop, &calls, &e), -1);
	assert_int_equal(calls, 1);
	assert_int_equal(lsh_pairs(sig, 0, K, (struct lsh_bands){8, 1}, stop, &calls, &e), 0);
	free(sig);
	free(reached);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_shingles), cmocka_unit_test(test_rolling),
	    cmocka_unit_test(test_jaccard), cmocka_unit_test(test_unbiased), cmocka_unit_test(test_sets),
	    cmocka_unit_test(test_curve), cmocka_unit_test(test_choice), cmocka_unit_test(test_crowd)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
