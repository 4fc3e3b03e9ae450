/* gather.h - judgements of any number of streams, as votes: what was judged, by whom, and how.
 *
 * A comparison of k answers is a vote on each of the k (k - 1) / 2 pairs; a pair, a unit, is a prompt and two answers, wherever
 * else they were compared. The answers of an item stand in the order of their hashes, so which of a pair is the first says
 * nothing. A like or a rating is a vote on its item. */
#ifndef TENON_PEOPLE_GATHER_H
#define TENON_PEOPLE_GATHER_H

#include "common/labels.h"
#include "eval/agreement.h"
#include "people/item.h"
#include "common/keymap.h"

enum gather_kind { GATHER_RANKS, GATHER_LIKED, GATHER_RATING };
enum { FIRST_BETTER, EQUAL, SECOND_BETTER }; /* values of votes on pairs */

struct gathered_item {
	struct item *item;
	uint32_t *things; /* (k) numbers of its answers */
};

struct ballot {
	struct vote vote;
	int8_t shown;   /* of a pair: 1 the first stood before the second, -1 behind it, 0 not known */
	uint64_t seq;
};

struct gathered {
	enum gather_kind kind;
	bool begun;      /* the kind is known */
	struct gathered_item *items;
	size_t nitems, cap_items, cap_sizes, cap_pairs, cap_ballots;
	struct keymap item_keys, things, units;
	size_t *sizes;   /* (things) bytes */
	uint32_t (*pairs)[2]; /* (units) things */
	struct label_set raters;
	struct ballot *ballots;
	size_t nballots;
	uint64_t judgements, undecided, replaced;
	uint64_t *by_rater; /* (raters) judgements */
	size_t cap_by_rater;
};

/* Adds the judgements of an open stream. Exits through cli_fail. */
void gather(struct gathered *g, struct ten_reader *r);
/* Sorts the ballots by unit and rater; of a rater's votes on the same unit the last counts. */
void gather_finish(struct gathered *g);
/* Number of units; the number of the unit of two things, which must have been compared. */
size_t gather_units(const struct gathered *g);
uint32_t gather_unit(const struct gathered *g, uint32_t a, uint32_t b);

#endif
