/* augment.h - makes views: other versions of a record that mean about the same.
 *
 * Augmenters are a table (augment.c): a new one, for text or for another kind of data, is a function
 * and a row. A view depends on the seed, the content of its source, the epoch and its own number. */
#ifndef TENON_DATA_AUGMENT_H
#define TENON_DATA_AUGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/vocab.h"

/* What augmenters know of the tokens. */
struct augment_vocab {
	size_t n;
	uint8_t *special;     /* (n) never removed or replaced */
	uint8_t *ends;        /* (n) the last token of a sentence: ends in . ! or ?, quotes after them aside */
	/* the unigram distribution as an alias table (Walker 1977; Vose 1991) */
	uint32_t *accept;     /* (n) of 2^32, or NULL when there is none */
	int32_t *alias;       /* (n) */
};

int augment_vocab_open(struct augment_vocab *a, const struct vocab *v, struct err *e);
void augment_vocab_close(struct augment_vocab *a); /* a zeroed struct is fine */
/* From how often each token occurs; special ones do not count. ERR_DATA when none does. */
int augment_unigram(struct augment_vocab *a, const uint64_t *counts, struct err *e);

/* A view in the making. */
struct view {
	const struct augment_vocab *vocab;
	int32_t *ids;         /* between the special tokens at both ends */
	size_t n;
	int32_t *spare;       /* room for as many */
	uint32_t *random;     /* a word for each token, fresh for each augmenter */
	double u[2];          /* and two uniform numbers */
	double share;         /* the augmenter's argument for this view */
};

struct augmenter {
	const char *name;
	bool takes_share;     /* NAME:SHARE or NAME:LOW..HIGH */
	bool takes_unigram;
	const char *does;     /* for people */
	void (*apply)(struct view *v); /* at least one token in and out */
};
/* The row called `name` (n bytes), or NULL; row i, NULL past the last. */
const struct augmenter *augmenter_of(const char *name, size_t n);
const struct augmenter *augmenter_at(size_t i);

struct augment_step {
	const struct augmenter *what;
	double low, high;
};

/* Working memory. */
struct augment {
	struct augment_vocab vocab;
	uint64_t seed;
	int32_t *ids, *spare;
	uint32_t *random;
	size_t cap, cap_spare, cap_random;
};

void augment_close(struct augment *a); /* a zeroed struct is fine */

/* The hash of a record's content that addresses its views. */
uint64_t augment_key(const int32_t *ids, size_t n);

/* View number `view` of the record ids (n > 0, within the vocabulary) in `epoch`: sets *out (borrowed
 * until the next call) and returns its number of tokens; 0 when out of memory. */
size_t augment_view(struct augment *a, const struct augment_step *steps, size_t nsteps, uint64_t epoch,
    uint32_t view, const int32_t *ids, size_t n, const int32_t **out, struct err *e);

#endif
