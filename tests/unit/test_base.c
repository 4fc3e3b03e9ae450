/* Errors, memory and random numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/loadjson.h"
#include "base/mem.h"
#include "base/rng.h"
#include "safetensors.h"
#include "shards.h"
#include "text/tokenizer.h"

static void
err_messages(void **state)
{
	struct err e;
	(void)state;
	assert_int_equal(err_set(&e, ERR_DATA, "record %d", 7), -1);
	assert_int_equal(e.code, 3);
	assert_string_equal(e.msg, "record 7");
	err_prefix(&e, "%s", "a.ten");
	assert_string_equal(e.msg, "a.ten: record 7");
	assert_int_equal(e.code, 3);
	errno = ENOSPC;
	err_errno(&e, "cannot write");
	assert_int_equal(e.code, ERR_RUNTIME);
	assert_string_equal(e.msg, "cannot write: No space left on device");
	err_nomem(&e, 12, "a test");
	assert_string_equal(e.msg, "out of memory (12 bytes for a test)");
}

/* Messages of any length are cut, never overrun. */
static void
err_long_messages(void **state)
{
	struct err e;
	char text[3000];
	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	err_set(&e, 1, "%s", text);
	assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
	for (int i = 0; i < 3; i++)
		err_prefix(&e, "prefix");
	assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
	assert_memory_equal(e.msg, "prefix: prefix: prefix: xxx", 27);
	err_prefix(&e, "%s", text);
	assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
	err_errno(&e, "%s", text);
	assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
}

static void
mem_sizes(void **state)
{
	struct err e;
	size_t n, cap = 0;
	int *p = NULL;
	(void)state;
	assert_true(mul_overflows(SIZE_MAX, 2, &n));
	assert_true(add_overflows(SIZE_MAX, 1, &n));
	assert_false(mul_overflows(3, 5, &n));
	assert_int_equal(n, 15);
	assert_null(mem_zalloc(SIZE_MAX / 2, 4, "a test", &e));
	assert_int_equal(e.code, ERR_RUNTIME);
	char *z = mem_zalloc(0, 4, "a test", &e);
	assert_non_null(z);
	free(z);

	assert_int_equal(mem_grow(&p, &cap, 17, sizeof *p, "a test", &e), 0);
	assert_int_equal(cap, 32);
	p[16] = 5;
	assert_int_equal(mem_grow(&p, &cap, 1000, sizeof *p, "a test", &e), 0);
	assert_int_equal(cap, 1024);
	assert_int_equal(p[16], 5);
	int *before = p;
	assert_int_equal(mem_grow(&p, &cap, SIZE_MAX / 2, sizeof *p, "a test", &e), -1);
	assert_int_equal(mem_grow(&p, &cap, SIZE_MAX, sizeof *p, "a test", &e), -1);
	assert_ptr_equal(p, before);
	assert_int_equal(cap, 1024);
	free(p);
}

static size_t
carve(struct arena *a, char **x, double **y)
{
	*x = arena_carve(a, 3, 1);
	*y = arena_carve(a, 100, sizeof **y);
	return a->used;
}

/* Measuring and committing give the same layout; pieces are aligned, zeroed and apart. */
static void
mem_arena(void **state)
{
	struct err e;
	struct arena a = {0};
	char *x;
	double *y;
	(void)state;
	size_t measured = carve(&a, &x, &y);
	assert_null(x);
	assert_int_equal(arena_commit(&a, "a test", &e), 0);
	assert_int_equal(carve(&a, &x, &y), measured);
	assert_int_equal((uintptr_t)x % 64, 0);
	assert_int_equal((uintptr_t)y % 64, 0);
	assert_true((char *)y - x >= 128);
	for (int i = 0; i < 100; i++)
		assert_true(y[i] == 0);
	x[2] = 1;
	y[99] = 1;
	arena_close(&a);
	arena_close(&a);

	arena_carve(&a, SIZE_MAX / 4, 8);
	assert_int_equal(arena_commit(&a, "a test", &e), -1);
	assert_int_equal(e.code, ERR_RUNTIME);
	arena_close(&a);
	arena_carve(&a, SIZE_MAX - 200, 1);
	arena_carve(&a, 1000, 1);
	assert_int_equal(arena_commit(&a, "a test", &e), -1);
	arena_close(&a);
}

