#include "layout.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { CACHE = 8 };

/* A DATA or BULK block. */
struct map_block {
	uint64_t at, first;         /* offset of its header; its first record, both of the file */
	uint32_t records, field;    /* UINT32_MAX: DATA */
	bool verified;              /* the payload */
	struct ten_column *columns; /* of a raw DATA block that was touched */
};

/* A compressed DATA block, decompressed. */
struct cached {
	size_t block;
	uint64_t used;              /* time of the last use; 0: free */
	struct ten_column *columns;
	struct buf raw;
};

struct ten_map {
	char *name;
	const uint8_t *p;
	uint64_t size;
	bool mapped;
	struct ten_head head;
	struct shape *shapes;
	struct map_block *blocks;
	size_t nblocks, cap, last;  /* last: block of the latest ten_map_get */
	uint64_t records;
	struct cached cache[CACHE];
	uint64_t clock;
	/* the BULK record of the latest ten_map_get */
	size_t bulk_block;
	struct ten_column *bulk;
	struct buf *bulk_raw;
	uint32_t (*bulk_offsets)[2];
	struct sections sections;
	struct buf tmp;
};

static int
map_fail(const struct ten_map *m, uint64_t at, struct err *e)
{
	if (e->code == ERR_RUNTIME)
		return err_prefix(e, "%s", m->name);
	return err_prefix(e, "%s: offset %llu", m->name, (unsigned long long)at);
}

/* The header of the block at `at`, its meta verified, all of it within the file. */
static int
block_at(const struct ten_map *m, uint64_t at, struct hdr *h, struct err *e)
{
	uint64_t left = m->size - at;
	if (left < TEN_HEADER)
		return err_set(e, ERR_DATA, "the stream ends without an END, after %llu bytes: it was cut off, "
		    "or its writer died", (unsigned long long)m->size);
	if (hdr_decode(m->p + at, h, e))
		return -1;
	left -= TEN_HEADER;
	if (h->meta > left || h->payload > left - h->meta)
		return err_set(e, ERR_DATA, "the stream ends in the middle of a block, after %llu bytes: "
		    "it was cut off, or its writer died", (unsigned long long)m->size);
	if (h->meta && XXH3_64bits(m->p + at + TEN_HEADER, h->meta) != h->meta_hash)
		return err_set(e, ERR_DATA, "the hash of the block's meta does not match");
	return 0;
}

static int
verify_payload(const struct ten_map *m, const struct hdr *h, const uint8_t *payload, struct err *e)
{
	uint64_t chunk = UINT64_C(1) << h->chunk_log2;
	for (uint64_t done = 0; done < h->payload; done += chunk) {
		uint64_t left = h->payload - done;
		if (chunk_verify(&m->sections, (uint32_t)(done >> h->chunk_log2), payload + done,
		    left < chunk ? left : chunk, e))
			return -1;
	}
	return 0;
}

/* ---- opening: every block's header and meta ---- */

static int
map_head(struct ten_map *m, const uint8_t *meta, uint32_t n, struct err *e)
{
	if (!m->head.nfields)
		return head_decode(&m->head, meta, n, e);
	struct ten_head h;
	if (head_decode(&h, meta, n, e))
		return -1;
	int rc = head_continues(&m->head, &h, e);
	ten_head_free(&h);
	return rc;
}

static int
add_block(struct ten_map *m, const struct segment *g, const struct hdr *h, uint64_t at, uint32_t *field, struct err *e)
{
	*field = UINT32_MAX;
	if (h->kind == TEN_BULK) {
		*field = m->sections.n ? m->sections.s[0].field : UINT32_MAX;
		if (*field != g->bulk_field || *field >= m->head.nfields)
			return err_set(e, ERR_DATA, "a block of field %u, expected field %u", *field, g->bulk_field);
	}
	if (mem_grow(&m->blocks, &m->cap, m->nblocks + 1, sizeof *m->blocks, "the table of blocks", e))
		return -1;
	m->blocks[m->nblocks++] = (struct map_block){at, m->records + h->first, h->records, *field, false, NULL};
	return 0;
}

/* One block of a segment; steps over it. */
static int
scan_block(struct ten_map *m, struct segment *g, const struct hdr *h, uint64_t at, struct err *e)
{
	const uint8_t *meta = m->p + at + TEN_HEADER, *payload = meta + h->meta;
	uint32_t field = 0;
	bool table = h->kind == TEN_DATA || h->kind == TEN_BULK || h->kind == TEN_INDEX ||
	    (h->kind >= 0x80 && h->payload);
	if (segment_header(g, h, e) || (table && sections_decode(&m->sections, h, meta, e)))
		return -1;
	switch (h->kind) {
	case TEN_HEAD:
		if (map_head(m, meta, h->meta, e))
			return -1;
		break;
	case TEN_DATA:
	case TEN_BULK:
		if (add_block(m, g, h, at, &field, e))
			return -1;
		break;
	case TEN_INDEX:
		if (verify_payload(m, h, payload, e) || sections_check_padding(&m->sections, h, payload, e) ||
		    segment_index(g, &m->sections, payload, e))
			return -1;
		break;
	case TEN_END:
		if (segment_end(g, h, payload, e))
			return -1;
		break;
	case TEN_ABORT:
		return abort_decode(meta, h->meta, e);
	default:
		if (verify_payload(m, h, payload, e))
			return -1;
	}
	return segment_block(g, h, field, (uint32_t)m->head.nfields, e);
}

