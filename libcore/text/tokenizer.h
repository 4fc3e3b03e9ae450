/* tokenizer.h - vocabularies from and to the files of other programs: the same ids on any text.
 *
 * What is known: GPT-2's vocab.json (encoder.json) with merges.txt (vocab.bpe); tokenizer.json with byte-level BPE or
 * WordPiece; rank files of tiktoken; vocab.txt of BERT. Whatever a file asks for that cannot be done exactly is
 * refused by name (ERR_DATA). Nothing in a file is believed before it is checked. */
#ifndef TENON_TEXT_TOKENIZER_H
#define TENON_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/normalise.h"
#include "text/vocab.h"

enum tokenizer_format { TOKENIZER_JSON, TOKENIZER_MERGES, TOKENIZER_RANKS, TOKENIZER_WORDS };

/* Which files a path means. A folder is the first of: tokenizer.json; vocab.json and merges.txt; encoder.json and
 * vocab.bpe; vocab.txt; tokenizer.model; one file that ends in .tiktoken. Of a file the name decides: *.txt but
 * merges.txt is a list of words, *.tiktoken and tokenizer.model are ranks, *.json with a member `model` is a
 * tokenizer.json, and either file of a pair means the pair. */
struct tokenizer_files {
	enum tokenizer_format format;
	char *paths[2]; /* owned; the second may be NULL */
};

int tokenizer_find(struct tokenizer_files *f, const char *path, struct err *e);
void tokenizer_files_free(struct tokenizer_files *f); /* a zeroed struct is fine */

/* What files of ranks and words do not say. A zeroed struct but for rule = -1 is what is usual. */
struct tokenizer_options {
	int rule;           /* ranks: enum pretoken, or -1: by the name of the file, cl100k_base gpt4, r50k_base, p50k_base
	                     * and gpt2 gpt2, with their special tokens; tokenizer.model gpt4 */
	const struct tokenizer_special { const char *name; int32_t id; } *specials; /* ranks: further ones */
	size_t nspecials;
	bool cased;         /* words: neither lower case nor accents taken off */
	const char *begin, *end; /* names of special tokens around a document; NULL: as the file has it; "": none */
};

int tokenizer_load_files(struct vocab *v, const struct tokenizer_files *f, const struct tokenizer_options *o, struct err *e);

/* The readers, from memory; `name` is that of the file, for messages and rules. On failure v is freed. */
int tokenizer_read_json(struct vocab *v, const void *p, size_t n, const struct tokenizer_options *o, struct err *e);
int tokenizer_read_merges(struct vocab *v, const void *json, size_t njson, const void *merges, size_t nmerges,
    const struct tokenizer_options *o, struct err *e);
int tokenizer_read_ranks(struct vocab *v, const char *name, const void *p, size_t n, const struct tokenizer_options *o,
    struct err *e);
int tokenizer_read_words(struct vocab *v, const void *p, size_t n, const struct tokenizer_options *o, struct err *e);

/* All merges of a bpe vocabulary, the first to be done first: *n of them, owned. NULL with *e filled; ERR_DATA when two of one
 * rank overlap (as ranks of tiktoken have them), so that no list of merges says what they do. */
struct more_merge *tokenizer_merges(const struct vocab *v, size_t *n, struct err *e);

/* Appends a tokenizer.json of a bpe, byte or wordpiece vocabulary, which tokenizer_read_json makes the same vocabulary of, with
 * the same id where ranks are 0, 1, 2 ... (one of bytes is for others to read). ERR_DATA for what tokenizer.json cannot say: names that are not UTF-8 or
 * are those of others, merges of one rank that overlap (as ranks of tiktoken have them). */
int tokenizer_write(const struct vocab *v, struct text *to, struct err *e);

#endif
