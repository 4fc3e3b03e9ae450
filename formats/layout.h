/* layout.h - the bytes of the record stream, for the files of formats/ only.
 * The numbers and rules are those of formats/FORMAT.md. */
#ifndef TENON_FORMATS_LAYOUT_H
#define TENON_FORMATS_LAYOUT_H

#include <string.h>

#include "base/mem.h"
#include "ten.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "streams are little-endian, and so must the machine be");

enum {
	TEN_ALIGN = 64,
	TEN_HEADER = 64,
	TEN_END_SIZE = 128,        /* header and payload of END */
	TEN_CHUNK_LOG2 = 20,
	TEN_CHUNK_LOG2_MIN = 12,
	TEN_CHUNK_LOG2_MAX = 24,
	TEN_INDEX_BLOCKS = 4096,   /* entries after which the writer writes an INDEX */
	TEN_INDEX_MAX = 65536,     /* entries that a reader takes in one INDEX */
	TEN_BULK_ALIGN = 4096,
	TEN_BULK_ALIGN_FROM = 64 << 10
};

#define TEN_INDEX_DATA UINT64_MAX /* the `field` of an index entry of a DATA block */

enum ten_role { ROLE_VALUES = 0, ROLE_OFFSETS = 1, ROLE_DIMS = 2 };
enum ten_codec { CODEC_RAW = 0, CODEC_ZSTD = 1 };
enum ten_filter { FILTER_NONE = 0, FILTER_BYTE_SPLIT = 1 };

/* Tags of HEAD and of ABORT; bit 15: a reader that does not know it must refuse. */
enum {
	TAG_CRITICAL = 0x8000,
	TAG_KIND = 0x8001,
	TAG_FIELD = 0x8002,
	TAG_KV = 0x0003,
	TAG_PROV = 0x0004,
	TAG_TOOL = 0x8001,
	TAG_MESSAGE = 0x8002
};

static inline uint16_t
get16(const void *p)
{
	uint16_t x;
	memcpy(&x, p, sizeof x);
	return x;
}

static inline uint32_t
get32(const void *p)
{
	uint32_t x;
	memcpy(&x, p, sizeof x);
	return x;
}

static inline uint64_t
get64(const void *p)
{
	uint64_t x;
	memcpy(&x, p, sizeof x);
	return x;
}

static inline void
put16(void *p, uint16_t x)
{
	memcpy(p, &x, sizeof x);
}

static inline void
put32(void *p, uint32_t x)
{
	memcpy(p, &x, sizeof x);
}

static inline void
put64(void *p, uint64_t x)
{
	memcpy(p, &x, sizeof x);
}

/* Rounds up to the alignment; for sizes that cannot overflow. */
static inline uint64_t
align64(uint64_t n)
{
	return (n + (TEN_ALIGN - 1)) & ~(uint64_t)(TEN_ALIGN - 1);
}

bool ten_all_zero(const void *p, size_t n);
/* Length of the character of UTF-8 at p, n > 0 bytes; 0 when it is malformed, overlong, a surrogate or a
 * control character. */
size_t ten_printable(const uint8_t *p, size_t n);
/* Valid UTF-8 of 1 to max bytes without control characters. */
bool ten_name_ok(const void *name, size_t n, size_t max);

/* -1 with the one line that a user needs, when the n first bytes are not those of a stream. */
int not_a_stream(const char *name, const uint8_t *p, size_t n, struct err *e);

/* ---- growing buffers ---- */

/* `p` has `n` bytes: either `own` (owned, of `cap` bytes) or memory borrowed from a source. */
struct buf {
	const uint8_t *p;
	size_t n;
	uint8_t *own;
	size_t cap;
};

void buf_free(struct buf *b);
/* Makes room for `need` bytes and points p at the owned memory; keeps the n bytes. */
int buf_reserve(struct buf *b, size_t need, const char *what, struct err *e);
int buf_append(struct buf *b, const void *p, size_t n, const char *what, struct err *e);

/* ---- block headers (block.c) ---- */

struct hdr {
	uint8_t kind;
	uint16_t flags;
	uint64_t seq, first;
	uint32_t records, meta;
	uint64_t payload, meta_hash;
	uint8_t chunk_log2;
	uint64_t hash;
};

/* Fills out; sets h->hash. */
void hdr_encode(uint8_t out[TEN_HEADER], struct hdr *h);
/* Checks everything that a header alone can tell. */
int hdr_decode(const uint8_t in[TEN_HEADER], struct hdr *h, struct err *e);

struct section {
	uint32_t field;
	uint8_t role, codec, filter;
	uint64_t offset, stored, raw;
};

/* The sections and chunk hashes in a verified meta. `sections` grows as needed and is reused. */
struct sections {
	struct section *s;
	size_t n, cap;
	const uint8_t *chunk_hashes; /* 8 bytes each, in the meta */
	uint32_t chunks;
};

int sections_decode(struct sections *out, const struct hdr *h, const uint8_t *meta, struct err *e);
void section_encode(uint8_t out[32], const struct section *s);
/* Padding between and after the sections. */
int sections_check_padding(const struct sections *s, const struct hdr *h, const uint8_t *payload, struct err *e);
/* One chunk of the payload; `size` is that of this chunk. */
int chunk_verify(const struct sections *s, uint32_t chunk, const uint8_t *p, size_t size, struct err *e);

/* ---- END ---- */

struct end {
	uint64_t length, last_index, blocks, records;
	uint8_t hash[16];
};

