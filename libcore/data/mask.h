/* mask.h - hides tokens, so that a row of them is its own supervision.
 *
 * Which tokens are hidden depends on the seed, the epoch and the content of the row: on nothing
 * else, so not on how the rows are divided among files or threads.
 *
 * Units (tokens, or whole words) are hidden in spans. A row is a stationary renewal process: a unit outside
 * of a span begins one with probability q = rate / (rate + L (1 - rate)), L the mean length of a span, and a
 * row begins inside of one with probability `rate`, with what is left of its length. So each unit is hidden
 * with probability `rate` exactly, at the borders too. Special tokens are never hidden and end a span. */
#ifndef TENON_DATA_MASK_H
#define TENON_DATA_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/vocab.h"

enum { MASK_LONGEST = 64 }; /* units of a span */

enum mask_policy {
	MASK_TOKEN,    /* single tokens (Devlin et al. 2019) */
	MASK_WORD,     /* whole words */
	MASK_SPAN,     /* geometric lengths, replaced alike (Joshi et al. 2020, SpanBERT) */
	MASK_NGRAM,    /* length n with probability in proportion to 1 / n (Lan et al. 2020, ALBERT) */
	MASK_PREFIX,   /* nothing is hidden: targets after a part of the row only (a prefix language model) */
	MASK_SENTINEL, /* spans move to the end, a sentinel stands for each (Raffel et al. 2020, T5) */
	MASK_POLICIES
};

struct mask_opts {
	enum mask_policy policy;
	double rate;               /* of tokens that are hidden, in (0, 1) */
	double mask_share, random_share; /* of hidden tokens: replaced by the mask, by a random token; the rest stay */
	double span_p;             /* MASK_SPAN: of the geometric distribution */
	size_t longest;            /* MASK_SPAN, MASK_NGRAM, MASK_SENTINEL: units of a span, 1 .. MASK_LONGEST */
	double prefix_low, prefix_high; /* MASK_PREFIX: share of the row that is prefix */
	int32_t mask;              /* the mask token */
	uint64_t seed;
};

struct mask_counts {
	uint64_t tokens, special, hidden, masked, randomised, kept;
};

struct masker {
	struct mask_opts opts;
	double mean;               /* units of a span */
	uint32_t begin;            /* of 2^32: q */
	uint32_t inside;           /* of 2^32: rate */
	uint32_t lengths[MASK_LONGEST], rest[MASK_LONGEST]; /* of 2^32: at most i + 1 units */
	uint8_t *special;          /* (vocabulary) */
	int32_t *ordinary;         /* ids that are not special */
	size_t vocab, nordinary;
	int32_t *sentinels;        /* <extra_id_0>, <extra_id_1> ... */
	size_t nsentinels;
	uint32_t *words;           /* random, 4 for each token of a row */
	size_t cap;
	struct mask_counts counts; /* so far */
};

/* The vocabulary is not kept. ERR_DATA when it lacks what the policy needs. */
int masker_open(struct masker *m, const struct mask_opts *o, const struct vocab *v, struct err *e);
void masker_close(struct masker *m); /* a zeroed struct is fine */

/* Policies but MASK_SENTINEL: from the row ids (n), within the vocabulary, sets `out` and targets (n
 * each). words (n): equal numbers beside each other are one word; NULL: units are tokens. documents (n) or
 * NULL: a span does not cross them. next (n) or NULL: MASK_PREFIX's targets, else the token that follows. */
int mask_row(struct masker *m, uint64_t epoch, const int32_t *ids, const int32_t *words,
    const int32_t *documents, const int32_t *next, size_t n, int32_t *out, int32_t *targets, struct err *e);

/* MASK_SENTINEL, for one document: sets `out` and targets, at most mask_sentinel_room(m, n) each, and
 * *count. A row for a causal model: the text with sentinels, then each sentinel with what it stood for; targets
 * are the tokens after, of the second part only. */
int mask_sentinel(struct masker *m, uint64_t epoch, const int32_t *ids, const int32_t *words, size_t n,
    int32_t *out, int32_t *targets, size_t *count, struct err *e);
size_t mask_sentinel_room(const struct masker *m, size_t n);

#endif
