#include "model/params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "math/gemm.h"

enum dim { D_NONE, D_VOCAB, D_CONTEXT, D_TYPES, D_WIDTH, D_QUERY, D_KEY, D_HEAD, D_HIDDEN, D_PROJECTION, D_OUTPUTS, D_ONE, D_RANK };

struct row {
	enum slot slot;
	const char *name; /* within the block, for tensors of blocks */
	enum dim rows, cols;
	enum init init;
	const char *foreign; /* likewise */
	unsigned part, parts;
	bool transposed;
};

struct family {
	const char *foreign_block; /* before the block's number */
	const struct row *rows;    /* in memory order, ends with a NULL name */
};

/* Nobody else stores these: their foreign names are our own. */
#define OWN_HEADS \
	{SLOT_PROJECT1, "project1.weight", D_WIDTH, D_WIDTH, INIT_NORMAL, "project1.weight", 0, 1, false}, \
	{SLOT_PROJECT1_B, "project1.bias", D_WIDTH, D_NONE, INIT_ZERO, "project1.bias", 0, 1, false}, \
	{SLOT_PROJECT2, "project2.weight", D_PROJECTION, D_WIDTH, INIT_NORMAL, "project2.weight", 0, 1, false}, \
	{SLOT_SCORE, "score.weight", D_OUTPUTS, D_WIDTH, INIT_NORMAL, "score.weight", 0, 1, false}, \
	{SLOT_SCORE_B, "score.bias", D_OUTPUTS, D_NONE, INIT_ZERO, "score.bias", 0, 1, false}, \
	{SLOT_VALUE, "value.weight", D_ONE, D_WIDTH, INIT_NORMAL, "value.weight", 0, 1, false}, \
	{SLOT_VALUE_B, "value.bias", D_ONE, D_NONE, INIT_ZERO, "value.bias", 0, 1, false}

static const struct row gpt2[] = {
    {SLOT_TOKEN, "embed.token", D_VOCAB, D_WIDTH, INIT_NORMAL, "transformer.wte.weight", 0, 1, false},
    {SLOT_POSITION, "embed.position", D_CONTEXT, D_WIDTH, INIT_NORMAL, "transformer.wpe.weight", 0, 1, false},
    {SLOT_NORM1, "norm1.weight", D_WIDTH, D_NONE, INIT_ONE, "ln_1.weight", 0, 1, false},
    {SLOT_NORM1_B, "norm1.bias", D_WIDTH, D_NONE, INIT_ZERO, "ln_1.bias", 0, 1, false},
    {SLOT_Q, "query.weight", D_QUERY, D_WIDTH, INIT_NORMAL, "attn.c_attn.weight", 0, 3, true},
    {SLOT_K, "key.weight", D_KEY, D_WIDTH, INIT_NORMAL, "attn.c_attn.weight", 1, 3, true},
    {SLOT_V, "value.weight", D_KEY, D_WIDTH, INIT_NORMAL, "attn.c_attn.weight", 2, 3, true},
    {SLOT_Q_B, "query.bias", D_QUERY, D_NONE, INIT_ZERO, "attn.c_attn.bias", 0, 3, false},
    {SLOT_K_B, "key.bias", D_KEY, D_NONE, INIT_ZERO, "attn.c_attn.bias", 1, 3, false},
    {SLOT_V_B, "value.bias", D_KEY, D_NONE, INIT_ZERO, "attn.c_attn.bias", 2, 3, false},
    {SLOT_OUT, "out.weight", D_WIDTH, D_QUERY, INIT_RESIDUAL, "attn.c_proj.weight", 0, 1, true},
    {SLOT_OUT_B, "out.bias", D_WIDTH, D_NONE, INIT_ZERO, "attn.c_proj.bias", 0, 1, false},
    {SLOT_NORM2, "norm2.weight", D_WIDTH, D_NONE, INIT_ONE, "ln_2.weight", 0, 1, false},
    {SLOT_NORM2_B, "norm2.bias", D_WIDTH, D_NONE, INIT_ZERO, "ln_2.bias", 0, 1, false},
    {SLOT_UP, "up.weight", D_HIDDEN, D_WIDTH, INIT_NORMAL, "mlp.c_fc.weight", 0, 1, true},
    {SLOT_UP_B, "up.bias", D_HIDDEN, D_NONE, INIT_ZERO, "mlp.c_fc.bias", 0, 1, false},
    {SLOT_DOWN, "down.weight", D_WIDTH, D_HIDDEN, INIT_RESIDUAL, "mlp.c_proj.weight", 0, 1, true},
    {SLOT_DOWN_B, "down.bias", D_WIDTH, D_NONE, INIT_ZERO, "mlp.c_proj.bias", 0, 1, false},
    {SLOT_NORM, "norm.weight", D_WIDTH, D_NONE, INIT_ONE, "transformer.ln_f.weight", 0, 1, false},
    {SLOT_NORM_B, "norm.bias", D_WIDTH, D_NONE, INIT_ZERO, "transformer.ln_f.bias", 0, 1, false},
    {SLOT_HEAD, "head.weight", D_VOCAB, D_WIDTH, INIT_NORMAL, "lm_head.weight", 0, 1, false},
    OWN_HEADS,
    {SLOT_COUNT, NULL, D_NONE, D_NONE, INIT_ZERO, NULL, 0, 0, false}};

