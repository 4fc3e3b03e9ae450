/* Pre-tokenisers, learning, encoding, vocabularies, documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "text/documents.h"
#include "text/encode.h"
#include "text/learn.h"

/* ---- pre-tokenisers ---- */

/* The pieces of `text`, joined by `|`, are `want`. */
static void
pieces(enum pretoken rule, const char *text, const char *want)
{
	char got[256];
	size_t n = strlen(text), to = 0;
	for (size_t i = 0; i < n;) {
		size_t k = pretoken_next(rule, (const uint8_t *)text + i, n - i);
		assert_in_range(k, 1, n - i);
		if (i)
			got[to++] = '|';
		memcpy(got + to, text + i, k);
		to += k;
		i += k;
	}
	got[to] = '\0';
	assert_string_equal(got, want);
}

static void
test_pretoken_gpt2(void **state)
{
	(void)state;
	enum pretoken g = PRETOKEN_GPT2;
	pieces(g, "Hello world", "Hello| world");
	pieces(g, "I'll say it's", "I|'ll| say| it|'s");
	pieces(g, "I'LL", "I|'|LL");
	pieces(g, "a  b   c", "a| | b|  | c");
	pieces(g, "end   ", "end|   ");
	pieces(g, "x\n\ny", "x|\n|\n|y");
	pieces(g, "x \n y", "x| \n| y");
	pieces(g, "12345 678", "12345| 678");
	pieces(g, "ab12!?cd", "ab|12|!?|cd");
	pieces(g, " 'tis", " '|tis");
	pieces(g, "'tis", "'t|is");
	pieces(g, "\xc3\xa9t\xc3\xa9 \xd0\xbc\xd0\xb8\xd1\x80", "\xc3\xa9t\xc3\xa9| \xd0\xbc\xd0\xb8\xd1\x80");
	pieces(g, "a\xff\xfe" "b", "a|\xff\xfe|b");
	pieces(g, "\xc2\xa0x", "\xc2\xa0|x");
}

static void
test_pretoken_gpt4(void **state)
{
	(void)state;
	enum pretoken g = PRETOKEN_GPT4;
	pieces(g, "Hello world", "Hello| world");
	pieces(g, "I'LL say IT'S", "I|'LL| say| IT|'S");
	pieces(g, "x'\xc5\xbfy", "x|'\xc5\xbf|y");
	pieces(g, "12345678", "123|456|78");
	pieces(g, " 123", " |123");
	pieces(g, "(word", "(word");
	pieces(g, "((word", "((|word");
	pieces(g, "a.\n\nb", "a|.\n\n|b");
	pieces(g, "a \n\n  b", "a| \n\n| | b");
	pieces(g, "a   b", "a|  | b");
	pieces(g, "\tint x", "\tint| x");
	pieces(g, "\nword", "\n|word");
	pieces(g, "a !\n", "a| !\n");
	pieces(g, "end   ", "end|   ");
	pieces(g, "\xff\xff" "a", "\xff\xff|a");
}

/* ---- learning ---- */

static void
learn_from(struct vocab *v, const char *text, size_t size)
{
	struct err e;
	struct counts c = {0};
	vocab_init(v, VOCAB_BPE, PRETOKEN_GPT2);
	assert_int_equal(counts_add_text(&c, PRETOKEN_GPT2, text, strlen(text), &e), 0);
	assert_int_equal(learn_bpe(v, &c, size, &e), 0);
	assert_int_equal(vocab_finish(v, NULL, NULL, &e), 0);
	counts_free(&c);
}

static void
is_token(const struct vocab *v, size_t id, const char *want)
{
	size_t n;
	const uint8_t *p = vocab_bytes(v, (int32_t)id, &n);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(p, want, n);
}

/* Words: low x5, lower x2, newest x6, widest x3 (the example of Sennrich et al. 2016), each after a
 * space but the first. Pairs: es 9, st 9, we 8, lo 7, ow 7 ...: e (101) comes before s (115). */
static void
test_learning(void **state)
{
	(void)state;
	struct vocab v;
	learn_from(&v, "low low low low low lower lower newest newest newest newest newest newest "
	    "widest widest widest", 262);
	is_token(&v, 256, "es");
	is_token(&v, 257, "est");
	is_token(&v, 258, "lo");
	is_token(&v, 259, "low");
	assert_int_equal(v.n, 262);
	vocab_free(&v);
	/* nothing occurs twice any more: fewer tokens than asked */
	learn_from(&v, "abab", 300);
	is_token(&v, 256, "ab");
	assert_int_equal(v.n, 257);
	vocab_free(&v);
}

