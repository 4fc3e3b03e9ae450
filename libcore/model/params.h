/* params.h - the one table of a model's tensors.
 *
 * A configuration yields one table: name, shape, offset, initialiser, decay, and the name that
 * the tensor has elsewhere. Weights, gradients and moments are each one contiguous
 * allocation over the same offsets; initialisation, checkpoints, optimizer, import and export
 * walk this table and nothing else knows a tensor's place. */
#ifndef TENON_MODEL_PARAMS_H
#define TENON_MODEL_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "model/config.h"

/* What a tensor is for. The order within a block is the order in memory: query, key, value are
 * neighbours without a gap, so that one product makes all three; gate and up likewise. */
enum slot {
	SLOT_TOKEN, SLOT_POSITION, SLOT_TYPE, SLOT_EMBED_NORM, SLOT_EMBED_NORM_B, /* once, before the blocks */
	SLOT_NORM1, SLOT_NORM1_B, SLOT_Q, SLOT_K, SLOT_V, SLOT_Q_B, SLOT_K_B, SLOT_V_B,
	SLOT_Q_NORM, SLOT_K_NORM,                         /* of every head, (head size) */
	SLOT_OUT, SLOT_OUT_B, SLOT_NORM2, SLOT_NORM2_B, SLOT_GATE, SLOT_UP, SLOT_UP_B,
	SLOT_DOWN, SLOT_DOWN_B,                           /* in every block */
	SLOT_NORM, SLOT_NORM_B,                           /* once, after the blocks */
	SLOT_TRANSFORM, SLOT_TRANSFORM_B, SLOT_TRANSFORM_NORM, SLOT_TRANSFORM_NORM_B, SLOT_HEAD, SLOT_HEAD_B,
	/* heads that a training adds: last, so that the tensors before them keep their places */
	SLOT_PROJECT1, SLOT_PROJECT1_B, SLOT_PROJECT2,    /* of contrastive training */
	SLOT_SCORE, SLOT_SCORE_B, SLOT_VALUE, SLOT_VALUE_B, /* of a task; of reinforcement learning */
	/* adapters, in every block, in the order of enum lora_target; outside of the block's other tensors */
	SLOT_LORA,
	SLOT_COUNT = SLOT_LORA + 2 * LORA_TARGETS
};

/* A (rank, in) and B (out, rank) of an adapter. */
static inline enum slot
slot_lora_a(enum lora_target t)
{
	return (enum slot)(SLOT_LORA + 2 * t);
}

static inline enum slot
slot_lora_b(enum lora_target t)
{
	return (enum slot)(SLOT_LORA + 2 * t + 1);
}

/* The layer that it adapts. */
enum slot slot_adapted(enum lora_target t);

enum init { INIT_NORMAL, INIT_RESIDUAL, INIT_ONE, INIT_ZERO, INIT_FAN_IN };

struct param {
	char name[64];
	enum slot slot;
	size_t layer;        /* of a block, else 0 */
	unsigned rank;       /* 1 or 2 */
	size_t dims[2];      /* (out, in) for linear layers, (n) for rank 1 */
	size_t size;         /* elements */
	size_t offset;       /* elements from the base */
	enum init init;
	bool decay;          /* weight decay applies: rank 2 */
	/* Hugging Face's name. There the tensor is the part-th of `parts` equal row blocks of a
	 * larger one, which is stored transposed, (in, out), if `transposed`. */
	char foreign[96];
	unsigned part, parts;
	bool transposed;
};

struct params {
	struct param *items;
	size_t n;
	size_t size;                  /* elements of the whole allocation, gaps included */
	size_t count;                 /* parameters, gaps not included */
	size_t offset[SLOT_COUNT];    /* of the tensor (in block 0), SIZE_MAX when absent */
	size_t stride;                /* elements from one block to the next */
	size_t lora_stride;           /* and from the adapters of one block to those of the next */
};

/* Builds the table of a checked configuration. 0, or -1 when out of memory. */
int params_build(struct params *p, const struct config *c, struct err *e);
void params_free(struct params *p); /* a zeroed table is fine */
const struct param *params_find(const struct params *p, const char *name);

/* Offset of the tensor of `slot` in block `layer` (0 for those outside of blocks); the base of
 * weights, gradients or moments plus this is its address. SIZE_MAX when the family has none. */
static inline size_t
param_offset(const struct params *p, enum slot slot, size_t layer)
{
	size_t stride = slot >= SLOT_LORA ? p->lora_stride : p->stride;
	return p->offset[slot] == SIZE_MAX ? SIZE_MAX : p->offset[slot] + layer * stride;
}

/* The output projection: the token embedding when tied. */
static inline size_t
head_offset(const struct params *p)
{
	size_t o = param_offset(p, SLOT_HEAD, 0);
	return o == SIZE_MAX ? param_offset(p, SLOT_TOKEN, 0) : o;
}

/* Initial values: normal(0, 0.02), residual projections normal(0, 0.02 / sqrt(2 layers))
 * (Radford et al. 2019), norms one, biases zero, A of adapters normal(0, 1 / sqrt(3 in)), B zero. Each tensor's numbers come from the seed and its
 * name alone, so a new tensor disturbs no other. */
void params_init(real *w, const struct params *p, const struct config *c, uint64_t seed);
/* The same for one tensor. */
void param_init(real *w, const struct param *it, const struct config *c, uint64_t seed);

/* Adds each adapter's product to the layer that it adapts: W += lora_alpha / lora_rank B A. */
void params_merge_lora(real *w, const struct params *p, const struct config *c);

#endif