static const struct row llama[] = {
    {SLOT_TOKEN, "embed.token", D_VOCAB, D_WIDTH, INIT_NORMAL, "model.embed_tokens.weight", 0, 1, false},
    {SLOT_NORM1, "norm1.weight", D_WIDTH, D_NONE, INIT_ONE, "input_layernorm.weight", 0, 1, false},
    {SLOT_Q, "query.weight", D_QUERY, D_WIDTH, INIT_NORMAL, "self_attn.q_proj.weight", 0, 1, false},
    {SLOT_K, "key.weight", D_KEY, D_WIDTH, INIT_NORMAL, "self_attn.k_proj.weight", 0, 1, false},
    {SLOT_V, "value.weight", D_KEY, D_WIDTH, INIT_NORMAL, "self_attn.v_proj.weight", 0, 1, false},
    {SLOT_Q_B, "query.bias", D_QUERY, D_NONE, INIT_ZERO, "self_attn.q_proj.bias", 0, 1, false},
    {SLOT_K_B, "key.bias", D_KEY, D_NONE, INIT_ZERO, "self_attn.k_proj.bias", 0, 1, false},
    {SLOT_V_B, "value.bias", D_KEY, D_NONE, INIT_ZERO, "self_attn.v_proj.bias", 0, 1, false},
    {SLOT_Q_NORM, "query_norm.weight", D_HEAD, D_NONE, INIT_ONE, "self_attn.q_norm.weight", 0, 1, false},
    {SLOT_K_NORM, "key_norm.weight", D_HEAD, D_NONE, INIT_ONE, "self_attn.k_norm.weight", 0, 1, false},
    {SLOT_OUT, "out.weight", D_WIDTH, D_QUERY, INIT_RESIDUAL, "self_attn.o_proj.weight", 0, 1, false},
    {SLOT_NORM2, "norm2.weight", D_WIDTH, D_NONE, INIT_ONE, "post_attention_layernorm.weight", 0, 1, false},
    {SLOT_GATE, "gate.weight", D_HIDDEN, D_WIDTH, INIT_NORMAL, "mlp.gate_proj.weight", 0, 1, false},
    {SLOT_UP, "up.weight", D_HIDDEN, D_WIDTH, INIT_NORMAL, "mlp.up_proj.weight", 0, 1, false},
    {SLOT_DOWN, "down.weight", D_WIDTH, D_HIDDEN, INIT_RESIDUAL, "mlp.down_proj.weight", 0, 1, false},
    {SLOT_NORM, "norm.weight", D_WIDTH, D_NONE, INIT_ONE, "model.norm.weight", 0, 1, false},
    {SLOT_HEAD, "head.weight", D_VOCAB, D_WIDTH, INIT_NORMAL, "lm_head.weight", 0, 1, false},
    OWN_HEADS,
    {SLOT_COUNT, NULL, D_NONE, D_NONE, INIT_ZERO, NULL, 0, 0, false}};

