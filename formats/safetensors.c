#include "safetensors.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/half.h"
#include "base/loadjson.h"
#include "base/mapfile.h"
#include "base/mem.h"

enum { MAX_HEADER = 100 << 20, MAX_RANK = 8 };

static const struct {
	const char *name;
	size_t size;
} dtypes[ST_DTYPES] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4},
    {"I16", 2}, {"I8", 1}, {"U8", 1}, {"BOOL", 1}};

size_t
st_dtype_size(enum st_dtype d)
{
	return dtypes[d].size;
}

/* ---- the header ---- */

static int
parse_dtype(const json_t *j, struct st_tensor *t, struct err *e)
{
	const char *name = json_string_value(j);
	for (int i = 0; name && i < ST_DTYPES; i++)
		if (strcmp(dtypes[i].name, name) == 0) {
			t->dtype = (enum st_dtype)i;
			return 0;
		}
	return err_set(e, ERR_DATA, "tensor %.100s: unknown dtype `%.20s'", t->name, name ? name : "");
}

static int
parse_count(const json_t *j, const char *what, const struct st_tensor *t, uint64_t *out, struct err *e)
{
	if (!json_is_integer(j) || json_integer_value(j) < 0)
		return err_set(e, ERR_DATA, "tensor %.100s: %s is not a whole number", t->name, what);
	*out = (uint64_t)json_integer_value(j);
	return 0;
}

static int
parse_shape(const json_t *j, struct st_tensor *t, struct err *e)
{
	if (!json_is_array(j) || json_array_size(j) > MAX_RANK)
		return err_set(e, ERR_DATA, "tensor %.100s: shape is not an array of at most %d sizes", t->name,
		    MAX_RANK);
	t->rank = (unsigned)json_array_size(j);
	t->count = 1;
	for (unsigned i = 0; i < t->rank; i++) {
		if (parse_count(json_array_get(j, i), "a size", t, &t->shape[i], e))
			return -1;
		if (__builtin_mul_overflow(t->count, t->shape[i], &t->count))
			return err_set(e, ERR_DATA, "tensor %.100s: the product of its sizes overflows", t->name);
	}
	return 0;
}

static int
parse_offsets(const json_t *j, struct st_tensor *t, const char *data, size_t size, struct err *e)
{
	uint64_t begin, end, bytes;
	if (!json_is_array(j) || json_array_size(j) != 2)
		return err_set(e, ERR_DATA, "tensor %.100s: data_offsets are not two numbers", t->name);
	if (parse_count(json_array_get(j, 0), "an offset", t, &begin, e) ||
	    parse_count(json_array_get(j, 1), "an offset", t, &end, e))
		return -1;
	if (begin > end || end > size)
		return err_set(e, ERR_DATA, "tensor %.100s: offsets %llu to %llu are not within the %zu bytes of data",
		    t->name, (unsigned long long)begin, (unsigned long long)end, size);
	if (__builtin_mul_overflow(t->count, dtypes[t->dtype].size, &bytes) || bytes != end - begin)
		return err_set(e, ERR_DATA, "tensor %.100s: %llu bytes do not fit its shape", t->name,
		    (unsigned long long)(end - begin));
	t->data = data + begin;
	t->bytes = end - begin;
	return 0;
}

static int
parse_tensor(const char *name, const json_t *j, struct st_tensor *t, const char *data, size_t size,
    struct err *e)
{
	t->name = strdup(name);
	if (!t->name)
		return err_nomem(e, strlen(name), "a name");
	if (!json_is_object(j))
		return err_set(e, ERR_DATA, "tensor %.100s: is not an object", name);
	if (parse_dtype(json_object_get(j, "dtype"), t, e) || parse_shape(json_object_get(j, "shape"), t, e))
		return -1;
	return parse_offsets(json_object_get(j, "data_offsets"), t, data, size, e);
}

static int
by_place(const void *a, const void *b)
{
	const struct st_tensor *x = a, *y = b;
	if (x->data != y->data)
		return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
	return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* The tensors cover the data without gap or overlap. */
static int
check_cover(const struct safetensors *s, const char *data, size_t size, struct err *e)
{
	const char *at = data;
	for (size_t i = 0; i < s->n; i++) {
		const struct st_tensor *t = &s->tensors[i];
		if ((const char *)t->data != at)
			return err_set(e, ERR_DATA, "tensor %.100s: %s", t->name,
			    (const char *)t->data < at ? "overlaps the one before it" : "has a gap before it");
		at += t->bytes;
	}
	return at == data + size ? 0
	    : err_set(e, ERR_DATA, "%zu bytes after the last tensor", (size_t)(data + size - at));
}

static int
parse_header(struct safetensors *s, json_t *j, const char *data, size_t size, struct err *e)
{
	const char *name;
	json_t *value;
	if (!json_is_object(j))
		return err_set(e, ERR_DATA, "the header is not a JSON object");
	s->tensors = mem_zalloc(json_object_size(j), sizeof *s->tensors, "tensors", e);
	if (!s->tensors)
		return -1;
	json_object_foreach(j, name, value) {
		if (strcmp(name, "__metadata__") == 0)
			continue;
		if (parse_tensor(name, value, &s->tensors[s->n++], data, size, e))
			return -1;
	}
	qsort(s->tensors, s->n, sizeof *s->tensors, by_place);
	return check_cover(s, data, size, e);
}

int
st_parse(struct safetensors *s, const void *p, size_t n, struct err *e)
{
	const unsigned char *b = p;
	uint64_t length = 0;
	memset(s, 0, sizeof *s);
	if (n < 8)
		return err_set(e, ERR_DATA, "not a safetensors file: %zu bytes", n);
	for (int i = 7; i >= 0; i--)
		length = length << 8 | b[i];
	if (length > n - 8 || length > MAX_HEADER)
		return err_set(e, ERR_DATA, "not a safetensors file: a header of %llu bytes in a file of %zu",
		    (unsigned long long)length, n);
	json_error_t error;
	json_t *j = load_json(b + 8, length, JSON_REJECT_DUPLICATES, &error, e);
	if (!j)
		return e->code == ERR_DATA ? err_set(e, ERR_DATA, "header: %s (byte %d)", error.text, error.position) : -1;
	int rc = parse_header(s, j, (const char *)b + 8 + length, n - 8 - length, e);
	json_decref(j);
	if (rc)
		st_close(s);
	return rc;
}

int
st_open(struct safetensors *s, const char *path, struct err *e)
{
	void *map;
	size_t size;
	memset(s, 0, sizeof *s);
	if (mapfile_open(path, 8, "safetensors", &map, &size, e))
		return -1;
	if (st_parse(s, map, size, e)) {
		munmap(map, size);
		return err_prefix(e, "%s", path);
	}
	s->map = map;
	s->size = size;
	return 0;
}

void
st_close(struct safetensors *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->tensors[i].name);
	free(s->tensors);
	if (s->map)
		munmap(s->map, s->size);
	memset(s, 0, sizeof *s);
}

