/* Masking: realised rates against the requested ones over a million tokens, and what must hold for each
 * row; views of the augmenters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/augment.h"
#include "data/mask.h"

enum { LETTERS = 256, SPECIALS = 8, MASK = LETTERS, FIRST_SENTINEL = LETTERS + 2, END = LETTERS + 1 };
enum { ROWS = 16000, LENGTH = 64 };

static void
make_vocab(struct vocab *v)
{
	static const char *const names[SPECIALS] = {"<|mask|>", "<|endoftext|>", "<extra_id_0>", "<extra_id_1>",
	    "<extra_id_2>", "<extra_id_3>", "<extra_id_4>", "<extra_id_5>"};
	struct err e;
	vocab_init(v, VOCAB_BYTE, PRETOKEN_GPT2);
	for (int i = 0; i < LETTERS; i++)
		assert_int_equal(vocab_add(v, &(struct token){.left = -1, .right = -1, .rank = -1}, &(uint8_t){(uint8_t)i}, 1, &e), 0);
	for (int i = 0; i < SPECIALS; i++)
		assert_int_equal(vocab_add(v, &(struct token){.left = -1, .right = -1, .rank = -1, .special = true},
		    names[i], strlen(names[i]), &e), 0);
	assert_int_equal(vocab_finish(v, NULL, "<|endoftext|>", &e), 0);
}

/* A row of words of 1 to 4 tokens; now and then the end of a document. */
static void
make_row(uint64_t row, int32_t *ids, int32_t *words, int32_t *documents)
{
	int32_t word = 0, document = 0;
	for (size_t i = 0, end; i < LENGTH; i = end, word++) {
		uint64_t u = rng_u64(1, RNG_TEST, row, i);
		bool special = u % 20 == 0;
		end = special ? i + 1 : i + 1 + (u >> 8) % 4;
		end = end > LENGTH ? LENGTH : end;
		for (size_t k = i; k < end; k++) {
			ids[k] = special ? END : (int32_t)(rng_u64(2, RNG_TEST, row, k) % LETTERS);
			words[k] = word;
			documents[k] = document;
		}
		document += special;
	}
}

static const struct mask_opts standard = {.rate = 0.15, .mask_share = 0.8, .random_share = 0.1, .span_p = 0.2,
    .longest = 10, .mask = MASK, .seed = 5};

struct tally {
	double n, hits;          /* of independent rows: sums, and squares for the error */
	double square;
};

static void
add(struct tally *t, double n, double hits, double rate)
{
	t->n += n;
	t->hits += hits;
	t->square += (hits - rate * n) * (hits - rate * n);
}

/* Within three standard errors, as the rows themselves vary. */
static void
check(const struct tally *t, double rate, const char *what)
{
	double z = (t->hits - rate * t->n) / sqrt(t->square);
	if (!(fabs(z) < 3))
		fail_msg("%s: %.5f, not %.5f: %.2f standard errors", what, t->hits / t->n, rate, z);
}

static void
test_rates(void **state)
{
	(void)state;
	struct vocab v;
	struct err e;
	make_vocab(&v);
	for (enum mask_policy p = MASK_TOKEN; p <= MASK_NGRAM; p++)
		for (int variant = 0; variant < 2; variant++) {
			struct masker m;
			struct mask_opts o = standard;
			struct tally all = {0}, first = {0}, last = {0}, masked = {0}, randomised = {0};
			o.policy = p;
			o.rate = variant ? 0.4 : 0.15;
			assert_int_equal(masker_open(&m, &o, &v, &e), 0);
			for (uint64_t r = 0; r < ROWS; r++) {
				int32_t ids[LENGTH], words[LENGTH], docs[LENGTH], out[LENGTH], targets[LENGTH];
				double can = 0, hidden = 0, mask = 0, other = 0;
				make_row(r, ids, words, docs);
				assert_int_equal(mask_row(&m, 0, ids, p == MASK_TOKEN || variant ? (p == MASK_WORD ? words : NULL)
				    : words, docs, NULL, LENGTH, out, targets, &e), 0);
				for (size_t i = 0; i < LENGTH; i++) {
					bool hit = targets[i] != -100;
					assert_true(!hit || (targets[i] == ids[i] && ids[i] != END));
					assert_true(hit || out[i] == ids[i]);
					can += ids[i] != END;
					hidden += hit;
					mask += hit && out[i] == MASK;
					other += hit && out[i] != MASK && out[i] != ids[i];
				}
				add(&all, can, hidden, o.rate);
				add(&first, ids[0] != END, targets[0] != -100, o.rate);
				add(&last, ids[LENGTH - 1] != END, targets[LENGTH - 1] != -100, o.rate);
				add(&masked, hidden, mask, 0.8);
				add(&randomised, hidden, other, 0.1 * 255 / 256); /* a random token may be the same */
			}
			check(&all, o.rate, "hidden");
			check(&first, o.rate, "hidden at the start");
			check(&last, o.rate, "hidden at the end");
			check(&masked, 0.8, "masked");
			check(&randomised, 0.1 * 255 / 256, "random");
			assert_true(m.counts.tokens == (uint64_t)ROWS * LENGTH && (double)m.counts.hidden == all.hits);
			assert_true(m.counts.masked + m.counts.randomised + m.counts.kept == m.counts.hidden);
			masker_close(&m);
		}
	vocab_free(&v);
}

