#include "shards.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/loadjson.h"
#include "base/mem.h"

enum { MAX_INDEX = 64 << 20, MAX_FILES = 4096 };

char *
file_bytes(const char *path, size_t most, size_t *n, struct err *e)
{
	char *p = NULL;
	size_t cap = 0, got;
	FILE *f = fopen(path, "re");
	*n = 0;
	if (!f) {
		err_errno(e, "%s", path);
		return NULL;
	}
	do {
		if (mem_grow(&p, &cap, *n + 4096, 1, "a file", e))
			goto fail;
		got = fread(p + *n, 1, cap - *n - 1, f);
		*n += got;
		if (*n > most) {
			err_set(e, ERR_DATA, "%s: is larger than %zu bytes", path, most);
			goto fail;
		}
	} while (got);
	if (ferror(f)) {
		err_errno(e, "%s: cannot read", path);
		goto fail;
	}
	fclose(f);
	p[*n] = 0;
	return p;
fail:
	fclose(f);
	free(p);
	return NULL;
}

/* ---- the index ---- */

static bool
plain_name(const char *s)
{
	size_t n = strlen(s);
	return n > 12 && n < 256 && *s != '.' && !strchr(s, '/') && strcmp(s + n - 12, ".safetensors") == 0;
}

static int
by_tensor(const void *a, const void *b)
{
	const struct st_placed *x = a, *y = b;
	return strcmp(x->tensor, y->tensor);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
read_map(struct st_index *x, const json_t *map, struct err *e)
{
	const char *name;
	json_t *value;
	if (!json_is_object(map) || json_object_size(map) == 0)
		return err_set(e, ERR_DATA, "has no object `weight_map' that names tensors");
	x->items = mem_zalloc(json_object_size(map), sizeof *x->items, "an index", e);
	x->files = x->items ? mem_zalloc(json_object_size(map), sizeof *x->files, "an index", e) : NULL;
	if (!x->files)
		return -1;
	json_object_foreach((json_t *)map, name, value) {
		const char *file = json_string_value(value);
		if (!file || !plain_name(file))
			return err_set(e, ERR_DATA, "tensor %.100s: `%.100s' is not the name of a safetensors file of the folder", name,
			    file ? file : "");
		struct st_placed *p = &x->items[x->n++];
		p->tensor = strdup(name);
		p->file = strdup(file);
		if (!p->tensor || !p->file)
			return err_nomem(e, strlen(name), "a name");
	}
	qsort(x->items, x->n, sizeof *x->items, by_tensor);
	for (size_t i = 0; i < x->n; i++)
		x->files[i] = x->items[i].file;
	qsort(x->files, x->n, sizeof *x->files, by_text);
	for (size_t i = 0; i < x->n; i++)
		if (i == 0 || strcmp(x->files[i], x->files[x->nfiles - 1]) != 0)
			x->files[x->nfiles++] = x->files[i];
	return x->nfiles <= MAX_FILES ? 0 : err_set(e, ERR_DATA, "names %zu files, at most %d are read", x->nfiles, MAX_FILES);
}

int
st_index_parse(struct st_index *x, const void *p, size_t n, struct err *e)
{
	json_error_t error;
	memset(x, 0, sizeof *x);
	json_t *j = load_json(p, n, JSON_REJECT_DUPLICATES, &error, e);
	if (!j)
		return e->code == ERR_DATA ? err_prefix(e, "line %d", error.line) : -1;
	int rc = read_map(x, json_object_get(j, "weight_map"), e);
	json_decref(j);
	if (rc)
		st_index_free(x);
	return rc;
}

void
st_index_free(struct st_index *x)
{
	for (size_t i = 0; i < x->n; i++) {
		free(x->items[i].tensor);
		free(x->items[i].file);
	}
	free(x->items);
	free(x->files);
	memset(x, 0, sizeof *x);
}

/* ---- the files ---- */

static int
by_name(const void *a, const void *b)
{
	const struct st_tensor *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

size_t
shards_find(const struct shards *s, const char *name)
{
	struct st_tensor key = {.name = (char *)name}, *p = &key;
	const struct st_tensor **at = s->n ? bsearch(&p, s->tensors, s->n, sizeof *s->tensors, by_name) : NULL;
	return at ? (size_t)(at - s->tensors) : SIZE_MAX;
}

static int
add_path(struct shards *s, const char *folder, const char *file, struct err *e)
{
	char *path;
	if (asprintf(&path, "%s/%s", folder, file) < 0)
		return err_nomem(e, strlen(file), "a file name");
	s->paths[s->npaths++] = path;
	return 0;
}

/* Tensors of all files, sorted; none twice. */
static int
collect(struct shards *s, struct err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < s->nfiles; i++)
		n += s->files[i].n;
	s->tensors = mem_zalloc(n, sizeof *s->tensors, "tensors", e);
	if (!s->tensors)
		return -1;
	for (size_t i = 0; i < s->nfiles; i++)
		for (size_t j = 0; j < s->files[i].n; j++)
			s->tensors[s->n++] = &s->files[i].tensors[j];
	qsort(s->tensors, s->n, sizeof *s->tensors, by_name);
	for (size_t i = 1; i < s->n; i++)
		if (strcmp(s->tensors[i - 1]->name, s->tensors[i]->name) == 0)
			return err_set(e, ERR_DATA, "tensor %.100s is in two files", s->tensors[i]->name);
	return 0;
}

/* Every tensor is where the index says. */
static int
check_index(const struct shards *s, const struct st_index *x, struct err *e)
{
	for (size_t i = 0; i < x->n; i++)
		if (shards_find(s, x->items[i].tensor) == SIZE_MAX)
			return err_set(e, ERR_DATA, "tensor %.100s is not in %.100s", x->items[i].tensor, x->items[i].file);
	for (size_t i = 0; i < s->nfiles; i++)
		for (size_t j = 0; j < s->files[i].n; j++) {
			struct st_placed key = {.tensor = s->files[i].tensors[j].name};
			const struct st_placed *p = bsearch(&key, x->items, x->n, sizeof *x->items, by_tensor);
			if (!p || strcmp(p->file, x->files[i]) != 0)
				return err_set(e, ERR_DATA, "tensor %.100s is in %s, of which the index does not say so", key.tensor, x->files[i]);
		}
	return 0;
}

static int
open_files(struct shards *s, const char *folder, char *const *files, size_t n, struct err *e)
{
	s->files = mem_zalloc(n, sizeof *s->files, "files", e);
	s->paths = s->files ? mem_zalloc(n + 1, sizeof *s->paths, "files", e) : NULL;
	if (!s->paths)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (add_path(s, folder, files[i], e) || st_open(&s->files[i], s->paths[i], e))
			return -1;
		s->nfiles++;
	}
	return 0;
}

