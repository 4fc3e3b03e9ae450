/* GGUF: what the writer makes is what the reader finds, and nothing in a file is trusted. Files are written as words: GGUF, iN a
 * number of 32 bits, qN of 64, sTEXT a string with its length, zN that many zeros, xHH a byte, pad to a multiple of 32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "gguf.h"

static uint8_t bytes[1 << 16];
static size_t size;

static void
put(const void *p, size_t n)
{
	assert_true(size + n <= sizeof bytes);
	memcpy(bytes + size, p, n);
	size += n;
}

static void
file(const char *words)
{
	char copy[2048], *save, *end;
	assert_true(strlen(words) < sizeof copy);
	strcpy(copy, words);
	memset(bytes, 0, sizeof bytes);
	size = 0;
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		uint64_t x = strtoull(w + 1, &end, *w == 'x' ? 16 : 10), n = strlen(w + 1);
		if (strcmp(w, "GGUF") == 0)
			put(w, 4);
		else if (strcmp(w, "pad") == 0)
			size = (size + 31) / 32 * 32;
		else if (*w == 'i')
			put(&x, 4);
		else if (*w == 'q')
			put(&x, 8);
		else if (*w == 's') {
			put(&n, 8);
			put(w + 1, n);
		} else if (*w == 'z')
			size += x;
		else if (*w == 'x')
			put(&x, 1);
		else
			fail_msg("`%s' is not a word", w);
	}
}

static void
refused(const char *words, const char *why)
{
	struct gguf g;
	struct err e;
	file(words);
	uint8_t *exact = malloc(size ? size : 1); /* so that reading behind it is seen */
	memcpy(exact, bytes, size);
	if (gguf_parse(&g, exact, size, &e) == 0)
		fail_msg("accepted: %s", words);
	assert_int_equal(e.code, ERR_DATA);
	if (!strstr(e.msg, why))
		fail_msg("%s: `%s' does not say `%s'", words, e.msg, why);
	free(exact);
}

static void
accepted(const char *words)
{
	struct gguf g;
	struct err e;
	file(words);
	if (gguf_parse(&g, bytes, size, &e))
		fail_msg("%s: %s", words, e.msg);
	gguf_close(&g);
}

#define HEAD(tensors, keys) "GGUF i3 q" tensors " q" keys " "
#define KEY(value) HEAD("0", "1") "skey " value
#define TENSOR(rank, dims, type, place) HEAD("1", "0") "sw i" rank " " dims " i" type " q" place " pad "
#define MOST "18446744073709551615"

