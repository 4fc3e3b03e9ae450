/* exchange.h - what a trainer of a team does with the other ranks: gradients to those who own the weights, weights back to all,
 * moments together for a checkpoint.
 *
 * A step sends each block's gradient when the backward pass is through with it, so that it travels while the blocks
 * below are computed. The owner adds the parts of all ranks in their order, so that a number of ranks has one result. The
 * moments of what another rank owns are never touched, so they take no memory; parts of other ranks take as much as
 * the gradient. All functions do nothing, or the plain thing, in a team of one. */
#ifndef TENON_TRAIN_EXCHANGE_H
#define TENON_TRAIN_EXCHANGE_H

#include "train/trainer.h"

struct exchange {
	struct shard_plan plan;
	size_t sent;           /* pieces of this step's gradient that are on their way */
	struct arena arena;
	real *parts;           /* those of the other ranks, one behind the other; for a checkpoint, a set of moments */
	int failed;            /* while sending */
	struct err error;
};

/* Makes t (open, nothing done, what is trained decided) one of a team, which is borrowed. Dropout of other ranks than the
 * first has masks of its own. 0 or -1. */
int exchange_open(struct trainer *t, struct team *team, struct err *e);
void exchange_close(struct trainer *t);

/* The part [*from, *from + returned) of a tensor that this rank owns: all of it in a team of one. */
size_t exchange_own(const struct trainer *t, const struct param *p, size_t *from);

/* For trunk's `finished`, ctx is the trainer: sends what belongs to the block. */
void exchange_block(void *ctx, size_t layer);
/* Sends what has not been sent, and makes t->g of what this rank owns the sum over all. */
int exchange_gradient(struct trainer *t, struct err *e);
/* Everybody gets the weights from those who own them. */
int exchange_weights(struct trainer *t, struct err *e);

/* Where rank 0 has all moments for a checkpoint: in a team between steps, over the gradient. To there from those who own
 * them, and back. */
void exchange_room(const struct trainer *t, real **m, real **v);
int exchange_collect(struct trainer *t, struct err *e);
int exchange_hand_out(struct trainer *t, struct err *e);

#endif