/* The published known answers of Philox4x32-10 (Random123, kat_vectors). */
static void
rng_known_answers(void **state)
{
	static const uint32_t cases[3][3][4] = {
	    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
	    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff},
	        {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
	    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0},
	        {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
	(void)state;
	for (int i = 0; i < 3; i++) {
		uint32_t out[4];
		rng_philox(out, cases[i][0], cases[i][1]);
		assert_memory_equal(out, cases[i][2], sizeof out);
	}
}

static void
rng_moments(void **state)
{
	enum { N = 100000 };
	double sum = 0, sum2 = 0, nsum = 0, nsum2 = 0, nsum4 = 0;
	(void)state;
	for (uint64_t i = 0; i < N; i++) {
		double u = rng_uniform(1, RNG_TEST, 3, i), z = rng_normal(1, RNG_TEST, 3, i);
		assert_true(u >= 0 && u < 1 && isfinite(z));
		sum += u;
		sum2 += u * u;
		nsum += z;
		nsum2 += z * z;
		nsum4 += z * z * z * z;
	}
	/* five standard errors */
	assert_true(fabs(sum / N - 0.5) < 5 * sqrt(1.0 / 12 / N));
	assert_true(fabs(sum2 / N - 1.0 / 3) < 5 * sqrt(4.0 / 45 / N));
	assert_true(fabs(nsum / N) < 5 * sqrt(1.0 / N));
	assert_true(fabs(nsum2 / N - 1) < 5 * sqrt(2.0 / N));
	assert_true(fabs(nsum4 / N - 3) < 5 * sqrt(96.0 / N));
}

static void
rng_addresses_differ(void **state)
{
	(void)state;
	uint64_t base = rng_u64(1, RNG_TEST, 1, 1);
	assert_true(base == rng_u64(1, RNG_TEST, 1, 1));
	assert_true(base != rng_u64(2, RNG_TEST, 1, 1));
	assert_true(base != rng_u64(1 + (1ULL << 40), RNG_TEST, 1, 1));
	assert_true(base != rng_u64(1, RNG_MASK, 1, 1));
	assert_true(base != rng_u64(1, RNG_TEST, 2, 1));
	assert_true(base != rng_u64(1, RNG_TEST, 1, 2));
	assert_true(base != rng_u64(1, RNG_TEST, 1 + (1ULL << 40), 1));
}

/* Every residue about equally often (chi-squared, 6 degrees, p = 1e-6), huge n in range. */
static void
rng_below_uniform(void **state)
{
	enum { N = 70000, M = 7 };
	int count[M] = {0};
	double chi = 0;
	(void)state;
	for (uint64_t i = 0; i < N; i++)
		count[rng_below(M, 1, RNG_TEST, 9, i)]++;
	for (int i = 0; i < M; i++)
		chi += pow(count[i] - N / M, 2) / (N / M);
	assert_true(chi < 38.3);
	for (uint64_t i = 0; i < 1000; i++) {
		assert_true(rng_below((1ULL << 63) + 1, 1, RNG_TEST, 9, i) <= 1ULL << 63);
		assert_int_equal(rng_below(1, 1, RNG_TEST, 9, i), 0);
	}
}

/* ---- JSON without memory ---- */

static int allocations_left;
static bool ran_out;

static void *
scarce(size_t n)
{
	if (allocations_left-- > 0)
		return malloc(n);
	ran_out = true;
	errno = ENOMEM;
	return NULL;
}

static int
read_any(int reader, struct err *e)
{
	static const char text[] = "{\"weight_map\": {\"a\": \"b.safetensors\", \"n\": [1, 2.5, \"x\\u00e9\", null]}}";
	char file[8 + sizeof text] = {(char)(sizeof text - 1)};
	json_error_t why;
	struct safetensors s;
	struct st_index x;
	struct vocab v;
	memcpy(file + 8, text, sizeof text - 1);
	switch (reader) {
	case 0:
		json_decref(load_json(text, sizeof text - 1, 0, &why, e));
		return -1;
	case 1: return st_parse(&s, file, 8 + sizeof text - 1, e);
	case 2: return st_index_parse(&x, text, sizeof text - 1, e);
	default: return tokenizer_read_json(&v, text, sizeof text - 1, &(struct tokenizer_options){.rule = -1}, e);
	}
}

/* Whichever allocation fails, it is no fault of the data. Nothing but memory is wrong for the first reader, something else for the
 * others, as they say when they have enough. */
static void
json_memory(void **state)
{
	(void)state;
	json_set_alloc_funcs(scarce, free);
	for (int reader = 0; reader < 4; reader++)
		for (int k = 0;; k++) {
			struct err e = {0};
			allocations_left = k;
			ran_out = false;
			assert_int_equal(read_any(reader, &e), -1);
			assert_int_equal(e.code, ran_out ? ERR_RUNTIME : reader ? ERR_DATA : 0);
			if (!ran_out) {
				assert_true(k > 8);
				break;
			}
		}
	json_set_alloc_funcs(malloc, free);
}

static void
json_mistakes(void **state)
{
	(void)state;
	struct err e;
	json_error_t why;
	static const char *const wrong[] = {"", "{", "[1 2]", "{\"a\": 1e999}", "\"\\ud800\"", "{\"a\": 1, \"a\": 2}", "[1] x"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_null(load_json(wrong[i], strlen(wrong[i]), JSON_REJECT_DUPLICATES, &why, &e));
		assert_int_equal(e.code, ERR_DATA);
		assert_true(*e.msg);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json_memory),
	    cmocka_unit_test(json_mistakes),
	    cmocka_unit_test(err_messages),
	    cmocka_unit_test(err_long_messages),
	    cmocka_unit_test(mem_sizes),
	    cmocka_unit_test(mem_arena),
	    cmocka_unit_test(rng_known_answers),
	    cmocka_unit_test(rng_moments),
	    cmocka_unit_test(rng_addresses_differ),
	    cmocka_unit_test(rng_below_uniform),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
