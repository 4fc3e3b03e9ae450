#include "source.h"

#include <stdlib.h>
#include <xxhash.h>

/* A field's part of the block at hand. DATA uses the first of these for all fields; the
 * fields of a BULK record arrive one by one and all stay until the record is complete. */
struct part {
	struct buf payload, raw;
	uint32_t offsets[2];
};

struct ten_reader {
	char *name;
	struct source src;
	struct segment seg;
	struct ten_head head;
	struct shape *shapes;
	struct ten_column *columns;
	struct part data, *bulk;
	struct sections sections;
	struct buf header, meta, tmp;
	struct buf rest;            /* payload of blocks without records, so that those read before stay */
	struct ten_block_info info;
	uint64_t segment_start;
	uint64_t segments;          /* complete or begun */
	uint64_t records;           /* of complete segments and blocks before this one */
	uint32_t in_block, next;    /* records of the block at hand; next for ten_read */
	bool have_head, ended, failed;
};

static int
reader_fail(struct ten_reader *r, struct err *e)
{
	r->failed = true;
	if (e->code == ERR_RUNTIME)
		return err_prefix(e, "%s", r->name);
	return err_prefix(e, "%s: record %llu (offset %llu)", r->name,
	    (unsigned long long)(r->records + r->next), (unsigned long long)r->info.offset);
}

/* n more bytes of a block, or an error that says that the stream is cut off. */
static int
take(struct ten_reader *r, struct buf *b, size_t n, struct err *e)
{
	int rc = source_take(&r->src, b, n, e);
	if (rc == 0)
		return err_set(e, ERR_DATA, "the stream ends in the middle of a block, after %llu bytes: "
		    "it was cut off, or its writer died", (unsigned long long)r->src.pos);
	return rc < 0 ? -1 : 0;
}

static int
read_head(struct ten_reader *r, struct err *e)
{
	if (!r->have_head) {
		if (head_decode(&r->head, r->meta.p, r->meta.n, e))
			return -1;
		r->have_head = true;
		if (!(r->shapes = shapes_of(&r->head, e)) ||
		    !(r->columns = mem_zalloc(r->head.nfields, sizeof *r->columns, "columns", e)))
			return -1;
		return 0;
	}
	struct ten_head h;
	if (head_decode(&h, r->meta.p, r->meta.n, e))
		return -1;
	int rc = head_continues(&r->head, &h, e);
	ten_head_free(&h);
	return rc;
}

/* Reads the payload chunk by chunk and verifies each when it has arrived. */
static int
read_payload(struct ten_reader *r, const struct hdr *h, struct buf *b, struct err *e)
{
	uint64_t left = h->payload, chunk = UINT64_C(1) << h->chunk_log2;
	b->n = 0;
	for (uint32_t i = 0; left; i++) {
		size_t n = left < chunk ? (size_t)left : (size_t)chunk;
		if (take(r, b, n, e) || chunk_verify(&r->sections, i, b->p + b->n - n, n, e))
			return -1;
		left -= n;
	}
	return sections_check_padding(&r->sections, h, b->p, e);
}

/* Skippable blocks may be longer than memory: their chunks are verified and dropped. */
static int
skip_payload(struct ten_reader *r, const struct hdr *h, struct err *e)
{
	uint64_t left = h->payload, chunk = UINT64_C(1) << h->chunk_log2;
	for (uint32_t i = 0; left; i++) {
		size_t n = left < chunk ? (size_t)left : (size_t)chunk;
		r->rest.n = 0;
		if (take(r, &r->rest, n, e) || chunk_verify(&r->sections, i, r->rest.p, n, e))
			return -1;
		left -= n;
	}
	return 0;
}

static int
read_data(struct ten_reader *r, const struct hdr *h, struct err *e)
{
	if (read_payload(r, h, &r->data.payload, e))
		return -1;
	return columns_decode(r->columns, &r->head, r->shapes, h, &r->sections, r->data.payload.p,
	    &r->data.raw, &r->tmp, e);
}

