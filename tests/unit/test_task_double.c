/* Supervised fine-tuning in double precision: finite differences of every task through whole models with and
 * without adapters and frozen tensors, accumulation with ragged rows, packing, adapters merged and
 * their size, and losses by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/task.h"
#include "unit/gradients.h"

enum { ROWS = 7, LONGEST = 8 };

#define ALL_TARGETS ((1u << LORA_QUERY) | (1u << LORA_KEY) | (1u << LORA_VALUE) | (1u << LORA_OUT) | \
	(1u << LORA_UP) | (1u << LORA_DOWN))

static const struct config gpt2 = {.arch = ARCH_GPT2, .layers = 2, .heads = 2, .width = 10, .hidden = 14,
    .context = LONGEST, .vocab = 13, .tied = true, .task = TASK_CLASSIFY, .outputs = 3, .pool = POOL_LAST};
static const struct config bert = {.arch = ARCH_BERT, .layers = 2, .heads = 3, .width = 12, .hidden = 20,
    .context = LONGEST, .vocab = 13, .tied = true, .post_norm = true, .task = TASK_TAG, .outputs = 4};
static const struct config llama = {.arch = ARCH_LLAMA, .layers = 2, .heads = 4, .kv_heads = 2, .width = 16, .hidden = 12,
    .context = LONGEST, .vocab = 13, .headless = true, .task = TASK_REGRESS, .outputs = 2, .pool = POOL_MEAN};

static const double weights[4] = {0.5, 2, 1, 3};

struct set {
	struct config cfg;
	struct params table;
	struct trainer t;
	struct task_trainer k;
	struct rows r;
};

static void
fill_rows(struct rows *r, const struct config *c)
{
	struct err e;
	int32_t ids[LONGEST], tags[LONGEST];
	real values[4];
	for (uint64_t i = 0; i < ROWS; i++) {
		size_t n = 1 + rng_below(LONGEST, 1, RNG_TEST, i, 0);
		for (size_t j = 0; j < n; j++) {
			ids[j] = (int32_t)rng_below(c->vocab, 2, RNG_TEST, i, j);
			tags[j] = j % 3 == 2 || i == 3 ? TARGET_NONE : (int32_t)rng_below(c->outputs, 3, RNG_TEST, i, j);
		}
		for (size_t j = 0; j < c->outputs; j++)
			values[j] = c->task == TASK_REGRESS ? rng_normal(4, RNG_TEST, i, j) : (double)rng_below(2, 4, RNG_TEST, i, j);
		struct row row = {.ids = ids, .n = n, .label = (int32_t)rng_below(c->outputs, 5, RNG_TEST, i, 0)};
		if (c->task == TASK_TAG) {
			row.targets = tags;
			row.tags = true;
		}
		if (c->task == TASK_MULTILABEL || c->task == TASK_REGRESS)
			row.values = values;
		assert_int_equal(rows_add(r, &row, c, &e), 0);
	}
}

static void
open_set(struct set *s, const struct config *c, size_t micro, double smoothing, double dropout)
{
	struct err e;
	*s = (struct set){.cfg = *c};
	struct train_opts to = {.max_tokens = micro, .max_keys = LONGEST, .dropout = dropout, .seed = 5, .no_language = true,
	    .schedule = {SCHEDULE_CONSTANT, 0.01, 0.01, 0, 10, 0}, .adamw = {0.9, 0.95, 1e-8, 0.1}};
	open_trainer(&s->t, &s->table, &s->cfg, &to, 0.5);
	struct labelled_loss loss = {.weights = weights, .smoothing = smoothing};
	assert_int_equal(task_open(&s->k, &s->t, &loss, &e), 0);
	fill_rows(&s->r, &s->cfg);
}

static void
close_set(struct set *s)
{
	task_close(&s->k);
	trainer_close(&s->t);
	params_free(&s->table);
	rows_free(&s->r);
}

static double
loss_of(struct set *s)
{
	return loss_and_gradient(&s->t, &s->r);
}

/* Numbers that are trained against finite differences; the others must not have moved when a step is done. */
static void
check_differences(const struct config *c, double smoothing, double dropout)
{
	struct set s;
	struct err e;
	struct step_stats st;
	open_set(&s, c, 64, smoothing, dropout);
	loss_of(&s);
	real *g = malloc(s.table.size * sizeof *g), *before = malloc(s.table.size * sizeof *g);
	memcpy(g, s.t.g, s.table.size * sizeof *g);
	double worst = 0, square = 0;
	for (size_t i = 0; i < s.table.n; i++) {
		const struct param *p = &s.table.items[i];
		for (size_t j = p->offset; j < p->offset + p->size && !s.t.how[i].frozen; j++) {
			double d = DIFFERENCE(s.t.w[j], 2e-6, loss_of(&s));
			worst = fmax(worst, fabs(d - g[j]) / fmax(1, fabs(d)));
			square += g[j] * g[j];
		}
	}
	if (!(worst < 1e-7))
		fail_msg("%s, %s, smoothing %g, dropout %g: error %g", config_traits(c)->name, config_task_name(c->task), smoothing, dropout, worst);
	memcpy(before, s.t.w, s.table.size * sizeof *g);
	assert_int_equal(train_step(&s.t, &s.r, &st, &e), 0);
	assert_true(fabs(st.grad_norm - sqrt(square)) < 1e-9 * sqrt(square));
	for (size_t i = 0; i < s.table.n; i++) {
		const struct param *p = &s.table.items[i];
		bool same = memcmp(before + p->offset, s.t.w + p->offset, p->size * sizeof *g) == 0;
		assert_true(same == s.t.how[i].frozen);
	}
	free(g);
	free(before);
	close_set(&s);
}

