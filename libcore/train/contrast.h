/* contrast.h - the contrastive objective: two views of a source shall have similar embeddings.
 *
 * Rows 2i and 2i + 1 of a step are views of one source. An embedding is the pooled hidden states,
 * through a projection head of two layers where the model has one (Chen et al. 2020, section 2.1).
 * Without a queue all other rows are negatives (NT-Xent); with one, row 2i is compared with
 * row 2i + 1 as an encoder embeds it whose weights are a moving average of the model's, and with what that
 * made of earlier rows (He et al. 2020).
 *
 * The loss is of the whole batch, however small the micro-batches are: embeddings first, then the
 * gradient of each, then forward again and backward for each micro-batch (Gao et al. 2021, GradCache). In a team every rank
 * has the embeddings of all, and the gradients of its own; a step has opts.rows rows then. */
#ifndef TENON_TRAIN_CONTRAST_H
#define TENON_TRAIN_CONTRAST_H

#include "loss/contrastive.h"
#include "model/pool.h"
#include "train/trainer.h"

struct contrast_opts {
	double temperature;
	enum pool pool;
	size_t rows;     /* of a step, at most */
	size_t queue;    /* 0 = none */
	double momentum; /* of the averaged encoder */
	uint64_t seed;   /* of the queue's first content */
};

struct contrast {
	struct objective objective; /* first: the trainer knows only this */
	struct contrast_opts opts;
	const struct config *cfg;
	const struct params *table;
	size_t dim;             /* of an embedding */
	struct contrastive loss;
	struct arena arena;
	real *pooled, *hidden, *act, *z, *dz; /* (rows, width) thrice, (rows, dim) twice */
	size_t *ends;           /* (rows) tokens */
	uint64_t *keys;         /* (rows) */
	struct rows half[2];    /* queries and keys of a step with a queue */
	real *average;          /* weights of the averaged encoder, table->size; NULL without a queue */
	real *queue;            /* (queue, dim), rows of length 1 */
	uint64_t *queue_keys;
	uint64_t queue_at;      /* the next to be replaced */
	real *fresh;            /* (rows / 2, dim): for the queue when the step is done */
	size_t nfresh;
};

/* Makes `t` (open, weights set) train by this objective. Fills the queue with random directions. */
int contrast_open(struct contrast *c, struct trainer *t, const struct contrast_opts *o, struct err *e);
/* Bytes that contrast_open would take; SIZE_MAX when absurd. */
size_t contrast_memory(const struct config *cfg, const struct params *table, const struct contrast_opts *o);
void contrast_close(struct contrast *c); /* a zeroed struct is fine */

/* NT-Xent over the rows without dropout or gradient; at most opts.rows. */
int contrast_evaluate(struct contrast *c, struct trainer *t, struct rows *r, double *loss, struct err *e);

#endif
