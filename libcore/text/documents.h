/* documents.h - reads text as a sequence of documents, in memory bounded by the largest one.
 *
 * By file, line or blank line, documents keep the bytes that divide them, so that they
 * joined are the input, byte for byte; a separator is left out, and joined by it they are the
 * input. What is compressed with gzip or zstd is read as what it holds (base/infile.h). */
#ifndef TENON_TEXT_DOCUMENTS_H
#define TENON_TEXT_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/infile.h"

enum document_split {
	SPLIT_BLANK, /* a document ends with the blank lines after it */
	SPLIT_LINE,  /* every line, with its line end */
	SPLIT_FILE,  /* the whole input */
	SPLIT_SEPARATOR
};

static inline bool
document_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether a line has nothing but blanks and its end. A NUL is no blank. */
static inline bool
document_is_blank(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!document_blank(p[i]))
			return false;
	return true;
}

struct documents {
	struct infile in;
	const char *name;   /* for messages, borrowed */
	enum document_split split;
	const char *separator;
	size_t separator_size;
	char *buf;
	size_t cap, start, end; /* unread bytes: [start, end) */
	size_t scanned;     /* from start on, without finding an end */
	size_t longest;     /* set after opening, 0 = none: of longer ones parts are given, see documents_next */
	size_t uncut;       /* from start on, without a place to cut */
	bool text;          /* the document being scanned has more than line ends */
	bool eof;
	bool part;          /* what was given last ends within its document */
	bool separated;     /* a separator was the last thing read: a document follows, if an empty one */
};

/* fd and name are borrowed. separator only for SPLIT_SEPARATOR, not empty. */
void documents_open(struct documents *d, int fd, const char *name, enum document_split split,
    const char *separator);
void documents_close(struct documents *d); /* frees; does not close fd */

/* The next document: 1 and its bytes (borrowed until the next call), 0 at the end, -1. Documents
 * are never empty, but for those before, between and after separators. With `longest`, parts of longer documents are given one
 * after the other, cut at line ends where every pre-tokeniser divides, too: before a letter or digit of ASCII, and behind
 * what is no white space. Where there is no such place, a part is as long as it must be. */
int documents_next(struct documents *d, const char **text, size_t *n, struct err *e);

#endif
