#include "import/hfconfig.h"

#include <stdio.h>
#include <string.h>

#include "base/loadjson.h"

enum { MAX_CONFIG = 1 << 20, USUAL_WINDOW = 4096, USUAL_HEAD = 128 };

static const struct family {
	const char *type;             /* model_type */
	enum arch arch;
	const char *whole, *bare;     /* architectures with and without a language head */
	const char *also;             /* with the language head and more, which is left out */
	bool qkv_bias, qk_norm;
	bool windows;                 /* attention sees sliding windows unless the file says otherwise */
} families[] = {
    {"gpt2", ARCH_GPT2, "GPT2LMHeadModel", "GPT2Model", NULL, false, false, false},
    {"llama", ARCH_LLAMA, "LlamaForCausalLM", "LlamaModel", NULL, false, false, false},
    {"mistral", ARCH_LLAMA, "MistralForCausalLM", "MistralModel", NULL, false, false, true},
    {"qwen2", ARCH_LLAMA, "Qwen2ForCausalLM", "Qwen2Model", NULL, true, false, false},
    {"qwen3", ARCH_LLAMA, "Qwen3ForCausalLM", "Qwen3Model", NULL, false, true, false},
    {"bert", ARCH_BERT, "BertForMaskedLM", "BertModel", "BertForPreTraining", false, false, false},
    {"roberta", ARCH_ROBERTA, "RobertaForMaskedLM", "RobertaModel", NULL, false, false, false},
};

/* What our models always do, as config.json says it; absent is as good. */
static const struct fixed {
	const char *name, *value; /* of JSON */
} fixed[] = {
    {"is_decoder", "false"}, {"is_encoder_decoder", "false"}, {"add_cross_attention", "false"},
    {"attention_bias", "false"}, {"mlp_bias", "false"}, {"scale_attn_weights", "true"},
    {"scale_attn_by_inverse_layer_idx", "false"}, {"position_embedding_type", "\"absolute\""},
    {"use_sliding_window", "false"}, {"pruned_heads", "{}"}, {"quantization_config", "null"},
};

/* NULL when it is absent or null. */
static const json_t *
member(const json_t *j, const char *name)
{
	const json_t *v = json_object_get(j, name);
	return json_is_null(v) ? NULL : v;
}

/* A whole number; `absent` where there is none, and 0 for `absent` means that there must be one. */
static int
get_size(const json_t *j, const char *name, size_t absent, size_t *out, struct err *e)
{
	const json_t *v = member(j, name);
	if (!v && !absent)
		return err_set(e, ERR_DATA, "has no `%s'", name);
	if (v && (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > 1 << 30))
		return err_set(e, ERR_DATA, "`%s' is not a whole number from 1 to 2^30", name);
	*out = v ? (size_t)json_integer_value(v) : absent;
	return 0;
}

static int
get_real(const json_t *j, const char *name, double absent, double *out, struct err *e)
{
	const json_t *v = member(j, name);
	if (v && !json_is_number(v))
		return err_set(e, ERR_DATA, "`%s' is not a number", name);
	*out = v ? json_number_value(v) : absent;
	return 0;
}

static int
get_bool(const json_t *j, const char *name, bool absent, bool *out, struct err *e)
{
	const json_t *v = member(j, name);
	if (v && !json_is_boolean(v))
		return err_set(e, ERR_DATA, "`%s' is neither true nor false", name);
	*out = v ? json_is_true(v) : absent;
	return 0;
}

static int
check_word(const json_t *j, const char *name, const char *a, const char *b, struct err *e)
{
	const char *v = json_string_value(member(j, name));
	if (!member(j, name) || (v && (strcmp(v, a) == 0 || strcmp(v, b) == 0)))
		return 0;
	return err_set(e, ERR_DATA, "`%s' is `%.40s'; only `%s' is supported", name, v ? v : "not a text", a);
}

static int
check_fixed(const json_t *j, const struct fixed *f, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const json_t *v = member(j, f[i].name);
		json_error_t error;
		json_t *want = load_json(f[i].value, strlen(f[i].value), JSON_DECODE_ANY, &error, e);
		if (!want)
			return -1;
		bool same = !v || json_equal(v, want);
		json_decref(want);
		if (!same)
			return err_set(e, ERR_DATA, "`%s' is not %s, which is all that is supported", f[i].name, f[i].value);
	}
	return 0;
}

static int
check_attention(const json_t *j, const struct family *f, size_t context, struct err *e)
{
	double share;
	if (get_real(j, "partial_rotary_factor", 1, &share, e))
		return -1;
	if (share < 1 || share > 1)
		return err_set(e, ERR_DATA, "`partial_rotary_factor' is %g; only 1 is supported", share);
	size_t window;
	const json_t *given = json_object_get(j, "sliding_window");
	if (!f->windows)
		return 0;
	if (get_size(j, "sliding_window", given ? context : USUAL_WINDOW, &window, e))
		return -1;
	if (window < context)
		return err_set(e, ERR_DATA, "`sliding_window' is %zu, smaller than the context of %zu tokens; attention over all of it"
		    " is all that is supported", window, context);
	return 0;
}

