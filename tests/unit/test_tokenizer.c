/* Foreign tokenizers: written and read again, ranks beside a naive loop, normal forms, words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utf8proc.h>

#include "base/rng.h"
#include "text/encode.h"
#include "text/learn.h"
#include "text/normalise.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

static const struct tokenizer_options usual = {.rule = -1};

static void
add(struct vocab *v, const char *name, bool special, unsigned match)
{
	struct err e;
	struct token t = {.left = -1, .right = -1, .rank = -1, .special = special, .match = (uint8_t)match};
	assert_int_equal(vocab_add(v, &t, name, strlen(name), &e), 0);
}

static void
add_merge(struct vocab *v, const char *name, int32_t left, int32_t right, int32_t rank)
{
	struct err e;
	struct token t = {.left = left, .right = right, .rank = rank};
	assert_int_equal(vocab_add(v, &t, name, strlen(name), &e), 0);
}

static void
same_again(const struct vocab *v)
{
	struct err e;
	struct text t = {0};
	struct vocab w;
	assert_int_equal(tokenizer_write(v, &t, &e), 0);
	if (tokenizer_read_json(&w, t.p, t.n, &usual, &e))
		fail_msg("%s", e.msg);
	assert_memory_equal(v->id, w.id, sizeof v->id);
	assert_int_equal(w.rule, v->rule);
	vocab_free(&w);
	free(t.p);
}

/* Every rule, option and kind of special token comes back. */
static void
test_written(void **state)
{
	(void)state;
	struct err e;
	for (int rule = 0; rule < PRETOKEN_COUNT; rule++) {
		struct vocab v;
		vocab_init(&v, VOCAB_BPE, (enum pretoken)rule);
		v.options = VOCAB_NFC | VOCAB_WHOLE | (rule == PRETOKEN_GPT2 ? VOCAB_SPACE : 0u);
		learn_bytes(&v, &e);
		add_merge(&v, "ab", 'a', 'b', 0);
		add_merge(&v, "bc", 'b', 'c', 1);
		add(&v, "<\"\\\x01\xc3\xa9>", true, 0);
		add_merge(&v, "abc", 256, 'c', 2);
		struct more_merge m = {259, 'a', 257, 3};
		assert_int_equal(vocab_add_merge(&v, &m, &e), 0);
		add(&v, "<always>", true, MATCH_ALWAYS | MATCH_LEFT);
		add(&v, "unreachable", false, 0);
		assert_int_equal(vocab_finish(&v, "<always>", rule % 2 ? NULL : "<always>", &e), 0);
		same_again(&v);
		vocab_free(&v);
	}
	struct vocab v;
	vocab_init(&v, VOCAB_WORDPIECE, PRETOKEN_GPT2);
	v.options = VOCAB_CLEAN | VOCAB_LOWER;
	v.unknown = 1;
	add(&v, "a", false, 0);
	add(&v, "[UNK]", true, 0);
	add(&v, "", false, 0);
	add(&v, "##b", false, 0);
	assert_int_equal(vocab_finish(&v, "[UNK]", NULL, &e), 0);
	same_again(&v);
	vocab_free(&v);
}

static void
test_not_written(void **state)
{
	(void)state;
	struct err e;
	struct text t = {0};
	struct vocab v;
	vocab_init(&v, VOCAB_CHAR, PRETOKEN_GPT2);
	learn_bytes(&v, &e);
	assert_int_equal(vocab_finish(&v, NULL, NULL, &e), 0);
	assert_int_equal(tokenizer_write(&v, &t, &e), -1);
	assert_non_null(strstr(e.msg, "not of a char vocabulary"));
	vocab_free(&v);
	vocab_init(&v, VOCAB_BPE, PRETOKEN_GPT2);
	learn_bytes(&v, &e);
	add(&v, "a", true, 0); /* as the byte is written */
	assert_int_equal(vocab_finish(&v, NULL, NULL, &e), 0);
	assert_int_equal(tokenizer_write(&v, &t, &e), -1);
	assert_non_null(strstr(e.msg, "is written as another"));
	vocab_free(&v);
	vocab_init(&v, VOCAB_BPE, PRETOKEN_GPT2);
	learn_bytes(&v, &e);
	add_merge(&v, "aa", 'a', 'a', 0);
	add_merge(&v, "aaa", 256, 'a', 1);
	struct more_merge m = {257, 'a', 256, 1};
	assert_int_equal(vocab_add_merge(&v, &m, &e), 0);
	assert_int_equal(vocab_finish(&v, NULL, NULL, &e), 0);
	assert_int_equal(tokenizer_write(&v, &t, &e), -1);
	assert_non_null(strstr(e.msg, "overlap"));
	vocab_free(&v);
	free(t.p);
}

