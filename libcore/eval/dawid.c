#include "eval/dawid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { ROUNDS = 1000 };

static double *
cell(const struct dawid *d, size_t rater, size_t is, size_t said)
{
	return &d->confusion[(rater * d->classes + is) * d->classes + said];
}

static void
normalise(double *p, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += p[i];
	for (size_t i = 0; i < n; i++)
		p[i] /= sum;
}

/* Each half of x and its mirror image become their mean. */
static void
symmetrise(double *x, size_t n)
{
	for (size_t i = 0; i < n / 2; i++)
		x[i] = x[n - 1 - i] = (x[i] + x[n - 1 - i]) / 2;
}

/* Shares and tables from the posteriors. */
static void
maximise(struct dawid *d, const struct vote *v, size_t n, bool mirror)
{
	size_t k = d->classes;
	for (size_t c = 0; c < k; c++)
		d->prior[c] = 1;
	for (size_t i = 0; i < d->raters * k * k; i++)
		d->confusion[i] = i / k % k == i % k ? DAWID_RIGHT : DAWID_WRONG / (double)(k - 1);
	for (size_t u = 0; u < d->units; u++)
		for (size_t c = 0; c < k; c++)
			d->prior[c] += d->posterior[u * k + c];
	for (size_t i = 0; i < n; i++)
		for (size_t c = 0; c < k; c++)
			*cell(d, v[i].rater, c, (size_t)v[i].value) += d->posterior[v[i].unit * k + c];
	if (mirror)
		symmetrise(d->prior, k);
	normalise(d->prior, k);
	for (size_t r = 0; r < d->raters; r++) {
		if (mirror)
			symmetrise(cell(d, r, 0, 0), k * k); /* (c, l) and (k-1-c, k-1-l) are mirror images in memory, too */
		for (size_t c = 0; c < k; c++)
			normalise(cell(d, r, c, 0), k);
	}
}

void
dawid_posterior(const struct dawid *d, const struct vote *v, size_t m, size_t without, double *p)
{
	double most = (double)-INFINITY;
	for (size_t c = 0; c < d->classes; c++) {
		p[c] = log(d->prior[c]);
		for (size_t i = 0; i < m; i++)
			if (v[i].rater != without)
				p[c] += log(*cell(d, v[i].rater, c, (size_t)v[i].value));
		most = p[c] > most ? p[c] : most;
	}
	for (size_t c = 0; c < d->classes; c++)
		p[c] = exp(p[c] - most);
	normalise(p, d->classes);
}

/* Posteriors from shares and tables; returns the largest change. */
static double
expect(struct dawid *d, const struct vote *v, size_t n, double *work)
{
	double change = 0;
	size_t k = d->classes;
	for (size_t at = 0, m; (m = vote_run(v + at, n - at)) > 0; at += m) {
		double *p = &d->posterior[v[at].unit * k];
		dawid_posterior(d, v + at, m, SIZE_MAX, work);
		for (size_t c = 0; c < k; c++) {
			change = fmax(change, fabs(work[c] - p[c]));
			p[c] = work[c];
		}
	}
	return change;
}

int
dawid_fit(struct dawid *d, const struct vote *v, size_t n, size_t units, size_t raters, size_t classes, bool mirror,
    struct err *e)
{
	*d = (struct dawid){.units = units, .raters = raters, .classes = classes};
	size_t table, tables, shares;
	if (mul_overflows(classes, classes, &table) || mul_overflows(raters, table, &tables) || mul_overflows(units, classes, &shares))
		return err_set(e, ERR_DATA, "%zu raters of %zu classes and %zu units are too many", raters, classes, units);
	d->prior = mem_zalloc(classes, sizeof *d->prior, "shares", e);
	d->confusion = mem_zalloc(tables, sizeof *d->confusion, "tables of errors", e);
	d->posterior = mem_zalloc(shares, sizeof *d->posterior, "posteriors", e);
	double *work = mem_zalloc(classes, sizeof *work, "posteriors", e);
	if (!d->prior || !d->confusion || !d->posterior || !work) {
		free(work);
		dawid_free(d);
		return -1;
	}
	for (size_t i = 0; i < shares; i++)
		d->posterior[i] = 1 / (double)classes;
	for (size_t at = 0, m; (m = vote_run(v + at, n - at)) > 0; at += m) {
		double *p = &d->posterior[v[at].unit * classes];
		memset(p, 0, classes * sizeof *p);
		for (size_t i = at; i < at + m; i++)
			p[(size_t)v[i].value] += 1 / (double)m;
	}
	do
		maximise(d, v, n, mirror);
	while (expect(d, v, n, work) > 1e-7 && ++d->iterations < ROUNDS);
	free(work);
	return 0;
}

void
dawid_free(struct dawid *d)
{
	free(d->prior);
	free(d->confusion);
	free(d->posterior);
	memset(d, 0, sizeof *d);
}

double
dawid_reliability(const struct dawid *d, size_t rater)
{
	double sum = 0;
	for (size_t c = 0; c < d->classes; c++)
		sum += d->prior[c] * *cell(d, rater, c, c);
	return sum;
}