enum { PIECE = 256, LEARNT = 256 + 12 };

/* Over and over the most frequent pair, of equals the smallest, leftmost first. */
static void
naive_merges(const struct vocab *v, int32_t *s, size_t n)
{
	static int counts[LEARNT][LEARNT];
	for (int32_t id = 256; id < LEARNT; id++) {
		int32_t left = 0, right = 0;
		size_t to = 0;
		memset(counts, 0, sizeof counts);
		for (size_t i = 0; i + 1 < n; i++)
			counts[s[i]][s[i + 1]]++;
		for (int i = 0; i < LEARNT * LEARNT; i++)
			if (counts[i / LEARNT][i % LEARNT] > counts[left][right]) {
				left = i / LEARNT;
				right = i % LEARNT;
			}
		assert_int_equal(v->tokens[id].left, left);
		assert_int_equal(v->tokens[id].right, right);
		for (size_t i = 0; i < n; to++) {
			bool both = i + 1 < n && s[i] == left && s[i + 1] == right;
			s[to] = both ? id : s[i];
			i += both ? 2 : 1;
		}
		n = to;
	}
}

/* Pieces as long as one is at most: pairs of them that overlap, and that stand side by side. */
static void
test_learning_long(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < 30; round++) {
		char text[PIECE + 1] = "";
		int32_t s[PIECE];
		struct vocab v;
		for (uint64_t i = 0; i < PIECE; i++)
			s[i] = text[i] = "aaabc"[rng_below(round % 2 ? 5 : 4, 7, RNG_TEST, round, i)];
		learn_from(&v, text, LEARNT);
		assert_int_equal(v.n, LEARNT);
		naive_merges(&v, s, PIECE);
		vocab_free(&v);
	}
}

/* ---- encoding ---- */

/* Over and over the lowest rank, leftmost first, in one piece. */
static size_t
naive(const struct vocab *v, const uint8_t *p, size_t n, int32_t *ids)
{
	for (size_t i = 0; i < n; i++)
		ids[i] = v->byte_ids[p[i]];
	for (;;) {
		const struct merge *best = NULL;
		size_t at = 0;
		for (size_t i = 0; i + 1 < n; i++) {
			const struct merge *m = vocab_merge(v, ids[i], ids[i + 1]);
			if (m && (!best || m->rank < best->rank)) {
				best = m;
				at = i;
			}
		}
		if (!best)
			return n;
		ids[at] = best->id;
		memmove(ids + at + 1, ids + at + 2, (n - at - 2) * sizeof *ids);
		n--;
	}
}

static void
check_encoding(const struct vocab *v, struct encoder *x, const uint8_t *p, size_t n)
{
	struct err e;
	struct ids got = {0};
	int32_t want[512];
	size_t nwant = 0;
	for (size_t i = 0; i < n;) {
		size_t k = pretoken_next(v->rule, p + i, n - i);
		nwant += naive(v, p + i, k, want + nwant);
		i += k;
	}
	assert_int_equal(encode_text(x, p, n, &got, &e), 0);
	assert_int_equal(got.n, nwant);
	assert_memory_equal(got.v, want, nwant * sizeof *want);
	free(got.v);
}

static void
test_encoding(void **state)
{
	(void)state;
	struct err e;
	struct vocab v;
	learn_from(&v, "the cat and the hat and the rat sat aaaa aaaa aaaaaaaa abababab in the "
	    "that then there these mat cat cattle battle rattle", 300);
	struct encoder *x = encoder_new(&v, &e);
	for (uint64_t t = 0; t < 3000; t++) {
		uint8_t p[200];
		size_t n = 1 + rng_below(sizeof p, 1, RNG_TEST, t, 1000);
		bool few = t % 2; /* few letters: long pieces with many merges */
		for (size_t i = 0; i < n; i++)
			p[i] = few ? (uint8_t)"aabthe "[rng_below(t % 4 == 1 ? 6 : 7, 2, RNG_TEST, t, i)]
			    : (uint8_t)rng_below(256, 3, RNG_TEST, t, i);
		check_encoding(&v, x, p, n);
	}
	encoder_free(x);
	vocab_free(&v);
}

