/* GPT-2, LLaMA and BERT against PyTorch in double precision: hidden states, logits' loss, every
 * gradient, ten AdamW steps; the losses of contrastive training, rewards, preferences and policy optimisation, with their
 * advantages and gradients. tests/golden/cases.json says how the figures were made. */
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

#include "loss/contrastive.h"
#include "loss/ppo.h"
#include "loss/preference.h"
#include "loss/reward.h"
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
		/* softmax does not see a constant, so the bias of keys has no gradient: rounding is all there is */
		if (largest < 1e-15 ? error > 1e-8 : !(error <= 1e-4 * largest))
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
	    .vocab = size_of(j, "vocab_size", ""), .tied = arch != ARCH_LLAMA,
	    .norm_eps = arch == ARCH_BERT ? 1e-12 : 1e-5, .rope_theta = 10000,
	    .types = size_of(j, "type_vocab_size", ""), .post_norm = arch == ARCH_BERT};
	config_fill(&c);
	return c;
}

/* A row ends where the case's attention mask does. For the causal families the labels of the case are
 * shifted by the model: token i is trained on label i + 1. */
static void
fill_rows(struct rows *r, const struct safetensors *s, const struct config *c)
{
	struct err e;
	bool encoder = c->arch == ARCH_BERT;
	size_t n, length = (size_t)st_find(s, "input_ids")->shape[1];
	double *ids = read_tensor(s, "input_ids", &n), *labels = read_tensor(s, "labels", NULL);
	double *mask = encoder ? read_tensor(s, "attention_mask", NULL) : NULL;
	double *segments = encoder ? read_tensor(s, "token_type_ids", NULL) : NULL;
	int32_t row[64], targets[64], types[64];
	assert_true(length <= 64);
	for (size_t from = 0; from < n; from += length) {
		size_t m = 0;
		for (size_t i = 0; i < length; i++) {
			row[i] = (int32_t)ids[from + i];
			types[i] = encoder ? (int32_t)segments[from + i] : 0;
			targets[i] = encoder ? (int32_t)labels[from + i]
			    : i + 1 < length ? (int32_t)labels[from + i + 1] : TARGET_NONE;
			m += !encoder || mask[from + i] > 0;
		}
		for (size_t i = 0; encoder && i < length; i++) /* padding is at the end and has no label */
			assert_true(i < m ? mask[from + i] > 0 : targets[i] == TARGET_NONE);
		assert_int_equal(rows_add(r, &(struct row){.ids = row, .targets = targets,
		    .types = encoder ? types : NULL, .n = m}, c, &e), 0);
	}
	free(ids);
	free(labels);
	free(mask);
	free(segments);
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
	size_t n, width = t->cfg->width, length = (size_t)st_find(expect, "input_ids")->shape[1];
	double *h = read_tensor(expect, "hidden", &n);
	rows_batch(r, 0, t->opts.max_tokens, &b, &targets);
	assert_int_equal(r->n * length * width, n);
	trunk_forward(&t->trunk, t->w, &b, NULL);
	const real *got = t->trunk.h;
	for (size_t row = 0; row < r->n; row++) {
		size_t m = r->ends[row].tokens - (row ? r->ends[row - 1].tokens : 0);
		for (size_t i = 0; i < m * width; i++, got++)
			if (!(fabs((double)*got - h[row * length * width + i]) < 1e-5))
				fail_msg("row %zu, hidden[%zu] = %g, not %g", row, i, (double)*got, h[row * length * width + i]);
	}
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

static void
test_bert(void **state)
{
	(void)state;
	check_case(ARCH_BERT, "bert");
}

/* ---- contrastive losses ---- */

static void
check_close(const real *got, const double *want, size_t n, const char *what)
{
	double largest = 0;
	for (size_t i = 0; i < n; i++)
		largest = fmax(largest, fabs(want[i]));
	for (size_t i = 0; i < n; i++)
		if (!(fabs((double)got[i] - want[i]) <= 1e-4 * largest))
			fail_msg("%s[%zu] = %g, not %g", what, i, (double)got[i], want[i]);
}

static double
figure(const char *name, const char *key)
{
	json_t *cases = json_load_file(GOLDEN "cases.json", 0, NULL);
	double v = json_real_value(json_object_get(json_object_get(cases, name), key));
	json_decref(cases);
	return v;
}

static void
test_ntxent(void **state)
{
	(void)state;
	enum { N = 7, D = 12 };
	struct err e;
	struct safetensors s;
	struct contrastive c;
	real z[2 * N * D], dz[2 * N * D];
	uint64_t key[2 * N];
	assert_int_equal(st_open(&s, GOLDEN "ntxent.safetensors", &e), 0);
	double *views[2] = {read_tensor(&s, "view_a", NULL), read_tensor(&s, "view_b", NULL)};
	double *grads[2] = {read_tensor(&s, "grad_a", NULL), read_tensor(&s, "grad_b", NULL)}, want[2 * N * D];
	for (size_t i = 0; i < 2 * N; i++) {
		key[i] = i / 2 + 1;
		for (size_t j = 0; j < D; j++) {
			z[i * D + j] = (real)views[i % 2][i / 2 * D + j];
			want[i * D + j] = grads[i % 2][i / 2 * D + j];
		}
	}
	assert_int_equal(contrastive_open(&c, D, 2 * N, 0, &e), 0);
	check_near(contrastive_ntxent(&c, dz, z, key, 2 * N, figure("ntxent", "temperature")),
	    figure("ntxent", "loss"), 1e-5, "ntxent", 0);
	check_close(dz, want, 2 * N * D, "ntxent gradient");
	for (int i = 0; i < 2; i++) {
		free(views[i]);
		free(grads[i]);
	}
	contrastive_close(&c);
	st_close(&s);
}

static void
test_moco(void **state)
{
	(void)state;
	enum { N = 5, D = 8, M = 16 };
	struct err e;
	struct safetensors s;
	struct contrastive c;
	real q[N * D], k[N * D], queue[M * D], dq[N * D];
	uint64_t key[N] = {1, 2, 3, 4, 5}, queue_key[M] = {0};
	assert_int_equal(st_open(&s, GOLDEN "moco.safetensors", &e), 0);
	double *a = read_tensor(&s, "query", NULL), *b = read_tensor(&s, "key", NULL);
	double *m = read_tensor(&s, "queue", NULL), *g = read_tensor(&s, "grad_query", NULL);
	for (size_t i = 0; i < N * D; i++) {
		q[i] = (real)a[i];
		k[i] = (real)b[i];
	}
	for (size_t i = 0; i < M; i++) {
		double length = 0;
		for (size_t j = 0; j < D; j++)
			length += m[i * D + j] * m[i * D + j];
		for (size_t j = 0; j < D; j++)
			queue[i * D + j] = (real)(m[i * D + j] / sqrt(length));
	}
	assert_int_equal(contrastive_open(&c, D, N, M, &e), 0);
	check_near(contrastive_queue(&c, dq, q, k, key, N, queue, queue_key, M, figure("moco", "temperature")),
	    figure("moco", "loss"), 1e-5, "moco", 0);
	check_close(dq, g, N * D, "moco gradient");
	free(a);
	free(b);
	free(m);
	free(g);
	contrastive_close(&c);
	st_close(&s);
}

/* ---- rewards and preferences ---- */

static void
check_number(double got, double want, const char *what, size_t i)
{
	if (!(fabs(got - want) <= 1e-5 * fmax(1, fabs(want))))
		fail_msg("%s[%zu] = %.9g, not %.9g", what, i, got, want);
}

static void
test_reward(void **state)
{
	(void)state;
	enum { N = 9 };
	struct err e;
	struct safetensors s;
	size_t n;
	double loss = 0, right = 0;
	assert_int_equal(st_open(&s, GOLDEN "reward.safetensors", &e), 0);
	double *chosen = read_tensor(&s, "chosen", &n), *rejected = read_tensor(&s, "rejected", NULL);
	double *margin = read_tensor(&s, "margin", NULL), *gc = read_tensor(&s, "grad_chosen", NULL);
	double *gr = read_tensor(&s, "grad_rejected", NULL);
	assert_int_equal(n, N);
	for (size_t i = 0; i < N; i++) {
		/* whichever of the two comes first */
		double d[2], score[2] = {i % 2 ? rejected[i] : chosen[i], i % 2 ? chosen[i] : rejected[i]};
		uint32_t ranks[2] = {i % 2 ? 2 : 1, i % 2 ? 1 : 2};
		loss += reward_pairs(d, score, ranks, 2, margin[i], 0) / N;
		right += (chosen[i] > rejected[i]) / (double)N;
		check_number(d[i % 2] / N, gc[i], "gradient of the chosen", i);
		check_number(d[1 - i % 2] / N, gr[i], "gradient of the rejected", i);
	}
	check_number(loss, figure("reward", "loss"), "loss", 0);
	check_number(right, figure("reward", "accuracy"), "accuracy", 0);
	free(chosen);
	free(rejected);
	free(margin);
	free(gc);
	free(gr);
	st_close(&s);
}

static void
check_preference(const struct safetensors *s, const char *name, struct preference_loss l)
{
	static const char *const inputs[] = {"policy_chosen", "policy_rejected", "ref_chosen", "ref_rejected"};
	char grad[2][64];
	double *v[4], *want[2], loss = 0;
	size_t n;
	for (int i = 0; i < 4; i++)
		v[i] = read_tensor(s, inputs[i], &n);
	for (int i = 0; i < 2; i++) {
		snprintf(grad[i], sizeof grad[i], "%s.grad_%s", name, inputs[i]);
		want[i] = read_tensor(s, grad[i], NULL);
	}
	for (size_t i = 0; i < n; i++) {
		struct likelihood c = {v[0][i], v[2][i], 1}, r = {v[1][i], v[3][i], 1};
		double d[2];
		loss += preference_pair(&l, &d[0], &d[1], &c, &r) / (double)n;
		for (int k = 0; k < 2; k++)
			check_number(d[k] / (double)n, want[k][i], grad[k], i);
	}
	json_t *cases = json_load_file(GOLDEN "cases.json", 0, NULL);
	json_t *losses = json_object_get(json_object_get(cases, "dpo"), "loss");
	check_number(loss, json_real_value(json_object_get(losses, name)), name, 0);
	json_decref(cases);
	for (int i = 0; i < 4; i++)
		free(v[i]);
	free(want[0]);
	free(want[1]);
}

static void
test_dpo(void **state)
{
	(void)state;
	struct err e;
	struct safetensors s;
	double beta = figure("dpo", "beta"), smoothing = figure("dpo", "label_smoothing"), right = 0, margin = 0;
	size_t n;
	assert_int_equal(st_open(&s, GOLDEN "dpo.safetensors", &e), 0);
	check_preference(&s, "sigmoid", (struct preference_loss){PREFER_SIGMOID, beta, 0, 0, 0});
	check_preference(&s, "cdpo", (struct preference_loss){PREFER_SIGMOID, beta, smoothing, 0, 0});
	check_preference(&s, "ipo", (struct preference_loss){PREFER_IPO, beta, 0, 0, 0});
	check_preference(&s, "hinge", (struct preference_loss){PREFER_HINGE, beta, 0, 0, 0});
	double *pc = read_tensor(&s, "policy_chosen", &n), *pr = read_tensor(&s, "policy_rejected", NULL);
	double *rc = read_tensor(&s, "ref_chosen", NULL), *rr = read_tensor(&s, "ref_rejected", NULL);
	for (size_t i = 0; i < n; i++) {
		struct preference_loss l = {PREFER_SIGMOID, beta, 0, 0, 0};
		struct likelihood c = {pc[i], rc[i], 1}, r = {pr[i], rr[i], 1};
		double m = preference_reward(&l, &c) - preference_reward(&l, &r);
		margin += m / (double)n;
		right += (m > 0) / (double)n;
	}
	check_number(margin, figure("dpo", "reward_margin"), "margin", 0);
	check_number(right, figure("dpo", "reward_accuracy"), "accuracy", 0);
	free(pc);
	free(pr);
	free(rc);
	free(rr);
	st_close(&s);
}

/* ---- policy optimisation ---- */

enum { PPO_ROWS = 4, PPO_LONGEST = 9, PPO_CELLS = PPO_ROWS * PPO_LONGEST };

/* The figures are padded; here answers stand side by side. Sets ends; returns the tokens. */
static size_t
ppo_ends(const struct safetensors *s, size_t ends[PPO_ROWS])
{
	double *mask = read_tensor(s, "mask", NULL);
	size_t n = 0;
	for (size_t i = 0; i < PPO_CELLS; i++) {
		n += mask[i] > 0;
		ends[i / PPO_LONGEST] = n;
	}
	free(mask);
	return n;
}

static void
ppo_column(const struct safetensors *s, const char *name, const size_t ends[PPO_ROWS], double *to)
{
	double *v = read_tensor(s, name, NULL);
	for (size_t a = 0, i = 0; a < PPO_ROWS; a++)
		for (size_t from = i; i < ends[a]; i++)
			to[i] = v[a * PPO_LONGEST + i - from];
	free(v);
}

static void
check_column(const struct safetensors *s, const char *name, const size_t ends[PPO_ROWS], const double *got)
{
	double want[PPO_CELLS];
	ppo_column(s, name, ends, want);
	for (size_t i = 0; i < ends[PPO_ROWS - 1]; i++)
		check_near(got[i], want[i], 1e-5, name, i);
}

static void
test_ppo(void **state)
{
	(void)state;
	static const char *const names[] = {"old_logprob", "ref_logprob", "new_logprob", "old_value", "new_value"};
	struct err e;
	struct safetensors s;
	struct ppo_sums sums = {0};
	size_t ends[PPO_ROWS];
	double in[5][PPO_CELLS], rewards[PPO_CELLS], advantages[PPO_CELLS], returns[PPO_CELLS], weights[PPO_CELLS];
	double dlogp[PPO_CELLS], dvalue[PPO_CELLS], coef = figure("ppo", "vf_coef");
	assert_int_equal(st_open(&s, GOLDEN "ppo.safetensors", &e), 0);
	size_t n = ppo_ends(&s, ends);
	double *score = read_tensor(&s, "score", NULL);
	for (size_t i = 0; i < 5; i++)
		ppo_column(&s, names[i], ends, in[i]);
	ppo_rewards(rewards, in[0], in[1], score, ends, PPO_ROWS, KL_K1, figure("ppo", "kl_coef"));
	check_column(&s, "shaped_reward", ends, rewards);
	ppo_gae(advantages, returns, rewards, in[3], ends, PPO_ROWS, figure("ppo", "gamma"), figure("ppo", "lam"));
	check_column(&s, "advantage", ends, advantages);
	check_column(&s, "return", ends, returns);
	ppo_whiten(advantages, n, true);
	check_column(&s, "whitened_advantage", ends, advantages);
	for (size_t i = 0; i < n; i++)
		weights[i] = 1 / (double)n;
	ppo_policy_loss(&sums, dlogp, in[2], in[0], advantages, weights, n, figure("ppo", "clip_ratio"));
	ppo_value_loss(&sums, dvalue, in[4], in[3], returns, weights, n, figure("ppo", "clip_value"));
	for (size_t i = 0; i < n; i++)
		dvalue[i] *= coef;
	check_column(&s, "grad_new_logprob", ends, dlogp);
	check_column(&s, "grad_new_value", ends, dvalue);
	check_near(sums.policy, figure("ppo", "policy_loss"), 1e-5, "policy loss", 0);
	check_near(sums.value, figure("ppo", "value_loss"), 1e-5, "value loss", 0);
	check_near(sums.policy + coef * sums.value, figure("ppo", "total_loss"), 1e-5, "total loss", 0);
	check_near(sums.outside / sums.tokens, figure("ppo", "clip_fraction"), 1e-12, "clip fraction", 0);
	check_near(sums.approx_kl / sums.tokens, figure("ppo", "approx_kl"), 1e-5, "approximate KL", 0);
	free(score);
	st_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_gpt2), cmocka_unit_test(test_llama),
	    cmocka_unit_test(test_bert), cmocka_unit_test(test_ntxent), cmocka_unit_test(test_moco),
	    cmocka_unit_test(test_reward), cmocka_unit_test(test_dpo), cmocka_unit_test(test_ppo)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
