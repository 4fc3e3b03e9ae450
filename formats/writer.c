#include "layout.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

enum { SINK_PIECES = 256, DEFAULT_BLOCK = 1 << 20 };

/* What is gathered of a field for the next DATA block. */
struct pending {
	struct buf values, offsets, dims;
};

struct ten_writer {
	struct ten_sink sink;
	struct ten_head head;
	struct shape *shapes;
	struct ten_writer_opts opts;
	struct segment seg;
	struct pending *fields;
	uint32_t records;            /* pending */
	uint64_t raw;                /* bytes pending */
	struct buf index;            /* entries since the last INDEX */
	bool ended, failed;          /* failed: a block may be out in part, so nothing can follow */
	/* the block being written: sections, the pieces they are in, and the meta */
	struct section *sections;
	const uint8_t **pieces;
	struct buf *packed;          /* of each section, when compressed */
	size_t nsections;
	struct buf meta, tmp;
	struct iovec *iov;
	size_t iov_cap;
	void *hash;
};

static const uint8_t zeros[TEN_ALIGN];

/* ---- blocks ---- */

static int
emit(struct ten_writer *w, struct iovec *iov, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i += SINK_PIECES) {
		size_t k = n - i < SINK_PIECES ? n - i : SINK_PIECES;
		if (w->sink.write(w->sink.ctx, iov + i, (int)k, e)) {
			w->failed = true;
			return -1;
		}
	}
	return 0;
}

/* A block whose payload is `pieces` (whose sizes sum to h->payload). */
static int
write_block(struct ten_writer *w, struct hdr *h, uint32_t field, const struct iovec *pieces, size_t n, struct err *e)
{
	uint8_t header[TEN_HEADER];
	h->seq = w->seg.seq;
	h->first = w->seg.records;
	h->chunk_log2 = TEN_CHUNK_LOG2;
	h->meta = (uint32_t)w->meta.n;
	h->meta_hash = h->meta ? XXH3_64bits(w->meta.p, w->meta.n) : 0;
	hdr_encode(header, h);
	if (mem_grow(&w->iov, &w->iov_cap, n + 2, sizeof *w->iov, "a block", e))
		return -1;
	size_t k = 0;
	w->iov[k++] = (struct iovec){header, sizeof header};
	if (w->meta.n)
		w->iov[k++] = (struct iovec){w->meta.own, w->meta.n};
	for (size_t i = 0; i < n; i++)
		if (pieces[i].iov_len)
			w->iov[k++] = pieces[i];
	if (segment_block(&w->seg, h, field, (uint32_t)w->head.nfields, e))
		return -1;
	return emit(w, w->iov, k, e);
}

/* The hash of each chunk of a payload that lies in pieces. */
static int
hash_chunks(struct ten_writer *w, const struct iovec *p, size_t n, struct err *e)
{
	const size_t chunk = (size_t)1 << TEN_CHUNK_LOG2;
	size_t filled = 0;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *at = p[i].iov_base;
		for (size_t left = p[i].iov_len; left;) {
			size_t k = left < chunk - filled ? left : chunk - filled;
			uint8_t digest[8];
			if (filled == 0)
				XXH3_64bits_reset(w->hash);
			if (filled == 0 && k == chunk)
				put64(digest, XXH3_64bits(at, k));
			else
				XXH3_64bits_update(w->hash, at, k);
			bool whole = filled == 0 && k == chunk;
			filled += k;
			at += k;
			left -= k;
			bool last = !left && i + 1 == n;
			if (filled < chunk && !last)
				continue;
			if (!whole)
				put64(digest, XXH3_64bits_digest(w->hash));
			filled = 0;
			if (buf_append(&w->meta, digest, sizeof digest, "a block", e))
				return -1;
		}
	}
	return 0;
}

