/* reward.h - the objective of a reward model: the value head's numbers at the scored tokens of candidates against what is
 * said of them. */
#ifndef TENON_TRAIN_REWARD_H
#define TENON_TRAIN_REWARD_H

#include "model/value_head.h"
#include "train/judged.h"

enum reward_kind {
	REWARD_PAIRS,    /* ranks, Bradley-Terry; field margin */
	REWARD_LISTWISE, /* ranks, Plackett-Luce */
	REWARD_RATING,
	REWARD_LIKED,
	REWARD_DEMONSTRATION /* ranks: 1 demonstrated, all others samples of the policy */
};

struct reward_opts {
	enum reward_kind kind;
	double centre;       /* coefficient of the centring of what is compared, 0 = none */
};

/* Columns: the share of pairs whose better answer has the higher score (of liked: the sign is right), equals count half; by how
 * much it is higher. Ties and ratings say nothing of either. Of demonstrations the pairs are a demonstration and a sample each,
 * and a third column is the loss, log(1 + samples), of scores that do not tell them apart. */
enum { REWARD_ACCURACY, REWARD_MARGIN, REWARD_CHANCE, REWARD_COLUMNS };

struct reward_trainer {
	struct objective objective; /* first: the trainer knows only this */
	struct reward_opts opts;
	struct arena arena;
	real *z, *dz;               /* (trainer_room) scores of a micro-batch and their gradient */
	size_t *at;                 /* (trainer_room) the tokens at which they are read */
	size_t n;
	double *s, *d;              /* scores of a record and their gradient */
	uint32_t *ranks;
	size_t cap_s, cap_d, cap_ranks;
};

/* Makes `t` (open, of a model with a value head) train that head, and what is not frozen, by the mean loss over all records of a step, weighted by
 * their weights: the same for any division into micro-batches, up to rounding. */
int reward_open(struct reward_trainer *k, struct trainer *t, const struct reward_opts *o, struct err *e);
void reward_close(struct reward_trainer *k); /* a zeroed struct is fine */

/* Adds the rows, without dropout or gradient. */
int reward_evaluate(struct reward_trainer *k, struct trainer *t, struct rows *r, struct judged_sums *sums, struct err *e);

#endif
