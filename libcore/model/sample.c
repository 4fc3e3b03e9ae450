#include "model/sample.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/simd.h"
#include "math/softmax.h"

enum { BLOCK = 256, LANES = 32, STEPS = 8 };

/* A token with its weight as one number, larger for the more probable and, of equals, for the lower
 * id: the bits of a positive float are in the order of the floats. */
static uint64_t
key_make(real p, size_t id)
{
	float f = (float)p;
	uint32_t bits;
	memcpy(&bits, &f, sizeof bits);
	return (uint64_t)bits << 32 | (UINT32_MAX - (uint32_t)id);
}

static float
key_weight(uint64_t key)
{
	uint32_t bits = (uint32_t)(key >> 32);
	float f;
	memcpy(&f, &bits, sizeof f);
	return f;
}

static size_t
round64(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

size_t
sample_scratch(size_t vocab)
{
	return round64(vocab * sizeof(real)) + round64(vocab * sizeof(uint64_t));
}

static void
swap(uint64_t *a, uint64_t *b)
{
	uint64_t c = *a;
	*a = *b;
	*b = c;
}

/* The median of the first, middle and last of n > 0 goes to the end. */
static void
pivot_to_end(uint64_t *c, size_t n)
{
	uint64_t *a = &c[0], *m = &c[n / 2], *z = &c[n - 1];
	if (*m > *a)
		swap(m, a);
	if (*m > *z)
		swap(m, z); /* now m is the least */
	if (*z > *a)
		swap(z, a);
}

/* Moves the keys above the last one to the front and that one behind them; returns its place and
 * sets *part to the weight of those before it (their number when `count`). */
static size_t
partition(uint64_t *c, size_t n, bool count, double *part)
{
	uint64_t pivot = c[n - 1];
	double sum = 0;
	size_t i = 0;
	for (size_t j = 0; j + 1 < n; j++) { /* without branches: half of them would be mispredicted */
		uint64_t key = c[j];
		bool above = key > pivot;
		c[j] = c[i];
		c[i] = key;
		sum += (double)key_weight(above ? key : 0);
		i += above;
	}
	swap(&c[i], &c[n - 1]);
	*part = count ? (double)i : sum;
	return i;
}

/* Moves to the front the fewest keys, the largest first, whose weights (1 each when `count`) sum to
 * at least `target`; returns how many. Quickselect (Hoare 1961) by weight instead of rank: expected
 * linear time. */
static size_t
select_prefix(uint64_t *c, size_t n, double target, bool count)
{
	size_t lo = 0, hi = n;
	double sum = 0, part; /* sum: of c[0, lo), below target */
	while (lo < hi && sum < target) {
		pivot_to_end(c + lo, hi - lo);
		size_t at = lo + partition(c + lo, hi - lo, count, &part);
		if (at > lo && sum + part >= target) {
			hi = at;
			continue;
		}
		sum += part + (count ? 1 : (double)key_weight(c[at]));
		lo = at + 1;
	}
	return lo;
}

/* The sum of the weights above t (their number when `count`). Lanes by hand: a reduction would be one
 * chain of additions, each waiting for the one before. */
KERNEL static double
weight_above(const real *p, size_t n, float t, bool count)
{
	double lane[LANES] = {0};
	size_t j = 0;
	for (; j + LANES <= n; j += LANES)
		for (size_t l = 0; l < LANES; l++) {
			float f = (float)p[j + l], add = count ? 1 : f;
			lane[l] += (double)(f > t ? add : 0);
		}
	for (; j < n; j++) {
		float f = (float)p[j];
		lane[0] += f > t ? (double)(count ? 1 : f) : 0;
	}
	for (size_t l = 1; l < LANES; l++)
		lane[0] += lane[l];
	return lane[0];
}

/* Weights above lo sum to `target` or more, those above hi to `above`, which is less. */
struct bounds {
	float lo, hi;
	double above;
};

/* Bisects between lo, which is low enough, and 1 in the order of the bits, that is, of the logarithms
 * nearly. A step is a pass that vectorises; a few leave little for the selection, which does not. */
static struct bounds
narrow(const real *p, size_t n, float lo, double target, bool count)
{
	struct bounds b = {lo, 1, 0};
	uint32_t from = lo > 0 ? (uint32_t)(key_make((real)lo, 0) >> 32) : 0, to = (uint32_t)(key_make(1, 0) >> 32);
	for (int i = 0; i < STEPS; i++) {
		uint32_t mid = from + (to - from) / 2;
		float t = key_weight((uint64_t)mid << 32);
		double above = weight_above(p, n, t, count);
		if (above >= target) {
			from = mid;
			b.lo = t;
		} else {
			to = mid;
			b.hi = t;
			b.above = above;
		}
	}
	return b;
}

/* The keys of weights in (lo, hi]; returns how many. */
static size_t
collect(uint64_t *c, const real *p, size_t vocab, float lo, float hi)
{
	size_t n = 0;
	for (size_t j = 0; j < vocab; j++) {
		float f = (float)p[j];
		c[n] = key_make(p[j], j);
		n += (size_t)((f > lo) & (f <= hi));
	}
	return n;
}

/* The key of the least probable token that top-k and top-p leave; p as for filter. */
static uint64_t
find_cut(const struct sample_opts *o, const real *p, size_t vocab, uint64_t *c)
{
	size_t n;
	if (o->top_k && o->top_k < vocab) {
		n = collect(c, p, vocab, narrow(p, vocab, -1, (double)o->top_k, true).lo, 1);
		n = select_prefix(c, n, (double)o->top_k, true);
		double total = 0;
		for (size_t j = 0; j < n; j++)
			total += (double)key_weight(c[j]);
		if (o->top_p < 1)
			n = select_prefix(c, n, fmax(o->top_p * total, DBL_TRUE_MIN), false);
	} else {
		/* what is no larger than `low` has less weight together than may be taken away */
		double total = weight_above(p, vocab, 0, false), target = fmax(o->top_p * total, DBL_TRUE_MIN);
		float low = (float)(0.99 * (total - target) / (double)vocab);
		struct bounds b = narrow(p, vocab, low, target, false);
		n = collect(c, p, vocab, b.lo, b.hi);
		n = select_prefix(c, n, target - b.above, false);
	}
	uint64_t last = n ? c[0] : 0; /* none: a target so near the total that rounding decides */
	for (size_t j = 1; j < n; j++)
		last = c[j] < last ? c[j] : last;
	return last;
}

KERNEL static void
drop_below(real *p, size_t n, real least, float cut, uint32_t cut_id)
{
	for (size_t j = 0; j < n; j++) {
		float f = (float)p[j];
		bool keep = (p[j] >= least) & ((f > cut) | ((f == cut) & ((uint32_t)j <= cut_id)));
		p[j] = keep ? p[j] : 0;
	}
}

/* Zeroes what the filters take away. p: weights, the largest of which is 1. */
static void
filter(const struct sample_opts *o, real *p, size_t vocab, uint64_t *scratch)
{
	uint64_t cut = 0;
	if ((o->top_k && o->top_k < vocab) || o->top_p < 1)
		cut = find_cut(o, p, vocab, scratch);
	drop_below(p, vocab, (real)(o->min_p < 1 ? o->min_p : 1), key_weight(cut), UINT32_MAX - (uint32_t)cut);
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
