/* source.h - where a streaming reader's bytes come from: a descriptor or memory. */
#ifndef TENON_FORMATS_SOURCE_H
#define TENON_FORMATS_SOURCE_H

#include "layout.h"

enum { SOURCE_AHEAD = 16 << 10 };

struct source {
	int fd;                 /* -1: memory */
	bool owned;             /* fd is closed with the source */
	const uint8_t *mem;
	uint64_t size;          /* of memory */
	uint64_t pos;           /* bytes taken */
	bool in_place;          /* memory that is aligned well enough to be used where it lies */
	uint8_t *ahead;         /* read from fd and not yet taken */
	size_t start, have;
};

/* Makes a pipe as wide as the system lets it be. */
int source_open_fd(struct source *s, int fd, struct err *e);
void source_open_mem(struct source *s, const void *p, size_t n);
void source_close(struct source *s);

/* Takes n more bytes into b, whose memory grows only as bytes arrive. 1: all; 0: the input ended
 * before (b->n says how much there was); -1: a read failed. */
int source_take(struct source *s, struct buf *b, size_t n, struct err *e);

/* Puts back the first bytes of the input (at most TEN_HEADER), which are in b. */
void source_unread(struct source *s, const struct buf *b);

#endif
