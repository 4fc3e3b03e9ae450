/* encode.h - text to token ids. */
#ifndef TENON_TEXT_ENCODE_H
#define TENON_TEXT_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/vocab.h"

/* A growing array of ids; start zeroed, free(v). */
struct ids {
	int32_t *v;
	size_t n, cap;
};

/* Working memory of one thread: a cache of pieces that were encoded before, and room for the
 * merging of one piece. */
struct encoder;

struct encoder *encoder_new(const struct vocab *v, struct err *e); /* borrows v */
void encoder_free(struct encoder *x); /* NULL is fine */

/* Appends the ids of n bytes of text; special tokens are ordinary text here, but for those of MATCH_ALWAYS. Byte-pair merges
 * happen within pieces, lowest rank first, leftmost first of equals: linear time for text, n log n for
 * one long piece. Fails for memory, or ERR_DATA when a char vocabulary has no token for a
 * character. */
int encode_text(struct encoder *x, const void *text, size_t n, struct ids *out, struct err *e);

/* The same, with the names of special tokens in the text becoming those tokens (the longest where
 * several begin at one place). */
int encode_with_special(struct encoder *x, const void *text, size_t n, struct ids *out, struct err *e);

#endif
