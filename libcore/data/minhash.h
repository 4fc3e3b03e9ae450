/* minhash.h - how alike two documents are, from a few numbers of each.
 *
 * A document is the set of its shingles: all runs of `width` words, bytes or tokens (Broder 1997). How alike two
 * are is the Jaccard similarity of their sets, |A and B| / |A or B|. A signature is k numbers of which two
 * documents share each with exactly that probability, so the share that they have in common estimates the similarity
 * without bias and with a variance of at most s (1 - s) / k.
 *
 * The signature is that of Dahlgaard, Knudsen and Thorup, "Fast Similarity Sketching" (FOCS 2017): in each round every
 * shingle falls into one bin of k, the least hash of the first round that reaches a bin is the bin's; in round k + i all
 * fall into bin i. Large documents need one round, so one hash a shingle rather than k, as with one permutation hashing
 * (Li, Owen and Zhang 2012), but small ones are estimated as well as large ones, which densification does not reach. */
#ifndef TENON_DATA_MINHASH_H
#define TENON_DATA_MINHASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { MINHASH_MAX = 1024 }; /* numbers of a signature */

enum shingle_unit {
	SHINGLE_WORDS,  /* runs of bytes that are not white space of ASCII */
	SHINGLE_BYTES,
	SHINGLE_TOKENS  /* int32 */
};

/* Hashes of a document's shingles, in its order; equal ones may occur. A zeroed struct is empty. */
struct shingles {
	uint64_t *v;
	size_t n, cap;
};

/* Of n bytes, or n tokens, at data. A document of less than `width` > 0 units has one shingle, all of them, and one without any
 * unit has one that stands for its bytes. So there is at least one. 0, or -1 when out of memory. */
int shingles_make(struct shingles *s, enum shingle_unit unit, size_t width, const void *data, size_t n, struct err *e);
void shingles_free(struct shingles *s);

/* Exact similarity, of what is equal by its 64-bit hash. `room` is working memory, grown as
 * needed. 0 or -1. */
struct shingle_room {
	uint64_t *slots;
	uint8_t *marks;
	size_t cap_slots, cap_marks;
};
int shingles_jaccard(double *to, const struct shingles *a, const struct shingles *b, struct shingle_room *room, struct err *e);
void shingle_room_free(struct shingle_room *room);

/* sig (k), k from 1 to MINHASH_MAX; n > 0 shingles. Never fails, never allocates. */
void minhash_sign(uint32_t *restrict sig, size_t k, const uint64_t *restrict shingles, size_t n);

/* The share of k numbers that are equal. */
double minhash_similarity(const uint32_t *a, const uint32_t *b, size_t k);

#endif
