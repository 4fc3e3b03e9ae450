/* parts.c - what a training step is made of, forward and backward: attention, the output projection with its loss, AdamW. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "bench/shapes.h"
#include "math/attention.h"
#include "model/lm_head.h"
#include "train/adamw.h"

/* ---- worker: attention BATCH LENGTH HEADS SIZE, causal; operations a second ---- */

static struct {
	struct attn how;
	struct span *spans;
	size_t batch, length, n;
	float *qkv, *dqkv, *o, *d_o, *lse, *scratch;
} at;

/* Two products forward and five backward over half of each square of scores. */
static double
attention_operations(size_t batch, size_t length, size_t width)
{
	return 7.0 * (double)(batch * length) * (double)(length * width);
}

static double
run_attention(void)
{
	size_t width = at.how.heads * at.how.head_dim, ld = 3 * width;
	const float *q = at.qkv, *k = q + width, *v = k + width;
	float *dq = at.dqkv, *dk = dq + width, *dv = dk + width;
	double t = bench_now();
	attention_forward(at.o, at.lse, q, ld, k, v, ld, at.spans, at.batch, &at.how, at.scratch, at.length);
	attention_backward(dq, dk, dv, at.d_o, at.o, at.lse, q, ld, k, v, ld, at.spans, at.batch, &at.how, at.scratch,
	    at.length);
	return attention_operations(at.batch, at.length, width) / (bench_now() - t);
}

worker_run *
worker_attention(char **operands, int n)
{
	at.batch = worker_number(operands, n, 0);
	at.length = worker_number(operands, n, 1);
	at.how.heads = at.how.kv_heads = worker_number(operands, n, 2);
	at.how.head_dim = worker_number(operands, n, 3);
	size_t rows = at.batch * at.length, width = at.how.heads * at.how.head_dim;
	at.spans = calloc(at.batch, sizeof *at.spans);
	if (!rows || !width || !at.spans)
		return NULL;
	for (size_t i = 0; i < at.batch; i++)
		at.spans[i] = (struct span){i * at.length, at.length, 0, i * at.length};
	at.qkv = worker_numbers(3 * rows * width, 1);
	at.dqkv = worker_numbers(3 * rows * width, 1);
	at.o = worker_numbers(rows * width, 1);
	at.d_o = worker_numbers(rows * width, 1);
	at.lse = worker_numbers(rows * at.how.heads, 1);
	at.scratch = worker_numbers(attention_scratch(at.length, (size_t)omp_get_max_threads()), 1);
	return run_attention;
}

/* ---- worker: projection TOKENS WIDTH VOCABULARY; operations a second ---- */

static struct {
	struct config cfg;
	struct params table;
	struct lm_head head;
	struct lm_out out;
	size_t tokens;
	float *w, *g, *h, *dh, *dlogp;
	int32_t *targets;
} pr;

static double
run_projection(void)
{
	double t = bench_now();
	lm_head_backward(&pr.head, pr.dh, pr.g, pr.dlogp, NULL, pr.h, pr.w, pr.targets, pr.tokens, &pr.out);
	return 6.0 * (double)pr.tokens * (double)(pr.cfg.width * pr.cfg.vocab) / (bench_now() - t);
}

worker_run *
worker_projection(char **operands, int n)
{
	struct err e;
	size_t width = worker_number(operands, n, 1);
	pr.tokens = worker_number(operands, n, 0);
	struct shape s = {1, 1, width, 1, worker_number(operands, n, 2), 1, 1};
	pr.targets = calloc(pr.tokens, sizeof *pr.targets);
	if (!pr.tokens || !pr.targets || !width || !s.vocab)
		return NULL;
	pr.cfg = shape_config(&s);
	if (params_build(&pr.table, &pr.cfg, &e) || lm_head_open(&pr.head, &pr.cfg, &pr.table, pr.tokens, &e))
		worker_fail(&e);
	for (size_t i = 0; i < pr.tokens; i++)
		pr.targets[i] = (int32_t)(i * 37 % s.vocab);
	pr.w = worker_numbers(pr.table.size, 0.02f);
	pr.g = worker_numbers(pr.table.size, 0);
	pr.h = worker_numbers(pr.tokens * width, 1);
	pr.dh = worker_numbers(pr.tokens * width, 0);
	pr.dlogp = worker_numbers(pr.tokens, 1e-3f);
	pr.out.logp = worker_numbers(pr.tokens, 0);
	return run_projection;
}

