/* Models in float: attention against the plain formula, the same bits for any number of threads,
 * micro-batches, initial values, refusals. */
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
#include "train/exchange.h"
#include "train/trainer.h"

static const struct config shape = {.arch = ARCH_LLAMA, .layers = 2, .heads = 4, .kv_heads = 2,
    .width = 64, .hidden = 96, .context = 160, .vocab = 301, .norm_eps = 1e-5, .rope_theta = 10000};

static real
noise(uint64_t stream, size_t i)
{
	return (real)rng_normal(1, RNG_TEST, stream, i);
}

/* Rows of several lengths, some with documents. */
static void
fill_rows(struct rows *r, const struct config *c, size_t n)
{
	struct err e;
	int32_t ids[160], targets[160], docs[160];
	for (size_t row = 0; row < n; row++) {
		size_t length = 1 + rng_below(c->context, 2, RNG_TEST, row, 0);
		for (size_t i = 0; i < length; i++) {
			ids[i] = (int32_t)rng_below(c->vocab, 3, RNG_TEST, row, i);
			targets[i] = i % 5 == 1 ? TARGET_NONE : (int32_t)rng_below(c->vocab, 4, RNG_TEST, row, i);
			docs[i] = (int32_t)(i / 50);
		}
		assert_int_equal(rows_add(r, &(struct row){.ids = ids, .targets = targets,
		    .documents = row % 2 ? docs : NULL, .n = length}, c, &e), 0);
	}
}

/* Five steps; returns the weights. */
static real *
train(size_t threads, size_t max_tokens, double dropout, double *loss)
{
	struct err e;
	struct params p;
	struct trainer t;
	struct rows r = {0};
	struct step_stats s;
	omp_set_num_threads((int)threads);
	assert_int_equal(params_build(&p, &shape, &e), 0);
	struct train_opts o = {.schedule = {SCHEDULE_COSINE, 1e-3, 1e-4, 2, 5, 0},
	    .adamw = {0.9, 0.95, 1e-8, 0.1}, .clip = 1, .dropout = dropout, .seed = 9,
	    .max_tokens = max_tokens, .max_keys = shape.context};
	assert_int_equal(trainer_open(&t, &shape, &p, &o, &e), 0);
	params_init(t.w, &p, &shape, 7);
	fill_rows(&r, &shape, 9);
	for (int i = 0; i < 5; i++)
		assert_int_equal(train_step(&t, &r, &s, &e), 0);
	*loss = s.loss;
	real *w = malloc(p.size * sizeof *w);
	memcpy(w, t.w, p.size * sizeof *w);
	trainer_close(&t);
	rows_free(&r);
	params_free(&p);
	return w;
}

static size_t
weights_size(void)
{
	struct err e;
	struct params p;
	assert_int_equal(params_build(&p, &shape, &e), 0);
	size_t n = p.size;
	params_free(&p);
	return n;
}

static void
test_threads(void **state)
{
	(void)state;
	double loss, other;
	real *one = train(1, 2000, 0.1, &loss);
	for (size_t threads = 2; threads <= 3; threads++) {
		real *w = train(threads, 2000, 0.1, &other);
		assert_memory_equal(one, w, weights_size() * sizeof *w);
		assert_true(loss == other);
		free(w);
	}
	free(one);
}

