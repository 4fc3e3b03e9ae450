/* Generation with the cache against full forward passes without, alone against in company, and
 * why streams end. */
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
#include "math/gemm.h"
#include "math/softmax.h"
#include "model/generate.h"

/* hidden: more than a product's chunk of a row */
static const struct config gpt2 = {.arch = ARCH_GPT2, .layers = 2, .heads = 3, .width = 33,
    .hidden = 530, .context = 300, .vocab = 101, .tied = true};
static const struct config llama = {.arch = ARCH_LLAMA, .layers = 2, .heads = 4, .kv_heads = 2,
    .width = 40, .hidden = 52, .context = 300, .vocab = 67};
static const struct config normed = {.arch = ARCH_LLAMA, .layers = 2, .heads = 4, .kv_heads = 2,
    .width = 40, .hidden = 52, .context = 300, .vocab = 67, .head_size = 14, .qk_norm = true, .tied = true};

enum { PROMPTS = 7, LONGEST = 300 };
static const size_t lengths[PROMPTS] = {1, 5, 140, 2, 289, 17, 129};
static const struct sample_opts greedy = {.temperature = 0, .top_p = 1, .penalty = 1};
static const struct sample_opts warm = {.temperature = 0.9, .top_p = 0.95, .penalty = 1.1, .top_k = 40};

/* A model with weights large enough that its tokens depend on everything before. */
struct model {
	struct config cfg;
	struct params table;
	real *w;
	int32_t ids[PROMPTS][LONGEST];
	struct gen_prompt prompts[PROMPTS];
};

static void
model_make(struct model *m, const struct config *c)
{
	struct err e;
	m->cfg = *c;
	config_fill(&m->cfg);
	assert_int_equal(config_check(&m->cfg, &e), 0);
	assert_int_equal(params_build(&m->table, &m->cfg, &e), 0);
	m->w = calloc(m->table.size, sizeof *m->w);
	for (size_t i = 0; i < m->table.n; i++) {
		const struct param *p = &m->table.items[i];
		for (size_t j = 0; j < p->size; j++)
			m->w[p->offset + j] = (real)(0.25 * rng_normal(1, RNG_TEST, i, j)) + (p->init == INIT_ONE);
	}
	for (size_t i = 0; i < PROMPTS; i++) {
		for (size_t j = 0; j < lengths[i]; j++)
			m->ids[i][j] = (int32_t)rng_below(m->cfg.vocab, 2, RNG_TEST, i, j);
		m->prompts[i] = (struct gen_prompt){m->ids[i], lengths[i], i};
	}
}

static void
model_free(struct model *m)
{
	params_free(&m->table);
	free(m->w);
}

/* What was generated: all results in memory, in place of their items. */
struct got {
	size_t calls, n[PROMPTS];
	int32_t ids[PROMPTS][LONGEST];
	real logp[PROMPTS][LONGEST];
	enum gen_reason reason[PROMPTS];
};

static int
keep(void *ctx, const struct gen_result *r, struct err *e)
{
	(void)e;
	struct got *g = ctx;
	g->calls++;
	g->n[r->item] = r->n;
	memcpy(g->ids[r->item], r->ids, r->n * sizeof *r->ids);
	memcpy(g->logp[r->item], r->logp, (r->n - r->prompt) * sizeof *r->logp);
	g->reason[r->item] = r->reason;
	return 0;
}

static void
run(struct model *m, struct got *got, size_t slots, const struct gen_prompt *prompts, size_t n,
    const struct gen_opts *o)
{
	struct generator g;
	struct err e;
	memset(got, 0, sizeof *got);
	struct gen_sink sink = {.done = keep, .ctx = got};
	assert_int_equal(generator_open(&g, &m->cfg, &m->table, slots, SIZE_MAX, &e), 0);
	assert_int_equal(generate(&g, m->w, prompts, n, o, &sink, &e), 0);
	assert_int_equal(got->calls, n);
	generator_close(&g);
}

/* Greedy tokens and log-probabilities from a full pass over the whole text for each token. */
static void
check_against_full(const struct config *c)
{
	struct model m;
	struct got got;
	struct trunk t;
	struct err e;
	model_make(&m, c);
	struct gen_opts o = {.sample = greedy, .max_new = 8, .end = -1};
	run(&m, &got, PROMPTS, m.prompts, PROMPTS, &o);
	size_t context = m.cfg.context, vocab = m.cfg.vocab, head = head_offset(&m.table);
	/* a trunk for training computes by the other matrix product, without cache */
	assert_int_equal(trunk_open(&t, &m.cfg, &m.table, context, context, KEEP_ALL, &e), 0);
	real *logits = calloc(vocab, sizeof *logits);
	for (size_t i = 0; i < PROMPTS; i++) {
		int32_t positions[LONGEST];
		assert_int_equal(got.n[i], lengths[i] + 8);
		assert_int_equal(got.reason[i], GEN_LENGTH);
		assert_memory_equal(got.ids[i], m.ids[i], lengths[i] * sizeof(int32_t));
		for (size_t n = lengths[i]; n < got.n[i]; n++) {
			for (size_t j = 0; j < n; j++)
				positions[j] = (int32_t)j;
			struct span s = {0, n, 0, 0};
			struct batch b = {n, got.ids[i], positions, &s, 1, NULL};
			trunk_forward(&t, m.w, &b, NULL);
			linear_forward(logits, t.h + (n - 1) * m.cfg.width, m.w + head, 1, m.cfg.width, vocab);
			real logp, lse;
			int32_t best;
			xent_forward(&logp, &lse, NULL, &best, logits, &got.ids[i][n], 1, vocab, vocab);
			assert_int_equal(best, got.ids[i][n]);
			/* up to rounding, which weights of this size amplify */
			assert_true(fabs((double)logp - (double)got.logp[i][n - lengths[i]]) < 1e-4);
		}
	}
	free(logits);
	trunk_close(&t);
	model_free(&m);
}