static int
scan(struct ten_map *m, struct err *e)
{
	struct segment g;
	struct hdr h;
	uint64_t at = 0;
	if (segment_open(&g, e))
		return map_fail(m, at, e);
	/* a segment may start where the last one ended; an open one must go on */
	while (at < m->size || g.seq) {
		if (block_at(m, at, &h, e) || scan_block(m, &g, &h, at, e)) {
			segment_close(&g);
			return map_fail(m, at, e);
		}
		at += TEN_HEADER + h.meta + h.payload;
		if (h.kind == TEN_END) {
			m->records += g.records;
			segment_begin(&g);
		}
	}
	segment_close(&g);
	return 0;
}

static int
map_init(struct ten_map *m, struct err *e)
{
	size_t n;
	if (not_a_stream(m->name, m->p, m->size < TEN_HEADER ? (size_t)m->size : TEN_HEADER, e))
		return -1;
	if (scan(m, e))
		return -1;
	n = m->head.nfields;
	m->bulk_block = SIZE_MAX;
	if (!(m->shapes = shapes_of(&m->head, e)) ||
	    !(m->bulk = mem_zalloc(n, sizeof *m->bulk, "columns", e)) ||
	    !(m->bulk_raw = mem_zalloc(n, sizeof *m->bulk_raw, "columns", e)) ||
	    !(m->bulk_offsets = mem_zalloc(n, sizeof *m->bulk_offsets, "columns", e)))
		return -1;
	return 0;
}

static struct ten_map *
map_new(const char *name, struct err *e)
{
	struct ten_map *m = mem_zalloc(1, sizeof *m, "a mapped stream", e);
	if (m && !(m->name = strdup(name))) {
		err_nomem(e, strlen(name) + 1, "a name");
		free(m);
		return NULL;
	}
	return m;
}

/* Maps the file: p stays NULL when it is empty. */
static int
map_file(struct ten_map *m, const char *path, struct err *e)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc = -1;
	if (fd < 0)
		return err_errno(e, "%s: cannot open", path);
	if (fstat(fd, &st))
		err_errno(e, "%s: cannot read", path);
	else if (S_ISDIR(st.st_mode))
		err_set(e, ERR_DATA, "%s: is a directory, not a record stream", path);
	else if (!S_ISREG(st.st_mode))
		err_set(e, ERR_RUNTIME, "%s: is not a regular file, so it cannot be mapped", path);
	else if (st.st_size == 0)
		rc = 0;
	else {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED) {
			err_errno(e, "%s: cannot map", path);
		} else {
			m->p = p;
			m->size = (uint64_t)st.st_size;
			m->mapped = true;
			rc = 0;
		}
	}
	close(fd);
	return rc;
}

int
ten_map_open(struct ten_map **out, const char *path, struct err *e)
{
	struct ten_map *m = map_new(path, e);
	if (!m)
		return -1;
	if (map_file(m, path, e) || map_init(m, e)) {
		ten_map_free(m);
		return -1;
	}
	*out = m;
	return 0;
}

int
ten_map_open_mem(struct ten_map **out, const void *p, size_t n, const char *name, struct err *e)
{
	if ((uintptr_t)p % 8)
		return err_set(e, ERR_USAGE, "%s: is not aligned to 8 bytes", name);
	struct ten_map *m = map_new(name, e);
	if (!m)
		return -1;
	m->p = p;
	m->size = n;
	if (map_init(m, e)) {
		ten_map_free(m);
		return -1;
	}
	*out = m;
	return 0;
}

/* ---- records ---- */

/* Header, sections and, the first time, the payload of a block. */
static int
open_block(struct ten_map *m, struct map_block *b, struct hdr *h, const uint8_t **payload, struct err *e)
{
	*payload = NULL;
	if (block_at(m, b->at, h, e) || sections_decode(&m->sections, h, m->p + b->at + TEN_HEADER, e))
		return -1;
	*payload = m->p + b->at + TEN_HEADER + h->meta;
	if (!b->verified && (verify_payload(m, h, *payload, e) ||
	    sections_check_padding(&m->sections, h, *payload, e)))
		return -1;
	b->verified = true;
	return 0;
}

