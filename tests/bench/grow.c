/* grow.c - how cost grows with context, width, vocabulary, threads and the size of files: rate and peak memory at each size. */
#include "bench/shapes.h"

static void
step(struct bench *b, const char *what, size_t size, const struct shape *s, int threads)
{
	char name[80], spelled[SHAPE_TEXT];
	shape_write(s, spelled);
	snprintf(name, sizeof name, "grow/%s/%zu", what, size);
	bench_begin(b);
	int ours = bench_worker(b, "ours", "train %s %d", spelled, threads);
	int peer = bench_peer(b, "PyTorch float32", TORCH_NEEDS, TORCH " train %s %d float32", spelled, threads);
	bench_measure(b);
	bench_line(b, &(struct line){.what = name, .ours = ours, .beside = peer, .unit = "tokens/s", .size = (double)size});
	bench_line(b, &(struct line){.what = name, .ours = ours, .beside = peer, .memory = true, .scale = 1e-6,
	    .scale_beside = 1e-6, .unit = "MB peak", .size = (double)size});
}

/* A step always has as many tokens. */
void
bench_grow_context(struct bench *b)
{
	for (size_t n = b->tiny ? 16 : 64; n <= (b->tiny ? 32 : 2048); n *= 2)
		step(b, "context", n, &(struct shape){6, 6, b->tiny ? 48 : 384, n, b->tiny ? 64 : 8192, (b->tiny ? 64 : 4096) / n, n},
		    b->threads);
}

void
bench_grow_width(struct bench *b)
{
	for (size_t w = b->tiny ? 32 : 128; w <= (b->tiny ? 64 : 1024); w *= 2)
		step(b, "width", w, &(struct shape){b->tiny ? 1 : 6, w / 32, w, 256, b->tiny ? 64 : 8192, b->tiny ? 1 : 8, b->tiny ? 16 : 256},
		    b->threads);
}

void
bench_grow_vocab(struct bench *b)
{
	for (size_t v = b->tiny ? 64 : 1024; v <= (b->tiny ? 256 : 65536); v *= 4)
		step(b, "vocabulary", v, &(struct shape){b->tiny ? 1 : 6, 6, b->tiny ? 48 : 384, 256, v, b->tiny ? 1 : 8, b->tiny ? 16 : 256},
		    b->threads);
}

void
bench_grow_threads(struct bench *b)
{
	for (int n = 1; n <= b->threads; n *= 2)
		step(b, "threads", (size_t)n, &(struct shape){b->tiny ? 1 : 6, 6, b->tiny ? 48 : 384, 256, b->tiny ? 64 : 8192,
		    b->tiny ? 1 : 8, b->tiny ? 16 : 256}, n);
}

void
bench_grow_file(struct bench *b)
{
	static const char *const tools[][2] = {{"learn", "tvocab -q -n 600 --split line text"},
	    {"encode", "ttok -q -m vocab.ten text"}, {"json", "timport -q --as text rows.jsonl"},
	    {"shuffle", "tshuf -q --memory 4M rows.ten"}};
	int n = sizeof tools / sizeof *tools;
	for (int copies = b->tiny ? 1 : 16; copies <= (b->tiny ? 2 : 1024); copies *= b->tiny ? 2 : 4) {
		if (!bench_make(b, "sh \"$ROOT/tests/bench/data.sh\" %d", copies))
			return;
		double size = bench_size(b, "text");
		bench_begin(b);
		for (int i = 0; i < n; i++)
			bench_command(b, tools[i][0], NULL, true, size, "%s", tools[i][1]);
		bench_measure(b);
		for (int i = 0; i < n; i++)
			for (int memory = 0; memory < 2; memory++) {
				char what[80];
				snprintf(what, sizeof what, "grow/%s/%.1f MB", tools[i][0], 1e-6 * size);
				bench_line(b, &(struct line){.what = what, .ours = i + 1, .memory = memory, .scale = 1e-6,
				    .unit = memory ? "MB peak" : "MB/s", .size = 1e-6 * size});
			}
	}
}
