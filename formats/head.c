#include "layout.h"

#include <stdio.h>
#include <stdlib.h>

size_t
ten_printable(const uint8_t *p, size_t n)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c = p[0];
	size_t len = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
	if (!len || len > n)
		return 0;
	if (len > 1)
		c &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return 0;
	return len;
}

bool
ten_name_ok(const void *name, size_t n, size_t max)
{
	const uint8_t *p = name;
	if (n == 0 || n > max)
		return false;
	for (size_t i = 0; i < n;) {
		size_t len = ten_printable(p + i, n - i);
		if (!len)
			return false;
		i += len;
	}
	return true;
}

void
ten_head_free(struct ten_head *h)
{
	free(h->fields);
	for (size_t i = 0; i < h->nkvs; i++) {
		free(h->kvs[i].key);
		free(h->kvs[i].value);
	}
	free(h->kvs);
	for (size_t i = 0; i < h->nprovs; i++)
		prov_free(&h->provs[i]);
	free(h->provs);
	memset(h, 0, sizeof *h);
}

/* Arrays of heads have no capacity of their own: they are reallocated when n is a power of two. */
void *
ten_array_push(void *array, size_t n, size_t size, const char *what, struct err *e)
{
	char **pp = array;
	if (n < 4 ? n == 0 : (n & (n - 1)) == 0) {
		size_t bytes;
		if (mul_overflows(n < 4 ? 4 : 2 * n, size, &bytes)) {
			err_nomem(e, n, what);
			return NULL;
		}
		char *q = realloc(*pp, bytes);
		if (!q) {
			err_nomem(e, bytes, what);
			return NULL;
		}
		*pp = q;
	}
	memset(*pp + n * size, 0, size);
	return *pp + n * size;
}

int
head_set_kind(struct ten_head *h, const void *kind, size_t n, struct err *e)
{
	if (!ten_name_ok(kind, n, sizeof h->kind - 1))
		return err_set(e, ERR_DATA, "the kind of the stream must be 1 to %zu bytes of UTF-8",
		    sizeof h->kind - 1);
	memset(h->kind, 0, sizeof h->kind);
	memcpy(h->kind, kind, n);
	return 0;
}

static bool
type_ok(unsigned cls, unsigned bits)
{
	bool whole = bits == 8 || bits == 16 || bits == 32 || bits == 64;
	switch (cls) {
	case TEN_UINT:
	case TEN_INT:
		return whole;
	case TEN_FLOAT:
		return whole && bits != 8;
	case TEN_BFLOAT:
		return bits == 16;
	case TEN_TEXT:
		return bits == 8;
	default:
		return false;
	}
}

int
ten_head_add_field(struct ten_head *h, const struct ten_field *f, struct err *e)
{
	struct shape s;
	if (!ten_name_ok(f->name, strlen(f->name), TEN_MAX_NAME))
		return err_set(e, ERR_DATA, "a field's name must be 1 to %d bytes of UTF-8 without control characters",
		    TEN_MAX_NAME);
	if (h->nfields >= TEN_MAX_FIELDS)
		return err_set(e, ERR_DATA, "more than %d fields", TEN_MAX_FIELDS);
	if (!type_ok(f->cls, f->bits))
		return err_set(e, ERR_DATA, "field `%s`: unknown type (class %u, %u bits)", f->name, f->cls, f->bits);
	if (f->rank > TEN_MAX_RANK)
		return err_set(e, ERR_DATA, "field `%s`: %u dimensions, at most %d", f->name, f->rank, TEN_MAX_RANK);
	if (shape_of(&s, f, e))
		return -1;
	struct ten_field *to = ten_array_push(&h->fields, h->nfields, sizeof *to, "fields", e);
	if (!to)
		return -1;
	*to = *f;
	h->nfields++;
	return 0;
}

