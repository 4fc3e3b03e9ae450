/* trunk.h - token ids to hidden states, and the gradient back.
 *
 * Pre-norm: x += out(attention(norm1(x))), x += down(act(up(norm2(x)))), and a norm at the end
 * (Radford et al. 2019; Touvron et al. 2023 with RMS norm, rotary positions, SwiGLU); queries and keys may have norms of their own,
 * a head at a time, before their positions (Yang et al. 2025, after Dehghani et al. 2023). Post-norm:
 * x = norm1(x + out(attention(x))), x = norm2(x + down(act(up(x)))) (Vaswani et al. 2017). An encoder
 * (Devlin et al. 2019) normalises the sum of its embeddings and attends in both directions.
 * Every buffer is planned when the trunk is opened; nothing is allocated afterwards. */
#ifndef TENON_MODEL_TRUNK_H
#define TENON_MODEL_TRUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "math/attention.h"
#include "model/config.h"
#include "model/params.h"

/* n tokens, side by side without padding. ids < vocab, positions < context: the caller's duty. */
struct batch {
	size_t n;
	const int32_t *ids, *positions;
	const struct span *spans; /* cover the n rows in ascending order */
	size_t nspans;
	const int32_t *types;     /* of a model with token types, below their number */
};

/* Keys and values of earlier tokens, for generation: per layer (slots * context, key width). */
struct kvcache {
	struct arena arena;
	real *k, *v;
	size_t slots, context, width;
};

int kvcache_open(struct kvcache *c, const struct config *cfg, size_t slots, struct err *e);
void kvcache_close(struct kvcache *c);

/* What backward needs of a block; in inference all blocks share one set. Post-norm has other uses for
 * what the first norm leaves: n1 is the second sum, mean1 and rstd1 are of its norm. */
struct block_acts {
	real *x, *mean1, *rstd1, *n1; /* input (n,c); norm statistics (n); normed (n,c) */
	real *qkv, *lse, *att;        /* (n, q + 2 kv) after rotation; (n, heads); (n, q) */
	real *raw_q, *rstd_q, *raw_k, *rstd_k; /* with norms of heads: before them (n, q), (n, kv); statistics, one a head */
	real *mid, *mean2, *rstd2, *n2; /* after attention (n,c) ... */
	real *up, *act;               /* before the activation (n, f or 2f); after (n, f) */
};

/* What a forward pass leaves of the blocks: nothing, as inference needs; all that backward reads; or the input
 * of each block, from which backward runs the block again (Chen et al. 2016, section 4): the same bits for less memory and
 * up to a quarter more work. */
enum trunk_keep { KEEP_NOTHING, KEEP_ALL, KEEP_INPUTS };

struct trunk {
	const struct config *cfg;
	const struct params *table;
	size_t max_tokens, max_keys, threads;
	size_t depth;                 /* blocks that forward runs: cfg->layers, fewer for inner states */
	bool train, recompute;
	double dropout;               /* 0, or the probability; of embeddings and both residuals */
	uint64_t seed, step;          /* address the dropout masks: step differs for each forward */
	const bool *skip;             /* [layer * SLOT_COUNT + slot]: its gradient is not wanted; NULL = all are.
	                               * Neighbours that one product makes are skipped together */
	size_t bottom;                /* blocks below need no backward */
	bool skip_embeddings;         /* nor do the embeddings */
	void (*finished)(void *ctx, size_t layer); /* NULL, or told when backward is through with a block */
	void *finished_ctx;
	real *lora_z, *lora_dz;       /* (n, lora_rank) */
	struct arena arena;
	struct block_acts *acts;      /* one for each block; they share all but the input where it is not kept */
	real *embedded, *embed_mean, *embed_rstd; /* sum of the embeddings, its norm; NULL without */
	real *last, *mean, *rstd, *h; /* input of the last norm; its statistics; hidden states (n,c) */
	real *tmp, *dx, *dn, *dwide, *dmid, *scratch;
	real *cos, *sin;              /* of rotary positions (context, head_dim / 2), or NULL */
};

/* For batches of at most max_tokens tokens in spans of at most max_keys keys. cfg and table are
 * borrowed. The number of OpenMP threads must not grow afterwards. Adapters count only in training: merge
 * them before anything else (params_merge_lora). 0 or -1. */
int trunk_open(struct trunk *t, const struct config *cfg, const struct params *table,
    size_t max_tokens, size_t max_keys, enum trunk_keep keep, struct err *e);
void trunk_close(struct trunk *t); /* a zeroed trunk is fine */

/* Bytes that trunk_open would take. SIZE_MAX when absurd. */
size_t trunk_memory(const struct config *cfg, size_t max_tokens, size_t max_keys, enum trunk_keep keep);

/* Sets t->h (n, width): the hidden states after t->depth blocks, with the last norm after all of
 * them (Hugging Face's hidden_states[depth]). With a cache, the keys and values of the batch are appended to it (span
 * s: rows [key + past, key + past + n) of the cache) and attention goes over it. In a trunk
 * opened without training, a row's bits depend on its span alone, not on what is beside it. */
void trunk_forward(struct trunk *t, const real *w, const struct batch *b, struct kvcache *cache);

/* After a forward pass without cache of a trunk opened for training, of which step, seed and dropout are as they were: from dh (n, width) adds to
 * the gradients g. dh is borrowed and unchanged. */
void trunk_backward(struct trunk *t, const real *w, real *g, const struct batch *b, const real *dh);

#endif
