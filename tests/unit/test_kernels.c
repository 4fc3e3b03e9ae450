/* The kernels in float: accuracy of the exponentials over all floats, results against plain
 * formulas in double, the same bits for any number of threads, NaN, the optimizer, schedules. */
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
#include "math/act.h"
#include "math/dropout.h"
#include "math/elem.h"
#include "math/norm.h"
#include "math/softmax.h"
#include "math/vexp.h"
#include "train/adamw.h"
#include "train/schedule.h"

static uint64_t counter;

static float *
numbers(size_t n)
{
	float *p = malloc((n + 1) * sizeof *p);
	for (size_t i = 0; i < n; i++)
		p[i] = (float)rng_normal(12, RNG_TEST, 0, counter++);
	return p;
}

#define assert_near(got, want, tol)                                                            \
	do {                                                                                       \
		double got_ = (double)(got), want_ = (double)(want);                                   \
		if (!(fabs(got_ - want_) <= (tol)))                                                    \
			fail_msg("%s = %.9g, expected %.9g", #got, got_, want_);                           \
	} while (0)

/* ---- exponentials -------------------------------------------------------------------------- */

enum { BATCH = 1024 };

KERNEL static void
batch(float *restrict e, float *restrict s, float *restrict p, const float *restrict x)
{
	for (size_t i = 0; i < BATCH; i++) {
		float unused;
		e[i] = vexp(x[i]);
		s[i] = vsigmoid(x[i]);
		p[i] = vphi(x[i], &unused);
	}
}

static void
check_exponentials(float x, float e, float s, float p)
{
	double w = (double)x, want = exp(w);
	if (isnan(x)) {
		assert_true(isnan(e) && isnan(s) && isnan(p));
		return;
	}
	if (x < -87.33f)
		assert_true(e == 0);
	else if (x > 88.37f)
		assert_true(isinf(e));
	else
		assert_near(e, want, 1e-7 * want);
	if (x > -87.33f)
		assert_near(s, 1 / (1 + exp(-w)), 2e-7 / (1 + exp(-w)));
	else
		assert_near(s, 0, 1.3e-38);
	assert_near(p, 0.5 * erfc(w * -0.70710678118654752440), 2.5e-7);
}

static void
test_exponentials(void **state)
{
	(void)state;
	float x[BATCH], e[BATCH], s[BATCH], p[BATCH];
	/* all exponents and signs, a stride of the mantissas; NaN and infinities among them */
	for (uint64_t at = 0; at < (uint64_t)1 << 32; at += (uint64_t)BATCH * 4099) {
		for (size_t i = 0; i < BATCH; i++) {
			uint32_t u = (uint32_t)(at + i * 4099);
			memcpy(&x[i], &u, sizeof u);
		}
		x[0] = NAN;
		x[1] = INFINITY;
		x[2] = -INFINITY;
		x[3] = -0.0f;
		for (size_t i = 4; i < 64; i++) /* where the work is */
			x[i] = (float)(200 * rng_uniform(1, RNG_TEST, at, i) - 100);
		batch(e, s, p, x);
		for (size_t i = 0; i < BATCH; i++)
			check_exponentials(x[i], e[i], s[i], p[i]);
	}
}

/* ---- against plain formulas ------------------------------------------------------------------ */

static void
test_norms(void **state)
{
	(void)state;
	enum { N = 5, C = 771 };
	float *x = numbers(N * C), *g = numbers(C), *b = numbers(C);
	float y[N * C], r[N * C], mean[N], rstd[N], rrms[N];
	for (size_t i = 0; i < N * C; i++)
		x[i] = 3 * x[i] + 100; /* the variance must survive a mean 30 times as large */
	layernorm_forward(y, mean, rstd, x, g, b, N, C, 1e-5f);
	rmsnorm_forward(r, rrms, x, g, N, C, 1e-5f);
	for (size_t i = 0; i < N; i++) {
		double mu = 0, var = 0, sq = 0;
		for (size_t j = 0; j < C; j++)
			mu += (double)x[i * C + j] / C;
		for (size_t j = 0; j < C; j++) {
			double d = (double)x[i * C + j];
			var += (d - mu) * (d - mu) / C;
			sq += d * d / C;
		}
		assert_near(mean[i], mu, 2e-5);
		assert_near(rstd[i], 1 / sqrt(var + 1e-5), 1e-6);
		assert_near(rrms[i], 1 / sqrt(sq + 1e-5), 2e-8);
		for (size_t j = 0; j < C; j++) {
			double d = (double)x[i * C + j], s = (double)g[j];
			assert_near(y[i * C + j], (d - mu) / sqrt(var + 1e-5) * s + (double)b[j], 2e-5);
			assert_near(r[i * C + j], d / sqrt(sq + 1e-5) * s, 5e-6);
		}
	}
	x[C + 5] = NAN;
	layernorm_forward(y, mean, rstd, x, g, b, N, C, 1e-5f);
	rmsnorm_forward(r, rrms, x, g, N, C, 1e-5f);
	assert_true(isnan(y[C]) && isnan(y[2 * C - 1]) && isnan(r[C]));
	assert_true(!isnan(y[0]) && !isnan(y[2 * C]));
	free(x);
	free(g);
	free(b);
}

/* Heads of rows that are further apart: the bits of the norm of each alone, in place; the rest stays. */
static void
test_headnorm(void **state)
{
	(void)state;
	enum { N = 5, HEADS = 3, HD = 22, C = HEADS * HD, LD = C + 7 };
	float *y = numbers(N * LD), *g = numbers(HD);
	float was[N * LD], raw[N * C], rstd[N * HEADS], want[HD], r;
	memcpy(was, y, sizeof was);
	headnorm_forward(y, LD, raw, rstd, g, N, HEADS, HD, 1e-5f);
	for (size_t i = 0; i < N; i++) {
		for (size_t k = 0; k < HEADS; k++) {
			rmsnorm_forward(want, &r, was + i * LD + k * HD, g, 1, HD, 1e-5f);
			assert_memory_equal(y + i * LD + k * HD, want, sizeof want);
			assert_memory_equal(&rstd[i * HEADS + k], &r, sizeof r);
		}
		assert_memory_equal(raw + i * C, was + i * LD, C * sizeof *raw);
		assert_memory_equal(y + i * LD + C, was + i * LD + C, 7 * sizeof *y);
	}
	free(y);
	free(g);
}

/* PyTorch's values in double, and the asymptotes. */
static void
test_activations(void **state)
{
	(void)state;
	const float x[] = {-3, -1, 0, 0.5f, 2, -100, 100};
	const double gelu_tanh[] = {-0.00363739, -0.15880801, 0, 0.34571401, 1.95459769, 0, 100};
	const double gelu[] = {-0.00404969, -0.15865525, 0, 0.34573123, 1.95449974, 0, 100};
	const double silu[] = {-0.14227762, -0.26894142, 0, 0.31122967, 1.76159416, 0, 100};
	const double relu[] = {0, 0, 0, 0.5, 2, 0, 100};
	float in[14], y[7], bias[14];
	for (enum act act = ACT_GELU_TANH; act <= ACT_RELU; act++) {
		const double *want = act == ACT_GELU_TANH ? gelu_tanh : act == ACT_GELU ? gelu
		    : act == ACT_RELU ? relu : silu;
		for (size_t i = 0; i < 14; i++) {
			bias[i] = i < 7 ? -1 : 0.25f;
			in[i] = i < 7 ? x[i] + 1 : 1.75f;
		}
		act_forward(act, y, in, bias, 1, 7);
		for (size_t i = 0; i < 7; i++) {
			assert_true(in[i] == x[i]);
			assert_near(y[i], act == ACT_SWIGLU ? 2 * want[i] : want[i], 3e-7 * (1 + fabs(want[i])));
		}
		if (act == ACT_SWIGLU)
			assert_true(in[7] == 2);
		in[3] = NAN;
		act_forward(act, y, in, NULL, 1, 7);
		assert_true(isnan(y[3]) && !isnan(y[2]));
		act_backward(act, in, NULL, y, in, 1, 7);
		assert_true(isnan(in[3]) && !isnan(in[2]) && isfinite(in[5]) && isfinite(in[6]));
	}
}

static void
test_xent(void **state)
{
	(void)state;
	enum { N = 3, V = 5003 };
	float *z = numbers(N * V), logp[N], lse[N], ent[N];
	int32_t y[N] = {0, V - 1, -100}, best[N];
	for (size_t i = 0; i < N * V; i++)
		z[i] = 4 * z[i] + 50;
	z[V + 7] = z[V + 4000] = 90;
	z[2 * V + 3] = -INFINITY;
	xent_forward(logp, lse, ent, best, z, y, N, V, V);
	for (size_t i = 0; i < N; i++) {
		double sum = 0, h = 0, l;
		size_t top = 0;
		for (size_t j = 0; j < V; j++) {
			sum += exp((double)z[i * V + j]);
			top = z[i * V + j] > z[i * V + top] ? j : top;
		}
		l = log(sum);
		for (size_t j = 0; j < V; j++) {
			double lp = (double)z[i * V + j] - l;
			h -= isinf(lp) ? 0 : exp(lp) * lp;
		}
		assert_near(lse[i], l, 1e-7 * l);
		assert_near(logp[i], y[i] < 0 ? 0 : (double)z[i * V + (size_t)y[i]] - l, 4e-6);
		assert_near(ent[i], h, 1e-5);
		assert_int_equal(best[i], top);
	}
	assert_int_equal(best[1], 7);

	const float dlogp[N] = {-0.5f, 2, 3}, dent[N] = {0, 0.25f, -1};
	double sums[N] = {0};
	float first = z[1];
	xent_backward(z, lse, ent, y, dlogp, dent, N, V, V);
	assert_near(z[1], 0.5 * exp((double)(first - lse[0])), 1e-6);
	for (size_t i = 0; i < N * V; i++)
		sums[i / V] += (double)z[i];
	for (size_t i = 0; i < N; i++) /* adding to all logits changes nothing */
		assert_near(sums[i], 0, 2e-5);
	assert_true(z[2 * V + 3] == 0);

	float row[3] = {1, NAN, 2};
	assert_true(row_max(row, 3) == 2);
	assert_true(isnan(row_exp_sum(row, 3, 1, 2)));
	float tile[4] = {1, 2, -INFINITY, 3};
	assert_near(row_exp_sum(tile, 4, 0.5f, 1.5f), 1 + exp(-0.5) + exp(-1), 1e-6);
	assert_true(tile[2] == 0 && tile[3] == 1);
	row[1] = NAN;
	xent_forward(logp, lse, NULL, NULL, row, y, 1, 3, 3);
	assert_true(isnan(logp[0]) && isnan(lse[0]));
	free(z);
}

static void
test_dropout(void **state)
{
	(void)state;
	enum { N = 100003 };
	float *x = malloc(N * sizeof *x);
	size_t dropped = 0;
	for (size_t i = 0; i < N; i++)
		x[i] = 1;
	dropout(x, N, 0.25, 42, 7, 3);
	for (size_t i = 0; i < N; i++) {
		uint32_t w[4], key[2] = {42, (uint32_t)RNG_DROPOUT << 24};
		uint64_t item = (uint64_t)3 << 40 | i / 4;
		rng_philox(w, (uint32_t[4]){(uint32_t)item, (uint32_t)(item >> 32), 7, 0}, key);
		assert_true((x[i] == 0) == (w[i % 4] < 0x40000000u));
		assert_true(x[i] == 0 || fabsf(x[i] - 1 / 0.75f) < 1e-6f);
		dropped += x[i] == 0;
	}
	assert_near(dropped, 0.25 * N, 5 * sqrt(0.25 * 0.75 * N));
	x[0] = 5;
	dropout(x, N, 0, 42, 7, 3);
	assert_true(x[0] == 5);
	free(x);
}

/* ---- the same bits for any number of threads ------------------------------------------------- */

enum { ROWS = 131, COLUMNS = 522, SIZE = ROWS * COLUMNS };

struct work {
	float a[2 * SIZE], b[2 * SIZE], d[2 * SIZE], e[2 * SIZE], g[2 * COLUMNS], h[2 * COLUMNS];
	float mean[ROWS], rstd[ROWS], entropy[ROWS], logp[ROWS], cosine[ROWS * 9], sine[ROWS * 9];
	int32_t ids[ROWS], best[ROWS];
	double norm;
};

static void
all_kernels(struct work *k, int threads)
{
	const struct adamw cfg = {0.9, 0.99, 1e-8, 0.1};
	const size_t n = ROWS, c = COLUMNS;
	omp_set_num_threads(threads);
	memset(k, 0, sizeof *k);
	for (size_t i = 0; i < 2 * SIZE; i++)
		k->d[i] = (float)rng_uniform(5, RNG_TEST, 0, i) - 0.5f;
	for (size_t i = 0; i < 2 * COLUMNS; i++)
		k->g[i] = k->d[i + 1];
	for (size_t i = 0; i < n; i++)
		k->ids[i] = (int32_t)(i * i % n);
	embedding_forward(k->b, k->ids, k->ids, k->d, k->d + 3, n, c);
	layernorm_forward(k->a, k->mean, k->rstd, k->b, k->g, k->g, n, c, 1e-5f);
	layernorm_backward(k->a, k->h, k->h + COLUMNS, k->d, k->b, k->mean, k->rstd, k->g, n, c);
	rmsnorm_forward(k->a + SIZE, k->rstd, k->b, k->g, n, c, 1e-5f);
	rmsnorm_backward(k->a, k->h, k->d, k->b, k->rstd, k->g, n, c);
	headnorm_forward(k->a + SIZE, c, k->e, k->e + SIZE, k->g, n, c / 18, 18, 1e-5f);
	headnorm_backward(k->a, c, k->h, k->e, k->e + SIZE, k->g, n, c / 18, 18);
	for (enum act act = ACT_GELU_TANH; act <= ACT_RELU; act++) {
		act_forward(act, k->a + SIZE, k->b, k->g, n, c);
		act_backward(act, k->e, k->h, k->a, k->b, n, c);
		residual_add(k->a, k->a, k->a + SIZE, k->h, n, c);
		residual_add(k->a, k->a, k->e, NULL, n, c);
	}
	bias_add(k->a, k->g, n, c);
	column_sum_add(k->h, k->a, n, c);
	embedding_backward(k->e, k->e + SIZE, k->a, k->ids, k->ids, n, c);
	rope_table(k->cosine, k->sine, n, 18, 10000, NULL);
	rope_forward(k->a, k->ids, k->cosine, k->sine, n, c / 18, 18, c);
	rope_backward(k->b, k->ids, k->cosine, k->sine, n, c / 18, 18, c);
	dropout(k->b, SIZE, 0.1, 1, 2, 3);
	xent_forward(k->logp, k->rstd, k->entropy, k->best, k->b, k->ids, n, c, c);
	xent_backward(k->b, k->rstd, k->entropy, k->ids, k->logp, k->mean, n, c, c);
	k->norm = grad_norm(k->a, SIZE);
	memset(k->e, 0, sizeof k->e);
	adamw_update(k->d, k->e, k->e + SIZE, k->a, SIZE, &cfg, 1, 1e-3, 0.5);
}

static void
test_threads(void **state)
{
	(void)state;
	struct work *one = malloc(sizeof *one), *many = malloc(sizeof *many);
	all_kernels(one, 1);
	assert_true(isfinite(one->norm) && one->norm > 0);
	for (size_t i = 0; i < 2 * SIZE; i++)
		assert_true(isfinite(one->a[i]) && isfinite(one->b[i]) && isfinite(one->e[i]));
	for (int threads = 2; threads <= 5; threads++) {
		all_kernels(many, threads);
		assert_memory_equal(many, one, sizeof *one);
	}
	omp_set_num_threads(1);
	free(one);
	free(many);
}

/* ---- the optimizer ---------------------------------------------------------------------------- */

/* torch.optim.AdamW(lr=0.1, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1), double, from
 * p = (1, -2) with the gradients (0.5, -0.1), (0.3, 0.2), (-0.4, 0): printed after each step. */
static void
test_adamw_known(void **state)
{
	(void)state;
	const struct adamw cfg = {0.9, 0.99, 1e-8, 0.1};
	const float g[3][2] = {{0.5f, -0.1f}, {0.3f, 0.2f}, {-0.4f, 0}};
	const double want[3][2] = {{0.890000002, -1.880000010}, {0.785248858, -1.897760779},
	    {0.752517507, -1.907109059}};
	float p[2] = {1, -2}, m[2] = {0}, v[2] = {0};
	for (uint64_t t = 1; t <= 3; t++) {
		adamw_update(p, m, v, g[t - 1], 2, &cfg, t, 0.1, 1);
		for (size_t i = 0; i < 2; i++)
			assert_near(p[i], want[t - 1][i], 5e-7);
	}
}

static void
test_adamw_reference(void **state)
{
	(void)state;
	enum { N = 1003 };
	const struct adamw cfg = {0.9, 0.95, 1e-8, 0.1};
	float *p = numbers(N), m[N] = {0}, v[N] = {0};
	double rp[N], rm[N] = {0}, rv[N] = {0};
	for (size_t i = 0; i < N; i++)
		rp[i] = (double)p[i];
	for (uint64_t t = 1; t <= 10; t++) {
		double lr = 1e-2 / (double)t, scale = 0.25 + 0.1 * (double)t;
		float *g = numbers(N);
		adamw_update(p, m, v, g, N, &cfg, t, lr, scale);
		for (size_t i = 0; i < N; i++) {
			double d = scale * (double)g[i];
			rp[i] -= lr * 0.1 * rp[i];
			rm[i] = 0.9 * rm[i] + 0.1 * d;
			rv[i] = 0.95 * rv[i] + 0.05 * d * d;
			double denom = sqrt(rv[i]) / sqrt(1 - pow(0.95, (double)t)) + 1e-8;
			rp[i] -= lr / (1 - pow(0.9, (double)t)) * rm[i] / denom;
			assert_near(p[i], rp[i], 2e-6);
			assert_near(m[i], rm[i], 1e-6);
			assert_near(v[i], rv[i], 1e-6);
		}
		free(g);
	}
	free(p);
}

static void
test_clipping(void **state)
{
	(void)state;
	enum { N = 70001 };
	float *g = numbers(N);
	double s = 0;
	for (size_t i = 0; i < N; i++)
		s += (double)g[i] * (double)g[i];
	assert_near(grad_norm(g, N), sqrt(s), 1e-12 * sqrt(s));
	g[0] = 3e38f; /* its square is no float */
	assert_near(grad_norm(g, N) / (double)g[0], 1, 1e-12);
	g[N - 1] = INFINITY;
	assert_true(!isfinite(grad_norm(g, N)));
	g[N - 1] = NAN;
	assert_true(!isfinite(grad_norm(g, N)));
	assert_true(grad_norm(g, 0) == 0);
	for (size_t n = 1; n < 700; n += 13) { /* no element is left out */
		memset(g, 0, N * sizeof *g);
		g[n - 1] = 2;
		g[n] = 5;
		assert_true(grad_norm(g, n) == 2);
	}
	assert_true(clip_scale(0.5, 1) == 1 && clip_scale(7, 0) == 1);
	assert_near(clip_scale(4, 1), 1 / 4.000001, 1e-15);
	free(g);
}

static void
test_schedules(void **state)
{
	(void)state;
	struct schedule s = {.kind = SCHEDULE_COSINE, .lr = 1e-3, .min_lr = 1e-4, .warmup = 100,
	    .steps = 2100, .decay_steps = 400};
	assert_near(schedule_lr(&s, 0), 1e-3 / 101, 1e-18);
	assert_near(schedule_lr(&s, 99), 1e-3 * 100 / 101, 1e-18);
	for (int kind = 0; kind <= SCHEDULE_WSD_SQRT; kind++) {
		s.kind = (enum schedule_kind)kind;
		assert_near(schedule_lr(&s, 100), 1e-3, 1e-18);
		assert_near(schedule_lr(&s, 2100), kind == SCHEDULE_CONSTANT ? 1e-3 : 1e-4, 1e-18);
		assert_near(schedule_lr(&s, 9999), kind == SCHEDULE_CONSTANT ? 1e-3 : 1e-4, 1e-18);
	}
	s.kind = SCHEDULE_COSINE;
	assert_near(schedule_lr(&s, 1100), 5.5e-4, 1e-18);
	assert_near(schedule_lr(&s, 600), 1e-4 + 9e-4 * (1 + sqrt(0.5)) / 2, 1e-18);
	s.kind = SCHEDULE_LINEAR;
	assert_near(schedule_lr(&s, 600), 7.75e-4, 1e-18);
	s.kind = SCHEDULE_WSD;
	assert_near(schedule_lr(&s, 1699), 1e-3, 1e-18);
	assert_near(schedule_lr(&s, 1800), 7.75e-4, 1e-18);
	s.kind = SCHEDULE_WSD_SQRT;
	assert_near(schedule_lr(&s, 1800), 5.5e-4, 1e-18);
	s.decay_steps = 5000; /* longer than there is: after the warm-up at once */
	assert_near(schedule_lr(&s, 600), 5.5e-4, 1e-18);
	s.warmup = 0;
	assert_near(schedule_lr(&s, 0), 1e-3, 1e-18);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exponentials),
	    cmocka_unit_test(test_norms),
	    cmocka_unit_test(test_headnorm),
	    cmocka_unit_test(test_activations),
	    cmocka_unit_test(test_xent),
	    cmocka_unit_test(test_dropout),
	    cmocka_unit_test(test_threads),
	    cmocka_unit_test(test_adamw_known),
	    cmocka_unit_test(test_adamw_reference),
	    cmocka_unit_test(test_clipping),
	    cmocka_unit_test(test_schedules),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