/* What lies behind the file is not shown. */
static void
test_merge_at_end(void **state)
{
	(void)state;
	struct err e;
	struct vocab v;
	static const char json[] = "{\"a\": 0, \"b\": 1}", merges[] = " bsecret";
	assert_int_equal(tokenizer_read_merges(&v, json, sizeof json - 1, merges, 2, &usual, &e), -1);
	assert_string_equal(e.msg, "merge 0: `' and `b' cannot be merged");
}

/* ---- ranks ---- */

/* The 256 bytes and some tokens of a and b, in base64. */
static size_t
rank_file(char *to)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char *const more[] = {"YWE= 256", "YmE= 257", "YWFh 260", "YWI= 259", "YWJh 258", "YWFhYQ== 261", "YmFi 262",
	    "YWJhYmE= 263"};
	size_t n = 0;
	for (int b = 0; b < 256; b++)
		n += (size_t)sprintf(to + n, "%c%c== %d\n", digits[b >> 2], digits[(b & 3) << 4], b);
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		n += (size_t)sprintf(to + n, "%s\n", more[i]);
	return n;
}

/* The token of these bytes, looked for one by one. */
static int32_t
token_of(const struct vocab *v, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < v->n; i++)
		if (!v->tokens[i].special && v->tokens[i].size == n && memcmp(v->bytes + v->tokens[i].at, p, n) == 0)
			return (int32_t)i;
	return -1;
}

/* As the ranks are meant: the whole piece, or over and over the neighbours that make the lowest token, leftmost first. */
static size_t
by_ranks(const struct vocab *v, const uint8_t *p, size_t n, int32_t *ids)
{
	size_t ends[64], count = n;
	if ((ids[0] = token_of(v, p, n)) >= 0)
		return 1;
	for (size_t i = 0; i < n; i++)
		ends[i] = i + 1;
	for (;;) {
		int32_t best = INT32_MAX;
		size_t at = 0;
		for (size_t i = 0; i + 1 < count; i++) {
			size_t from = i ? ends[i - 1] : 0;
			int32_t id = token_of(v, p + from, ends[i + 1] - from);
			if (id >= 0 && id < best) {
				best = id;
				at = i;
			}
		}
		if (best == INT32_MAX)
			break;
		memmove(ends + at, ends + at + 1, (count - at - 1) * sizeof *ends);
		count--;
	}
	for (size_t i = 0; i < count; i++)
		ids[i] = token_of(v, p + (i ? ends[i - 1] : 0), ends[i] - (i ? ends[i - 1] : 0));
	return count;
}

static void
test_ranks(void **state)
{
	(void)state;
	struct err e;
	struct vocab v;
	char file[8192];
	struct tokenizer_options o = {.rule = PRETOKEN_GPT4};
	assert_int_equal(tokenizer_read_ranks(&v, "own", file, rank_file(file), &o, &e), 0);
	struct encoder *x = encoder_new(&v, &e);
	for (uint64_t t = 0; t < 4000; t++) {
		uint8_t p[64];
		int32_t want[64];
		struct ids got = {0};
		size_t n = 1 + rng_below(t % 2 ? 60 : 8, 1, RNG_TEST, t, 100);
		for (size_t i = 0; i < n; i++)
			p[i] = (uint8_t)"aaabc"[rng_below(t % 3 ? 4 : 5, 2, RNG_TEST, t, i)];
		assert_int_equal(encode_text(x, p, n, &got, &e), 0);
		assert_int_equal(got.n, by_ranks(&v, p, n, want));
		assert_memory_equal(got.v, want, got.n * sizeof *want);
		free(got.v);
	}
	encoder_free(x);
	vocab_free(&v);
}

