/* colsum.h - for kernels: sums down the rows whose bits do not depend on the number of threads.
 *
 * The rows are cut into chunks by their number alone. One thread sums a chunk, of SUM_COLS
 * columns at a time, into a row of `part` that stands on the caller's stack; when all are done
 * the chunks are added in their order. (Giving each thread columns of its own needs no chunks,
 * but then neighbouring cache lines have different owners: at width 128 two threads were
 * slower than one.) */
#ifndef TENON_MATH_COLSUM_H
#define TENON_MATH_COLSUM_H

#include "base/mem.h"

#define SUM_CHUNKS 32
#define SUM_COLS 2048

/* Rows of a chunk: the chunks are [k * rows, (k + 1) * rows), at most SUM_CHUNKS. */
static inline size_t
sum_rows(size_t n)
{
	size_t rows = (n + SUM_CHUNKS - 1) / SUM_CHUNKS;
	return rows < 16 ? 16 : rows;
}

/* out[j] += sum over the chunks k of n rows of part[k][j], j < w; part is not kept. */
void sum_chunks(real *restrict out, real (*restrict part)[SUM_COLS], size_t n, size_t w);

#endif
