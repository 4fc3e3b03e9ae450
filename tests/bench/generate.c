/* generate.c - generation by one stream and by 64, with random weights. A pass reads every weight once, so one stream is no
 * faster than the machine reads memory, and 64 no faster than it multiplies, 2 operations a weight and token. */
#include "bench/shapes.h"
#include "model/generate.h"

/* ---- worker: generate SHAPE, where the batch is the number of streams and the length what each generates; tokens a second ---- */

enum { MANY = 64 };

static struct config cfg;
static struct params table;
static struct generator generator;
static float *weights;
static size_t tokens;

static int
ignore(void *ctx, const struct gen_result *r, struct err *e)
{
	(void)ctx, (void)r, (void)e;
	return 0;
}

static double
run_generate(void)
{
	struct gen_prompt prompts[MANY];
	int32_t first = (int32_t)cfg.vocab - 1;
	struct gen_opts o = {.sample = {.temperature = 1, .top_p = 0.95, .penalty = 1}, .max_new = tokens, .end = -1};
	struct gen_sink sink = {.done = ignore};
	struct err e;
	for (size_t i = 0; i < generator.slots; i++)
		prompts[i] = (struct gen_prompt){&first, 1, i};
	double t = bench_now();
	if (generate(&generator, weights, prompts, generator.slots, &o, &sink, &e))
		worker_fail(&e);
	return (double)(generator.slots * tokens) / (bench_now() - t);
}

worker_run *
worker_generate(char **operands, int n)
{
	struct shape s;
	struct err e;
	if (!shape_read(&s, operands, n) || s.batch > MANY)
		return NULL;
	cfg = shape_config(&s);
	tokens = s.length;
	if (params_build(&table, &cfg, &e) || generator_open(&generator, &cfg, &table, s.batch, tokens + 1, &e))
		worker_fail(&e);
	weights = worker_numbers(table.size, 1);
	params_init(weights, &table, &cfg, 1);
	return run_generate;
}

/* ---- cases ---- */

static void
bench_shape(struct bench *b, const char *name, struct shape s, size_t one, size_t many)
{
	char what[80], spelled[SHAPE_TEXT];
	if (b->tiny)
		s = (struct shape){2, 2, 32, 64, 64, 1, 1}, one = many = 4;
	/* weights that a token goes through */
	double w = 12.0 * (double)(s.layers * s.width * s.width) + (double)(s.vocab * s.width);
	bench_begin(b);
	s.batch = 1, s.length = one;
	shape_write(&s, spelled);
	int ours = bench_worker(b, "one stream", "generate %s", spelled);
	s.batch = MANY, s.length = many;
	shape_write(&s, spelled);
	int streams = bench_worker(b, "64 streams", "generate %s", spelled);
	int read = bench_worker(b, "reading memory", "read %.0f", 4 * w);
	int products = bench_worker(b, "OpenBLAS", "sgemm %d %zu %zu", MANY, s.width, s.vocab);
	bench_measure(b);
	snprintf(what, sizeof what, "generate/%s/1", name);
	bench_line(b, &(struct line){.what = what, .ours = ours, .beside = read, .scale = 4e-9 * w, .scale_beside = 1e-9,
	    .unit = "GB/s", .aim = RATIO_AT_LEAST, .value = 0.75});
	bench_line(b, &(struct line){.what = what, .ours = ours, .unit = "tokens/s"});
	snprintf(what, sizeof what, "generate/%s/%d", name, MANY);
	bench_line(b, &(struct line){.what = what, .ours = streams, .beside = products, .scale = 2e-9 * w, .scale_beside = 1e-9,
	    .unit = "GFLOP/s"});
	bench_line(b, &(struct line){.what = what, .ours = streams, .beside = ours, .unit = "tokens/s"});
}

void
bench_generate_gpt2(struct bench *b)
{
	bench_shape(b, "124m", (struct shape){12, 12, 768, 1024, 50257, 1, 1}, 12, 4);
}

void
bench_generate_small(struct bench *b)
{
	bench_shape(b, "6x384", (struct shape){6, 6, 384, 256, 8192, 1, 1}, 64, 24);
}
