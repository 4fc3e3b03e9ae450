/* The contrastive objective in double precision: finite differences through whole models, accumulation
 * with the whole batch of negatives, duplicates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/contrast.h"
#include "unit/gradients.h"

enum { PAIRS = 5 };

static const struct config bert = {.arch = ARCH_BERT, .layers = 2, .heads = 3, .width = 12,
    .hidden = 20, .context = 8, .vocab = 13, .tied = true, .post_norm = true, .projection = 7};
static const struct config gpt2 = {.arch = ARCH_GPT2, .layers = 1, .heads = 2, .width = 10,
    .hidden = 14, .context = 8, .vocab = 13, .tied = true};

static void
fill(struct rows *r, const struct config *c)
{
	struct err e;
	int32_t ids[8];
	for (uint64_t i = 0; i < 2 * PAIRS; i++) {
		size_t n = 1 + rng_below(8, 1, RNG_TEST, i, 0);
		for (size_t j = 0; j < n; j++)
			ids[j] = (int32_t)rng_below(c->vocab, 2, RNG_TEST, i, j);
		assert_int_equal(rows_add(r, &(struct row){.ids = ids, .n = n, .source = i / 2, .key = i / 2 + 1}, c, &e), 0);
	}
}

struct set {
	struct config cfg;
	struct params table;
	struct trainer t;
	struct contrast c;
	struct rows r;
};

static void
open_set(struct set *s, const struct config *c, size_t micro, struct contrast_opts o, double dropout)
{
	struct err e;
	*s = (struct set){.cfg = *c};
	struct train_opts to = {.max_tokens = micro, .max_keys = 8, .dropout = dropout, .seed = 5,
	    .schedule = {SCHEDULE_CONSTANT, 0.01, 0.01, 0, 10, 0}, .adamw = {0.9, 0.95, 1e-8, 0.1}};
	open_trainer(&s->t, &s->table, &s->cfg, &to, 0.5);
	assert_int_equal(contrast_open(&s->c, &s->t, &o, &e), 0);
	fill(&s->r, &s->cfg);
}

static void
close_set(struct set *s)
{
	contrast_close(&s->c);
	trainer_close(&s->t);
	params_free(&s->table);
	rows_free(&s->r);
}

static double
loss_of(struct set *s)
{
	return loss_and_gradient(&s->t, &s->r);
}

static void
check_gradient(const struct config *c, struct contrast_opts o, double dropout)
{
	struct set s;
	open_set(&s, c, 100, o, dropout);
	double loss = loss_of(&s), worst = 0;
	double *g = calloc(s.table.size, sizeof *g);
	assert_true(loss > 0);
	memcpy(g, s.t.g, s.table.size * sizeof *g);
	for (size_t i = 0; i < s.table.n; i++) {
		const struct param *p = &s.table.items[i];
		for (size_t j = p->offset; j < p->offset + p->size; j++) {
			double d = DIFFERENCE(s.t.w[j], 1e-5, loss_of(&s));
			worst = fmax(worst, fabs(d - g[j]) / fmax(1, fabs(d)));
			if (s.t.how[i].frozen && p->slot != SLOT_HEAD)
				assert_true(g[j] == 0);
		}
	}
	if (!(worst < 1e-7))
		fail_msg("error %g", worst);
	free(g);
	close_set(&s);
}

static void
test_differences(void **state)
{
	(void)state;
	for (enum pool pool = POOL_MEAN; pool < POOL_COUNT; pool++) {
		check_gradient(&bert, (struct contrast_opts){0.3, pool, 2 * PAIRS, 0, 0, 1}, 0);
		check_gradient(&gpt2, (struct contrast_opts){0.3, pool, 2 * PAIRS, 6, 0.9, 1}, 0);
	}
	check_gradient(&bert, (struct contrast_opts){0.2, POOL_MEAN, 2 * PAIRS, 9, 0.9, 1}, 0.2);
}

/* However small the micro-batches: the gradient of the whole batch (with dropout, too: its masks are
 * addressed by micro-batch, so only without are they comparable). */
static void
test_accumulation(void **state)
{
	(void)state;
	for (size_t queue = 0; queue <= 8; queue += 8) {
		struct set whole, parts;
		struct contrast_opts o = {0.5, POOL_MEAN, 2 * PAIRS, queue, 0.9, 1};
		open_set(&whole, &bert, 100, o, 0);
		open_set(&parts, &bert, 8, o, 0);
		double a = loss_of(&whole), b = loss_of(&parts), largest = 0, error = 0;
		for (size_t i = 0; i < whole.table.size; i++) {
			largest = fmax(largest, fabs(whole.t.g[i]));
			error = fmax(error, fabs(whole.t.g[i] - parts.t.g[i]));
		}
		if (!(fabs(a - b) < 1e-12 && largest > 1e-3 && error < 1e-11 * largest))
			fail_msg("losses %.17g %.17g, error %g of %g", a, b, error, largest);
		close_set(&whole);
		close_set(&parts);
	}
}

