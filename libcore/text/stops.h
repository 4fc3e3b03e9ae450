/* stops.h - text that grows token by token: where it must stop, and how much of it is settled. */
#ifndef TENON_TEXT_STOPS_H
#define TENON_TEXT_STOPS_H

#include <stddef.h>

/* Strings that end a text, none of them empty. Borrowed. */
struct stops {
	const char *const *items;
	size_t n;
};

/* First byte of the earliest occurrence of a stop string in text (n bytes), n when there is none.
 * The first `known` bytes were searched before and held none. */
size_t stops_find(const struct stops *s, const char *text, size_t n, size_t known);

/* How many bytes of a text without stop string can be shown whatever comes next: all but an end that
 * may become a stop string or is an unfinished UTF-8 character. */
size_t stops_settled(const struct stops *s, const char *text, size_t n);

#endif
