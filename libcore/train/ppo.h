/* ppo.h - the objective of policy optimisation: answers that the model gave, with their scores, and the update that
 * makes the good ones more probable. PPO with a value head (Schulman et al. 2017), GRPO (Shao et al. 2024) and RLOO
 * (Ahmadian et al. 2024) without.
 *
 * The policy is the distribution that is drawn from: softmax(logits / temperature). All log-probabilities, also
 * those of the reference, and entropies are of it. The value of a token is read off the hidden state that
 * predicts it, in the policy's own trunk. */
#ifndef TENON_TRAIN_PPO_H
#define TENON_TRAIN_PPO_H

#include "loss/ppo.h"
#include "train/trainer.h"

enum ppo_algo { ALGO_PPO, ALGO_GRPO, ALGO_RLOO };

struct ppo_opts {
	enum ppo_algo algo;
	enum kl_estimator estimator;
	double temperature;
	double gamma, lambda, clip_ratio, clip_value, value_coef, entropy;
	bool whiten, whiten_rewards; /* advantages; rewards, without moving their mean */
	size_t samples;              /* answers to a prompt; of GRPO and RLOO they are a group */
	size_t epochs, minibatch;    /* of an update; rows */
	double target_kl;            /* an update ends after an epoch whose approximate KL is larger; 0 = never */
};

/* The answers of a step. Arrays over tokens are as of loss/ppo.h. */
struct rollouts {
	struct rows rows;   /* one an answer: prompt and answer but for the last token; targets: the answer's tokens */
	size_t tokens;      /* of all answers */
	size_t *ends;       /* (answers) */
	double *score;      /* (answers) what counts at the last token; of GRPO and RLOO, the answer's reward */
	double *logp, *reference, *values, *entropy; /* (tokens) under the policy that answered, and the reference */
	double *rewards, *advantages, *returns;      /* (tokens) */
};

struct ppo_trainer {
	struct objective objective; /* first: the trainer knows only this */
	struct ppo_opts opts;
	double kl_coefficient;
	struct rollouts r;
	struct arena arena;
	size_t max_answers, max_tokens; /* of r: answers, and tokens of one */
	struct rows minibatch;
	size_t *order;              /* (max_answers) */
	struct ppo_sums sums;       /* of the last minibatch */
	/* of a micro-batch: where tokens of answers are predicted, which tokens of r these are, and at each of them */
	size_t *at, *token;
	real *read, *dread;
	double *logp, *old, *reference, *advantages, *weights, *values, *old_values, *returns, *dlogp, *dvalue;
	/* at all of its tokens */
	real *scaled, *logps, *entropies, *dlogps, *dent;
};

/* What an update was like: means over its minibatches. */
struct ppo_stats {
	double policy_loss, value_loss, entropy, approx_kl, clipped, outside, value_clipped, ratio, grad_norm;
	size_t epochs, minibatches;
};

/* Makes `t` (open, no dropout) learn from steps of at most `answers` answers of at most `tokens` tokens each. PPO
 * trains the value head, which the model must have; the others leave it alone. */
int ppo_open(struct ppo_trainer *p, struct trainer *t, const struct ppo_opts *o, size_t answers, size_t tokens,
    struct err *e);
void ppo_close(struct ppo_trainer *p); /* a zeroed struct is fine */

/* A step: begin, add each answer, measure, set r.reference and r.score, then advantages, then update. */
void ppo_begin(struct ppo_trainer *p);
/* ids (n): prompt and answer, the answer from `prompt` on; 0 < prompt < n. */
int ppo_add(struct ppo_trainer *p, const struct trainer *t, const int32_t *ids, size_t prompt, size_t n, struct err *e);
/* r.logp, values and entropy under the weights of t, by the arithmetic of the update: in batches of the first epoch's
 * minibatches, so that the ratios of the first are 1. */
int ppo_measure(struct ppo_trainer *p, struct trainer *t, struct err *e);
/* r.rewards, advantages and returns. PPO: ppo_rewards, ppo_gae, whitened. RLOO: the reward of an answer is its score
 * less the KL of its tokens, the advantage of a token that of its answer. GRPO: the score alone; KL is in the loss. */
void ppo_advantages(struct ppo_trainer *p);
/* Epochs of minibatches, each an optimizer step of t. The first epoch has the answers in their order, each other one in an
 * order of its own, addressed by (t's seed, `update`). On failure the weights are those of some minibatch. */
int ppo_update(struct ppo_trainer *p, struct trainer *t, uint64_t update, struct ppo_stats *s, struct err *e);

/* A policy that is not trained: the reference. */
struct frozen_policy {
	const struct config *cfg;
	const real *w;
	struct arena arena;
	struct trunk trunk;
	struct lm_head head;
	real *logps;        /* of a batch */
	size_t max_tokens;
};

/* cfg, table and w are borrowed; the model has no adapters. For rows of at most max_keys tokens,
 * max_tokens at a time, or one that has more. */
int frozen_open(struct frozen_policy *f, const struct config *cfg, const struct params *table, const real *w,
    size_t max_tokens, size_t max_keys, struct err *e);
void frozen_close(struct frozen_policy *f);
/* log p of each target of the rows that is there, one after the other, at this temperature. */
void frozen_logp(struct frozen_policy *f, struct rows *r, double temperature, double *logp);

#endif
