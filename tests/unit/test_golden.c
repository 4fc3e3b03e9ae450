/* GPT-2 and LLaMA against PyTorch in double precision: hidden states, logits' loss, every
 * gradient, ten AdamW steps. tests/golden/cases.json says how the figures were made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "safetensors.h"
#include "train/trainer.h"

#define GOLDEN "tests/golden/"

static double *
read_tensor(const struct safetensors *s, const char *name, size_t *n)
{
	struct err e;
	const struct st_tensor *t = st_find(s, name);
	if (!t)
		fail_msg("no tensor %s", name);
	size_t count = 1;
	for (unsigned i = 0; i < t->rank; i++)
		count *= (size_t)t->shape[i];
	double *v = calloc(count, sizeof *v);
	assert_int_equal(st_read_double(t, v, count, &e), 0);
	if (n)
		*n = count;
	return v;
}

/* Element (i, j) of our tensor within the foreign one. */
static size_t
foreign_index(const struct param *p, size_t i, size_t j)
{
	size_t row = p->part * p->dims[0] + i;
	return p->transposed ? j * p->parts * p->dims[0] + row : row * p->dims[1] + j;
}

static void
load_weights(real *w, const struct params *p, const struct safetensors *s)
{
	for (size_t t = 0; t < p->n; t++) {
		const struct param *it = &p->items[t];
		double *v = read_tensor(s, it->foreign, NULL);
		for (size_t i = 0; i < it->dims[0]; i++)
			for (size_t j = 0; j < it->dims[1]; j++)
				w[it->offset + i * it->dims[1] + j] = (real)v[foreign_index(it, i, j)];
		free(v);
	}
}

/* Each of our tensors within 1e-4 of the largest entry of the foreign gradient. */
static void
check_gradients(const real *g, const struct params *p, const struct safetensors *expect)
{
	for (size_t t = 0; t < p->n; t++) {
		const struct param *it = &p->items[t];
		char name[128];
		size_t n;
		snprintf(name, sizeof name, "grad.%s", it->foreign);
		double *v = read_tensor(expect, name, &n), largest = 0, error = 0;
		for (size_t i = 0; i < n; i++)
			largest = fmax(largest, fabs(v[i]));
		for (size_t i = 0; i < it->dims[0]; i++)
			for (size_t j = 0; j < it->dims[1]; j++)
				error = fmax(error, fabs((double)g[it->offset + i * it->dims[1] + j] -
				    v[foreign_index(it, i, j)]));
		if (!(error <= 1e-4 * largest))
			fail_msg("%s: error %g, largest entry %g", it->name, error, largest);
		free(v);
	}
}

static size_t
size_of(const json_t *config, const char *a, const char *b)
{
	json_t *v = json_object_get(config, a);
	return (size_t)json_integer_value(v ? v : json_object_get(config, b));
}

static struct config
config_of(enum arch arch, const json_t *j)
{
	struct config c = {.arch = arch, .layers = size_of(j, "n_layer", "num_hidden_layers"),
	    .heads = size_of(j, "n_head", "num_attention_heads"), .kv_heads = size_of(j, "num_key_value_heads", ""),
	    .width = size_of(j, "n_embd", "hidden_size"), .hidden = size_of(j, "intermediate_size", ""),
	    .context = size_of(j, "n_positions", "max_position_embeddings"),
	    .vocab = size_of(j, "vocab_size", ""), .tied = arch == ARCH_GPT2, .norm_eps = 1e-5,
	    .rope_theta = 10000};
	config_fill(&c);
	return c;
}

/* The labels of the case are shifted by the model: token i is trained on label i + 1. */
static void
fill_rows(struct rows *r, const struct safetensors *s, const struct config *c)
{
	struct err e;
	size_t n, length = (size_t)st_find(s, "input_ids")->shape[1];
	double *ids = read_tensor(s, "input_ids", &n), *labels = read_tensor(s, "labels", NULL);
	int32_t row[64], targets[64];
	assert_true(length <= 64);
	for (size_t from = 0; from < n; from += length) {
		for (size_t i = 0; i < length; i++) {
			row[i] = (int32_t)ids[from + i];
			targets[i] = i + 1 < length ? (int32_t)labels[from + i + 1] : TARGET_NONE;
		}
		assert_int_equal(rows_add(r, row, targets, NULL, NULL, length, c->vocab, c->context, &e), 0);
	}
	free(ids);
	free(labels);
}

