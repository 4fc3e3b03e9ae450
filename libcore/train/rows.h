/* rows.h - the training rows of one step, side by side without padding.
 *
 * Within a row attention stays inside each run of equal document numbers. */
#ifndef TENON_TRAIN_ROWS_H
#define TENON_TRAIN_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/trunk.h"

struct rows {
	int32_t *ids, *targets, *positions; /* (tokens) */
	size_t tokens, cap_ids, cap_targets, cap_positions;
	struct span *spans;
	size_t nspans, cap_spans;
	struct row_end { size_t tokens, spans; } *ends; /* after each row */
	size_t n, cap_ends;
	size_t trained;     /* targets that are not TARGET_NONE */
	size_t longest;     /* span */
	struct span *slice; /* of the micro-batch in use */
	size_t cap_slice;
};

void rows_reset(struct rows *r); /* forgets the rows, keeps the memory */
void rows_free(struct rows *r);  /* a zeroed struct is fine */

/* Appends a row of n tokens. documents and positions may be NULL: one document, 0 .. n-1. Checks
 * ids and targets against the vocabulary and positions against the context: ERR_DATA. */
int rows_add(struct rows *r, const int32_t *ids, const int32_t *targets, const int32_t *positions,
    const int32_t *documents, size_t n, size_t vocab, size_t context, struct err *e);

/* The largest batch of whole rows from row `from` on with at most max_tokens tokens (one row
 * at least); sets *b and *targets (borrowed until the next call) and returns the row after it. */
size_t rows_batch(struct rows *r, size_t from, size_t max_tokens, struct batch *b,
    const int32_t **targets);

#endif
