/* pretoken.h - cuts text into the pieces within which byte-pair merges happen.
 *
 * The published regular expressions, as hand-written rules that take linear time on any bytes:
 *   gpt2 (Radford et al. 2019)
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *   gpt4 (cl100k)
 *     (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
 *     \s*[\r\n]+|\s+(?!\S)|\s+
 *   qwen2 (Qwen2): the same with \p{N} in place of \p{N}{1,3}
 *   smollm (SmolLM): every \p{N} by itself, and what is between two of these cut as by gpt2
 * A byte that is not UTF-8 counts as a character that is neither letter, number nor space. */
#ifndef TENON_TEXT_PRETOKEN_H
#define TENON_TEXT_PRETOKEN_H

#include <stddef.h>
#include <stdint.h>

enum pretoken { PRETOKEN_GPT2, PRETOKEN_GPT4, PRETOKEN_QWEN2, PRETOKEN_SMOLLM, PRETOKEN_COUNT };

/* Length of the first piece of the n > 0 bytes at p, which end the text. */
size_t pretoken_next(enum pretoken rule, const uint8_t *p, size_t n);

const char *pretoken_name(enum pretoken rule); /* "gpt2", "gpt4" ... */
int pretoken_of(const char *name);             /* or -1 */
extern const char *const pretoken_names[];     /* of all, NULL-terminated */
/* The rule's regular expression as tokenizers publish it, and the rule of a text, or -1. smollm has none. */
const char *pretoken_regex(enum pretoken rule);
int pretoken_of_regex(const char *regex);

#endif