/* Writes the sections that were added as one block. */
static int
write_sections(struct ten_writer *w, struct hdr *h, struct err *e)
{
	size_t n = w->nsections, k = 0;
	struct iovec *pieces = mem_zalloc(2 * n, sizeof *pieces, "a block", e);
	if (!pieces)
		return -1;
	uint8_t lead[32];
	uint64_t offset = 0;
	w->meta.n = 0;
	put32(lead, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		struct section *s = &w->sections[i];
		s->offset = offset;
		offset = align64(offset + s->stored);
		if (s->stored)
			pieces[k++] = (struct iovec){(void *)(uintptr_t)w->pieces[i], s->stored};
		if (-s->stored & (TEN_ALIGN - 1))
			pieces[k++] = (struct iovec){(void *)(uintptr_t)zeros, -s->stored & (TEN_ALIGN - 1)};
	}
	h->payload = offset;
	put32(lead + 4, (uint32_t)((offset + (1 << TEN_CHUNK_LOG2) - 1) >> TEN_CHUNK_LOG2));
	int rc = buf_append(&w->meta, lead, 8, "a block", e);
	for (size_t i = 0; !rc && i < n; i++) {
		section_encode(lead, &w->sections[i]);
		rc = buf_append(&w->meta, lead, 32, "a block", e);
	}
	if (!rc)
		rc = hash_chunks(w, pieces, k, e);
	while (!rc && w->meta.n % TEN_ALIGN)
		rc = buf_append(&w->meta, zeros, -w->meta.n & (TEN_ALIGN - 1), "a block", e);
	/* a large value starts on a page, so that it can be mapped and used where it lies */
	if (!rc && h->kind == TEN_BULK && w->sections[0].raw >= TEN_BULK_ALIGN_FROM)
		while (!rc && (w->seg.pos + TEN_HEADER + w->meta.n) % TEN_BULK_ALIGN)
			rc = buf_append(&w->meta, zeros, TEN_ALIGN, "a block", e);
	if (!rc && w->meta.n > TEN_MAX_META)
		rc = err_set(e, ERR_DATA, "a block of %llu bytes is too large", (unsigned long long)offset);
	if (!rc)
		rc = write_block(w, h, n ? w->sections[0].field : 0, pieces, k, e);
	free(pieces);
	w->nsections = 0;
	return rc;
}

/* Adds a section, compressed where that was asked for and pays. */
static int
add_section(struct ten_writer *w, uint32_t field, unsigned role, size_t elem, const void *p, size_t n, struct err *e)
{
	size_t i = w->nsections++;
	w->sections[i] = (struct section){.field = field, .role = (uint8_t)role, .stored = n, .raw = n};
	w->pieces[i] = p;
	if (w->opts.zstd_level <= 0 || n == 0 || n > TEN_MAX_RAW)
		return 0;
	if (codec_encode(&w->packed[i], p, n, elem, w->opts.zstd_level, w->opts.byte_split, &w->tmp, e))
		return -1;
	if (w->packed[i].n) {
		w->sections[i].codec = CODEC_ZSTD;
		w->sections[i].filter = w->opts.byte_split && elem > 1 ? FILTER_BYTE_SPLIT : FILTER_NONE;
		w->sections[i].stored = w->packed[i].n;
		w->pieces[i] = w->packed[i].p;
	}
	return 0;
}

static int
write_index(struct ten_writer *w, struct err *e)
{
	uint8_t lead[16];
	size_t n = w->index.n - sizeof lead;
	put64(lead, w->seg.last_index);
	put64(lead + 8, n / 32);
	memcpy(w->index.own, lead, sizeof lead);
	w->nsections = 1;
	w->sections[0] = (struct section){.stored = w->index.n, .raw = w->index.n};
	w->pieces[0] = w->index.p;
	struct sections s = {.s = w->sections, .n = 1};
	if (segment_index(&w->seg, &s, w->index.p, e))
		return -1;
	struct hdr h = {.kind = TEN_INDEX};
	if (write_sections(w, &h, e))
		return -1;
	w->index.n = sizeof lead;
	return 0;
}

/* Writes the sections and the entry of the index that leads to them. */
static int
write_records(struct ten_writer *w, unsigned kind, uint32_t records, uint64_t field, struct err *e)
{
	uint8_t entry[32];
	struct hdr h = {.kind = (uint8_t)kind, .records = records};
	index_entry(entry, w->seg.pos, w->seg.records, records, field);
	if (write_sections(w, &h, e) || buf_append(&w->index, entry, sizeof entry, "the index", e))
		return -1;
	if (w->index.n - 16 >= 32 * (size_t)TEN_INDEX_BLOCKS)
		return write_index(w, e);
	return 0;
}

/* ---- records ---- */

static int
check_value(const struct ten_field *f, const struct shape *s, const struct ten_value *v, struct err *e)
{
	uint64_t n, ragged[TEN_MAX_RANK];
	unsigned r = 0;
	for (unsigned k = 0; k < f->rank; k++) {
		if (f->dims[k] == TEN_RAGGED)
			ragged[r++] = v->dims[k];
		else if (v->dims[k] != f->dims[k])
			return err_set(e, ERR_DATA, "field `%s`: dimension %u is %llu, must be %llu", f->name, k,
			    (unsigned long long)v->dims[k], (unsigned long long)f->dims[k]);
	}
	if (shape_count(s, ragged, &n) || n > INT64_MAX / 4 / s->elem)
		return err_set(e, ERR_DATA, "field `%s`: its dimensions overflow", f->name);
	if (n != v->count)
		return err_set(e, ERR_DATA, "field `%s`: %llu elements for dimensions of %llu", f->name,
		    (unsigned long long)v->count, (unsigned long long)n);
	return 0;
}

