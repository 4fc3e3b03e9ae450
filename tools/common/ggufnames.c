#include "common/ggufnames.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	enum arch arch;
	bool qkv_bias, qk_norm;
} archs[] = {{"gpt2", ARCH_GPT2, false, false}, {"llama", ARCH_LLAMA, false, false}, {"qwen2", ARCH_LLAMA, true, false},
    {"qwen3", ARCH_LLAMA, false, true}};

static const struct {
	enum slot slot;
	const char *gpt2, *llama; /* NULL: the architecture has none */
} names[] = {
    {SLOT_TOKEN, "token_embd.weight", "token_embd.weight"},
    {SLOT_POSITION, "position_embd.weight", NULL},
    {SLOT_NORM1, "blk.attn_norm.weight", "blk.attn_norm.weight"},
    {SLOT_NORM1_B, "blk.attn_norm.bias", NULL},
    {SLOT_Q, "blk.attn_qkv.weight", "blk.attn_q.weight"},
    {SLOT_K, "blk.attn_qkv.weight", "blk.attn_k.weight"},
    {SLOT_V, "blk.attn_qkv.weight", "blk.attn_v.weight"},
    {SLOT_Q_B, "blk.attn_qkv.bias", "blk.attn_q.bias"},
    {SLOT_K_B, "blk.attn_qkv.bias", "blk.attn_k.bias"},
    {SLOT_V_B, "blk.attn_qkv.bias", "blk.attn_v.bias"},
    {SLOT_Q_NORM, NULL, "blk.attn_q_norm.weight"},
    {SLOT_K_NORM, NULL, "blk.attn_k_norm.weight"},
    {SLOT_OUT, "blk.attn_output.weight", "blk.attn_output.weight"},
    {SLOT_OUT_B, "blk.attn_output.bias", "blk.attn_output.bias"},
    {SLOT_NORM2, "blk.ffn_norm.weight", "blk.ffn_norm.weight"},
    {SLOT_NORM2_B, "blk.ffn_norm.bias", NULL},
    {SLOT_GATE, NULL, "blk.ffn_gate.weight"},
    {SLOT_UP, "blk.ffn_up.weight", "blk.ffn_up.weight"},
    {SLOT_UP_B, "blk.ffn_up.bias", "blk.ffn_up.bias"},
    {SLOT_DOWN, "blk.ffn_down.weight", "blk.ffn_down.weight"},
    {SLOT_DOWN_B, "blk.ffn_down.bias", "blk.ffn_down.bias"},
    {SLOT_NORM, "output_norm.weight", "output_norm.weight"},
    {SLOT_NORM_B, "output_norm.bias", NULL},
    {SLOT_HEAD, "output.weight", "output.weight"},
};

const char *
gguf_arch(const struct config *c)
{
	for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
		if (archs[i].arch == c->arch && archs[i].qkv_bias == c->qkv_bias && archs[i].qk_norm == c->qk_norm)
			return archs[i].name;
	return NULL;
}

bool
gguf_set_arch(struct config *c, const void *name, size_t n)
{
	for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
		if (strlen(archs[i].name) == n && memcmp(archs[i].name, name, n) == 0) {
			c->arch = archs[i].arch;
			c->qkv_bias = archs[i].qkv_bias;
			c->qk_norm = archs[i].qk_norm;
			return true;
		}
	return false;
}

bool
gguf_name(const struct config *c, const struct param *it, char name[GGUF_MAX_NAME + 1])
{
	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		const char *at = c->arch == ARCH_LLAMA ? names[k].llama : names[k].gpt2;
		if (names[k].slot != it->slot || !at)
			continue;
		if (strncmp(at, "blk.", 4) == 0)
			snprintf(name, GGUF_MAX_NAME + 1, "blk.%zu.%s", it->layer, at + 4);
		else
			snprintf(name, GGUF_MAX_NAME + 1, "%s", at);
		return true;
	}
	return false;
}

size_t
gguf_joined(const struct config *c, const struct params *p, size_t i)
{
	char first[GGUF_MAX_NAME + 1], next[GGUF_MAX_NAME + 1];
	size_t n = 1;
	if (!gguf_name(c, &p->items[i], first))
		return 1;
	while (i + n < p->n && gguf_name(c, &p->items[i + n], next) && strcmp(first, next) == 0)
		n++;
	return n;
}

/* llama itself, not its variants. */
bool
gguf_plain_llama(const struct config *c)
{
	return c->arch == ARCH_LLAMA && !c->qkv_bias && !c->qk_norm;
}

size_t
gguf_row(const struct config *c, const struct param *it, size_t r)
{
	size_t half = config_head_dim(c) / 2, in = r % (2 * half);
	bool turned = it->slot == SLOT_Q || it->slot == SLOT_K || it->slot == SLOT_Q_B || it->slot == SLOT_K_B;
	return gguf_plain_llama(c) && turned ? r - in + in / 2 + in % 2 * half : r;
}

double
gguf_rope_divisor(const struct config *c, size_t i)
{
	size_t hd = config_head_dim(c);
	return rope_frequency(i, hd, c->rope_theta, NULL) / rope_frequency(i, hd, c->rope_theta, &c->rope);
}

/* Of several with one rule and the same options the first is written. */
static const struct gguf_pre pres[] = {{"gpt-2", "gpt2", 0, false}, {"dbrx", "gpt4", 0, false},
    {"llama-bpe", "gpt4", VOCAB_WHOLE, true}, {"llama3", "gpt4", VOCAB_WHOLE, true}, {"llama-v3", "gpt4", VOCAB_WHOLE, true},
    {"qwen2", "qwen2", VOCAB_NFC, false}, {"smollm", "smollm", 0, false}};

const struct gguf_pre *
gguf_pre_of(enum pretoken rule, unsigned options)
{
	for (size_t i = 0; i < sizeof pres / sizeof *pres; i++)
		if (strcmp(pres[i].rule, pretoken_name(rule)) == 0 && ((pres[i].options ^ options) & ~(unsigned)VOCAB_NFC) == 0)
			return &pres[i];
	return NULL;
}

const struct gguf_pre *
gguf_pre_named(const void *name, size_t n)
{
	for (size_t i = 0; i < sizeof pres / sizeof *pres; i++)
		if (strlen(pres[i].name) == n && memcmp(pres[i].name, name, n) == 0)
			return &pres[i];
	return NULL;
}
