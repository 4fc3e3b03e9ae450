/* Packing, external sorting, safetensors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/pack.h"
#include "data/runs.h"
#include "safetensors.h"

/* ---- packing ---- */

/* Documents have tokens 1000 d + i, so that each pair says where it belongs. */
struct seen {
	size_t length, pairs, rows;
	uint8_t counts[60][1000];
};

static int
see(void *ctx, const struct pack_row *r, struct err *e)
{
	struct seen *s = ctx;
	(void)e;
	assert_in_range(r->n, 1, s->length);
	s->rows++;
	for (size_t i = 0; i < r->n; i++) {
		assert_int_equal(r->targets[i], r->ids[i] + 1);
		bool first = i == 0 || r->documents[i] != r->documents[i - 1];
		assert_int_equal(r->documents[i], i == 0 ? 0 : r->documents[i - 1] + first);
		assert_int_equal(r->positions[i], first ? 0 : r->positions[i - 1] + 1);
		if (!first)
			assert_int_equal(r->ids[i], r->ids[i - 1] + 1);
		s->counts[r->ids[i] / 1000][r->ids[i] % 1000]++;
		s->pairs++;
	}
	return 0;
}

static void
test_packing(void **state)
{
	(void)state;
	for (uint64_t t = 0; t < 40; t++) {
		static struct seen s;
		struct packer p;
		struct err e;
		size_t lengths[60], total = 0;
		int32_t ids[1000];
		memset(&s, 0, sizeof s);
		s.length = 1 + rng_below(t % 2 ? 20 : 700, 1, RNG_TEST, t, 0);
		pack_open(&p, s.length, see, &s);
		for (size_t d = 0; d < 60; d++) {
			lengths[d] = 2 + rng_below(d % 3 ? 40 : 990, 2, RNG_TEST, t, d);
			for (size_t i = 0; i < lengths[d]; i++)
				ids[i] = (int32_t)(1000 * d + i);
			assert_int_equal(pack_document(&p, ids, NULL, lengths[d], &e), 0);
			total += lengths[d] - 1;
		}
		assert_int_equal(pack_finish(&p, &e), 0);
		assert_int_equal(p.rows, s.rows);
		assert_int_equal(s.pairs, total);
		assert_true(s.rows < 2 * (total / s.length + 1)); /* best fit wastes less than half */
		for (size_t d = 0; d < 60; d++)
			for (size_t i = 0; i < 1000; i++)
				assert_int_equal(s.counts[d][i], i + 1 < lengths[d]);
		pack_close(&p);
	}
}

/* ---- sorting ---- */

static uint64_t
sorted_hash(size_t limit, size_t n, size_t largest)
{
	struct sorter s;
	struct err e;
	const void *bytes;
	size_t size, count = 0;
	uint64_t hash = 0, last = 0;
	char *buf = calloc(1, largest + 8);
	sorter_open(&s, limit);
	for (size_t i = 0; i < n; i++) {
		uint64_t key = rng_below(n / 2 + 1, 1, RNG_TEST, 0, i); /* equal keys occur */
		size_t length = 8 + rng_below(largest, 2, RNG_TEST, 0, i);
		memset(buf, (int)i, length);
		memcpy(buf, &key, sizeof key);
		assert_int_equal(sorter_add(&s, key, buf, length, &e), 0);
	}
	assert_int_equal(sorter_finish(&s, &e), 0);
	int got;
	while ((got = sorter_next(&s, &bytes, &size, &e)) > 0) {
		uint64_t key;
		memcpy(&key, bytes, sizeof key);
		assert_true(key >= last);
		last = key;
		for (size_t i = 0; i < size; i++)
			hash = hash * 1099511628211u + ((const unsigned char *)bytes)[i];
		count++;
	}
	assert_int_equal(got, 0);
	assert_int_equal(count, n);
	sorter_close(&s);
	free(buf);
	return hash;
}

static void
test_sorting(void **state)
{
	(void)state;
	uint64_t all = sorted_hash(1 << 30, 5000, 100);
	size_t limits[] = {100000, 20000, 3000, 1}; /* down to a run an item, merged many times over */
	for (size_t i = 0; i < 4; i++)
		assert_true(sorted_hash(limits[i], 5000, 100) == all);
	assert_true(sorted_hash(1, 60, 100000) == sorted_hash(1 << 30, 60, 100000));
	sorted_hash(1000, 0, 1);
}

/* All 24 orders of four items are equally likely: chi-square with 23 degrees of freedom is below
 * 49.7 with probability 0.999, and the seeds are fixed. */
