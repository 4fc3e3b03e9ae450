/* Tokens a second of generation for one stream and for 64, with random weights, on a small shape and
 * on that of GPT-2 with 124M parameters. Best of runs that take turns, so that other work on the
 * machine harms both alike. A pass reads every weight once, so one stream can be no faster than the
 * machine reads memory; and 64 no faster than it multiplies, 2 operations a weight and token. Names of
 * shapes as arguments: only these. Lines:
 *   generate/read           THREADS  GB/s
 *   generate/SHAPE/STREAMS  THREADS  tokens/s  GB/s of weights  share of the read rate  GFLOP/s
 *   generate/SHAPE/64:1     THREADS  tokens/s of 64 streams over those of one */
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/par.h"
#include "base/simd.h"
#include "model/generate.h"

struct shape {
	const char *name;
	struct config cfg;
	size_t tokens[2]; /* to generate in a run: of one stream, of each of 64 */
};

static const struct shape shapes[] = {
    {"small", {.arch = ARCH_GPT2, .layers = 6, .heads = 6, .width = 384, .context = 256, .vocab = 8192, .tied = true},
        {64, 24}},
    {"gpt2", {.arch = ARCH_GPT2, .layers = 12, .heads = 12, .width = 768, .context = 1024, .vocab = 50257, .tied = true},
        {12, 4}},
};

enum { MANY = 64, RUNS = 10 };
static const double SECONDS = 8; /* of a shape, about */

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
	double sum = 0, t = now();
#pragma omp parallel reduction(+ : sum)
	{
		size_t lo, hi;
		par_share(n, 4096, &lo, &hi);
		sum += sum_range(w, lo, hi);
	}
	t = now() - t;
	return sum == 0.5 ? 0 : t; /* the sum is used */
}

static int
ignore(void *ctx, const struct gen_result *r, struct err *e)
{
	(void)ctx, (void)r, (void)e;
	return 0;
}

/* Shortens *best to the time of generating `tokens` of each of g's streams. */
static int
time_run(struct generator *g, const real *w, size_t tokens, double *best, struct err *e)
{
	struct gen_prompt prompts[MANY];
	int32_t first = (int32_t)g->cfg->vocab - 1;
	struct gen_opts o = {.sample = {.temperature = 1, .top_p = 0.95, .penalty = 1}, .max_new = tokens, .end = -1};
	struct gen_sink sink = {.done = ignore};
	for (size_t i = 0; i < g->slots; i++)
		prompts[i] = (struct gen_prompt){&first, 1, i};
	double t = now();
	if (generate(g, w, prompts, g->slots, &o, &sink, e))
		return -1;
	t = now() - t;
	*best = t < *best ? t : *best;
	return 0;
}

static int
bench(const struct shape *s, const struct config *cfg, const struct params *table, const real *w, double weights,
    struct err *e)
{
	const size_t streams[2] = {1, MANY};
	struct generator g[2];
	double best[2] = {1e9, 1e9}, tokens[2], start, read = 1e9, t;
	for (int i = 0; i < 2; i++)
		if (generator_open(&g[i], cfg, table, streams[i], s->tokens[i] + 1, e))
			return -1;
	start = now();
	for (int run = 0; run == 0 || (run < RUNS && now() - start < SECONDS); run++) {
		t = read_seconds(w, table->size);
		read = t < read ? t : read;
		for (int i = 0; i < 2; i++)
			if (time_run(&g[i], w, s->tokens[i], &best[i], e))
				return -1;
	}
	double rate = (double)table->size * sizeof *w / read;
	printf("generate/read %d  %5.1f GB/s\n", omp_get_max_threads(), 1e-9 * rate);
	for (int i = 0; i < 2; i++) {
		double passes = (double)s->tokens[i] / best[i], bytes = passes * weights * sizeof(real);
		tokens[i] = passes * (double)streams[i];
		printf("generate/%s/%-2zu  %d  %7.1f tokens/s  %5.1f GB/s  %3.0f %%  %5.1f GFLOP/s\n", s->name, streams[i],
		    omp_get_max_threads(), tokens[i], 1e-9 * bytes, 100 * bytes / rate, 2e-9 * tokens[i] * weights);
		generator_close(&g[i]);
	}
	printf("generate/%s/%d:1  %d  %.1f\n", s->name, MANY, omp_get_max_threads(), tokens[1] / tokens[0]);
	return 0;
}

static int
bench_shape(const struct shape *s, struct err *e)
{
	struct params table;
	struct config cfg = s->cfg;
	config_fill(&cfg);
	if (params_build(&table, &cfg, e))
		return -1;
	struct arena arena = {.huge = true};
	real *w = NULL;
	for (int pass = 0; pass < 2; pass++) {
		w = arena_carve(&arena, table.size, sizeof *w);
		if (pass == 0 && arena_commit(&arena, "weights", e))
			return -1;
	}
	params_init(w, &table, &cfg, 1);
	int failed = bench(s, &cfg, &table, w, (double)(table.count - cfg.context * cfg.width), e);
	arena_close(&arena);
	params_free(&table);
	return failed;
}

int
main(int argc, char **argv)
{
	struct err e;
	/* as the tools do (tools/common/threads.c) */
	if (!getenv("GOMP_SPINCOUNT") && setenv("GOMP_SPINCOUNT", "10000", 1) == 0)
		execv("/proc/self/exe", argv);
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		bool chosen = argc < 2;
		for (int a = 1; a < argc; a++)
			chosen |= strcmp(argv[a], shapes[i].name) == 0;
		if (chosen && bench_shape(&shapes[i], &e)) {
			fprintf(stderr, "bench_generate: %s\n", e.msg);
			return 1;
		}
	}
	return 0;
}
