/* jsonread.h - a strict reader of JSON texts (RFC 8259), for lines of data.
 *
 * Accepted is what the grammar has, and of that: strings that are UTF-8 (RFC 3629) and whose \u escapes of surrogates come in
 * pairs; names that an object has once; numbers that a double can hold (1e999 is refused, 1e-999 is 0); nesting of at most
 * JREAD_DEPTH. NUL is allowed in strings, as \u0000. Time and memory are linear in the text (names of an object are sorted
 * to find those that come twice). */
#ifndef TENON_TEXT_JSONREAD_H
#define TENON_TEXT_JSONREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { JREAD_DEPTH = 2048 };

enum jnode_type { JNODE_NULL, JNODE_FALSE, JNODE_TRUE, JNODE_INTEGER, JNODE_REAL, JNODE_STRING, JNODE_ARRAY, JNODE_OBJECT };

/* A value. Its elements stand behind it, one after the other; of an object each behind its name, a string. */
struct jnode {
	enum jnode_type type;
	uint32_t span;    /* nodes from this one to the one behind it and all that it has */
	uint32_t count;   /* elements */
	const char *text; /* a string: its bytes, decoded, no NUL behind; else as it was written */
	size_t n;
	union {
		int64_t integer; /* INTEGER: written without fraction and exponent, and fits; -0 is REAL */
		double real;
	};
};

/* Reused from text to text; a zeroed struct is fine. */
struct jread {
	struct jnode *nodes; /* the first is the whole */
	size_t n, cap;
	char *strings;       /* those that had escapes */
	size_t nstrings, cap_strings;
	struct jread_name *names; /* of the object that ends */
	size_t cap_names;
};

/* 0 and r->nodes, which borrows `text` and lives until the next call; -1: ERR_DATA, "byte N: what is wrong", from 1. */
int jread_parse(struct jread *r, const char *text, size_t n, struct err *e);
void jread_free(struct jread *r);

/* j may be NULL in all of these. */
static inline bool
jnode_is(const struct jnode *j, enum jnode_type type)
{
	return j && j->type == type;
}

static inline bool
jnode_is_number(const struct jnode *j)
{
	return jnode_is(j, JNODE_INTEGER) || jnode_is(j, JNODE_REAL);
}

/* 0 of what is no number. */
static inline double
jnode_number(const struct jnode *j)
{
	return jnode_is(j, JNODE_INTEGER) ? (double)j->integer : jnode_is(j, JNODE_REAL) ? j->real : 0;
}

/* The member, NULL when there is none or j is no object. */
const struct jnode *jnode_get(const struct jnode *j, const char *name);

/* Through an array: v = jnode_first(a); for a->count times, v = jnode_next(v). */
static inline const struct jnode *
jnode_first(const struct jnode *j)
{
	return j + 1;
}

static inline const struct jnode *
jnode_next(const struct jnode *j)
{
	return j + j->span;
}

/* How a value was written, without the blanks between its parts: into `to`, which has room for j->n bytes. Returns their
 * number. Not for a string. */
size_t jnode_compact(const struct jnode *j, char *to);

#endif
