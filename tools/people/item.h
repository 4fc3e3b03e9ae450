/* item.h - what people judge: a prompt and answers to it, as kind `judgements` has them. */
#ifndef TENON_PEOPLE_ITEM_H
#define TENON_PEOPLE_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

#include "common/judgements.h"

struct item {
	struct chat prompt;
	const char *answers;  /* one behind the other, */
	const uint32_t *ends; /* (k) each up to its end */
	size_t k;
};

static inline const char *
item_answer(const struct item *t, size_t i, size_t *n)
{
	uint32_t from = i ? t->ends[i - 1] : 0;
	*n = t->ends[i] - from;
	return t->answers + from;
}

/* The item of a record, borrowed from its values. ERR_DATA when its parts do not fit together, or a prompt or an answer
 * is empty; the message names no place. */
int item_of(struct item *t, const struct judgement_fields *f, const struct ten_value *v, struct err *e);

/* An item of its own with the answers which[0] to which[k - 1] (NULL: all of them, k is not used). One piece of memory:
 * free(). */
struct item *item_copy(const struct item *t, const size_t *which, size_t k, struct err *e);

/* Hashes: of the prompt with who says what in it, of answer i to it, and of the prompt and the set of k of its answers (NULL: of
 * all), whatever their order. 0 or -1. */
XXH128_hash_t item_prompt_key(const struct item *t);
XXH128_hash_t item_answer_key(const struct item *t, XXH128_hash_t prompt, size_t i);
int item_key(XXH128_hash_t *key, const struct item *t, const size_t *which, size_t k, struct err *e);

#endif
