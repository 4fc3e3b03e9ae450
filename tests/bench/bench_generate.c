/* Tokens a second of generation on the 124M GPT-2 shape with random weights, for one stream and
 * for 64, best of a few runs of few tokens, beside the rate at which the machine reads memory: a
 * pass reads every weight once, so one stream can be no faster than that. One line each:
 *   generate/read     THREADS  GB/s
 *   generate/STREAMS  THREADS  tokens/s  passes/s  GB/s of weights  share of the read rate */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/par.h"
#include "base/simd.h"
#include "model/generate.h"

static const struct config gpt2 = {.arch = ARCH_GPT2, .layers = 12, .heads = 12, .width = 768,
    .context = 1024, .vocab = 50257, .tied = true};

static double
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

KERNEL static double
sum_range(const real *w, size_t lo, size_t hi)
{
	real sum = 0;
#pragma omp simd reduction(+ : sum)
	for (size_t i = lo; i < hi; i++)
		sum += w[i];
	return (double)sum;
}

static double
read_seconds(const real *w, size_t n)
{
	double best = 1e9, sum = 0;
	for (int run = 0; run < 5; run++) {
		double t = now();
#pragma omp parallel reduction(+ : sum)
		{
			size_t lo, hi;
			par_share(n, 4096, &lo, &hi);
			sum += sum_range(w, lo, hi);
		}
		t = now() - t;
		best = t < best ? t : best;
	}
	return sum == 0.5 ? 0 : best; /* the sum is used */
}

static int
ignore(void *ctx, const struct gen_result *r, struct err *e)
{
	(void)ctx, (void)r, (void)e;
	return 0;
}

static int
bench(const struct config *cfg, const struct params *table, const real *w, size_t streams,
    size_t tokens, double read_rate, struct err *e)
{
	struct generator g;
	struct gen_prompt prompts[64];
	int32_t first = 50256;
	struct gen_opts o = {.sample = {.temperature = 1, .top_p = 0.95, .penalty = 1},
	    .max_new = tokens, .end = -1};
	struct gen_sink sink = {.done = ignore};
	double best = 1e9, bytes = (double)(table->count - 1024 * 768) * sizeof(real);
	for (size_t i = 0; i < streams; i++)
		prompts[i] = (struct gen_prompt){&first, 1, i};
	if (generator_open(&g, cfg, table, streams, tokens + 1, e))
		return -1;
	double start = now();
	for (int run = 0; run == 0 || (run < 6 && now() - start < 3); run++) {
		double t = now();
		if (generate(&g, w, prompts, streams, &o, &sink, e))
			return -1;
		t = now() - t;
		best = t < best ? t : best;
	}
	double passes = (double)tokens / best, rate = passes * bytes;
	printf("generate/%-2zu  %d  %7.1f tokens/s  %5.1f passes/s  %5.1f GB/s  %3.0f %%\n", streams,
	    omp_get_max_threads(), passes * (double)streams, passes, 1e-9 * rate, 100 * rate / read_rate);
	generator_close(&g);
	return 0;
}

int
main(void)
{
	struct err e;
	struct params table;
	struct config cfg = gpt2;
	config_fill(&cfg);
	if (params_build(&table, &cfg, &e))
		goto fail;
	struct arena arena = {.huge = true};
	real *w = NULL;
	for (int pass = 0; pass < 2; pass++) {
		w = arena_carve(&arena, table.size, sizeof *w);
		if (pass == 0 && arena_commit(&arena, "weights", &e))
			goto fail;
	}
	params_init(w, &table, &cfg, 1);
	double rate = (double)table.size * sizeof *w / read_seconds(w, table.size);
	printf("generate/read %d  %5.1f GB/s\n", omp_get_max_threads(), 1e-9 * rate);
	if (bench(&cfg, &table, w, 1, 16, rate, &e) || bench(&cfg, &table, w, 64, 4, rate, &e))
		goto fail;
	arena_close(&arena);
	params_free(&table);
	return 0;
fail:
	fprintf(stderr, "bench_generate: %s\n", e.msg);
	return 1;
}