static void
test_differences(void **state)
{
	(void)state;
	struct config c = gpt2;
	check_differences(&c, 0, 0);
	check_differences(&c, 0.1, 0.3);
	c.unnormed = true;
	check_differences(&c, 0, 0);
	c.task = TASK_MULTILABEL;
	check_differences(&c, 0, 0);
	check_differences(&bert, 0.2, 0);
	check_differences(&llama, 0, 0);
}

static void
test_adapters_differences(void **state)
{
	(void)state;
	struct config c = gpt2;
	c.lora_rank = 3;
	c.lora_alpha = 5;
	c.lora_targets = ALL_TARGETS;
	check_differences(&c, 0, 0);
	c.lora_targets = 1u << LORA_VALUE;
	check_differences(&c, 0, 0.2);
	c = llama;
	c.lora_rank = 2;
	c.lora_alpha = 4;
	c.lora_targets = ALL_TARGETS | (1u << LORA_GATE);
	check_differences(&c, 0, 0);
	c = bert;
	c.lora_rank = 1;
	c.lora_alpha = 1;
	c.lora_targets = (1u << LORA_KEY) | (1u << LORA_DOWN);
	check_differences(&c, 0, 0);
}

/* Any set of frozen tensors leaves the gradients of the others as they were. */
static void
test_frozen(void **state)
{
	(void)state;
	struct set s;
	open_set(&s, &gpt2, 64, 0, 0);
	loss_of(&s);
	real *g = malloc(s.table.size * sizeof *g);
	memcpy(g, s.t.g, s.table.size * sizeof *g);
	for (uint64_t trial = 0; trial < 40; trial++) {
		for (size_t i = 0; i < s.table.n; i++)
			s.t.how[i].since = rng_below(4, trial, RNG_TEST, 7, i) < trial % 4 ? UINT64_MAX : 0;
		trainer_plan(&s.t);
		loss_of(&s);
		for (size_t i = 0; i < s.table.n; i++) {
			const struct param *p = &s.table.items[i];
			for (size_t j = p->offset; j < p->offset + p->size && !s.t.how[i].frozen; j++)
				assert_true(fabs(s.t.g[j] - g[j]) < 1e-12);
		}
	}
	free(g);
	close_set(&s);
}

/* Micro-batches of any size: the gradient of the whole, although their counts of points differ. */
static void
test_accumulation(void **state)
{
	(void)state;
	static const struct config *const all[] = {&gpt2, &bert, &llama};
	for (int i = 0; i < 3; i++) {
		struct set whole;
		open_set(&whole, all[i], 64, 0.1, 0);
		double loss = loss_of(&whole), largest = 0, error = 0;
		for (size_t micro = LONGEST; micro < 20; micro += 3) {
			struct set parts;
			open_set(&parts, all[i], micro, 0.1, 0);
			assert_true(fabs(loss_of(&parts) - loss) < 1e-12);
			for (size_t j = 0; j < whole.table.size; j++) {
				largest = fmax(largest, fabs(whole.t.g[j]));
				error = fmax(error, fabs(whole.t.g[j] - parts.t.g[j]));
			}
			close_set(&parts);
		}
		assert_true(error < 1e-12 * fmax(1, largest));
		close_set(&whole);
	}
}

