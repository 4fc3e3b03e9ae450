/* normalise.h - what a vocabulary does to text before it is cut into pieces. */
#ifndef TENON_TEXT_NORMALISE_H
#define TENON_TEXT_NORMALISE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Growing text; start zeroed, free(p). */
struct text {
	uint8_t *p;
	size_t n, cap;
};

int text_append(struct text *t, const void *p, size_t n, struct err *e);

/* Sets `to` to the n bytes at p in Unicode's normal form C (UAX #15). Bytes that are not UTF-8 stay, and
 * nothing is composed across them. */
int normalise_nfc(struct text *to, const uint8_t *p, size_t n, struct err *e);

/* Sets `to` to words of a wordpiece vocabulary with single spaces between them, as Devlin et al. 2019 published
 * it: `options` are VOCAB_CLEAN (control characters, U+0000, U+FFFD and bytes that are not UTF-8 are left out), VOCAB_CJK
 * (spaces around each CJK character), VOCAB_ACCENTS (normal form D, without the nonspacing marks) and
 * VOCAB_LOWER; then white space and punctuation divide words, each punctuation character being one. Without VOCAB_CLEAN
 * bytes that are not UTF-8 are U+FFFD. */
int normalise_words(struct text *to, unsigned options, const uint8_t *p, size_t n, struct err *e);

#endif