static void
test_long_pieces(void **state)
{
	(void)state;
	enum { N = 1000000 };
	struct err e;
	struct vocab v;
	char *text = malloc(N);
	learn_from(&v, "aaaaaaaa aaaaaaaa         x         x abab abab", 300);
	struct encoder *x = encoder_new(&v, &e);
	static const char *const units[] = {"a", " ", "ab", "'", "\n"};
	for (size_t u = 0; u < 5; u++) {
		struct ids ids = {0};
		size_t bytes = 0;
		for (size_t i = 0; i < N; i++)
			text[i] = units[u][i % strlen(units[u])];
		clock_t start = clock();
		assert_int_equal(encode_text(x, text, N, &ids, &e), 0);
		assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 10); /* quadratic takes hours */
		for (size_t i = 0; i < ids.n; i++)
			bytes += v.tokens[ids.v[i]].size;
		assert_int_equal(bytes, N);
		free(ids.v);
	}
	encoder_free(x);
	vocab_free(&v);
	free(text);
}

static void
add_special(struct vocab *v, const char *name)
{
	struct err e;
	struct token t = {.left = -1, .right = -1, .rank = -1, .special = true};
	assert_int_equal(vocab_add(v, &t, name, strlen(name), &e), 0);
}

static void
test_special(void **state)
{
	(void)state;
	struct err e;
	struct vocab v;
	struct ids ids = {0};
	vocab_init(&v, VOCAB_BYTE, PRETOKEN_GPT2);
	learn_bytes(&v, &e);
	add_special(&v, "<a>");
	add_special(&v, "<a><b>");
	assert_int_equal(vocab_finish(&v, "<a>", NULL, &e), 0);
	assert_int_equal(v.begin, 256);
	assert_int_equal(v.end, -1);
	struct encoder *x = encoder_new(&v, &e);
	assert_int_equal(encode_text(x, "<a>", 3, &ids, &e), 0);
	assert_int_equal(ids.n, 3);
	ids.n = 0;
	assert_int_equal(encode_with_special(x, "x<a><b><a>", 10, &ids, &e), 0);
	int32_t want[] = {'x', 257, 256};
	assert_int_equal(ids.n, 3);
	assert_memory_equal(ids.v, want, sizeof want);
	free(ids.v);
	encoder_free(x);
	vocab_free(&v);
}

static void
test_chars(void **state)
{
	(void)state;
	struct err e;
	struct vocab v;
	struct counts c = {0};
	struct ids ids = {0};
	const char *text = "b\xc3\xa9" "a\xff" "b";
	vocab_init(&v, VOCAB_CHAR, PRETOKEN_GPT2);
	assert_int_equal(counts_add_chars(&c, text, strlen(text), &e), 0);
	assert_int_equal(learn_chars(&v, &c, &e), 0);
	assert_int_equal(v.n, 3);
	is_token(&v, 0, "a");
	is_token(&v, 2, "\xc3\xa9");
	assert_int_equal(learn_bytes(&v, &e), 0);
	assert_int_equal(vocab_finish(&v, NULL, NULL, &e), 0);
	struct encoder *x = encoder_new(&v, &e);
	assert_int_equal(encode_text(x, text, strlen(text), &ids, &e), 0);
	int32_t want[] = {1, 2, 0, 3 + 0xff, 1};
	assert_int_equal(ids.n, 5);
	assert_memory_equal(ids.v, want, sizeof want);
	free(ids.v);
	encoder_free(x);
	vocab_free(&v);
	counts_free(&c);
}

/* ---- refusals ---- */

/* The 256 bytes, a merge of a and b, and then `t` with its bytes. */
static int
with_token(struct token t, const char *bytes, size_t n, struct err *e)
{
	struct vocab v;
	struct token ab = {.left = 'a', .right = 'b', .rank = 0};
	vocab_init(&v, VOCAB_BPE, PRETOKEN_GPT2);
	int rc = learn_bytes(&v, e) || vocab_add(&v, &ab, "ab", 2, e) || vocab_add(&v, &t, bytes, n, e) ||
	    vocab_finish(&v, NULL, NULL, e) ? -1 : 0;
	vocab_free(&v);
	return rc;
}

