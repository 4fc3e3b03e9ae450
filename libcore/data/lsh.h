/* lsh.h - pairs that are probably alike, without comparing all: locality-sensitive hashing in bands (Leskovec, Rajaraman and
 * Ullman, Mining of Massive Datasets, chapter 3).
 *
 * A signature is cut into bands of `rows` numbers; two documents whose bands are equal somewhere are a pair. Of similarity s
 * they are one with probability 1 - (1 - s^rows)^bands. */
#ifndef TENON_DATA_LSH_H
#define TENON_DATA_LSH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct lsh_bands {
	size_t rows, bands; /* rows * bands is at most the size of a signature */
};

/* The probability above. */
double lsh_probability(double s, struct lsh_bands b);
/* The fewest bands of signatures of k that find a pair of similarity `threshold` with a probability of at least 0.99; one row each where
 * none do. */
struct lsh_bands lsh_choose(double threshold, size_t k);

/* Calls `pair` with a < b for pairs of the n signatures (n, k), band after band. It may come more than once for a
 * pair. Where more than LSH_CROWD + 1 documents have a band in common, each meets the first LSH_CROWD / 2 of them and as many
 * before it, so the time is linear in n. The order depends on the signatures alone. `pair` returns 0 or -1, which ends the search.
 * Takes 16 n bytes for as long as it works. 0 or -1. */
enum { LSH_CROWD = 128 };
int lsh_pairs(const uint32_t *signatures, size_t n, size_t k, struct lsh_bands b,
    int (*pair)(void *ctx, size_t a, size_t b, struct err *e), void *ctx, struct err *e);

#endif