/* Lengths of spans that stand apart, in a row without specials: the distribution that was asked for. */
static void
test_lengths(void **state)
{
	(void)state;
	struct vocab v;
	struct err e;
	make_vocab(&v);
	struct masker m;
	struct mask_opts o = standard;
	o.policy = MASK_NGRAM;
	o.rate = 0.01; /* few touch */
	o.longest = 3;
	double seen[4] = {0}, sum = 0;
	assert_int_equal(masker_open(&m, &o, &v, &e), 0);
	for (uint64_t r = 0; r < ROWS; r++) {
		int32_t ids[LENGTH], out[LENGTH], targets[LENGTH];
		for (size_t i = 0; i < LENGTH; i++)
			ids[i] = (int32_t)(rng_u64(9, RNG_TEST, r, i) % LETTERS);
		assert_int_equal(mask_row(&m, 0, ids, NULL, NULL, NULL, LENGTH, out, targets, &e), 0);
		for (size_t i = 1; i < LENGTH; i++) {
			size_t n = 0;
			while (targets[i - 1] == -100 && i + n < LENGTH && targets[i + n] != -100)
				n++;
			if (n && n <= 3 && i + n < LENGTH) {
				seen[n]++;
				sum++;
			}
		}
	}
	const double want[4] = {0, 6.0 / 11, 3.0 / 11, 2.0 / 11};
	for (int n = 1; n <= 3; n++)
		assert_true(fabs(seen[n] / sum - want[n]) < 3 * sqrt(want[n] / sum) + 0.01);
	assert_true(sum > 4000);
	masker_close(&m);
	vocab_free(&v);
}

static void
test_units(void **state)
{
	(void)state;
	struct vocab v;
	struct err e;
	make_vocab(&v);
	for (enum mask_policy p = MASK_WORD; p <= MASK_NGRAM; p++) {
		struct masker m;
		struct mask_opts o = standard;
		size_t others = 0;
		o.policy = p;
		o.rate = 0.3;
		assert_int_equal(masker_open(&m, &o, &v, &e), 0);
		for (uint64_t r = 0; r < 500; r++) {
			int32_t ids[LENGTH], words[LENGTH], docs[LENGTH], out[LENGTH], targets[LENGTH], again[LENGTH], t2[LENGTH];
			make_row(r, ids, words, docs);
			assert_int_equal(mask_row(&m, 3, ids, words, docs, NULL, LENGTH, out, targets, &e), 0);
			for (size_t i = 1; i < LENGTH; i++)
				if (words[i] == words[i - 1])
					assert_true((targets[i] == -100) == (targets[i - 1] == -100));
			/* the same from the same content, whatever went before; other masks in another epoch */
			assert_int_equal(mask_row(&m, 3, ids, words, docs, NULL, LENGTH, again, t2, &e), 0);
			assert_memory_equal(out, again, sizeof out);
			assert_memory_equal(targets, t2, sizeof targets);
			assert_int_equal(mask_row(&m, 4, ids, words, docs, NULL, LENGTH, again, t2, &e), 0);
			others += memcmp(targets, t2, sizeof t2) != 0;
		}
		assert_true(others > 490);
		masker_close(&m);
	}
	vocab_free(&v);
}

