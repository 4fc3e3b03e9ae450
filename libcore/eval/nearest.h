/* nearest.h - cosine neighbours, and how embeddings lie on the sphere. */
#ifndef TENON_EVAL_NEAREST_H
#define TENON_EVAL_NEAREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/* For each of n queries the k rows of `index` (m) with the largest dot product, largest first, of equals
 * the earlier row: found (n, k) and score (n, k). All rows have length 1; 1 <= k <= m. With `same`, queries
 * are the index itself and a row is no neighbour of its own (k < m). Exact; 0, or -1 out of memory. */
int nearest(size_t *found, real *score, const real *queries, size_t n, const real *index, size_t m,
    size_t dim, size_t k, bool same, struct err *e);

/* The class that most of k neighbours have; of equals the one with the larger sum of scores. */
int32_t nearest_vote(const size_t *found, const real *score, size_t k, const int32_t *labels, size_t classes,
    double *work); /* (2 * classes) */

/* Wang & Isola 2020, equations 1 and 2: the mean of |x - y|^2 over the pairs (2i, 2i + 1) of n rows,
 * and log of the mean of exp(-2 |x - y|^2) over all pairs of two rows. */
double alignment(const real *unit, size_t n, size_t dim);
int uniformity(double *out, const real *unit, size_t n, size_t dim, struct err *e);

#endif
