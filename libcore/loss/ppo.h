/* ppo.h - rewards, advantages and losses of policy optimisation. Pure functions on small arrays of double.
 *
 * The tokens of all answers stand side by side without padding: answer a has the tokens [ends[a - 1], ends[a]), with
 * 0 for ends[-1], at least one. Losses are sums over tokens, each times its weight: with 1 / n they are means. Gradients
 * are set, not added to. */
#ifndef TENON_LOSS_PPO_H
#define TENON_LOSS_PPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Estimates of KL(policy || reference) at a token that the policy drew, from d = log p - log reference (Schulman,
 * "Approximating KL divergence", 2020). Of k3 d is bounded from below so that exp(-d) stays finite. */
enum kl_estimator {
	KL_K1, /* d */
	KL_K2, /* d^2 / 2 */
	KL_K3  /* exp(-d) - 1 + d */
};

double kl_estimate(enum kl_estimator how, double d);
double kl_derivative(enum kl_estimator how, double d); /* in d */

/* The coefficient of the next step (Ziegler et al. 2019, section 2.2): times 1 + clip(kl / target - 1, -0.2, 0.2)
 * episodes / horizon. kl: mean over the answers of a step of the sum over their tokens. */
double kl_coefficient(double coefficient, double kl, double target, double episodes, double horizon);

/* Running mean and squared deviations of scores. */
struct running {
	double n, mean, m2;
};
void running_add(struct running *r, const double *x, size_t n);
double running_deviation(const struct running *r); /* unbiased; 1 when there are fewer than two, or all are equal */

/* ---- rewards and advantages ---- */

/* rewards[i] = -coefficient kl_i, and at the last token of answer a, whether it ended by itself or was cut, + score[a]. */
void ppo_rewards(double *restrict rewards, const double *logp, const double *reference, const double *score,
    const size_t *ends, size_t answers, enum kl_estimator how, double coefficient);

/* Generalised advantage estimation (Schulman et al. 2016, equation 16), after the last token value 0: delta_t = r_t +
 * gamma v_(t+1) - v_t, A_t = delta_t + gamma lambda A_(t+1). returns = A + v. */
void ppo_gae(double *restrict advantages, double *restrict returns, const double *rewards, const double *values,
    const size_t *ends, size_t answers, double gamma, double lambda);

/* x = (x - mean) / sqrt(variance + 1e-8), with the unbiased variance; unless `shift`, + mean. One number is left as it is. */
void ppo_whiten(double *x, size_t n, bool shift);

/* Of the answers to one prompt, which are `samples` neighbours; n is a multiple of it, samples >= 2. Within a group
 * (score - mean) / (deviation + 1e-4), deviation unbiased (GRPO: Shao et al. 2024, section 4.1.2). */
void grpo_advantages(double *restrict advantages, const double *score, size_t n, size_t samples);
/* score - mean of the others of the group (RLOO: Ahmadian et al. 2024, equation 8). */
void rloo_advantages(double *restrict advantages, const double *score, size_t n, size_t samples);

/* ---- losses ---- */

/* Sums over tokens; what is a mean in a log is the sum over `tokens`. */
struct ppo_sums {
	double policy, value, entropy, kl; /* losses, weighted; of entropy and kl without their coefficients */
	double clipped;       /* tokens whose clipped loss is the larger one: their gradient is 0 */
	double outside;       /* tokens whose ratio is outside of the clip range, on either side */
	double value_clipped; /* values whose clipped loss is the larger one */
	double ratio;         /* p / p_old */
	double approx_kl;     /* (log p - log p_old)^2 / 2 */
	double tokens;
};

/* Adds sum of weight max(-A ratio, -A clip(ratio, 1 - clip, 1 + clip)) (Schulman et al. 2017, equation 7), and
 * the counts. dlogp: its gradient in logp. */
void ppo_policy_loss(struct ppo_sums *s, double *restrict dlogp, const double *logp, const double *old,
    const double *advantages, const double *weights, size_t n, double clip);

/* Adds sum of weight max((v - R)^2, (clip(v, old - clip, old + clip) - R)^2) / 2; clip 0: (v - R)^2 / 2. dvalue: its
 * gradient. */
void ppo_value_loss(struct ppo_sums *s, double *restrict dvalue, const double *values, const double *old,
    const double *returns, const double *weights, size_t n, double clip);

/* Adds sum of weight kl(log p - log reference) to s->kl, and coefficient times its gradient to dlogp: the penalty as
 * part of the loss (Shao et al. 2024, equation 3). */
void ppo_kl_loss(struct ppo_sums *s, double *restrict dlogp, const double *logp, const double *reference,
    const double *weights, size_t n, enum kl_estimator how, double coefficient);

#endif