/* The gradient of three rows of a model of random weights; *memory: bytes of activations. */
static real *
gradient_of(const struct config *c, bool recompute, double dropout, size_t *memory)
{
	struct err e;
	struct params p;
	struct trainer t;
	struct rows r = {0};
	struct step_stats s;
	assert_int_equal(params_build(&p, c, &e), 0);
	fill_rows(&r, c, 3);
	struct train_opts o = {.max_tokens = c->context, .max_keys = c->context, .dropout = dropout, .seed = 4,
	    .recompute = recompute};
	assert_int_equal(trainer_open(&t, c, &p, &o, &e), 0);
	params_init(t.w, &p, c, 7);
	for (size_t i = 0; i < p.n; i++) /* adapters as well, which begin at zero */
		for (size_t j = 0; p.items[i].slot >= SLOT_LORA && j < p.items[i].size; j++)
			t.w[p.items[i].offset + j] = (real)0.1 * noise(i, j);
	assert_int_equal(train_gradient(&t, &r, &s, &e), 0);
	real *g = calloc(p.size, sizeof *g);
	memcpy(g, t.g, p.size * sizeof *g);
	struct train_memory m;
	trainer_memory(&m, c, &p, &o, p.size, 1);
	assert_int_equal(m.reserved, t.arena.size + t.trunk.arena.size + t.head.arena.size);
	*memory = m.activations;
	struct team team = {.rank = 1, .size = 3};
	assert_int_equal(exchange_open(&t, &team, &e), 0);
	size_t alone = m.reserved;
	trainer_memory(&m, c, &p, &o, p.size, team.size);
	assert_int_equal(m.reserved, alone + t.exchange->arena.size);
	trainer_close(&t);
	rows_free(&r);
	params_free(&p);
	return g;
}

/* Blocks that are run again give the bits of those that are kept, in less memory. */
static void
test_recompute(void **state)
{
	(void)state;
	struct config models[] = {{.arch = ARCH_GPT2, .tied = true}, {.arch = ARCH_LLAMA, .kv_heads = 2},
	    {.arch = ARCH_BERT, .tied = true, .types = 2, .post_norm = true}, {.arch = ARCH_BERT},
	    {.arch = ARCH_LLAMA, .lora_rank = 3, .lora_alpha = 6, .lora_targets = (1 << LORA_TARGETS) - 1}};
	for (size_t i = 0; i < sizeof models / sizeof *models; i++)
		for (int k = 0; k < 2; k++) {
			struct config c = models[i];
			struct err e;
			size_t all, inputs, size;
			c.layers = 8;
			c.heads = 4;
			c.width = 64;
			c.hidden = 96;
			c.context = 160;
			c.vocab = 301;
			config_fill(&c);
			assert_int_equal(config_check(&c, &e), 0);
			real *kept = gradient_of(&c, false, k ? 0.2 : 0, &all), *again = gradient_of(&c, true, k ? 0.2 : 0, &inputs);
			struct params p;
			assert_int_equal(params_build(&p, &c, &e), 0);
			size = p.size;
			params_free(&p);
			assert_memory_equal(kept, again, size * sizeof *kept);
			assert_true(inputs < all / 2);
			free(kept);
			free(again);
		}
}

/* Ragged micro-batches with different numbers of targets give the gradient of the whole. */
static void
test_micro_batches(void **state)
{
	(void)state;
	struct err e;
	struct params p;
	struct rows r = {0};
	struct step_stats s[2];
	real *g[2];
	assert_int_equal(params_build(&p, &shape, &e), 0);
	fill_rows(&r, &shape, 9);
	for (int k = 0; k < 2; k++) {
		struct trainer t;
		struct train_opts o = {.max_tokens = k ? shape.context : r.tokens, .max_keys = shape.context};
		assert_int_equal(trainer_open(&t, &shape, &p, &o, &e), 0);
		params_init(t.w, &p, &shape, 7);
		assert_int_equal(train_gradient(&t, &r, &s[k], &e), 0);
		g[k] = malloc(p.size * sizeof **g);
		memcpy(g[k], t.g, p.size * sizeof **g);
		trainer_close(&t);
	}
	assert_true(fabs(s[0].loss - s[1].loss) < 1e-6 * s[0].loss);
	for (size_t t = 0; t < p.n; t++) {
		double largest = 0, error = 0;
		for (size_t i = p.items[t].offset; i < p.items[t].offset + p.items[t].size; i++) {
			largest = fmax(largest, fabs((double)g[0][i]));
			error = fmax(error, fabs((double)g[0][i] - (double)g[1][i]));
		}
		if (error > 1e-5 * largest)
			fail_msg("%s: %g of %g", p.items[t].name, error, largest);
	}
	free(g[0]);
	free(g[1]);
	rows_free(&r);
	params_free(&p);
}