static int
read_bulk(struct ten_reader *r, const struct hdr *h, uint32_t *field, struct err *e)
{
	*field = r->sections.n ? r->sections.s[0].field : UINT32_MAX;
	if (*field != r->seg.bulk_field || *field >= r->head.nfields)
		return err_set(e, ERR_DATA, "a block of field %u, expected field %u", *field, r->seg.bulk_field);
	if (!r->bulk && !(r->bulk = mem_zalloc(r->head.nfields, sizeof *r->bulk, "fields", e)))
		return -1;
	struct part *p = &r->bulk[*field];
	if (read_payload(r, h, &p->payload, e))
		return -1;
	return bulk_decode(&r->columns[*field], p->offsets, &r->head, r->shapes, &r->sections, p->payload.p,
	    &p->raw, &r->tmp, e);
}

static int
read_index(struct ten_reader *r, const struct hdr *h, struct err *e)
{
	if (read_payload(r, h, &r->rest, e))
		return -1;
	return segment_index(&r->seg, &r->sections, r->rest.p, e);
}

static int
read_end(struct ten_reader *r, const struct hdr *h, struct err *e)
{
	r->rest.n = 0;
	if (take(r, &r->rest, 64, e) || segment_end(&r->seg, h, r->rest.p, e))
		return -1;
	return 0;
}

/* The rest of a block whose header was read and checked. */
static int
read_body(struct ten_reader *r, const struct hdr *h, struct err *e)
{
	uint32_t field = 0;
	int rc = 0;
	r->meta.n = 0;
	if (take(r, &r->meta, h->meta, e))
		return -1;
	if (h->meta && XXH3_64bits(r->meta.p, r->meta.n) != h->meta_hash)
		return err_set(e, ERR_DATA, "the hash of the block's meta does not match");
	bool table = h->kind == TEN_DATA || h->kind == TEN_BULK || h->kind == TEN_INDEX ||
	    (h->kind >= 0x80 && h->payload);
	if (table && sections_decode(&r->sections, h, r->meta.p, e))
		return -1;
	switch (h->kind) {
	case TEN_HEAD:
		rc = read_head(r, e);
		break;
	case TEN_DATA:
		rc = read_data(r, h, e);
		break;
	case TEN_BULK:
		rc = read_bulk(r, h, &field, e);
		break;
	case TEN_INDEX:
		rc = read_index(r, h, e);
		break;
	case TEN_END:
		rc = read_end(r, h, e);
		break;
	case TEN_ABORT:
		return abort_decode(r->meta.p, r->meta.n, e);
	default:
		rc = skip_payload(r, h, e);
	}
	if (rc)
		return -1;
	return segment_block(&r->seg, h, field, (uint32_t)r->head.nfields, e);
}

static int
step(struct ten_reader *r, struct err *e)
{
	struct hdr h;
	r->header.n = 0;
	r->info.offset = r->src.pos;
	int rc = source_take(&r->src, &r->header, TEN_HEADER, e);
	if (rc < 0)
		return -1;
	if (rc == 0 && r->header.n == 0 && r->seg.seq == 0 && r->segments)
		return 0;
	if (rc == 0)
		return err_set(e, ERR_DATA, "the stream ends without an END, after %llu bytes: it was cut off, "
		    "or its writer died", (unsigned long long)r->src.pos);
	if (hdr_decode(r->header.p, &h, e))
		return -1;
	if (r->seg.seq == 0) {
		r->segment_start = r->info.offset;
		r->segments++;
	}
	r->info = (struct ten_block_info){r->info.offset, TEN_HEADER + h.meta + h.payload, r->segments - 1, h.seq,
	    r->records, h.records, h.kind, h.flags, 0, 0};
	if (segment_header(&r->seg, &h, e) || read_body(r, &h, e))
		return -1;
	if (h.kind == TEN_END)
		segment_begin(&r->seg);
	if (h.kind == TEN_DATA || h.kind == TEN_BULK)
		for (size_t i = 0; i < r->sections.n; i++) {
			r->info.raw += r->sections.s[i].raw;
			r->info.compressed |= r->sections.s[i].codec != CODEC_RAW;
		}
	return 1;
}

