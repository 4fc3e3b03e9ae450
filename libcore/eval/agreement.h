/* agreement.h - how far raters agree, beyond what chance would give.
 *
 * Votes are sorted by unit; a rater votes at most once on a unit. Values are labels, whole numbers from 0 below
 * `classes`, but for krippendorff_alpha any numbers. */
#ifndef TENON_EVAL_AGREEMENT_H
#define TENON_EVAL_AGREEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct vote {
	uint32_t unit, rater;
	double value;
};

/* How many of the n votes, from the first on, are of its unit. */
size_t vote_run(const struct vote *v, size_t n);

/* Of all pairs of votes on the same unit the share that are equal; NaN when there is none. */
double agreement_share(const struct vote *v, size_t n);

/* Cohen 1960, of the units on which two raters have voted; which of the two comes first is told by their numbers. NaN
 * when there are none, or when chance alone would agree. 0 or -1. */
int cohen_kappa(double *kappa, const struct vote *v, size_t n, size_t classes, struct err *e);

/* Fleiss 1971. NaN when units have different numbers of votes, or one. 0 or -1. */
int fleiss_kappa(double *kappa, const struct vote *v, size_t n, size_t classes, struct err *e);

/* Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability": any number of raters, votes may be missing; units with a
 * single vote say nothing. The ordinal difference of two values is that of their mid-ranks among all votes, which is the
 * paper's sum of counts between them. NaN when no unit has two votes, or all votes are equal. 0 or -1. */
enum alpha_metric { ALPHA_NOMINAL, ALPHA_ORDINAL, ALPHA_INTERVAL };
int krippendorff_alpha(double *alpha, const struct vote *v, size_t n, enum alpha_metric metric, struct err *e);

/* P(X >= k) of n independent trials with probability p. */
double binomial_tail(uint64_t k, uint64_t n, double p);

#endif
