/* words.h - which word each token of a text belongs to. */
#ifndef TENON_TEXT_WORDS_H
#define TENON_TEXT_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/vocab.h"

/* Words are the pieces of the vocabulary's pre-tokeniser (of gpt4's rule where it has none; of wordpiece
 * the words), so that no token crosses a border. words[i] is the number of the word of ids[i], counted from 0; a
 * special token is a word of its own. ids (n) are what the text (size bytes) was encoded to, without
 * the tokens put around a document. ERR_DATA when they are not. */
int words_of(const struct vocab *v, const void *text, size_t size, const int32_t *ids, size_t n,
    int32_t *words, struct err *e);

#endif
