/* runs.h - sorts more keyed items than fit in memory.
 *
 * Items are collected up to a limit, sorted, and written to an unlinked temporary file as a run;
 * runs are then merged, several times over when they and a record of each are too many for the
 * memory. The order is that of (key, number), which no limit changes. Two records and two buffers are
 * the least that merging needs, whatever the limit. */
#ifndef TENON_DATA_RUNS_H
#define TENON_DATA_RUNS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct run_item {
	uint64_t key, number; /* number: of the item in the input, from 0 */
	uint64_t size;
};

struct sorter {
	size_t limit;          /* bytes */
	char *room;            /* records from the front, their entries from the back */
	size_t cap, n, nbytes;
	size_t largest;        /* record, bytes */
	uint64_t count;
	struct run { int fd; FILE *f; struct run_item item; char *bytes; size_t cap; } *runs;
	size_t nruns, cap_runs;
	size_t next;           /* of the entries, when all of them are in memory */
	size_t *heap, nheap;
};

void sorter_open(struct sorter *s, size_t limit);
void sorter_close(struct sorter *s);
/* Adds an item: `size` bytes, copied. */
int sorter_add(struct sorter *s, uint64_t key, const void *bytes, size_t size, struct err *e);
/* After the last item. */
int sorter_finish(struct sorter *s, struct err *e);
/* The next item in order: 1 with its bytes (borrowed until the next call), 0 at the end, -1. */
int sorter_next(struct sorter *s, const void **bytes, size_t *size, struct err *e);

#endif