/* The entry for a block that is not cached: free or the one not used for longest. */
static struct cached *
cache_slot(struct ten_map *m)
{
	struct cached *c = &m->cache[0];
	for (int i = 1; i < CACHE; i++)
		if (m->cache[i].used < c->used)
			c = &m->cache[i];
	return c;
}

static int
load_data(struct ten_map *m, size_t i, const struct ten_column **columns, struct err *e)
{
	struct map_block *b = &m->blocks[i];
	struct hdr h;
	const uint8_t *payload;
	if ((*columns = b->columns))
		return 0;
	for (int k = 0; k < CACHE; k++)
		if (m->cache[k].used && m->cache[k].block == i) {
			m->cache[k].used = ++m->clock;
			*columns = m->cache[k].columns;
			return 0;
		}
	if (open_block(m, b, &h, &payload, e))
		return -1;
	bool packed = false;
	for (size_t k = 0; k < m->sections.n; k++)
		packed |= m->sections.s[k].codec != CODEC_RAW;
	struct cached *slot = packed ? cache_slot(m) : NULL, none = {0};
	struct cached *c = packed ? slot : &none;
	c->used = 0;
	if (!c->columns && !(c->columns = mem_zalloc(m->head.nfields, sizeof *c->columns, "columns", e)))
		return -1;
	if (columns_decode(c->columns, &m->head, m->shapes, &h, &m->sections, payload, &c->raw, &m->tmp, e)) {
		if (!packed)
			free(c->columns);
		return -1;
	}
	if (packed) {
		c->block = i;
		c->used = ++m->clock;
	} else {
		b->columns = c->columns;
	}
	*columns = c->columns;
	return 0;
}

/* All fields of the BULK record whose first block is i. */
static int
load_bulk(struct ten_map *m, size_t i, size_t *bad, struct err *e)
{
	struct hdr h;
	const uint8_t *payload;
	if (m->bulk_block == i)
		return 0;
	m->bulk_block = SIZE_MAX;
	for (size_t f = 0; f < m->head.nfields; f++) {
		*bad = i + f;
		if (open_block(m, &m->blocks[i + f], &h, &payload, e) ||
		    bulk_decode(&m->bulk[f], m->bulk_offsets[f], &m->head, m->shapes, &m->sections, payload,
		    &m->bulk_raw[f], &m->tmp, e))
			return -1;
	}
	m->bulk_block = i;
	return 0;
}

/* The last block that starts at or before record i: of a BULK record, its first. */
static size_t
find_block(const struct ten_map *m, uint64_t i)
{
	size_t lo = 0, hi = m->nblocks;
	const struct map_block *b = &m->blocks[m->last];
	if (m->last < m->nblocks && b->field == UINT32_MAX && i >= b->first && i - b->first < b->records)
		return m->last;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		b = &m->blocks[mid];
		if (b->first > i || (b->first == i && b->field != UINT32_MAX && b->field > 0))
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo - 1;
}

int
ten_map_get(struct ten_map *m, uint64_t i, struct ten_value *values, struct err *e)
{
	if (i >= m->records)
		return err_set(e, ERR_DATA, "%s: record %llu of %llu", m->name, (unsigned long long)i,
		    (unsigned long long)m->records);
	size_t at = find_block(m, i), bad = at;
	const struct ten_column *columns = m->bulk;
	bool bulk = m->blocks[at].field != UINT32_MAX;
	m->last = at;
	if (bulk ? load_bulk(m, at, &bad, e) : load_data(m, at, &columns, e)) {
		if (e->code == ERR_RUNTIME)
			return err_prefix(e, "%s", m->name);
		return err_prefix(e, "%s: record %llu (offset %llu)", m->name, (unsigned long long)i,
		    (unsigned long long)m->blocks[bad].at);
	}
	for (size_t f = 0; f < m->head.nfields; f++)
		column_value(&values[f], &columns[f], &m->head.fields[f], &m->shapes[f],
		    (uint32_t)(i - m->blocks[at].first));
	return 0;
}

const struct ten_head *
ten_map_head(const struct ten_map *m)
{
	return &m->head;
}

uint64_t
ten_map_records(const struct ten_map *m)
{
	return m->records;
}

void
ten_map_free(struct ten_map *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->nblocks; i++)
		free(m->blocks[i].columns);
	free(m->blocks);
	for (int i = 0; i < CACHE; i++) {
		free(m->cache[i].columns);
		buf_free(&m->cache[i].raw);
	}
	for (size_t i = 0; m->bulk_raw && i < m->head.nfields; i++)
		buf_free(&m->bulk_raw[i]);
	free(m->bulk_raw);
	free(m->bulk_offsets);
	free(m->bulk);
	free(m->shapes);
	free(m->sections.s);
	buf_free(&m->tmp);
	ten_head_free(&m->head);
	if (m->mapped)
		munmap((void *)(uintptr_t)m->p, m->size);
	free(m->name);
	free(m);
}
