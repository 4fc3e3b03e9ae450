/* entities.h - named entities in sequences of tags, counted as conlleval counts them (Tjong Kim Sang and De
 * Meulder 2003): an entity is right when its type, its first and its last word are.
 *
 * A tag is `O`, or a letter (B, I; E and S likewise), a dash and a type. An entity begins at B, at S, at any
 * tag behind O or behind an end, and where the type changes, so IOB1 and IOB2 are both read. */
#ifndef TENON_EVAL_ENTITIES_H
#define TENON_EVAL_ENTITIES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tag_kind {
	char letter;  /* O, B, I, E or S */
	int32_t type; /* number of the type, -1 for O */
};

struct entity_types {
	struct tag_kind *kinds; /* of each tag */
	size_t n;
	const char **names;     /* of the types, borrowed from the tags */
	size_t ntypes;
};

/* Reads the names of the tags. ERR_DATA when one is neither `O' nor LETTER-TYPE. */
int entity_types_open(struct entity_types *t, char *const *tags, size_t n, struct err *e);
void entity_types_close(struct entity_types *t); /* a zeroed struct is fine */

struct entity_counts {
	uint64_t is, said, right;
};

/* Adds to counts[type] the entities of a sentence of n words. */
void entities_count(struct entity_counts *counts, const struct entity_types *t, const int32_t *is,
    const int32_t *said, size_t n);

#endif
