#include "common/docbatch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { BATCH_BYTES = 4 << 20, BATCH_DOCS = 1 << 16 };

const char *const doc_splits[] = {"blank", "line", "file", NULL};

bool
doc_opts_given(const struct doc_opts *o)
{
	return o->split >= 0 || o->separator || o->jsonl || o->field;
}

void
doc_batch_open(struct doc_batch *b, const struct doc_opts *o, char **files)
{
	*b = (struct doc_batch){.opts = o, .files = files};
	if (o->separator && !*o->separator)
		cli_die(ERR_USAGE, "--separator needs at least one character");
	if ((o->split >= 0) + (o->separator != NULL) + o->jsonl > 1)
		cli_die(ERR_USAGE, "--split, --separator and --jsonl each say what a document is; one of them");
	if (o->field && !o->jsonl)
		cli_die(ERR_USAGE, "--field is for --jsonl");
	cli_note_files(files);
}

void
doc_batch_close(struct doc_batch *b)
{
	documents_close(&b->docs);
	jread_free(&b->json);
	free(b->bytes);
	free(b->places);
	memset(b, 0, sizeof *b);
}

/* Opens the next operand, or standard input when there is none; false after the last. */
static bool
open_next(struct doc_batch *b)
{
	if (b->file > 0 && (!b->files[0] || !b->files[b->file]))
		return false;
	const char *name, *path = b->files[b->file];
	int fd = cli_input(path, &name);
	enum document_split s = b->opts->jsonl ? SPLIT_LINE
	    : b->opts->separator ? SPLIT_SEPARATOR : b->opts->split < 0 ? SPLIT_BLANK : (enum document_split)b->opts->split;
	documents_open(&b->docs, fd, name, s, b->opts->separator);
	b->docs.longest = b->longest;
	b->open = true;
	b->line = b->document = 0;
	b->file++;
	return true;
}

uint64_t
doc_batch_read(const struct doc_batch *b)
{
	off_t at = b->open ? lseek(b->docs.in.fd, 0, SEEK_CUR) : 0;
	return at < 0 ? b->total_bytes : b->closed_bytes + (uint64_t)at;
}

static void
close_file(struct doc_batch *b)
{
	int fd = b->docs.in.fd;
	b->closed_bytes = doc_batch_read(b);
	documents_close(&b->docs);
	if (fd != STDIN_FILENO)
		close(fd);
	b->open = false;
}

static void
append(struct doc_batch *b, const char *text, size_t n)
{
	struct err e;
	if (mem_grow(&b->bytes, &b->cap_bytes, b->nbytes + n, 1, "documents", &e) ||
	    mem_grow(&b->places, &b->cap_places, b->n + 1, sizeof *b->places, "documents", &e))
		cli_fail(&e);
	if (n)
		memcpy(b->bytes + b->nbytes, text, n);
	b->nbytes += n;
	b->places[b->n++] = (struct doc_place){b->nbytes, b->docs.name, b->opts->jsonl ? b->line : b->document};
	b->total_bytes += n;
	b->total_docs += !b->docs.part; /* a document counts with its last part */
	b->document += !b->docs.part;
}

void
doc_batch_prefix(const struct doc_batch *b, size_t i, struct err *e)
{
	const struct doc_place *p = &b->places[i];
	err_prefix(e, "%s: %s %" PRIu64, p->file, b->opts->jsonl ? "line" : "document", p->number);
}

static void
append_json(struct doc_batch *b, const char *text, size_t n)
{
	struct err e;
	const char *field = b->opts->field ? b->opts->field : "text";
	b->line++;
	if (jread_parse(&b->json, text, n, &e))
		cli_die(e.code, "%s: line %" PRIu64 ": %s", b->docs.name, b->line, e.msg);
	const struct jnode *t = jnode_get(b->json.nodes, field);
	if (!jnode_is(t, JNODE_STRING))
		cli_die(ERR_DATA, "%s: line %" PRIu64 ": has no text in field `%s'", b->docs.name, b->line, field);
	append(b, t->text, t->n);
}

bool
doc_batch_next(struct doc_batch *b)
{
	struct err e;
	b->n = b->nbytes = 0;
	while (b->nbytes < BATCH_BYTES && b->n < BATCH_DOCS) {
		const char *text;
		size_t n;
		if (!b->open && !open_next(b))
			break;
		int got = documents_next(&b->docs, &text, &n, &e);
		if (got < 0)
			cli_fail(&e);
		if (got == 0)
			close_file(b);
		else if (!b->opts->jsonl)
			append(b, text, n);
		else if (document_is_blank(text, n))
			b->line++;
		else
			append_json(b, text, n);
	}
	return b->n > 0;
}