static void
test_full(void **state)
{
	(void)state;
	check_against_full(&gpt2);
	check_against_full(&llama);
	check_against_full(&normed);
}

/* Bits are the same alone, in company, with few slots, with other threads. */
static void
check_company(const struct config *c)
{
	static struct got all, other;
	struct model m;
	model_make(&m, c);
	struct gen_opts o = {.sample = warm, .max_new = 11, .end = 3, .seed = 9};
	omp_set_num_threads(1);
	run(&m, &all, PROMPTS, m.prompts, PROMPTS, &o);
	for (size_t i = 0; i < PROMPTS; i++) {
		run(&m, &other, 1, &m.prompts[i], 1, &o);
		assert_int_equal(other.n[0], all.n[i]);
		assert_memory_equal(other.ids[0], all.ids[i], all.n[i] * sizeof(int32_t));
		assert_memory_equal(other.logp[0], all.logp[i], (all.n[i] - lengths[i]) * sizeof(real));
	}
	for (size_t slots = 1; slots < PROMPTS; slots += 2) {
		omp_set_num_threads((int)slots);
		run(&m, &other, slots, m.prompts, PROMPTS, &o);
		assert_memory_equal(other.ids, all.ids, sizeof all.ids);
		assert_memory_equal(other.logp, all.logp, sizeof all.logp);
	}
	o.seed = 10;
	run(&m, &other, PROMPTS, m.prompts, PROMPTS, &o);
	assert_memory_not_equal(other.ids, all.ids, sizeof all.ids);
	model_free(&m);
}

static void
test_company(void **state)
{
	(void)state;
	check_company(&gpt2);
	check_company(&llama);
}

static bool
stop_at_third(void *ctx, const struct gen_result *r)
{
	(void)ctx;
	return r->n - r->prompt == 3;
}

static void
test_ends(void **state)
{
	(void)state;
	static struct got got;
	struct model m;
	struct generator g;
	struct err e;
	model_make(&m, &gpt2);
	struct gen_opts o = {.sample = greedy, .max_new = 1000, .end = -1};
	run(&m, &got, 3, m.prompts, PROMPTS, &o); /* to the context's end, in turn */
	for (size_t i = 0; i < PROMPTS; i++) {
		assert_int_equal(got.n[i], m.cfg.context);
		assert_int_equal(got.reason[i], GEN_FULL);
	}
	size_t first = 0;
	o.end = got.ids[5][lengths[5] + 4];
	while (got.ids[5][lengths[5] + first] != o.end)
		first++;
	run(&m, &got, 3, m.prompts, PROMPTS, &o);
	assert_int_equal(got.reason[5], GEN_END);
	assert_int_equal(got.n[5], lengths[5] + first + 1); /* the end token is the last */
	o.end = -1;
	struct gen_sink sink = {stop_at_third, keep, &got};
	memset(&got, 0, sizeof got);
	assert_int_equal(generator_open(&g, &m.cfg, &m.table, 2, 10, &e), 0); /* sequences of at most 10 */
	assert_int_equal(generate(&g, m.w, m.prompts, 2, &o, &sink, &e), 0);
	assert_int_equal(got.reason[1], GEN_STOPPED);
	assert_int_equal(got.n[1], lengths[1] + 3);
	assert_int_equal(generate(&g, m.w, m.prompts, 3, &o, &sink, &e), -1); /* 140 tokens */
	assert_int_equal(e.code, ERR_DATA);
	assert_non_null(strstr(e.msg, "prompt 3"));
	struct gen_prompt bad = {m.ids[0], 0, 0};
	assert_int_equal(generate(&g, m.w, &bad, 1, &o, &sink, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	bad.n = 1;
	m.ids[0][0] = (int32_t)m.cfg.vocab;
	assert_int_equal(generate(&g, m.w, &bad, 1, &o, &sink, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	m.ids[0][0] = 1;
	m.w[param_offset(&m.table, SLOT_DOWN, 1)] = NAN;
	assert_int_equal(generate(&g, m.w, m.prompts, 1, &o, &sink, &e), -1);
	assert_int_equal(e.code, ERR_NONFINITE);
	generator_close(&g);
	model_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_full), cmocka_unit_test(test_company),
	    cmocka_unit_test(test_ends)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