/* BERT and RoBERTa differ in names outside of the blocks: `model` before those of the trunk; then those of the
 * transform, its norm, the output layer and its bias. */
#define ENCODER(model, dense, norm, decoder, bias) { \
    {SLOT_TOKEN, "embed.token", D_VOCAB, D_WIDTH, INIT_NORMAL, model ".embeddings.word_embeddings.weight", 0, 1, false}, \
    {SLOT_POSITION, "embed.position", D_CONTEXT, D_WIDTH, INIT_NORMAL, model ".embeddings.position_embeddings.weight", 0, 1, false}, \
    {SLOT_TYPE, "embed.type", D_TYPES, D_WIDTH, INIT_NORMAL, model ".embeddings.token_type_embeddings.weight", 0, 1, false}, \
    {SLOT_EMBED_NORM, "embed.norm.weight", D_WIDTH, D_NONE, INIT_ONE, model ".embeddings.LayerNorm.weight", 0, 1, false}, \
    {SLOT_EMBED_NORM_B, "embed.norm.bias", D_WIDTH, D_NONE, INIT_ZERO, model ".embeddings.LayerNorm.bias", 0, 1, false}, \
    {SLOT_NORM1, "norm1.weight", D_WIDTH, D_NONE, INIT_ONE, "attention.output.LayerNorm.weight", 0, 1, false}, \
    {SLOT_NORM1_B, "norm1.bias", D_WIDTH, D_NONE, INIT_ZERO, "attention.output.LayerNorm.bias", 0, 1, false}, \
    {SLOT_Q, "query.weight", D_QUERY, D_WIDTH, INIT_NORMAL, "attention.self.query.weight", 0, 1, false}, \
    {SLOT_K, "key.weight", D_KEY, D_WIDTH, INIT_NORMAL, "attention.self.key.weight", 0, 1, false}, \
    {SLOT_V, "value.weight", D_KEY, D_WIDTH, INIT_NORMAL, "attention.self.value.weight", 0, 1, false}, \
    {SLOT_Q_B, "query.bias", D_QUERY, D_NONE, INIT_ZERO, "attention.self.query.bias", 0, 1, false}, \
    {SLOT_K_B, "key.bias", D_KEY, D_NONE, INIT_ZERO, "attention.self.key.bias", 0, 1, false}, \
    {SLOT_V_B, "value.bias", D_KEY, D_NONE, INIT_ZERO, "attention.self.value.bias", 0, 1, false}, \
    {SLOT_OUT, "out.weight", D_WIDTH, D_QUERY, INIT_RESIDUAL, "attention.output.dense.weight", 0, 1, false}, \
    {SLOT_OUT_B, "out.bias", D_WIDTH, D_NONE, INIT_ZERO, "attention.output.dense.bias", 0, 1, false}, \
    {SLOT_NORM2, "norm2.weight", D_WIDTH, D_NONE, INIT_ONE, "output.LayerNorm.weight", 0, 1, false}, \
    {SLOT_NORM2_B, "norm2.bias", D_WIDTH, D_NONE, INIT_ZERO, "output.LayerNorm.bias", 0, 1, false}, \
    {SLOT_UP, "up.weight", D_HIDDEN, D_WIDTH, INIT_NORMAL, "intermediate.dense.weight", 0, 1, false}, \
    {SLOT_UP_B, "up.bias", D_HIDDEN, D_NONE, INIT_ZERO, "intermediate.dense.bias", 0, 1, false}, \
    {SLOT_DOWN, "down.weight", D_WIDTH, D_HIDDEN, INIT_RESIDUAL, "output.dense.weight", 0, 1, false}, \
    {SLOT_DOWN_B, "down.bias", D_WIDTH, D_NONE, INIT_ZERO, "output.dense.bias", 0, 1, false}, \
    {SLOT_NORM, "norm.weight", D_WIDTH, D_NONE, INIT_ONE, model ".encoder.LayerNorm.weight", 0, 1, false}, \
    {SLOT_NORM_B, "norm.bias", D_WIDTH, D_NONE, INIT_ZERO, model ".encoder.LayerNorm.bias", 0, 1, false}, \
    {SLOT_TRANSFORM, "transform.weight", D_WIDTH, D_WIDTH, INIT_NORMAL, dense ".weight", 0, 1, false}, \
    {SLOT_TRANSFORM_B, "transform.bias", D_WIDTH, D_NONE, INIT_ZERO, dense ".bias", 0, 1, false}, \
    {SLOT_TRANSFORM_NORM, "transform.norm.weight", D_WIDTH, D_NONE, INIT_ONE, norm ".weight", 0, 1, false}, \
    {SLOT_TRANSFORM_NORM_B, "transform.norm.bias", D_WIDTH, D_NONE, INIT_ZERO, norm ".bias", 0, 1, false}, \
    {SLOT_HEAD, "head.weight", D_VOCAB, D_WIDTH, INIT_NORMAL, decoder, 0, 1, false}, \
    {SLOT_HEAD_B, "head.bias", D_VOCAB, D_NONE, INIT_ZERO, bias, 0, 1, false}, \
    OWN_HEADS, \
    {SLOT_COUNT, NULL, D_NONE, D_NONE, INIT_ZERO, NULL, 0, 0, false}}

