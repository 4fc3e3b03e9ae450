#include "eval/crowdbt.h"

#include <lbfgs.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static double
logistic(double x)
{
	return 1 / (1 + exp(-x));
}

/* -log logistic(x) */
static double
softplus(double x)
{
	return x > 0 ? log1p(exp(-x)) : log1p(exp(x)) - x;
}

double
crowd_bt_loss(const double *x, double *g, const struct duel *d, size_t n, size_t things, size_t raters)
{
	double loss = 0;
	for (size_t i = 0; i < things; i++) {
		loss += CROWD_LAMBDA * (softplus(x[i]) + softplus(-x[i]));
		g[i] = CROWD_LAMBDA * (2 * logistic(x[i]) - 1);
	}
	for (size_t k = 0; k < raters; k++) {
		double t = x[things + k];
		loss += CROWD_RIGHT * softplus(t) + CROWD_WRONG * softplus(-t);
		g[things + k] = (CROWD_RIGHT + CROWD_WRONG) * logistic(t) - CROWD_RIGHT;
	}
	for (size_t i = 0; i < n; i++) {
		double p = logistic(x[d[i].better] - x[d[i].worse]), r = logistic(x[things + d[i].rater]);
		double q = fmax(r * p + (1 - r) * (1 - p), 1e-300);
		double ds = d[i].weight * (2 * r - 1) * p * (1 - p) / q;
		loss -= d[i].weight * log(q);
		g[d[i].better] -= ds;
		g[d[i].worse] += ds;
		g[things + d[i].rater] -= d[i].weight * (2 * p - 1) * r * (1 - r) / q;
	}
	return loss;
}

struct problem {
	const struct duel *d;
	size_t n, things, raters;
};

static lbfgsfloatval_t
evaluate(void *instance, const lbfgsfloatval_t *x, lbfgsfloatval_t *g, const int n, const lbfgsfloatval_t step)
{
	const struct problem *p = instance;
	(void)n;
	(void)step;
	return crowd_bt_loss(x, g, p->d, p->n, p->things, p->raters);
}

/* Equal scores would be a saddle, from which the raters' trust says nothing. */
static void
start(double *x, const struct problem *p)
{
	for (size_t i = 0; i < p->n; i++) {
		x[p->d[i].better] += p->d[i].weight;
		x[p->d[i].worse] -= p->d[i].weight;
	}
	for (size_t i = 0; i < p->things; i++)
		x[i] = asinh(x[i] / 2);
	for (size_t k = 0; k < p->raters; k++)
		x[p->things + k] = log(4);
}

int
crowd_bt_fit(struct crowd_bt *m, const struct duel *d, size_t n, size_t things, size_t raters, struct err *e)
{
	struct problem p = {d, n, things, raters};
	size_t size = things + raters, padded = (size + 15) & ~(size_t)15; /* the library wants multiples of 16 */
	lbfgs_parameter_t param;
	lbfgsfloatval_t loss = 0;
	*m = (struct crowd_bt){.things = things, .raters = raters};
	if (size > INT32_MAX - 16)
		return err_set(e, ERR_DATA, "%zu things and %zu raters are too many", things, raters);
	m->score = mem_zalloc(things, sizeof *m->score, "scores", e);
	m->reliability = mem_zalloc(raters, sizeof *m->reliability, "raters", e);
	lbfgsfloatval_t *x = lbfgs_malloc((int)padded);
	if (!m->score || !m->reliability || !x) {
		lbfgs_free(x);
		crowd_bt_free(m);
		return err_nomem(e, padded * sizeof *x, "scores");
	}
	memset(x, 0, padded * sizeof *x);
	start(x, &p);
	lbfgs_parameter_init(&param);
	param.epsilon = 1e-8;
	param.max_iterations = 2000;
	/* whatever it ends by (no progress in the last digits is usual): x is the best it found */
	lbfgs((int)size, x, &loss, evaluate, NULL, &p, &param);
	memcpy(m->score, x, things * sizeof *x);
	for (size_t k = 0; k < raters; k++)
		m->reliability[k] = logistic(x[things + k]);
	m->loss = loss;
	lbfgs_free(x);
	return 0;
}

void
crowd_bt_free(struct crowd_bt *m)
{
	free(m->score);
	free(m->reliability);
	memset(m, 0, sizeof *m);
}