/* A span with a past: the formula, element by element, in double. */
static void
test_attention_formula(void **state)
{
	(void)state;
	enum { N = 70, PAST = 9, HEADS = 4, KV = 2, HD = 6, KEYS = N + PAST };
	static real q[N * HEADS * HD], k[KEYS * KV * HD], v[KEYS * KV * HD], o[N * HEADS * HD], lse[N * HEADS];
	struct attn a = {HEADS, KV, HD, false};
	struct span s = {0, N, PAST, 0};
	for (size_t i = 0; i < N * HEADS * HD; i++)
		q[i] = noise(1, i);
	for (size_t i = 0; i < KEYS * KV * HD; i++) {
		k[i] = noise(2, i);
		v[i] = noise(3, i);
	}
	real *scratch = calloc(attention_scratch(KEYS, (size_t)omp_get_max_threads()), sizeof *scratch);
	attention_forward(o, lse, q, HEADS * HD, k, v, KV * HD, &s, 1, &a, scratch, KEYS);
	for (size_t i = 0; i < N; i++)
		for (size_t h = 0; h < HEADS; h++) {
			double p[KEYS], sum = 0, want[HD] = {0};
			size_t g = h / (HEADS / KV);
			for (size_t j = 0; j <= PAST + i; j++) {
				double z = 0;
				for (size_t d = 0; d < HD; d++)
					z += (double)q[(i * HEADS + h) * HD + d] * (double)k[(j * KV + g) * HD + d];
				sum += p[j] = exp(z / sqrt(HD));
			}
			for (size_t j = 0; j <= PAST + i; j++)
				for (size_t d = 0; d < HD; d++)
					want[d] += p[j] / sum * (double)v[(j * KV + g) * HD + d];
			for (size_t d = 0; d < HD; d++)
				assert_true(fabs(want[d] - (double)o[(i * HEADS + h) * HD + d]) < 1e-5);
			assert_true(fabs(log(sum) - (double)lse[i * HEADS + h]) < 1e-5);
		}
	free(scratch);
}

static void
test_gemm(void **state)
{
	(void)state;
	enum { M = 300, N = 530, K = 65 };
	real *a = malloc(M * K * sizeof *a), *b = malloc(K * N * sizeof *b);
	real *c = malloc(M * N * sizeof *c), *at = malloc(M * K * sizeof *a), *bt = malloc(K * N * sizeof *b);
	for (size_t i = 0; i < M; i++)
		for (size_t k = 0; k < K; k++)
			at[k * M + i] = a[i * K + k] = noise(4, i * K + k);
	for (size_t k = 0; k < K; k++)
		for (size_t j = 0; j < N; j++)
			bt[j * K + k] = b[k * N + j] = noise(5, k * N + j);
	for (int mode = 0; mode < 8; mode++) {
		bool ta = mode & 1, tb = mode & 2, add = mode & 4;
		for (size_t i = 0; i < M * N; i++)
			c[i] = add ? 1 : NAN;
		gemm(ta, tb, M, N, K, ta ? at : a, ta ? M : K, tb ? bt : b, tb ? K : N, add, c, N);
		for (size_t i = 0; i < M; i += 13)
			for (size_t j = 0; j < N; j += 7) {
				double want = add;
				for (size_t k = 0; k < K; k++)
					want += (double)a[i * K + k] * (double)b[k * N + j];
				assert_true(fabs(want - (double)c[i * N + j]) < 1e-4);
			}
	}
	free(a);
	free(b);
	free(c);
	free(at);
	free(bt);
}