/* ---- worker: adamw PARAMETERS; bytes moved a second: four arrays read, three written ---- */

static struct {
	size_t n;
	float *p, *m, *v, *g;
	uint64_t t;
} ad;

static double
run_adamw(void)
{
	const struct adamw cfg = {0.9, 0.95, 1e-8, 0.1};
	double t = bench_now();
	adamw_update(ad.p, ad.m, ad.v, ad.g, ad.n, &cfg, ++ad.t, 1e-4, 1);
	return 7 * (double)(ad.n * sizeof *ad.p) / (bench_now() - t);
}

worker_run *
worker_adamw(char **operands, int n)
{
	ad.n = worker_number(operands, n, 0);
	if (!ad.n)
		return NULL;
	ad.p = worker_numbers(ad.n, 1);
	ad.m = worker_numbers(ad.n, 0);
	ad.v = worker_numbers(ad.n, 0);
	ad.g = worker_numbers(ad.n, 1);
	return run_adamw;
}

/* ---- cases ---- */

void
bench_attention(struct bench *b)
{
	static const size_t lengths[] = {64, 256, 1024};
	size_t n = b->tiny ? 1 : 3, heads = b->tiny ? 2 : 12, size = b->tiny ? 16 : 64, batch = 4;
	for (size_t i = 0; i < n; i++) {
		char what[80];
		snprintf(what, sizeof what, "parts/attention/%zux%zu", batch, lengths[i]);
		bench_begin(b);
		int ours = bench_worker(b, "ours", "attention %zu %zu %zu %zu", batch, lengths[i], heads, size);
		int roof = bench_worker(b, "OpenBLAS", "sgemm %zu %zu", batch * lengths[i], heads * size);
		int peer = bench_peer(b, "PyTorch float32", TORCH_NEEDS, TORCH " attention %zu %zu %zu %zu %d", batch, lengths[i],
		    heads, size, b->threads);
		bench_measure(b);
		for (int k = 0; k < 2; k++)
			bench_line(b, &(struct line){.what = what, .ours = ours, .beside = k ? peer : roof, .scale = 1e-9,
			    .scale_beside = 1e-9, .unit = "GFLOP/s"});
	}
}

void
bench_projection(struct bench *b)
{
	size_t tokens = b->tiny ? 64 : 1024, width = b->tiny ? 32 : 768, vocab = b->tiny ? 128 : 50257;
	bench_begin(b);
	int ours = bench_worker(b, "ours", "projection %zu %zu %zu", tokens, width, vocab);
	int roof = bench_worker(b, "OpenBLAS", "sgemm %zu %zu %zu", tokens, width, vocab);
	int peer = bench_peer(b, "PyTorch float32", TORCH_NEEDS, TORCH " projection %zu %zu %zu %d", tokens, width, vocab,
	    b->threads);
	bench_measure(b);
	for (int k = 0; k < 2; k++)
		bench_line(b, &(struct line){.what = "parts/projection and loss", .ours = ours, .beside = k ? peer : roof,
		    .scale = 1e-9, .scale_beside = 1e-9, .unit = "GFLOP/s"});
	bench_line(b, &(struct line){.what = "parts/projection and loss", .ours = ours, .beside = peer, .memory = true,
	    .scale = 1e-6, .scale_beside = 1e-6, .unit = "MB peak"});
}

void
bench_adamw(struct bench *b)
{
	size_t n = b->tiny ? 100000 : 30000000;
	bench_begin(b);
	int ours = bench_worker(b, "ours", "adamw %zu", n);
	int roof = bench_worker(b, "copying memory", "copy %zu", 4 * n);
	int peer = bench_peer(b, "PyTorch float32", TORCH_NEEDS, TORCH " adamw %zu %d", n, b->threads);
	bench_measure(b);
	for (int k = 0; k < 2; k++)
		bench_line(b, &(struct line){.what = "parts/adamw", .ours = ours, .beside = k ? peer : roof, .scale = 1e-9,
		    .scale_beside = 1e-9, .unit = "GB/s"});
}
