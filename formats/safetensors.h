/* safetensors.h - reading and writing Hugging Face's safetensors files.
 *
 * A file is a u64 length, a JSON header of that length and the data; the header gives for each
 * tensor dtype, shape and data_offsets [begin, end). Nothing in it is trusted: lengths, offsets,
 * overlaps, gaps, products and names are checked before any data is touched. */
#ifndef TENON_FORMATS_SAFETENSORS_H
#define TENON_FORMATS_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/outfile.h"

enum st_dtype { ST_F64, ST_F32, ST_F16, ST_BF16, ST_I64, ST_I32, ST_I16, ST_I8, ST_U8, ST_BOOL, ST_DTYPES };

struct st_tensor {
	char *name;
	enum st_dtype dtype;
	unsigned rank;
	uint64_t shape[8];
	uint64_t count;     /* product of the shape */
	const void *data;   /* in the mapping; any alignment */
	size_t bytes;
};

struct safetensors {
	struct st_tensor *tensors; /* in the order of their data */
	size_t n;
	void *map;
	size_t size;
};

/* Maps the file read-only and checks all of it but the data. 0, or -1 with path and reason:
 * ERR_RUNTIME when it cannot be opened, ERR_DATA when it is not well formed. */
int st_open(struct safetensors *s, const char *path, struct err *e);
void st_close(struct safetensors *s); /* a zeroed struct is fine */
/* The same over memory that the caller keeps; st_close then frees only the table. */
int st_parse(struct safetensors *s, const void *p, size_t n, struct err *e);

const struct st_tensor *st_find(const struct safetensors *s, const char *name); /* or NULL */

/* Converts all `n` elements (n must be t->count). */
int st_read_double(const struct st_tensor *t, double *out, size_t n, struct err *e);

size_t st_dtype_size(enum st_dtype d);

/* A file that is written piece by piece. The header is that of the original library: `__metadata__` {"format": "pt"},
 * then the tensors in the order of their data, padded with spaces to 8 bytes. */
struct st_writer {
	struct outfile file;
	uint64_t left; /* bytes of data still to be written */
};

/* Opens `path` and writes the header for the n tensors (name, dtype, rank, shape); their data follow in that order. */
int st_write_open(struct st_writer *w, const char *path, const struct st_tensor *tensors, size_t n, struct err *e);
int st_write(struct st_writer *w, const void *p, size_t n, struct err *e);
/* Saves the file, all of whose data must have been written. */
int st_write_close(struct st_writer *w, struct err *e);

#endif
