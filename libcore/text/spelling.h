/* spelling.h - bytes as printable characters, as GPT-2's files spell tokens (Radford et al. 2019).
 *
 * A byte that Latin-1 shows (0x21 to 0x7e, 0xa1 to 0xac, 0xae to 0xff) is the code point of the same number; the other
 * 68, in their order, are U+0100, U+0101 ...; a space is U+0120. */
#ifndef TENON_TEXT_SPELLING_H
#define TENON_TEXT_SPELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPELLING_MOST = 2 }; /* bytes that a byte becomes at most */

/* Writes the spelling of n bytes as UTF-8 to `out` (SPELLING_MOST n bytes); returns its length. */
size_t spelling_of(const uint8_t *bytes, size_t n, char *out);
/* The bytes that n bytes of UTF-8 spell: at most `room` of them to `out`, how many to *size. False when a character spells
 * none, or there are more. */
bool spelling_bytes(const uint8_t *text, size_t n, uint8_t *out, size_t room, size_t *size);

#endif
