/* crowdbt.h - Bradley-Terry scores of things that raters compared in pairs, and how far each rater is to be trusted: Chen,
 * Bennett, Collins-Thompson and Horvitz 2013, "Pairwise ranking aggregation in a crowdsourced setting".
 *
 *   P(rater k says i before j) = r_k p + (1 - r_k) (1 - p),  p = 1 / (1 + exp(s_j - s_i))
 *
 * r is 1/2 of a rater who answers at random, below it of one who is contrary. Scores and trust are told apart by how
 * consistent a thing's duels are with each other, so things need several opponents: where each has one, every score fits
 * its own duels and all raters look good (there, eval/dawid.h is the model). */
#ifndef TENON_EVAL_CROWDBT_H
#define TENON_EVAL_CROWDBT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct duel {
	uint32_t better, worse; /* numbers of the things */
	uint32_t rater;
	double weight;          /* a tie is a duel of weight 1/2 either way */
};

struct crowd_bt {
	size_t things, raters;
	double *score;          /* (things); comparable where duels connect them */
	double *reliability;    /* (raters) */
	double loss;
};

/* The function that is made small. x (things + raters): scores, then log(r / (1 - r)). Sets g likewise.
 * Minus the log-likelihood; minus CROWD_LAMBDA (log p0 + log (1 - p0)) of each thing, p0 = 1 / (1 + exp(-s)): a win and a
 * loss of that weight against a thing of score 0, which is the paper's regularisation (section 3.2); minus
 * CROWD_RIGHT log r + CROWD_WRONG log (1 - r) of each rater: so many duels that were right and wrong beforehand. */
#define CROWD_LAMBDA 0.1
#define CROWD_RIGHT 2
#define CROWD_WRONG 1
double crowd_bt_loss(const double *x, double *g, const struct duel *d, size_t n, size_t things, size_t raters);

/* Minimises it by L-BFGS, from the log-odds of each thing's wins and trusted raters. 0 or -1. */
int crowd_bt_fit(struct crowd_bt *m, const struct duel *d, size_t n, size_t things, size_t raters, struct err *e);
void crowd_bt_free(struct crowd_bt *m); /* a zeroed struct is fine */

#endif