static int
write_bulk(struct ten_writer *w, const struct ten_value *values, struct err *e)
{
	for (uint32_t i = 0; i < w->head.nfields; i++) {
		const struct ten_field *f = &w->head.fields[i];
		const struct shape *s = &w->shapes[i];
		uint64_t dims[TEN_MAX_RANK];
		unsigned r = 0;
		w->nsections = 0;
		for (unsigned k = 0; k < f->rank; k++)
			if (f->dims[k] == TEN_RAGGED)
				dims[r++] = values[i].dims[k];
		if (add_section(w, i, ROLE_VALUES, s->elem, values[i].data, values[i].count * s->elem, e) ||
		    (r && add_section(w, i, ROLE_DIMS, 8, dims, 8 * r, e)) ||
		    write_records(w, TEN_BULK, 1, i, e))
			return -1;
	}
	return 0;
}

static int
append_value(struct ten_writer *w, uint32_t i, const struct ten_value *v, struct err *e)
{
	struct pending *p = &w->fields[i];
	const struct ten_field *f = &w->head.fields[i];
	const struct shape *s = &w->shapes[i];
	if (buf_append(&p->values, v->data, v->count * s->elem, "a block", e))
		return -1;
	if (s->nragged == 0)
		return 0;
	uint8_t bytes[8];
	if (p->offsets.n == 0) {
		put32(bytes, 0);
		if (buf_append(&p->offsets, bytes, 4, "a block", e))
			return -1;
	}
	put32(bytes, (uint32_t)(p->values.n / s->elem));
	if (buf_append(&p->offsets, bytes, 4, "a block", e))
		return -1;
	for (unsigned k = 0; s->nragged > 1 && k < f->rank; k++) {
		if (f->dims[k] != TEN_RAGGED)
			continue;
		put64(bytes, v->dims[k]);
		if (buf_append(&p->dims, bytes, 8, "a block", e))
			return -1;
	}
	return 0;
}

int
ten_write(struct ten_writer *w, const struct ten_value *values, struct err *e)
{
	assert(!w->ended);
	uint64_t size = 0;
	for (size_t i = 0; i < w->head.nfields; i++) {
		const struct shape *s = &w->shapes[i];
		if (check_value(&w->head.fields[i], s, &values[i], e))
			return err_prefix(e, "record %llu", (unsigned long long)ten_written(w));
		if (__builtin_add_overflow(size, values[i].count * s->elem + 8 * s->nragged + (s->nragged ? 8 : 0), &size))
			return err_set(e, ERR_DATA, "a record is too large");
	}
	/* a record that no DATA block can hold goes as BULK blocks, which have no limit */
	uint64_t slack = 3 * TEN_ALIGN * (uint64_t)w->head.nfields;
	bool bulk = w->opts.bulk || size + slack > TEN_MAX_RAW;
	if (w->records && (bulk || w->raw + size > w->opts.block) && ten_flush(w, e))
		return -1;
	if (bulk)
		return write_bulk(w, values, e);
	for (uint32_t i = 0; i < w->head.nfields; i++)
		if (append_value(w, i, &values[i], e))
			return -1;
	w->records++;
	w->raw += size;
	return w->raw >= w->opts.block ? ten_flush(w, e) : 0;
}

int
ten_flush(struct ten_writer *w, struct err *e)
{
	if (w->failed)
		return err_set(e, ERR_RUNTIME, "writing failed before");
	if (w->records == 0)
		return 0;
	w->nsections = 0;
	for (uint32_t i = 0; i < w->head.nfields; i++) {
		const struct shape *s = &w->shapes[i];
		struct pending *p = &w->fields[i];
		if (add_section(w, i, ROLE_VALUES, s->elem, p->values.p, p->values.n, e) ||
		    (s->nragged && add_section(w, i, ROLE_OFFSETS, 4, p->offsets.p, p->offsets.n, e)) ||
		    (s->nragged > 1 && add_section(w, i, ROLE_DIMS, 8, p->dims.p, p->dims.n, e)))
			return -1;
	}
	if (write_records(w, TEN_DATA, w->records, TEN_INDEX_DATA, e))
		return -1;
	for (size_t i = 0; i < w->head.nfields; i++)
		w->fields[i].values.n = w->fields[i].offsets.n = w->fields[i].dims.n = 0;
	w->records = 0;
	w->raw = 0;
	return 0;
}