static void
test_uniform(void **state)
{
	(void)state;
	int counts[256] = {0}, seeds = 4800;
	double chi = 0;
	for (int seed = 0; seed < seeds; seed++) {
		struct sorter s;
		struct err e;
		const void *bytes;
		size_t size;
		unsigned order = 0;
		sorter_open(&s, 1000);
		for (uint64_t i = 0; i < 4; i++)
			sorter_add(&s, rng_u64((uint64_t)seed, RNG_SHUFFLE, 0, i), &(char){(char)i}, 1, &e);
		sorter_finish(&s, &e);
		while (sorter_next(&s, &bytes, &size, &e) > 0)
			order = order << 2 | *(const unsigned char *)bytes;
		counts[order]++;
		sorter_close(&s);
	}
	int orders = 0;
	for (int i = 0; i < 256; i++) {
		orders += counts[i] > 0;
		if (counts[i])
			chi += (counts[i] - seeds / 24.0) * (counts[i] - seeds / 24.0) / (seeds / 24.0);
	}
	assert_int_equal(orders, 24);
	assert_true(chi < 49.7);
}

/* ---- safetensors ---- */

static int
parse(const char *header, size_t data, struct safetensors *s, struct err *e)
{
	static char file[4096];
	size_t n = strlen(header);
	uint64_t length = n;
	memset(file, 0, sizeof file);
	memcpy(file, &length, 8);
	memcpy(file + 8, header, n);
	for (size_t i = 0; i < data; i++)
		file[8 + n + i] = (char)i;
	return st_parse(s, file, 8 + n + data, e);
}

static void
refused(const char *header, size_t data, const char *why)
{
	struct safetensors s;
	struct err e;
	if (parse(header, data, &s, &e) == 0)
		fail_msg("accepted: %s", header);
	assert_int_equal(e.code, ERR_DATA);
	if (!strstr(e.msg, why))
		fail_msg("`%s' does not say `%s'", e.msg, why);
}

static void
test_safetensors_good(void **state)
{
	(void)state;
	struct safetensors s;
	struct err e;
	double v[4];
	assert_int_equal(parse("{\"__metadata__\":{\"a\":\"b\"},\"y\":{\"dtype\":\"U8\",\"shape\":[4],"
	    "\"data_offsets\":[4,8]},\"x\":{\"dtype\":\"I16\",\"shape\":[1,2],\"data_offsets\":[0,4]},"
	    "\"h\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[8,10]}}", 10, &s, &e), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(st_read_double(st_find(&s, "y"), v, 4, &e), 0);
	assert_true(v[0] == 4 && v[3] == 7);
	assert_int_equal(st_read_double(st_find(&s, "x"), v, 2, &e), 0);
	assert_true(v[0] == 0x0100 && v[1] == 0x0302);
	assert_int_equal(st_read_double(st_find(&s, "h"), v, 1, &e), 0);
	assert_true(v[0] == (1024 + 0x108) * 0x1p-23); /* 0x0908 */
	assert_int_equal(st_read_double(st_find(&s, "x"), v, 3, &e), -1);
	assert_null(st_find(&s, "z"));
	st_close(&s);
	assert_int_equal(parse("{}", 0, &s, &e), 0);
	st_close(&s);
}

#define T(dtype, shape, offsets) "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void
test_safetensors_bad(void **state)
{
	(void)state;
	struct safetensors s;
	struct err e;
	refused("", 0, "header");
	refused("[]", 0, "not a JSON object");
	refused("{", 0, "header");
	refused(T("F32", "[2]", "[0,8]"), 7, "not within");
	refused(T("F32", "[2]", "[0,8]"), 9, "after the last");
	refused(T("F32", "[2]", "[4,12]"), 12, "gap");
	refused(T("F32", "[2]", "[8,0]"), 8, "not within");
	refused(T("F32", "[3]", "[0,8]"), 8, "do not fit");
	refused(T("F99", "[2]", "[0,8]"), 8, "dtype");
	refused(T("F32", "[-2]", "[0,8]"), 8, "whole number");
	refused(T("F32", "[2.5]", "[0,8]"), 8, "whole number");
	refused(T("F32", "[4294967296,4294967296]", "[0,8]"), 8, "overflows");
	refused(T("F64", "[2305843009213693953]", "[0,8]"), 8, "do not fit");
	refused(T("F32", "[1,1,1,1,1,1,1,1,1,2]", "[0,8]"), 8, "at most 8");
	refused(T("F32", "2", "[0,8]"), 8, "not an array");
	refused(T("F32", "[2]", "[0]"), 8, "two numbers");
	refused("{\"a\":5}", 0, "not an object");
	refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
	    "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}", 4, "duplicate");
	refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
	    "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, "overlaps");
	assert_int_equal(st_parse(&s, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, &e), -1);
	assert_int_equal(st_parse(&s, "1234567", 7, &e), -1);
	assert_int_equal(st_open(&s, "/nowhere/at/all", &e), -1);
	assert_int_equal(e.code, ERR_RUNTIME);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_packing), cmocka_unit_test(test_sorting),
	    cmocka_unit_test(test_uniform), cmocka_unit_test(test_safetensors_good),
	    cmocka_unit_test(test_safetensors_bad)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
