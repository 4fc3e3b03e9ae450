/* ten.h - reading and writing the record stream (normative text: formats/FORMAT.md, tenon(5)).
 *
 * A stream is one or more segments; a segment is a HEAD (schema, key-values, provenance),
 * blocks of records, an index and an END. A record has one value for each field of the schema;
 * a value is an array of `rank` dimensions, any of which may be ragged (differ from record to
 * record). Everything is little-endian. Integers that a stream supplies are checked before they
 * are used; every failure says the offset.
 *
 * This module depends on base only, never prints and never exits. */
#ifndef TENON_FORMATS_TEN_H
#define TENON_FORMATS_TEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

#define TEN_RAGGED UINT64_MAX /* a dimension that differs from record to record */

enum {
	TEN_MAX_RANK = 8,
	TEN_MAX_NAME = 255,
	TEN_MAX_FIELDS = 65536,
	TEN_MAX_KEYS = 4096,
	TEN_MAX_META = 16 << 20,  /* bytes of one block's meta */
	TEN_MAX_RAW = 64 << 20,   /* bytes of one DATA block, decompressed */
	TEN_MAX_PROV = 1 << 20    /* bytes of all provenance */
};

/* Type of an element: class and bits. Numbers are never reused. */
enum ten_class {
	TEN_UINT = 1,  /* 8, 16, 32, 64 */
	TEN_INT = 2,   /* 8, 16, 32, 64 */
	TEN_FLOAT = 3, /* IEEE 754: 16, 32, 64 */
	TEN_BFLOAT = 4,/* 16 */
	TEN_TEXT = 5   /* 8: bytes, by intention UTF-8 but any bytes are allowed */
};

/* Kinds of block; 0x80 and above may be skipped. */
enum ten_block_kind { TEN_HEAD = 1, TEN_DATA = 2, TEN_BULK = 3, TEN_INDEX = 4, TEN_END = 5, TEN_ABORT = 6 };

struct ten_field {
	char name[TEN_MAX_NAME + 1];
	uint8_t cls, bits, rank;
	uint64_t dims[TEN_MAX_RANK]; /* TEN_RAGGED or the size */
};

struct ten_kv {
	char *key;       /* NUL-terminated */
	void *value;     /* bytes; a NUL follows them, so text can be used as a C string */
	size_t size;
};

/* One step of a stream's history. Nodes form a DAG; merging removes duplicates by id. */
struct ten_prov {
	uint8_t id[16];  /* XXH3-128 of everything below, so it names the content */
	uint8_t (*parents)[16];
	size_t nparents;
	char *tool, *version;
	char **argv;     /* what decides the result; no output name, threads or verbosity */
	size_t nargv;
	struct ten_input { /* inputs that are not record streams */
		char *name;  /* base name */
		uint64_t size;
		uint8_t digest[16]; /* XXH3-128 of the bytes */
	} *inputs;
	size_t ninputs;
	bool seeded;
	uint64_t seed;
};

struct ten_head {
	char kind[64]; /* text, tokens, rows, vocabulary, model, metrics ... */
	struct ten_field *fields;
	size_t nfields;
	struct ten_kv *kvs;
	size_t nkvs;
	struct ten_prov *provs; /* parents before children; the last is this stream's own step */
	size_t nprovs;
};

/* ---- heads (all memory owned by the head; ten_head_free of a zeroed head is fine) ---- */

void ten_head_free(struct ten_head *h);
int ten_head_copy(struct ten_head *to, const struct ten_head *from, struct err *e);
/* Appends a field; -1 when the name is taken or bad. `dims` has `rank` entries. */
int ten_head_add(struct ten_head *h, const char *name, enum ten_class cls, unsigned bits,
    unsigned rank, const uint64_t *dims, struct err *e);
