/* vocab.h - a vocabulary: tokens, the merges that make them, and the id of the whole.
 *
 * Types: bpe, byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2019); byte, one
 * token a byte; char, one token a code point of the text that it was learnt from, and the 256
 * bytes for all others; wordpiece, the longest known beginning of a word over and over (Schuster &
 * Nakajima 2012; Devlin et al. 2019; wordpiece.h). Any byte string can be encoded and decoded without loss, unless
 * the type is wordpiece, an option changes the text, or a char vocabulary was made without bytes. */
#ifndef TENON_TEXT_VOCAB_H
#define TENON_TEXT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/pretoken.h"

enum vocab_type { VOCAB_BPE, VOCAB_BYTE, VOCAB_CHAR, VOCAB_WORDPIECE, VOCAB_TYPES };

/* What is done to text before it is cut into pieces, and to pieces before they are merged. */
enum {
	VOCAB_NFC = 1,     /* bpe: Unicode's normal form C */
	VOCAB_SPACE = 2,   /* bpe: a space is put before text that does not begin with one */
	VOCAB_WHOLE = 4,   /* bpe: a piece that is a token is that token, whatever merges make of it */
	VOCAB_CLEAN = 8,   /* wordpiece: no control characters */
	VOCAB_CJK = 16,    /* wordpiece: every CJK character is a word */
	VOCAB_ACCENTS = 32,/* wordpiece: accents are taken off */
	VOCAB_LOWER = 64   /* wordpiece: lower case */
};

/* How a special token is found in text. */
enum {
	MATCH_ALWAYS = 1, /* in any text, and shown when decoding */
	MATCH_LEFT = 2,   /* with the white space before it */
	MATCH_RIGHT = 4   /* with the white space after it */
};

struct token {
	size_t at;           /* of its bytes in vocab.bytes */
	uint32_t size;       /* 0: an id that is not used (bpe, wordpiece) */
	int32_t left, right; /* the tokens that it merges, or -1 */
	int32_t rank;        /* order of the merge, lowest first, or -1 */
	bool special;        /* never made from text, unless asked */
	uint8_t match;       /* special only: MATCH_... */
};

/* A further merge that makes a token; several of one token may have one rank, and then the leftmost
 * of a piece comes first. */
struct more_merge {
	int32_t id, left, right, rank;
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
	struct more_merge *more;
	size_t nmore, cap_more;
	unsigned options;        /* VOCAB_NFC ... */
	int32_t unknown;         /* wordpiece: token of a word that has no pieces; else -1 */
	int32_t *found;          /* hash table of the tokens by their bytes, -1 = free; NULL where no look-up is needed */
	size_t found_mask;
	int32_t *specials;       /* their ids, longest name first */
	size_t nspecials;
	uint8_t starts[256];     /* 1: a special token begins with this byte, 3: one of MATCH_ALWAYS, too */
	size_t longest;          /* token, in bytes */
	uint8_t id[16];          /* XXH3-128 of all that decides an encoding */
	char *chat_template;     /* text of the template that goes with it (template.h), owned, or NULL */
};

enum { VOCAB_MAX_TOKENS = 1 << 24, VOCAB_MAX_TOKEN = 1 << 16, VOCAB_MAX_SPECIAL = 1024 };

/* Start with vocab_init, add tokens in the order of their ids, then vocab_finish. */
void vocab_init(struct vocab *v, enum vocab_type type, enum pretoken rule);
void vocab_free(struct vocab *v); /* a zeroed struct is fine */
int vocab_add(struct vocab *v, const struct token *t, const void *bytes, size_t n, struct err *e);
/* A further merge of token m->id, which has one. */
int vocab_add_merge(struct vocab *v, const struct more_merge *m, struct err *e);
/* A vocabulary that is not finished yet, with the tokens, merges and options of another. */
int vocab_copy(struct vocab *to, const struct vocab *from, struct err *e);
/* Makes v->found of the tokens so far, which differ. vocab_finish does where look-ups are needed. */
int vocab_index(struct vocab *v, struct err *e);
/* Checks everything (merges name tokens whose bytes they join, ranks and special names differ, every
 * byte has a token), builds the tables, computes the id. begin and end: names of special
 * tokens or NULL. ERR_DATA. */
int vocab_finish(struct vocab *v, const char *begin, const char *end, struct err *e);
/* Of a finished vocabulary: other begin and end tokens, and so another id. */
int vocab_surround(struct vocab *v, const char *begin, const char *end, struct err *e);

static inline const uint8_t *
vocab_bytes(const struct vocab *v, int32_t id, size_t *n)
{
	*n = v->tokens[id].size;
	return v->bytes + v->tokens[id].at;
}

/* Sets *name to the owned name of a special token, NULL where the id is none. ERR_RUNTIME. */
int vocab_name(const struct vocab *v, int64_t id, char **name, struct err *e);
int32_t vocab_special(const struct vocab *v, const char *name, size_t n); /* id or -1 */
/* The merge of two tokens, or NULL. */
const struct merge *vocab_merge(const struct vocab *v, int32_t left, int32_t right);
/* The token of these bytes that is not special, or -1; where v->found is. */
int32_t vocab_find(const struct vocab *v, const uint8_t *p, size_t n);
/* Whether the tokens of a text, joined, are its bytes. */
bool vocab_exact(const struct vocab *v);

const char *vocab_type_name(enum vocab_type t); /* "bpe", "byte", "char", "wordpiece" */
int vocab_type_of(const char *name);            /* or -1 */
/* Names of options, in the order of their bits, with spaces between; and back, -1 when one is unknown. */
enum { VOCAB_OPTIONS_TEXT = 64 };
void vocab_options_text(unsigned options, char text[VOCAB_OPTIONS_TEXT]);
int vocab_options_of(const char *text);
void vocab_id_hex(const struct vocab *v, char hex[33]);

#endif
