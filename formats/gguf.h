/* gguf.h - GGUF version 3, the file of weights and metadata that llama.cpp and its kin run (specification:
 * docs/gguf.md of ggml). Little-endian.
 *
 *   "GGUF", u32 version, u64 tensors, u64 keys
 *   for each key: string, u32 type, value; a string is a u64 length and its bytes, an array the u32 type of its
 *     items, their u64 number, and the items
 *   for each tensor: string, u32 rank, u64 sizes, the one that runs fastest first, u32 type, u64 offset
 *   zeros up to a multiple of `general.alignment` (32), from where offsets count
 *   the tensors, in that order, each filled up with zeros to the alignment
 *
 * Of the types of numbers these are known: F32, F16, BF16, and Q8_0, blocks of 32 numbers of a row, an F16 scale and
 * 32 signed bytes. */
#ifndef TENON_FORMATS_GGUF_H
#define TENON_FORMATS_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/outfile.h"

enum gguf_type { GGUF_F32 = 0, GGUF_F16 = 1, GGUF_Q8_0 = 8, GGUF_BF16 = 30 };

/* Types of values. */
enum gguf_kind { GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_FLOAT32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY,
	GGUF_U64, GGUF_I64, GGUF_FLOAT64, GGUF_KINDS };

enum { GGUF_MAX_RANK = 4, GGUF_MAX_NAME = 64, GGUF_BLOCK = 32 };

/* ---- numbers ---- */

const char *gguf_type_name(enum gguf_type t); /* "F32", "F16", "Q8_0", "BF16" */
/* Bytes of n numbers, for Q8_0 a multiple of GGUF_BLOCK. */
size_t gguf_size(enum gguf_type t, size_t n);
/* Rounds to the nearest; halves of F16 and BF16 to even. The scale of a block of Q8_0 is its largest magnitude / 127, its bytes
 * are x / scale rounded, halves away from zero. False when a finite number becomes infinite. n as above. */
bool gguf_encode(enum gguf_type t, const float *restrict x, size_t n, void *restrict out);
void gguf_decode(enum gguf_type t, const void *restrict in, size_t n, float *restrict x);

/* ---- reading ---- */

struct gguf_value {
	enum gguf_kind kind, item; /* item: of an array */
	uint64_t n;          /* bytes of a string, items of an array, else 1 */
	const uint8_t *data; /* the bytes of the string, the number, the items as they are in the file; any alignment */
};

struct gguf_kv {
	char *key;
	struct gguf_value value;
};

struct gguf_tensor {
	char *name;
	unsigned rank;
	uint64_t dims[GGUF_MAX_RANK]; /* the one that runs fastest first */
	enum gguf_type type;
	uint64_t count;
	const uint8_t *data;
	size_t bytes;
};

struct gguf {
	struct gguf_kv *kvs;         /* sorted by key */
	struct gguf_tensor *tensors; /* in the order of the file */
	struct gguf_tensor **named;  /* sorted by name */
	size_t nkvs, n;
	size_t alignment;
	void *map;
	size_t size;
};

/* Maps the file read-only and checks all of it but the numbers: counts, lengths, products and offsets against the
 * file's size; names of tensors and keys that are there twice; that the tensors follow each other without gap or overlap
 * and end the file; that what fills up is zero. 0, or -1 with path and reason: ERR_RUNTIME when it cannot be opened,
 * ERR_DATA when it is not well formed or has types that are not known. */
int gguf_open(struct gguf *g, const char *path, struct err *e);
/* The same over memory that the caller keeps; gguf_close then frees only the tables. */
int gguf_parse(struct gguf *g, const void *p, size_t n, struct err *e);
void gguf_close(struct gguf *g); /* a zeroed struct is fine */

const struct gguf_value *gguf_get(const struct gguf *g, const char *key);    /* or NULL */
const struct gguf_tensor *gguf_find(const struct gguf *g, const char *name); /* or NULL */
/* A whole number of any unsigned kind, or a signed one that is not negative; false when it is something else. */
bool gguf_whole(const struct gguf_value *v, uint64_t *out);
bool gguf_real(const struct gguf_value *v, double *out);
/* A string, and this one; v may be NULL. */
bool gguf_is_text(const struct gguf_value *v, const char *text);
/* The string at *at of an array of strings, which moves on to the next one. */
const uint8_t *gguf_next(const uint8_t **at, uint64_t *n);

/* ---- writing ---- */

/* Keys and tensors are announced, in any order; gguf_begin writes the head; gguf_write the numbers, tensor by tensor in
 * the order in which they were announced; gguf_end checks that all are there. A zeroed struct is a new writer. */
struct gguf_writer {
	struct outfile *out;   /* borrowed */
	uint8_t *head;         /* keys and their values */
	size_t nhead, cap;
	uint64_t nkvs;
	struct gguf_announced {
		char name[GGUF_MAX_NAME + 1];
		unsigned rank;
		uint64_t dims[GGUF_MAX_RANK], count, offset;
		enum gguf_type type;
	} *tensors;
	size_t n, cap_tensors, current;
	uint64_t end, written; /* bytes of the data announced; numbers of the current tensor written */
	uint8_t *buffer;
};

int gguf_put_u32(struct gguf_writer *w, const char *key, uint32_t x, struct err *e);
int gguf_put_float(struct gguf_writer *w, const char *key, float x, struct err *e);
int gguf_put_bool(struct gguf_writer *w, const char *key, bool x, struct err *e);
int gguf_put_text(struct gguf_writer *w, const char *key, const char *text, struct err *e);
/* An array, whose n items follow. */
int gguf_put_array(struct gguf_writer *w, const char *key, enum gguf_kind item, uint64_t n, struct err *e);
int gguf_item_i32(struct gguf_writer *w, int32_t x, struct err *e);
int gguf_item_text(struct gguf_writer *w, const void *text, size_t n, struct err *e);

/* dims: the one that runs fastest first; it is a multiple of GGUF_BLOCK for Q8_0. */
int gguf_add_tensor(struct gguf_writer *w, const char *name, unsigned rank, const uint64_t *dims, enum gguf_type type,
    struct err *e);
int gguf_begin(struct gguf_writer *w, struct outfile *out, struct err *e);
/* The next n numbers of the current tensor (for Q8_0 a multiple of GGUF_BLOCK). ERR_NONFINITE naming the tensor when one is
 * too large for its type. */
int gguf_write(struct gguf_writer *w, const float *x, size_t n, struct err *e);
void gguf_end(const struct gguf_writer *w);
void gguf_writer_free(struct gguf_writer *w);

#endif
