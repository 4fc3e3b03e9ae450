/* labelled.h - losses of a task head's outputs against labels. Pure functions; nothing allocates.
 *
 * z (n, k) are the outputs at n points. Sums accumulate in double. */
#ifndef TENON_LOSS_LABELLED_H
#define TENON_LOSS_LABELLED_H

#include <stddef.h>
#include <stdint.h>

#include "model/config.h"

struct labelled_loss {
	enum task task;
	size_t outputs;        /* k */
	const double *weights; /* (k) of the classes, or NULL: 1 */
	double smoothing;      /* of labels (Szegedy et al. 2016), in [0, 1); classify and tag */
};

/* What the sum of losses is divided by: classify and tag, the weights of the labels, as PyTorch's cross_entropy
 * has it; else the number of outputs. labels (n): classify and tag. */
double labelled_weight(const struct labelled_loss *l, const int32_t *labels, size_t n);

/* The sum of the losses, and dz = scale times its gradient (NULL: not wanted).
 *   classify, tag  (1 - s) w_y (-log p_y) + s / k sum_c w_c (-log p_c), p = softmax(z)
 *   multilabel     sum_c -w_c y_c log p_c - (1 - y_c) log(1 - p_c), p = sigmoid(z)
 *   regress        sum_c (z_c - y_c)^2
 * values (n, k): the y of multilabel and regress. */
double labelled_sum(const struct labelled_loss *l, real *dz, double scale, const real *z, const int32_t *labels,
    const real *values, size_t n);

/* Outputs of one point as probabilities, of regression as they are. Returns the largest's place, the first of
 * equals. */
int32_t labelled_scores(enum task task, double *scores, const real *z, size_t k);

#endif
