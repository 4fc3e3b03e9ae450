#include "loss/labelled.h"

#include <math.h>

static double
weight(const struct labelled_loss *l, size_t c)
{
	return l->weights ? l->weights[c] : 1;
}

double
labelled_weight(const struct labelled_loss *l, const int32_t *labels, size_t n)
{
	double sum = 0;
	if (l->task == TASK_MULTILABEL || l->task == TASK_REGRESS)
		return (double)(n * l->outputs);
	for (size_t i = 0; i < n; i++)
		sum += weight(l, (size_t)labels[i]);
	return sum;
}

/* log sum exp of the k outputs. */
static double
log_sum(const real *z, size_t k)
{
	double most = (double)z[0], sum = 0;
	for (size_t c = 1; c < k; c++)
		most = fmax(most, (double)z[c]);
	for (size_t c = 0; c < k; c++)
		sum += exp((double)z[c] - most);
	/* cppcheck-suppress invalidFunctionArg ; the sum is at least 1 */
	return most + log(sum);
}

/* d/dz_j of - sum_c a_c log p_c is p_j sum_c a_c - a_j. */
static double
one_of(const struct labelled_loss *l, real *dz, double scale, const real *z, size_t label)
{
	size_t k = l->outputs;
	double lse = log_sum(z, k), even = l->smoothing / (double)k, all = 0, loss = 0;
	for (size_t c = 0; c < k; c++) {
		double a = weight(l, c) * (even + (c == label ? 1 - l->smoothing : 0));
		all += a;
		if (a > 0)
			loss -= a * ((double)z[c] - lse);
	}
	for (size_t c = 0; dz && c < k; c++) {
		double a = weight(l, c) * (even + (c == label ? 1 - l->smoothing : 0));
		dz[c] = (real)(scale * (exp((double)z[c] - lse) * all - a));
	}
	return loss;
}

static double
any_of(const struct labelled_loss *l, real *dz, double scale, const real *z, const real *y)
{
	double loss = 0;
	for (size_t c = 0; c < l->outputs; c++) {
		double x = (double)z[c], p = 1 / (1 + exp(-x)), t = (double)y[c], w = weight(l, c);
		double soft = fmax(-x, 0) + log1p(exp(-fabs(x))); /* -log p; -log(1 - p) is x more */
		loss += w * t * soft + (1 - t) * (soft + x);
		if (dz)
			dz[c] = (real)(scale * (w * t * (p - 1) + (1 - t) * p));
	}
	return loss;
}

static double
squares(const struct labelled_loss *l, real *dz, double scale, const real *z, const real *y)
{
	double loss = 0;
	for (size_t c = 0; c < l->outputs; c++) {
		double d = (double)z[c] - (double)y[c];
		loss += d * d;
		if (dz)
			dz[c] = (real)(scale * 2 * d);
	}
	return loss;
}

double
labelled_sum(const struct labelled_loss *l, real *dz, double scale, const real *z, const int32_t *labels,
    const real *values, size_t n)
{
	double sum = 0;
	size_t k = l->outputs;
	for (size_t i = 0; i < n; i++, dz = dz ? dz + k : NULL, z += k) {
		if (l->task == TASK_MULTILABEL)
			sum += any_of(l, dz, scale, z, values + i * k);
		else if (l->task == TASK_REGRESS)
			sum += squares(l, dz, scale, z, values + i * k);
		else
			sum += one_of(l, dz, scale, z, (size_t)labels[i]);
	}
	return sum;
}

int32_t
labelled_scores(enum task task, double *scores, const real *z, size_t k)
{
	size_t best = 0;
	double lse = task == TASK_CLASSIFY || task == TASK_TAG ? log_sum(z, k) : 0;
	for (size_t c = 0; c < k; c++) {
		double x = (double)z[c];
		scores[c] = task == TASK_REGRESS ? x : task == TASK_MULTILABEL ? 1 / (1 + exp(-x)) : exp(x - lse);
		if (z[c] > z[best])
			best = c;
	}
	return (int32_t)best;
}
