/* wordpiece.h - words to pieces of a wordpiece vocabulary (Schuster & Nakajima 2012; Devlin et al. 2019).
 *
 * A word becomes the longest token that it begins with, then the longest token `##...` that its rest begins with,
 * and so on; a word of more than WORDPIECE_MAX characters, or one with a rest that no token begins, is the
 * unknown token. Case, accents, white space and unknown words cannot be had back from the tokens. */
#ifndef TENON_TEXT_WORDPIECE_H
#define TENON_TEXT_WORDPIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/vocab.h"

enum { WORDPIECE_MAX = 100 };

/* The ids of a word of n > 0 bytes into `ids`, which has room for WORDPIECE_MAX: their number. */
size_t wordpiece_word(const struct vocab *v, const uint8_t *p, size_t n, int32_t *ids);

/* Whether a token continues a word: its bytes begin with ##. */
bool wordpiece_continues(const struct vocab *v, int32_t id);

#endif