static const struct row bert[] = ENCODER("bert", "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm",
    "cls.predictions.decoder.weight", "cls.predictions.bias");
static const struct row roberta[] = ENCODER("roberta", "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder.weight",
    "lm_head.bias");

#define ADAPTER(target, name, in, out) \
	{(enum slot)(SLOT_LORA + 2 * (target)), name ".lora_a", D_RANK, in, INIT_FAN_IN, name ".lora_a", 0, 1, false}, \
	{(enum slot)(SLOT_LORA + 2 * (target) + 1), name ".lora_b", out, D_RANK, INIT_ZERO, name ".lora_b", 0, 1, false}

/* Of all families, in every block. */
static const struct row adapters[2 * LORA_TARGETS] = {
    ADAPTER(LORA_QUERY, "query", D_WIDTH, D_QUERY), ADAPTER(LORA_KEY, "key", D_WIDTH, D_KEY),
    ADAPTER(LORA_VALUE, "value", D_WIDTH, D_KEY), ADAPTER(LORA_OUT, "out", D_QUERY, D_WIDTH),
    ADAPTER(LORA_GATE, "gate", D_WIDTH, D_HIDDEN), ADAPTER(LORA_UP, "up", D_WIDTH, D_HIDDEN),
    ADAPTER(LORA_DOWN, "down", D_HIDDEN, D_WIDTH)};

static const struct family families[ARCH_COUNT] = {
    [ARCH_GPT2] = {"transformer.h.", gpt2},
    [ARCH_LLAMA] = {"model.layers.", llama},
    [ARCH_BERT] = {"bert.encoder.layer.", bert},
    [ARCH_ROBERTA] = {"roberta.encoder.layer.", roberta},
};

enum slot
slot_adapted(enum lora_target t)
{
	static const enum slot adapted[LORA_TARGETS] = {SLOT_Q, SLOT_K, SLOT_V, SLOT_OUT, SLOT_GATE, SLOT_UP, SLOT_DOWN};
	return adapted[t];
}

