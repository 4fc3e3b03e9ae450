/* near.h - which records of a stream are nearly the same: signatures of all, and the clusters that follow. */
#ifndef TENON_DEDUP_NEAR_H
#define TENON_DEDUP_NEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/lsh.h"
#include "data/minhash.h"
#include "ten.h"

struct near_rules {
	enum shingle_unit unit;
	size_t width, k;        /* of a shingle, of a signature */
	double threshold;       /* similarity from which on two records are in one cluster */
	struct lsh_bands bands;
};

struct near_set {
	struct near_rules rules;
	uint32_t *parent;       /* (n) the record itself, or an earlier one of its cluster */
	uint32_t *signed_by;    /* (n) which signature is that of its content, 0 where there are none */
	size_t n, cap_parent, cap_signed_by;
	uint32_t *owner;        /* (nsignatures) the first record with this content */
	uint32_t *signatures;   /* (nsignatures, k) */
	size_t nsignatures, cap_owner, cap_signatures;
};

void near_free(struct near_set *s);

/* Adds the next record, whose content `first` (itself, or an earlier record) has, too; sign: it is to get a signature by
 * the next near_sign. 0 or -1. */
int near_add(struct near_set *s, uint32_t first, bool sign, struct err *e);
/* Signs the records from `from` on that are to have one, with all threads. Their contents are values[0], values[step],
 * values[2 step] ... */
int near_sign(struct near_set *s, size_t from, const struct ten_value *values, size_t step, struct err *e);

/* Joins the pairs that are as alike as the threshold. By the signatures; where these leave that open, being within three standard
 * errors of the threshold, by the records, which `fetch` gets (borrowed until the next call). 0 or -1. */
int near_join(struct near_set *s, int (*fetch)(void *ctx, size_t record, const void **data, size_t *n, struct err *e), void *ctx,
    struct err *e);
/* The first record of the cluster. */
size_t near_root(struct near_set *s, size_t record);
/* How alike two records are by their signatures; 1 when their content is the same. */
double near_similarity(const struct near_set *s, size_t a, size_t b);

#endif