static int
open_indexed(struct shards *s, const char *folder, const char *name, struct err *e)
{
	struct st_index x = {0};
	char *path = NULL, *bytes = NULL;
	size_t n;
	int rc = -1;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return err_nomem(e, strlen(name), "a file name");
	if (!(bytes = file_bytes(path, MAX_INDEX, &n, e)))
		goto out;
	if (st_index_parse(&x, bytes, n, e)) {
		err_prefix(e, "%s", path);
		goto out;
	}
	if (open_files(s, folder, x.files, x.nfiles, e) || add_path(s, folder, name, e))
		goto out;
	if (collect(s, e) || check_index(s, &x, e))
		err_prefix(e, "%s", path);
	else
		rc = 0;
out:
	st_index_free(&x);
	free(bytes);
	free(path);
	return rc;
}

int
shards_open(struct shards *s, const char *folder, const char *base, struct err *e)
{
	char single[40], index[60], path[4096], *files[1] = {single};
	memset(s, 0, sizeof *s);
	snprintf(single, sizeof single, "%s.safetensors", base);
	snprintf(index, sizeof index, "%s.index.json", single);
	int length = snprintf(path, sizeof path, "%s/%s", folder, index);
	bool sharded = length < (int)sizeof path && access(path, F_OK) == 0;
	snprintf(path, sizeof path, "%s/%s", folder, single);
	if (access(path, F_OK) == 0)
		sharded = false;
	int rc = sharded ? open_indexed(s, folder, index, e)
	    : open_files(s, folder, files, 1, e) || collect(s, e) ? -1 : 0;
	if (rc)
		shards_close(s);
	return rc;
}

void
shards_close(struct shards *s)
{
	for (size_t i = 0; i < s->nfiles; i++)
		st_close(&s->files[i]);
	for (size_t i = 0; i < s->npaths; i++)
		free(s->paths[i]);
	free(s->files);
	free(s->paths);
	free(s->tensors);
	memset(s, 0, sizeof *s);
}
