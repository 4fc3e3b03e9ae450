/* shapes.h - shapes of models and steps as the operands of workers: GPT-2's family with a tied projection. */
#ifndef TENON_BENCH_SHAPES_H
#define TENON_BENCH_SHAPES_H

#include "bench/bench.h"
#include "model/config.h"

struct shape {
	size_t layers, heads, width, context, vocab; /* of the model */
	size_t batch, length;                        /* rows of a step, and their length */
};

enum { SHAPE_NUMBERS = 7, SHAPE_TEXT = 160 };

/* Our script; PYTHON chooses the interpreter. */
#define PYTHON "${PYTHON:-/usr/bin/python3}"
#define TORCH PYTHON " \"$ROOT/tests/bench/torch_gpt2.py\""
#define TORCH_NEEDS PYTHON " -c 'import torch'"

static inline void
shape_write(const struct shape *s, char text[SHAPE_TEXT])
{
	snprintf(text, SHAPE_TEXT, "%zu %zu %zu %zu %zu %zu %zu", s->layers, s->heads, s->width, s->context, s->vocab, s->batch,
	    s->length);
}

static inline bool
shape_read(struct shape *s, char **operands, int n)
{
	size_t x[SHAPE_NUMBERS];
	for (int i = 0; i < SHAPE_NUMBERS; i++)
		if ((x[i] = worker_number(operands, n, i)) == 0)
			return false;
	*s = (struct shape){x[0], x[1], x[2], x[3], x[4], x[5], x[6]};
	return true;
}

static inline struct config
shape_config(const struct shape *s)
{
	struct config c = {.arch = ARCH_GPT2, .layers = s->layers, .heads = s->heads, .width = s->width, .context = s->context,
	    .vocab = s->vocab, .tied = true};
	config_fill(&c);
	return c;
}

#endif
