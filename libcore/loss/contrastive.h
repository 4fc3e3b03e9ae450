/* contrastive.h - losses that draw the embeddings of two views of one source together.
 *
 * Embeddings are scaled to length 1 first; similarities are cosines over a temperature. Two different
 * rows whose sources have the same key (their content is equal) are no negatives of each other: they
 * are left out of the sum. The matrix of similarities exists for a block of rows at a time. */
#ifndef TENON_LOSS_CONTRASTIVE_H
#define TENON_LOSS_CONTRASTIVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

struct contrastive {
	size_t dim, max_rows, max_queue;
	struct arena arena;
	real *unit, *inv, *dunit;     /* (rows, dim), (rows), (rows, dim) */
	real *other, *other_inv;      /* keys of moco, likewise */
	real *sim, *logp, *lse, *dlogp; /* (block, columns), (block) each */
	int32_t *targets;
};

/* Bytes that contrastive_open would take; SIZE_MAX when absurd. */
size_t contrastive_memory(size_t dim, size_t max_rows, size_t max_queue);
/* For at most max_rows embeddings of `dim` numbers and a queue of at most max_queue. 0 or -1. */
int contrastive_open(struct contrastive *c, size_t dim, size_t max_rows, size_t max_queue, struct err *e);
void contrastive_close(struct contrastive *c); /* a zeroed struct is fine */

/* NT-Xent (Chen et al. 2020, equation 1): z (n, dim), rows 2i and 2i + 1 are views of one source, key (n).
 * Returns the mean over the n rows of -log exp(s_ip) / sum_{j != i} exp(s_ij); sets dz unless NULL. */
double contrastive_ntxent(struct contrastive *c, real *dz, const real *z, const uint64_t *key, size_t n,
    double temperature);

/* InfoNCE against a queue (He et al. 2020, equation 1): query and positive (n, dim), queue (m, dim) of
 * rows with length 1. Returns the mean of -log exp(q.k) / (exp(q.k) + sum_j exp(q.queue_j)); sets dq, the
 * gradient in the queries alone, unless NULL. */
double contrastive_queue(struct contrastive *c, real *dq, const real *query, const real *positive,
    const uint64_t *key, size_t n, const real *queue, const uint64_t *queue_key, size_t m,
    double temperature);

#endif
