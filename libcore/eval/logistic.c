#include "eval/logistic.h"

#include <lbfgs.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/gemm.h"
#include "math/softmax.h"

/* Working memory of a pass over the rows. */
struct pass {
	const struct features *x;
	const int32_t *labels;
	size_t classes;
	double l2;
	real *w, *g, *logits, *logp, *lse, *scale; /* (classes, dim) twice, (n, classes), (n) thrice */
	int32_t *best, *none;
};

static void
pass_free(struct pass *p)
{
	free(p->w);
	free(p->g);
	free(p->logits);
	free(p->logp);
	free(p->lse);
	free(p->scale);
	free(p->none);
}

static int
pass_open(struct pass *p, const struct features *x, const int32_t *labels, size_t classes, struct err *e)
{
	size_t n = x->n ? x->n : 1;
	*p = (struct pass){.x = x, .labels = labels, .classes = classes};
	p->w = mem_zalloc(classes * x->dim, sizeof *p->w, "weights", e);
	p->g = mem_zalloc(classes * x->dim, sizeof *p->g, "gradients", e);
	p->logits = mem_zalloc(n, classes * sizeof *p->logits, "logits", e);
	p->logp = mem_zalloc(n, sizeof *p->logp, "log-probabilities", e);
	p->lse = mem_zalloc(n, sizeof *p->lse, "log-probabilities", e);
	p->scale = mem_zalloc(n, sizeof *p->scale, "log-probabilities", e);
	p->none = mem_zalloc(n, sizeof *p->none, "labels", e);
	if (p->w && p->g && p->logits && p->logp && p->lse && p->scale && p->none)
		return 0;
	pass_free(p);
	return -1;
}

static void
sparse_logits(const struct pass *p)
{
	const struct features *x = p->x;
#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < x->n; i++)
		for (size_t c = 0; c < p->classes; c++) {
			double sum = 0;
			for (size_t k = x->start[i]; k < x->start[i + 1]; k++)
				sum += (double)x->value[k] * (double)p->w[c * x->dim + (size_t)x->index[k]];
			p->logits[i * p->classes + c] = (real)sum;
		}
}

/* g = logits^T x; classes are shared out, so that every sum has one order. */
static void
sparse_gradient(const struct pass *p)
{
	const struct features *x = p->x;
	memset(p->g, 0, p->classes * x->dim * sizeof *p->g);
#pragma omp parallel for schedule(static)
	for (size_t c = 0; c < p->classes; c++)
		for (size_t i = 0; i < x->n; i++)
			for (size_t k = x->start[i]; k < x->start[i + 1]; k++)
				p->g[c * x->dim + (size_t)x->index[k]] += x->value[k] * p->logits[i * p->classes + c];
}

/* Logits of the weights w (classes, dim + 1); the mean loss. */
static double
score(struct pass *p, const double *w)
{
	const struct features *x = p->x;
	size_t d = x->dim, k = p->classes;
	double sum = 0;
	for (size_t c = 0; c < k; c++)
		for (size_t j = 0; j < d; j++)
			p->w[c * d + j] = (real)w[c * (d + 1) + j];
	if (x->start)
		sparse_logits(p);
	else
		linear_forward(p->logits, x->dense, p->w, x->n, d, k);
	for (size_t i = 0; i < x->n; i++)
		for (size_t c = 0; c < k; c++)
			p->logits[i * k + c] += (real)w[c * (d + 1) + d];
	xent_forward(p->logp, p->lse, NULL, p->best, p->logits, p->labels ? p->labels : p->none, x->n, k, k);
	for (size_t i = 0; i < x->n; i++)
		sum -= (double)p->logp[i];
	return sum / (double)x->n;
}