/* A long piece takes time near its length. */
static void
test_long_piece(void **state)
{
	(void)state;
	enum { N = 1000000 };
	struct err e;
	struct vocab v;
	struct ids ids = {0};
	char file[8192], *text = malloc(N);
	struct tokenizer_options o = {.rule = PRETOKEN_GPT4};
	assert_int_equal(tokenizer_read_ranks(&v, "own", file, rank_file(file), &o, &e), 0);
	struct encoder *x = encoder_new(&v, &e);
	memset(text, 'a', N);
	clock_t start = clock();
	assert_int_equal(encode_text(x, text, N, &ids, &e), 0);
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 10); /* quadratic takes hours */
	assert_int_equal(ids.n, N / 4); /* all pairs, then all pairs of pairs */
	free(ids.v);
	encoder_free(x);
	vocab_free(&v);
	free(text);
}

/* ---- text ---- */

static void
nfc_is(const char *text, const char *want)
{
	struct err e;
	struct text t = {0};
	assert_int_equal(normalise_nfc(&t, (const uint8_t *)text, strlen(text), &e), 0);
	assert_int_equal(t.n, strlen(want));
	assert_memory_equal(t.p, want, t.n);
	free(t.p);
}

static void
test_nfc(void **state)
{
	(void)state;
	nfc_is("plain \xc3\xa9 text", "plain \xc3\xa9 text");
	nfc_is("cafe\xcc\x81", "caf\xc3\xa9");
	nfc_is("e\xcc\x81" "e\xcc\x81 ab e\xcc\x81", "\xc3\xa9\xc3\xa9 ab \xc3\xa9");
	nfc_is("e\xff\xcc\x81", "e\xff\xcc\x81"); /* nothing is composed across what is not UTF-8 */
	nfc_is("\xff\xcc" "a\xcc\x8a\xfe", "\xff\xcc\xc3\xa5\xfe");
	nfc_is("\xe1\x84\x80\xe1\x85\xa1", "\xea\xb0\x80"); /* Hangul */
	nfc_is("a\xcc\x87\xcc\xa3", "\xe1\xba\xa1\xcc\x87"); /* marks in the wrong order */
	nfc_is("\xe2\x84\xab", "\xc3\x85");
}

/* Marks in any order, and characters that are made of marks, come out as utf8proc has them. */
static void
test_nfc_marks(void **state)
{
	static const utf8proc_int32_t some[] = {'a', 0xe9, 0x1e69, 0x301, 0x316, 0x323, 0x345, 0x344, 0xf71, 0xf72, 0xf73, 0xf81,
	    0x3099, 0x1100, 0x1161, 0x11a8, 0x212b, 0x1d15e, 0x1f82};
	uint8_t text[32 * 4 + 1];
	(void)state;
	for (uint64_t round = 0; round < 5000; round++) {
		size_t n = 0;
		for (uint64_t i = 0; i < 1 + round % 31; i++)
			n += utf8_put(some[rng_below(sizeof some / sizeof *some, 3, RNG_TEST, round, i)], text + n);
		text[n] = '\0';
		utf8proc_uint8_t *want = utf8proc_NFC(text);
		nfc_is((const char *)text, (const char *)want);
		free(want);
	}
}

