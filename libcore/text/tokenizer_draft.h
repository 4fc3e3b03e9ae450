/* tokenizer_draft.h - tokens by their ids, while a foreign tokenizer is read. */
#ifndef TENON_TEXT_TOKENIZER_DRAFT_H
#define TENON_TEXT_TOKENIZER_DRAFT_H

#include <jansson.h>

#include "text/tokenizer.h"

/* A token as the file has it: a text in the alphabet of its kind. */
struct draft_token {
	const char *name; /* borrowed; NULL: an id that is not used */
	size_t n;
	int32_t left, right, rank;
	bool special;
	uint8_t match;
};

struct draft {
	struct draft_token *tokens;
	size_t n, cap, used;
};

void draft_free(struct draft *d);
/* Puts a token at `id`, which must be free. */
int draft_put(struct draft *d, json_int_t id, const char *name, size_t n, struct err *e);
/* All tokens of a JSON object: names with their ids. */
int draft_vocab(struct draft *d, const json_t *vocab, struct err *e);
/* Adds the merge `rank` of two tokens to the draft, or, where the token has one, to v. */
int draft_merge(struct draft *d, struct vocab *v, const json_t *vocab, const char *left, size_t nleft, const char *right,
    size_t nright, int32_t rank, struct err *e);
/* Adds the tokens in the order of their ids to v; byte-level BPE's in the bytes that they spell. */
int draft_finish(const struct draft *d, struct vocab *v, struct err *e);

/* Begin and end of a document: what the options say, else what the file says (names or NULL). */
int draft_surround(struct vocab *v, const struct tokenizer_options *o, const char *begin, const char *end, struct err *e);

#endif
