/* The JSON reader: what it accepts and refuses, what it makes of it, and that jansson agrees on texts made at random. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "text/jsonread.h"

static bool
accepts(struct jread *r, const char *text, size_t n)
{
	struct err e;
	/* memory of its own, so that AddressSanitizer sees a byte too far */
	char *copy = malloc(n ? n : 1);
	assert_non_null(copy);
	memcpy(copy, text, n);
	int rc = jread_parse(r, copy, n, &e);
	if (rc) {
		assert_int_equal(e.code, ERR_DATA);
		assert_memory_equal(e.msg, "byte ", 5);
	}
	free(copy);
	return rc == 0;
}

static void
test_lists(void **state)
{
	(void)state;
	static const char *const good[] = {"null", " true ", "[]", "{}", "[[]]", "\"\"", "0", "-0", "10", "1.5", "-1.5e+10", "1E3",
	    "1e-999", "[1,2]", "{\"a\":1}", "{\"a\":{\"a\":1}}", "\r\n\t[ 1 , 2 ]\n", "\"\\u0000\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
	    "\"\\ud83d\\ude00\"", "\"\x7f\"", "\"\xc2\x80\"", "\"\xed\x9f\xbf\"", "\"\xf4\x8f\xbf\xbf\"", "\"\xef\xbf\xbf\"",
	    "9223372036854775808", "-9223372036854775809", "1.7976931348623157e308", "[\"a\",null,{\"b\":[]}]", "{\"\":0}",
	    "0.0000000000000000000000000000000000000000000000000000000000000000000000000001"};
	static const char *const bad[] = {"", " ", "nul", "nulll", "True", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[1 2]",
	    "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\":1 \"b\":2}", "{\"a\":1}}", "1 2", "01", "-", "-a", "+1",
	    ".5", "1.", "1.e5", "1e", "1e+", "0x1", "1e999", "-1e400", "NaN", "Infinity", "'a'", "\"", "\"a", "\"\\\"", "\"\\", "\"\\x\"",
	    "\"\\u12\"", "\"\\u123g\"", "\"\\u", "\"\n\"", "\"\x01\"", "\"\t\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
	    "\"\\ud800\\ud800\"", "\"\\ud83d\\ude0\"", "\"\x80\"", "\"\xc0\x80\"", "\"\xc1\xbf\"", "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"",
	    "\"\xf0\x80\x80\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xc3\"", "\"\xe2\x82\"", "\"\xff\"", "\xef\xbb\xbf{}",
	    "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "[1}", "{\"a\":1]", "//1", "[1,/**/2]", "\xc2\xa0" "1",
	    "{\"b\":{\"a\":1,\"c\":2,\"a\":3}}", "{\"1\":0,\"2\":0,\"3\":0,\"4\":0,\"5\":0,\"6\":0,\"7\":0,\"8\":0,\"9\":0,\"4\":0}"};
	struct jread r = {0};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!accepts(&r, good[i], strlen(good[i])))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (accepts(&r, bad[i], strlen(bad[i])))
			fail_msg("accepted: %s", bad[i]);
	assert_false(accepts(&r, "\"a\0b\"", 5));
	assert_false(accepts(&r, "1\0", 2));
	jread_free(&r);
}

/* What is not plain, at every place of a string, so within and between the words that are looked at together. */
static void
test_places(void **state)
{
	(void)state;
	static const struct { const char *text, *means; } parts[] = {{"\\n", "\n"}, {"\\u00e9", "\xc3\xa9"}, {"\xe2\x82\xac", "\xe2\x82\xac"},
	    {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"}, {"\\uFFFF", "\xef\xbf\xbf"}, {"\\udbff\\udfff", "\xf4\x8f\xbf\xbf"}, {"\\\\", "\\"}, {"\x7f", "\x7f"}, {"\"", NULL}, {"\x1f", NULL}, {"\x80", NULL}, {"\xe2\x82", NULL}};
	struct jread r = {0};
	struct err e;
	for (size_t before = 0; before < 40; before++)
		for (size_t after = 0; after < 20; after++)
			for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
				char text[100], means[100];
				static const char some[] = "abcdefghijklmnopqrstuvwxyz !#[]~0123456789ABCDEF";
				snprintf(text, sizeof text, "\"%.*s%s%.*s\"", (int)before, some, parts[k].text, (int)after, some + 3);
				int rc = jread_parse(&r, text, strlen(text), &e);
				if (!parts[k].means) {
					assert_int_equal(rc, -1);
					continue;
				}
				assert_int_equal(rc, 0);
				int n = snprintf(means, sizeof means, "%.*s%s%.*s", (int)before, some, parts[k].means, (int)after, some + 3);
				assert_int_equal(r.nodes->n, n);
				assert_memory_equal(r.nodes->text, means, (size_t)n);
			}
	jread_free(&r);
}

