/* ratings.h - ratings as the sum of a unit's worth, a rater's leniency and an error: a rater who gives everything a
 * point more does not lift the units that he happened to see, and one who errs much counts little.
 *
 *   rating = w_u + b_r + error,   w ~ N(mean, between),   error ~ N(0, error_r)
 *
 * by expectation maximisation: w is what is hidden. Each rater's variance begins with RATINGS_PRIOR ratings of the
 * mean variance of all, as a rater with few ratings could otherwise seem to have no error at all. */
#ifndef TENON_EVAL_RATINGS_H
#define TENON_EVAL_RATINGS_H

#include "eval/agreement.h"

#define RATINGS_PRIOR 2.0

struct ratings {
	size_t units, raters;
	double *worth;     /* (units) mean of the ratings without leniency, weighted by 1 / error_r; on their scale */
	double *precision; /* (units) sum of 1 / error_r over its ratings */
	double *offset;    /* (raters) leniency; over all votes the mean is 0 */
	double *error;     /* (raters) variance of the rater's errors */
	double mean, between;
};

/* Votes: sorted by unit. Until no offset and no deviation moves by more than 1e-8 of the ratings' deviation, or 5000 rounds
 * are over. 0 or -1. */
int ratings_fit(struct ratings *m, const struct vote *v, size_t n, size_t units, size_t raters, struct err *e);
void ratings_free(struct ratings *m); /* a zeroed struct is fine */

/* Which part of the variance of a unit's worth as it was found, or of one rating of the rater, is the units' own. */
double ratings_confidence(const struct ratings *m, size_t unit);
double ratings_reliability(const struct ratings *m, size_t rater);

#endif
