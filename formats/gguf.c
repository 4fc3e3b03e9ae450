/* Reading GGUF: nothing in a file is trusted. Every length is compared with the bytes that are left before it is used, so no
 * count can ask for more memory than a small multiple of the file's size, and all work is linear but for sorting names. */
#include "gguf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mapfile.h"
#include "base/mem.h"
#include "layout.h" /* that the machine is little-endian */

enum { VERSION = 3, DEFAULT_ALIGNMENT = 32, MAX_ALIGNMENT = 1 << 20, MAX_DEPTH = 4, MAX_KEY = 65535,
	MIN_FILE = 4 + 4 + 8 + 8, MIN_KV = 8 + 1 + 4 + 1, MIN_TENSOR = 8 + 1 + 4 + 8 + 4 + 8 };

static const size_t kind_size[GGUF_KINDS] = {[GGUF_U8] = 1, [GGUF_I8] = 1, [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4,
    [GGUF_I32] = 4, [GGUF_FLOAT32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_FLOAT64] = 8};

struct cursor {
	const uint8_t *start, *p;
	size_t left;
};

static size_t
offset(const struct cursor *c)
{
	return (size_t)(c->p - c->start);
}

static int
need(const struct cursor *c, uint64_t n, struct err *e)
{
	return n <= c->left ? 0 : err_set(e, ERR_DATA, "offset %zu: %llu bytes are wanted, the file has %zu more", offset(c),
	    (unsigned long long)n, c->left);
}

static int
take(struct cursor *c, uint64_t n, const uint8_t **p, struct err *e)
{
	if (need(c, n, e))
		return -1;
	*p = c->p;
	c->p += n;
	c->left -= (size_t)n;
	return 0;
}

static int
take_copy(struct cursor *c, void *x, size_t n, struct err *e)
{
	const uint8_t *p;
	if (take(c, n, &p, e))
		return -1;
	memcpy(x, p, n);
	return 0;
}

static int
take_u32(struct cursor *c, uint32_t *x, struct err *e)
{
	return take_copy(c, x, sizeof *x, e);
}

static int
take_u64(struct cursor *c, uint64_t *x, struct err *e)
{
	return take_copy(c, x, sizeof *x, e);
}

/* A name: 1 to `most` bytes, printable ASCII without spaces; owned. */
static int
take_name(struct cursor *c, const char *what, size_t most, char **name, struct err *e)
{
	size_t at = offset(c);
	uint64_t n;
	const uint8_t *p;
	if (take_u64(c, &n, e))
		return -1;
	if (n == 0 || n > most)
		return err_set(e, ERR_DATA, "offset %zu: the name of a %s has %llu bytes, must have 1 to %zu", at, what,
		    (unsigned long long)n, most);
	if (take(c, n, &p, e))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (p[i] <= 0x20 || p[i] >= 0x7f)
			return err_set(e, ERR_DATA, "offset %zu: the name of a %s has byte 0x%02x", at, what, p[i]);
	*name = strndup((const char *)p, n);
	return *name ? 0 : err_nomem(e, n, "a name");
}

/* ---- values ---- */

static int
check_bools(const struct cursor *c, const uint8_t *p, uint64_t n, struct err *e)
{
	for (uint64_t i = 0; i < n; i++)
		if (p[i] > 1)
			return err_set(e, ERR_DATA, "offset %zu: a truth value is %u, must be 0 or 1", (size_t)(p + i - c->start), p[i]);
	return 0;
}

static int skip_items(struct cursor *c, uint32_t item, uint64_t n, int depth, struct err *e);

static int
take_array(struct cursor *c, uint32_t *item, uint64_t *n, int depth, struct err *e)
{
	if (depth == MAX_DEPTH)
		return err_set(e, ERR_DATA, "offset %zu: arrays in arrays, deeper than %d", offset(c), MAX_DEPTH);
	if (take_u32(c, item, e) || take_u64(c, n, e))
		return -1;
	if (*item >= GGUF_KINDS)
		return err_set(e, ERR_DATA, "offset %zu: unknown type %u of an array", offset(c) - 12, *item);
	/* the least that an item takes, so that a count says nothing that the file cannot hold */
	size_t least = kind_size[*item] ? kind_size[*item] : *item == GGUF_STRING ? 8 : 12;
	if (*n > c->left / least)
		return err_set(e, ERR_DATA, "offset %zu: an array of %llu items, the file has %zu more bytes", offset(c) - 8,
		    (unsigned long long)*n, c->left);
	return 0;
}

static int
skip_items(struct cursor *c, uint32_t item, uint64_t n, int depth, struct err *e)
{
	const uint8_t *p;
	if (kind_size[item])
		return take(c, n * kind_size[item], &p, e) || (item == GGUF_BOOL && check_bools(c, p, n, e)) ? -1 : 0;
	for (uint64_t i = 0; i < n; i++) {
		uint32_t inner;
		uint64_t size;
		if (item == GGUF_STRING) {
			if (take_u64(c, &size, e) || take(c, size, &p, e))
				return -1;
		} else if (take_array(c, &inner, &size, depth + 1, e) || skip_items(c, inner, size, depth + 1, e)) {
			return -1;
		}
	}
	return 0;
}

static int
take_value(struct cursor *c, struct gguf_value *v, struct err *e)
{
	uint32_t kind, item = GGUF_U8;
	size_t at = offset(c);
	if (take_u32(c, &kind, e))
		return -1;
	if (kind >= GGUF_KINDS)
		return err_set(e, ERR_DATA, "offset %zu: unknown type %u of a value", at, kind);
	v->kind = (enum gguf_kind)kind;
	v->n = 1;
	if (kind == GGUF_STRING)
		return take_u64(c, &v->n, e) || take(c, v->n, &v->data, e) ? -1 : 0;
	if (kind != GGUF_ARRAY)
		return take(c, kind_size[kind], &v->data, e) || (kind == GGUF_BOOL && check_bools(c, v->data, 1, e)) ? -1 : 0;
	if (take_array(c, &item, &v->n, 0, e))
		return -1;
	v->item = (enum gguf_kind)item;
	v->data = c->p;
	return skip_items(c, item, v->n, 0, e);
}

static int
by_key(const void *a, const void *b)
{
	return strcmp(((const struct gguf_kv *)a)->key, ((const struct gguf_kv *)b)->key);
}

static int
take_kvs(struct gguf *g, struct cursor *c, uint64_t n, struct err *e)
{
	if (n > c->left / MIN_KV)
		return err_set(e, ERR_DATA, "%llu keys, the file has %zu more bytes", (unsigned long long)n, c->left);
	if (!(g->kvs = mem_zalloc(n, sizeof *g->kvs, "keys", e)))
		return -1;
	for (; g->nkvs < n; g->nkvs++) {
		struct gguf_kv *kv = &g->kvs[g->nkvs];
		if (take_name(c, "key", MAX_KEY, &kv->key, e))
			return -1;
		if (take_value(c, &kv->value, e)) {
			g->nkvs++; /* its key is owned */
			return err_prefix(e, "key %.100s", kv->key);
		}
	}
	qsort(g->kvs, g->nkvs, sizeof *g->kvs, by_key);
	for (size_t i = 1; i < g->nkvs; i++)
		if (strcmp(g->kvs[i].key, g->kvs[i - 1].key) == 0)
			return err_set(e, ERR_DATA, "key %.100s is there twice", g->kvs[i].key);
	return 0;
}

/* ---- tensors ---- */

static bool
is_known(uint32_t type)
{
	return type == GGUF_F32 || type == GGUF_F16 || type == GGUF_BF16 || type == GGUF_Q8_0;
}

/* The sizes of a tensor, its number of elements and of bytes. */
static int
check_sizes(struct gguf_tensor *t, struct err *e)
{
	t->count = 1;
	for (unsigned i = 0; i < t->rank; i++) {
		if (t->dims[i] == 0)
			return err_set(e, ERR_DATA, "tensor %s: a size is 0", t->name);
		if (__builtin_mul_overflow(t->count, t->dims[i], &t->count) || t->count > SIZE_MAX / 8)
			return err_set(e, ERR_DATA, "tensor %s: the product of its sizes overflows", t->name);
	}
	if (t->type == GGUF_Q8_0 && t->dims[0] % GGUF_BLOCK)
		return err_set(e, ERR_DATA, "tensor %s: rows of %llu numbers cannot be of type Q8_0, whose blocks have %d", t->name,
		    (unsigned long long)t->dims[0], GGUF_BLOCK);
	t->bytes = gguf_size(t->type, t->count);
	return 0;
}

/* *place: of its data. */
static int
take_tensor(struct cursor *c, struct gguf_tensor *t, uint64_t *place, struct err *e)
{
	uint32_t type;
	if (take_name(c, "tensor", GGUF_MAX_NAME, &t->name, e))
		return -1;
	if (take_u32(c, &t->rank, e))
		return err_prefix(e, "tensor %s", t->name);
	if (t->rank < 1 || t->rank > GGUF_MAX_RANK)
		return err_set(e, ERR_DATA, "tensor %s: has %u dimensions, must have 1 to %d", t->name, t->rank, GGUF_MAX_RANK);
	for (unsigned i = 0; i < t->rank; i++)
		if (take_u64(c, &t->dims[i], e))
			return err_prefix(e, "tensor %s", t->name);
	if (take_u32(c, &type, e) || take_u64(c, place, e))
		return err_prefix(e, "tensor %s", t->name);
	if (!is_known(type))
		return err_set(e, ERR_DATA, "tensor %s: is of type %u; F32 (0), F16 (1), Q8_0 (8) and BF16 (30) can be read", t->name,
		    type);
	t->type = (enum gguf_type)type;
	return check_sizes(t, e);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp((*(struct gguf_tensor *const *)a)->name, (*(struct gguf_tensor *const *)b)->name);
}

static int
sort_names(struct gguf *g, struct err *e)
{
	if (!(g->named = mem_zalloc(g->n, sizeof *g->named, "tensors", e)))
		return -1;
	for (size_t i = 0; i < g->n; i++)
		g->named[i] = &g->tensors[i];
	qsort(g->named, g->n, sizeof *g->named, by_name);
	for (size_t i = 1; i < g->n; i++)
		if (by_name(&g->named[i], &g->named[i - 1]) == 0)
			return err_set(e, ERR_DATA, "tensor %s is there twice", g->named[i]->name);
	return 0;
}

/* Takes what fills up to the alignment, all zero; at the end of the file it may be missing. */
static int
take_padding(const struct gguf *g, struct cursor *c, size_t at, bool last, struct err *e)
{
	const uint8_t *p;
	size_t n = (g->alignment - at % g->alignment) % g->alignment;
	if (last && c->left == 0)
		return 0;
	if (take(c, n, &p, e))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return err_set(e, ERR_DATA, "offset %zu: what fills up to the alignment is not zero", (size_t)(p + i - c->start));
	return 0;
}

/* The data lies in the order of the tensors, without gap or overlap. */
static int
take_data(struct gguf *g, struct cursor *c, const uint64_t *places, struct err *e)
{
	if (g->n && take_padding(g, c, offset(c), false, e))
		return -1;
	size_t start = offset(c);
	for (size_t i = 0; i < g->n; i++) {
		struct gguf_tensor *t = &g->tensors[i];
		size_t at = offset(c) - start;
		if (places[i] != at)
			return err_set(e, ERR_DATA, "tensor %s: its offset is %llu, %s %zu, where the one before it ends", t->name,
			    (unsigned long long)places[i], places[i] % g->alignment ? "which is not aligned, not" : "not", at);
		if (take(c, t->bytes, &t->data, e))
			return err_prefix(e, "tensor %s", t->name);
		if (take_padding(g, c, t->bytes, i + 1 == g->n, e))
			return err_prefix(e, "tensor %s", t->name);
	}
	/* a file without tensors may be filled up */
	if (!g->n && c->left && take_padding(g, c, offset(c), false, e))
		return -1;
	return c->left == 0 ? 0 : err_set(e, ERR_DATA, "offset %zu: %zu bytes after the end", offset(c), c->left);
}

static int
take_tensors(struct gguf *g, struct cursor *c, uint64_t n, struct err *e)
{
	if (n > c->left / MIN_TENSOR)
		return err_set(e, ERR_DATA, "%llu tensors, the file has %zu more bytes", (unsigned long long)n, c->left);
	g->tensors = mem_zalloc(n, sizeof *g->tensors, "tensors", e);
	uint64_t *places = g->tensors ? mem_zalloc(n, sizeof *places, "tensors", e) : NULL;
	int rc = places ? 0 : -1;
	while (rc == 0 && g->n < n) {
		rc = take_tensor(c, &g->tensors[g->n], &places[g->n], e);
		g->n++; /* its name is owned, whatever else is wrong with it */
	}
	if (rc == 0)
		rc = sort_names(g, e) || take_data(g, c, places, e) ? -1 : 0;
	free(places);
	return rc;
}

/* ---- the file ---- */

static int
set_alignment(struct gguf *g, struct err *e)
{
	const struct gguf_value *v = gguf_get(g, "general.alignment");
	uint64_t x = DEFAULT_ALIGNMENT;
	if (v && (v->kind != GGUF_U32 || !gguf_whole(v, &x) || x == 0 || x % 8 || x > MAX_ALIGNMENT))
		return err_set(e, ERR_DATA, "general.alignment is not a multiple of 8 up to %d, of 32 bits", MAX_ALIGNMENT);
	g->alignment = (size_t)x;
	return 0;
}

static int
parse(struct gguf *g, struct cursor *c, struct err *e)
{
	const uint8_t *magic;
	uint32_t version;
	uint64_t tensors, kvs;
	if (c->left < MIN_FILE || memcmp(c->p, "GGUF", 4) != 0)
		return err_set(e, ERR_DATA, "not a GGUF file");
	if (take(c, 4, &magic, e) || take_u32(c, &version, e) || take_u64(c, &tensors, e) || take_u64(c, &kvs, e))
		return -1;
	if (version == __builtin_bswap32(VERSION))
		return err_set(e, ERR_DATA, "a big-endian GGUF file, which cannot be read");
	if (version != VERSION)
		return err_set(e, ERR_DATA, "GGUF of version %u; version %d can be read", version, VERSION);
	return take_kvs(g, c, kvs, e) || set_alignment(g, e) || take_tensors(g, c, tensors, e) ? -1 : 0;
}

int
gguf_parse(struct gguf *g, const void *p, size_t n, struct err *e)
{
	struct cursor c = {p, p, n};
	memset(g, 0, sizeof *g);
	if (parse(g, &c, e) == 0)
		return 0;
	gguf_close(g);
	return -1;
}

int
gguf_open(struct gguf *g, const char *path, struct err *e)
{
	void *map;
	size_t size;
	memset(g, 0, sizeof *g);
	if (mapfile_open(path, MIN_FILE, "GGUF", &map, &size, e))
		return -1;
	if (gguf_parse(g, map, size, e)) {
		munmap(map, size);
		return err_prefix(e, "%s", path);
	}
	g->map = map;
	g->size = size;
	return 0;
}

void
gguf_close(struct gguf *g)
{
	for (size_t i = 0; i < g->nkvs; i++)
		free(g->kvs[i].key);
	for (size_t i = 0; i < g->n; i++)
		free(g->tensors[i].name);
	free(g->kvs);
	free(g->tensors);
	free(g->named);
	if (g->map)
		munmap(g->map, g->size);
	memset(g, 0, sizeof *g);
}

/* ---- looking up ---- */

const struct gguf_value *
gguf_get(const struct gguf *g, const char *key)
{
	size_t lo = 0, hi = g->nkvs;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(key, g->kvs[mid].key);
		if (order == 0)
			return &g->kvs[mid].value;
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct gguf_tensor *
gguf_find(const struct gguf *g, const char *name)
{
	size_t lo = 0, hi = g->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(name, g->named[mid]->name);
		if (order == 0)
			return g->named[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

bool
gguf_whole(const struct gguf_value *v, uint64_t *out)
{
	bool is_signed = v->kind == GGUF_I8 || v->kind == GGUF_I16 || v->kind == GGUF_I32 || v->kind == GGUF_I64;
	if (!is_signed && v->kind != GGUF_U8 && v->kind != GGUF_U16 && v->kind != GGUF_U32 && v->kind != GGUF_U64)
		return false;
	*out = 0;
	memcpy(out, v->data, kind_size[v->kind]);
	return !is_signed || !(v->data[kind_size[v->kind] - 1] & 0x80);
}

bool
gguf_real(const struct gguf_value *v, double *out)
{
	float x;
	if (v->kind == GGUF_FLOAT64)
		memcpy(out, v->data, sizeof *out);
	if (v->kind != GGUF_FLOAT32)
		return v->kind == GGUF_FLOAT64;
	memcpy(&x, v->data, sizeof x);
	*out = (double)x;
	return true;
}

bool
gguf_is_text(const struct gguf_value *v, const char *text)
{
	return v && v->kind == GGUF_STRING && v->n == strlen(text) && memcmp(v->data, text, v->n) == 0;
}

const uint8_t *
gguf_next(const uint8_t **at, uint64_t *n)
{
	memcpy(n, *at, sizeof *n);
	const uint8_t *p = *at + sizeof *n;
	*at = p + *n;
	return p;
}
