#include "model/config.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct arch_traits traits[ARCH_COUNT] = {
    [ARCH_GPT2] = {"gpt2", false, false, ACT_GELU_TANH, false, true, 0},
    [ARCH_LLAMA] = {"llama", true, true, ACT_SWIGLU, false, false, 0},
    [ARCH_BERT] = {"bert", false, false, ACT_GELU, true, true, 0},
    [ARCH_ROBERTA] = {"roberta", false, false, ACT_GELU, true, true, 2},
};

static const char *const tasks[] = {"none", "classify", "multilabel", "tag", "regress", NULL};
static const char *const pools[] = {"mean", "first", "last", NULL};
static const char *const targets[] = {"query", "key", "value", "out", "gate", "up", "down", NULL};

static const char *const ropes[] = {"plain", "linear", "llama3", NULL};

enum kind { ARCH, SIZE, BOOL, REAL, TASK, POOL, TARGETS, ROPE };

static const struct item {
	const char *name;
	enum kind kind;
	size_t at;
	bool optional;
} items[] = {
    {"arch", ARCH, offsetof(struct config, arch), false},
    {"layers", SIZE, offsetof(struct config, layers), false},
    {"heads", SIZE, offsetof(struct config, heads), false},
    {"kv_heads", SIZE, offsetof(struct config, kv_heads), false},
    {"width", SIZE, offsetof(struct config, width), false},
    {"hidden", SIZE, offsetof(struct config, hidden), false},
    {"context", SIZE, offsetof(struct config, context), false},
    {"vocab", SIZE, offsetof(struct config, vocab), false},
    {"tied", BOOL, offsetof(struct config, tied), false},
    {"norm_eps", REAL, offsetof(struct config, norm_eps), false},
    {"rope_theta", REAL, offsetof(struct config, rope_theta), false},
    {"rope_scaling", ROPE, offsetof(struct config, rope.kind), true},
    {"rope_factor", REAL, offsetof(struct config, rope.factor), true},
    {"rope_low", REAL, offsetof(struct config, rope.low), true},
    {"rope_high", REAL, offsetof(struct config, rope.high), true},
    {"rope_original", SIZE, offsetof(struct config, rope.original), true},
    {"head_size", SIZE, offsetof(struct config, head_size), true},
    {"qkv_bias", BOOL, offsetof(struct config, qkv_bias), true},
    {"qk_norm", BOOL, offsetof(struct config, qk_norm), true},
    {"types", SIZE, offsetof(struct config, types), true},
    {"post_norm", BOOL, offsetof(struct config, post_norm), true},
    {"projection", SIZE, offsetof(struct config, projection), true},
    {"task", TASK, offsetof(struct config, task), true},
    {"outputs", SIZE, offsetof(struct config, outputs), true},
    {"pool", POOL, offsetof(struct config, pool), true},
    {"value", BOOL, offsetof(struct config, value), true},
    {"headless", BOOL, offsetof(struct config, headless), true},
    {"unnormed", BOOL, offsetof(struct config, unnormed), true},
    {"lora_rank", SIZE, offsetof(struct config, lora_rank), true},
    {"lora_alpha", REAL, offsetof(struct config, lora_alpha), true},
    {"lora_targets", TARGETS, offsetof(struct config, lora_targets), true},
};

const struct arch_traits *
config_traits(const struct config *c)
{
	return &traits[c->arch];
}

int
config_arch(const char *name)
{
	for (int i = 0; i < ARCH_COUNT; i++)
		if (strcmp(traits[i].name, name) == 0)
			return i;
	return -1;
}

