/* rows.h - the training rows of one step, side by side without padding.
 *
 * Within a row attention stays inside each run of equal document numbers; a row of candidates is k sequences that do
 * not see each other. */
#ifndef TENON_TRAIN_ROWS_H
#define TENON_TRAIN_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/trunk.h"

/* What is said of the candidates of a row. */
struct judged {
	size_t first, k;     /* its candidates are [first, first + k) of the rows' */
	bool ranked;
	int liked;           /* 0, 1; -1: not said */
	double rating;       /* NaN: not said */
	double weight, margin;
};

/* One of the sequences of a row; places are tokens of all rows. */
struct candidate {
	size_t start, end, scored;
	uint32_t rank;       /* 1 = best, equals are ties; 0 where the row is not ranked */
	double reference;    /* log p(answer | prompt) of a frozen model, NaN: not known */
};

struct rows {
	int32_t *ids, *targets, *positions, *types; /* (tokens) */
	size_t tokens, cap_ids, cap_targets, cap_positions, cap_types;
	struct span *spans;
	size_t nspans, cap_spans;
	struct row_end { size_t tokens, spans; uint64_t source, key; int32_t label; } *ends; /* after each row */
	size_t n, cap_ends;
	real *values;       /* (n, outputs) of labelled rows that have some */
	size_t cap_values;
	struct judged *judged; /* (n) of rows of candidates */
	struct candidate *candidates;
	size_t ncandidates, cap_judged, cap_candidates;
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
	/* of candidates: k sequences, of which positions count from 0 */
	size_t k;             /* 0: the row is no such */
	const uint32_t *ends, *scored; /* (k) within the row */
	const uint32_t *ranks;         /* (k) or NULL */
	const float *reference;        /* (k) or NULL */
	struct judged judged; /* the rest; first and k are set */
};

/* The ends of the rows [from, to) in tokens, counted from the first of these rows. */
void rows_ends(const struct rows *r, size_t from, size_t to, size_t *ends);

/* Appends a row. Checks ids and targets against the vocabulary of the model, positions and the lengths of candidates
 * against its context, types against their number; that candidates are not empty, are the whole row and each scored within
 * itself, and what is said of them: ERR_DATA. */
int rows_add(struct rows *r, const struct row *row, const struct config *c, struct err *e);

/* The largest batch of whole rows from row `from` on with at most max_tokens tokens (one row
 * at least); sets *b and *targets (borrowed until the next call) and returns the row after it. */
size_t rows_batch(struct rows *r, size_t from, size_t max_tokens, struct batch *b,
    const int32_t **targets);

#endif
