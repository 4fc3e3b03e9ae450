/* logistic.h - multinomial logistic regression on fixed features, fitted by L-BFGS (Liu & Nocedal 1989). */
#ifndef TENON_EVAL_LOGISTIC_H
#define TENON_EVAL_LOGISTIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/* n rows of dim features: dense, or in compressed rows when `start` is not NULL. */
struct features {
	size_t n, dim;
	const real *dense;            /* (n, dim) */
	const size_t *start;          /* (n + 1) */
	const int32_t *index;         /* columns of the values */
	const real *value;
};

struct logistic {
	size_t classes, dim;
	double *w;                    /* (classes, dim + 1), the bias last */
};

/* Minimises the mean of -log p(label) over the rows + l2 / 2 |W|^2, biases not counted, from zero. labels
 * (n) below `classes`. 0, or -1: memory, or ERR_NONFINITE where the features are not finite. */
int logistic_fit(struct logistic *m, const struct features *x, const int32_t *labels, size_t classes,
    double l2, struct err *e);
void logistic_free(struct logistic *m); /* a zeroed struct is fine */
/* The most probable class of each row, the first of equals; returns the mean of -log p(labels), or NaN when
 * labels are NULL. best (n). */
double logistic_apply(const struct logistic *m, const struct features *x, const int32_t *labels,
    int32_t *best, struct err *e);

/* Dense features to mean 0 and deviation 1 in place; mean and scale (dim) are set from x when `fit`. */
void features_standardise(real *x, size_t n, size_t dim, real *mean, real *scale, bool fit);

#endif
