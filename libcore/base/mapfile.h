/* mapfile.h - a regular file as memory that is only read. */
#ifndef TENON_BASE_MAPFILE_H
#define TENON_BASE_MAPFILE_H

#include <stddef.h>

#include "base/err.h"

/* Maps all of the file: *p and *size, which munmap frees. -1: ERR_RUNTIME, or ERR_DATA "PATH: not a KIND file" for what is
 * no regular file or has fewer than `least` bytes, which must be one or more. */
int mapfile_open(const char *path, size_t least, const char *kind, void **p, size_t *size, struct err *e);

#endif
