#include "eval/agreement.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

size_t
vote_run(const struct vote *v, size_t n)
{
	size_t m = n > 0;
	while (m < n && v[m].unit == v[0].unit)
		m++;
	return m;
}

double
agreement_share(const struct vote *v, size_t n)
{
	double equal = 0, pairs = 0;
	for (size_t at = 0, m; (m = vote_run(v + at, n - at)) > 0; at += m)
		for (size_t i = at; i < at + m; i++)
			for (size_t j = at; j < i; j++) {
				equal += v[i].value == v[j].value;
				pairs++;
			}
	return pairs > 0 ? equal / pairs : (double)NAN;
}

int
cohen_kappa(double *kappa, const struct vote *v, size_t n, size_t classes, struct err *e)
{
	double *count = mem_zalloc(classes, 2 * sizeof *count, "counts", e), equal = 0, units = 0, chance = 0;
	if (!count)
		return -1;
	for (size_t at = 0, m; (m = vote_run(v + at, n - at)) > 0; at += m) {
		if (m != 2)
			continue;
		size_t first = v[at].rater < v[at + 1].rater ? at : at + 1, second = 2 * at + 1 - first;
		count[(size_t)v[first].value]++;
		count[classes + (size_t)v[second].value]++;
		equal += v[first].value == v[second].value;
		units++;
	}
	for (size_t c = 0; c < classes; c++)
		chance += count[c] / units * (count[classes + c] / units);
	*kappa = units > 0 && chance < 1 ? (equal / units - chance) / (1 - chance) : (double)NAN;
	free(count);
	return 0;
}

int
fleiss_kappa(double *kappa, const struct vote *v, size_t n, size_t classes, struct err *e)
{
	double *count = mem_zalloc(classes, 2 * sizeof *count, "counts", e), *total;
	double agreed = 0, chance = 0, units = 0;
	size_t each = vote_run(v, n);
	if (!count)
		return -1;
	total = count + classes;
	*kappa = (double)NAN;
	for (size_t at = 0; at < n; at += each, units++) {
		double square = 0;
		if (each < 2 || vote_run(v + at, n - at) != each)
			goto out;
		memset(count, 0, classes * sizeof *count);
		for (size_t i = at; i < at + each; i++)
			count[(size_t)v[i].value]++;
		for (size_t c = 0; c < classes; c++) {
			square += count[c] * count[c];
			total[c] += count[c];
		}
		agreed += (square - (double)each) / ((double)each * (double)(each - 1));
	}
	for (size_t c = 0; c < classes; c++)
		chance += total[c] / (double)n * (total[c] / (double)n);
	if (units > 0 && chance < 1)
		*kappa = (agreed / units - chance) / (1 - chance);
out:
	free(count);
	return 0;
}

/* ---- Krippendorff's alpha ---- */

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Ordered pairs of elements that are equal, each with itself too: the sum of squared counts. Sorts x. */
static double
equal_pairs(double *x, size_t n)
{
	double sum = 0;
	qsort(x, n, sizeof *x, ascending);
	for (size_t i = 0, j; i < n; i = j) {
		for (j = i; j < n && x[j] == x[i];)
			j++;
		sum += (double)(j - i) * (double)(j - i);
	}
	return sum;
}

static double
squares(const double *x, size_t n)
{
	double mean = 0, sum = 0;
	for (size_t i = 0; i < n; i++)
		mean += x[i] - x[0]; /* of equal numbers exactly 0 */
	mean = x[0] + mean / (double)n;
	for (size_t i = 0; i < n; i++)
		sum += (x[i] - mean) * (x[i] - mean);
	return sum;
}

/* Number of elements of the sorted array below v. */
static size_t
below(const double *sorted, size_t n, double v)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (sorted[mid] < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
to_mid_ranks(double *x, double *sorted, size_t n)
{
	memcpy(sorted, x, n * sizeof *x);
	qsort(sorted, n, sizeof *sorted, ascending);
	for (size_t i = 0; i < n; i++) {
		size_t from = below(sorted, n, x[i]), to = below(sorted, n, nextafter(x[i], (double)INFINITY));
		x[i] = (double)(from + to) / 2;
	}
}

/* With n_u the votes of unit u: D_o = 1/n sum_u 1/(n_u - 1) sum_{i,j in u} d(x_i, x_j), D_e = 1/(n (n - 1)) sum_{i,j}
 * d(x_i, x_j), over ordered pairs. Of squared differences the sum over pairs is 2 n times that of squares around the
 * mean; of labels it is n^2 less the pairs that are equal. */
int
krippendorff_alpha(double *alpha, const struct vote *v, size_t n, enum alpha_metric metric, struct err *e)
{
	double *x = mem_zalloc(n, sizeof *x, "votes", e), *work = mem_zalloc(n, sizeof *work, "votes", e);
	double within = 0, all;
	size_t total = 0;
	*alpha = (double)NAN;
	for (size_t at = 0, m; x && work && (m = vote_run(v + at, n - at)) > 0; at += m)
		for (size_t i = at; i < at + m && m > 1; i++)
			x[total++] = v[i].value;
	if (metric == ALPHA_ORDINAL && total)
		to_mid_ranks(x, work, total);
	size_t from = 0;
	for (size_t at = 0, m; total && (m = vote_run(v + at, n - at)) > 0; at += m) {
		if (m < 2)
			continue;
		double size = (double)m;
		memcpy(work, x + from, m * sizeof *x);
		within += (metric == ALPHA_NOMINAL ? size * size - equal_pairs(work, m) : 2 * size * squares(work, m)) / (size - 1);
		from += m;
	}
	double count = (double)total;
	all = !total ? 0 : metric == ALPHA_NOMINAL ? count * count - equal_pairs(x, total) : 2 * count * squares(x, total);
	if (all > 0)
		*alpha = 1 - within / count / (all / (count * (count - 1)));
	int rc = x && work ? 0 : -1;
	free(x);
	free(work);
	return rc;
}

double
binomial_tail(uint64_t k, uint64_t n, double p)
{
	double sum = 0;
	int sign;
	if (k == 0)
		return 1;
	if (p <= 0 || p >= 1)
		return p >= 1 && k <= n ? 1 : 0;
	for (uint64_t i = k; i <= n; i++) {
		double a = (double)i, b = (double)(n - i);
		sum += exp(lgamma_r(a + b + 1, &sign) - lgamma_r(a + 1, &sign) - lgamma_r(b + 1, &sign) + a * log(p) + b * log1p(-p));
	}
	return sum < 1 ? sum : 1;
}
