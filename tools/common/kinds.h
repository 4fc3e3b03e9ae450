/* kinds.h - what the kinds of stream promise beyond the format itself (formats/FORMAT.md).
 *
 * Kinds that are not known here are taken as they are. */
#ifndef TENON_TOOLS_KINDS_H
#define TENON_TOOLS_KINDS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/judgements.h"

/* Fields of a rollout: numbers of each token of the answer, and of the whole. */
enum { ROLLOUT_ARRAYS = 7, ROLLOUT_NUMBERS = 3 };
extern const char *const rollout_arrays[ROLLOUT_ARRAYS], *const rollout_numbers[ROLLOUT_NUMBERS];

struct kind_check {
	const struct ten_head *head; /* borrowed */
	int ids, targets, positions, documents; /* fields of tokens and rows, or -1 */
	bool judgements, candidates, rollouts;
	struct judgement_fields texts;
	struct candidate_fields pieces;
	struct verdict_fields verdicts; /* of judgements and candidates */
	int prompt_length, ended, arrays[ROLLOUT_ARRAYS]; /* of rollouts */
	uint64_t vocab_size;         /* 0: not said */
	bool model;
};

/* Checks the head: the fields that the kind needs, with their types. 0, or -1 and ERR_DATA. */
int kind_check_open(struct kind_check *k, const struct ten_head *h, const char *name, struct err *e);
/* A record: equal lengths of a row's fields, ids below vocab_size, targets -100 or an id; texts and answers
 * up to their ends, as many ranks as answers; of a rollout as many numbers as tokens of the answer. The message names the field, not the stream. */
int kind_check_record(const struct kind_check *k, const struct ten_value *values, struct err *e);
/* The whole: a model has one record. */
int kind_check_end(const struct kind_check *k, uint64_t records, struct err *e);

#endif
