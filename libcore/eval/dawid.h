/* dawid.h - the true labels behind what several raters say, and how each rater errs, by expectation maximisation: Dawid
 * and Skene 1979, "Maximum likelihood estimation of observer error-rates using the EM algorithm".
 *
 * Each row of a rater's table begins with DAWID_RIGHT judgements that were right and DAWID_WRONG that were not, shared by
 * the other labels, so that a rater who has not been wrong yet is not taken for one who cannot be, and one whom nobody
 * can be compared with is still believed rather than not. */
#ifndef TENON_EVAL_DAWID_H
#define TENON_EVAL_DAWID_H

#include <stdbool.h>

#include "eval/agreement.h"

#define DAWID_RIGHT 2.0
#define DAWID_WRONG 1.0

struct dawid {
	size_t units, raters, classes;
	double *prior;     /* (classes) shares of the true labels */
	double *confusion; /* (raters, classes, classes): probability of saying l of a unit that is c */
	double *posterior; /* (units, classes) */
	unsigned iterations;
};

/* Votes: sorted by unit, values below `classes`. Starts from each unit's shares of votes and ends when no posterior moves
 * by more than 1e-7, or after 1000 rounds. `mirror`: label l reversed is classes - 1 - l and a unit might as well
 * have been put the other way round (which of two answers stands first), so the tables of errors are symmetric. A
 * unit without votes gets the prior. 0 or -1. */
int dawid_fit(struct dawid *d, const struct vote *v, size_t n, size_t units, size_t raters, size_t classes, bool mirror,
    struct err *e);
void dawid_free(struct dawid *d); /* a zeroed struct is fine */

/* Probability that the rater says the truth. */
double dawid_reliability(const struct dawid *d, size_t rater);
/* Sets p (classes): what the m votes of a unit say when those of `without` (SIZE_MAX: nobody) are left out. */
void dawid_posterior(const struct dawid *d, const struct vote *v, size_t m, size_t without, double *p);

#endif