static void
test_values(void **state)
{
	(void)state;
	static const char text[] = " { \"a\" : [ 1, -2.5, \"x\\ty\", [ ], { \"q\" : \"\\\" ,\" } ], \"b\" : { }, \"n\": 9223372036854775807, "
	    "\"m\": -9223372036854775808, \"big\": 9223372036854775808 } ";
	struct jread r = {0};
	struct err e;
	char compact[200];
	assert_int_equal(jread_parse(&r, text, strlen(text), &e), 0);
	const struct jnode *a = jnode_get(r.nodes, "a"), *v = jnode_first(a);
	assert_int_equal(a->count, 5);
	assert_int_equal(v->integer, 1);
	v = jnode_next(v);
	assert_true(v->type == JNODE_REAL && v->real == -2.5);
	v = jnode_next(v);
	assert_true(v->n == 3 && memcmp(v->text, "x\ty", 3) == 0);
	v = jnode_next(jnode_next(v));
	assert_true(v->type == JNODE_OBJECT && jnode_get(v, "q")->n == 3);
	size_t n = jnode_compact(a, compact);
	assert_int_equal(n, strlen("[1,-2.5,\"x\\ty\",[],{\"q\":\"\\\" ,\"}]"));
	assert_memory_equal(compact, "[1,-2.5,\"x\\ty\",[],{\"q\":\"\\\" ,\"}]", n);
	assert_true(jnode_get(r.nodes, "b")->count == 0 && !jnode_get(r.nodes, "c") && !jnode_get(a, "a") && !jnode_get(NULL, "a"));
	assert_true(jnode_get(r.nodes, "n")->integer == INT64_MAX && jnode_get(r.nodes, "m")->integer == INT64_MIN);
	assert_true(jnode_get(r.nodes, "big")->type == JNODE_REAL && jnode_number(jnode_get(r.nodes, "big")) == 0x1p63);
	jread_free(&r);
}

static void
test_numbers(void **state)
{
	(void)state;
	struct jread r = {0};
	struct err e;
	for (uint64_t i = 0; i < 200000; i++) {
		char text[64];
		uint64_t a = rng_u64(1, RNG_TEST, i, 0), b = rng_u64(1, RNG_TEST, i, 1);
		double d;
		memcpy(&d, &a, sizeof d);
		switch (i % 4) {
		case 0: snprintf(text, sizeof text, "%.*e", (int)(b % 20), isfinite(d) ? d : 1); break;
		case 1: snprintf(text, sizeof text, "%.*f", (int)(b % 10), (double)(int64_t)a / 1e6); break;
		case 2: snprintf(text, sizeof text, "%d.%llue%d", (int)(b % 10), (unsigned long long)(a >> b % 64), (int)(b >> 32) % 30); break;
		default: snprintf(text, sizeof text, "%llu%llu", (unsigned long long)(a >> b % 60 | 1), (unsigned long long)b % 1000); break;
		}
		double want = strtod(text, NULL);
		assert_int_equal(jread_parse(&r, text, strlen(text), &e), isfinite(want) ? 0 : -1);
		double got = isfinite(want) ? jnode_number(r.nodes) : want;
		if (want != got)
			fail_msg("%s: %.17g, not %.17g", text, got, want);
	}
	jread_free(&r);
}

/* ---- beside jansson ---- */

