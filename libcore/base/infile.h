/* infile.h - the bytes of a descriptor, decompressed where they are compressed.
 *
 * The first bytes tell: gzip (RFC 1952; 1F 8B) and zstd (RFC 8878; 28 B5 2F FD, or a skippable frame before it) are
 * decompressed, members and frames one behind the other as one; anything else passes as it is. No text in UTF-8 begins like
 * that. Memory is constant, whatever the input makes of itself (zstd: windows of at most 128 MiB). A read that gives one
 * byte is decided on that byte where it can be, so a pipe is not waited for without need. */
#ifndef TENON_BASE_INFILE_H
#define TENON_BASE_INFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct inflater; /* what a compressed input needs */

struct infile {
	int fd;
	const char *name; /* for messages */
	bool begun;       /* its first bytes have been looked at */
	uint8_t head[4];  /* that were, and are still to be given */
	size_t nhead, given;
	struct inflater *z; /* NULL: not compressed */
};

/* fd and name are borrowed. Reads nothing yet. */
void infile_open(struct infile *f, int fd, const char *name);
/* Frees, does not close fd. A zeroed struct is fine. */
void infile_close(struct infile *f);
/* Up to n > 0 bytes into p, their number in *got; 0 of them only at the end. -1: ERR_RUNTIME, or ERR_DATA for compressed
 * data that is corrupt or cut short, or that something else follows; the message has the name. */
int infile_read(struct infile *f, void *p, size_t n, size_t *got, struct err *e);
/* Until n bytes are there or the input ends. */
int infile_read_all(struct infile *f, void *p, size_t n, size_t *got, struct err *e);

#endif
