/* Bandwidth of the element-wise kernels: bytes that must move, over the least time of a few
 * runs, beside memcpy and a plain sum on as many threads. One line each:
 *   kernels/NAME  ROWSxCOLS  THREADS  microseconds  GB/s
 * With an argument: the number of parameters of AdamW's line (default 30 million). */
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/par.h"
#include "math/act.h"
#include "math/dropout.h"
#include "math/elem.h"
#include "math/norm.h"
#include "math/softmax.h"
#include "train/adamw.h"

enum { RUNS = 9 };

struct arrays {
	size_t n, c;
	real *a, *b, *d, *e; /* (n, 2c), or (n, c) where no activation is measured */
	real *g, *h;         /* (2c) */
	real *mean, *rstd;   /* (n) */
	int32_t *ids;
};

static double
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void
run_memcpy(struct arrays *k)
{
#pragma omp parallel
	{
		size_t lo, hi;
		par_share(k->n, 1, &lo, &hi);
		memcpy(k->a + lo * k->c, k->b + lo * k->c, (hi - lo) * k->c * sizeof *k->a);
	}
}

static void
run_layernorm_forward(struct arrays *k)
{
	layernorm_forward(k->a, k->mean, k->rstd, k->b, k->g, k->h, k->n, k->c, 1e-5f);
}

static void
run_layernorm_backward(struct arrays *k)
{
	layernorm_backward(k->a, k->e, k->h, k->d, k->b, k->mean, k->rstd, k->g, k->n, k->c);
}

static void
run_rmsnorm_forward(struct arrays *k)
{
	rmsnorm_forward(k->a, k->rstd, k->b, k->g, k->n, k->c, 1e-5f);
}

static void
run_rmsnorm_backward(struct arrays *k)
{
	rmsnorm_backward(k->a, k->h, k->d, k->b, k->rstd, k->g, k->n, k->c);
}

#define ACT(name, which)                                                                       \
	static void run_##name##_forward(struct arrays *k)                                         \
	{                                                                                          \
		act_forward(which, k->a, k->b, NULL, k->n, k->c);                                      \
	}                                                                                          \
	static void run_##name##_backward(struct arrays *k)                                        \
	{                                                                                          \
		act_backward(which, k->a, k->g, k->d, k->b, k->n, k->c);                               \
	}
ACT(gelu_tanh, ACT_GELU_TANH)
ACT(gelu, ACT_GELU)
ACT(silu, ACT_SILU)
ACT(swiglu, ACT_SWIGLU)

static void
run_residual_add(struct arrays *k)
{
	residual_add(k->a, k->b, k->d, k->h, k->n, k->c);
}

static void
run_column_sum_add(struct arrays *k)
{
	column_sum_add(k->g, k->b, k->n, k->c);
}

static void
run_embedding_forward(struct arrays *k)
{
	embedding_forward(k->a, k->ids, k->ids, k->b, k->d, k->n, k->c);
}

static void
run_embedding_backward(struct arrays *k)
{
	embedding_backward(k->b, k->d, k->e, k->ids, k->ids, k->n, k->c);
}

static void
run_rope_forward(struct arrays *k)
{
	rope_forward(k->a, k->ids, k->b, k->d, k->n, k->c / 64, 64, k->c);
}

static void
run_dropout(struct arrays *k)
{
	dropout(k->e, k->n * k->c, 1e-9, 1, 2, 3); /* values stay as they are */
}

static void
run_xent_forward(struct arrays *k)
{
	xent_forward(k->mean, k->rstd, NULL, NULL, k->b, k->ids, k->n, k->c, k->c);
}

static void
run_xent_backward(struct arrays *k)
{
	memset(k->mean, 0, k->n * sizeof *k->mean);
	xent_backward(k->a, k->rstd, NULL, k->ids, k->mean, NULL, k->n, k->c, k->c);
}

static void
run_adamw(struct arrays *k)
{
	const struct adamw cfg = {0.9, 0.95, 1e-8, 0.1};
	adamw_update(k->a, k->b, k->d, k->e, k->n * k->c, &cfg, 10, 1e-4, 1);
}

static double sink;

static void
run_grad_norm(struct arrays *k)
{
	sink += grad_norm(k->b, k->n * k->c);
}