/* What is predicted with adapters, and by the merged model, which has none. */
static void
test_merged(void **state)
{
	(void)state;
	struct err e;
	struct config c = llama;
	c.lora_rank = 3;
	c.lora_alpha = 6;
	c.lora_targets = ALL_TARGETS | (1u << LORA_GATE);
	struct set s, plain;
	struct predictions a = {0}, b = {0};
	open_set(&s, &c, 64, 0, 0);
	open_set(&plain, &llama, 64, 0, 0);
	assert_int_equal(task_predict(&s.k.head, &s.t.trunk, s.t.w, &s.r, 64, &a, &e), 0);
	params_merge_lora(s.t.w, &s.table, &s.cfg);
	for (size_t i = 0; i < plain.table.n; i++) { /* what the models share lies at the same place */
		assert_string_equal(plain.table.items[i].name, s.table.items[i].name);
		assert_int_equal(plain.table.items[i].offset, s.table.items[i].offset);
	}
	assert_int_equal(task_predict(&plain.k.head, &plain.t.trunk, s.t.w, &s.r, 64, &b, &e), 0);
	assert_int_equal(a.n, ROWS);
	for (size_t i = 0; i < a.n * a.outputs; i++)
		assert_true(fabs(a.scores[i] - b.scores[i]) < 1e-12);
	predictions_free(&a);
	predictions_free(&b);
	close_set(&s);
	close_set(&plain);
}

/* Answers to prompts, as rows of their own and side by side in rows of several: the same loss and gradient. */
static void
test_packed(void **state)
{
	(void)state;
	static const size_t lengths[] = {3, 5, 2, 4}, prompts[] = {1, 2, 1, 3};
	static const struct config *const all[] = {&gpt2, &llama};
	for (int f = 0; f < 2; f++) {
		struct err e;
		struct config c = *all[f];
		struct params table;
		struct trainer t;
		struct rows apart = {0}, packed = {0};
		struct step_stats one, other;
		int32_t ids[14], targets[14], positions[14], documents[14];
		c.task = TASK_NONE;
		c.outputs = 0;
		c.headless = false;
		config_fill(&c);
		assert_int_equal(params_build(&table, &c, &e), 0);
		struct train_opts to = {.max_tokens = 14, .max_keys = LONGEST};
		assert_int_equal(trainer_open(&t, &c, &table, &to, &e), 0);
		params_init(t.w, &table, &c, 9);
		for (size_t d = 0, at = 0; d < 4; at += lengths[d++]) {
			for (size_t i = 0; i < lengths[d]; i++) {
				ids[at + i] = (int32_t)rng_below(c.vocab, 6, RNG_TEST, d, i);
				targets[at + i] = i < prompts[d] ? TARGET_NONE : (int32_t)rng_below(c.vocab, 7, RNG_TEST, d, i);
				positions[at + i] = (int32_t)i;
				documents[at + i] = (int32_t)d;
			}
			assert_int_equal(rows_add(&apart, &(struct row){.ids = ids + at, .targets = targets + at, .n = lengths[d]}, &c, &e), 0);
		}
		for (size_t from = 0; from < 14; from = from ? 14 : 8) /* the first two, then the others */
			assert_int_equal(rows_add(&packed, &(struct row){.ids = ids + from, .targets = targets + from, .positions = positions + from,
			    .documents = documents + from, .n = from ? 6 : 8}, &c, &e), 0);
		assert_int_equal(train_gradient(&t, &apart, &one, &e), 0);
		real *g = malloc(table.size * sizeof *g);
		memcpy(g, t.g, table.size * sizeof *g);
		assert_int_equal(train_gradient(&t, &packed, &other, &e), 0);
		assert_true(one.trained == 7 && other.trained == 7);
		assert_true(fabs(one.loss - other.loss) < 1e-13);
		for (size_t i = 0; i < table.size; i++)
			assert_true(fabs(g[i] - t.g[i]) < 1e-13);
		free(g);
		rows_free(&apart);
		rows_free(&packed);
		trainer_close(&t);
		params_free(&table);
	}
}