int
ten_reader_step(struct ten_reader *r, struct ten_block_info *info, struct err *e)
{
	if (r->failed)
		return err_set(e, ERR_RUNTIME, "%s: reading goes on after an error", r->name);
	r->records += r->in_block;
	r->in_block = r->next = 0;
	if (r->ended)
		return 0;
	int rc = step(r, e);
	if (rc < 0)
		return reader_fail(r, e);
	r->ended = rc == 0;
	if (rc && info)
		*info = r->info;
	if (rc && r->info.kind == TEN_DATA)
		r->in_block = r->info.records;
	if (rc && r->info.kind == TEN_BULK && r->seg.bulk_field == 0)
		r->in_block = 1;
	return rc;
}

int
ten_read_block(struct ten_reader *r, const struct ten_column **columns, uint32_t *records, struct err *e)
{
	int rc;
	while ((rc = ten_reader_step(r, NULL, e)) > 0)
		if (r->in_block) {
			*columns = r->columns;
			*records = r->in_block;
			return 1;
		}
	return rc;
}

int
ten_read(struct ten_reader *r, struct ten_value *values, struct err *e)
{
	while (r->next == r->in_block) {
		int rc = ten_reader_step(r, NULL, e);
		if (rc <= 0)
			return rc;
	}
	for (size_t i = 0; i < r->head.nfields; i++)
		column_value(&values[i], &r->columns[i], &r->head.fields[i], &r->shapes[i], r->next);
	r->next++;
	return 1;
}

static int
open_common(struct ten_reader **out, struct ten_reader *r, struct err *e)
{
	if (segment_open(&r->seg, e))
		goto fail;
	int rc = source_take(&r->src, &r->header, TEN_HEADER, e);
	if (rc < 0) {
		reader_fail(r, e);
		goto fail;
	}
	if (not_a_stream(r->name, r->header.p, r->header.n, e))
		goto fail;
	source_unread(&r->src, &r->header);
	if (ten_reader_step(r, NULL, e) < 0)
		goto fail;
	*out = r;
	return 0;
fail:
	ten_reader_free(r);
	return -1;
}

static struct ten_reader *
reader_new(const char *name, struct err *e)
{
	struct ten_reader *r = mem_zalloc(1, sizeof *r, "a reader", e);
	if (r && !(r->name = strdup(name))) {
		err_nomem(e, strlen(name) + 1, "a name");
		free(r);
		return NULL;
	}
	return r;
}

int
ten_reader_open(struct ten_reader **out, int fd, const char *name, struct err *e)
{
	struct ten_reader *r = reader_new(name, e);
	if (!r)
		return -1;
	if (source_open_fd(&r->src, fd, e)) {
		err_prefix(e, "%s", name);
		ten_reader_free(r);
		return -1;
	}
	return open_common(out, r, e);
}

int
ten_reader_open_mem(struct ten_reader **out, const void *p, size_t n, const char *name, struct err *e)
{
	struct ten_reader *r = reader_new(name, e);
	if (!r)
		return -1;
	source_open_mem(&r->src, p, n);
	return open_common(out, r, e);
}

void
ten_reader_own(struct ten_reader *r)
{
	r->src.owned = r->src.fd >= 0;
}

const struct ten_head *
ten_reader_head(const struct ten_reader *r)
{
	return &r->head;
}

const char *
ten_reader_name(const struct ten_reader *r)
{
	return r->name;
}

uint64_t
ten_reader_record(const struct ten_reader *r)
{
	return r->records + r->next;
}

uint32_t
ten_reader_waiting(const struct ten_reader *r)
{
	return r->in_block - r->next;
}

uint64_t
ten_reader_offset(const struct ten_reader *r)
{
	return r->info.offset;
}

void
ten_reader_free(struct ten_reader *r)
{
	if (!r)
		return;
	source_close(&r->src);
	if (r->seg.chain)
		segment_close(&r->seg);
	for (size_t i = 0; r->bulk && i < r->head.nfields; i++) {
		buf_free(&r->bulk[i].payload);
		buf_free(&r->bulk[i].raw);
	}
	free(r->bulk);
	free(r->shapes);
	free(r->columns);
	free(r->sections.s);
	buf_free(&r->data.payload);
	buf_free(&r->rest);
	buf_free(&r->data.raw);
	buf_free(&r->header);
	buf_free(&r->meta);
	buf_free(&r->tmp);
	ten_head_free(&r->head);
	free(r->name);
	free(r);
}
