#include "eval/nearest.h"

#include <math.h>
#include <stdlib.h>

#include "math/gemm.h"

enum { BLOCK = 128 }; /* queries whose products exist at one time */

/* Keeps the k largest, largest first; those before have smaller numbers, so equals stay behind. */
static void
insert(size_t *found, real *score, size_t k, size_t *have, size_t row, real s)
{
	if (*have == k && !(s > score[k - 1]))
		return;
	size_t at = *have < k ? (*have)++ : k - 1;
	for (; at > 0 && s > score[at - 1]; at--) {
		found[at] = found[at - 1];
		score[at] = score[at - 1];
	}
	found[at] = row;
	score[at] = s;
}

int
nearest(size_t *found, real *score, const real *queries, size_t n, const real *index, size_t m,
    size_t dim, size_t k, bool same, struct err *e)
{
	real *dots = mem_zalloc((size_t)BLOCK * m, sizeof *dots, "similarities", e);
	if (!dots)
		return -1;
	for (size_t from = 0; from < n; from += BLOCK) {
		size_t rows = n - from < BLOCK ? n - from : BLOCK;
		gemm(false, true, rows, m, dim, queries + from * dim, dim, index, dim, false, dots, m);
#pragma omp parallel for schedule(static)
		for (size_t i = 0; i < rows; i++) {
			size_t have = 0;
			for (size_t j = 0; j < m; j++)
				if (!same || j != from + i)
					insert(found + (from + i) * k, score + (from + i) * k, k, &have, j, dots[i * m + j]);
		}
	}
	free(dots);
	return 0;
}

int32_t
nearest_vote(const size_t *found, const real *score, size_t k, const int32_t *labels, size_t classes,
    double *work)
{
	double *votes = work, *sums = work + classes;
	size_t best = 0;
	for (size_t c = 0; c < classes; c++)
		votes[c] = sums[c] = 0;
	for (size_t i = 0; i < k; i++) {
		votes[labels[found[i]]]++;
		sums[labels[found[i]]] += (double)score[i];
	}
	for (size_t c = 1; c < classes; c++)
		if (votes[c] > votes[best] || (votes[c] == votes[best] && sums[c] > sums[best]))
			best = c;
	return (int32_t)best;
}

double
alignment(const real *unit, size_t n, size_t dim)
{
	double sum = 0;
	for (size_t i = 0; i + 1 < n; i += 2)
		for (size_t j = 0; j < dim; j++) {
			double d = (double)unit[i * dim + j] - (double)unit[(i + 1) * dim + j];
			sum += d * d;
		}
	return sum / (double)(n / 2);
}

int
uniformity(double *out, const real *unit, size_t n, size_t dim, struct err *e)
{
	real *dots = mem_zalloc((size_t)BLOCK * n, sizeof *dots, "similarities", e);
	double sums[BLOCK], sum = 0;
	if (!dots)
		return -1;
	for (size_t from = 0; from < n; from += BLOCK) {
		size_t rows = n - from < BLOCK ? n - from : BLOCK;
		gemm(false, true, rows, n, dim, unit + from * dim, dim, unit, dim, false, dots, n);
#pragma omp parallel for schedule(static)
		for (size_t i = 0; i < rows; i++) {
			sums[i] = 0;
			for (size_t j = from + i + 1; j < n; j++)
				sums[i] += exp(-2 * (2 - 2 * (double)dots[i * n + j])); /* |x - y|^2 of unit vectors */
		}
		for (size_t i = 0; i < rows; i++)
			sum += sums[i];
	}
	free(dots);
	*out = log(sum / ((double)n * (double)(n - 1) / 2));
	return 0;
}
