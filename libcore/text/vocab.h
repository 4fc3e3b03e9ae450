/* vocab.h - a vocabulary: tokens, the merges that make them, and the id of the whole.
 *
 * Types: bpe, byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2019); byte, one
 * token a byte; char, one token a code point of the text that it was learnt from, and the 256
 * bytes for all others. Any byte string can be encoded and decoded without loss, unless a char
 * vocabulary was made without bytes. */
#ifndef TENON_TEXT_VOCAB_H
#define TENON_TEXT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/pretoken.h"

enum vocab_type { VOCAB_BPE, VOCAB_BYTE, VOCAB_CHAR, VOCAB_TYPES };

struct token {
	size_t at;           /* of its bytes in vocab.bytes */
	uint32_t size;
	int32_t left, right; /* the tokens that it merges, or -1 */
	int32_t rank;        /* order of the merge, lowest first, or -1 */
	bool special;        /* never made from text, unless asked */
};

struct vocab {
	enum vocab_type type;
	enum pretoken rule;      /* bpe only */
	struct token *tokens;
	size_t n, cap;
	uint8_t *bytes;
	size_t nbytes, cap_bytes;
	int32_t begin, end;      /* put around a document, or -1 */
	int32_t byte_ids[256];   /* token of a single byte, or -1 */
	struct merge { uint64_t pair; int32_t rank, id; } *merges; /* hash table, rank -1 = free */
	size_t merge_mask;
	int32_t *char_ids;       /* hash table of the tokens of a char vocabulary, -1 = free */
	size_t char_mask;
	uint8_t id[16];          /* XXH3-128 of all that decides an encoding */
	char *chat_template;     /* text of the template that goes with it (template.h), owned, or NULL */
};

enum { VOCAB_MAX_TOKENS = 1 << 24, VOCAB_MAX_TOKEN = 1 << 16, VOCAB_MAX_SPECIAL = 1024 };

/* Start with vocab_init, add tokens in the order of their ids, then vocab_finish. */
void vocab_init(struct vocab *v, enum vocab_type type, enum pretoken rule);
void vocab_free(struct vocab *v); /* a zeroed struct is fine */
int vocab_add(struct vocab *v, const struct token *t, const void *bytes, size_t n, struct err *e);
/* Checks everything (merges name tokens whose bytes they join, ranks and special names differ, every
 * byte has a token), builds the tables, computes the id. begin and end: names of special
 * tokens or NULL. ERR_DATA. */
int vocab_finish(struct vocab *v, const char *begin, const char *end, struct err *e);

static inline const uint8_t *
vocab_bytes(const struct vocab *v, int32_t id, size_t *n)
{
	*n = v->tokens[id].size;
	return v->bytes + v->tokens[id].at;
}

int32_t vocab_special(const struct vocab *v, const char *name, size_t n); /* id or -1 */
/* The merge of two tokens, or NULL. */
const struct merge *vocab_merge(const struct vocab *v, int32_t left, int32_t right);
/* The token of one character of a char vocabulary, or -1. */
int32_t vocab_char(const struct vocab *v, const uint8_t *p, size_t n);

const char *vocab_type_name(enum vocab_type t); /* "bpe", "byte", "char" */
int vocab_type_of(const char *name);            /* or -1 */
void vocab_id_hex(const struct vocab *v, char hex[33]);

#endif
