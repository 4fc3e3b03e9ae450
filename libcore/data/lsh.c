#include "data/lsh.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"

enum { DIGIT = 11, VALUES = 1 << DIGIT, PASSES = 3 };

double
lsh_probability(double s, struct lsh_bands b)
{
	return 1 - pow(1 - pow(s, (double)b.rows), (double)b.bands);
}

struct lsh_bands
lsh_choose(double threshold, size_t k)
{
	struct lsh_bands best = {1, k};
	for (size_t rows = 2; rows <= k; rows++) {
		struct lsh_bands b = {rows, k / rows};
		if (lsh_probability(threshold, b) >= 0.99)
			best = b;
	}
	return best;
}

/* By the upper 32 bits, digit by digit from the lowest; stable, so that what is equal there stays in the order of documents.
 * Three passes end in `to`. */
static void
sort(uint64_t *from, uint64_t *to, size_t n)
{
	size_t count[VALUES];
	for (int pass = 0; pass < PASSES; pass++) {
		int shift = 32 + pass * DIGIT;
		memset(count, 0, sizeof count);
		for (size_t i = 0; i < n; i++)
			count[from[i] >> shift & (VALUES - 1)]++;
		for (size_t v = 0, sum = 0; v < VALUES; v++) {
			size_t c = count[v];
			count[v] = sum;
			sum += c;
		}
		for (size_t i = 0; i < n; i++)
			to[count[from[i] >> shift & (VALUES - 1)]++] = from[i];
		uint64_t *swap = from;
		from = to;
		to = swap;
	}
}

/* Documents in ascending order that have a band in common. */
static int
meet(const uint64_t *group, size_t n, int (*pair)(void *ctx, size_t a, size_t b, struct err *e), void *ctx, struct err *e)
{
	for (size_t j = 1; j < n; j++)
		for (size_t i = 0; i < j; i++) {
			if (i == LSH_CROWD / 2 && j - i > LSH_CROWD / 2)
				i = j - LSH_CROWD / 2;
			if (pair(ctx, (uint32_t)group[i], (uint32_t)group[j], e))
				return -1;
		}
	return 0;
}

int
lsh_pairs(const uint32_t *signatures, size_t n, size_t k, struct lsh_bands b,
    int (*pair)(void *ctx, size_t a, size_t b, struct err *e), void *ctx, struct err *e)
{
	int rc = -1;
	if (n >= UINT32_MAX)
		return err_set(e, ERR_RUNTIME, "more than 4 billion documents");
	uint64_t *entries = mem_zalloc(n, sizeof *entries, "bands", e);
	uint64_t *sorted = entries ? mem_zalloc(n, sizeof *sorted, "bands", e) : NULL;
	if (!sorted)
		goto out;
	for (size_t band = 0; band < b.bands; band++) {
		for (size_t i = 0; i < n; i++)
			entries[i] = XXH3_64bits(signatures + i * k + band * b.rows, b.rows * sizeof *signatures) >> 32 << 32 | i;
		sort(entries, sorted, n);
		for (size_t i = 0, to; i < n; i = to) {
			for (to = i + 1; to < n && sorted[to] >> 32 == sorted[i] >> 32; to++)
				;
			if (meet(sorted + i, to - i, pair, ctx, e))
				goto out;
		}
	}
	rc = 0;
out:
	free(entries);
	free(sorted);
	return rc;
}
