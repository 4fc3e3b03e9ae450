/* judgements.h - records of kind judgements and candidates: which fields they have, and whether these fit together. */
#ifndef TENON_TOOLS_JUDGEMENTS_H
#define TENON_TOOLS_JUDGEMENTS_H

#include <stdbool.h>

#include "common/cli.h"
#include "text/candidates.h"

/* Fields of a stream of judgements; -1 = absent. The first five are always there. */
struct judgement_fields {
	int text, turn_ends, roles, answers, answer_ends;
};

/* That a stream has them is told by its field `answers`. ERR_DATA naming a field that is missing. */
int judgement_fields(struct judgement_fields *f, const struct ten_head *h, const char *stream, struct err *e);

/* The chat of a record, borrowed from it. ERR_DATA: text, ends and roles that do not fit together. */
int chat_of(struct chat *c, const struct ten_value *text, const struct ten_value *ends, const struct ten_value *roles, struct err *e);
/* The answers of a record, borrowed from it. ERR_DATA: no answer, more than ANSWERS_MAX, or texts, ends and roles that do not fit
 * together. */
int judgement_answers(const struct judgement_fields *f, const struct ten_value *v, struct answers *a, struct err *e);

/* Fields of a stream of candidates, which are always there. */
struct candidate_fields {
	int ids, targets, ends, scored;
};
int candidate_fields(struct candidate_fields *f, const struct ten_head *h, const char *stream, struct err *e);
/* That every answer is a piece of the record, not empty, and scored within itself, and the answers are all of it. ERR_DATA. */
int candidate_check(const struct candidate_fields *f, const struct ten_value *v, struct err *e);

/* What is said of the answers: fields of judgements and of candidates; -1 = absent. */
struct verdict_fields {
	int ranks, rating, liked, weight, margin, reference, score;
};
int verdict_fields(struct verdict_fields *f, const struct ten_head *h, const char *stream, struct err *e);

struct verdict {
	const uint32_t *ranks;         /* (k) or NULL */
	const float *reference, *score;/* (k) or NULL */
	double rating, weight, margin; /* rating NaN: there is none; weight 1 and margin 0 by default */
	int liked;                     /* -1: not said */
	bool skipped;                  /* ranks that are all 0, a rating that is NaN */
};
/* Sets `to` for a record of k answers; arrays are borrowed. ERR_DATA: as many as answers, ranks from 1 on, numbers
 * finite, a weight of at least 0. */
int verdict_read(const struct verdict_fields *f, const struct ten_value *v, size_t k, struct verdict *to, struct err *e);

#endif