/* `rope_scaling`, or what later versions call `rope_parameters`. */
static int
get_rope(const json_t *j, struct config *c, struct err *e)
{
	const json_t *r = member(j, "rope_scaling"), *p = member(j, "rope_parameters");
	if (get_real(j, "rope_theta", 10000, &c->rope_theta, e) || (p && get_real(p, "rope_theta", c->rope_theta, &c->rope_theta, e)))
		return -1;
	r = r ? r : p;
	if (!r)
		return 0;
	if (!json_is_object(r))
		return err_set(e, ERR_DATA, "`rope_scaling' is not an object");
	const char *type = json_string_value(member(r, member(r, "rope_type") ? "rope_type" : "type"));
	if (!type || strcmp(type, "default") == 0)
		return type || r == p ? 0 : err_set(e, ERR_DATA, "`rope_scaling' has no `rope_type'");
	c->rope.kind = strcmp(type, "linear") == 0 ? ROPE_LINEAR : strcmp(type, "llama3") == 0 ? ROPE_LLAMA3 : ROPE_PLAIN;
	if (c->rope.kind == ROPE_PLAIN)
		return err_set(e, ERR_DATA, "rope_scaling `%.40s' is not supported; linear and llama3 are", type);
	if (get_real(r, "factor", 0, &c->rope.factor, e))
		return -1;
	if (c->rope.kind == ROPE_LINEAR)
		return 0;
	return get_real(r, "low_freq_factor", 0, &c->rope.low, e) || get_real(r, "high_freq_factor", 0, &c->rope.high, e) ||
	    get_size(r, "original_max_position_embeddings", 0, &c->rope.original, e) ? -1 : 0;
}

static int
get_gpt2(const json_t *j, struct config *c, struct err *e)
{
	return get_size(j, "n_layer", 0, &c->layers, e) || get_size(j, "n_head", 0, &c->heads, e) ||
	    get_size(j, "n_embd", 0, &c->width, e) || get_size(j, "n_inner", 4 * c->width, &c->hidden, e) ||
	    get_size(j, "n_positions", 0, &c->context, e) || get_real(j, "layer_norm_epsilon", 1e-5, &c->norm_eps, e) ||
	    get_bool(j, "tie_word_embeddings", true, &c->tied, e) ||
	    check_word(j, "activation_function", "gelu_new", "gelu_pytorch_tanh", e) ? -1 : 0;
}

/* What all others call alike. */
static int
get_sizes(const json_t *j, struct config *c, struct err *e)
{
	return get_size(j, "num_hidden_layers", 0, &c->layers, e) || get_size(j, "num_attention_heads", 0, &c->heads, e) ||
	    get_size(j, "hidden_size", 0, &c->width, e) || get_size(j, "intermediate_size", 0, &c->hidden, e) ||
	    get_size(j, "max_position_embeddings", 0, &c->context, e) ? -1 : 0;
}

static int
get_llama(const json_t *j, struct config *c, struct err *e)
{
	if (get_sizes(j, c, e) || get_size(j, "num_key_value_heads", c->heads, &c->kv_heads, e) ||
	    get_size(j, "head_dim", c->qk_norm ? USUAL_HEAD : c->width / c->heads + (c->width < c->heads), &c->head_size, e) ||
	    get_real(j, "rms_norm_eps", 1e-6, &c->norm_eps, e) || get_bool(j, "tie_word_embeddings", false, &c->tied, e) ||
	    check_word(j, "hidden_act", "silu", "swish", e) || get_rope(j, c, e))
		return -1;
	if (c->head_size * c->heads == c->width)
		c->head_size = 0;
	return 0;
}

static int
get_bert(const json_t *j, struct config *c, struct err *e)
{
	size_t pad, offset = config_traits(c)->first_position;
	c->post_norm = true;
	if (get_sizes(j, c, e) || get_size(j, "type_vocab_size", 2, &c->types, e) ||
	    get_real(j, "layer_norm_eps", 1e-12, &c->norm_eps, e) || get_bool(j, "tie_word_embeddings", true, &c->tied, e) ||
	    check_word(j, "hidden_act", "gelu", "gelu_python", e))
		return -1;
	if (!offset)
		return 0;
	if (get_size(j, "pad_token_id", 1, &pad, e))
		return -1;
	if (pad != offset - 1 || c->context <= offset)
		return err_set(e, ERR_DATA, "`pad_token_id' is %zu, must be %zu, and `max_position_embeddings' %zu, must be more than %zu",
		    pad, offset - 1, c->context, offset);
	c->context -= offset;
	return 0;
}

