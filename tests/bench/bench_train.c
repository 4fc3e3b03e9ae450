/* Training steps of known shapes against the machine's rate of matrix products, measured in the
 * same run: `train/SHAPE ms`, `train/SHAPE tokens/s`, `train/SHAPE gemm_share`. The best of
 * several steps, since the machine may be shared. Operands choose shapes by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/rng.h"
#include "math/gemm.h"
#include "train/trainer.h"

static const struct shape {
	const char *name;
	struct config c;
	size_t batch, length;
	int steps;
} shapes[] = {
    {"nanogpt-cpu", {.arch = ARCH_GPT2, .layers = 4, .heads = 4, .width = 128, .context = 64, .vocab = 65, .tied = true}, 12, 64, 40},
    {"small", {.arch = ARCH_GPT2, .layers = 6, .heads = 6, .width = 192, .context = 256, .vocab = 2048, .tied = true}, 8, 256, 6},
    {"gpt2-124m-4x64", {.arch = ARCH_GPT2, .layers = 12, .heads = 12, .width = 768, .context = 1024, .vocab = 50257, .tied = true}, 4, 64, 3},
    {"gpt2-124m-4x256", {.arch = ARCH_GPT2, .layers = 12, .heads = 12, .width = 768, .context = 1024, .vocab = 50257, .tied = true}, 4, 256, 2},
};

static double
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double
gemm_rate(void)
{
	enum { N = 2048 };
	real *a = calloc((size_t)3 * N * N, sizeof *a);
	double best = 0;
	for (int i = 0; a && i < 5; i++) {
		double start = now();
		gemm(false, true, N, N, N, a, N, a + N * N, N, false, a + 2 * N * N, N);
		double rate = 2.0 * N * N * N / (now() - start);
		best = rate > best ? rate : best;
	}
	free(a);
	return best;
}

static void
fail(const struct err *e)
{
	fprintf(stderr, "bench_train: %s\n", e->msg);
	exit(1);
}

static void
fill(struct rows *r, const struct shape *s, const struct config *c)
{
	struct err e;
	int32_t ids[1024], targets[1024];
	for (size_t row = 0; row < s->batch; row++) {
		for (size_t i = 0; i < s->length; i++) {
			ids[i] = (int32_t)rng_below(c->vocab, 1, RNG_TEST, row, i);
			targets[i] = (int32_t)rng_below(c->vocab, 2, RNG_TEST, row, i);
		}
		if (rows_add(r, &(struct row){.ids = ids, .targets = targets, .n = s->length}, c, &e))
			fail(&e);
	}
}

static void
run(const struct shape *s)
{
	struct err e;
	struct config c = s->c;
	struct params p;
	struct trainer t;
	struct rows r = {0};
	struct step_stats st;
	config_fill(&c);
	struct train_opts o = {.schedule = {SCHEDULE_CONSTANT, 1e-4, 1e-4, 0, 1000, 0},
	    .adamw = {0.9, 0.95, 1e-8, 0.1}, .clip = 1, .seed = 1,
	    .max_tokens = s->batch * s->length, .max_keys = s->length};
	if (params_build(&p, &c, &e) || trainer_open(&t, &c, &p, &o, &e))
		fail(&e);
	params_init(t.w, &p, &c, 1);
	fill(&r, s, &c);
	double best = 1e9, roof = gemm_rate();
	for (int i = 0; i <= s->steps; i++) {
		double start = now();
		if (train_step(&t, &r, &st, &e))
			fail(&e);
		double took = now() - start;
		if (i > 0 && took < best)
			best = took;
	}
	double tokens = (double)(s->batch * s->length);
	double work = tokens * (6.0 * (double)p.count + 12.0 * (double)(c.layers * c.width * s->length));
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	printf("train/%s ms %.1f\n", s->name, best * 1e3);
	printf("train/%s tokens/s %.0f\n", s->name, tokens / best);
	printf("train/%s gemm_share %.3f\n", s->name, work / best / roof);
	printf("train/%s GFLOP/s %.1f of %.1f\n", s->name, work / best / 1e9, roof / 1e9);
	printf("train/%s peak_rss_MB %ld\n", s->name, u.ru_maxrss / 1024);
	rows_free(&r);
	trainer_close(&t);
	params_free(&p);
}

int
main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		int wanted = argc == 1;
		for (int a = 1; a < argc; a++)
			wanted |= strcmp(argv[a], shapes[i].name) == 0;
		if (wanted)
			run(&shapes[i]);
	}
	return 0;
}
