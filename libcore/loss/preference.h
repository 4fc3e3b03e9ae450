/* preference.h - losses that train a language model on preferences, as functions of sums of log-probabilities. Pure; nothing
 * allocates.
 *
 * With p and r the log-probability of an answer under the model and under a frozen reference, n its tokens, and for a pair
 * m = (p_chosen - r_chosen) - (p_rejected - r_rejected):
 *   sigmoid  -(1 - e) log sigmoid(beta m) - e log sigmoid(-beta m), e = smoothing: DPO (Rafailov et al. 2023, equation 7),
 *            with smoothing conservative DPO (Mitchell 2023)
 *   ipo      (m - 1 / (2 beta))^2 (Azar et al. 2024, equation 17)
 *   hinge    max(0, 1 - beta m): SLiC (Zhao et al. 2023) as Liu et al. (2024) have it
 *   kto      1 - sigmoid(beta (p - r - z)) of a liked answer, 1 - sigmoid(beta (z - p + r)) of another (Ethayarajh et al.
 *            2024, equation 8 with both weights 1); z, the reference point, is the caller's
 *   orpo     -p_chosen / n_chosen - lambda log sigmoid(log odds_chosen - log odds_rejected), odds = q / (1 - q),
 *            q = exp(p / n) (Hong et al. 2024, equations 6 and 7)
 *   simpo    -log sigmoid(beta p_chosen / n_chosen - beta p_rejected / n_rejected - gamma) (Meng et al. 2024, equation 6)
 */
#ifndef TENON_LOSS_PREFERENCE_H
#define TENON_LOSS_PREFERENCE_H

#include <stdbool.h>
#include <stddef.h>

enum preference_kind { PREFER_SIGMOID, PREFER_IPO, PREFER_HINGE, PREFER_KTO, PREFER_ORPO, PREFER_SIMPO };

struct preference_loss {
	enum preference_kind kind;
	double beta, smoothing, gamma, lambda;
};

/* An answer: sums of log-probabilities over its n >= 1 tokens. */
struct likelihood {
	double logp, reference;
	size_t n;
};

/* Whether the loss knows a reference model. */
bool preference_needs_reference(enum preference_kind k);

/* The loss of a pair, of all kinds but kto. Sets the gradients in logp of both. */
double preference_pair(const struct preference_loss *l, double *dchosen, double *drejected, const struct likelihood *chosen,
    const struct likelihood *rejected);

/* The loss of one answer, of kto. Sets the gradient in its logp; z carries none. */
double preference_single(const struct preference_loss *l, double *d, const struct likelihood *a, bool liked, double z);

/* What the loss takes as the reward of an answer: beta (p - r); orpo p / n, simpo beta p / n. */
double preference_reward(const struct preference_loss *l, const struct likelihood *a);

#endif
