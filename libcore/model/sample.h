/* sample.h - choosing the next token from one row of logits. Pure functions; nothing allocates. */
#ifndef TENON_MODEL_SAMPLE_H
#define TENON_MODEL_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/* The distribution that is drawn from, in the order in which it is made:
 * 1. penalty (Keskar et al. 2019, section 4.1): the logit of every token seen so far is divided
 *    by `penalty` where positive, else multiplied by it. 1 = none.
 * 2. temperature: logits are divided by it. Below 1e-6 the largest logit is taken, the lowest id
 *    of equals, and the rest does not matter.
 * 3. top_k: only the k most probable tokens stay. 0 = all.
 * 4. top_p (Holtzman et al. 2020, equation 2): of those, only the fewest most probable ones that
 *    together have at least this share of their probability. 1 = all.
 * 5. min_p (Nguyen et al. 2024): of those, only tokens at least min_p times as probable as the most
 *    probable one. 0 = all.
 * Of equally probable tokens the lower id counts as the more probable one. At least one stays. */
struct sample_opts {
	double temperature, top_p, min_p, penalty;
	size_t top_k;
};

/* Bytes of scratch that sample_token needs, a multiple of 64. */
size_t sample_scratch(size_t vocab);

/* Draws with u in [0, 1): the first token in order of ids at which the cumulative probability
 * exceeds u. seen: the tokens so far, prompt included, each below vocab. Returns the token and sets
 * *logp to its log-probability in the model's own distribution, softmax(logits): no penalty,
 * temperature or cut. Returns -1 when a logit is NaN or +infinity, or all are -infinity. scratch is aligned to 8. */
int32_t sample_token(const struct sample_opts *o, const real *logits, size_t vocab, const int32_t *seen,
    size_t nseen, double u, void *scratch, real *logp);

#endif