/* A tensor's initial numbers depend on the seed and its name alone. */
static void
test_init(void **state)
{
	(void)state;
	struct err e;
	struct params p, q;
	struct config more = shape;
	more.layers = 2;
	more.vocab = 400;
	assert_int_equal(params_build(&p, &shape, &e), 0);
	assert_int_equal(params_build(&q, &more, &e), 0);
	real *a = calloc(p.size, sizeof *a), *b = calloc(q.size, sizeof *b);
	params_init(a, &p, &shape, 1);
	params_init(b, &q, &more, 1);
	const char *name = "block.1.value.weight";
	const struct param *x = params_find(&p, name), *y = params_find(&q, name);
	assert_memory_equal(a + x->offset, b + y->offset, x->size * sizeof *a);
	double sum = 0, square = 0;
	const struct param *t = params_find(&p, "embed.token");
	for (size_t i = t->offset; i < t->offset + t->size; i++) {
		sum += (double)a[i];
		square += (double)a[i] * (double)a[i];
	}
	double n = (double)t->size;
	assert_true(fabs(sum / n) < 4 * 0.02 / sqrt(n));
	assert_true(fabs(sqrt(square / n) - 0.02) < 4 * 0.02 / sqrt(2 * n));
	params_init(b, &q, &more, 2);
	assert_memory_not_equal(a + x->offset, b + y->offset, x->size * sizeof *a);
	free(a);
	free(b);
	params_free(&p);
	params_free(&q);
}

static void
refused(struct config c, const char *word)
{
	struct err e;
	assert_int_equal(config_check(&c, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	if (!strstr(e.msg, word))
		fail_msg("`%s' does not say %s", e.msg, word);
}

static void
test_refusals(void **state)
{
	(void)state;
	struct config c = shape;
	struct err e;
	struct rows r = {0};
	int32_t ids[2] = {1, 301}, targets[2] = {1, -5}, positions[2] = {0, 160};
	c.heads = 5;
	refused(c, "multiple");
	c = shape;
	c.layers = SIZE_MAX;
	refused(c, "layers");
	c = shape;
	c.kv_heads = 3;
	refused(c, "key-value");
	assert_int_equal(rows_add(&r, &(struct row){.ids = ids, .targets = ids, .n = 2}, &shape, &e), -1);
	assert_non_null(strstr(e.msg, "id 301"));
	assert_int_equal(rows_add(&r, &(struct row){.ids = targets, .targets = targets, .n = 2}, &shape, &e), -1);
	ids[1] = 2;
	assert_int_equal(rows_add(&r, &(struct row){.ids = ids, .targets = targets, .n = 2}, &shape, &e), -1);
	assert_non_null(strstr(e.msg, "target -5"));
	assert_int_equal(rows_add(&r, &(struct row){.ids = ids, .targets = ids, .positions = positions, .n = 2}, &shape, &e), -1);
	assert_non_null(strstr(e.msg, "position 160"));
	assert_int_equal(r.n, 0);
	rows_free(&r);
}

static void
test_nothing_to_train_and_nan(void **state)
{
	(void)state;
	struct err e;
	struct params p;
	struct trainer t;
	struct rows r = {0};
	struct step_stats s;
	int32_t ids[3] = {1, 2, 3}, none[3] = {TARGET_NONE, TARGET_NONE, TARGET_NONE};
	assert_int_equal(params_build(&p, &shape, &e), 0);
	struct train_opts o = {.max_tokens = 3, .max_keys = 3};
	assert_int_equal(trainer_open(&t, &shape, &p, &o, &e), 0);
	params_init(t.w, &p, &shape, 1);
	assert_int_equal(rows_add(&r, &(struct row){.ids = ids, .targets = none, .n = 3}, &shape, &e), 0);
	assert_int_equal(train_step(&t, &r, &s, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	rows_reset(&r);
	assert_int_equal(rows_add(&r, &(struct row){.ids = ids, .targets = ids, .n = 3}, &shape, &e), 0);
	t.w[params_find(&p, "block.0.up.weight")->offset] = NAN;
	assert_int_equal(train_step(&t, &r, &s, &e), -1);
	assert_int_equal(e.code, ERR_NONFINITE);
	assert_string_equal(params_nonfinite(t.w, &p), "block.0.up.weight");
	assert_int_equal(t.step, 0);
	rows_free(&r);
	trainer_close(&t);
	params_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads), cmocka_unit_test(test_micro_batches),
	    cmocka_unit_test(test_recompute),
	    cmocka_unit_test(test_attention_formula), cmocka_unit_test(test_gemm), cmocka_unit_test(test_init),
	    cmocka_unit_test(test_refusals), cmocka_unit_test(test_nothing_to_train_and_nan)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