static lbfgsfloatval_t
evaluate(void *instance, const lbfgsfloatval_t *w, lbfgsfloatval_t *g, const int n, const lbfgsfloatval_t step)
{
	struct pass *p = instance;
	const struct features *x = p->x;
	size_t d = x->dim, k = p->classes;
	double loss = score(p, w);
	(void)n;
	(void)step;
	for (size_t i = 0; i < x->n; i++)
		p->scale[i] = (real)(-1 / (double)x->n);
	xent_backward(p->logits, p->lse, NULL, p->labels, p->scale, NULL, x->n, k, k);
	if (x->start)
		sparse_gradient(p);
	else
		gemm(true, false, k, d, x->n, p->logits, k, x->dense, d, false, p->g, d);
	for (size_t c = 0; c < k; c++) {
		double bias = 0;
		for (size_t i = 0; i < x->n; i++)
			bias += (double)p->logits[i * k + c];
		g[c * (d + 1) + d] = bias;
		for (size_t j = 0; j < d; j++) {
			double v = w[c * (d + 1) + j];
			g[c * (d + 1) + j] = (double)p->g[c * d + j] + p->l2 * v;
			loss += p->l2 / 2 * v * v;
		}
	}
	return loss;
}

int
logistic_fit(struct logistic *m, const struct features *x, const int32_t *labels, size_t classes,
    double l2, struct err *e)
{
	struct pass p;
	lbfgs_parameter_t param;
	size_t size;
	if (mul_overflows(classes, x->dim + 1, &size) || size > INT32_MAX - 16)
		return err_set(e, ERR_DATA, "%zu classes of %zu features are too many", classes, x->dim);
	if (pass_open(&p, x, labels, classes, e))
		return -1;
	p.l2 = l2;
	/* the library wants a multiple of 8 or 16 numbers, aligned: the last ones are not used */
	size_t padded = (size + 15) & ~(size_t)15;
	lbfgsfloatval_t *w = lbfgs_malloc((int)padded), loss = 0;
	m->classes = classes;
	m->dim = x->dim;
	m->w = mem_zalloc(size, sizeof *m->w, "weights", e);
	if (!w || !m->w) {
		lbfgs_free(w);
		pass_free(&p);
		return err_nomem(e, size * sizeof *w, "weights");
	}
	memset(w, 0, padded * sizeof *w);
	lbfgs_parameter_init(&param);
	param.epsilon = 1e-5; /* single precision of the products sets the floor */
	param.max_iterations = 500;
	/* whatever it ends by (no progress in the last digits is usual): w is the best it found */
	lbfgs((int)size, w, &loss, evaluate, NULL, &p, &param);
	memcpy(m->w, w, size * sizeof *w);
	lbfgs_free(w);
	pass_free(&p);
	for (size_t i = 0; i < size; i++)
		if (!isfinite(m->w[i]))
			return err_set(e, ERR_NONFINITE, "logistic regression: the features are not finite");
	return isfinite(loss) ? 0 : err_set(e, ERR_NONFINITE, "logistic regression: the loss is %g", loss);
}

void
logistic_free(struct logistic *m)
{
	free(m->w);
	memset(m, 0, sizeof *m);
}

double
logistic_apply(const struct logistic *m, const struct features *x, const int32_t *labels,
    int32_t *best, struct err *e)
{
	struct pass p;
	if (pass_open(&p, x, labels, m->classes, e))
		return (double)NAN;
	p.best = best;
	double loss = score(&p, m->w);
	pass_free(&p);
	return labels ? loss : (double)NAN;
}

void
features_standardise(real *x, size_t n, size_t dim, real *mean, real *scale, bool fit)
{
#pragma omp parallel for schedule(static)
	for (size_t j = 0; j < dim; j++) {
		double sum = 0, square = 0;
		for (size_t i = 0; fit && i < n; i++)
			sum += (double)x[i * dim + j];
		for (size_t i = 0; fit && i < n; i++) {
			double d = (double)x[i * dim + j] - sum / (double)n;
			square += d * d;
		}
		if (fit) {
			double deviation = sqrt(square / (double)n);
			mean[j] = (real)(sum / (double)n);
			scale[j] = deviation > 1e-12 ? (real)(1 / deviation) : 0; /* a constant says nothing */
		}
		for (size_t i = 0; i < n; i++)
			x[i * dim + j] = (x[i * dim + j] - mean[j]) * scale[j];
	}
}
