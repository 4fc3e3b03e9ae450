/* lm_head.h - hidden states to token log-probabilities, and the gradient back.
 *
 * Everything that trains a language model depends on the logits only through the
 * log-probability of a target and the entropy of its distribution, so this head takes their
 * gradients: dz_j = dlogp (1[j = y] - p_j) - dent p_j (log p_j + H). Logits exist for a chunk of
 * rows at a time, never for the whole batch. An encoder's head has a transform before the
 * projection, norm(gelu(h dense^T + b)), and a bias after it (Devlin et al. 2019). */
#ifndef TENON_MODEL_LM_HEAD_H
#define TENON_MODEL_LM_HEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "model/params.h"

enum { TARGET_NONE = -100 }; /* the token is not trained on or scored */

struct lm_head {
	const struct config *cfg;
	const struct params *table;
	size_t chunk;               /* rows of logits that exist at one time */
	const bool *skip;           /* [slot]: its gradient is not wanted; NULL = all are */
	bool alone;                 /* forward only: a row's bits do not depend on what is beside it */
	struct arena arena;
	real *logits, *rows, *drows;        /* (chunk, vocab), (chunk, width) twice */
	real *dense, *act, *normed;         /* of the transform, (chunk, width) each, or NULL */
	real *mean, *rstd;                  /* (chunk) */
	real *logp, *lse, *ent, *dlogp, *dent; /* (chunk) */
	int32_t *targets, *best;
	size_t *index;                      /* of the chunk's rows in the batch */
};

/* For batches of at most max_tokens tokens. cfg and table are borrowed. ERR_DATA for a model without
 * language head. */
int lm_head_open(struct lm_head *l, const struct config *cfg, const struct params *table,
    size_t max_tokens, struct err *e);
void lm_head_close(struct lm_head *l);
/* Bytes that lm_head_open would take. SIZE_MAX when absurd. */
size_t lm_head_memory(const struct config *cfg, size_t max_tokens);

/* Results, one a token; 0 where the target is TARGET_NONE. `entropy` and `best` may be NULL. */
struct lm_out {
	real *logp;    /* log p(target) */
	real *entropy;
	int32_t *best; /* the most probable token, the first of equals */
};

/* Hidden states h (n,width) of the model with weights w; targets (n) within the vocabulary or
 * TARGET_NONE. */
void lm_head_forward(struct lm_head *l, const real *h, const real *w, const int32_t *targets,
    size_t n, const struct lm_out *out);

/* Forward and backward in one pass over the logits. dlogp (n): gradient of the loss in each
 * log-probability; dent (n) in each entropy, or NULL. Sets dh (n,width), adds to the model's gradients
 * g. `out` is set as by forward. Where gradients depend on the log-probabilities, call forward first. */
void lm_head_backward(struct lm_head *l, real *dh, real *g, const real *dlogp, const real *dent,
    const real *h, const real *w, const int32_t *targets, size_t n, const struct lm_out *out);

#endif