static bool
same(const struct jnode *j, json_t *want)
{
	switch (j->type) {
	case JNODE_NULL: return json_is_null(want);
	case JNODE_TRUE: return json_is_true(want);
	case JNODE_FALSE: return json_is_false(want);
	case JNODE_INTEGER: return json_is_integer(want) && json_integer_value(want) == j->integer;
	case JNODE_REAL: /* jansson takes -0 for the whole number 0 */
		return (json_is_real(want) && json_real_value(want) == j->real) ||
		    (json_is_integer(want) && json_integer_value(want) == 0 && j->real == 0 && signbit(j->real));
	case JNODE_STRING: return json_is_string(want) && json_string_length(want) == j->n && memcmp(json_string_value(want), j->text, j->n) == 0;
	case JNODE_ARRAY: {
		const struct jnode *v = jnode_first(j);
		if (!json_is_array(want) || json_array_size(want) != j->count)
			return false;
		for (uint32_t i = 0; i < j->count; i++, v = jnode_next(v))
			if (!same(v, json_array_get(want, i)))
				return false;
		return true;
	}
	default: {
		const char *name;
		json_t *v;
		if (!json_is_object(want) || json_object_size(want) != j->count)
			return false;
		json_object_foreach(want, name, v)
			if (!jnode_get(j, name) || !same(jnode_get(j, name), v))
				return false;
		return true;
	}
	}
}

/* Pieces of JSON joined at random, most of them not JSON, and texts that are, with one byte changed. */
static void
test_beside_jansson(void **state)
{
	(void)state;
	static const char *const pieces[] = {"{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "1", "-0.5", "true", "null", " ", "\"", "\\u00e9",
	    "\\ud83d\\ude00", "\xc3\xa9", "e5", "\\n", "x"};
	static const char *const whole[] = {"{\"text\": \"a b\", \"n\": [1, 2.5e3, {\"q\": null}], \"u\": \"\\u20ac \xe2\x82\xac\"}",
	    "[[[1,2],[3]],{\"a\":{\"b\":\"c\\\\\"}},-7,false]", "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\\n\"}]}"};
	struct jread r = {0};
	struct err e;
	size_t good = 0;
	for (uint64_t i = 0; i < 300000; i++) {
		char text[256] = "";
		size_t n = 0;
		if (i % 2) {
			size_t m = 1 + rng_u64(2, RNG_TEST, i, 0) % 9;
			for (size_t k = 0; k < m; k++)
				n += (size_t)sprintf(text + n, "%s", pieces[rng_u64(2, RNG_TEST, i, k + 1) % (sizeof pieces / sizeof *pieces)]);
		} else {
			n = (size_t)sprintf(text, "%s", whole[i / 2 % 3]);
			uint64_t x = rng_u64(2, RNG_TEST, i, 0);
			if (x % 4)
				text[(x >> 8) % n] = x % 4 == 1 ? (char)(x >> 40) : "{}[],:\"\\ 0e"[(x >> 40) % 11];
		}
		json_error_t error;
		json_t *want = json_loadb(text, n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
		bool got = jread_parse(&r, text, n, &e) == 0;
		/* it refuses whole numbers that do not fit */
		if (got != (want != NULL) || (got && !same(r.nodes, want)))
			fail_msg("%.*s: we %s, jansson %s", (int)n, text, got ? "accept" : e.msg, want ? "accepts" : error.text);
		good += got;
		json_decref(want);
	}
	assert_true(good > 20000 && good < 200000);
	jread_free(&r);
}

/* Depth and width that would hurt if time or the stack grew faster than the text. */
static void
test_bounds(void **state)
{
	(void)state;
	struct jread r = {0};
	size_t n = 4 << 20;
	char *text = malloc(n);
	assert_non_null(text);
	memset(text, '[', JREAD_DEPTH);
	memset(text + JREAD_DEPTH, ']', JREAD_DEPTH);
	assert_true(accepts(&r, text, 2 * JREAD_DEPTH));
	memset(text, '[', n);
	assert_false(accepts(&r, text, n));
	size_t at = 0;
	text[at++] = '{';
	for (unsigned i = 0; at < n - 32; i++)
		at += (size_t)sprintf(text + at, "%s\"k%u\":0", i ? "," : "", i);
	text[at++] = '}';
	assert_true(accepts(&r, text, at));
	memset(text, '\\', n);
	text[0] = text[n - 1] = '"';
	assert_true(accepts(&r, text, n));
	assert_int_equal(r.nodes->n, n / 2 - 1);
	free(text);
	jread_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists), cmocka_unit_test(test_places), cmocka_unit_test(test_values),
	    cmocka_unit_test(test_numbers), cmocka_unit_test(test_beside_jansson), cmocka_unit_test(test_bounds)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