static bool
in_block(enum slot s)
{
	return s >= SLOT_NORM1 && s <= SLOT_DOWN_B;
}

/* A tensor of the family that the configuration has. */
static bool
present(enum slot s, const struct config *c)
{
	switch (s) {
	case SLOT_TYPE: return c->types > 0;
	case SLOT_Q_B: case SLOT_K_B: case SLOT_V_B: return config_traits(c)->biased || c->qkv_bias;
	case SLOT_Q_NORM: case SLOT_K_NORM: return c->qk_norm;
	case SLOT_NORM: case SLOT_NORM_B: return !c->post_norm && !c->unnormed;
	case SLOT_HEAD: return !c->tied && !c->headless;
	case SLOT_TRANSFORM: case SLOT_TRANSFORM_B: case SLOT_TRANSFORM_NORM: case SLOT_TRANSFORM_NORM_B:
	case SLOT_HEAD_B: return !c->headless;
	case SLOT_PROJECT1: case SLOT_PROJECT1_B: case SLOT_PROJECT2: return c->projection > 0;
	case SLOT_SCORE: case SLOT_SCORE_B: return c->task != TASK_NONE;
	case SLOT_VALUE: case SLOT_VALUE_B: return c->value;
	default: return s < SLOT_LORA || (c->lora_targets >> (s - SLOT_LORA) / 2 & 1);
	}
}

/* Follows its predecessor without a gap. */
static bool
glued(const struct params *p, enum slot s)
{
	return s == SLOT_K || s == SLOT_V || s == SLOT_K_B || s == SLOT_V_B ||
	    (s == SLOT_UP && p->offset[SLOT_GATE] != SIZE_MAX);
}

static size_t
dim_size(enum dim d, const struct config *c)
{
	switch (d) {
	case D_VOCAB: return c->vocab;
	case D_CONTEXT: return c->context + config_traits(c)->first_position;
	case D_TYPES: return c->types;
	case D_PROJECTION: return c->projection;
	case D_WIDTH: return c->width;
	case D_QUERY: return c->heads * config_head_dim(c);
	case D_KEY: return c->kv_heads * config_head_dim(c);
	case D_HEAD: return config_head_dim(c);
	case D_HIDDEN: return c->hidden;
	case D_OUTPUTS: return c->outputs;
	case D_RANK: return c->lora_rank;
	case D_ONE: case D_NONE: break;
	}
	return 1;
}

static size_t
aligned(size_t n)
{
	return (n + 15) & ~(size_t)15;
}

/* Fills one item at the running offset p->size. */
static void
add_item(struct params *p, const struct row *r, const struct config *c, size_t layer)
{
	struct param *it = &p->items[p->n++];
	if (in_block(r->slot) || r->slot >= SLOT_LORA) {
		snprintf(it->name, sizeof it->name, "block.%zu.%s", layer, r->name);
		snprintf(it->foreign, sizeof it->foreign, "%s%zu.%s", families[c->arch].foreign_block,
		    layer, r->foreign);
	} else {
		snprintf(it->name, sizeof it->name, "%s", r->name);
		snprintf(it->foreign, sizeof it->foreign, "%s", r->foreign);
	}
	it->slot = r->slot;
	it->layer = layer;
	it->rank = r->cols == D_NONE ? 1 : 2;
	it->dims[0] = dim_size(r->rows, c);
	it->dims[1] = dim_size(r->cols, c);
	it->size = it->dims[0] * it->dims[1];
	if (!glued(p, r->slot))
		p->size = aligned(p->size);
	it->offset = p->size;
	p->size += it->size;
	p->count += it->size;
	/* a sum that is normalised at once does not grow with depth */
	it->init = r->init == INIT_RESIDUAL && c->post_norm ? INIT_NORMAL : r->init;
	it->decay = it->rank == 2;
	it->part = r->part;
	it->parts = r->parts;
	it->transposed = r->transposed;
	if (layer == 0)
		p->offset[r->slot] = it->offset;
}

