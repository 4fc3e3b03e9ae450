/* pretoken.h - cuts text into the pieces within which byte-pair merges happen.
 *
 * The published regular expressions, as hand-written rules that take linear time on any bytes:
 *   gpt2 (Radford et al. 2019)
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *   gpt4 (cl100k)
 *     (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
 *     \s*[\r\n]+|\s+(?!\S)|\s+
 * A byte that is not UTF-8 counts as a character that is neither letter, number nor space. */
#ifndef TENON_TEXT_PRETOKEN_H
#define TENON_TEXT_PRETOKEN_H

#include <stddef.h>
#include <stdint.h>

enum pretoken { PRETOKEN_GPT2, PRETOKEN_GPT4, PRETOKEN_COUNT };

/* Length of the first piece of the n > 0 bytes at p, which end the text. */
size_t pretoken_next(enum pretoken rule, const uint8_t *p, size_t n);

const char *pretoken_name(enum pretoken rule); /* "gpt2", "gpt4" */
int pretoken_of(const char *name);             /* or -1 */

#endif