static void
test_good(void **state)
{
	(void)state;
	struct gguf g;
	struct err e;
	float x[4];
	uint64_t whole, n;
	file(HEAD("2", "3") "sgeneral.alignment i4 i64 sa.list i9 i8 q2 sone stwo sb i5 i7 "
	    "sv i1 q3 i0 q0 sw i2 q2 q1 i30 q64");
	size_t start = size = (size + 63) / 64 * 64;
	put((float[]){1, 2, 3}, 12);
	size = start + 64;
	put((uint16_t[]){0x3f80, 0xc000}, 4); /* the end is not filled up */
	if (gguf_parse(&g, bytes, size, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(g.n, 2);
	assert_int_equal(g.alignment, 64);
	assert_true(gguf_whole(gguf_get(&g, "b"), &whole) && whole == 7);
	const struct gguf_value *list = gguf_get(&g, "a.list");
	const uint8_t *at = list->data, *item = gguf_next(&at, &n);
	assert_true(list->n == 2 && n == 3 && memcmp(item, "one", 3) == 0);
	item = gguf_next(&at, &n);
	assert_true(n == 3 && memcmp(item, "two", 3) == 0);
	assert_null(gguf_get(&g, "c"));
	assert_null(gguf_find(&g, "u"));
	const struct gguf_tensor *t = gguf_find(&g, "w");
	assert_true(t->rank == 2 && t->dims[0] == 2 && t->count == 2 && t->bytes == 4);
	gguf_decode(t->type, t->data, 2, x);
	assert_true(x[0] == 1 && x[1] == -2);
	gguf_decode(GGUF_F32, gguf_find(&g, "v")->data, 3, x);
	assert_true(x[2] == 3);
	gguf_close(&g);
	accepted(HEAD("0", "0"));
	accepted(HEAD("0", "0") "z8"); /* filled up */
	accepted(KEY("i9 i9 q2 i4 q1 i5 i9 q0")); /* arrays in an array */
	accepted(TENSOR("4", "q32 q1 q1 q1", "8", "0") "z34 z30");
	accepted(TENSOR("1", "q1", "1", "0") "z2");
}

static void
test_bad_head(void **state)
{
	(void)state;
	refused("", "not a GGUF file");
	refused("GGUF i3 q0", "not a GGUF file");
	refused("i1 i3 q0 q0", "not a GGUF file");
	refused("GGUF i2 q0 q0", "version 2");
	refused("GGUF i50331648 q0 q0", "big-endian");
	refused(HEAD("0", MOST), "keys, the file has 0");
	refused(HEAD("0", "9223372036854775807") "z14", "keys, the file has 14");
	refused(HEAD(MOST, "0"), "tensors, the file has 0");
	refused(HEAD("461168601842738791", "0") "z40", "tensors, the file has 40"); /* 40 N overflows to 24 */
	refused(HEAD("0", "0") "z40", "bytes after the end");
	refused(HEAD("0", "0") "x01 z7", "not zero");
}

static void
test_bad_keys(void **state)
{
	(void)state;
	refused(HEAD("0", "1") "q" MOST " z14", "has " MOST " bytes");
	refused(HEAD("0", "1") "q0 z14", "has 0 bytes");
	refused(HEAD("0", "1") "q65536 z14", "has 65536 bytes");
	refused(HEAD("0", "1") "q100 z14", "100 bytes are wanted, the file has 14");
	refused(HEAD("0", "1") "q3 x61 x00 x62 i4 i1", "byte 0x00");
	refused(HEAD("0", "1") "q1 xff i4 i1", "byte 0xff");
	refused(HEAD("0", "2") "sa i4 i1 sa i4 i1", "key a is there twice");
	refused(KEY("i13 i0 i0"), "unknown type 13");
	refused(KEY("i4294967295 i0"), "unknown type");
	refused(KEY("i7 x02"), "truth value is 2");
	refused(KEY("i10 i0"), "8 bytes are wanted");
	refused(KEY("i8 q5 z4"), "5 bytes are wanted");
	refused(KEY("i8 q" MOST " z4"), "bytes are wanted");
	refused(HEAD("0", "1") "sgeneral.alignment i4 i0", "general.alignment");
	refused(HEAD("0", "1") "sgeneral.alignment i4 i12", "general.alignment");
	refused(HEAD("0", "1") "sgeneral.alignment i4 i2147483648", "general.alignment");
	refused(HEAD("0", "1") "sgeneral.alignment i10 q32", "general.alignment");
	refused(HEAD("0", "1") "sgeneral.alignment i8 s32", "general.alignment");
}

static void
test_bad_arrays(void **state)
{
	(void)state;
	refused(KEY("i9 i13 q0"), "unknown type 13 of an array");
	refused(KEY("i9 i4 q" MOST), "array of " MOST " items");
	refused(KEY("i9 i12 q2305843009213693953 z8"), "array of 2305843009213693953 items"); /* 8 N overflows to 8 */
	refused(KEY("i9 i8 q2 sx"), "array of 2 items");
	refused(KEY("i9 i8 q2 sx q4 z3"), "4 bytes are wanted");
	refused(KEY("i9 i7 q2 x01 x03"), "truth value is 3");
	refused(KEY("i9 i9 q1 i9 q1 i9 q1 i9 q1 i9 q1 i4 q0 z9"), "deeper than 4");
	refused(KEY("i9 i9 q3 i4 q0 i4 q0"), "array of 3 items");
	refused(KEY("i9 i9 q1 i4 q9 z8"), "array of 9 items");
}

static void
test_bad_tensors(void **state)
{
	(void)state;
	refused(HEAD("1", "0") "q65 z100", "has 65 bytes");
	refused(TENSOR("0", "q1", "0", "0"), "has 0 dimensions");
	refused(TENSOR("5", "q1 q1 q1 q1 q1", "0", "0") "z4", "has 5 dimensions");
	refused(TENSOR("4294967295", "q1", "0", "0") "z4", "dimensions");
	refused(TENSOR("1", "q0", "0", "0") "z4", "a size is 0");
	refused(TENSOR("2", "q4294967296 q4294967296", "0", "0") "z4", "overflows");
	refused(TENSOR("2", "q4611686018427387905 q1", "0", "0") "z4", "overflows"); /* 4 N overflows to 4 */
	refused(TENSOR("1", "q" MOST, "0", "0") "z4", "overflows");
	refused(TENSOR("1", "q1", "2", "0") "z18", "type 2");
	refused(TENSOR("1", "q33", "8", "0") "z36", "rows of 33");
	refused(TENSOR("2", "q16 q2", "8", "0") "z34", "rows of 16");
	refused(TENSOR("1", "q2", "0", "0") "z7", "8 bytes are wanted");
	refused(TENSOR("1", "q2", "0", "32") "z40", "its offset is 32");
	refused(TENSOR("1", "q2", "0", "4") "z40", "not aligned");
	refused(TENSOR("1", "q2", "0", MOST) "z40", "not aligned");
	refused(TENSOR("1", "q2", "0", "0") "z8 x01 z23", "not zero");
	refused(TENSOR("1", "q2", "0", "0") "z33", "bytes after the end");
	refused(HEAD("1", "0") "sw i1 q1 i0 q0 x01 pad z4", "not zero");
	refused(HEAD("1", "0") "sw i1 q1 i0 q0", "bytes are wanted");
	refused(HEAD("2", "0") "sw i1 q1 i0 q0 sw i1 q1 i0 q32 pad z64", "tensor w is there twice");
	refused(HEAD("2", "0") "sv i1 q9 i0 q0 sw i1 q1 i0 q32 pad z96", "its offset is 32, not 64"); /* they overlap */
	refused(HEAD("2", "0") "sv i1 q1 i0 q0 sw i1 q1 i0 q0 pad z64", "its offset is 0, not 32");
	refused(HEAD("2", "0") "sv i1 q1 i0 q32 sw i1 q1 i0 q0 pad z64", "its offset is 32, not 0");
}

/* Every truncation of a good file is refused, but for what fills up its end. */
static void
test_truncated(void **state)
{
	(void)state;
	struct gguf g;
	struct err e;
	file(HEAD("2", "2") "sa.list i9 i8 q2 sone stwo sb i7 x01 sv i1 q3 i0 q0 sw i2 q2 q1 i30 q32 pad z32 z4");
	size_t whole = size;
	for (size_t n = 0; n < whole; n++) {
		uint8_t *exact = malloc(n ? n : 1);
		memcpy(exact, bytes, n);
		if (gguf_parse(&g, exact, n, &e) == 0)
			fail_msg("accepted: the first %zu bytes of %zu", n, whole);
		free(exact);
	}
	assert_int_equal(gguf_parse(&g, bytes, whole, &e), 0);
	gguf_close(&g);
}

static void
test_numbers(void **state)
{
	(void)state;
	float x[64], y[64];
	uint8_t out[256];
	for (int i = 0; i < 64; i++)
		x[i] = (float)(i % 32 - 16) * (i < 32 ? 0.5f : 3);
	x[16] = 0.01f;
	assert_true(gguf_encode(GGUF_Q8_0, x, 64, out));
	gguf_decode(GGUF_Q8_0, out, 64, y);
	for (int i = 0; i < 64; i++) /* half a step, and what is lost of the scale */
		assert_true(fabsf(x[i] - y[i]) <= (i < 32 ? 8 : 48) * (1 / 254.0f + 1 / 2048.0f));
	assert_true(y[0] < -7.9f);
	memset(x, 0, sizeof x);
	x[33] = 1e-38f; /* its scale is below what 16 bits can say */
	assert_true(gguf_encode(GGUF_Q8_0, x, 64, out));
	gguf_decode(GGUF_Q8_0, out, 64, y);
	for (int i = 0; i < 64; i++)
		assert_true(y[i] == 0);
	x[0] = 65504;
	assert_true(gguf_encode(GGUF_F16, x, 1, out));
	x[0] = 65520;
	assert_false(gguf_encode(GGUF_F16, x, 1, out));
	assert_true(gguf_encode(GGUF_BF16, x, 1, out));
	assert_true(gguf_encode(GGUF_Q8_0, x, 32, out));
	x[0] = FLT_MAX;
	assert_false(gguf_encode(GGUF_BF16, x, 1, out));
	assert_false(gguf_encode(GGUF_Q8_0, x, 32, out));
	assert_true(gguf_encode(GGUF_F32, x, 1, out));
}

static void
test_round_trip(void **state)
{
	(void)state;
	char dir[] = "/tmp/gguf-XXXXXX", path[64];
	struct gguf_writer w = {0};
	struct outfile out = {0};
	struct gguf g;
	struct err e;
	float m[20000], v[3] = {-1, 0.25f, 1e30f}, back[64];
	double real;
	for (int i = 0; i < 20000; i++)
		m[i] = (float)(i % 127);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/x.gguf", dir);
	assert_int_equal(gguf_put_text(&w, "t", "text", &e) | gguf_put_float(&w, "f", 0.5f, &e) | gguf_put_bool(&w, "b", true, &e) |
	    gguf_put_u32(&w, "u", 9, &e) | gguf_put_array(&w, "a", GGUF_I32, 2, &e) | gguf_item_i32(&w, -4, &e) |
	    gguf_item_i32(&w, 5, &e), 0);
	assert_int_equal(gguf_add_tensor(&w, "v", 1, (uint64_t[]){3}, GGUF_F32, &e) |
	    gguf_add_tensor(&w, "m", 2, (uint64_t[]){32, 625}, GGUF_Q8_0, &e), 0);
	assert_int_equal(outfile_open(&out, path, 0666, &e) | gguf_begin(&w, &out, &e) | gguf_write(&w, v, 2, &e) |
	    gguf_write(&w, v + 2, 1, &e) | gguf_write(&w, m, 20000, &e), 0);
	gguf_end(&w);
	assert_int_equal(outfile_commit(&out, &e), 0);
	gguf_writer_free(&w);
	if (gguf_open(&g, path, &e))
		fail_msg("%s", e.msg);
	assert_true(g.nkvs == 5 && g.n == 2 && gguf_real(gguf_get(&g, "f"), &real) && real == 0.5);
	assert_false(gguf_real(gguf_get(&g, "u"), &real));
	assert_true(gguf_is_text(gguf_get(&g, "t"), "text"));
	assert_false(gguf_is_text(gguf_get(&g, "t"), "tex") || gguf_is_text(gguf_get(&g, "u"), "") || gguf_is_text(NULL, ""));
	assert_memory_equal(gguf_find(&g, "v")->data, v, sizeof v);
	gguf_decode(GGUF_Q8_0, gguf_find(&g, "m")->data, 64, back);
	assert_true(fabsf(back[31] - 31) < 0.2f && gguf_find(&g, "m")->dims[0] == 32);
	gguf_close(&g);
	unlink(path);
	rmdir(dir);
	assert_int_equal(gguf_open(&g, path, &e), -1);
	assert_int_equal(e.code, ERR_RUNTIME);
	assert_int_equal(gguf_open(&g, "/", &e), -1);
	assert_int_equal(e.code, ERR_DATA);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad_head),
	    cmocka_unit_test(test_bad_keys), cmocka_unit_test(test_bad_arrays), cmocka_unit_test(test_bad_tensors),
	    cmocka_unit_test(test_truncated), cmocka_unit_test(test_numbers), cmocka_unit_test(test_round_trip)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
