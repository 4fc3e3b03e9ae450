#include "loss/ppo.h"

#include <math.h>

enum { LARGEST = 50 }; /* of an exponent: a ratio that large is clipped in any case */

static double
clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

double
kl_estimate(enum kl_estimator how, double d)
{
	if (how == KL_K3)
		return expm1(clamp(-d, -(double)INFINITY, LARGEST)) + d;
	return how == KL_K2 ? d * d / 2 : d;
}

double
kl_derivative(enum kl_estimator how, double d)
{
	if (how == KL_K3)
		return -d > LARGEST ? 1 : -expm1(-d);
	return how == KL_K2 ? d : 1;
}

double
kl_coefficient(double coefficient, double kl, double target, double episodes, double horizon)
{
	return coefficient * (1 + clamp(kl / target - 1, -0.2, 0.2) * episodes / horizon);
}

/* Chan, Golub and LeVeque 1979, equation 1.5. */
void
running_add(struct running *r, const double *x, size_t n)
{
	double mean = 0, m2 = 0, k = (double)n;
	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		mean += x[i] / k;
	for (size_t i = 0; i < n; i++)
		m2 += (x[i] - mean) * (x[i] - mean);
	double apart = mean - r->mean, all = r->n + k;
	r->mean += apart * k / all;
	r->m2 += m2 + apart * apart * r->n * k / all;
	r->n = all;
}

double
running_deviation(const struct running *r)
{
	return r->n >= 2 && r->m2 > 0 ? sqrt(r->m2 / (r->n - 1)) : 1;
}

/* ---- rewards and advantages ---- */

void
ppo_rewards(double *restrict rewards, const double *logp, const double *reference, const double *score,
    const size_t *ends, size_t answers, enum kl_estimator how, double coefficient)
{
	for (size_t a = 0, i = 0; a < answers; a++) {
		for (; i < ends[a]; i++)
			rewards[i] = -coefficient * kl_estimate(how, logp[i] - reference[i]);
		rewards[i - 1] += score[a];
	}
}

void
ppo_gae(double *restrict advantages, double *restrict returns, const double *rewards, const double *values,
    const size_t *ends, size_t answers, double gamma, double lambda)
{
	for (size_t a = 0; a < answers; a++) {
		double after = 0, value = 0;
		for (size_t i = ends[a], first = a ? ends[a - 1] : 0; i-- > first;) {
			after = rewards[i] + gamma * value - values[i] + gamma * lambda * after;
			value = values[i];
			advantages[i] = after;
			returns[i] = after + value;
		}
	}
}

static void
moments(const double *x, size_t n, double *mean, double *variance)
{
	double sum = 0, squares = 0;
	for (size_t i = 0; i < n; i++)
		sum += x[i];
	*mean = sum / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (x[i] - *mean) * (x[i] - *mean);
	*variance = squares / (double)(n - 1);
}

void
ppo_whiten(double *x, size_t n, bool shift)
{
	double mean, variance;
	if (n < 2)
		return;
	moments(x, n, &mean, &variance);
	for (size_t i = 0; i < n; i++)
		x[i] = (x[i] - mean) / sqrt(variance + 1e-8) + (shift ? 0 : mean);
}

void
grpo_advantages(double *restrict advantages, const double *score, size_t n, size_t samples)
{
	for (size_t from = 0; from < n; from += samples) {
		double mean, variance;
		moments(score + from, samples, &mean, &variance);
		for (size_t i = from; i < from + samples; i++)
			advantages[i] = (score[i] - mean) / (sqrt(variance) + 1e-4);
	}
}

void
rloo_advantages(double *restrict advantages, const double *score, size_t n, size_t samples)
{
	for (size_t from = 0; from < n; from += samples) {
		double sum = 0;
		for (size_t i = from; i < from + samples; i++)
			sum += score[i];
		for (size_t i = from; i < from + samples; i++)
			advantages[i] = score[i] - (sum - score[i]) / (double)(samples - 1);
	}
}

/* ---- losses ---- */

void
ppo_policy_loss(struct ppo_sums *s, double *restrict dlogp, const double *logp, const double *old,
    const double *advantages, const double *weights, size_t n, double clip)
{
	for (size_t i = 0; i < n; i++) {
		double apart = logp[i] - old[i], ratio = exp(clamp(apart, -(double)INFINITY, LARGEST));
		double loss = -advantages[i] * ratio, other = -advantages[i] * clamp(ratio, 1 - clip, 1 + clip);
		s->policy += weights[i] * (other > loss ? other : loss);
		dlogp[i] = other > loss ? 0 : weights[i] * loss;
		s->clipped += other > loss;
		s->outside += fabs(ratio - 1) > clip;
		s->ratio += ratio;
		s->approx_kl += apart * apart / 2;
	}
	s->tokens += (double)n;
}

void
ppo_value_loss(struct ppo_sums *s, double *restrict dvalue, const double *values, const double *old,
    const double *returns, const double *weights, size_t n, double clip)
{
	for (size_t i = 0; i < n; i++) {
		double apart = values[i] - returns[i];
		double other = clip > 0 ? clamp(values[i], old[i] - clip, old[i] + clip) - returns[i] : apart;
		bool clipped = other * other > apart * apart;
		s->value += weights[i] * (clipped ? other * other : apart * apart) / 2;
		dvalue[i] = clipped ? 0 : weights[i] * apart;
		s->value_clipped += clipped;
	}
}

void
ppo_kl_loss(struct ppo_sums *s, double *restrict dlogp, const double *logp, const double *reference,
    const double *weights, size_t n, enum kl_estimator how, double coefficient)
{
	for (size_t i = 0; i < n; i++) {
		double d = logp[i] - reference[i];
		s->kl += weights[i] * kl_estimate(how, d);
		dlogp[i] += coefficient * weights[i] * kl_derivative(how, d);
	}
}
