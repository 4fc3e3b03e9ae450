#include "model/config.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct arch_traits traits[ARCH_COUNT] = {
    [ARCH_GPT2] = {"gpt2", false, false, ACT_GELU_TANH, false},
    [ARCH_LLAMA] = {"llama", true, true, ACT_SWIGLU, false},
    [ARCH_BERT] = {"bert", false, false, ACT_GELU, true},
};

enum kind { ARCH, SIZE, BOOL, REAL };

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
    {"types", SIZE, offsetof(struct config, types), true},
    {"post_norm", BOOL, offsetof(struct config, post_norm), true},
    {"projection", SIZE, offsetof(struct config, projection), true},
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

int
config_check(const struct config *c, struct err *e)
{
	if (in_range("layers", c->layers, 1024, e) || in_range("heads", c->heads, 1024, e) ||
	    in_range("kv_heads", c->kv_heads, 1024, e) || in_range("width", c->width, 1 << 17, e) ||
	    in_range("hidden", c->hidden, 1 << 19, e) || in_range("context", c->context, 1 << 22, e) ||
	    in_range("vocab", c->vocab, 1 << 24, e))
		return -1;
	if (c->width % c->heads)
		return err_set(e, ERR_DATA, "width %zu is not a multiple of %zu heads", c->width, c->heads);
	if (c->heads % c->kv_heads)
		return err_set(e, ERR_DATA, "%zu heads are not a multiple of %zu key-value heads", c->heads,
		    c->kv_heads);
	if (config_traits(c)->rotary && config_head_dim(c) % 2)
		return err_set(e, ERR_DATA, "rotary positions need an even head size, not %zu",
		    config_head_dim(c));
	if (!config_traits(c)->encoder && (c->types || c->post_norm))
		return err_set(e, ERR_DATA, "token types and post-norm are for bert, not %s", config_traits(c)->name);
	if (c->types > 1 << 16 || c->projection > 1 << 17)
		return err_set(e, ERR_DATA, "types is %zu (at most 65536), projection %zu (at most 131072)", c->types,
		    c->projection);
	if (!(c->norm_eps > 0 && c->norm_eps < 1))
		return err_set(e, ERR_DATA, "norm_eps is %g, must be between 0 and 1", c->norm_eps);
	if (!(c->rope_theta >= 1 && c->rope_theta < 1e12))
		return err_set(e, ERR_DATA, "rope_theta is %g, must be 1 to 1e12", c->rope_theta);
	return 0;
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

void
config_get(const struct config *c, size_t i, char *buf, size_t n)
{
	const void *p = (const char *)c + items[i].at;
	switch (items[i].kind) {
	case ARCH: snprintf(buf, n, "%s", traits[*(const enum arch *)p].name); break;
	case SIZE: snprintf(buf, n, "%zu", *(const size_t *)p); break;
	case BOOL: snprintf(buf, n, "%d", *(const bool *)p); break;
	case REAL: snprintf(buf, n, "%.17g", *(const double *)p); break;
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
	}
	return 0;
}