static int
index_of(const char *const *names, const char *name, size_t n)
{
	for (int i = 0; names[i]; i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return i;
	return -1;
}

const char *
config_task_name(enum task t)
{
	return tasks[t];
}

unsigned
config_lora_targets(const char *names, struct err *e)
{
	unsigned bits = 0;
	for (size_t n; *names; names += n + (names[n] == ',')) {
		n = strcspn(names, ",");
		int i = index_of(targets, names, n);
		if (i < 0) {
			err_set(e, ERR_USAGE, "`%.*s' is not a layer that can be adapted: query, key, value, out, gate, up, down",
			    n < 60 ? (int)n : 60, names);
			return 0;
		}
		bits |= 1u << i;
	}
	if (!bits)
		err_set(e, ERR_USAGE, "no layer is named that shall have an adapter");
	return bits;
}

void
config_fill(struct config *c)
{
	if (!c->kv_heads)
		c->kv_heads = c->heads;
	if (!c->hidden)
		c->hidden = act_width(config_traits(c)->act) == 2 ? (c->width * 8 / 3 + 31) / 32 * 32 : 4 * c->width;
	if (!(c->norm_eps > 0))
		c->norm_eps = config_traits(c)->encoder ? 1e-12 : 1e-5;
	if (!(c->rope_theta > 0))
		c->rope_theta = 10000;
}

static int
in_range(const char *name, size_t value, size_t most, struct err *e)
{
	if (value >= 1 && value <= most)
		return 0;
	return err_set(e, ERR_DATA, "%s is %zu, must be 1 to %zu", name, value, most);
}

static int
check_heads(const struct config *c, struct err *e)
{
	if ((c->task != TASK_NONE) != (c->outputs > 0) || c->outputs > 1 << 20)
		return err_set(e, ERR_DATA, "a task head %s has %zu outputs, must have 1 to 1048576", tasks[c->task], c->outputs);
	if (!c->lora_rank)
		return c->lora_targets ? err_set(e, ERR_DATA, "adapters need a rank") : 0;
	if (c->lora_rank > c->width || !c->lora_targets || !(c->lora_alpha > 0))
		return err_set(e, ERR_DATA, "adapters of rank %zu and alpha %g: the rank must be at most the width %zu, alpha"
		    " positive, and a layer named", c->lora_rank, c->lora_alpha, c->width);
	if ((c->lora_targets & 1u << LORA_GATE) && act_width(config_traits(c)->act) != 2)
		return err_set(e, ERR_DATA, "a %s model has no layer `gate' to adapt", config_traits(c)->name);
	return 0;
}

/* What only some families have. */
static int
check_traits(const struct config *c, struct err *e)
{
	const struct arch_traits *t = config_traits(c);
	const struct rope_scaling *r = &c->rope;
	if (c->head_size > 1 << 12 || (c->head_size && !t->rotary))
		return err_set(e, ERR_DATA, "head_size is %zu, must be at most 4096, and is for llama", c->head_size);
	if (c->qkv_bias && t->biased)
		return err_set(e, ERR_DATA, "a %s model has biases, qkv_bias is for llama", t->name);
	if (c->qk_norm && (!t->rms || !t->rotary || c->qkv_bias))
		return err_set(e, ERR_DATA, "norms of queries and keys, qk_norm, are for llama, without qkv_bias");
	if (r->kind == ROPE_PLAIN)
		return 0;
	if (!t->rotary)
		return err_set(e, ERR_DATA, "a %s model has no rotary positions to scale", t->name);
	if (!(r->factor >= 1 && r->factor < 1e6))
		return err_set(e, ERR_DATA, "rope_factor is %g, must be 1 to 1e6", r->factor);
	if (r->kind == ROPE_LLAMA3 && !(r->low > 0 && r->high > r->low && r->high < 1e6 && r->original && r->original <= 1 << 22))
		return err_set(e, ERR_DATA, "rope_low %g and rope_high %g must be positive and in order, rope_original %zu 1 to 4194304",
		    r->low, r->high, r->original);
	return 0;
}

int
config_check(const struct config *c, struct err *e)
{
	if (in_range("layers", c->layers, 1024, e) || in_range("heads", c->heads, 1024, e) ||
	    in_range("kv_heads", c->kv_heads, 1024, e) || in_range("width", c->width, 1 << 17, e) ||
	    in_range("hidden", c->hidden, 1 << 19, e) || in_range("context", c->context, 1 << 22, e) ||
	    in_range("vocab", c->vocab, 1 << 24, e))
		return -1;
	if (!c->head_size && c->width % c->heads)
		return err_set(e, ERR_DATA, "width %zu is not a multiple of %zu heads", c->width, c->heads);
	if (c->heads % c->kv_heads)
		return err_set(e, ERR_DATA, "%zu heads are not a multiple of %zu key-value heads", c->heads,
		    c->kv_heads);
	if (config_traits(c)->rotary && config_head_dim(c) % 2)
		return err_set(e, ERR_DATA, "rotary positions need an even head size, not %zu",
		    config_head_dim(c));
	if (!config_traits(c)->encoder && (c->types || c->post_norm))
		return err_set(e, ERR_DATA, "token types and post-norm are for encoders, not %s", config_traits(c)->name);
	if (c->types > 1 << 16 || c->projection > 1 << 17)
		return err_set(e, ERR_DATA, "types is %zu (at most 65536), projection %zu (at most 131072)", c->types,
		    c->projection);
	if (!(c->norm_eps > 0 && c->norm_eps < 1))
		return err_set(e, ERR_DATA, "norm_eps is %g, must be between 0 and 1", c->norm_eps);
	if (!(c->rope_theta >= 1 && c->rope_theta < 1e12))
		return err_set(e, ERR_DATA, "rope_theta is %g, must be 1 to 1e12", c->rope_theta);
	return check_traits(c, e) || check_heads(c, e) ? -1 : 0;
}

const char *
config_name(size_t i)
{
	return i < sizeof items / sizeof *items ? items[i].name : NULL;
}

bool
config_optional(size_t i)
{
	return items[i].optional;
}

static void
get_targets(unsigned bits, char *buf, size_t n)
{
	*buf = 0;
	for (int i = 0; targets[i]; i++)
		if (bits & 1u << i && strlen(buf) + strlen(targets[i]) + 2 < n)
			sprintf(buf + strlen(buf), "%s%s", *buf ? "," : "", targets[i]);
}

bool
config_absent(const struct config *c, size_t i)
{
	const void *p = (const char *)c + items[i].at;
	if (!items[i].optional)
		return false;
	switch (items[i].kind) {
	case ARCH: return false;
	case SIZE: return *(const size_t *)p == 0;
	case BOOL: return !*(const bool *)p;
	case REAL: return !(*(const double *)p != 0);
	case TASK: return *(const enum task *)p == TASK_NONE;
	case POOL: return *(const enum pool *)p == POOL_MEAN;
	case ROPE: return *(const enum rope_kind *)p == ROPE_PLAIN;
	case TARGETS: return *(const unsigned *)p == 0;
	}
	return false;
}

void
config_get(const struct config *c, size_t i, char *buf, size_t n)
{
	const void *p = (const char *)c + items[i].at;
	switch (items[i].kind) {
	case ARCH: snprintf(buf, n, "%s", traits[*(const enum arch *)p].name); break;
	case SIZE: snprintf(buf, n, "%zu", *(const size_t *)p); break;
	case BOOL: snprintf(buf, n, "%d", *(const bool *)p); break;
	case REAL: snprintf(buf, n, "%.17g", *(const double *)p); break;
	case TASK: snprintf(buf, n, "%s", tasks[*(const enum task *)p]); break;
	case POOL: snprintf(buf, n, "%s", pools[*(const enum pool *)p]); break;
	case ROPE: snprintf(buf, n, "%s", ropes[*(const enum rope_kind *)p]); break;
	case TARGETS: get_targets(*(const unsigned *)p, buf, n); break;
	}
}

static int
set_size(size_t *out, const char *name, const char *text, size_t most, struct err *e)
{
	char *end;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || v > most)
		return err_set(e, ERR_DATA, "%s is `%.40s', not a whole number up to %zu", name, text, most);
	*out = (size_t)v;
	return 0;
}

