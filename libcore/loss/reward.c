#include "loss/reward.h"

#include <math.h>
#include <string.h>

double
logistic_loss(double x)
{
	return fmax(-x, 0) + log1p(exp(-fabs(x)));
}

double
logistic_slope(double x)
{
	double t = exp(-fabs(x));
	return x >= 0 ? -t / (1 + t) : -1 / (1 + t);
}

/* Adds the mean over pairs of centre (s_i + s_j)^2. */
static double
centring(double *d, const double *s, size_t k, double centre)
{
	double sum = 0, scale = centre / ((double)k * (double)(k - 1) / 2);
	for (size_t i = 0; centre > 0 && i < k; i++)
		for (size_t j = i + 1; j < k; j++) {
			double both = s[i] + s[j];
			sum += both * both;
			d[i] += 2 * scale * both;
			d[j] += 2 * scale * both;
		}
	return centre > 0 ? scale * sum : 0;
}

double
reward_pairs(double *d, const double *s, const uint32_t *ranks, size_t k, double margin, double centre)
{
	double sum = 0, scale = 1 / ((double)k * (double)(k - 1) / 2);
	memset(d, 0, k * sizeof *d);
	for (size_t i = 0; i < k; i++)
		for (size_t j = i + 1; j < k; j++) {
			double x = s[i] - s[j], slope;
			if (ranks[i] == ranks[j]) {
				sum += (logistic_loss(x) + logistic_loss(-x)) / 2;
				slope = (logistic_slope(x) - logistic_slope(-x)) / 2;
			} else {
				double sign = ranks[i] < ranks[j] ? 1 : -1;
				sum += logistic_loss(sign * x - margin);
				slope = sign * logistic_slope(sign * x - margin);
			}
			d[i] += scale * slope;
			d[j] -= scale * slope;
		}
	return scale * sum + centring(d, s, k, centre);
}

/* log sum exp of the scores that are not better than rank `from`; sets how many these are. */
static double
log_rest(const double *s, const uint32_t *ranks, size_t k, uint32_t from, size_t *n)
{
	double most = -(double)INFINITY, sum = 0;
	*n = 0;
	for (size_t j = 0; j < k; j++)
		if (ranks[j] >= from) {
			most = fmax(most, s[j]);
			++*n;
		}
	for (size_t j = 0; j < k; j++)
		if (ranks[j] >= from)
			sum += exp(s[j] - most);
	/* cppcheck-suppress invalidFunctionArg ; the sum is at least 1: one of them is not better than `from` */
	return most + log(sum);
}

double
reward_listwise(double *d, const double *s, const uint32_t *ranks, size_t k, double centre)
{
	double sum = 0, choices = 0;
	memset(d, 0, k * sizeof *d);
	for (size_t i = 0; i < k; i++) {
		size_t n;
		double rest = log_rest(s, ranks, k, ranks[i], &n);
		if (n < 2)
			continue;
		choices++;
		sum += rest - s[i];
		d[i] -= 1;
		for (size_t j = 0; j < k; j++)
			if (ranks[j] >= ranks[i])
				d[j] += exp(s[j] - rest);
	}
	for (size_t i = 0; i < k; i++)
		d[i] /= choices;
	return sum / choices + centring(d, s, k, centre);
}

double
reward_demonstrations(double *d, const double *s, const uint32_t *ranks, size_t k, double centre)
{
	size_t samples;
	double sum = 0, pull = 0, rest = log_rest(s, ranks, k, 2, &samples), each = 1 / (double)(k - samples);
	memset(d, 0, k * sizeof *d);
	/* -log(e^s / (e^s + e^rest)) = -log sigmoid(s - rest) */
	for (size_t i = 0; i < k; i++)
		if (ranks[i] < 2) {
			sum += logistic_loss(s[i] - rest);
			d[i] = each * logistic_slope(s[i] - rest);
			pull -= d[i];
		}
	for (size_t j = 0; j < k; j++)
		if (ranks[j] >= 2)
			d[j] = pull * exp(s[j] - rest);
	return each * sum + centring(d, s, k, centre);
}

double
reward_rating(double *d, double s, double rating)
{
	*d = 2 * (s - rating);
	return (s - rating) * (s - rating);
}

double
reward_liked(double *d, double s, bool liked)
{
	double sign = liked ? 1 : -1;
	*d = sign * logistic_slope(sign * s);
	return logistic_loss(sign * s);
}