/* The answer put back where the sentinels stand is the text. */
/* What replaces a token is one of those that are used. */
static void
test_unused(void **state)
{
	(void)state;
	struct vocab v;
	struct err e;
	struct masker m;
	static const char *const names[] = {"[UNK]", "a", "", "##b", ""};
	vocab_init(&v, VOCAB_WORDPIECE, PRETOKEN_GPT2);
	v.unknown = 0;
	for (size_t i = 0; i < 5; i++) {
		struct token t = {.left = -1, .right = -1, .rank = -1, .special = i == 0};
		assert_int_equal(vocab_add(&v, &t, names[i], strlen(names[i]), &e), 0);
	}
	assert_int_equal(vocab_finish(&v, NULL, NULL, &e), 0);
	assert_int_equal(masker_open(&m, &standard, &v, &e), 0);
	assert_int_equal(m.nordinary, 2);
	assert_int_equal(m.ordinary[0], 1);
	assert_int_equal(m.ordinary[1], 3);
	masker_close(&m);
	vocab_free(&v);
}

static void
test_sentinels(void **state)
{
	(void)state;
	struct vocab v;
	struct err e;
	struct masker m;
	struct mask_opts o = standard;
	make_vocab(&v);
	o.policy = MASK_SENTINEL;
	o.rate = 0.3;
	o.span_p = 1.0 / 3;
	assert_int_equal(masker_open(&m, &o, &v, &e), 0);
	assert_int_equal(m.nsentinels, 6);
	for (uint64_t r = 0; r < 500; r++) {
		int32_t ids[LENGTH], words[LENGTH], docs[LENGTH], out[3 * LENGTH], targets[3 * LENGTH], back[LENGTH];
		size_t n, at = 0, start, given = 0;
		make_row(r, ids, words, docs);
		assert_int_equal(mask_sentinel(&m, 0, ids, words, LENGTH, out, targets, &n, &e), 0);
		assert_true(n <= mask_sentinel_room(&m, LENGTH));
		for (start = 0; targets[start] == -100;)
			start++;
		for (size_t i = 0; i <= start; i++) { /* out[0 .. start] is the text; then the answer but its first */
			if (out[i] < FIRST_SENTINEL) {
				back[at++] = out[i];
				continue;
			}
			assert_int_equal(out[i], FIRST_SENTINEL + (int32_t)given++);
			size_t k = start;
			while (targets[k] != out[i])
				k++;
			for (k++; targets[k] < FIRST_SENTINEL; k++)
				back[at++] = targets[k];
		}
		assert_int_equal(at, LENGTH);
		assert_memory_equal(back, ids, sizeof back);
		for (size_t i = start + 1; i < n; i++)
			assert_int_equal(out[i], targets[i - 1]);
		assert_int_equal(targets[n - 1], FIRST_SENTINEL + (int32_t)given);
	}
	masker_close(&m);
	vocab_free(&v);
}

