/* config.h - what a model is: its family and its sizes. */
#ifndef TENON_MODEL_CONFIG_H
#define TENON_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "math/act.h"

/* A family of transformers. A new one is a row in config.c and a table of tensors in params.c. */
enum arch { ARCH_GPT2, ARCH_LLAMA, ARCH_BERT, ARCH_COUNT };

struct arch_traits {
	const char *name;
	bool rms;      /* RMS norm without bias, else layer norm */
	bool rotary;   /* rotary positions, else a learned table */
	enum act act;  /* of the feed-forward layer */
	bool encoder;  /* attention in both directions, a norm after the embeddings, a transform before
	                * the output projection (Devlin et al. 2019); else causal */
};

struct config {
	enum arch arch;
	size_t layers, heads, kv_heads, width, hidden, context, vocab;
	bool tied;         /* the output projection is the token embedding */
	double norm_eps, rope_theta;
	size_t types;      /* token types (segments), 0 = none */
	bool post_norm;    /* norms after each residual sum (Vaswani et al. 2017), else before each branch */
	size_t projection; /* outputs of the projection head of contrastive training, 0 = no such head */
};

const struct arch_traits *config_traits(const struct config *c);
/* "gpt2" -> ARCH_GPT2; -1 when unknown. */
int config_arch(const char *name);

/* The family's defaults for what is zero: kv_heads = heads, hidden = 4 width, or 8/3 width rounded
 * up to 32 where the layer is gated (llama), eps, theta. Flags are left as they are. */
void config_fill(struct config *c);

/* Heads divide the width, groups divide the heads, sizes within limits. 0 or -1 (ERR_DATA). */
int config_check(const struct config *c, struct err *e);

static inline size_t
config_head_dim(const struct config *c)
{
	return c->width / c->heads;
}

/* Configuration as text, for the key-values of a model stream: names "arch", "layers" ...;
 * config_name(i) is NULL past the last. An optional one may be absent, which means 0. */
const char *config_name(size_t i);
bool config_optional(size_t i);
void config_get(const struct config *c, size_t i, char *buf, size_t n);
int config_set(struct config *c, size_t i, const char *text, struct err *e);

#endif