int
config_set(struct config *c, size_t i, const char *text, struct err *e)
{
	void *p = (char *)c + items[i].at;
	size_t v = 0;
	char *end;
	int a;
	switch (items[i].kind) {
	case ARCH:
		if ((a = config_arch(text)) < 0)
			return err_set(e, ERR_DATA, "unknown architecture `%.40s'", text);
		*(enum arch *)p = (enum arch)a;
		return 0;
	case SIZE:
		return set_size(p, items[i].name, text, SIZE_MAX / 2, e);
	case BOOL:
		if (set_size(&v, items[i].name, text, 1, e))
			return -1;
		*(bool *)p = v;
		return 0;
	case REAL:
		*(double *)p = strtod(text, &end);
		if (end == text || *end || !isfinite(*(double *)p))
			return err_set(e, ERR_DATA, "%s is `%.40s', not a number", items[i].name, text);
		return 0;
	case TASK: case POOL: case ROPE:
		a = index_of(items[i].kind == TASK ? tasks : items[i].kind == POOL ? pools : ropes, text, strlen(text));
		if (a < 0)
			return err_set(e, ERR_DATA, "unknown %s `%.40s'", items[i].name, text);
		if (items[i].kind == TASK)
			*(enum task *)p = (enum task)a;
		else if (items[i].kind == POOL)
			*(enum pool *)p = (enum pool)a;
		else
			*(enum rope_kind *)p = (enum rope_kind)a;
		return 0;
	case TARGETS:
		*(unsigned *)p = config_lora_targets(text, e);
		if (!*(unsigned *)p)
			e->code = ERR_DATA;
		return *(unsigned *)p ? 0 : -1;
	}
	return 0;
}
