/* vocabio.h - vocabularies as record streams: kind `vocabulary`, one record a token, in the order
 * of ids: `bytes` UINT8 ragged; `left`, `right`, `rank` INT32 (the merge, or -1); `special` UINT8: 1, and how it
 * is matched (MATCH_...) times 2; `more` INT32 ragged, only where a token has further merges: left, right and rank
 * of each. Key-values: type, pattern (bpe), options (names, or absent), unknown (wordpiece: an id), begin, end (names of
 * special tokens, or absent), template (of chats, or absent), tokenizer (id). */
#ifndef TENON_TOOLS_VOCABIO_H
#define TENON_TOOLS_VOCABIO_H

#include "base/err.h"
#include "ten.h"
#include "text/vocab.h"

struct vocab_file {
	struct vocab vocab;
	struct ten_head head; /* of the stream it came from: provenance */
	char id[33];          /* of the tokenizer, in hex */
	void *bytes;          /* the vocabulary stream whole, to put into a model */
	size_t size;
};

/* Loads a vocabulary, or the one that a model carries (or a checkpoint); NULL or "-": standard
 * input. */
int vocab_file_load(struct vocab_file *f, const char *path, struct err *e);
/* The same from a vocabulary stream in memory, called `name` in messages. */
int vocab_file_load_mem(struct vocab_file *f, const void *bytes, size_t size, const char *name,
    struct err *e);
/* The same from a vocabulary that has been made; h is its head (vocab_head), with provenance. */
int vocab_file_make(struct vocab_file *f, const struct vocab *v, const struct ten_head *h, struct err *e);
void vocab_file_free(struct vocab_file *f); /* a zeroed struct is fine */

/* Exit status 3 naming both ids when `head` (of data called `name`) has another tokenizer. */
void vocab_file_check(const struct vocab_file *f, const struct ten_head *head, const char *name);

/* Gives the vocabulary a chat template, whose special tokens it must have. */
int vocab_set_template(struct vocab *v, const char *text, struct err *e);
/* The same of n bytes of Jinja (template_jinja), if that is one of the built-in templates and the vocabulary has its tokens:
 * 1, else 0. */
int vocab_set_jinja(struct vocab *v, const char *text, size_t n, struct err *e);

/* Head of a vocabulary stream, without provenance. */
int vocab_head(struct ten_head *h, const struct vocab *v, struct err *e);
/* The records. */
int vocab_write(struct ten_writer *w, const struct vocab *v, struct err *e);

/* Appends the bytes of an id; -1 (ERR_DATA) when the vocabulary has no such token. Special tokens
 * are left out unless `special` or MATCH_ALWAYS. Of wordpiece a space comes before what does not continue a
 * word, unless `to` is empty, and the mark of what does is left out. */
int vocab_decode(const struct vocab *v, int32_t id, bool special, struct ten_membuf *to, struct err *e);

#endif
