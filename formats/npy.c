#include "npy.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The text of the header on its way through. */
struct text {
	const char *at, *end;
	struct err *e;
};

static int
wrong(const struct text *t, const char *what)
{
	return err_set(t->e, ERR_DATA, "the header is not that of an array: %s", what);
}

static void
skip_blanks(struct text *t)
{
	while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\n' || *t->at == '\r'))
		t->at++;
}

static bool
take(struct text *t, char c)
{
	skip_blanks(t);
	if (t->at == t->end || *t->at != c)
		return false;
	t->at++;
	return true;
}

/* A text in quotes without escapes, of n bytes at *s. */
static int
quoted(struct text *t, const char **s, size_t *n)
{
	char quote = take(t, '\'') ? '\'' : take(t, '"') ? '"' : 0;
	const char *end = quote ? memchr(t->at, quote, (size_t)(t->end - t->at)) : NULL;
	if (!end || memchr(t->at, '\\', (size_t)(end - t->at)))
		return wrong(t, "a text in quotes is expected");
	*s = t->at;
	*n = (size_t)(end - t->at);
	t->at = end + 1;
	return 0;
}

static bool
word(struct text *t, const char *name)
{
	size_t n = strlen(name);
	skip_blanks(t);
	if ((size_t)(t->end - t->at) < n || memcmp(t->at, name, n) != 0)
		return false;
	t->at += n;
	return true;
}

static const struct { char letter; char bytes; enum ten_class cls; } types[] = {{'f', '2', TEN_FLOAT}, {'f', '4', TEN_FLOAT},
    {'f', '8', TEN_FLOAT}, {'i', '1', TEN_INT}, {'i', '2', TEN_INT}, {'i', '4', TEN_INT}, {'i', '8', TEN_INT}, {'u', '1', TEN_UINT},
    {'u', '2', TEN_UINT}, {'u', '4', TEN_UINT}, {'u', '8', TEN_UINT}, {'b', '1', TEN_UINT}};

static int
descr(struct text *t, struct npy *a)
{
	const char *s;
	size_t n;
	skip_blanks(t);
	if (t->at < t->end && *t->at == '[')
		return err_set(t->e, ERR_DATA, "is an array of records with fields; one of numbers is needed");
	if (quoted(t, &s, &n))
		return -1;
	for (size_t i = 0; i < sizeof types / sizeof *types && n == 3; i++) {
		bool one = types[i].bytes == '1';
		if (types[i].letter != s[1] || types[i].bytes != s[2] || (s[0] != '<' && s[0] != '>' && !(one && s[0] == '|')))
			continue;
		if (s[0] == '>' && !one)
			return err_set(t->e, ERR_DATA, "has numbers of type %.3s, big-endian; little-endian ones are read", s);
		a->cls = types[i].cls;
		a->bits = 8 * (unsigned)(types[i].bytes - '0');
		return 0;
	}
	return err_set(t->e, ERR_DATA, "has elements of type `%.*s', which is not read", n < 40 ? (int)n : 40, s);
}

static int
shape(struct text *t, struct npy *a)
{
	bool comma = true;
	if (!take(t, '('))
		return wrong(t, "shape is not a tuple");
	for (a->rank = 0; !take(t, ')'); a->rank++) {
		uint64_t v = 0;
		const char *from = t->at;
		if (!comma)
			return wrong(t, "shape is not a tuple");
		if (a->rank == NPY_MAX_RANK)
			return err_set(t->e, ERR_DATA, "has more than %d dimensions", NPY_MAX_RANK);
		for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++)
			if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*t->at - '0'), &v))
				return wrong(t, "a dimension is too large");
		if (t->at == from)
			return wrong(t, "a dimension is not a number");
		a->dims[a->rank] = v;
		comma = take(t, ',');
	}
	return a->rank == 1 && !comma ? wrong(t, "shape is not a tuple") : 0;
}

