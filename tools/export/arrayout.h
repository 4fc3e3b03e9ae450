/* arrayout.h - files whose header has a number that is known at the end: what follows it waits in a temporary file, so that
 * memory is constant and the output may be a pipe. All exit through cli_fail. */
#ifndef TENON_EXPORT_ARRAYOUT_H
#define TENON_EXPORT_ARRAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/outfile.h"

struct arrayout {
	struct outfile out;
	int fd;          /* of the temporary file */
	char *buf;       /* of what waits to go there */
	size_t n;
	uint64_t total;  /* bytes that were put */
};

void arrayout_open(struct arrayout *a, const char *output);
void arrayout_put(struct arrayout *a, const void *p, size_t n);
/* The header, then what was put, of which `change` (or NULL) makes something else of at most as many bytes, in place, and
 * returns their number; it gets whole multiples of 8 bytes, but for the last. */
void arrayout_close(struct arrayout *a, const void *header, size_t n, size_t (*change)(char *p, size_t n));

#endif