static void
test_prefix(void **state)
{
	(void)state;
	struct vocab v;
	struct err e;
	struct masker m;
	struct mask_opts o = standard;
	make_vocab(&v);
	o.policy = MASK_PREFIX;
	o.prefix_low = o.prefix_high = 0.25;
	assert_int_equal(masker_open(&m, &o, &v, &e), 0);
	int32_t ids[8] = {1, 2, 3, 4, 5, 6, 7, 8}, docs[8] = {0, 0, 0, 0, 0, 0, 0, 0}, out[8], targets[8];
	assert_int_equal(mask_row(&m, 0, ids, NULL, docs, NULL, 8, out, targets, &e), 0);
	const int32_t want[8] = {-100, 3, 4, 5, 6, 7, 8, -100};
	assert_memory_equal(targets, want, sizeof want);
	assert_memory_equal(out, ids, sizeof out);
	ids[3] = 999;
	assert_int_equal(mask_row(&m, 0, ids, NULL, docs, NULL, 8, out, targets, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	masker_close(&m);
	vocab_free(&v);
}

/* ---- views ---- */

static const int32_t text[] = {END, 'T', 'h', 'e', 'y', '.', 'A', 'n', 'd', '!', '"', 'S', 'o', 'o', 'n', '?', END};
enum { N = sizeof text / sizeof *text };

static size_t
view_of(struct augment *a, const char *name, double share, uint32_t number, const int32_t **out)
{
	struct err e;
	struct augment_step s = {augmenter_of(name, strlen(name)), share, share};
	assert_non_null(s.what);
	size_t n = augment_view(a, &s, 1, 0, number, text, N, out, &e);
	assert_true(n > 2 && (*out)[0] == END && (*out)[n - 1] == END);
	return n;
}

static bool
is_subsequence(const int32_t *a, size_t n)
{
	size_t at = 0;
	for (size_t i = 0; i < N && at < n; i++)
		at += a[at] == text[i];
	return at == n;
}

static int
compare(const void *a, const void *b)
{
	return *(const int32_t *)a - *(const int32_t *)b;
}

static bool
is_permutation(const int32_t *a, size_t n)
{
	int32_t x[N], y[N];
	if (n != N)
		return false;
	memcpy(x, a, sizeof x);
	memcpy(y, text, sizeof y);
	qsort(x, N, sizeof *x, compare);
	qsort(y, N, sizeof *y, compare);
	return memcmp(x, y, sizeof x) == 0;
}

static void
test_views(void **state)
{
	(void)state;
	struct vocab v;
	struct err e;
	struct augment a = {.seed = 3};
	const int32_t *out;
	double left = 0;
	bool orders[6] = {false};
	make_vocab(&v);
	assert_int_equal(augment_vocab_open(&a.vocab, &v, &e), 0);
	for (uint32_t i = 0; i < 2000; i++) {
		assert_int_equal(view_of(&a, "none", 0, i, &out), N);
		assert_memory_equal(out, text, sizeof text);
		size_t n = view_of(&a, "delete", 0.3, i, &out);
		assert_true(is_subsequence(out, n));
		left += (double)n - 2;
		n = view_of(&a, "crop", 0.4, i, &out);
		assert_int_equal(n, 2 + 6);
		size_t at = 1;
		while (at + n - 2 < N - 1 && memcmp(text + at, out + 1, (n - 2) * sizeof *text) != 0)
			at++;
		assert_memory_equal(text + at, out + 1, (n - 2) * sizeof *text);
		n = view_of(&a, "cutoff", 0.2, i, &out);
		assert_true(n == N - 3 && is_subsequence(out, n));
		n = view_of(&a, "swap", 0.3, i, &out);
		assert_true(is_permutation(out, n));
		n = view_of(&a, "reorder", 0, i, &out);
		assert_true(is_permutation(out, n));
		/* sentences: They.  And!"  Soon? -- the quote goes with what follows it: tokens are single bytes */
		const int32_t first = out[1], second = out[1 + (first == 'T' ? 5 : first == 'A' ? 4 : 6)];
		orders[(first == 'T' ? 0 : first == 'A' ? 1 : 2) * 2 + (second == 'T' || (second == 'A' && first == 'T'))] = true;
	}
	assert_true(fabs(left / 2000 / (N - 2) - 0.7) < 0.02);
	for (int i = 0; i < 6; i++)
		assert_true(orders[i]);
	augment_close(&a);
	vocab_free(&v);
}

static void
test_unigram(void **state)
{
	(void)state;
	struct vocab v;
	struct err e;
	struct augment a = {.seed = 3};
	const int32_t *out;
	uint64_t counts[LETTERS + SPECIALS] = {['a'] = 700, ['b'] = 200, ['c'] = 99, ['d'] = 1, [END] = 100000};
	double seen[LETTERS + SPECIALS] = {0}, sum = 0;
	make_vocab(&v);
	assert_int_equal(augment_vocab_open(&a.vocab, &v, &e), 0);
	assert_int_equal(augment_unigram(&a.vocab, counts, &e), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		size_t n = view_of(&a, "replace", 1, i, &out);
		assert_int_equal(n, N);
		for (size_t k = 1; k + 1 < n; k++, sum++)
			seen[out[k]]++;
	}
	for (size_t i = 0; i < LETTERS + SPECIALS; i++) {
		double p = i == END ? 0 : (double)counts[i] / 1000;
		assert_true(fabs(seen[i] / sum - p) <= 4 * sqrt(p * (1 - p) / sum));
	}
	augment_close(&a);
	vocab_free(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rates), cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_units), cmocka_unit_test(test_sentinels), cmocka_unit_test(test_unused), cmocka_unit_test(test_prefix),
	    cmocka_unit_test(test_views), cmocka_unit_test(test_unigram)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