/* Rank 8 on every layer of a model of GPT-2's size is little. */
static void
test_adapters_size(void **state)
{
	(void)state;
	struct err e;
	struct params p;
	struct config c = {.arch = ARCH_GPT2, .layers = 12, .heads = 12, .width = 768, .context = 1024, .vocab = 50257, .tied = true,
	    .lora_rank = 8, .lora_alpha = 16, .lora_targets = ALL_TARGETS};
	size_t adapters = 0;
	config_fill(&c);
	assert_int_equal(config_check(&c, &e), 0);
	assert_int_equal(params_build(&p, &c, &e), 0);
	for (size_t i = 0; i < p.n; i++)
		adapters += p.items[i].slot >= SLOT_LORA ? p.items[i].size : 0;
	assert_int_equal(p.count - adapters, 124439808);
	assert_int_equal(adapters, 12 * 8 * (4 * 2 * 768 + 2 * 5 * 768));
	assert_true((double)adapters < 0.02 * (double)p.count);
	params_free(&p);
}

/* Labels of classes that weigh nothing: the step counts, and nothing else changes. */
static void
test_idle(void **state)
{
	(void)state;
	static const double nothing[4] = {0, 0, 0, 0};
	const struct config *const models[] = {&gpt2, &bert};
	for (int i = 0; i < 2; i++) {
		struct set s;
		struct err e;
		struct step_stats st;
		open_set(&s, models[i], 64, 0.1, 0.1);
		size_t size = s.table.size * sizeof(real);
		assert_int_equal(train_step(&s.t, &s.r, &st, &e), 0);
		assert_false(st.idle);
		real *before = malloc(3 * size);
		const real *const kept[] = {s.t.w, s.t.m, s.t.v};
		for (size_t k = 0; k < 3; k++)
			memcpy(before + k * s.table.size, kept[k], size);
		s.k.loss.weights = nothing;
		assert_int_equal(train_step(&s.t, &s.r, &st, &e), 0);
		assert_true(st.idle && st.loss == 0 && st.grad_norm == 0 && st.trained == 0 && s.t.step == 2);
		for (size_t k = 0; k < 3; k++)
			assert_memory_equal(before + k * s.table.size, kept[k], size);
		s.k.loss.weights = weights;
		assert_int_equal(train_step(&s.t, &s.r, &st, &e), 0);
		assert_true(!st.idle && st.loss > 0 && memcmp(before, s.t.w, size) != 0);
		free(before);
		close_set(&s);
	}
}

static void
test_losses(void **state)
{
	(void)state;
	real z[3] = {1, 2, 0.5}, y[3] = {1, 0, 1};
	int32_t label = 1;
	double lse = log(exp(1) + exp(2) + exp(0.5)), p[3];
	struct labelled_loss l = {TASK_CLASSIFY, 3, NULL, 0};
	assert_true(fabs(labelled_sum(&l, NULL, 1, z, &label, NULL, 1) - (lse - 2)) < 1e-12);
	l.smoothing = 0.3;
	l.weights = weights; /* 0.5, 2, 1 */
	double smooth = 0.7 * 2 * (lse - 2) + 0.1 * (0.5 * (lse - 1) + 2 * (lse - 2) + 1 * (lse - 0.5));
	assert_true(fabs(labelled_sum(&l, NULL, 1, z, &label, NULL, 1) - smooth) < 1e-12);
	assert_true(fabs(labelled_weight(&l, &label, 1) - 2) < 1e-12);
	l = (struct labelled_loss){TASK_MULTILABEL, 3, NULL, 0};
	for (int i = 0; i < 3; i++)
		p[i] = 1 / (1 + exp(-z[i]));
	assert_true(fabs(labelled_sum(&l, NULL, 1, z, NULL, y, 1) + log(p[0]) + log(1 - p[1]) + log(p[2])) < 1e-12);
	l.task = TASK_REGRESS;
	assert_true(fabs(labelled_sum(&l, NULL, 1, z, NULL, y, 1) - 4.25) < 1e-12);
	assert_true(fabs(labelled_weight(&l, NULL, 2) - 6) < 1e-12);
	double scores[3];
	assert_int_equal(labelled_scores(TASK_TAG, scores, z, 3), 1);
	assert_true(fabs(scores[0] + scores[1] + scores[2] - 1) < 1e-12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_losses),
	    cmocka_unit_test(test_differences),
	    cmocka_unit_test(test_adapters_differences),
	    cmocka_unit_test(test_frozen),
	    cmocka_unit_test(test_accumulation),
	    cmocka_unit_test(test_idle),
	    cmocka_unit_test(test_merged),
	    cmocka_unit_test(test_packed),
	    cmocka_unit_test(test_adapters_size),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
