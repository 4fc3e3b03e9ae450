/* shard.h - which rank owns which parameters, and the pieces in which gradients and weights travel.
 *
 * Each of several ranks owns a contiguous range of the parameter table: it alone keeps the moments of it and updates
 * it (ZeRO stage 1, Rajbhandari et al. 2020). Ranges hold equal numbers of what is ever trained. Pieces are listed in the
 * order in which the backward pass finishes them: a stage is a block, the last first, and at the end everything outside of the
 * blocks, whose gradients are complete only when the embeddings' are. */
#ifndef TENON_TRAIN_SHARD_H
#define TENON_TRAIN_SHARD_H

#include "model/params.h"

/* Numbers [at, at + n) of the table, all of one owner and one stage; gaps between tensors may be inside. */
struct shard_piece {
	size_t at, n;
	size_t owner;
	size_t stage;  /* number of the block; the table's layers for what comes at the end */
	size_t place;  /* of the first number among all that its owner owns, gaps included */
};

struct shard_plan {
	size_t ranks;
	size_t *bounds;             /* [ranks + 1]: rank r owns [bounds[r], bounds[r + 1]) */
	size_t *owned;              /* [ranks]: numbers in its pieces */
	struct shard_piece *pieces; /* stages layers - 1 ... 0, then `layers` */
	size_t n, cap;
};

/* trained: [p->n] tensors that are ever trained. 0 or -1. */
int shard_plan_build(struct shard_plan *s, const struct params *p, size_t layers, const bool *trained, size_t ranks,
    struct err *e);
void shard_plan_free(struct shard_plan *s); /* a zeroed plan is fine */

#endif
