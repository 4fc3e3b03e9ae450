/* config.h - what a model is: its family and its sizes. */
#ifndef TENON_MODEL_CONFIG_H
#define TENON_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "math/act.h"
#include "math/elem.h"
#include "model/pool.h"

/* A family of transformers. A new one is a row in config.c and a table of tensors in params.c. */
enum arch { ARCH_GPT2, ARCH_LLAMA, ARCH_BERT, ARCH_ROBERTA, ARCH_COUNT };

struct arch_traits {
	const char *name;
	bool rms;      /* RMS norm without bias, else layer norm */
	bool rotary;   /* rotary positions, else a learned table */
	enum act act;  /* of the feed-forward layer */
	bool encoder;  /* attention in both directions, a norm after the embeddings, a transform before
	                * the output projection (Devlin et al. 2019); else causal */
	bool biased;   /* linear layers have biases */
	size_t first_position; /* row of the position table that is of position 0 (RoBERTa: 2) */
};

/* What the task head's outputs are. */
enum task {
	TASK_NONE,       /* there is no task head */
	TASK_CLASSIFY,   /* logits of classes, one of which holds for a row */
	TASK_MULTILABEL, /* of classes, each of which may hold */
	TASK_TAG,        /* of classes, one of which holds for a word */
	TASK_REGRESS,    /* numbers */
	TASK_COUNT
};

/* Linear layers of a block that may have a low-rank adapter. */
enum lora_target { LORA_QUERY, LORA_KEY, LORA_VALUE, LORA_OUT, LORA_GATE, LORA_UP, LORA_DOWN, LORA_TARGETS };

struct config {
	enum arch arch;
	size_t layers, heads, kv_heads, width, hidden, context, vocab;
	bool tied;         /* the output projection is the token embedding */
	double norm_eps, rope_theta;
	struct rope_scaling rope;
	size_t head_size;  /* of queries and keys, 0 = width / heads */
	bool qkv_bias;     /* query, key and value have biases in a family without (Qwen2) */
	bool qk_norm;      /* RMS norms of each head's queries and keys before their positions, in llama (Qwen3) */
	size_t types;      /* token types (segments), 0 = none */
	bool post_norm;    /* norms after each residual sum (Vaswani et al. 2017), else before each branch */
	size_t projection; /* outputs of the projection head of contrastive training, 0 = no such head */
	enum task task;
	size_t outputs;    /* of the task head */
	enum pool pool;    /* what the task head reads of a row; a tag is read off each token */
	bool value;        /* there is a value head: one number a token */
	bool headless;     /* there is no language head */
	bool unnormed;     /* there is no norm after the blocks: what a head reads keeps its length */
	size_t lora_rank;  /* of the adapters (Hu et al. 2022), 0 = none: W + lora_alpha / lora_rank B A */
	double lora_alpha;
	unsigned lora_targets; /* bit 1 << enum lora_target */
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
	return c->head_size ? c->head_size : c->width / c->heads;
}

/* "classify", "multilabel", "tag", "regress". */
const char *config_task_name(enum task t);
/* "query,value" -> bits; 0 and ERR_USAGE when a name is unknown. */
unsigned config_lora_targets(const char *names, struct err *e);

/* Configuration as text, for the key-values of a model stream: names "arch", "layers" ...;
 * config_name(i) is NULL past the last. An optional one may be absent, which means 0, none or the first. */
const char *config_name(size_t i);
bool config_optional(size_t i);
/* It is optional and may be left out. */
bool config_absent(const struct config *c, size_t i);
void config_get(const struct config *c, size_t i, char *buf, size_t n);
int config_set(struct config *c, size_t i, const char *text, struct err *e);

#endif