uint64_t
ten_written(const struct ten_writer *w)
{
	return w->seg.records + w->records;
}

/* ---- opening and ending ---- */

int
ten_writer_open(struct ten_writer **out, struct ten_sink sink, const struct ten_head *h,
    const struct ten_writer_opts *o, struct err *e)
{
	struct ten_writer *w = mem_zalloc(1, sizeof *w, "a writer", e);
	if (!w)
		return -1;
	w->sink = sink;
	if (o)
		w->opts = *o;
	if (w->opts.block == 0)
		w->opts.block = DEFAULT_BLOCK;
	if (w->opts.block > TEN_MAX_RAW / 2)
		w->opts.block = TEN_MAX_RAW / 2;
	struct hdr hdr = {.kind = TEN_HEAD};
	uint8_t lead[16] = {0};
	size_t most = 3 * h->nfields + 1;
	if (ten_head_copy(&w->head, h, e) || !(w->shapes = shapes_of(&w->head, e)) ||
	    segment_open(&w->seg, e) || head_encode(&w->meta, &w->head, e) ||
	    !(w->fields = mem_zalloc(h->nfields, sizeof *w->fields, "columns", e)) ||
	    !(w->sections = mem_zalloc(most, sizeof *w->sections, "columns", e)) ||
	    !(w->pieces = mem_zalloc(most, sizeof *w->pieces, "columns", e)) ||
	    !(w->packed = mem_zalloc(most, sizeof *w->packed, "columns", e)) ||
	    buf_append(&w->index, lead, sizeof lead, "the index", e))
		goto fail;
	if (!(w->hash = XXH3_createState())) {
		err_nomem(e, 576, "a hash state");
		goto fail;
	}
	if (write_block(w, &hdr, 0, NULL, 0, e))
		goto fail;
	*out = w;
	return 0;
fail:
	ten_writer_free(w);
	return -1;
}

int
ten_writer_end(struct ten_writer *w, struct err *e)
{
	assert(!w->ended);
	if (ten_flush(w, e) || (w->seg.unindexed && write_index(w, e)))
		return -1;
	struct end x;
	uint8_t payload[64], header[TEN_HEADER];
	struct hdr h = {.kind = TEN_END, .payload = sizeof payload, .seq = w->seg.seq, .first = w->seg.records,
	    .chunk_log2 = TEN_CHUNK_LOG2};
	hdr_encode(header, &h);
	segment_summary(&w->seg, &h, &x);
	end_encode(payload, &x);
	w->meta.n = 0;
	struct iovec piece = {payload, sizeof payload};
	w->ended = true;
	return write_block(w, &h, 0, &piece, 1, e);
}

void
ten_writer_abort(struct ten_writer *w, const char *tool, const char *message)
{
	struct err ignored;
	struct hdr h = {.kind = TEN_ABORT};
	if (w->failed || w->ended || abort_encode(&w->meta, tool, message, &ignored))
		return;
	(void)write_block(w, &h, 0, NULL, 0, &ignored);
	w->ended = w->failed = true;
}

void
ten_writer_free(struct ten_writer *w)
{
	if (!w)
		return;
	for (size_t i = 0; w->fields && i < w->head.nfields; i++) {
		buf_free(&w->fields[i].values);
		buf_free(&w->fields[i].offsets);
		buf_free(&w->fields[i].dims);
	}
	for (size_t i = 0; w->packed && i < 3 * w->head.nfields + 1; i++)
		buf_free(&w->packed[i]);
	free(w->fields);
	free(w->sections);
	free(w->pieces);
	free(w->packed);
	free(w->shapes);
	free(w->iov);
	buf_free(&w->index);
	buf_free(&w->meta);
	buf_free(&w->tmp);
	XXH3_freeState(w->hash);
	if (w->seg.chain)
		segment_close(&w->seg);
	ten_head_free(&w->head);
	free(w);
}

static int
mem_write(void *ctx, struct iovec *iov, int n, struct err *e)
{
	struct ten_membuf *m = ctx;
	for (int i = 0; i < n; i++) {
		size_t need;
		if (add_overflows(m->size, iov[i].iov_len, &need))
			return err_nomem(e, iov[i].iov_len, "a stream in memory");
		if (mem_grow(&m->data, &m->cap, need, 1, "a stream in memory", e))
			return -1;
		if (iov[i].iov_len) /* of nothing, data may still be NULL */
			memcpy(m->data + m->size, iov[i].iov_base, iov[i].iov_len);
		m->size = need;
	}
	return 0;
}

struct ten_sink
ten_mem_sink(struct ten_membuf *m)
{
	return (struct ten_sink){mem_write, m};
}
