#include "layout.h"

int
shape_of(struct shape *s, const struct ten_field *f, struct err *e)
{
	uint64_t bytes;
	s->elem = f->bits / 8;
	s->fixed = 1;
	s->nragged = 0;
	for (unsigned i = 0; i < f->rank; i++) {
		if (f->dims[i] == TEN_RAGGED)
			s->nragged++;
		else if (f->dims[i] == 0)
			return err_set(e, ERR_DATA, "field `%s`: dimension %u is 0", f->name, i);
		else if (__builtin_mul_overflow(s->fixed, f->dims[i], &s->fixed))
			return err_set(e, ERR_DATA, "field `%s`: its dimensions overflow", f->name);
	}
	if (__builtin_mul_overflow(s->fixed, s->elem, &bytes) || bytes > INT64_MAX / 2)
		return err_set(e, ERR_DATA, "field `%s`: its dimensions overflow", f->name);
	return 0;
}

int
shape_count(const struct shape *s, const uint64_t *dims, uint64_t *count)
{
	uint64_t n = s->fixed;
	bool none = false;
	for (unsigned k = 0; k < s->nragged; k++) {
		none |= dims[k] == 0;
		if (dims[k] && (__builtin_mul_overflow(n, dims[k], &n) || n > INT64_MAX))
			return -1;
	}
	*count = none ? 0 : n;
	return 0;
}

struct shape *
shapes_of(const struct ten_head *h, struct err *e)
{
	struct shape *s = mem_zalloc(h->nfields, sizeof *s, "shapes", e);
	for (size_t i = 0; s && i < h->nfields; i++)
		(void)shape_of(&s[i], &h->fields[i], e); /* was checked when the field was added */
	return s;
}

static size_t
role_elem(const struct shape *s, unsigned role)
{
	return role == ROLE_VALUES ? s->elem : role == ROLE_OFFSETS ? 4 : 8;
}

/* Bytes that decompressed sections take, each padded. */
static uint64_t
raw_space(const struct section *s, size_t n)
{
	uint64_t total = 0;
	for (size_t i = 0; i < n; i++)
		if (s[i].codec != CODEC_RAW)
			total += align64(s[i].raw);
	return total;
}

/* The raw bytes of a section: in the payload, or decompressed at raw->p + *used. */
static const uint8_t *
section_raw(const struct section *s, const uint8_t *payload, size_t elem, struct buf *raw,
    size_t *used, struct buf *tmp, struct err *e)
{
	if (s->codec == CODEC_RAW)
		return payload + s->offset;
	uint8_t *out = raw->own + *used;
	if (codec_decode(out, s, payload + s->offset, elem, tmp, e))
		return NULL;
	*used += align64(s->raw);
	return out;
}

/* offsets[records + 1]: from 0, never falling, whole rows, to the end of the values. */
static int
check_offsets(const struct ten_column *c, const struct shape *s, uint32_t records)
{
	const uint32_t *off = c->offsets;
	uint32_t bad = off[0] != 0 || off[records] != c->count;
	for (uint32_t i = 0; i < records; i++)
		bad |= off[i] > off[i + 1];
	if (s->fixed > 1)
		for (uint32_t i = 1; i <= records; i++)
			bad |= off[i] % s->fixed != 0;
	return bad ? -1 : 0;
}

/* The sizes in `dims` must multiply to the number of elements of each record. */
static int
check_dims(const struct ten_column *c, const struct shape *s, uint32_t records)
{
	uint64_t n;
	for (uint32_t i = 0; i < records; i++)
		if (shape_count(s, c->dims + (size_t)i * s->nragged, &n) || n != c->offsets[i + 1] - c->offsets[i])
			return -1;
	return 0;
}

static int
column_check(const struct ten_column *c, const struct ten_field *f, const struct shape *s,
    uint32_t records, uint64_t bytes, struct err *e)
{
	uint64_t count;
	if (s->nragged == 0) {
		if (__builtin_mul_overflow(s->fixed, records, &count) || count != c->count || bytes % s->elem)
			return err_set(e, ERR_DATA, "field `%s`: %llu bytes for %u records", f->name,
			    (unsigned long long)bytes, records);
		return 0;
	}
	if (bytes % s->elem || check_offsets(c, s, records))
		return err_set(e, ERR_DATA, "field `%s`: its offsets are not valid", f->name);
	if (s->nragged > 1 && check_dims(c, s, records))
		return err_set(e, ERR_DATA, "field `%s`: its dimensions do not match its values", f->name);
	return 0;
}

static unsigned
roles_of(const struct shape *s)
{
	return s->nragged == 0 ? 1 : s->nragged == 1 ? 2 : 3;
}