void end_encode(uint8_t out[64], const struct end *x);
int end_decode(const uint8_t in[64], struct end *x, struct err *e);

/* ---- heads (headmeta.c, prov.c) ---- */

/* The meta of HEAD, padded; the memory is b's. */
int head_encode(struct buf *b, const struct ten_head *h, struct err *e);
/* `h` is zeroed before; on failure it is freed. */
int head_decode(struct ten_head *h, const uint8_t *meta, size_t n, struct err *e);
/* A segment with head b may follow one with head a: the schema is the same, and so are the
 * tokenizer and the template. */
int head_continues(const struct ten_head *a, const struct ten_head *b, struct err *e);
/* Appends a KV whose key is not there yet; the key is n bytes. */
int head_push_kv(struct ten_head *h, const void *key, size_t n, const void *value, size_t size, struct err *e);
int head_set_kind(struct ten_head *h, const void *kind, size_t n, struct err *e);
/* A growing array of n elements that has room for one more, zeroed. NULL: out of memory. */
void *ten_array_push(void *array, size_t n, size_t size, const char *what, struct err *e);
/* Names are unique: sorts once, so that many fields cost n log n. */
int head_check_unique(const struct ten_head *h, struct err *e);

int tlv_append(struct buf *b, unsigned tag, const void *p, size_t n, struct err *e);
/* Next TLV: 1, 0 at the end (the rest is zero), -1. */
struct tlv {
	unsigned tag;
	const uint8_t *p;
	size_t n;
};
int tlv_next(const uint8_t *meta, size_t n, size_t *pos, struct tlv *t, struct err *e);

int abort_encode(struct buf *b, const char *tool, const char *message, struct err *e);
/* Always -1: ERR_UPSTREAM with the tool and message, or ERR_DATA. */
int abort_decode(const uint8_t *meta, size_t n, struct err *e);

int prov_encode(struct buf *b, const struct ten_prov *p, struct err *e); /* with the id */
int prov_decode(struct ten_head *h, const uint8_t *p, size_t n, struct err *e);
void prov_free(struct ten_prov *p);

/* ---- columns (columns.c) ---- */

/* What the schema says of a field, computed once. */
struct shape {
	size_t elem;      /* bytes */
	uint64_t fixed;   /* product of the dimensions that are not ragged */
	unsigned nragged;
};

/* -1: the product overflows or a dimension is zero. */
int shape_of(struct shape *s, const struct ten_field *f, struct err *e);
/* Elements of a value whose ragged sizes are dims[nragged]; -1 when the sizes that are not 0 multiply to 2^63 or more. */
int shape_count(const struct shape *s, const uint64_t *dims, uint64_t *count);
struct shape *shapes_of(const struct ten_head *h, struct err *e);

/* Decodes the sections of a DATA block into columns[nfields]. `raw` keeps what was
 * decompressed, `tmp` is scratch. The columns borrow from payload and raw. */
int columns_decode(struct ten_column *columns, const struct ten_head *h, const struct shape *shapes,
    const struct hdr *hdr, const struct sections *s, const uint8_t *payload, struct buf *raw,
    struct buf *tmp, struct err *e);
/* The same for the one field of a BULK block. offsets: two numbers for the column to point at. */
int bulk_decode(struct ten_column *column, uint32_t offsets[2], const struct ten_head *h,
    const struct shape *shapes, const struct sections *s, const uint8_t *payload, struct buf *raw,
    struct buf *tmp, struct err *e);
/* Record i of a column. */
void column_value(struct ten_value *v, const struct ten_column *c, const struct ten_field *f,
    const struct shape *s, uint32_t i);

/* ---- codecs (codec.c) ---- */

/* Decodes one section to `out` of s->raw bytes. elem: bytes of an element (for byte-split). */
int codec_decode(uint8_t *out, const struct section *s, const uint8_t *stored, size_t elem,
    struct buf *tmp, struct err *e);
/* Compresses n bytes to b; b->n = 0 when that does not make them fewer. */
int codec_encode(struct buf *b, const uint8_t *p, size_t n, size_t elem, int level,
    bool byte_split, struct buf *tmp, struct err *e);

/* ---- the rules of a segment (segment.c) ---- */

/* Follows the blocks of one segment and checks what a single block cannot tell. */
struct segment {
	uint64_t seq, records, pos; /* pos: of the next block, from the segment's start */
	uint32_t bulk_field;        /* fields of the current record that have arrived; 0: none */
	uint64_t last_index;
	uint64_t unindexed;         /* DATA and BULK blocks since the last INDEX */
	void *chain, *index;        /* XXH3 states: over header hashes, over index entries */
};

int segment_open(struct segment *g, struct err *e);
void segment_begin(struct segment *g);
void segment_close(struct segment *g);
/* The header of the next block, before its meta and payload are read. */
int segment_header(struct segment *g, const struct hdr *h, struct err *e);
/* After the block was read: steps. `field` is that of a BULK block. */
int segment_block(struct segment *g, const struct hdr *h, uint32_t field, uint32_t nfields, struct err *e);
/* The INDEX at g->pos, before segment_block steps over it. */
int segment_index(struct segment *g, const struct sections *s, const uint8_t *payload, struct err *e);
int segment_end(struct segment *g, const struct hdr *h, const uint8_t *payload, struct err *e);
/* What the END with this header must say; once, as the header joins the chain of hashes. */
void segment_summary(struct segment *g, const struct hdr *h, struct end *x);
/* An entry of an index. */
void index_entry(uint8_t out[32], uint64_t offset, uint64_t first, uint64_t records, uint64_t field);

#endif
