/* spool.h - records that wait in a file. */
#ifndef TENON_TOOLS_SPOOL_H
#define TENON_TOOLS_SPOOL_H

#include "ten.h"

/* A sink that appends to *fd, which is borrowed. */
struct ten_sink spool_sink(int *fd);

#endif
