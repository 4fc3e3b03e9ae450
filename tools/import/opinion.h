/* opinion.h - what was said of the answers to a prompt, on its way in. The prompt is the turns of the sample. */
#ifndef TENON_IMPORT_OPINION_H
#define TENON_IMPORT_OPINION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ten.h"

/* Fields of the output that only some inputs have. The last two are of comparisons only. */
enum opinion_option { OPINION_RATER, OPINION_SECONDS, OPINION_WEIGHT, OPINION_MARGIN, OPINION_POSITIONS, OPINION_OPTIONS };

struct opinion {
	struct ten_membuf answers;   /* one behind the other, */
	uint32_t *ends;              /* each up to its end */
	uint32_t *ranks, *positions; /* of the answers, as far as told */
	size_t k, nranks, npositions;
	size_t cap_ends, cap_ranks, cap_positions;
	bool undecided;              /* it was skipped, and there is nothing of it to keep */
	uint8_t liked;
	double rating, seconds, weight, margin; /* NaN, NaN, 1 and 0 when not told */
	struct ten_membuf rater;     /* empty when not told */
	unsigned seen;               /* 1 << enum opinion_option, of all that were read: survives opinion_reset */

	/* of an impression: a clicked answer and one above it that was not, a record for each pair */
	uint32_t (*pairs)[2];
	size_t npairs, cap_pairs;
	struct ten_membuf pair;      /* the answers of the pair that is shown */
	uint32_t pair_ends[2];
};

void opinion_reset(struct opinion *o);
void opinion_free(struct opinion *o); /* a zeroed struct is fine */

/* Each 0, or -1 with *e filled; ERR_DATA says what is wrong, without place. */
int opinion_answer(struct opinion *o, const char *text, size_t n, struct err *e); /* one more */
int opinion_rank(struct opinion *o, uint32_t rank, struct err *e);                /* of the next answer */
int opinion_position(struct opinion *o, uint32_t position, struct err *e);        /* likewise */
/* There is an answer, and all differ. */
int opinion_check_answers(const struct opinion *o, struct err *e);
/* Comparisons: answers that differ, ranks for all of them or for none, positions that differ. */
int opinion_check_ranks(struct opinion *o, struct err *e);
/* The answers are those of a list of which `clicked` (n numbers from 0) were clicked: makes the pairs of Joachims 2002,
 * "Optimizing search engines using clickthrough data": a clicked answer is better than each above it that was not. */
int opinion_clicks(struct opinion *o, const size_t *clicked, size_t n, struct err *e);
/* The answers of pair i, the clicked one first, are in o->pair and o->pair_ends. Borrowed until the next. */
int opinion_show_pair(struct opinion *o, size_t i, struct err *e);

#endif