static void
add_adapters(struct params *p, const struct config *c)
{
	size_t start = p->size;
	for (size_t l = 0; l < c->layers; l++) {
		for (size_t i = 0; i < sizeof adapters / sizeof *adapters; i++)
			if (present(adapters[i].slot, c))
				add_item(p, &adapters[i], c, l);
		p->size = aligned(p->size);
		if (l == 0)
			p->lora_stride = p->size - start;
	}
}

int
params_build(struct params *p, const struct config *c, struct err *e)
{
	memset(p, 0, sizeof *p);
	const struct row *r = families[c->arch].rows;
	size_t once = 0, each = 0;
	for (const struct row *i = r; i->name; i++)
		*(in_block(i->slot) ? &each : &once) += 1;
	/* config_check bounds every size, so that no product of them overflows 64 bits */
	each += sizeof adapters / sizeof *adapters;
	p->items = mem_zalloc(once + each * c->layers, sizeof *p->items, "parameter table", e);
	if (!p->items)
		return -1;
	for (int s = 0; s < SLOT_COUNT; s++)
		p->offset[s] = SIZE_MAX;
	for (; !in_block(r->slot); r++)
		if (present(r->slot, c))
			add_item(p, r, c, 0);
	const struct row *first = r;
	size_t start = p->size = aligned(p->size);
	for (size_t l = 0; l < c->layers; l++) {
		for (r = first; in_block(r->slot); r++)
			if (present(r->slot, c))
				add_item(p, r, c, l);
		p->size = aligned(p->size);
		if (l == 0)
			p->stride = p->size - start;
	}
	for (; r->name; r++)
		if (present(r->slot, c))
			add_item(p, r, c, 0);
	p->size = aligned(p->size);
	add_adapters(p, c);
	return 0;
}

void
params_free(struct params *p)
{
	free(p->items);
	memset(p, 0, sizeof *p);
}

const struct param *
params_find(const struct params *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->items[i].name, name) == 0)
			return &p->items[i];
	return NULL;
}

/* FNV-1a, so that a tensor's numbers are addressed by its name. */
static uint64_t
name_hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h;
}

void
param_init(real *w, const struct param *it, const struct config *c, uint64_t seed)
{
	real *v = w + it->offset;
	uint64_t h = name_hash(it->name);
	double std = 0.02;
	if (it->init == INIT_RESIDUAL)
		std /= sqrt(2.0 * (double)c->layers);
	else if (it->init == INIT_FAN_IN)
		std = 1 / sqrt(3 * (double)it->dims[1]);
#pragma omp parallel for schedule(static)
	for (size_t j = 0; j < it->size; j++) {
		if (it->init == INIT_ONE || it->init == INIT_ZERO)
			v[j] = it->init == INIT_ONE;
		else
			v[j] = (real)(std * rng_normal(seed, RNG_INIT, h, j));
	}
}

void
params_init(real *w, const struct params *p, const struct config *c, uint64_t seed)
{
	for (size_t i = 0; i < p->n; i++)
		param_init(w, &p->items[i], c, seed);
}

void
params_merge_lora(real *w, const struct params *p, const struct config *c)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct param *b = &p->items[i], *a = b - 1;
		if (b->slot < SLOT_LORA || (b->slot - SLOT_LORA) % 2 == 0)
			continue;
		size_t out = b->dims[0], in = a->dims[1], rank = c->lora_rank;
		real *adapted = w + param_offset(p, slot_adapted((enum lora_target)((b->slot - SLOT_LORA) / 2)), b->layer);
		real scale = (real)(c->lora_alpha / (double)rank);
#pragma omp parallel for schedule(static)
		for (size_t o = 0; o < out; o++)
			gemm_tile(false, false, 1, in, rank, scale, w + b->offset + o * rank, rank, w + a->offset, in, true,
			    adapted + o * in, in);
	}
}
