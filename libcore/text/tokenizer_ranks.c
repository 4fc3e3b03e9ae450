/* Rank files of tiktoken (a token in base64, a space, its rank, a line each) and word lists of BERT. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/tokenizer_draft.h"
#include "text/wordpiece.h"

/* A rank is an id; a token is at most MAX_RANKED bytes, so that looking at all its halves takes little. */
enum { MAX_RANKED = 512, MAX_RANKS = 64 << 20 };

/* ---- base64 (RFC 4648), strictly ---- */

static int
digit_of(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 :
	    c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Bytes of n characters; -1 when they are not base64, or bits that say nothing are set. */
static int
decode(const char *p, size_t n, uint8_t to[MAX_RANKED])
{
	size_t padding = n >= 4 && p[n - 1] == '=' ? 1 + (p[n - 2] == '=') : 0, at = 0;
	uint32_t bits = 0;
	if (n == 0 || n % 4 || n / 4 * 3 - padding > MAX_RANKED)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int d = i >= n - padding ? 0 : digit_of(p[i]);
		if (d < 0)
			return -1;
		bits = bits << 6 | (uint32_t)d;
		if (i % 4 < 3)
			continue;
		for (int shift = 16; shift >= 0; shift -= 8) {
			uint8_t byte = (uint8_t)(bits >> shift);
			if (at < n / 4 * 3 - padding)
				to[at++] = byte;
			else if (byte)
				return -1;
		}
		bits = 0;
	}
	return (int)at;
}

/* ---- ranks ---- */

/* A line's token and rank into `to`; the token in `bytes`, its size returned, or -1. */
static int
read_line(const char *line, size_t n, json_int_t *rank, uint8_t bytes[MAX_RANKED])
{
	const char *space = memchr(line, ' ', n);
	size_t digits = space ? n - (size_t)(space + 1 - line) : 0;
	if (digits == 0 || digits > 8 || (digits > 1 && space[1] == '0'))
		return -1;
	*rank = 0;
	for (size_t i = 1; i <= digits; i++) {
		if (space[i] < '0' || space[i] > '9')
			return -1;
		*rank = *rank * 10 + (space[i] - '0');
	}
	return decode(line, (size_t)(space - line), bytes);
}

/* Tokens into the draft; their bytes follow one another in `all`, which has room. */
static int
read_ranks(struct draft *d, const char *p, size_t n, char *all, struct err *e)
{
	size_t line = 0;
	for (size_t i = 0, size, at = 0; i < n; i += size + 1) {
		const char *end = memchr(p + i, '\n', n - i);
		uint8_t bytes[MAX_RANKED];
		json_int_t rank;
		size = end ? (size_t)(end - (p + i)) : n - i;
		line++;
		int got = read_line(p + i, size && p[i + size - 1] == '\r' ? size - 1 : size, &rank, bytes);
		if (got <= 0 || rank >= (json_int_t)(n / 4 + 65536))
			return err_set(e, ERR_DATA, "line %zu: is not a token of at most %d bytes in base64 and its rank", line,
			    MAX_RANKED);
		memcpy(all + at, bytes, (size_t)got);
		if (draft_put(d, rank, all + at, (size_t)got, e))
			return e->code != ERR_DATA ? -1 : err_set(e, ERR_DATA, "line %zu: the rank %lld is that of another token", line, (long long)rank);
		at += (size_t)got;
	}
	return d->n ? 0 : err_set(e, ERR_DATA, "has no ranks");
}

/* Every two tokens that make a third are merged by its rank. */
static int
add_merges(struct vocab *v, struct err *e)
{
	for (size_t i = 0; i < v->n; i++) {
		struct token *t = &v->tokens[i];
		for (uint32_t cut = 1; !t->special && cut < t->size; cut++) {
			const uint8_t *p = v->bytes + t->at;
			struct more_merge m = {(int32_t)i, vocab_find(v, p, cut), -1, (int32_t)i};
			if (m.left < 0 || (m.right = vocab_find(v, p + cut, t->size - cut)) < 0)
				continue;
			if (t->rank >= 0) {
				if (vocab_add_merge(v, &m, e))
					return -1;
				continue;
			}
			t->left = m.left;
			t->right = m.right;
			t->rank = m.rank;
		}
	}
	return 0;
}

/* ---- what a rank file does not say ---- */

static const struct preset {
	const char *name;
	enum pretoken rule;
	struct tokenizer_special specials[5];
} presets[] = {
    {"gpt2", PRETOKEN_GPT2, {{"<|endoftext|>", 50256}}},
    {"r50k_base", PRETOKEN_GPT2, {{"<|endoftext|>", 50256}}},
    {"p50k_base", PRETOKEN_GPT2, {{"<|endoftext|>", 50256}}},
    {"cl100k_base", PRETOKEN_GPT4, {{"<|endoftext|>", 100257}, {"<|fim_prefix|>", 100258}, {"<|fim_middle|>", 100259},
     {"<|fim_suffix|>", 100260}, {"<|endofprompt|>", 100276}}},
    {"tokenizer.model", PRETOKEN_GPT4, {{0}}}};

