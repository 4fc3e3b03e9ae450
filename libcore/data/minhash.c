#include "data/minhash.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"
#include "base/simd.h"

enum { LANES = 64 };

/* 2^64 / golden ratio, odd: what is multiplied by it spreads (Knuth, vol. 3, 6.4). */
#define GOLDEN 0x9E3779B97F4A7C15u
#define EMPTY UINT64_MAX

/* A bijection in which each bit of the result depends on each bit of x (Stafford's mix 13 of MurmurHash3's finaliser). */
KERNEL_INLINE uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
	x = (x ^ x >> 27) * 0x94D049BB133111EBu;
	return x ^ x >> 31;
}

/* ---- shingles ---- */

void
shingles_free(struct shingles *s)
{
	free(s->v);
	*s = (struct shingles){0};
}

static bool
white(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A hash for each word. */
static int
words(struct shingles *s, const uint8_t *p, size_t n, struct err *e)
{
	for (size_t i = 0, from;;) {
		while (i < n && white(p[i]))
			i++;
		if (i == n)
			return 0;
		for (from = i; i < n && !white(p[i]); i++)
			;
		if (s->n == s->cap && mem_grow(&s->v, &s->cap, s->n + 1, sizeof *s->v, "shingles", e))
			return -1;
		s->v[s->n++] = XXH3_64bits(p + from, i - from);
	}
}

static int
units(struct shingles *s, enum shingle_unit unit, const void *data, size_t n, struct err *e)
{
	const uint8_t *byte = data;
	const int32_t *token = data;
	s->n = 0;
	if (unit == SHINGLE_WORDS)
		return words(s, data, n, e);
	if (mem_grow(&s->v, &s->cap, n, sizeof *s->v, "shingles", e))
		return -1;
	for (size_t i = 0; i < n; i++)
		s->v[i] = mix((unit == SHINGLE_BYTES ? byte[i] : (uint32_t)token[i]) + GOLDEN);
	s->n = n;
	return 0;
}

/* A shingle is hashed as a polynomial in GOLDEN modulo 2^64 with its units as coefficients, so the next one follows from it by
 * taking the first unit away and adding another. In place: v[i] becomes the shingle that begins there. */
int
shingles_make(struct shingles *s, enum shingle_unit unit, size_t width, const void *data, size_t n, struct err *e)
{
	uint64_t h = 0, first = 1; /* first: the factor of a shingle's first unit */
	if (units(s, unit, data, n, e))
		return -1;
	if (s->n == 0) {
		if (mem_grow(&s->v, &s->cap, 1, sizeof *s->v, "shingles", e))
			return -1;
		s->v[s->n++] = XXH3_64bits(data, unit == SHINGLE_WORDS ? n : 0);
	}
	size_t w = width < s->n ? width : s->n, count = s->n - w + 1;
	for (size_t i = 0; i < w; i++) {
		h = h * GOLDEN + s->v[i];
		first *= i ? GOLDEN : 1;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t out = s->v[i], in = i + 1 < count ? s->v[i + w] : 0;
		s->v[i] = h;
		h = (h - out * first) * GOLDEN + in;
	}
	s->n = count;
	return 0;
}

/* ---- exact similarity ---- */

void
shingle_room_free(struct shingle_room *r)
{
	free(r->slots);
	free(r->marks);
	*r = (struct shingle_room){0};
}

int
shingles_jaccard(double *to, const struct shingles *a, const struct shingles *b, struct shingle_room *r, struct err *e)
{
	enum { OF_A = 1, OF_B = 2 };
	const struct shingles *both[2] = {a, b};
	size_t size = 16, common = 0, all = 0;
	while (size / 2 < a->n + b->n)
		size *= 2;
	if (mem_grow(&r->slots, &r->cap_slots, size, sizeof *r->slots, "shingles", e) ||
	    mem_grow(&r->marks, &r->cap_marks, size, 1, "shingles", e))
		return -1;
	memset(r->marks, 0, size);
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < both[k]->n; i++) {
			uint64_t x = both[k]->v[i];
			size_t at = mix(x) & (size - 1);
			while (r->marks[at] && r->slots[at] != x)
				at = (at + 1) & (size - 1);
			all += r->marks[at] == 0;
			common += k == 1 && r->marks[at] == OF_A;
			r->slots[at] = x;
			r->marks[at] |= k ? OF_B : OF_A;
		}
	*to = (double)common / (double)all;
	return 0;
}

/* ---- signatures ---- */

/* Bin and rank of m <= LANES shingles in a round. The upper half of the hash chooses the bin, the lower half comes first in the
 * rank, so the two are independent. A rank is below EMPTY. */
KERNEL static void
throw_lanes(uint32_t *restrict bin, uint64_t *restrict rank, const uint64_t *restrict x, size_t m, uint64_t round, uint32_t k)
{
	for (size_t l = 0; l < m; l++) {
		uint64_t h = mix(x[l] + round * GOLDEN);
		bin[l] = (uint32_t)((h >> 32) * k >> 32);
		rank[l] = (h << 32 | h >> 32) >> 1;
	}
}

/* Bins are closed by the first round that reaches them; a bound of 0 lets nothing in any more. */
struct bins {
	uint64_t bound[MINHASH_MAX];       /* least rank of this round, EMPTY, or 0 */
	uint32_t reached[MINHASH_MAX + 1]; /* by this round */
};

/* How many bins the round closes; what they hold goes to sig. Without branches, as none of them could be foretold. */
static size_t
throw_all(struct bins *b, uint32_t *restrict sig, size_t k, const uint64_t *x, size_t n, uint64_t round)
{
	uint32_t bin[LANES];
	uint64_t rank[LANES];
	size_t reached = 0;
	for (size_t i = 0; i < n; i += LANES) {
		size_t m = n - i < LANES ? n - i : LANES;
		throw_lanes(bin, rank, x + i, m, round, (uint32_t)k);
		for (size_t l = 0; l < m; l++) {
			uint32_t to = round < k ? bin[l] : (uint32_t)(round - k);
			uint64_t bound = b->bound[to];
			b->reached[reached] = to;
			reached += bound == EMPTY;
			b->bound[to] = rank[l] < bound ? rank[l] : bound;
		}
	}
	for (size_t i = 0; i < reached; i++) {
		uint32_t to = b->reached[i];
		/* the least ranks are small numbers, which 32 of their bits alone would not tell apart */
		sig[to] = (uint32_t)(b->bound[to] * GOLDEN >> 32);
		b->bound[to] = 0;
	}
	return reached;
}

void
minhash_sign(uint32_t *restrict sig, size_t k, const uint64_t *restrict shingles, size_t n)
{
	struct bins b;
	assert(k >= 1 && k <= MINHASH_MAX && n > 0);
	for (size_t i = 0; i < k; i++)
		b.bound[i] = EMPTY;
	size_t left = k;
	for (uint64_t round = 0; left; round++)
		left -= throw_all(&b, sig, k, shingles, n, round);
}

KERNEL static uint32_t
equal(const uint32_t *a, const uint32_t *b, size_t k)
{
	uint32_t n = 0;
	for (size_t i = 0; i < k; i++)
		n += a[i] == b[i];
	return n;
}

double
minhash_similarity(const uint32_t *a, const uint32_t *b, size_t k)
{
	return (double)equal(a, b, k) / (double)k;
}