/* Dropout of the second forward pass is that of the first. */
static void
test_same_dropout(void **state)
{
	(void)state;
	struct set s;
	open_set(&s, &bert, 8, (struct contrast_opts){0.3, POOL_MEAN, 2 * PAIRS, 0, 0, 1}, 0.3);
	size_t at = params_find(&s.table, "block.1.up.weight")->offset + 3;
	loss_of(&s);
	double g = s.t.g[at], d = DIFFERENCE(s.t.w[at], 1e-5, loss_of(&s));
	assert_true(fabs(d) > 1e-6 && fabs(d - g) < 1e-7);
	close_set(&s);
}

/* A source that comes twice is no negative of itself: the loss is as if the other pair had not the
 * equal rows in its sum. Against the formula. */
static void
test_duplicates(void **state)
{
	(void)state;
	enum { N = 6, D = 4 };
	struct err e;
	struct contrastive c;
	double z[N * D], dz[N * D], u[N * D];
	const uint64_t key[N] = {7, 7, 8, 8, 7, 7};
	for (size_t i = 0; i < N * D; i++)
		z[i] = rng_normal(3, RNG_TEST, 0, i);
	for (size_t i = 0; i < N; i++) {
		double length = 0;
		for (size_t j = 0; j < D; j++)
			length += z[i * D + j] * z[i * D + j];
		for (size_t j = 0; j < D; j++)
			u[i * D + j] = z[i * D + j] / sqrt(length);
	}
	double want = 0;
	for (size_t i = 0; i < N; i++) {
		double sum = 0, own = 0;
		for (size_t j = 0; j < N; j++) {
			double s = 0;
			for (size_t d = 0; d < D; d++)
				s += u[i * D + d] * u[j * D + d];
			if (j == (i ^ 1))
				own = s / 0.5;
			if (j != i && (j == (i ^ 1) || key[j] != key[i]))
				sum += exp(s / 0.5);
		}
		want += (log(sum) - own) / N;
	}
	assert_int_equal(contrastive_open(&c, D, N, 0, &e), 0);
	assert_true(fabs(contrastive_ntxent(&c, dz, z, key, N, 0.5) - want) < 1e-12);
	contrastive_close(&c);
}

/* The queue takes the step's keys, oldest out first; the averaged weights follow. */
static void
test_queue(void **state)
{
	(void)state;
	struct set s;
	struct err e;
	struct step_stats st;
	open_set(&s, &bert, 100, (struct contrast_opts){0.3, POOL_MEAN, 2 * PAIRS, 7, 0.75, 1}, 0);
	double w0 = s.t.w[3];
	assert_int_equal(train_step(&s.t, &s.r, &st, &e), 0);
	assert_int_equal(s.c.queue_at, PAIRS);
	assert_true(fabs(s.c.average[3] - (0.75 * w0 + 0.25 * s.t.w[3])) < 1e-15);
	for (size_t i = 0; i < 7; i++) {
		double length = 0;
		for (size_t j = 0; j < s.c.dim; j++)
			length += s.c.queue[i * s.c.dim + j] * s.c.queue[i * s.c.dim + j];
		assert_true(fabs(length - 1) < 1e-12);
		assert_int_equal(s.c.queue_keys[i], i < PAIRS ? i + 1 : 0);
	}
	assert_int_equal(train_step(&s.t, &s.r, &st, &e), 0);
	assert_int_equal(s.c.queue_at, 2 * PAIRS - 7);
	assert_int_equal(s.c.queue_keys[6], 2);
	assert_int_equal(s.c.queue_keys[0], 3);
	close_set(&s);
}

static void
test_refusals(void **state)
{
	(void)state;
	struct set s;
	struct err e;
	struct step_stats st;
	open_set(&s, &bert, 100, (struct contrast_opts){0.3, POOL_MEAN, 2 * PAIRS, 0, 0, 1}, 0);
	s.r.ends[3].source = 77;
	assert_int_equal(train_step(&s.t, &s.r, &st, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	assert_non_null(strstr(e.msg, "neighbours"));
	close_set(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_differences), cmocka_unit_test(test_accumulation),
	    cmocka_unit_test(test_same_dropout), cmocka_unit_test(test_duplicates), cmocka_unit_test(test_queue),
	    cmocka_unit_test(test_refusals)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
