#include "dedup/near.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { CHECKS = 32 }; /* pairs that are settled by the records, for the later record of a pair */

void
near_free(struct near_set *s)
{
	free(s->parent);
	free(s->signed_by);
	free(s->owner);
	free(s->signatures);
	*s = (struct near_set){0};
}

int
near_add(struct near_set *s, uint32_t first, bool sign, struct err *e)
{
	if (s->n >= UINT32_MAX - 1)
		return err_set(e, ERR_RUNTIME, "more than 4 billion records");
	if (mem_grow(&s->parent, &s->cap_parent, s->n + 1, sizeof *s->parent, "records", e) ||
	    mem_grow(&s->signed_by, &s->cap_signed_by, s->n + 1, sizeof *s->signed_by, "records", e))
		return -1;
	s->signed_by[s->n] = first < s->n ? s->signed_by[first] : 0;
	s->parent[s->n++] = first;
	if (!sign)
		return 0;
	if (mem_grow(&s->owner, &s->cap_owner, s->nsignatures + 1, sizeof *s->owner, "signatures", e) ||
	    mem_grow(&s->signatures, &s->cap_signatures, s->nsignatures + 1, s->rules.k * sizeof *s->signatures, "signatures", e))
		return -1;
	s->signed_by[first] = (uint32_t)s->nsignatures;
	s->owner[s->nsignatures++] = first;
	return 0;
}

/* ---- signatures ---- */

int
near_sign(struct near_set *s, size_t from, const struct ten_value *values, size_t step, struct err *e)
{
	size_t first = s->nsignatures;
	bool failed = false;
	while (first > 0 && s->owner[first - 1] >= from)
		first--;
#pragma omp parallel
	{
		struct shingles x = {0};
		struct err mine;
#pragma omp for schedule(dynamic, 4)
		for (size_t i = first; i < s->nsignatures; i++) {
			const struct ten_value *v = &values[(s->owner[i] - from) * step];
			if (!shingles_make(&x, s->rules.unit, s->rules.width, v->data, v->count, &mine)) {
				minhash_sign(s->signatures + i * s->rules.k, s->rules.k, x.v, x.n);
				continue;
			}
#pragma omp critical
			{
				failed = true;
				*e = mine;
			}
		}
		shingles_free(&x);
	}
	return failed ? -1 : 0;
}

/* ---- clusters ---- */

size_t
near_root(struct near_set *s, size_t record)
{
	while (s->parent[record] != record)
		record = s->parent[record] = s->parent[s->parent[record]];
	return record;
}

double
near_similarity(const struct near_set *s, size_t a, size_t b)
{
	uint32_t x = s->signed_by[a], y = s->signed_by[b];
	if (x == y)
		return 1;
	return minhash_similarity(s->signatures + x * s->rules.k, s->signatures + y * s->rules.k, s->rules.k);
}

struct joining {
	struct near_set *s;
	int (*fetch)(void *ctx, size_t record, const void **data, size_t *n, struct err *e);
	void *ctx;
	double error;           /* three standard errors of the estimate at the threshold */
	uint8_t *checks;        /* (nsignatures) */
	struct shingles a, b;
	size_t of_b;            /* whose shingles b are, SIZE_MAX: nobody's */
	struct shingle_room room;
};

static int
shingles_of(struct joining *j, size_t signature, struct shingles *to, struct err *e)
{
	const void *data;
	size_t n;
	if (j->fetch(j->ctx, j->s->owner[signature], &data, &n, e))
		return -1;
	return shingles_make(to, j->s->rules.unit, j->s->rules.width, data, n, e);
}

/* The later record of a pair stays the same for a while. */
static int
exact_similarity(struct joining *j, size_t a, size_t b, double *to, struct err *e)
{
	if (shingles_of(j, a, &j->a, e))
		return -1;
	if (j->of_b != b && (j->of_b = SIZE_MAX, shingles_of(j, b, &j->b, e)))
		return -1;
	j->of_b = b;
	return shingles_jaccard(to, &j->a, &j->b, &j->room, e);
}

static int
join_pair(void *ctx, size_t a, size_t b, struct err *e)
{
	struct joining *j = ctx;
	struct near_set *s = j->s;
	size_t x = near_root(s, s->owner[a]), y = near_root(s, s->owner[b]), k = s->rules.k;
	if (x == y)
		return 0;
	double same = minhash_similarity(s->signatures + a * k, s->signatures + b * k, k);
	if (fabs(same - s->rules.threshold) <= j->error && j->checks[b] < CHECKS) {
		j->checks[b]++;
		if (exact_similarity(j, a, b, &same, e))
			return -1;
	}
	if (same < s->rules.threshold)
		return 0;
	if (x < y)
		s->parent[y] = (uint32_t)x;
	else
		s->parent[x] = (uint32_t)y;
	return 0;
}

int
near_join(struct near_set *s, int (*fetch)(void *ctx, size_t record, const void **data, size_t *n, struct err *e), void *ctx,
    struct err *e)
{
	const struct near_rules *r = &s->rules;
	struct joining j = {.s = s, .fetch = fetch, .ctx = ctx, .of_b = SIZE_MAX};
	j.error = 3 * sqrt(r->threshold * (1 - r->threshold) / (double)r->k);
	j.checks = mem_zalloc(s->nsignatures, 1, "signatures", e);
	int rc = j.checks ? lsh_pairs(s->signatures, s->nsignatures, r->k, r->bands, join_pair, &j, e) : -1;
	free(j.checks);
	shingles_free(&j.a);
	shingles_free(&j.b);
	shingle_room_free(&j.room);
	return rc;
}
