/* shards.h - the safetensors files of a folder as one table of tensors.
 *
 * A folder has `model.safetensors`, or `model.safetensors.index.json`, whose `weight_map` says for each tensor the
 * file of the folder that has it. Names of files must be plain (no folder, no leading point); each tensor is
 * in one file, the one that the index names, and each file has only what the index says. */
#ifndef TENON_FORMATS_SHARDS_H
#define TENON_FORMATS_SHARDS_H

#include <stddef.h>

#include "safetensors.h"

struct st_index {
	struct st_placed { char *tensor, *file; } *items; /* sorted by tensor; n of them */
	size_t n;
	char **files; /* each once, sorted; nfiles of them; borrowed from the items */
	size_t nfiles;
};

/* The index: n bytes of JSON. ERR_DATA. */
int st_index_parse(struct st_index *x, const void *p, size_t n, struct err *e);
void st_index_free(struct st_index *x); /* a zeroed struct is fine */

struct shards {
	struct safetensors *files;
	char **paths;  /* of the files, and of the index behind them if there is one */
	size_t nfiles, npaths;
	const struct st_tensor **tensors; /* sorted by name; n of them */
	size_t n;
};

/* Opens all of them; `base` is "model" or "adapter_model". Messages have the path. ERR_RUNTIME, ERR_DATA. */
int shards_open(struct shards *s, const char *folder, const char *base, struct err *e);
void shards_close(struct shards *s); /* a zeroed struct is fine */
size_t shards_find(const struct shards *s, const char *name); /* its place in tensors, or SIZE_MAX */

/* A whole file of at most `most` bytes, owned, with a NUL behind it; NULL with *e filled. */
char *file_bytes(const char *path, size_t most, size_t *n, struct err *e);

#endif
