/* generate.h - tokens from prompts, many at a time, with a key-value cache.
 *
 * Every stream has a slot. A pass takes from each live stream either the next piece of its prompt
 * or its last token; a stream that ends leaves its slot to the next prompt. What a stream generates
 * depends on its prompt, its number, the seed and the options: neither on what is generated
 * beside it, nor on the number of slots or threads (trunk.h). */
#ifndef TENON_MODEL_GENERATE_H
#define TENON_MODEL_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "model/sample.h"
#include "model/trunk.h"

struct gen_opts {
	struct sample_opts sample;
	size_t max_new; /* tokens to generate, > 0 */
	int32_t end;    /* token at which a stream ends, -1: none */
	uint64_t seed;  /* token i of a sequence is drawn with rng_uniform(seed, RNG_SAMPLE, i, stream) */
};

struct gen_prompt {
	const int32_t *ids; /* n > 0 of them; streams may share them */
	size_t n;
	uint64_t stream;    /* address of its random numbers */
};

enum gen_reason {
	GEN_RUNNING,
	GEN_END,    /* the end token came: it is the last of the ids */
	GEN_LENGTH, /* max_new tokens were generated */
	GEN_FULL,   /* the longest sequence is reached: the model's context, or generator_open's length */
	GEN_STOPPED /* the caller's callback said so */
};

/* A sequence as the callbacks see it; borrowed until they return. */
struct gen_result {
	size_t item;        /* index of its prompt */
	const int32_t *ids; /* n: prompt, then what was generated */
	size_t prompt, n;
	const real *logp;   /* n - prompt: log-probabilities of the generated tokens under the model */
	enum gen_reason reason;
};

struct gen_sink {
	/* After each new token, with GEN_RUNNING or what ended the stream. True ends it (GEN_STOPPED). May
	 * be NULL. */
	bool (*token)(void *ctx, const struct gen_result *r);
	/* At the end of each stream, in the order in which they end. 0, or -1 with *e filled. */
	int (*done)(void *ctx, const struct gen_result *r, struct err *e);
	void *ctx;
};

struct generator {
	const struct config *cfg;
	struct config shorter;     /* of a context of `length`: what the trunk borrows, so a generator stays where it is */
	const struct params *table;
	size_t slots, length, max_tokens;
	struct arena arena;
	struct trunk trunk;
	struct kvcache cache;
	struct gen_slot {
		bool live;
		size_t item, prompt, n, fed; /* fed: tokens whose keys and values are in the cache */
	} *slot;
	int32_t *ids;              /* (slots, length) */
	real *logp;                /* (slots, length) */
	int32_t *batch_ids, *batch_positions; /* (max_tokens) of a pass */
	struct span *spans;        /* (slots) of a pass, ... */
	size_t *owner;             /* ... and whose they are */
	size_t *ready, nready;     /* streams that have logits after the pass */
	real *rows, *logits;       /* (slots, width), (slots, vocab) */
	int32_t *picked;           /* (slots) */
	real *picked_logp;         /* (slots) */
	char *scratch;
};

/* For up to `slots` streams at a time of at most `length` tokens each, prompt included (more than
 * the context: the context). All memory is taken here. cfg and table are borrowed. The number of
 * OpenMP threads must not grow afterwards. 0 or -1. */
int generator_open(struct generator *g, const struct config *cfg, const struct params *table,
    size_t slots, size_t length, struct err *e);
void generator_close(struct generator *g); /* a zeroed generator is fine */

/* Continues n prompts. ERR_DATA naming the prompt when it is empty, leaves no room for a token or
 * has an id outside of the vocabulary, before anything is generated; ERR_NONFINITE when logits are
 * not finite. */
int generate(struct generator *g, const real *w, const struct gen_prompt *prompts, size_t n,
    const struct gen_opts *o, const struct gen_sink *sink, struct err *e);

#endif
