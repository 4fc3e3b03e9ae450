/* ggufnames.h - which tensor of GGUF each tensor of a model is, and what llama.cpp calls families and
 * rules: its architectures are gpt2, llama, qwen2 and qwen3. */
#ifndef TENON_TOOLS_GGUFNAMES_H
#define TENON_TOOLS_GGUFNAMES_H

#include <stdbool.h>

#include "gguf.h"
#include "model/params.h"
#include "text/vocab.h"

/* general.architecture of a configuration of gpt2 or llama: llama with biases of query, key and value is qwen2, with norms of
 * queries and keys qwen3. */
const char *gguf_arch(const struct config *c);
/* Sets the family that the n bytes at `name` are, and nothing else; false when it is none of these. */
bool gguf_set_arch(struct config *c, const void *name, size_t n);

/* The name of the tensor that `it` becomes; tensors that follow each other in the table and have the same name are one, the
 * rows of each below those of the one before. False when the family (or GGUF) has none. */
bool gguf_name(const struct config *c, const struct param *it, char name[GGUF_MAX_NAME + 1]);
/* How many tensors of the table from the i-th on are one. */
size_t gguf_joined(const struct config *c, const struct params *p, size_t i);
/* The architecture is llama: alone in it rotary positions turn neighbours, and waves may be stretched as LLaMA 3's are. */
bool gguf_plain_llama(const struct config *c);
/* Which row of the model's tensor is row r of the part that it is: rotary positions turn the halves of a head against each
 * other here and in qwen2 and qwen3, neighbours in llama. */
size_t gguf_row(const struct config *c, const struct param *it, size_t r);

/* What the frequency of pair i of a head is divided by, (head / 2) numbers of a tensor of this name: LLaMA 3's scaling, of
 * which the file says nothing else but by keys of our own, tenon.rope_factor ... behind the architecture's name. */
#define GGUF_ROPE_FREQS "rope_freqs.weight"
double gguf_rope_divisor(const struct config *c, size_t i);

/* A pre-tokeniser by llama.cpp's name (tokenizer.ggml.pre), and what goes with the name unasked. */
struct gguf_pre {
	const char *name, *rule; /* rule: of the same expression here */
	unsigned options;        /* VOCAB_NFC: the tokenizers of that name do it, llama.cpp does not; VOCAB_WHOLE */
	bool begins;             /* a text begins with a token unless the file says that it does not */
};

/* The one of a rule and those of a vocabulary's options that llama.cpp minds; NULL when it has none. */
const struct gguf_pre *gguf_pre_of(enum pretoken rule, unsigned options);
const struct gguf_pre *gguf_pre_named(const void *name, size_t n);
/* A key of our own: whether text is put into normal form C (true or false), where that is not what goes with the name. */
#define GGUF_NFC_KEY "tenon.tokenizer.nfc"

#endif
