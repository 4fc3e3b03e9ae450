#include "text/tokenizer.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "text/tokenizer_draft.h"

enum { MAX_FILE = 256 << 20 };

void
tokenizer_files_free(struct tokenizer_files *f)
{
	free(f->paths[0]);
	free(f->paths[1]);
	memset(f, 0, sizeof *f);
}

/* The whole file, owned. */
static char *
read_file(const char *path, size_t *n, struct err *e)
{
	struct text t = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : 1;
	int rc = 0;
	while (rc == 0 && got > 0) {
		rc = mem_grow(&t.p, &t.cap, t.n + 65536, 1, "a file", e);
		got = rc ? 0 : read(fd, t.p + t.n, t.cap - t.n);
		t.n += got > 0 ? (size_t)got : 0;
		if (t.n > MAX_FILE)
			rc = err_set(e, ERR_DATA, "%s: is larger than %d MiB", path, MAX_FILE >> 20);
	}
	if (got < 0)
		rc = err_errno(e, "%s", path);
	if (fd >= 0)
		close(fd);
	if (rc) {
		free(t.p);
		return NULL;
	}
	*n = t.n;
	return (char *)t.p;
}

/* ---- finding ---- */

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool
ends(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);
	return n >= m && strcmp(name + n - m, suffix) == 0;
}

/* Names `name` in `folder`, of folder_size bytes without its last slash. */
static char *
in_folder(const char *folder, size_t folder_size, const char *name, struct err *e)
{
	size_t n = folder_size + strlen(name) + 2;
	char *path = mem_zalloc(n, 1, "a path", e);
	if (path)
		snprintf(path, n, "%.*s/%s", (int)folder_size, folder, name);
	return path;
}

static const struct known {
	enum tokenizer_format format;
	const char *names[2];
} known[] = {{TOKENIZER_JSON, {"tokenizer.json", NULL}}, {TOKENIZER_MERGES, {"vocab.json", "merges.txt"}},
    {TOKENIZER_MERGES, {"encoder.json", "vocab.bpe"}}, {TOKENIZER_WORDS, {"vocab.txt", NULL}},
    {TOKENIZER_RANKS, {"tokenizer.model", NULL}}};

/* Sets *f to the files `k` in the folder; *found: both are there. */
static int
take(struct tokenizer_files *f, const struct known *k, const char *folder, size_t n, bool *found, struct err *e)
{
	tokenizer_files_free(f);
	f->format = k->format;
	*found = true;
	for (int i = 0; i < 2 && k->names[i]; i++) {
		if (!(f->paths[i] = in_folder(folder, n, k->names[i], e)))
			return -1;
		*found = *found && access(f->paths[i], F_OK) == 0;
	}
	return 0;
}

/* The one file of ranks in a folder. */
static int
find_ranks(struct tokenizer_files *f, const char *path, struct err *e)
{
	DIR *d = opendir(path);
	size_t count = 0;
	int rc = d ? 0 : err_errno(e, "%s", path);
	tokenizer_files_free(f);
	f->format = TOKENIZER_RANKS;
	for (struct dirent *x; rc == 0 && (x = readdir(d));) {
		if (!ends(x->d_name, ".tiktoken"))
			continue;
		count++;
		free(f->paths[0]);
		rc = (f->paths[0] = in_folder(path, strlen(path), x->d_name, e)) ? 0 : -1;
	}
	if (d)
		closedir(d);
	if (rc == 0 && count != 1)
		rc = err_set(e, ERR_DATA, "%s: has %s", path, count ? "several files of ranks: name one" :
		    "no tokenizer.json, vocab.json with merges.txt, encoder.json with vocab.bpe, vocab.txt or file of ranks");
	return rc;
}

static int
find_in_folder(struct tokenizer_files *f, const char *path, struct err *e)
{
	bool found = false;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (take(f, &known[i], path, strlen(path), &found, e))
			return -1;
		else if (found)
			return 0;
	return find_ranks(f, path, e);
}

/* A file of a pair names the pair. */
static int
find_file(struct tokenizer_files *f, const char *path, struct err *e)
{
	const char *name = base_name(path);
	size_t folder = name > path ? (size_t)(name - path) - 1 : 1;
	bool found;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].names[1] && (strcmp(name, known[i].names[0]) == 0 || strcmp(name, known[i].names[1]) == 0))
			return take(f, &known[i], name > path ? path : ".", folder, &found, e);
	f->format = ends(name, ".json") ? TOKENIZER_JSON : ends(name, ".txt") ? TOKENIZER_WORDS : TOKENIZER_RANKS;
	f->paths[0] = strdup(path);
	return f->paths[0] ? 0 : err_nomem(e, strlen(path), "a path");
}

int
tokenizer_find(struct tokenizer_files *f, const char *path, struct err *e)
{
	struct stat st;
	memset(f, 0, sizeof *f);
	int rc = stat(path, &st) ? err_errno(e, "%s", path) : S_ISDIR(st.st_mode) ? find_in_folder(f, path, e) :
	    find_file(f, path, e);
	if (rc)
		tokenizer_files_free(f);
	return rc;
}

/* ---- loading ---- */

/* Begin and end: what the options say, else what the file says. */
int
draft_surround(struct vocab *v, const struct tokenizer_options *o, const char *begin, const char *end, struct err *e)
{
	begin = o->begin ? o->begin : begin;
	end = o->end ? o->end : end;
	return vocab_finish(v, begin && *begin ? begin : NULL, end && *end ? end : NULL, e);
}

int
tokenizer_load_files(struct vocab *v, const struct tokenizer_files *f, const struct tokenizer_options *o, struct err *e)
{
	size_t n = 0, m = 0;
	memset(v, 0, sizeof *v);
	char *p = read_file(f->paths[0], &n, e), *q = p && f->paths[1] ? read_file(f->paths[1], &m, e) : NULL;
	int rc = !p || (f->paths[1] && !q) ? -1 : 0;
	bool read = rc == 0;
	if (read)
		switch (f->format) {
		case TOKENIZER_JSON: rc = tokenizer_read_json(v, p, n, o, e); break;
		case TOKENIZER_MERGES: rc = tokenizer_read_merges(v, p, n, q, m, o, e); break;
		case TOKENIZER_RANKS: rc = tokenizer_read_ranks(v, base_name(f->paths[0]), p, n, o, e); break;
		case TOKENIZER_WORDS: rc = tokenizer_read_words(v, p, n, o, e); break;
		}
	if (read && rc)
		err_prefix(e, "%s", f->paths[0]);
	free(p);
	free(q);
	return rc;
}
