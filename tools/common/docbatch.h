/* docbatch.h - documents of text files, some megabytes at a time, for tools that work on them with
 * several threads. */
#ifndef TENON_TOOLS_DOCBATCH_H
#define TENON_TOOLS_DOCBATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cli.h"
#include "text/documents.h"
#include "text/jsonread.h"

/* The rows of the option table that say what a document is. */
struct doc_opts {
	int split;             /* enum document_split but for SEPARATOR; -1 = not given, by blank lines */
	const char *separator; /* NULL = none */
	bool jsonl;
	const char *field;
};
extern const char *const doc_splits[];
#define DOC_OPTS_DEFAULT {.split = -1}
#define DOC_OPTIONS(d) \
	{0, "split", "HOW", CLI_CHOICE, &(d)->split, "documents end at blank (lines), line or file (default blank)", 0, 0, doc_splits, false}, \
	{0, "separator", "TEXT", CLI_TEXT, &(d)->separator, "documents are divided by TEXT, which is left out", 0, 0, 0, false}, \
	{0, "jsonl", NULL, CLI_FLAG, &(d)->jsonl, "lines are JSON objects, each with a document in a field", 0, 0, 0, false}, \
	{0, "field", "NAME", CLI_TEXT, &(d)->field, "the field with the text of a JSON object (default text)", 0, 0, 0, false}
/* A document of a batch: where it ends in the batch's bytes, and where it came from. */
struct doc_place {
	size_t end;
	const char *file;     /* borrowed */
	uint64_t number;      /* in the file: of the document, from 0; of the line, from 1, for JSON lines */
};

struct doc_batch {
	const struct doc_opts *opts;
	char **files;         /* NULL-terminated operands; none = standard input */
	size_t file;          /* of the next to open */
	size_t longest;       /* set after opening, 0 = none: longer documents come in parts (text/documents.h) */
	struct documents docs;
	bool open;
	uint64_t line;        /* of the JSON lines of this file */
	uint64_t document;    /* of this file, the next */
	struct jread json;
	char *bytes;          /* of the batch */
	size_t nbytes, cap_bytes;
	struct doc_place *places;
	size_t n, cap_places;
	uint64_t total_bytes, total_docs;
	uint64_t closed_bytes; /* of the files read so far, as they lie on the disk */
};

/* Whether one of the options was given. */
bool doc_opts_given(const struct doc_opts *o);
/* Notes the files for provenance. `files` is borrowed. Exits through cli_fail, as doc_batch_next. */
void doc_batch_open(struct doc_batch *b, const struct doc_opts *o, char **files);
/* The next batch of at least one document; false at the end. */
bool doc_batch_next(struct doc_batch *b);
/* Bytes of the files that have been read, for progress; of a pipe, those of the documents. */
uint64_t doc_batch_read(const struct doc_batch *b);
void doc_batch_close(struct doc_batch *b);
/* Puts before the message where document i of the batch came from. */
void doc_batch_prefix(const struct doc_batch *b, size_t i, struct err *e);

static inline const char *
doc_text(const struct doc_batch *b, size_t i, size_t *n)
{
	size_t from = i ? b->places[i - 1].end : 0;
	*n = b->places[i].end - from;
	return b->bytes + from;
}

#endif
