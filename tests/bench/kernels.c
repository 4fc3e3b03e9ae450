/* kernels.c - the element-wise kernels: bytes that must move, over the time, beside copying as much memory. */
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "math/act.h"
#include "math/dropout.h"
#include "math/elem.h"
#include "math/norm.h"
#include "math/softmax.h"
#include "train/adamw.h"

static struct {
	size_t n, c;
	real *a, *b, *d, *e; /* (n, 2c): where an activation is gated, its input has two halves */
	real *g, *h;         /* (2c) */
	real *mean, *rstd;   /* (n) */
	int32_t *ids;        /* (n) */
} k;

static void
layernorm_fwd(void)
{
	layernorm_forward(k.a, k.mean, k.rstd, k.b, k.g, k.h, k.n, k.c, 1e-5f);
}

static void
layernorm_bwd(void)
{
	layernorm_backward(k.a, k.e, k.h, k.d, k.b, k.mean, k.rstd, k.g, k.n, k.c);
}

static void
rmsnorm_fwd(void)
{
	rmsnorm_forward(k.a, k.rstd, k.b, k.g, k.n, k.c, 1e-5f);
}

static void
rmsnorm_bwd(void)
{
	rmsnorm_backward(k.a, k.h, k.d, k.b, k.rstd, k.g, k.n, k.c);
}

#define ACT(name, which)                                                                                                   \
	static void name##_fwd(void)                                                                                           \
	{                                                                                                                      \
		act_forward(which, k.a, k.b, NULL, k.n, k.c);                                                                      \
	}                                                                                                                      \
	static void name##_bwd(void)                                                                                           \
	{                                                                                                                      \
		act_backward(which, k.a, k.g, k.d, k.b, k.n, k.c);                                                                 \
	}
ACT(gelu_tanh, ACT_GELU_TANH)
ACT(gelu, ACT_GELU)
ACT(silu, ACT_SILU)
ACT(swiglu, ACT_SWIGLU)

static void
residual(void)
{
	residual_add(k.a, k.b, k.d, k.h, k.n, k.c);
}

static void
column_sum(void)
{
	column_sum_add(k.g, k.b, k.n, k.c);
}

static void
embedding_fwd(void)
{
	embedding_forward(k.a, k.ids, k.ids, k.b, k.d, k.n, k.c);
}

static void
embedding_bwd(void)
{
	embedding_backward(k.b, k.d, k.e, k.ids, k.ids, k.n, k.c);
}

static void
rope(void)
{
	rope_forward(k.a, k.ids, k.b, k.d, k.n, k.c / 64, 64, k.c);
}

static void
drop(void)
{
	dropout(k.e, k.n * k.c, 1e-9, 1, 2, 3); /* values stay as they are */
}

static void
xent_fwd(void)
{
	xent_forward(k.mean, k.rstd, NULL, NULL, k.b, k.ids, k.n, k.c, k.c);
}

static void
xent_bwd(void)
{
	memset(k.mean, 0, k.n * sizeof *k.mean);
	xent_backward(k.a, k.rstd, NULL, k.ids, k.mean, NULL, k.n, k.c, k.c);
}

static volatile double used;

static void
norm(void)
{
	used = grad_norm(k.b, k.n * k.c);
}

static const struct kernel {
	const char *name;
	void (*run)(void);
	double moved; /* numbers read or written for one of n * c */
} kernels[] = {
    {"layernorm", layernorm_fwd, 2},
    {"layernorm-backward", layernorm_bwd, 4},
    {"rmsnorm", rmsnorm_fwd, 2},
    {"rmsnorm-backward", rmsnorm_bwd, 4},
    {"gelu-tanh", gelu_tanh_fwd, 2},
    {"gelu-tanh-backward", gelu_tanh_bwd, 3},
    {"gelu", gelu_fwd, 2},
    {"gelu-backward", gelu_bwd, 3},
    {"silu", silu_fwd, 2},
    {"silu-backward", silu_bwd, 3},
    {"swiglu", swiglu_fwd, 3},
    {"swiglu-backward", swiglu_bwd, 5},
    {"residual", residual, 3},
    {"column-sum", column_sum, 1},
    {"embedding", embedding_fwd, 3},
    {"embedding-backward", embedding_bwd, 5},
    {"rope", rope, 2},
    {"dropout", drop, 2},
    {"cross-entropy", xent_fwd, 1},
    {"cross-entropy-backward", xent_bwd, 2},
    {"gradient-norm", norm, 1},
};
enum { KERNELS = sizeof kernels / sizeof *kernels };

/* ---- worker: kernel NAME ROWS COLUMNS; bytes moved a second ---- */

static const struct kernel *chosen;

static double
run_kernel(void)
{
	double t = bench_now();
	chosen->run();
	return chosen->moved * (double)(k.n * k.c * sizeof(real)) / (bench_now() - t);
}

worker_run *
worker_kernel(char **operands, int n)
{
	for (size_t i = 0; n > 0 && i < KERNELS; i++)
		if (strcmp(operands[0], kernels[i].name) == 0)
			chosen = &kernels[i];
	k.n = worker_number(operands, n, 1);
	k.c = worker_number(operands, n, 2);
	k.ids = calloc(k.n, sizeof *k.ids);
	if (!chosen || !k.n || !k.c || !k.ids)
		return NULL;
	real **big[] = {&k.a, &k.b, &k.d, &k.e};
	for (size_t i = 0; i < 4; i++)
		*big[i] = worker_numbers(2 * k.n * k.c, 1);
	k.g = worker_numbers(2 * k.c, 1);
	k.h = worker_numbers(2 * k.c, 1);
	k.mean = worker_numbers(k.n, 1);
	k.rstd = worker_numbers(k.n, 1);
	for (size_t i = 0; i < k.n; i++)
		k.ids[i] = (int32_t)(i * 37 % (k.n < k.c ? k.n : k.c));
	return run_kernel;
}

/* Each beside a copy of its own, of arrays that caches do not hold. */
void
bench_kernels(struct bench *b)
{
	size_t rows = b->tiny ? 64 : 8192, columns = b->tiny ? 64 : 768;
	double seconds = b->seconds;
	b->seconds = seconds / KERNELS;
	for (size_t i = 0; i < KERNELS; i++) {
		char what[80];
		snprintf(what, sizeof what, "kernels/%s", kernels[i].name);
		bench_begin(b);
		int ours = bench_worker(b, "ours", "kernel %s %zu %zu", kernels[i].name, rows, columns);
		int roof = bench_worker(b, "copying memory", "copy %zu", rows * columns * sizeof(real));
		bench_measure(b);
		bench_line(b, &(struct line){.what = what, .ours = ours, .beside = roof, .scale = 1e-9, .scale_beside = 1e-9,
		    .unit = "GB/s"});
	}
	b->seconds = seconds;
}