const struct st_tensor *
st_find(const struct safetensors *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->tensors[i].name, name) == 0)
			return &s->tensors[i];
	return NULL;
}

/* ---- values ---- */

#define LOAD(type) __extension__({ type x_; memcpy(&x_, p, sizeof x_); x_; })

static double
element(enum st_dtype d, const char *p)
{
	switch (d) {
	case ST_F64: return LOAD(double);
	case ST_F32: return (double)LOAD(float);
	case ST_F16: return half_value(LOAD(uint16_t));
	case ST_BF16: return (double)bfloat_value(LOAD(uint16_t));
	case ST_I64: return (double)LOAD(int64_t);
	case ST_I32: return LOAD(int32_t);
	case ST_I16: return LOAD(int16_t);
	case ST_I8: return LOAD(int8_t);
	default: return LOAD(uint8_t);
	}
}

int
st_read_double(const struct st_tensor *t, double *out, size_t n, struct err *e)
{
	if (n != t->count)
		return err_set(e, ERR_DATA, "tensor %.100s has %llu elements, not %zu", t->name,
		    (unsigned long long)t->count, n);
	const char *p = t->data;
	for (size_t i = 0; i < n; i++, p += dtypes[t->dtype].size)
		out[i] = element(t->dtype, p);
	return 0;
}

/* ---- writing ---- */

/* One tensor of the header; *at: bytes of data before it. */
static int
put_entry(FILE *f, const struct st_tensor *t, uint64_t *at, struct err *e)
{
	uint64_t bytes = dtypes[t->dtype].size;
	json_t *name = json_string(t->name);
	char *quoted = name ? json_dumps(name, JSON_ENCODE_ANY) : NULL;
	json_decref(name);
	if (!quoted)
		return err_nomem(e, strlen(t->name), "a name");
	fprintf(f, ",%s:{\"dtype\":\"%s\",\"shape\":[", quoted, dtypes[t->dtype].name);
	for (unsigned i = 0; i < t->rank; i++) {
		fprintf(f, "%s%llu", i ? "," : "", (unsigned long long)t->shape[i]);
		bytes *= t->shape[i];
	}
	fprintf(f, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)*at, (unsigned long long)(*at + bytes));
	*at += bytes;
	free(quoted);
	return 0;
}

int
st_write_open(struct st_writer *w, const char *path, const struct st_tensor *tensors, size_t n, struct err *e)
{
	char *header, length[8];
	size_t size, room = 256;
	int rc = 0;
	for (size_t i = 0; i < n; i++)
		room += 6 * strlen(tensors[i].name) + 320;
	memset(w, 0, sizeof *w);
	if (!(header = mem_zalloc(room, 1, "a header", e)))
		return -1;
	FILE *f = fmemopen(header, room, "w");
	if (!f) {
		free(header);
		return err_nomem(e, room, "a header");
	}
	fputs("{\"__metadata__\":{\"format\":\"pt\"}", f);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = put_entry(f, &tensors[i], &w->left, e);
	fputc('}', f);
	size = (size_t)ftell(f);
	for (; size % 8; size++)
		fputc(' ', f);
	if (fclose(f) && rc == 0)
		rc = err_nomem(e, size, "a header");
	for (int i = 0; i < 8; i++)
		length[i] = (char)(size >> 8 * i);
	if (rc == 0)
		rc = outfile_open(&w->file, path, 0666, e);
	if (rc == 0)
		rc = outfile_write(&w->file, length, 8, e) || outfile_write(&w->file, header, size, e) ? -1 : 0;
	free(header);
	return rc;
}

int
st_write(struct st_writer *w, const void *p, size_t n, struct err *e)
{
	assert(n <= w->left);
	w->left -= n;
	return outfile_write(&w->file, p, n, e);
}

int
st_write_close(struct st_writer *w, struct err *e)
{
	assert(w->left == 0);
	return outfile_commit(&w->file, e);
}