/* The same of a field of another head, but a name that is taken is not noticed before the head is written. */
int ten_head_add_field(struct ten_head *h, const struct ten_field *f, struct err *e);
/* Index of the field, or -1. */
int ten_head_find(const struct ten_head *h, const char *name);
/* The same, but a missing field, or one whose type or rank differs, fills *e ("needs field
 * `ids` (int32, 1 dimension), which ... has not"). bits 0 accepts any width, cls 0 any class. */
int ten_head_need(const struct ten_head *h, const char *stream, const char *name,
    enum ten_class cls, unsigned bits, unsigned rank, struct err *e);
int ten_head_set_kv(struct ten_head *h, const char *key, const void *value, size_t size, struct err *e);
int ten_head_set_text(struct ten_head *h, const char *key, const char *text, struct err *e);
const struct ten_kv *ten_head_kv(const struct ten_head *h, const char *key); /* or NULL */
/* Copies all provenance nodes of `from` that `h` has not. */
int ten_head_merge_prov(struct ten_head *h, const struct ten_head *from, struct err *e);
/* Copies `p`, computes its id and appends it; out_id may be NULL. p->parents are the last
 * nodes of the inputs. */
int ten_head_add_prov(struct ten_head *h, const struct ten_prov *p, uint8_t out_id[16], struct err *e);
bool ten_same_schema(const struct ten_head *a, const struct ten_head *b); /* kind and fields */
size_t ten_elem_size(const struct ten_field *f); /* bytes */

/* ---- values ---- */

/* One field of one record. `data` is little-endian, aligned to at least the element's size in
 * what readers return. count = product of dims (1 for rank 0). */
struct ten_value {
	const void *data;
	uint64_t count;
	uint64_t dims[TEN_MAX_RANK];
};

/* A value of rank 1 (n elements) or rank 0 (n = 1). */
static inline struct ten_value
ten_vector(const void *data, uint64_t n)
{
	struct ten_value v = {data, n, {n}};
	return v;
}

/* ---- writing ---- */

/* Where bytes go. `write` writes all of the pieces or fills *e; it may modify the iovecs. */
struct ten_sink {
	int (*write)(void *ctx, struct iovec *iov, int n, struct err *e);
	void *ctx;
};

struct ten_writer_opts {
	int zstd_level;   /* 0 raw; 1..19 compresses each section that shrinks */
	bool byte_split;  /* group the bytes of an element by significance before compressing */
	bool bulk;        /* every value its own BULK block, aligned so that it maps: models */
	size_t block;     /* raw bytes of a DATA block, 0 = 1 MiB */
};

struct ten_writer;

/* Writes the HEAD at once. `h` is copied. NULL opts: defaults. The sink's ctx is borrowed. */
int ten_writer_open(struct ten_writer **w, struct ten_sink sink, const struct ten_head *h,
    const struct ten_writer_opts *o, struct err *e);
/* Appends a record: `values` has nfields entries, copied before return (with `bulk`: written).
 * A record too large for a DATA block (64 MiB) is written as BULK blocks. Dimensions that do not
 * fit the schema: -1, ERR_DATA, and the writer can go on; after any other failure it may only
 * be aborted and freed. */
int ten_write(struct ten_writer *w, const struct ten_value *values, struct err *e);
/* Writes buffered records out now as a (short) block, so that a reader downstream sees them. */
int ten_flush(struct ten_writer *w, struct err *e);
uint64_t ten_written(const struct ten_writer *w); /* records */
/* Writes the INDEX and the END. Then only ten_writer_free. */
int ten_writer_end(struct ten_writer *w, struct err *e);
/* Tells the reader downstream who failed and why; no END. Best effort. */
void ten_writer_abort(struct ten_writer *w, const char *tool, const char *message);
/* Frees without writing; a writer not ended leaves a truncated stream. NULL is fine. */
void ten_writer_free(struct ten_writer *w);

/* A sink that appends to memory: zero the struct, free(data) when done. */
struct ten_membuf {
	char *data;
	size_t size, cap;
};
struct ten_sink ten_mem_sink(struct ten_membuf *m);

/* ---- streaming: any descriptor, bounded memory ---- */

struct ten_reader;