static const struct preset *
preset_of(const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
		size_t m = strlen(presets[i].name);
		if (strncmp(name, presets[i].name, m) == 0 && (n == m || strcmp(name + m, ".tiktoken") == 0))
			return &presets[i];
	}
	return NULL;
}

static int
put_special(struct draft *d, const struct tokenizer_special *s, struct err *e)
{
	if (s->id < 0 || (size_t)s->id >= d->n + 65536)
		return err_set(e, ERR_DATA, "special token `%.60s' has the id %d, which cannot be", s->name, s->id);
	if (draft_put(d, s->id, s->name, strlen(s->name), e))
		return e->code != ERR_DATA ? -1 : err_set(e, ERR_DATA, "special token `%.60s': the id %d is that of another token", s->name, s->id);
	d->tokens[s->id].special = true;
	return 0;
}

static int
put_specials(struct draft *d, const struct preset *known, const struct tokenizer_options *o, struct err *e)
{
	for (size_t i = 0; known && o->rule < 0 && i < sizeof known->specials / sizeof *known->specials; i++)
		if (known->specials[i].name && put_special(d, &known->specials[i], e))
			return -1;
	for (size_t i = 0; i < o->nspecials; i++)
		if (put_special(d, &o->specials[i], e))
			return -1;
	return 0;
}

/* The tokens are in bytes already, not in GPT-2's alphabet. */
static int
add_tokens(struct vocab *v, const struct draft *d, struct err *e)
{
	for (size_t i = 0; i < d->n; i++) {
		struct token t = {.left = -1, .right = -1, .rank = -1, .special = d->tokens[i].special};
		if (vocab_add(v, &t, d->tokens[i].name, d->tokens[i].n, e))
			return -1;
	}
	return 0;
}

int
tokenizer_read_ranks(struct vocab *v, const char *name, const void *p, size_t n, const struct tokenizer_options *o,
    struct err *e)
{
	struct draft d = {0};
	const struct preset *known = preset_of(name);
	vocab_init(v, VOCAB_BPE, o->rule >= 0 ? (enum pretoken)o->rule : known ? known->rule : PRETOKEN_GPT2);
	v->options = VOCAB_WHOLE;
	if (o->rule < 0 && !known)
		return err_set(e, ERR_DATA, "the name does not say how text is cut into pieces; --pretoken does");
	if (n > MAX_RANKS)
		return err_set(e, ERR_DATA, "is larger than %d MiB", MAX_RANKS >> 20);
	char *all = mem_zalloc(n + 64, 1, "tokens", e); /* messages show the beginning of a token */
	int rc = !all || read_ranks(&d, p, n, all, e) || put_specials(&d, known, o, e) || add_tokens(v, &d, e) ||
	    vocab_index(v, e) || add_merges(v, e) || draft_surround(v, o, NULL, NULL, e) ? -1 : 0;
	draft_free(&d);
	free(all);
	if (rc)
		vocab_free(v);
	return rc;
}

/* ---- words ---- */

static bool
names(const char *p, size_t n, const char *name)
{
	return strlen(name) == n && memcmp(p, name, n) == 0;
}

static int
add_words(struct vocab *v, const char *p, size_t n, struct err *e)
{
	static const char *const special[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
	for (size_t i = 0, size; i < n; i += size + 1) {
		const char *line = p + i, *end = memchr(line, '\n', n - i);
		struct token t = {.left = -1, .right = -1, .rank = -1};
		size = end ? (size_t)(end - line) : n - i;
		size_t length = size && line[size - 1] == '\r' ? size - 1 : size;
		for (size_t k = 0; k < sizeof special / sizeof *special; k++)
			t.special |= names(line, length, special[k]);
		if (names(line, length, "[UNK]"))
			v->unknown = (int32_t)v->n;
		if (vocab_add(v, &t, line, length, e))
			return -1;
	}
	while (v->n && v->tokens[v->n - 1].size == 0) /* empty lines at the end are not tokens */
		v->n--;
	return v->unknown >= 0 ? 0 : err_set(e, ERR_DATA, "has no line `[UNK]', the token of unknown words");
}

int
tokenizer_read_words(struct vocab *v, const void *p, size_t n, const struct tokenizer_options *o, struct err *e)
{
	vocab_init(v, VOCAB_WORDPIECE, PRETOKEN_GPT2);
	v->options = VOCAB_CLEAN | VOCAB_CJK | (o->cased ? 0 : VOCAB_LOWER | VOCAB_ACCENTS);
	int rc = add_words(v, p, n, e);
	if (rc == 0) {
		bool around = vocab_special(v, "[CLS]", 5) >= 0 && vocab_special(v, "[SEP]", 5) >= 0;
		rc = draft_surround(v, o, around ? "[CLS]" : NULL, around ? "[SEP]" : NULL, e);
	}
	if (rc)
		vocab_free(v);
	return rc;
}
