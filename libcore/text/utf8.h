/* utf8.h - code points and their classes, as the pre-tokenisers see them. */
#ifndef TENON_TEXT_UTF8_H
#define TENON_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum char_class {
	CHAR_LETTER, /* \p{L} */
	CHAR_NUMBER, /* \p{N} */
	CHAR_SPACE,  /* \s: Unicode's White_Space */
	CHAR_OTHER   /* everything else, and bytes that are not UTF-8 */
};

/* Decodes the character at p, n > 0 bytes: its length, and in *cp its code point. A byte that
 * begins no well-formed UTF-8 sequence (RFC 3629) is a character of its own with *cp = -1. */
size_t utf8_next(const uint8_t *p, size_t n, int32_t *cp);

enum char_class char_class_of(int32_t cp);
bool char_is_space(int32_t cp); /* Unicode's White_Space */

/* Writes the code point, a valid one, at `to`: its length, up to 4. */
size_t utf8_put(int32_t cp, uint8_t *to);

#endif