static const struct bench {
	const char *name;
	void (*run)(struct arrays *);
	double moved; /* numbers read or written for one of n * c */
} benches[] = {
    {"memcpy", run_memcpy, 2},
    {"layernorm_forward", run_layernorm_forward, 2},
    {"layernorm_backward", run_layernorm_backward, 4},
    {"rmsnorm_forward", run_rmsnorm_forward, 2},
    {"rmsnorm_backward", run_rmsnorm_backward, 4},
    {"gelu_tanh_forward", run_gelu_tanh_forward, 2},
    {"gelu_tanh_backward", run_gelu_tanh_backward, 3},
    {"gelu_forward", run_gelu_forward, 2},
    {"gelu_backward", run_gelu_backward, 3},
    {"silu_forward", run_silu_forward, 2},
    {"silu_backward", run_silu_backward, 3},
    {"swiglu_forward", run_swiglu_forward, 3},
    {"swiglu_backward", run_swiglu_backward, 5},
    {"residual_add", run_residual_add, 3},
    {"column_sum_add", run_column_sum_add, 1},
    {"embedding_forward", run_embedding_forward, 3},
    {"embedding_backward", run_embedding_backward, 5},
    {"rope_forward", run_rope_forward, 2},
    {"dropout", run_dropout, 2},
    {"xent_forward", run_xent_forward, 1},
    {"xent_backward", run_xent_backward, 2},
    {"grad_norm", run_grad_norm, 1},
    {"adamw", run_adamw, 7},
};

static void
fill(real *p, size_t n, real scale)
{
	for (size_t i = 0; i < n; i++)
		p[i] = scale * (real)((double)(i * 2654435761u % 4096) / 2048 - 1);
}

static void
measure(const struct bench *b, size_t n, size_t c, size_t len, int threads)
{
	struct arrays k = {.n = n, .c = c};
	real **big[] = {&k.a, &k.b, &k.d, &k.e}, **small[] = {&k.g, &k.h};
	for (size_t i = 0; i < 4; i++)
		fill(*big[i] = aligned_alloc(64, len * sizeof(real)), len, 1);
	for (size_t i = 0; i < 2; i++)
		fill(*small[i] = aligned_alloc(64, 2 * c * sizeof(real)), 2 * c, 1);
	fill(k.mean = aligned_alloc(64, n * sizeof(real)), n, 1);
	fill(k.rstd = aligned_alloc(64, n * sizeof(real)), n, 1);
	k.ids = calloc(n, sizeof *k.ids);
	for (size_t i = 0; i < n; i++)
		k.ids[i] = (int32_t)(i * 37 % (n < c ? n : c));
	omp_set_num_threads(threads);
	double best = 1e9;
	for (int r = 0; r < RUNS; r++) {
		if (b->run == run_adamw) /* second moments are not negative */
			memset(k.d, 0, n * c * sizeof *k.d);
		double t = now();
		b->run(&k);
		t = now() - t;
		best = t < best ? t : best;
	}
	printf("kernels/%-20s %5zux%-6zu %d threads %9.1f us %7.2f GB/s\n", b->name, n, c, threads,
	    best * 1e6, b->moved * (double)(n * c * sizeof(real)) / best * 1e-9);
	for (size_t i = 0; i < 4; i++)
		free(*big[i]);
	free(k.g);
	free(k.h);
	free(k.mean);
	free(k.rstd);
	free(k.ids);
}

int
main(int argc, char **argv)
{
	const size_t shapes[][2] = {{768, 128}, {1024, 768}, {1024, 3072}, {128, 50304}};
	size_t params = argc > 1 ? strtoul(argv[1], NULL, 10) : 30000000;
	for (size_t s = 0; s < 4; s++)
		for (size_t i = 0; i < sizeof benches / sizeof *benches; i++) {
			bool wide = benches[i].run == run_xent_forward || benches[i].run == run_xent_backward ||
			    benches[i].run == run_memcpy;
			for (int threads = 1; threads <= 2 && (s < 3 || wide); threads++)
				measure(&benches[i], shapes[s][0], shapes[s][1], 2 * shapes[s][0] * shapes[s][1], threads);
		}
	for (size_t i = 0; i < sizeof benches / sizeof *benches; i++)
		if (benches[i].run == run_adamw || benches[i].run == run_grad_norm ||
		    benches[i].run == run_memcpy)
			for (int threads = 1; threads <= 2; threads++)
				measure(&benches[i], params / 1000, 1000, params / 1000 * 1000, threads);
	return !(sink > 0);
}
