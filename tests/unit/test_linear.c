/* linear_rows: right, and the same bits for a row whatever is beside it and however many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "math/linear.h"

/* beyond one chunk of a row, one block of rows, the least that a thread takes of the columns */
enum { MAX_N = 197, MAX_IN = 1041, MAX_OUT = 2100 };
static real x[MAX_N * MAX_IN], w[MAX_OUT * MAX_IN], y[MAX_N * MAX_OUT], z[MAX_N * MAX_OUT];

static void
fill(real *a, size_t n, uint64_t step)
{
	for (size_t i = 0; i < n; i++)
		a[i] = (real)rng_normal(1, RNG_TEST, step, i);
}

static void
check_shape(size_t n, size_t in, size_t out)
{
	fill(x, n * in, 1);
	fill(w, out * in, 2);
	omp_set_num_threads(1);
	linear_rows(y, x, w, n, in, out);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < out; j++) {
			double sum = 0, size = 0;
			for (size_t k = 0; k < in; k++) {
				double p = (double)x[i * in + k] * (double)w[j * in + k];
				sum += p;
				size += fabs(p);
			}
			assert_true(fabs((double)y[i * out + j] - sum) <= 1e-6 * size);
		}
	omp_set_num_threads(3);
	linear_rows(z, x, w, n, in, out);
	assert_memory_equal(y, z, n * out * sizeof *y);
	for (size_t first = 0; first < n; first += first < 9 ? 1 : 29) { /* the rows from `first` on alone */
		linear_rows(z, x + first * in, w, n - first, in, out);
		assert_memory_equal(y + first * out, z, (n - first) * out * sizeof *y);
	}
}

static void
test_shapes(void **state)
{
	(void)state;
	const size_t ins[] = {1, 7, 8, 15, 16, 17, 64, 131}, outs[] = {1, 3, 7, 8, 9, 31, 32, 33, 150};
	for (size_t n = 1; n <= 9; n++)
		for (size_t i = 0; i < sizeof ins / sizeof *ins; i++)
			for (size_t o = 0; o < sizeof outs / sizeof *outs; o++)
				check_shape(n, ins[i], outs[o]);
}

static void
test_large(void **state)
{
	(void)state;
	const size_t ins[] = {511, 512, 513, MAX_IN}, ns[] = {2, 3, 64, 191, 192, 193, MAX_N};
	for (size_t i = 0; i < sizeof ins / sizeof *ins; i++)
		for (size_t n = 0; n < sizeof ns / sizeof *ns; n++)
			check_shape(ns[n], ins[i], 43);
	check_shape(4, 33, MAX_OUT);
	check_shape(1, 520, MAX_OUT);
}

static void
test_nan(void **state)
{
	(void)state;
	fill(x, 3 * 20, 1);
	fill(w, 5 * 20, 2);
	w[2 * 20 + 19] = NAN;
	linear_rows(y, x, w, 3, 20, 5);
	for (size_t i = 0; i < 15; i++)
		assert_int_equal(isnan(y[i]) != 0, i % 5 == 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_large),
	    cmocka_unit_test(test_nan)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
