/* trainer.h - the one training loop's step: micro-batches, gradient, clipping, AdamW.
 *
 * The state of a training is the weights, the two moments and the step number; everything else
 * (learning rate, dropout masks) is a function of the step and the seed. */
#ifndef TENON_TRAIN_TRAINER_H
#define TENON_TRAIN_TRAINER_H

#include <stdint.h>

#include "model/lm_head.h"
#include "model/trunk.h"
#include "train/adamw.h"
#include "train/rows.h"
#include "train/schedule.h"
#include "train/shard.h"
#include "train/team.h"

struct train_opts {
	struct schedule schedule;
	struct adamw adamw;
	double clip;       /* largest gradient norm, 0 = no clipping */
	double dropout;
	uint64_t seed;
	size_t max_tokens; /* of a micro-batch: where a step is cut, so part of what is learnt */
	size_t largest;    /* tokens of a row that is only evaluated, alone where it is larger than max_tokens; 0: of none that is */
	size_t room;       /* tokens of the largest batch that there will be, where that is less; 0: these */
	size_t max_keys;   /* longest span */
	bool recompute;    /* of a block only the input is kept; the same bits in less memory and more time */
	bool no_language;  /* the objective does without the language head: no room for logits */
};

/* How a tensor is trained. Gradients and moments of a frozen one are never touched, so they take no memory. */
struct training {
	uint64_t since;    /* the step from which on it is trained, UINT64_MAX: never */
	double rate;       /* factor of the learning rate */
	bool frozen;       /* at this step */
};

struct trainer;
struct step_stats;

/* What is learnt. The trainer's own is the language model's: the mean of -log p(target). */
struct objective {
	/* Adds to t->g (zero before) and sets s->loss and s->trained; or sets s->idle, on all ranks alike, and leaves the rest. */
	int (*gradient)(struct objective *o, struct trainer *t, struct rows *r, struct step_stats *s, struct err *e);
	/* After the weights have changed; NULL = nothing to do. */
	void (*stepped)(struct objective *o, struct trainer *t);
	/* Names of what it says of a step besides the loss, in step_stats.columns; NULL-terminated, NULL = nothing. */
	const char *const *columns;
};

struct trainer {
	const struct config *cfg;
	const struct params *table;
	struct train_opts opts;
	struct arena arena;
	real *w, *g, *m, *v;  /* table->size elements each */
	real *dh, *dlogp;     /* (trainer_room, width), (trainer_room) */
	struct lm_out out;
	struct trunk trunk;
	struct lm_head head;
	struct objective *objective; /* NULL: the language model's */
	struct training *how; /* [table->n]; after a change of `since` call trainer_plan */
	bool *skip;           /* for trunk and head: [layers * SLOT_COUNT] */
	uint64_t step;        /* steps done */
	struct exchange *exchange; /* with the other ranks; NULL: there are none */
	struct team *team;    /* NULL: a team of one */
};

/* Plans and takes all memory; w, m, v start as zeros. cfg and table are borrowed. With adapters only they
 * are trained (and heads that an objective thaws), else all but the heads of other objectives. */
int trainer_open(struct trainer *t, const struct config *cfg, const struct params *table,
    const struct train_opts *o, struct err *e);
void trainer_close(struct trainer *t); /* a zeroed trainer is fine */

/* Tokens that there is room for in a batch. */
size_t trainer_room(const struct train_opts *o);

/* The first word on what is trained, which trainer_open begins with: t->how from t->cfg and t->table. */
void trainer_how(struct trainer *t);

/* Bytes that a training takes. All of `reserved` is asked for, but what frozen tensors do not need is never touched and so
 * takes no memory. SIZE_MAX when absurd. */
struct train_memory {
	size_t weights, gradients, moments, activations, logits;
	size_t exchanged;  /* between ranks: rank 0's, which has most; 0 where there is one rank */
	size_t total, reserved;
};
/* What trainer_open and, in a team of so many ranks, exchange_open would take when `trained` numbers are trained. */
void trainer_memory(struct train_memory *m, const struct config *cfg, const struct params *table, const struct train_opts *o,
    size_t trained, size_t ranks);

/* Freezes or thaws the tensors of the slots first to last, for good. */
void trainer_freeze(struct trainer *t, enum slot first, enum slot last, bool frozen);
/* Plans the backward pass for what is trained at t->step: as little as that needs. train_step does it when a
 * tensor thaws. */
void trainer_plan(struct trainer *t);
/* Numbers that are trained, now or later. */
size_t trainer_trainable(const struct trainer *t);

/* The forward pass of micro-batch number `micro` of the step, which addresses its dropout masks. */
void trainer_forward(struct trainer *t, const struct batch *b, size_t micro);
/* The backward pass from t->dh. `last`: of the rows of a step; what is complete then is on its way to the other ranks. */
void trainer_backward(struct trainer *t, const struct batch *b, bool last);

enum { STEP_COLUMNS = 12 }; /* that an objective may have */

struct step_stats {
	double loss;      /* mean over the trained tokens, nats */
	double grad_norm; /* before clipping */
	double lr;
	size_t tokens, trained; /* of this rank's rows; of all */
	double columns[STEP_COLUMNS]; /* the objective's own */
	bool idle;        /* the rows weigh nothing: loss and gradient are 0, and nothing is trained */
};

/* The gradient of the objective over all the rows, of all ranks, for a language model of the mean loss over all
 * trained tokens, into t->g: the same for any division into micro-batches, up to rounding. ERR_DATA when nothing is trained, ERR_NONFINITE
 * naming the step and the tensor. Rows larger than max_tokens: the caller's mistake. In a team a rank has the sums of what it
 * owns; the rest of t->g is its own part. */
int train_gradient(struct trainer *t, struct rows *r, struct step_stats *s, struct err *e);

/* The gradient, then clipping by global norm (Pascanu et al. 2013) and AdamW; t->step + 1. An idle step leaves weights and
 * moments as they are, but counts. On failure the weights are untouched, unless other ranks do not answer. */
int train_step(struct trainer *t, struct rows *r, struct step_stats *s, struct err *e);

/* Sums over the trained tokens of the rows, without dropout. */
struct eval_sums {
	double nll;       /* - sum of log p(target), nats */
	uint64_t trained, correct;
};
void lm_evaluate(struct trunk *t, struct lm_head *head, const real *w, struct rows *r,
    size_t max_tokens, struct lm_out *out, struct eval_sums *sums);

/* Name of the first tensor with a number that is not finite, or NULL. */
const char *params_nonfinite(const real *w, const struct params *p);

#endif
