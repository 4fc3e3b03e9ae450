/* The value head in double precision: values by hand, finite differences through a whole model at some places and at
 * every token, and that a value does not depend on what else is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "model/trunk.h"
#include "model/value_head.h"
#include "unit/gradients.h"

enum { TOKENS = 7 };

static const struct config small = {.arch = ARCH_GPT2, .layers = 1, .heads = 2, .width = 6, .hidden = 10,
    .context = TOKENS, .vocab = 11, .tied = true, .value = true};

struct set {
	struct config cfg;
	struct params table;
	struct trunk trunk;
	real w[2048], g[2048], dh[TOKENS * 6];
	int32_t ids[TOKENS], positions[TOKENS];
	struct span span;
	struct batch b;
};

static void
open_set(struct set *s)
{
	struct err e;
	*s = (struct set){.cfg = small, .span = {0, TOKENS, 0, 0}};
	config_fill(&s->cfg);
	assert_int_equal(params_build(&s->table, &s->cfg, &e), 0);
	assert_true(s->table.size <= 2048);
	assert_int_equal(trunk_open(&s->trunk, &s->cfg, &s->table, TOKENS, TOKENS, KEEP_ALL, &e), 0);
	for (size_t i = 0; i < s->table.size; i++)
		s->w[i] = 0.4 * rng_normal(1, RNG_TEST, 0, i);
	for (int i = 0; i < TOKENS; i++) {
		s->ids[i] = i * 3 % 11;
		s->positions[i] = i;
	}
	s->b = (struct batch){TOKENS, s->ids, s->positions, &s->span, 1, NULL};
}

static void
close_set(struct set *s)
{
	trunk_close(&s->trunk);
	params_free(&s->table);
}

/* A loss of the values that is not linear: sum of (y - i)^2 / 2. */
static double
loss(struct set *s, const size_t *at, size_t n, real *dy)
{
	real y[TOKENS];
	double sum = 0;
	trunk_forward(&s->trunk, s->w, &s->b, NULL);
	value_head_forward(y, s->trunk.h, at, n, s->w, &s->table, s->cfg.width);
	for (size_t i = 0; i < n; i++) {
		double d = y[i] - (double)i;
		sum += d * d / 2;
		if (dy)
			dy[i] = d;
	}
	return sum;
}

static void
check_gradient(const size_t *at, size_t n)
{
	static struct set s;
	real dy[TOKENS];
	open_set(&s);
	loss(&s, at, n, dy);
	value_head_backward(s.dh, s.g, dy, s.trunk.h, at, n, s.w, &s.table, s.cfg.width);
	trunk_backward(&s.trunk, s.w, s.g, &s.b, s.dh);
	for (size_t i = 0; i < s.table.size; i++) {
		double wanted = DIFFERENCE(s.w[i], 1e-5, loss(&s, at, n, NULL));
		if (!(fabs(wanted - s.g[i]) <= 1e-7 * (1 + fabs(wanted))))
			fail_msg("element %zu: gradient %.10g, finite difference %.10g", i, s.g[i], wanted);
	}
	close_set(&s);
}

static void
test_gradient(void **state)
{
	(void)state;
	const size_t at[3] = {5, 0, 3};
	check_gradient(at, 3);
	check_gradient(NULL, TOKENS);
}

static void
test_by_hand(void **state)
{
	(void)state;
	static struct set s;
	open_set(&s);
	real h[12] = {1, 2, 3, 4, 5, 6, -1, 0, 1, 0, -1, 0}, y[2], dh[12], dy[2] = {2, -1};
	const size_t at[2] = {1, 0};
	real *weight = s.w + param_offset(&s.table, SLOT_VALUE, 0);
	for (int j = 0; j < 6; j++)
		weight[j] = j + 1;
	s.w[param_offset(&s.table, SLOT_VALUE_B, 0)] = 0.5;
	value_head_forward(y, h, at, 2, s.w, &s.table, 6);
	assert_true(y[0] == -1 + 3 - 5 + 0.5);
	assert_true(y[1] == 91.5);
	for (int j = 0; j < 12; j++)
		dh[j] = 100;
	value_head_backward(dh, s.g, dy, h, at, 2, s.w, &s.table, 6);
	for (int j = 0; j < 6; j++) {
		assert_true(dh[j] == 100 - (j + 1)); /* adds */
		assert_true(dh[6 + j] == 100 + 2 * (j + 1));
		assert_true(s.g[param_offset(&s.table, SLOT_VALUE, 0) + (size_t)j] == 2 * h[6 + j] - h[j]);
	}
	assert_true(s.g[param_offset(&s.table, SLOT_VALUE_B, 0)] == 1);
	close_set(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand), cmocka_unit_test(test_gradient)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
