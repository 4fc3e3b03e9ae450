#include "eval/ratings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { ROUNDS = 5000 };

/* Sums of a round, of each rater. */
struct sums {
	double *rest, *square, *count; /* of what is left of his ratings; of its square, and expected square */
};

/* Worths from the parameters. Given them, a unit's w has mean h and variance 1 / (1 / between + precision). */
static void
weigh(struct ratings *m, const struct vote *v, size_t n)
{
	for (size_t at = 0, run; (run = vote_run(v + at, n - at)) > 0; at += run) {
		double sum = 0, precision = 0;
		for (size_t i = at; i < at + run; i++) {
			sum += (v[i].value - m->offset[v[i].rater]) / m->error[v[i].rater];
			precision += 1 / m->error[v[i].rater];
		}
		m->worth[v[at].unit] = sum / precision;
		m->precision[v[at].unit] = precision;
	}
}

/* Parameters from the worths, in which every unit has a vote; returns the largest change of an offset or a deviation. */
static double
improve(struct ratings *m, const struct vote *v, size_t n, const struct sums *s, double least)
{
	double mean = 0, square = 0, all = 0, shift = 0, change = 0, units = 0;
	memset(s->rest, 0, 3 * m->raters * sizeof *s->rest);
	for (size_t at = 0, run; (run = vote_run(v + at, n - at)) > 0; at += run, units++) {
		size_t u = v[at].unit;
		double variance = 1 / (1 / m->between + m->precision[u]);
		double h = variance * (m->mean / m->between + m->precision[u] * m->worth[u]);
		mean += h;
		square += (h - m->mean) * (h - m->mean) + variance;
		for (size_t i = at; i < at + run; i++) {
			double rest = v[i].value - h, error = rest - m->offset[v[i].rater];
			s->rest[v[i].rater] += rest;
			s->square[v[i].rater] += error * error + variance;
			s->count[v[i].rater]++;
			all += (error * error + variance) / (double)n;
			shift += rest / (double)n;
		}
	}
	for (size_t r = 0; r < m->raters; r++) {
		double count = s->count[r], offset = count > 0 ? s->rest[r] / count - shift : 0;
		double error = fmax((s->square[r] + RATINGS_PRIOR * all) / (count + RATINGS_PRIOR), least);
		change = fmax(change, fmax(fabs(offset - m->offset[r]), fabs(sqrt(error) - sqrt(m->error[r]))));
		m->offset[r] = offset;
		m->error[r] = error;
	}
	m->mean = mean / units + shift;
	m->between = fmax(square / units, least);
	return change;
}

int
ratings_fit(struct ratings *m, const struct vote *v, size_t n, size_t units, size_t raters, struct err *e)
{
	*m = (struct ratings){.units = units, .raters = raters};
	m->worth = mem_zalloc(units, sizeof *m->worth, "ratings", e);
	m->precision = mem_zalloc(units, sizeof *m->precision, "ratings", e);
	m->offset = mem_zalloc(raters, sizeof *m->offset, "ratings", e);
	m->error = mem_zalloc(raters, sizeof *m->error, "ratings", e);
	double *work = mem_zalloc(raters, 3 * sizeof *work, "ratings", e), square = 0;
	if (!m->worth || !m->precision || !m->offset || !m->error || !work) {
		free(work);
		ratings_free(m);
		return -1;
	}
	struct sums s = {work, work + raters, work + 2 * raters};
	for (size_t i = 0; i < n; i++)
		m->mean += v[i].value / (double)n;
	for (size_t i = 0; i < n; i++)
		square += (v[i].value - m->mean) * (v[i].value - m->mean) / (double)n;
	double least = fmax(1e-12 * square, 1e-300); /* of raters who agree in everything */
	m->between = fmax(square / 2, least);
	for (size_t r = 0; r < raters; r++)
		m->error[r] = m->between;
	weigh(m, v, n);
	for (int round = 0; round < ROUNDS && improve(m, v, n, &s, least) > 1e-8 * sqrt(square); round++)
		weigh(m, v, n);
	weigh(m, v, n);
	free(work);
	return 0;
}

void
ratings_free(struct ratings *m)
{
	free(m->worth);
	free(m->precision);
	free(m->offset);
	free(m->error);
	memset(m, 0, sizeof *m);
}

double
ratings_confidence(const struct ratings *m, size_t unit)
{
	return m->between / (m->between + 1 / m->precision[unit]);
}

double
ratings_reliability(const struct ratings *m, size_t rater)
{
	return m->between / (m->between + m->error[rater]);
}
