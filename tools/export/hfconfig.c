/* config.json and generation_config.json. */
#include <string.h>

#include "common/cli.h"
#include "export/folder.h"
#include "text/template.h"

static void
put_size(FILE *f, const char *name, size_t v)
{
	fprintf(f, "  \"%s\": %zu,\n", name, v);
}

static void
put_number(FILE *f, const char *name, double v)
{
	fprintf(f, "  \"%s\": ", name);
	put_real(f, v);
	fputs(",\n", f);
}

/* Without one others would take a token of the original model's. */
static void
put_id(FILE *f, const char *name, int32_t id)
{
	if (id < 0)
		fprintf(f, "  \"%s\": null,\n", name);
	else
		fprintf(f, "  \"%s\": %d,\n", name, id);
}

static void
put_gpt2(FILE *f, const struct config *c)
{
	put_size(f, "n_positions", c->context);
	put_size(f, "n_embd", c->width);
	put_size(f, "n_layer", c->layers);
	put_size(f, "n_head", c->heads);
	put_size(f, "n_inner", c->hidden);
	fputs("  \"activation_function\": \"gelu_new\",\n", f);
	put_number(f, "layer_norm_epsilon", c->norm_eps);
}

static void
put_sizes(FILE *f, const struct config *c)
{
	put_size(f, "hidden_size", c->width);
	put_size(f, "intermediate_size", c->hidden);
	put_size(f, "num_hidden_layers", c->layers);
	put_size(f, "num_attention_heads", c->heads);
	put_size(f, "max_position_embeddings", c->context + config_traits(c)->first_position);
}

static void
put_rope(FILE *f, const struct rope_scaling *r)
{
	if (r->kind == ROPE_PLAIN) {
		fputs("  \"rope_scaling\": null,\n", f);
		return;
	}
	fputs("  \"rope_scaling\": {\n    \"factor\": ", f);
	put_real(f, r->factor);
	if (r->kind == ROPE_LLAMA3) {
		fputs(",\n    \"low_freq_factor\": ", f);
		put_real(f, r->low);
		fputs(",\n    \"high_freq_factor\": ", f);
		put_real(f, r->high);
		fprintf(f, ",\n    \"original_max_position_embeddings\": %zu", r->original);
	}
	fprintf(f, ",\n    \"rope_type\": \"%s\"\n  },\n", r->kind == ROPE_LINEAR ? "linear" : "llama3");
}

static void
put_llama(FILE *f, const struct config *c)
{
	put_sizes(f, c);
	put_size(f, "num_key_value_heads", c->kv_heads);
	if (!c->qkv_bias)
		put_size(f, "head_dim", config_head_dim(c));
	fputs("  \"hidden_act\": \"silu\",\n", f);
	put_number(f, "rms_norm_eps", c->norm_eps);
	put_number(f, "rope_theta", c->rope_theta);
	put_rope(f, &c->rope);
	if (c->qkv_bias)
		fputs("  \"use_sliding_window\": false,\n", f);
	else if (c->qk_norm)
		fputs("  \"attention_bias\": false,\n  \"use_sliding_window\": false,\n", f);
	else
		fputs("  \"attention_bias\": false,\n  \"mlp_bias\": false,\n", f);
}

static void
put_bert(FILE *f, const struct config *c)
{
	put_sizes(f, c);
	put_size(f, "type_vocab_size", c->types ? c->types : 1);
	fputs("  \"hidden_act\": \"gelu\",\n", f);
	put_number(f, "layer_norm_eps", c->norm_eps);
	if (config_traits(c)->first_position)
		put_size(f, "pad_token_id", config_traits(c)->first_position - 1);
}

/* The token that ends a turn where there is a template, else a document. */
static int32_t
end_token(const struct vocab *v)
{
	struct err e;
	struct chat_template t = {0};
	int32_t id = v ? v->end : -1;
	if (v && v->chat_template && template_parse(&t, v->chat_template, strlen(v->chat_template), &e))
		cli_fail(&e);
	if (t.stop)
		id = vocab_special(v, t.stop, strlen(t.stop));
	template_free(&t);
	return id;
}

static void
put_generation(struct outfolder *to, const struct vocab *v)
{
	struct text_file t;
	text_open(&t, to, "generation_config.json");
	fputs("{\n", t.f);
	put_id(t.f, "bos_token_id", v ? v->begin : -1);
	put_id(t.f, "eos_token_id", end_token(v));
	fputs("  \"do_sample\": true\n}\n", t.f);
	text_save(&t);
}

void
put_config(struct outfolder *to, const struct config *c, const struct vocab *v, enum export_type type)
{
	static const char *const names[ARCH_COUNT][2] = {
	    [ARCH_GPT2] = {"GPT2LMHeadModel", "GPT2Model"}, [ARCH_LLAMA] = {"LlamaForCausalLM", "LlamaModel"},
	    [ARCH_BERT] = {"BertForMaskedLM", "BertModel"}, [ARCH_ROBERTA] = {"RobertaForMaskedLM", "RobertaModel"}};
	static const char *const qwen[2][2] = {{"Qwen2ForCausalLM", "Qwen2Model"}, {"Qwen3ForCausalLM", "Qwen3Model"}};
	static const char *const types[] = {"float32", "float16", "bfloat16"};
	struct text_file t;
	text_open(&t, to, "config.json");
	fprintf(t.f, "{\n  \"architectures\": [\n    \"%s\"\n  ],\n  \"model_type\": \"%s\",\n",
	    c->qkv_bias || c->qk_norm ? qwen[c->qk_norm][c->headless] : names[c->arch][c->headless],
	    c->qkv_bias ? "qwen2" : c->qk_norm ? "qwen3" : config_traits(c)->name);
	(c->arch == ARCH_GPT2 ? put_gpt2 : config_traits(c)->encoder ? put_bert : put_llama)(t.f, c);
	put_size(t.f, "vocab_size", c->vocab);
	put_id(t.f, "bos_token_id", v ? v->begin : -1);
	put_id(t.f, "eos_token_id", v ? v->end : -1);
	fprintf(t.f, "  \"tie_word_embeddings\": %s,\n  \"torch_dtype\": \"%s\"\n}\n", c->tied ? "true" : "false", types[type]);
	text_save(&t);
	if (!config_traits(c)->encoder && !c->headless)
		put_generation(to, v);
}
