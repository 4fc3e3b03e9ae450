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
	int32_t *ids, *targets, *positions, *types; /* (tokens) */
	size_t tokens, cap_ids, cap_targets, cap_positions, cap_types;
	struct span *spans;
	size_t nspans, cap_spans;
	struct row_end { size_t tokens, spans; uint64_t source, key; int32_t label; } *ends; /* after each row */
	size_t n, cap_ends;
	real *values;       /* (n, outputs) of labelled rows that have some */
	size_t cap_values;
	size_t trained;     /* targets that are not TARGET_NONE */
	size_t longest;     /* span */
	struct span *slice; /* of the micro-batch in use */
	size_t cap_slice;
};

void rows_reset(struct rows *r); /* forgets the rows, keeps the memory */
void rows_free(struct rows *r);  /* a zeroed struct is fine */

/* A row of n tokens. NULL: targets, none; positions, 0 .. n-1; documents, one; types, all 0. */
struct row {
	const int32_t *ids, *targets, *positions, *documents, *types;
	size_t n;
	uint64_t source, key; /* of a view: the record that it was made from, and the hash of that */
	/* of a labelled row of a model with a task head, which has been checked against its outputs: */
	int32_t label;        /* the class */
	const real *values;   /* (outputs) the truth of each label, or numbers */
	bool tags;            /* targets are tags, of the tokens that have one */
};

/* The ends of the rows [from, to) in tokens, counted from the first of these rows. */
void rows_ends(const struct rows *r, size_t from, size_t to, size_t *ends);

/* Appends a row. Checks ids and targets against the vocabulary of the model, positions against its
 * context, types against their number: ERR_DATA. */
int rows_add(struct rows *r, const struct row *row, const struct config *c, struct err *e);

/* The largest batch of whole rows from row `from` on with at most max_tokens tokens (one row
 * at least); sets *b and *targets (borrowed until the next call) and returns the row after it. */
size_t rows_batch(struct rows *r, size_t from, size_t max_tokens, struct batch *b,
    const int32_t **targets);

#endif
