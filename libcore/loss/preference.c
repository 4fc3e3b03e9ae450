#include "loss/preference.h"

#include <math.h>

#include "loss/reward.h"

bool
preference_needs_reference(enum preference_kind k)
{
	return k != PREFER_ORPO && k != PREFER_SIMPO;
}

static double
mean(const struct likelihood *a)
{
	return a->logp / (double)a->n;
}

/* log(q / (1 - q)) for q = exp(x), x < 0, and its derivative 1 / (1 - q). A probability of 1 has no odds: x stays below
 * -1e-12, where the derivative is still finite. */
static double
log_odds(double x, double *slope)
{
	x = fmin(x, -1e-12);
	*slope = -1 / expm1(x);
	return x - log(-expm1(x));
}

static double
orpo(const struct preference_loss *l, double *dchosen, double *drejected, const struct likelihood *c,
    const struct likelihood *r)
{
	double up, down, x = log_odds(mean(c), &up) - log_odds(mean(r), &down), slope = l->lambda * logistic_slope(x);
	*dchosen = (slope * up - 1) / (double)c->n;
	*drejected = -slope * down / (double)r->n;
	return l->lambda * logistic_loss(x) - mean(c);
}

/* The losses that know a pair by m: sets the derivative in it. */
static double
of_margin(const struct preference_loss *l, double m, double *slope)
{
	double x = l->beta * m, e = l->smoothing, off = m - 1 / (2 * l->beta);
	switch (l->kind) {
	case PREFER_IPO:
		*slope = 2 * off;
		return off * off;
	case PREFER_HINGE:
		*slope = x < 1 ? -l->beta : 0;
		return fmax(0, 1 - x);
	default:
		*slope = l->beta * ((1 - e) * logistic_slope(x) - e * logistic_slope(-x));
		return (1 - e) * logistic_loss(x) + e * logistic_loss(-x);
	}
}

double
preference_pair(const struct preference_loss *l, double *dchosen, double *drejected, const struct likelihood *c,
    const struct likelihood *r)
{
	double slope, loss;
	if (l->kind == PREFER_ORPO)
		return orpo(l, dchosen, drejected, c, r);
	if (l->kind == PREFER_SIMPO) {
		double x = l->beta * (mean(c) - mean(r)) - l->gamma;
		*dchosen = l->beta * logistic_slope(x) / (double)c->n;
		*drejected = -l->beta * logistic_slope(x) / (double)r->n;
		return logistic_loss(x);
	}
	loss = of_margin(l, c->logp - c->reference - (r->logp - r->reference), &slope);
	*dchosen = slope;
	*drejected = -slope;
	return loss;
}

double
preference_single(const struct preference_loss *l, double *d, const struct likelihood *a, bool liked, double z)
{
	double sign = liked ? 1 : -1, x = sign * l->beta * (a->logp - a->reference - z);
	double below = -logistic_slope(x); /* 1 - sigmoid(x) */
	*d = -sign * l->beta * below * (1 - below);
	return below;
}

double
preference_reward(const struct preference_loss *l, const struct likelihood *a)
{
	if (l->kind == PREFER_ORPO)
		return mean(a);
	return l->beta * (l->kind == PREFER_SIMPO ? mean(a) : a->logp - a->reference);
}