/* Sizes that depend on the number of records only. */
static bool
size_ok(const struct section *sec, const struct shape *s, uint32_t records)
{
	if (sec->role == ROLE_OFFSETS)
		return sec->raw == 4 * ((uint64_t)records + 1);
	if (sec->role == ROLE_DIMS)
		return sec->raw == 8 * (uint64_t)records * s->nragged;
	return true;
}

int
columns_decode(struct ten_column *columns, const struct ten_head *h, const struct shape *shapes,
    const struct hdr *hdr, const struct sections *s, const uint8_t *payload, struct buf *raw,
    struct buf *tmp, struct err *e)
{
	uint64_t total = 0;
	for (size_t i = 0; i < s->n; i++) {
		total += s->s[i].raw; /* each at most 64 MiB, or part of the payload */
		if (total > TEN_MAX_RAW)
			return err_set(e, ERR_DATA, "a block of more than %u bytes raw", (unsigned)TEN_MAX_RAW);
	}
	if (buf_reserve(raw, raw_space(s->s, s->n), "a block", e))
		return -1;
	size_t at = 0, used = 0;
	for (uint32_t i = 0; i < h->nfields; i++) {
		struct ten_column *c = &columns[i];
		const uint8_t *p[3] = {0};
		for (unsigned role = 0; role < roles_of(&shapes[i]); role++, at++) {
			const struct section *sec = &s->s[at];
			if (at >= s->n || sec->field != i || sec->role != role || !size_ok(sec, &shapes[i], hdr->records))
				return err_set(e, ERR_DATA, "the sections of field `%s` are missing or have a wrong size",
				    h->fields[i].name);
			p[role] = section_raw(sec, payload, role_elem(&shapes[i], role), raw, &used, tmp, e);
			if (!p[role])
				return -1;
		}
		uint64_t bytes = s->s[at - roles_of(&shapes[i])].raw;
		*c = (struct ten_column){p[0], bytes / shapes[i].elem, (const uint32_t *)(const void *)p[1],
		    (const uint64_t *)(const void *)p[2]};
		if (column_check(c, &h->fields[i], &shapes[i], hdr->records, bytes, e))
			return -1;
	}
	if (at != s->n)
		return err_set(e, ERR_DATA, "a block has more sections than its fields need");
	return 0;
}

int
bulk_decode(struct ten_column *column, uint32_t offsets[2], const struct ten_head *h,
    const struct shape *shapes, const struct sections *s, const uint8_t *payload, struct buf *raw,
    struct buf *tmp, struct err *e)
{
	uint32_t field = s->n ? s->s[0].field : UINT32_MAX;
	if (field >= h->nfields)
		return err_set(e, ERR_DATA, "a block of field %u of %zu", field, h->nfields);
	const struct shape *sh = &shapes[field];
	const char *name = h->fields[field].name;
	size_t want = sh->nragged ? 2 : 1, used = 0;
	if (s->n != want || s->s[0].role != ROLE_VALUES || (want == 2 && (s->s[1].field != field ||
	    s->s[1].role != ROLE_DIMS || s->s[1].raw != 8 * (uint64_t)sh->nragged)))
		return err_set(e, ERR_DATA, "the sections of field `%s` are missing or have a wrong size", name);
	if (buf_reserve(raw, raw_space(s->s, s->n), "a block", e))
		return -1;
	const uint8_t *p[2] = {0};
	for (size_t i = 0; i < want; i++)
		if (!(p[i] = section_raw(&s->s[i], payload, i ? 8 : sh->elem, raw, &used, tmp, e)))
			return -1;
	const uint64_t *dims = (const uint64_t *)(const void *)p[1];
	uint64_t count, bytes;
	if (shape_count(sh, dims, &count) || __builtin_mul_overflow(count, sh->elem, &bytes) || bytes != s->s[0].raw)
		return err_set(e, ERR_DATA, "field `%s`: %llu bytes do not match its dimensions", name,
		    (unsigned long long)s->s[0].raw);
	*column = (struct ten_column){p[0], count, NULL, dims};
	if (sh->nragged && count <= UINT32_MAX) {
		offsets[0] = 0;
		offsets[1] = (uint32_t)count;
		column->offsets = offsets;
	}
	return 0;
}

void
column_value(struct ten_value *v, const struct ten_column *c, const struct ten_field *f,
    const struct shape *s, uint32_t i)
{
	uint64_t start = 0, count = c->count;
	if (s->nragged == 0) {
		start = i * s->fixed;
		count = s->fixed;
	} else if (c->offsets) {
		start = c->offsets[i];
		count = c->offsets[i + 1] - c->offsets[i];
	}
	v->data = (const uint8_t *)c->data + start * s->elem;
	v->count = count;
	unsigned r = 0;
	for (unsigned k = 0; k < f->rank; k++)
		v->dims[k] = f->dims[k] != TEN_RAGGED ? f->dims[k] :
		    c->dims ? c->dims[i * (uint64_t)s->nragged + r++] : count / s->fixed;
}
