/* The gradient of every parameter of whole models against central differences, in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "unit/gradients.h"

static double
loss_of(struct trainer *t, struct rows *r)
{
	struct batch b;
	const int32_t *targets;
	double nll = 0;
	for (size_t from = 0, micro = 0; from < r->n; micro++) {
		from = rows_batch(r, from, t->opts.max_tokens, &b, &targets);
		t->trunk.dropout = t->opts.dropout;
		t->trunk.step = t->step << 16 | micro;
		trunk_forward(&t->trunk, t->w, &b, NULL);
		lm_head_forward(&t->head, t->trunk.h, t->w, targets, b.n, &t->out);
		for (size_t i = 0; i < b.n; i++)
			nll -= t->out.logp[i];
	}
	return nll / (double)r->trained;
}

/* Three rows; the first has two documents, the last one token. Some targets are absent. */
static void
fill_rows(struct rows *r, const struct config *c)
{
	int32_t ids[9], targets[9], pos[9], docs[9], types[9];
	size_t lengths[] = {9, 5, 1};
	struct err e;
	for (size_t row = 0; row < 3; row++) {
		for (size_t i = 0; i < lengths[row]; i++) {
			ids[i] = (int32_t)rng_below(c->vocab, 3, RNG_TEST, row, i);
			targets[i] = i % 4 == 2 ? TARGET_NONE : (int32_t)rng_below(c->vocab, 4, RNG_TEST, row, i);
			docs[i] = row == 0 && i >= 4;
			types[i] = i % 3 == 1;
			pos[i] = (int32_t)(docs[i] ? i - 4 : i);
		}
		assert_int_equal(rows_add(r, &(struct row){.ids = ids, .targets = targets, .positions = pos, .documents = docs,
		    .types = c->types ? types : NULL, .n = lengths[row]}, c, &e), 0);
	}
}

static void
check_model(struct config c, double dropout)
{
	struct err e;
	struct params p;
	struct trainer t;
	struct rows r = {0};
	struct step_stats s;
	struct train_opts o = {.max_tokens = 9, .max_keys = 9, .dropout = dropout, .seed = 5};
	open_trainer(&t, &p, &c, &o, 0.4);
	fill_rows(&r, &c);
	assert_int_equal(train_gradient(&t, &r, &s, &e), 0);
	assert_true(fabs(s.loss - loss_of(&t, &r)) < 1e-12);
	double worst = 0;
	for (size_t i = 0; i < p.n; i++) {
		double largest = 0, error = 0;
		for (size_t j = p.items[i].offset; j < p.items[i].offset + p.items[i].size; j++) {
			double d = DIFFERENCE(t.w[j], 1e-5, loss_of(&t, &r));
			largest = fmax(largest, fabs(d));
			error = fmax(error, fabs(d - t.g[j]));
		}
		if (error > 1e-7 * fmax(1, largest))
			print_error("%s: error %g of %g\n", p.items[i].name, error, largest);
		worst = fmax(worst, error / fmax(1, largest));
	}
	assert_true(worst < 1e-7);
	rows_free(&r);
	trainer_close(&t);
	params_free(&p);
}

static const struct config gpt2 = {.arch = ARCH_GPT2, .layers = 2, .heads = 3, .width = 15,
    .hidden = 22, .context = 11, .vocab = 13, .tied = true};
static const struct config llama = {.arch = ARCH_LLAMA, .layers = 2, .heads = 6, .kv_heads = 2,
    .width = 24, .hidden = 14, .context = 11, .vocab = 13};

static void
test_gpt2(void **state)
{
	(void)state;
	check_model(gpt2, 0);
}

static void
test_llama(void **state)
{
	(void)state;
	check_model(llama, 0);
}

static const struct config bert = {.arch = ARCH_BERT, .layers = 2, .heads = 3, .width = 15,
    .hidden = 22, .context = 11, .vocab = 13, .tied = true, .types = 2, .post_norm = true};

static void
test_bert(void **state)
{
	(void)state;
	check_model(bert, 0);
	struct config c = bert;
	c.post_norm = false;
	c.types = 0;
	c.tied = false;
	check_model(c, 0.2);
	c.post_norm = true;
	check_model(c, 0.2);
}

/* RoBERTa's places, Qwen2's biases, Qwen3's norms of heads, a head size of its own, stretched rotary positions. */
static void
test_variants(void **state)
{
	(void)state;
	struct config c = bert;
	c.arch = ARCH_ROBERTA;
	check_model(c, 0.2);
	c = llama;
	c.qkv_bias = true;
	check_model(c, 0.2);
	c = llama;
	c.head_size = 6;
	c.rope = (struct rope_scaling){ROPE_LLAMA3, 8, 1, 4, 5};
	check_model(c, 0);
	c = llama;
	c.qk_norm = true;
	check_model(c, 0.2);
	c.head_size = 6;
	c.tied = true;
	check_model(c, 0);
}

static void
test_untied_and_dropout(void **state)
{
	(void)state;
	struct config c = gpt2;
	c.tied = false;
	check_model(c, 0.2);
	c = llama;
	c.tied = true;
	check_model(c, 0.2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_gpt2), cmocka_unit_test(test_llama), cmocka_unit_test(test_bert),
	    cmocka_unit_test(test_variants),
	    cmocka_unit_test(test_untied_and_dropout)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
