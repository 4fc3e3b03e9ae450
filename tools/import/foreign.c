#include "import/foreign.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

bool
foreign_finite(const struct st_tensor *t)
{
	unsigned bad = 0;
	uint32_t mask = t->dtype == ST_F32 ? 0x7f800000 : t->dtype == ST_F16 ? 0x7c00 : 0x7f80;
	const char *p = t->data;
	size_t size = st_dtype_size(t->dtype);
	for (uint64_t i = 0; i < t->count; i++) {
		uint32_t w = 0;
		memcpy(&w, p + i * size, size);
		bad |= (w & mask) == mask;
	}
	return !bad;
}

static bool
ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);
	return n >= m && strcmp(s + n - m, end) == 0;
}

/* Ones on and below the diagonal, zeros above. */
static bool
is_causal(const double *v, const struct st_tensor *t, const struct config *c)
{
	size_t n = (size_t)sqrt((double)t->count);
	(void)c;
	for (size_t i = 0; i < n * n; i++)
		if ((v[i] != 0) != (i % n <= i / n))
			return false;
	return n * n == t->count && n > 0;
}

static bool
is_large(const double *v, const struct st_tensor *t, const struct config *c)
{
	(void)c;
	return t->count == 1 && v[0] <= -1000;
}

static bool
is_count(const double *v, const struct st_tensor *t, const struct config *c)
{
	(void)c;
	for (size_t i = 0; i < t->count; i++)
		if (!(fabs(v[i] - (double)i) < 0.5))
			return false;
	return true;
}

/* Files in 16 bits have only about three digits. */
static bool
is_frequencies(const double *v, const struct st_tensor *t, const struct config *c)
{
	size_t hd = config_head_dim(c);
	bool plain = true, scaled = true;
	for (size_t i = 0; i < t->count; i++) {
		plain = plain && fabs(v[i] / rope_frequency(i, hd, c->rope_theta, NULL) - 1) < 0.01;
		scaled = scaled && fabs(v[i] / rope_frequency(i, hd, c->rope_theta, &c->rope) - 1) < 0.01;
	}
	return t->count == hd / 2 && (plain || scaled);
}

static const struct buffer {
	const char *end;
	bool (*sound)(const double *v, const struct st_tensor *t, const struct config *c);
	const char *what;
} buffers[] = {
    {".attn.bias", is_causal, "the causal mask"},
    {".attn.masked_bias", is_large, "what a masked score is set to"},
    {"embeddings.position_ids", is_count, "the numbers of positions"},
    {"rotary_emb.inv_freq", is_frequencies, "the frequencies of rotary positions"},
};

static bool
equal(const struct st_tensor *a, const struct st_tensor *b)
{
	return b && a->dtype == b->dtype && a->bytes == b->bytes && memcmp(a->data, b->data, a->bytes) == 0;
}

static const char *
check_buffer(const struct buffer *b, const struct st_tensor *t, const struct config *c, struct err *e)
{
	double *v = mem_zalloc(t->count, sizeof *v, "a buffer", e);
	if (!v)
		return NULL;
	bool sound = st_read_double(t, v, t->count, e) == 0 && b->sound(v, t, c);
	free(v);
	if (!sound)
		err_set(e, ERR_DATA, "not %s of the configuration", b->what);
	return sound ? b->what : NULL;
}

const char *
foreign_harmless(const struct st_tensor *t, const struct config *c, const struct st_tensor *const same[2], struct err *e)
{
	const char *name = t->name;
	bool encoder = config_traits(c)->encoder;
	for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
		if (ends_in(name, buffers[i].end))
			return check_buffer(&buffers[i], t, c, e);
	bool head = strcmp(name, "lm_head.weight") == 0 || (encoder && ends_in(name, ".decoder.weight"));
	if (head && c->tied && !c->headless) {
		if (!equal(t, same[0]))
			err_set(e, ERR_DATA, "not the token embedding, which the configuration ties it to");
		return equal(t, same[0]) ? "a copy of the token embedding" : NULL;
	}
	if (encoder && ends_in(name, ".decoder.bias") && equal(t, same[1]))
		return "a copy of the output layer's bias";
	if (encoder && strstr(name, "pooler.dense."))
		return "which pools for tasks that are not here";
	if (encoder && strncmp(name, "cls.seq_relationship.", 21) == 0)
		return "which tells whether a sentence follows";
	err_set(e, ERR_DATA, "not one of the model's");
	return NULL;
}
