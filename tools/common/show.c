#include "common/show.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/mem.h"

/* ---- elements ---- */

/* Element i of an array of T, wherever it lies. */
#define LOAD(T, p, i) ({ T load_; memcpy(&load_, (const char *)(p) + (i) * sizeof(T), sizeof load_); load_; })

static uint64_t
load_uint(const struct ten_field *f, const void *data, uint64_t i)
{
	switch (f->bits) {
	case 8: return LOAD(uint8_t, data, i);
	case 16: return LOAD(uint16_t, data, i);
	case 32: return LOAD(uint32_t, data, i);
	default: return LOAD(uint64_t, data, i);
	}
}

static int64_t
load_int(const struct ten_field *f, const void *data, uint64_t i)
{
	switch (f->bits) {
	case 8: return LOAD(int8_t, data, i);
	case 16: return LOAD(int16_t, data, i);
	case 32: return LOAD(int32_t, data, i);
	default: return LOAD(int64_t, data, i);
	}
}

static double
load_float(const struct ten_field *f, const void *data, uint64_t i)
{
	if (f->cls == TEN_BFLOAT)
		return (double)bfloat_value(LOAD(uint16_t, data, i));
	switch (f->bits) {
	case 16: return half_value(LOAD(uint16_t, data, i));
	case 32: return (double)LOAD(float, data, i);
	default: return LOAD(double, data, i);
	}
}

bool
show_is_number(const struct ten_field *f)
{
	return f->cls != TEN_TEXT;
}

double
show_number(const struct ten_field *f, const void *data, uint64_t i)
{
	switch (f->cls) {
	case TEN_INT: return (double)load_int(f, data, i);
	case TEN_FLOAT:
	case TEN_BFLOAT: return load_float(f, data, i);
	default: return (double)load_uint(f, data, i);
	}
}

/* The digits that the type has for certain, then more until the text reads back the same. 16-bit
 * numbers are exact as float, whose text reads back as the same float. */
