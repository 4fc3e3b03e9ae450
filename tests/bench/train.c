/* train.c - training steps: forward, backward, clipping, AdamW, beside the rate of products and PyTorch. */
#include <omp.h>
#include <stdlib.h>

#include "base/rng.h"
#include "bench/shapes.h"
#include "train/trainer.h"

/* ---- worker: train SHAPE [THREADS]; tokens a second ---- */

static struct config cfg;
static struct params table;
static struct trainer trainer;
static struct rows rows;

static double
run_train(void)
{
	struct err e;
	struct step_stats st;
	double t = bench_now();
	if (train_step(&trainer, &rows, &st, &e))
		worker_fail(&e);
	return (double)rows.tokens / (bench_now() - t);
}

static void
fill(size_t batch, size_t length)
{
	struct err e;
	int32_t *ids = calloc(length, sizeof *ids), *targets = calloc(length, sizeof *targets);
	if (!ids || !targets)
		abort();
	for (size_t row = 0; row < batch; row++) {
		for (size_t i = 0; i < length; i++) {
			ids[i] = (int32_t)rng_below(cfg.vocab, 1, RNG_TEST, row, i);
			targets[i] = (int32_t)rng_below(cfg.vocab, 2, RNG_TEST, row, i);
		}
		if (rows_add(&rows, &(struct row){.ids = ids, .targets = targets, .n = length}, &cfg, &e))
			worker_fail(&e);
	}
	free(ids);
	free(targets);
}

worker_run *
worker_train(char **operands, int n)
{
	struct shape s;
	struct err e;
	if (!shape_read(&s, operands, n))
		return NULL;
	if (worker_number(operands, n, SHAPE_NUMBERS))
		omp_set_num_threads((int)worker_number(operands, n, SHAPE_NUMBERS));
	cfg = shape_config(&s);
	struct train_opts o = {.schedule = {SCHEDULE_CONSTANT, 1e-4, 1e-4, 0, 1000, 0}, .adamw = {0.9, 0.95, 1e-8, 0.1},
	    .clip = 1, .seed = 1, .max_tokens = s.batch * s.length, .max_keys = s.length};
	if (config_check(&cfg, &e) || params_build(&table, &cfg, &e) || trainer_open(&trainer, &cfg, &table, &o, &e))
		worker_fail(&e);
	params_init(trainer.w, &table, &cfg, 1);
	fill(s.batch, s.length);
	return run_train;
}

/* ---- cases ---- */

/* Operations a token, as tpretrain counts them for its log: 6 a weight of the products, and attention over whole squares. */
static double
operations(const struct shape *s)
{
	double blocks = 12.0 * (double)(s->layers * s->width * s->width), head = (double)(s->vocab * s->width);
	return 6 * (blocks + head) + 12 * (double)(s->layers * s->width * s->length);
}

static int
torch(struct bench *b, const char *spelled, int threads, const char *type)
{
	char name[64];
	snprintf(name, sizeof name, "PyTorch %s, %d thread%s", type, threads, threads == 1 ? "" : "s");
	return bench_peer(b, name, TORCH_NEEDS, TORCH " train %s %d %s", spelled, threads, type);
}

/* Shares of the rate of products and of memory are aims for the 124M shape only. */
static void
train(struct bench *b, const char *name, const struct shape *shape, double share, bool memory)
{
	struct shape s = b->tiny ? (struct shape){2, 2, 32, 64, 64, shape->batch, 16} : *shape;
	char what[80], spelled[SHAPE_TEXT];
	shape_write(&s, spelled);
	/* one thread may be the better setting of PyTorch's for small steps; for large ones it is not worth the wait */
	bool small = s.batch * s.length * s.width < (1 << 19);
	bench_begin(b);
	int ours = bench_worker(b, "ours", "train %s", spelled);
	int roof = bench_worker(b, "OpenBLAS", "sgemm %zu %zu %zu", s.batch * s.length, s.width, s.vocab);
	int all = torch(b, spelled, b->threads, "float32");
	int one = small && b->threads > 1 ? torch(b, spelled, 1, "float32") : 0;
	int half = torch(b, spelled, b->threads, "bfloat16");
	bench_measure(b);
	snprintf(what, sizeof what, "train/%s", name);
	bench_line(b, &(struct line){.what = what, .ours = ours, .beside = roof, .scale = 1e-9 * operations(&s),
	    .scale_beside = 1e-9, .unit = "GFLOP/s", .aim = share > 0 ? RATIO_AT_LEAST : NO_AIM, .value = share});
	bench_line(b, &(struct line){.what = what, .ours = ours, .beside = all, .or = one, .unit = "tokens/s",
	    .aim = RATIO_AT_LEAST, .value = 1.7});
	bench_line(b, &(struct line){.what = what, .ours = ours, .beside = half, .unit = "tokens/s"});
	bench_line(b, &(struct line){.what = what, .ours = ours, .beside = all, .or = one, .memory = true, .scale = 1e-6,
	    .scale_beside = 1e-6, .unit = "MB peak", .aim = memory ? RATIO_BELOW : NO_AIM, .value = 0.5});
	bench_line(b, &(struct line){.what = what, .ours = ours, .beside = half, .memory = true, .scale = 1e-6,
	    .scale_beside = 1e-6, .unit = "MB peak"});
}

void
bench_train_64(struct bench *b)
{
	train(b, "124m-4x64", &(struct shape){12, 12, 768, 1024, 50257, 4, 64}, 0.60, false);
}

void
bench_train_256(struct bench *b)
{
	train(b, "124m-4x256", &(struct shape){12, 12, 768, 1024, 50257, 4, 256}, 0.80, false);
}

void
bench_train_1024(struct bench *b)
{
	train(b, "124m-4x1024", &(struct shape){12, 12, 768, 1024, 50257, 4, 1024}, 0.72, true);
}

void
bench_train_small(struct bench *b)
{
	train(b, "6x384-64x256", &(struct shape){6, 6, 384, 256, 8192, 64, 256}, 0, false);
}

void
bench_train_char(struct bench *b)
{
	train(b, "4x128-12x64", &(struct shape){4, 4, 128, 64, 65, 12, 64}, 0, false);
}
