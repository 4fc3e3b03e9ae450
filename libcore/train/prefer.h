/* prefer.h - the objective of preference learning: sums of log-probabilities of candidates, by a loss of loss/preference.h.
 *
 * The loss of a record is the mean over its pairs; a tie is the mean of both orders. For kto its liked and other answers
 * count one by one: by what is said of a single answer, or the best and the worst of a ranking, of which those between are
 * left out. The reference point of kto is max(0, the mean over all answers of the step that count of p - r), of these
 * answers themselves, not of mismatched ones as in the paper, since a stream has no reference log-probabilities of
 * those; so it is the same for any division into micro-batches, for which the model is run twice when there are several. */
#ifndef TENON_TRAIN_PREFER_H
#define TENON_TRAIN_PREFER_H

#include "loss/preference.h"
#include "train/judged.h"

/* Columns: means over pairs that are no ties, of kto over liked and other answers: what the loss takes as rewards; the share
 * of pairs whose chosen answer has the higher one (of kto, of answers on the right side of the reference point), equals count
 * half; the difference; log p(answer | prompt). */
enum { PREFER_CHOSEN, PREFER_REJECTED, PREFER_ACCURACY, PREFER_MARGIN, PREFER_LOGP_CHOSEN, PREFER_LOGP_REJECTED, PREFER_COLUMNS };

struct prefer_trainer {
	struct objective objective; /* first: the trainer knows only this */
	struct preference_loss loss;
	struct likelihood *said;    /* of each candidate of the rows */
	double *d;                  /* its gradient for a record of weight 1 */
	size_t cap_said, cap_d;
	double point;               /* of kto */
};

/* Makes `t` (open, with a language head) train by the mean loss over all records of a step, weighted by their weights. */
int prefer_open(struct prefer_trainer *k, struct trainer *t, const struct preference_loss *l, struct err *e);
void prefer_close(struct prefer_trainer *k); /* a zeroed struct is fine */

/* Adds the rows, without dropout or gradient; kto's reference point is that of these rows. */
int prefer_evaluate(struct prefer_trainer *k, struct trainer *t, struct rows *r, struct judged_sums *sums, struct err *e);
/* Mean of a column, which of the margin is the difference of two. */
double prefer_mean(const struct judged_sums *sums, int column);

#endif