/* n times two marks in the wrong order, or one that is two such. */
static void
test_nfc_long(void **state)
{
	enum { N = 100000 };
	struct err e;
	struct text in = {0}, out = {0};
	(void)state;
	clock_t start = clock();
	for (int kind = 0; kind < 2; kind++) {
		in.n = 0;
		assert_int_equal(text_append(&in, "a", 1, &e), 0);
		for (int i = 0; i < N; i++)
			assert_int_equal(text_append(&in, kind ? "\xe0\xbd\xb3" : "\xcc\x81\xcc\x96", kind ? 3 : 4, &e), 0);
		assert_int_equal(normalise_nfc(&out, in.p, in.n, &e), 0);
		assert_int_equal(out.n, kind ? 1 + 6 * N : 4 * N); /* a and the first acute accent are one */
	}
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 10); /* quadratic takes minutes */
	free(in.p);
	free(out.p);
}

static void
words_are(unsigned options, const char *text, const char *want)
{
	struct err e;
	struct text t = {0};
	assert_int_equal(normalise_words(&t, options, (const uint8_t *)text, strlen(text), &e), 0);
	assert_int_equal(t.n, strlen(want));
	assert_memory_equal(t.p, want, t.n);
	free(t.p);
}

static void
test_words(void **state)
{
	(void)state;
	unsigned all = VOCAB_CLEAN | VOCAB_CJK | VOCAB_ACCENTS | VOCAB_LOWER;
	words_are(all, "  Hello,  World! ", "hello , world !");
	words_are(all, "Caf\xc3\xa9 e\xcc\x81", "cafe e");
	words_are(VOCAB_LOWER, "CAF\xc3\x89", "caf\xc3\xa9");
	words_are(VOCAB_LOWER, "\xc4\xb0", "i\xcc\x87");
	words_are(all, "a\xe4\xb8\xad\xe6\x96\x87" "b", "a \xe4\xb8\xad \xe6\x96\x87 b");
	words_are(all & ~(unsigned)VOCAB_CJK, "a\xe4\xb8\xad" "b", "a\xe4\xb8\xad" "b");
	words_are(all, "a\x01\xe2\x80\x8d" "b\t\xc2\xa0" "c\xff\xef\xbf\xbd", "ab c");
	words_are(0, "a\xff", "a\xef\xbf\xbd");
	words_are(all, "...", ". . .");
	words_are(all, "\x01", "");
}

/* Added tokens that take white space, and those in any text. */
static void
test_matching(void **state)
{
	(void)state;
	struct err e;
	struct vocab v;
	struct ids ids = {0};
	vocab_init(&v, VOCAB_BPE, PRETOKEN_GPT2);
	learn_bytes(&v, &e);
	add(&v, "<l>", true, MATCH_LEFT);
	add(&v, "<r>", true, MATCH_RIGHT | MATCH_ALWAYS);
	assert_int_equal(vocab_finish(&v, NULL, NULL, &e), 0);
	struct encoder *x = encoder_new(&v, &e);
	static const char text[] = "a \xe2\x80\x83<l> <r>\n b";
	int32_t want[] = {'a', 256, ' ', 257, 'b'}, plain[] = {'a', ' ', 0xe2, 0x80, 0x83, '<', 'l', '>', ' ', 257, 'b'};
	assert_int_equal(encode_with_special(x, text, strlen(text), &ids, &e), 0);
	assert_int_equal(ids.n, 5);
	assert_memory_equal(ids.v, want, sizeof want);
	ids.n = 0;
	assert_int_equal(encode_text(x, text, strlen(text), &ids, &e), 0);
	assert_int_equal(ids.n, 11);
	assert_memory_equal(ids.v, plain, sizeof plain);
	free(ids.v);
	encoder_free(x);
	vocab_free(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_written), cmocka_unit_test(test_not_written), cmocka_unit_test(test_merge_at_end),
	    cmocka_unit_test(test_ranks), cmocka_unit_test(test_long_piece), cmocka_unit_test(test_nfc),
	    cmocka_unit_test(test_nfc_marks),
	    cmocka_unit_test(test_nfc_long), cmocka_unit_test(test_words),
	    cmocka_unit_test(test_matching)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