static size_t
float_text(char out[40], double v, bool wide)
{
	int n = 0;
	if (!isfinite(v))
		return (size_t)snprintf(out, 40, "%s", isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
	for (int digits = wide ? 15 : 6; digits <= (wide ? 17 : 9); digits++) {
		n = snprintf(out, 40, "%.*g", digits, v);
		if (wide ? strtod(out, NULL) == v : (double)strtof(out, NULL) == v)
			break;
	}
	return (size_t)n;
}

size_t
show_element(char out[40], const struct ten_field *f, const void *data, uint64_t i)
{
	switch (f->cls) {
	case TEN_INT:
		return (size_t)snprintf(out, 40, "%" PRId64, load_int(f, data, i));
	case TEN_FLOAT:
	case TEN_BFLOAT:
		return float_text(out, load_float(f, data, i), f->bits == 64);
	default:
		return (size_t)snprintf(out, 40, "%" PRIu64, load_uint(f, data, i));
	}
}

/* ---- text ---- */

/* Length of the valid UTF-8 sequence at p (RFC 3629), 0 when there is none. */
static size_t
utf8_length(const unsigned char *p, size_t n)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3
	    : p[0] < 0xf5 ? 4 : 0;
	if (!len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
	return bad ? 0 : len;
}

/* Of one valid sequence: C0, DEL and C1 (U+0080 to U+009F). */
static bool
is_control(const unsigned char *p)
{
	return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

static char
escape_letter(unsigned char c)
{
	switch (c) {
	case '\n': return 'n';
	case '\t': return 't';
	case '\r': return 'r';
	case '"':
	case '\\': return (char)c;
	default: return 0;
	}
}

bool
show_text(FILE *out, const void *text, size_t n, size_t limit)
{
	const unsigned char *p = text, *end = p + n;
	for (size_t shown = 0; p < end; shown++) {
		if (limit && shown >= limit)
			return true;
		size_t len = utf8_length(p, (size_t)(end - p));
		if (escape_letter(*p)) {
			fprintf(out, "\\%c", escape_letter(*p));
		} else if (!len || is_control(p)) {
			len = len ? len : 1;
			for (size_t i = 0; i < len; i++)
				fprintf(out, "\\x%02x", p[i]);
		} else {
			fwrite(p, 1, len, out);
		}
		p += len;
	}
	return false;
}

bool
show_is_utf8(const void *text, size_t n, size_t *at)
{
	const unsigned char *p = text;
	size_t len = 1;
	for (*at = 0; *at < n && len; *at += len)
		len = p[*at] < 0x80 ? 1 : utf8_length(p + *at, n - *at);
	return len > 0;
}

/* `quote` is one quote, or two inside a quoted cell of CSV. */
static void
json_string(FILE *out, const void *text, size_t n, const char *quote)
{
	const unsigned char *p = text, *end = p + n;
	fputs(quote, out);
	while (p < end) {
		const unsigned char *from = p;
		while (p < end && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
			p++;
		if (p > from) {
			fwrite(from, 1, (size_t)(p - from), out);
			continue;
		}
		size_t len = utf8_length(p, (size_t)(end - p));
		if (!len)
			fprintf(out, "\\udc%02x", *p);
		else if (*p == '"')
			fprintf(out, "\\%s", quote);
		else if (escape_letter(*p))
			fprintf(out, "\\%c", escape_letter(*p));
		else if (is_control(p))
			fprintf(out, "\\u%04x", len == 1 ? p[0] : p[1]);
		else
			fwrite(p, 1, len, out);
		p += len ? len : 1;
	}
	fputs(quote, out);
}

void
show_json_string(FILE *out, const void *text, size_t n)
{
	json_string(out, text, n, "\"");
}

void
show_csv_text(FILE *out, const void *text, size_t n)
{
	const char *p = text;
	bool quote = false;
	for (size_t i = 0; i < n && !quote; i++)
		quote = p[i] == '"' || p[i] == ',' || p[i] == '\n' || p[i] == '\r';
	if (!quote) {
		fwrite(p, 1, n, out);
		return;
	}
	putc('"', out);
	for (size_t i = 0, m; i < n; i += m) {
		const char *next = memchr(p + i, '"', n - i);
		m = next ? (size_t)(next - p) - i + 1 : n - i;
		fwrite(p + i, 1, m, out);
		if (next)
			putc('"', out);
	}
	putc('"', out);
}

/* ---- values ---- */

void
show_value(FILE *out, const struct ten_field *f, const struct ten_value *v, size_t limit)
{
	char text[40];
	size_t used = 0;
	for (unsigned i = 0; i < f->rank; i++)
		fprintf(out, "%s%" PRIu64 "%s", i ? ", " : "[", v->dims[i], i + 1 == f->rank ? "]" : "");
	if (f->rank && (v->count || f->cls == TEN_TEXT))
		putc(' ', out);
	if (f->cls == TEN_TEXT) {
		putc('"', out);
		bool cut = show_text(out, v->data, v->count, limit);
		fputs(cut ? "\" ..." : "\"", out);
		return;
	}
	for (uint64_t i = 0; i < v->count; i++) {
		if (limit && used >= limit) {
			fputs(" ...", out);
			break;
		}
		size_t n = show_element(text, f, v->data, i);
		fprintf(out, "%s%s", i ? " " : "", text);
		used += n + 1;
	}
}

static void
json_scalar(FILE *out, const struct ten_field *f, const void *data, uint64_t i, const char *quote)
{
	char text[40];
	if (f->cls == TEN_TEXT) {
		json_string(out, (const char *)data + i, 1, quote);
		return;
	}
	show_element(text, f, data, i);
	if (strpbrk(text, "nif")) /* nan, inf, -inf */
		fprintf(out, "%s%s%s", quote, text, quote);
	else
		fputs(text, out);
}

/* The part of the value below `level`, from element *at on. A value without elements may yet have any number of rows, of
 * nothing, so it is not nested. */
static void
json_level(FILE *out, const struct ten_field *f, const struct ten_value *v, unsigned level,
    uint64_t *at, const char *quote)
{
	if (level == f->rank) {
		json_scalar(out, f, v->data, (*at)++, quote);
		return;
	}
	if (f->cls == TEN_TEXT && level + 1u == f->rank) {
		json_string(out, (const char *)v->data + *at, v->dims[level], quote);
		*at += v->dims[level];
		return;
	}
	putc('[', out);
	for (uint64_t i = 0; v->count && i < v->dims[level]; i++) {
		if (i)
			putc(',', out);
		json_level(out, f, v, level + 1, at, quote);
	}
	putc(']', out);
}

void
show_json(FILE *out, const struct ten_field *f, const struct ten_value *v)
{
	uint64_t at = 0;
	json_level(out, f, v, 0, &at, "\"");
}

void
show_csv(FILE *out, const struct ten_field *f, const struct ten_value *v)
{
	char text[40];
	uint64_t at = 0;
	if (f->cls == TEN_TEXT && f->rank <= 1) {
		show_csv_text(out, v->data, v->count);
	} else if (f->rank == 0) {
		show_element(text, f, v->data, 0);
		fputs(text, out);
	} else {
		putc('"', out);
		json_level(out, f, v, 0, &at, "\"\"");
		putc('"', out);
	}
}

/* ---- heads ---- */

/* "int32 [ragged, 4]" */
static void
show_type(FILE *out, const struct ten_field *f)
{
	static const char *const names[] = {"?", "uint", "int", "float", "bfloat", "text"};
	fprintf(out, "%s%u", names[f->cls <= TEN_TEXT ? f->cls : 0], f->bits);
	for (unsigned i = 0; i < f->rank; i++) {
		fputs(i ? ", " : " [", out);
		if (f->dims[i] == TEN_RAGGED)
			fputs("ragged", out);
		else
			fprintf(out, "%" PRIu64, f->dims[i]);
	}
	if (f->rank)
		putc(']', out);
}

void
show_schema(FILE *out, const struct ten_head *h, size_t limit)
{
	fputs("kind: ", out);
	show_text(out, h->kind, strlen(h->kind), 0);
	fputs("\nfields:\n", out);
	for (size_t i = 0; i < h->nfields; i++) {
		fputs("  ", out);
		show_text(out, h->fields[i].name, strlen(h->fields[i].name), 0);
		fputs(": ", out);
		show_type(out, &h->fields[i]);
		putc('\n', out);
	}
	if (h->nkvs)
		fputs("key-values:\n", out);
	for (size_t i = 0; i < h->nkvs; i++) {
		const struct ten_kv *kv = &h->kvs[i];
		fputs("  ", out);
		show_text(out, kv->key, strlen(kv->key), 0);
		fputs(" = ", out);
		bool cut = show_text(out, kv->value, kv->size, limit);
		fputs(cut ? " ...\n" : "\n", out);
	}
}

static void
hex(FILE *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%02x", p[i]);
}

static void
prov_step(FILE *out, const struct ten_prov *p, int depth, bool again)
{
	fprintf(out, "%*s", 2 * depth, "");
	hex(out, p->id, 4);
	putc(' ', out);
	show_text(out, p->tool, strlen(p->tool), 0);
	if (again) {
		fputs(" (above)\n", out);
		return;
	}
	putc(' ', out);
	show_text(out, p->version, strlen(p->version), 0);
	for (size_t i = 0; i < p->nargv; i++) {
		putc(' ', out);
		show_text(out, p->argv[i], strlen(p->argv[i]), 0);
	}
	if (p->seeded)
		fprintf(out, " (seed %" PRIu64 ")", p->seed);
	putc('\n', out);
	for (size_t i = 0; i < p->ninputs; i++) {
		static const uint8_t unknown[16];
		fprintf(out, "%*sfile ", 2 * depth + 2, "");
		show_text(out, p->inputs[i].name, strlen(p->inputs[i].name), 0);
		if (memcmp(p->inputs[i].digest, unknown, 16) == 0) {
			fputs(": not a regular file\n", out);
			continue;
		}
		fprintf(out, ": %" PRIu64 " bytes, ", p->inputs[i].size);
		hex(out, p->inputs[i].digest, 16);
		putc('\n', out);
	}
}

/* `seen` has a flag a node, so a shared step is expanded once and the walk ends whatever the
 * stream says: each node is expanded at most once. */
static void
prov_walk(FILE *out, const struct ten_head *h, size_t node, int depth, bool *seen)
{
	const struct ten_prov *p = &h->provs[node];
	prov_step(out, p, depth, seen[node]);
	if (seen[node])
		return;
	seen[node] = true;
	for (size_t i = 0; i < p->nparents; i++)
		for (size_t k = 0; k < h->nprovs; k++)
			if (memcmp(h->provs[k].id, p->parents[i], 16) == 0) {
				prov_walk(out, h, k, depth < 100 ? depth + 1 : depth, seen);
				break;
			}
}

int
show_provenance(FILE *out, const struct ten_head *h, struct err *e)
{
	bool *seen = mem_zalloc(h->nprovs, sizeof *seen, "provenance", e);
	if (!seen)
		return -1;
	fputs(h->nprovs ? "provenance:\n" : "provenance: none\n", out);
	if (h->nprovs)
		prov_walk(out, h, h->nprovs - 1, 1, seen);
	free(seen);
	return 0;
}