static void
check_near(double got, double want, double tolerance, const char *what, size_t step)
{
	if (!(fabs(got - want) <= tolerance * fabs(want)))
		fail_msg("%s, step %zu: %.9g, not %.9g", what, step, got, want);
}

static void
check_adamw(struct trainer *t, struct rows *r, const json_t *a)
{
	struct err e;
	struct step_stats s;
	json_t *losses = json_object_get(a, "losses"), *norms = json_object_get(a, "grad_norms");
	assert_int_equal(json_array_size(losses), 10);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(train_step(t, r, &s, &e), 0);
		check_near(s.loss, json_real_value(json_array_get(losses, i)), 1e-4, "loss", i);
		check_near(s.grad_norm, json_real_value(json_array_get(norms, i)), 1e-4, "norm", i);
	}
	assert_int_equal(train_gradient(t, r, &s, &e), 0);
	check_near(s.loss, json_real_value(json_object_get(a, "final_loss")), 1e-4, "loss", 10);
}

static void
check_hidden(struct trainer *t, struct rows *r, const struct safetensors *expect)
{
	struct batch b;
	const int32_t *targets;
	size_t n;
	double *h = read_tensor(expect, "hidden", &n);
	rows_batch(r, 0, t->opts.max_tokens, &b, &targets);
	assert_int_equal(b.n * t->cfg->width, n);
	trunk_forward(&t->trunk, t->w, &b, NULL);
	for (size_t i = 0; i < n; i++)
		if (!(fabs((double)t->trunk.h[i] - h[i]) < 1e-5))
			fail_msg("hidden[%zu] = %g, not %g", i, (double)t->trunk.h[i], h[i]);
	free(h);
}

static void
check_case(enum arch arch, const char *name)
{
	struct err e;
	struct safetensors weights, expect;
	struct params p;
	struct trainer t;
	struct rows r = {0};
	struct step_stats s;
	char path[80];
	json_t *cases = json_load_file(GOLDEN "cases.json", 0, NULL), *c = json_object_get(cases, name);
	assert_non_null(c);
	snprintf(path, sizeof path, GOLDEN "%s.weights.safetensors", name);
	assert_int_equal(st_open(&weights, path, &e), 0);
	snprintf(path, sizeof path, GOLDEN "%s.expect.safetensors", name);
	assert_int_equal(st_open(&expect, path, &e), 0);
	struct config cfg = config_of(arch, json_object_get(c, "config"));
	assert_int_equal(config_check(&cfg, &e), 0);
	assert_int_equal(params_build(&p, &cfg, &e), 0);
	fill_rows(&r, &expect, &cfg);
	struct train_opts o = {.schedule = {SCHEDULE_CONSTANT, 0.01, 0.01, 0, 10, 0},
	    .adamw = {0.9, 0.95, 1e-8, 0.1}, .clip = 1, .max_tokens = r.tokens, .max_keys = cfg.context};
	assert_int_equal(trainer_open(&t, &cfg, &p, &o, &e), 0);
	load_weights(t.w, &p, &weights);
	check_hidden(&t, &r, &expect);
	assert_int_equal(train_gradient(&t, &r, &s, &e), 0);
	check_near(s.loss, json_real_value(json_object_get(c, "loss")), 1e-5, "loss", 0);
	check_gradients(t.g, &p, &expect);
	check_adamw(&t, &r, json_object_get(c, "adamw"));
	rows_free(&r);
	trainer_close(&t);
	params_free(&p);
	st_close(&weights);
	st_close(&expect);
	json_decref(cases);
}

static void
test_gpt2(void **state)
{
	(void)state;
	check_case(ARCH_GPT2, "gpt2");
}

static void
test_llama(void **state)
{
	(void)state;
	check_case(ARCH_LLAMA, "llama");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_gpt2), cmocka_unit_test(test_llama)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
