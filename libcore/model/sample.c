#include "model/sample.h"

#include <math.h>
#include <string.h>

#include "base/simd.h"
#include "math/softmax.h"

enum { BLOCK = 256 };

struct candidate {
	real p;
	int32_t id;
};

static size_t
round64(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

size_t
sample_scratch(size_t vocab)
{
	return round64(vocab * sizeof(real)) + round64(vocab * sizeof(struct candidate));
}

static bool
before(const struct candidate *a, const struct candidate *b)
{
	return a->p > b->p || (a->p == b->p && a->id < b->id);
}

static void
swap(struct candidate *a, struct candidate *b)
{
	struct candidate c = *a;
	*a = *b;
	*b = c;
}

/* The median of the first, middle and last of n > 0 goes to the end. */
static void
pivot_to_end(struct candidate *c, size_t n)
{
	struct candidate *a = &c[0], *m = &c[n / 2], *z = &c[n - 1];
	if (before(m, a))
		swap(m, a);
	if (before(m, z))
		swap(m, z); /* now z is not after m: the median is the later of a and z */
	if (before(z, a))
		swap(z, a);
}

static double
weight(const struct candidate *c, bool count)
{
	return count ? 1 : (double)c->p;
}

/* Moves to the front the fewest candidates, the most probable first, whose weights (1 each, or
 * their p) sum to at least `target`; returns how many. Quickselect (Hoare 1961) by weight instead
 * of rank: expected linear time. */
static size_t
select_prefix(struct candidate *c, size_t n, double target, bool count)
{
	size_t lo = 0, hi = n;
	double sum = 0; /* of c[0, lo), below target */
	while (lo < hi) {
		pivot_to_end(c + lo, hi - lo);
		size_t i = lo;
		double part = 0;
		for (size_t j = lo; j + 1 < hi; j++)
			if (before(&c[j], &c[hi - 1])) {
				part += weight(&c[j], count);
				swap(&c[i++], &c[j]);
			}
		swap(&c[i], &c[hi - 1]);
		if (i > lo && sum + part >= target) {
			hi = i;
			continue;
		}
		sum += part + weight(&c[i], count);
		lo = i + 1;
		if (sum >= target)
			break;
	}
	return lo;
}

/* The least probable token that top-k and top-p leave. */
static struct candidate
find_cut(const struct sample_opts *o, const real *p, size_t vocab, struct candidate *c)
{
	size_t n = vocab;
	for (size_t j = 0; j < vocab; j++)
		c[j] = (struct candidate){p[j], (int32_t)j};
	if (o->top_k && o->top_k < n)
		n = select_prefix(c, n, (double)o->top_k, true);
	if (o->top_p < 1) {
		double total = 0;
		for (size_t j = 0; j < n; j++)
			total += (double)c[j].p;
		n = select_prefix(c, n, o->top_p * total, false);
	}
	struct candidate last = c[0];
	for (size_t j = 1; j < n; j++)
		if (before(&last, &c[j]))
			last = c[j];
	return last;
}

/* Zeroes what the filters take away. p: weights, the largest of which is 1. */
static void
filter(const struct sample_opts *o, real *p, size_t vocab, struct candidate *scratch)
{
	struct candidate cut = {0, (int32_t)vocab};
	if ((o->top_k && o->top_k < vocab) || o->top_p < 1)
		cut = find_cut(o, p, vocab, scratch);
	real least = (real)(o->min_p < 1 ? o->min_p : 1);
	for (size_t j = 0; j < vocab; j++)
		if (p[j] < least || p[j] < cut.p || (p[j] == cut.p && (int32_t)j > cut.id))
			p[j] = 0;
}

KERNEL static double
block_sum(const real *p, size_t n)
{
	double sum = 0;
#pragma omp simd reduction(+ : sum)
	for (size_t j = 0; j < n; j++)
		sum += (double)p[j];
	return sum;
}

/* The token at which the cumulative weight exceeds u times the total, which is positive. */
static int32_t
draw(const real *p, size_t vocab, double u)
{
	double total = 0, sum = 0, s;
	for (size_t b = 0; b < vocab; b += BLOCK)
		total += block_sum(p + b, vocab - b < BLOCK ? vocab - b : BLOCK);
	double r = fmin(u * total, nextafter(total, 0));
	size_t b = 0, token = 0;
	for (; b < vocab; b += BLOCK, sum += s) {
		s = block_sum(p + b, vocab - b < BLOCK ? vocab - b : BLOCK);
		if (sum + s > r)
			break;
	}
	/* within the block rounding may keep the sum at r: then its last token with weight it is */
	for (size_t j = b; j < vocab && j < b + BLOCK && sum <= r; j++) {
		sum += (double)p[j];
		token = p[j] > 0 ? j : token;
	}
	return (int32_t)token;
}

static void
penalize(real *z, const real *logits, const int32_t *seen, size_t n, real penalty)
{
	for (size_t i = 0; i < n; i++) {
		real l = logits[seen[i]]; /* the unmodified one, so that repeats do not add up */
		z[seen[i]] = l > 0 ? l / penalty : l * penalty;
	}
}

static size_t
first_max(const real *z, size_t n)
{
	real max = row_max(z, n);
	size_t j = 0;
	while (j + 1 < n && z[j] != max)
		j++;
	return j;
}

int32_t
sample_token(const struct sample_opts *o, const real *logits, size_t vocab, const int32_t *seen,
    size_t nseen, double u, void *scratch, real *logp)
{
	real *z = scratch, max = row_max(logits, vocab);
	memcpy(z, logits, vocab * sizeof *z);
	double lse = (double)max + log(row_exp_sum(z, vocab, 1, max));
	if (!isfinite(lse))
		return -1;
	memcpy(z, logits, vocab * sizeof *z);
	if (o->penalty != 1)
		penalize(z, logits, seen, nseen, (real)o->penalty);
	int32_t token;
	if (o->temperature < 1e-6) {
		token = (int32_t)first_max(z, vocab);
	} else {
		max = row_max(z, vocab);
		for (size_t j = 0; j < vocab; j++)
			z[j] -= max;
		row_exp_sum(z, vocab, (real)(1 / o->temperature), 0);
		filter(o, z, vocab, (void *)((char *)scratch + round64(vocab * sizeof *z)));
		token = draw(z, vocab, u);
	}
	*logp = (real)((double)logits[token] - lse);
	return token;
}