static int
dictionary(struct text *t, struct npy *a)
{
	bool seen[3] = {0};
	static const char *const names[3] = {"descr", "fortran_order", "shape"};
	bool comma = true;
	if (!take(t, '{'))
		return wrong(t, "it does not begin with {");
	while (!take(t, '}')) {
		const char *s;
		size_t n;
		int k = 0;
		if (!comma)
			return wrong(t, "a comma is expected");
		if (quoted(t, &s, &n))
			return -1;
		while (k < 3 && (strlen(names[k]) != n || memcmp(names[k], s, n) != 0))
			k++;
		if (k == 3 || seen[k])
			return wrong(t, k == 3 ? "a key that is not known" : "a key comes twice");
		seen[k] = true;
		if (!take(t, ':'))
			return wrong(t, "a colon is expected");
		if (k == 1 && word(t, "True"))
			return err_set(t->e, ERR_DATA, "is in Fortran's order, column by column; numpy.ascontiguousarray makes it C's");
		if (k == 1 ? !word(t, "False") : (k == 0 ? descr(t, a) : shape(t, a)))
			return k == 1 ? wrong(t, "fortran_order is neither True nor False") : -1;
		comma = take(t, ',');
	}
	skip_blanks(t);
	if (t->at != t->end)
		return wrong(t, "something follows the dictionary");
	return seen[0] && seen[1] && seen[2] ? 0 : wrong(t, "descr, fortran_order or shape is missing");
}

/* Bytes of a row and of all: counted, and none of them 0 where a record would have no size. */
static int
measure(struct npy *a, struct err *e)
{
	uint64_t all;
	a->row = a->bits / 8;
	for (unsigned i = 1; i < a->rank; i++) {
		if (a->dims[i] == 0)
			return err_set(e, ERR_DATA, "has rows without elements");
		if (__builtin_mul_overflow(a->row, a->dims[i], &a->row) || a->row > INT64_MAX)
			return err_set(e, ERR_DATA, "has a shape whose size overflows");
	}
	if (a->rank && (__builtin_mul_overflow(a->row, a->dims[0], &all) || all > INT64_MAX))
		return err_set(e, ERR_DATA, "has a shape whose size overflows");
	return 0;
}

int
npy_parse(struct npy *a, const uint8_t *p, size_t n, size_t *size, struct err *e)
{
	static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
	if (memcmp(p, magic, n < 6 ? n : 6) != 0)
		return err_set(e, ERR_DATA, "is not a file of numpy: it does not begin with \\x93NUMPY");
	*size = NPY_BEGIN;
	if (n < *size)
		return 0;
	if (p[6] < 1 || p[6] > 3)
		return err_set(e, ERR_DATA, "has version %u of the format; 1 to 3 are read", (unsigned)p[6]);
	size_t prefix = p[6] == 1 ? 10 : 12;
	*size = prefix;
	if (n < *size)
		return 0;
	size_t length = (size_t)p[8] | (size_t)p[9] << 8;
	if (prefix == 12)
		length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
	if (length > NPY_MAX_HEADER)
		return err_set(e, ERR_DATA, "has a header of %zu bytes, more than %d", length, NPY_MAX_HEADER);
	*size = prefix + length;
	if (n < *size)
		return 0;
	struct text t = {(const char *)p + prefix, (const char *)p + *size, e};
	*a = (struct npy){0};
	return dictionary(&t, a) || measure(a, e) ? -1 : 1;
}

size_t
npy_format(const struct npy *a, char out[NPY_MAX_WRITTEN])
{
	char text[NPY_MAX_WRITTEN];
	int n = snprintf(text, sizeof text, "{'descr': '%c%c%u', 'fortran_order': False, 'shape': (", a->bits == 8 ? '|' : '<',
	    a->cls == TEN_UINT ? 'u' : a->cls == TEN_INT ? 'i' : 'f', a->bits / 8);
	for (unsigned i = 0; i < a->rank; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%s%" PRIu64 "%s", i ? ", " : "", a->dims[i], a->rank == 1 ? "," : "");
	n += snprintf(text + n, sizeof text - (size_t)n, "), }");
	size_t size = ((size_t)n + NPY_BEGIN + 1 + 63) / 64 * 64, length = size - NPY_BEGIN;
	memset(out, ' ', size);
	memcpy(out, "\x93NUMPY\1", 8);
	out[8] = (char)(length & 255);
	out[9] = (char)(length >> 8);
	memcpy(out + NPY_BEGIN, text, (size_t)n);
	out[size - 1] = '\n';
	return size;
}