/* Which family it is; sets *bare when it has no language head of its own. */
static const struct family *
find_family(const json_t *j, bool *bare, struct err *e)
{
	const char *type = json_string_value(member(j, "model_type"));
	const json_t *names = member(j, "architectures");
	const char *name = json_string_value(json_array_get(names, 0));
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		const struct family *f = &families[i];
		if (!type || strcmp(type, f->type) != 0)
			continue;
		*bare = name && strcmp(name, f->bare) == 0;
		if (!names || *bare || (name && (strcmp(name, f->whole) == 0 || (f->also && strcmp(name, f->also) == 0))))
			return f;
		err_set(e, ERR_DATA, "architecture `%.60s' is not supported; of %s, %s and %s are", name ? name : "", type, f->whole, f->bare);
		return NULL;
	}
	err_set(e, ERR_DATA, "model_type `%.60s' is not supported; gpt2, llama, mistral, qwen2, qwen3, bert and roberta are", type ? type : "");
	return NULL;
}

static int
read_config(struct config *c, const json_t *j, struct err *e)
{
	bool bare;
	if (!json_is_object(j))
		return err_set(e, ERR_DATA, "is not a JSON object");
	const struct family *f = find_family(j, &bare, e);
	if (!f)
		return -1;
	*c = (struct config){.arch = f->arch, .qkv_bias = f->qkv_bias, .qk_norm = f->qk_norm};
	bool encoder = config_traits(c)->encoder;
	if (get_size(j, "vocab_size", 0, &c->vocab, e) ||
	    (f->arch == ARCH_GPT2 ? get_gpt2 : encoder ? get_bert : get_llama)(j, c, e) ||
	    check_fixed(j, fixed, sizeof fixed / sizeof *fixed, e) || check_attention(j, f, c->context, e))
		return -1;
	/* the head of a tied decoder is its embedding */
	c->headless = bare && (encoder || !c->tied);
	config_fill(c);
	return config_check(c, e);
}

/* NULL with *e filled. */
static json_t *
load(const void *json, size_t n, struct err *e)
{
	json_error_t error;
	json_t *j = NULL;
	if (n > MAX_CONFIG)
		err_set(e, ERR_DATA, "is larger than %d bytes", MAX_CONFIG);
	else if (!(j = load_json(json, n, JSON_REJECT_DUPLICATES, &error, e)) && e->code == ERR_DATA)
		err_prefix(e, "line %d", error.line);
	return j;
}

int
hf_config_parse(struct config *c, const void *json, size_t n, struct err *e)
{
	json_t *j = load(json, n, e);
	int rc = j ? read_config(c, j, e) : -1;
	json_decref(j);
	return rc;
}

/* ---- adapters ---- */

/* Ranks and alphas of single layers: only c_attn may have others, and then as a multiple of both. */
static int
get_patterns(const json_t *j, struct hf_lora *l, struct err *e)
{
	const json_t *ranks = member(j, "rank_pattern"), *alphas = member(j, "alpha_pattern");
	size_t rank;
	double alpha;
	l->joined = 1;
	if (json_object_size(ranks) == 0 && json_object_size(alphas) == 0)
		return 0;
	if (json_object_size(ranks) != 1 || json_object_size(alphas) != 1 || get_size(ranks, "c_attn", 0, &rank, e) ||
	    get_real(alphas, "c_attn", 0, &alpha, e))
		return err_set(e, ERR_DATA, "`rank_pattern' and `alpha_pattern' are for others than c_attn; all adapters must have one rank");
	l->joined = rank / l->rank;
	double want = l->alpha * (double)l->joined;
	if (rank % l->rank || l->joined > 3 || alpha < want || alpha > want)
		return err_set(e, ERR_DATA, "c_attn has rank %zu and alpha %g, which are not one, two or three times %zu and %g", rank, alpha,
		    l->rank, l->alpha);
	return 0;
}

static int
read_lora(struct hf_lora *l, const json_t *j, struct err *e)
{
	static const struct fixed plain[] = {{"peft_type", "\"LORA\""}, {"bias", "\"none\""}, {"use_rslora", "false"},
	    {"use_dora", "false"}, {"modules_to_save", "[]"}, {"layers_to_transform", "[]"}};
	if (!json_is_object(j))
		return err_set(e, ERR_DATA, "is not a JSON object");
	if (!member(j, "peft_type"))
		return err_set(e, ERR_DATA, "has no `peft_type'");
	if (check_fixed(j, plain, sizeof plain / sizeof *plain, e) || get_size(j, "r", 0, &l->rank, e))
		return -1;
	if (!member(j, "lora_alpha"))
		return err_set(e, ERR_DATA, "has no `lora_alpha'");
	return get_real(j, "lora_alpha", 0, &l->alpha, e) || get_patterns(j, l, e) ? -1 : 0;
}

int
hf_lora_parse(struct hf_lora *l, const void *json, size_t n, struct err *e)
{
	json_t *j = load(json, n, e);
	int rc = j ? read_lora(l, j, e) : -1;
	json_decref(j);
	return rc;
}
