/* learn.h - learning a vocabulary from text. */
#ifndef TENON_TEXT_LEARN_H
#define TENON_TEXT_LEARN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/vocab.h"

/* Counts of distinct pieces (bpe) or characters (char): memory grows with them, not with the
 * text. Counting is additive, so texts can be counted by several threads and joined. */
struct counts {
	struct word { size_t at; uint32_t size; uint64_t count; uint64_t hash; } *words;
	size_t n, cap;
	uint8_t *bytes;
	size_t nbytes, cap_bytes;
	uint32_t *table;   /* indices into words, UINT32_MAX = free */
	size_t table_size;
};

void counts_free(struct counts *c); /* a zeroed struct is fine */
/* Counts the pieces of a document (its end ends a piece). Pieces longer than 256 bytes count as
 * their parts of 256: no merge spans more. */
int counts_add_text(struct counts *c, enum pretoken rule, const void *text, size_t n, struct err *e);
/* Counts the characters; bytes that are not UTF-8 are left out. */
int counts_add_chars(struct counts *c, const void *text, size_t n, struct err *e);
int counts_join(struct counts *to, const struct counts *from, struct err *e);

/* Adds the 256 bytes to v and then the merges of the most frequent pair of neighbours, over and
 * over (Sennrich et al. 2016), until v has `size` tokens or no pair occurs twice. Of equally
 * frequent pairs the one with the smaller left token, then the smaller right one, comes first, so
 * the result depends on the counts alone. */
int learn_bpe(struct vocab *v, struct counts *c, size_t size, struct err *e);

/* Adds the counted characters in the order of their code points. */
int learn_chars(struct vocab *v, struct counts *c, struct err *e);
/* Adds the 256 bytes. */
int learn_bytes(struct vocab *v, struct err *e);

#endif