/* Reads the HEAD. `name` is for messages, copied. `fd` is borrowed. A file that is empty, a
 * directory, text: ERR_DATA with one clear line. */
int ten_reader_open(struct ten_reader **r, int fd, const char *name, struct err *e);
/* The same over memory, which is borrowed. */
int ten_reader_open_mem(struct ten_reader **r, const void *p, size_t n, const char *name, struct err *e);
/* Hands the descriptor over: ten_reader_free will close it. */
void ten_reader_own(struct ten_reader *r);
const struct ten_head *ten_reader_head(const struct ten_reader *r); /* of the first segment */
const char *ten_reader_name(const struct ten_reader *r);
/* Next record: 1 and `values` (nfields entries) filled, 0 at the end of a complete stream, -1.
 * The data is borrowed until the next call that gives a record. Later segments must have the same schema, and the
 * same KVs `tokenizer` and `template`. ABORT: -1, ERR_UPSTREAM with the tool and its message. */
int ten_read(struct ten_reader *r, struct ten_value *values, struct err *e);
uint64_t ten_reader_record(const struct ten_reader *r); /* records read so far */
/* Records of the block at hand that ten_read has still to give: while there are some, ten_read does not wait, and what it
 * gave of the block stays valid. */
uint32_t ten_reader_waiting(const struct ten_reader *r);
uint64_t ten_reader_offset(const struct ten_reader *r); /* of the block being read */
void ten_reader_free(struct ten_reader *r);

/* Block-wise, for tools that work on columns. A block has `records` records; for a field with
 * no ragged dimension data holds records * size elements; with one, offsets[records + 1] are in
 * elements; with more, dims holds their sizes record by record, u64 each. Do not mix with
 * ten_read. 1, 0 or -1 as there. BULK values appear as a block with one record, once all
 * the fields of that record have arrived; there dims is given for one ragged dimension too, and
 * offsets is NULL when the count exceeds 32 bits. */
struct ten_column {
	const void *data;
	uint64_t count;          /* elements of all records */
	const uint32_t *offsets; /* or NULL */
	const uint64_t *dims;    /* or NULL */
};
int ten_read_block(struct ten_reader *r, const struct ten_column **columns, uint32_t *records, struct err *e);

/* Below that: verifies the next block of any kind and steps over it; its columns, if it completes
 * records, are not given. For tools that look at the stream itself. Do not mix with the above. */
struct ten_block_info {
	uint64_t offset, length;  /* in the stream, with header and meta */
	uint64_t segment, seq;    /* number of the segment, and of the block in it */
	uint64_t first;           /* record of the stream */
	uint32_t records;         /* 1 for each BULK block of a record */
	uint8_t kind;             /* enum ten_block_kind, or 0x80 and above */
	uint16_t flags;
	uint64_t raw;             /* bytes of DATA and BULK, decompressed */
	bool compressed;
};
int ten_reader_step(struct ten_reader *r, struct ten_block_info *info, struct err *e);

/* ---- mapped: files with random access ---- */

struct ten_map;

/* Maps a regular file, checks HEAD, END, index and every block's header and meta (not yet the
 * payloads). A stream that cannot be mapped (a pipe): -1, ERR_RUNTIME. */
int ten_map_open(struct ten_map **m, const char *path, struct err *e);
/* The same over memory aligned to 8 bytes, which is borrowed. */
int ten_map_open_mem(struct ten_map **m, const void *p, size_t n, const char *name, struct err *e);
const struct ten_head *ten_map_head(const struct ten_map *m);
uint64_t ten_map_records(const struct ten_map *m);
/* Record i: every block is verified (and decompressed, into a small cache) when first touched.
 * `values` has nfields entries, borrowed until the next ten_map_get; raw BULK values point into
 * the mapping and live until ten_map_free. Not thread-safe. 0 or -1. */
int ten_map_get(struct ten_map *m, uint64_t i, struct ten_value *values, struct err *e);
void ten_map_free(struct ten_map *m);

#endif