static void
test_refusals(void **state)
{
	(void)state;
	struct err e;
	struct token good = {.left = 256, .right = 'c', .rank = 1}, t = good;
	assert_int_equal(with_token(good, "abc", 3, &e), 0);
	assert_int_equal(with_token(good, "abd", 3, &e), -1);
	assert_non_null(strstr(e.msg, "are not those"));
	t.left = 1000;
	assert_int_equal(with_token(t, "abc", 3, &e), -1);
	t.left = 257;
	assert_int_equal(with_token(t, "abc", 3, &e), -1);
	t = good;
	t.rank = 0;
	assert_int_equal(with_token(t, "abc", 3, &e), -1);
	assert_non_null(strstr(e.msg, "another token"));
	t = (struct token){.left = 'a', .right = 'b', .rank = 5};
	assert_int_equal(with_token(t, "ab", 2, &e), -1);
	t = good;
	t.rank = -1;
	assert_int_equal(with_token(t, "abc", 3, &e), -1);
	t = good;
	t.special = true;
	assert_int_equal(with_token(t, "abc", 3, &e), -1);
	assert_int_equal(with_token(good, "", 0, &e), -1);

	struct vocab v;
	vocab_init(&v, VOCAB_BYTE, PRETOKEN_GPT2);
	struct token byte = {.left = -1, .right = -1, .rank = -1};
	for (int i = 0; i < 255; i++)
		vocab_add(&v, &byte, &(char){(char)i}, 1, &e);
	assert_int_equal(vocab_finish(&v, NULL, NULL, &e), -1);
	assert_non_null(strstr(e.msg, "1 of the 256 bytes"));
	vocab_free(&v);
	vocab_init(&v, VOCAB_BYTE, PRETOKEN_GPT2);
	learn_bytes(&v, &e);
	add_special(&v, "<x>");
	add_special(&v, "<x>");
	assert_int_equal(vocab_finish(&v, NULL, NULL, &e), -1);
	vocab_free(&v);
	vocab_init(&v, VOCAB_BYTE, PRETOKEN_GPT2);
	learn_bytes(&v, &e);
	assert_int_equal(vocab_finish(&v, "<none>", NULL, &e), -1);
	vocab_free(&v);
}

/* ---- documents ---- */

struct slow {
	int fd;
	const char *text;
};

/* A byte at a time, so that every border falls between two reads. */
static void *
write_slowly(void *p)
{
	struct slow *s = p;
	for (const char *c = s->text; *c; c++)
		if (write(s->fd, c, 1) != 1)
			break;
	close(s->fd);
	return NULL;
}

static void
documents_are(enum document_split split, const char *separator, const char *text, const char *want)
{
	struct err e;
	struct documents d;
	const char *p;
	size_t n;
	int fds[2], got;
	char all[256] = "";
	pthread_t thread;
	assert_int_equal(pipe(fds), 0);
	struct slow s = {fds[1], text};
	pthread_create(&thread, NULL, write_slowly, &s);
	documents_open(&d, fds[0], "pipe", split, separator);
	while ((got = documents_next(&d, &p, &n, &e)) > 0) {
		strncat(all, p, n);
		strcat(all, "|");
	}
	assert_int_equal(got, 0);
	assert_string_equal(all, want);
	documents_close(&d);
	pthread_join(thread, NULL);
	close(fds[0]);
}

static void
test_documents(void **state)
{
	(void)state;
	documents_are(SPLIT_BLANK, NULL, "a\nb\n\nc\n\n\n\nd", "a\nb\n\n|c\n\n\n\n|d|");
	documents_are(SPLIT_BLANK, NULL, "a\n\n", "a\n\n|");
	documents_are(SPLIT_BLANK, NULL, "\n\n\na\n\nb", "\n\n\na\n\n|b|");
	documents_are(SPLIT_BLANK, NULL, "\n\n", "\n\n|");
	documents_are(SPLIT_BLANK, NULL, "a\r\n\r\nb\r\n", "a\r\n\r\n|b\r\n|");
	documents_are(SPLIT_BLANK, NULL, "", "");
	documents_are(SPLIT_LINE, NULL, "a\n\nb", "a\n|\n|b|");
	documents_are(SPLIT_FILE, NULL, "a\n\nb\n", "a\n\nb\n|");
	documents_are(SPLIT_SEPARATOR, "--", "a--b----c-", "a|b||c-|");
	documents_are(SPLIT_SEPARATOR, "--", "a--", "a||");
	documents_are(SPLIT_SEPARATOR, "--", "--", "||");
	documents_are(SPLIT_SEPARATOR, "--", "", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_pretoken_gpt2),
	    cmocka_unit_test(test_pretoken_gpt4), cmocka_unit_test(test_learning), cmocka_unit_test(test_learning_long),
	    cmocka_unit_test(test_encoding), cmocka_unit_test(test_long_pieces),
	    cmocka_unit_test(test_special), cmocka_unit_test(test_chars), cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_documents)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