int
ten_head_add(struct ten_head *h, const char *name, enum ten_class cls, unsigned bits, unsigned rank,
    const uint64_t *dims, struct err *e)
{
	struct ten_field f = {.cls = (uint8_t)cls, .bits = (uint8_t)bits, .rank = (uint8_t)rank};
	size_t n = strlen(name);
	if (n > TEN_MAX_NAME)
		return err_set(e, ERR_DATA, "field `%.64s...`: the name has %zu bytes, at most %d", name, n, TEN_MAX_NAME);
	if (rank > TEN_MAX_RANK || bits > 64 || (unsigned)cls > TEN_TEXT)
		return err_set(e, ERR_DATA, "field `%s`: unknown type or rank", name);
	memcpy(f.name, name, n + 1);
	if (ten_head_find(h, name) >= 0)
		return err_set(e, ERR_DATA, "field `%s` is there already", name);
	for (unsigned i = 0; i < rank; i++)
		f.dims[i] = dims[i];
	return ten_head_add_field(h, &f, e);
}

int
ten_head_find(const struct ten_head *h, const char *name)
{
	for (size_t i = 0; i < h->nfields; i++)
		if (!strcmp(h->fields[i].name, name))
			return (int)i;
	return -1;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The first name that appears twice of n names, or NULL. */
static int
find_twice(const char **names, size_t n, const char *what, struct err *e)
{
	qsort(names, n, sizeof *names, compare_names);
	for (size_t i = 1; i < n; i++)
		if (!strcmp(names[i - 1], names[i]))
			return err_set(e, ERR_DATA, "%s `%.255s` appears twice", what, names[i]);
	return 0;
}

int
head_check_unique(const struct ten_head *h, struct err *e)
{
	size_t most = h->nfields > h->nkvs ? h->nfields : h->nkvs;
	const char **names = mem_zalloc(most, sizeof *names, "names", e);
	if (!names)
		return -1;
	for (size_t i = 0; i < h->nfields; i++)
		names[i] = h->fields[i].name;
	int rc = find_twice(names, h->nfields, "field", e);
	for (size_t i = 0; i < h->nkvs; i++)
		names[i] = h->kvs[i].key;
	if (!rc)
		rc = find_twice(names, h->nkvs, "key", e);
	free(names);
	return rc;
}

static void
type_name(char *out, size_t n, unsigned cls, unsigned bits, unsigned rank)
{
	static const char *const names[] = {"any type", "uint", "int", "float", "bfloat", "text"};
	int k = snprintf(out, n, "%s", names[cls <= TEN_TEXT ? cls : 0]);
	if (cls && bits)
		k += snprintf(out + k, n - (size_t)k, "%u", bits);
	snprintf(out + k, n - (size_t)k, ", %u dimension%s", rank, rank == 1 ? "" : "s");
}

int
ten_head_need(const struct ten_head *h, const char *stream, const char *name, enum ten_class cls,
    unsigned bits, unsigned rank, struct err *e)
{
	char want[64], got[64];
	type_name(want, sizeof want, cls, bits, rank);
	int i = ten_head_find(h, name);
	if (i < 0)
		return err_set(e, ERR_DATA, "%s: needs field `%s` (%s), which this stream of kind `%s` has not",
		    stream, name, want, h->kind);
	const struct ten_field *f = &h->fields[i];
	if ((cls && f->cls != cls) || (bits && f->bits != bits) || f->rank != rank) {
		type_name(got, sizeof got, f->cls, f->bits, f->rank);
		return err_set(e, ERR_DATA, "%s: needs field `%s` (%s), found %s", stream, name, want, got);
	}
	return i;
}

const struct ten_kv *
ten_head_kv(const struct ten_head *h, const char *key)
{
	for (size_t i = 0; i < h->nkvs; i++)
		if (!strcmp(h->kvs[i].key, key))
			return &h->kvs[i];
	return NULL;
}

/* Owned copy with a NUL after it. */
static char *
copy_bytes(const void *p, size_t n, struct err *e)
{
	char *copy = malloc(n + 1);
	if (!copy) {
		err_nomem(e, n + 1, "a key or value");
		return NULL;
	}
	if (n)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

int
head_push_kv(struct ten_head *h, const void *key, size_t n, const void *value, size_t size, struct err *e)
{
	if (!ten_name_ok(key, n, TEN_MAX_NAME))
		return err_set(e, ERR_DATA, "a key must be 1 to %d bytes of UTF-8 without control characters", TEN_MAX_NAME);
	if (h->nkvs >= TEN_MAX_KEYS)
		return err_set(e, ERR_DATA, "more than %d keys", TEN_MAX_KEYS);
	struct ten_kv *kv = ten_array_push(&h->kvs, h->nkvs, sizeof *kv, "keys", e);
	if (!kv)
		return -1;
	kv->key = copy_bytes(key, n, e);
	kv->value = kv->key ? copy_bytes(value, size, e) : NULL;
	kv->size = size;
	if (!kv->value) {
		free(kv->key);
		return -1;
	}
	h->nkvs++;
	return 0;
}

int
ten_head_set_kv(struct ten_head *h, const char *key, const void *value, size_t size, struct err *e)
{
	if (size > TEN_MAX_META)
		return err_set(e, ERR_DATA, "key `%s`: a value of %zu bytes, at most %d", key, size, TEN_MAX_META);
	struct ten_kv *kv = (struct ten_kv *)ten_head_kv(h, key);
	if (!kv)
		return head_push_kv(h, key, strlen(key), value, size, e);
	char *copy = copy_bytes(value, size, e);
	if (!copy)
		return -1;
	free(kv->value);
	kv->value = copy;
	kv->size = size;
	return 0;
}

int
ten_head_set_text(struct ten_head *h, const char *key, const char *text, struct err *e)
{
	return ten_head_set_kv(h, key, text, strlen(text), e);
}

int
ten_head_copy(struct ten_head *to, const struct ten_head *from, struct err *e)
{
	memset(to, 0, sizeof *to);
	memcpy(to->kind, from->kind, sizeof to->kind);
	for (size_t i = 0; i < from->nfields; i++)
		if (ten_head_add_field(to, &from->fields[i], e))
			goto fail;
	for (size_t i = 0; i < from->nkvs; i++) {
		const struct ten_kv *kv = &from->kvs[i];
		if (head_push_kv(to, kv->key, strlen(kv->key), kv->value, kv->size, e))
			goto fail;
	}
	if (ten_head_merge_prov(to, from, e))
		goto fail;
	return 0;
fail:
	ten_head_free(to);
	return -1;
}

bool
ten_same_schema(const struct ten_head *a, const struct ten_head *b)
{
	if (strcmp(a->kind, b->kind) || a->nfields != b->nfields)
		return false;
	for (size_t i = 0; i < a->nfields; i++) {
		const struct ten_field *x = &a->fields[i], *y = &b->fields[i];
		if (strcmp(x->name, y->name) || x->cls != y->cls || x->bits != y->bits || x->rank != y->rank ||
		    memcmp(x->dims, y->dims, x->rank * sizeof x->dims[0]))
			return false;
	}
	return true;
}

/* Both have it with the same value, or both have it not. */
static int
same_kv(const struct ten_head *a, const struct ten_head *b, const char *key, struct err *e)
{
	const struct ten_kv *x = ten_head_kv(a, key), *y = ten_head_kv(b, key);
	if ((x == NULL) != (y == NULL) || (x && (x->size != y->size || memcmp(x->value, y->value, x->size))))
		return err_set(e, ERR_DATA, "the segment has another `%s` than the first", key);
	return 0;
}

int
head_continues(const struct ten_head *a, const struct ten_head *b, struct err *e)
{
	if (!ten_same_schema(a, b))
		return err_set(e, ERR_DATA, "the segment has other fields or another kind (`%s`) than the first (`%s`)",
		    b->kind, a->kind);
	return same_kv(a, b, "tokenizer", e) || same_kv(a, b, "template", e) ? -1 : 0;
}

size_t
ten_elem_size(const struct ten_field *f)
{
	return f->bits / 8;
}
