#include "text/vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"

static const char *const type_names[VOCAB_TYPES] = {"bpe", "byte", "char", "wordpiece"};
static const char *const option_names[] = {"nfc", "space", "whole", "clean", "cjk", "accents", "lower"};
enum { OPTIONS = sizeof option_names / sizeof *option_names };

const char *
vocab_type_name(enum vocab_type t)
{
	return type_names[t];
}

int
vocab_type_of(const char *name)
{
	for (int i = 0; i < VOCAB_TYPES; i++)
		if (strcmp(type_names[i], name) == 0)
			return i;
	return -1;
}

void
vocab_options_text(unsigned options, char text[VOCAB_OPTIONS_TEXT])
{
	size_t at = 0;
	text[0] = '\0';
	for (int i = 0; i < OPTIONS; i++)
		if (options >> i & 1)
			at += (size_t)snprintf(text + at, VOCAB_OPTIONS_TEXT - at, "%s%s", at ? " " : "", option_names[i]);
}

int
vocab_options_of(const char *text)
{
	unsigned options = 0;
	while (*text) {
		size_t n = strcspn(text, " ");
		int i = 0;
		while (i < OPTIONS && (strlen(option_names[i]) != n || memcmp(option_names[i], text, n) != 0))
			i++;
		if (i == OPTIONS)
			return -1;
		options |= 1u << i;
		text += n + (text[n] == ' ');
	}
	return (int)options;
}

bool
vocab_exact(const struct vocab *v)
{
	bool strips = false;
	for (size_t i = 0; i < v->nspecials; i++)
		strips |= (v->tokens[v->specials[i]].match & (MATCH_LEFT | MATCH_RIGHT)) != 0;
	return v->type != VOCAB_WORDPIECE && !(v->options & (VOCAB_NFC | VOCAB_SPACE)) && !strips;
}

void
vocab_init(struct vocab *v, enum vocab_type type, enum pretoken rule)
{
	*v = (struct vocab){.type = type, .rule = rule, .begin = -1, .end = -1, .unknown = -1};
}

void
vocab_free(struct vocab *v)
{
	free(v->chat_template);
	free(v->tokens);
	free(v->bytes);
	free(v->merges);
	free(v->more);
	free(v->found);
	free(v->specials);
	memset(v, 0, sizeof *v);
}

int
vocab_add(struct vocab *v, const struct token *t, const void *bytes, size_t n, struct err *e)
{
	bool unused = n == 0 && (v->type == VOCAB_BPE || v->type == VOCAB_WORDPIECE) && !t->special && t->left < 0 &&
	    t->right < 0 && t->rank < 0;
	if (v->n >= VOCAB_MAX_TOKENS || (n == 0 && !unused) || n > VOCAB_MAX_TOKEN)
		return err_set(e, ERR_DATA, "token %zu: %s", v->n,
		    n == 0 ? "has no bytes" : n > VOCAB_MAX_TOKEN ? "is too long" : "is one too many");
	if (mem_grow(&v->tokens, &v->cap, v->n + 1, sizeof *v->tokens, "tokens", e) ||
	    mem_grow(&v->bytes, &v->cap_bytes, v->nbytes + n, 1, "tokens", e))
		return -1;
	struct token *to = &v->tokens[v->n++];
	*to = *t;
	to->at = v->nbytes;
	to->size = (uint32_t)n;
	if (n)
		memcpy(v->bytes + v->nbytes, bytes, n);
	v->nbytes += n;
	return 0;
}

int
vocab_add_merge(struct vocab *v, const struct more_merge *m, struct err *e)
{
	if (v->nmore >= VOCAB_MAX_TOKENS)
		return err_set(e, ERR_DATA, "more than %d further merges", VOCAB_MAX_TOKENS);
	if (mem_grow(&v->more, &v->cap_more, v->nmore + 1, sizeof *v->more, "merges", e))
		return -1;
	v->more[v->nmore++] = *m;
	return 0;
}

int
vocab_copy(struct vocab *to, const struct vocab *from, struct err *e)
{
	vocab_init(to, from->type, from->rule);
	to->options = from->options;
	to->unknown = from->unknown;
	for (size_t i = 0; i < from->n; i++)
		if (vocab_add(to, &from->tokens[i], from->bytes + from->tokens[i].at, from->tokens[i].size, e))
			return -1;
	for (size_t i = 0; i < from->nmore; i++)
		if (vocab_add_merge(to, &from->more[i], e))
			return -1;
	return 0;
}

/* ---- look-up ---- */

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0x9e3779b97f4a7c15u;
	return x ^ x >> 29;
}

static uint64_t
pair_key(int32_t left, int32_t right)
{
	return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

const struct merge *
vocab_merge(const struct vocab *v, int32_t left, int32_t right)
{
	uint64_t key = pair_key(left, right);
	for (size_t i = mix(key) & v->merge_mask;; i = (i + 1) & v->merge_mask) {
		const struct merge *m = &v->merges[i];
		if (m->rank < 0)
			return NULL;
		if (m->pair == key)
			return m;
	}
}

int32_t
vocab_find(const struct vocab *v, const uint8_t *p, size_t n)
{
	for (size_t i = XXH3_64bits(p, n) & v->found_mask;; i = (i + 1) & v->found_mask) {
		int32_t id = v->found[i];
		if (id < 0)
			return -1;
		if (v->tokens[id].size == n && memcmp(v->bytes + v->tokens[id].at, p, n) == 0)
			return id;
	}
}

int32_t
vocab_special(const struct vocab *v, const char *name, size_t n)
{
	/* of a finished vocabulary these few are known: callers ask once a turn */
	for (size_t i = 0, many = v->specials ? v->nspecials : v->n; i < many; i++) {
		size_t id = v->specials ? (size_t)v->specials[i] : i;
		const struct token *t = &v->tokens[id];
		if (t->special && t->size == n && memcmp(v->bytes + t->at, name, n) == 0)
			return (int32_t)id;
	}
	return -1;
}

int
vocab_name(const struct vocab *v, int64_t id, char **name, struct err *e)
{
	*name = NULL;
	if (id < 0 || id >= (int64_t)v->n || !v->tokens[id].special)
		return 0;
	const struct token *t = &v->tokens[id];
	*name = strndup((const char *)v->bytes + t->at, t->size);
	return *name ? 0 : err_nomem(e, t->size, "the name of a token");
}

void
vocab_id_hex(const struct vocab *v, char hex[33])
{
	static const char digits[] = "0123456789abcdef";
	for (int i = 0; i < 16; i++) {
		hex[2 * i] = digits[v->id[i] >> 4];
		hex[2 * i + 1] = digits[v->id[i] & 15];
	}
	hex[32] = '\0';
}

/* ---- finishing ---- */

static size_t
table_size(size_t n)
{
	size_t s = 16;
	while (s < 2 * n)
		s *= 2;
	return s;
}

static bool
joins(const struct vocab *v, const struct token *t, const struct more_merge *m)
{
	const struct token *l = &v->tokens[m->left], *r = &v->tokens[m->right];
	return l->size + r->size == t->size && memcmp(v->bytes + t->at, v->bytes + l->at, l->size) == 0 &&
	    memcmp(v->bytes + t->at + l->size, v->bytes + r->at, r->size) == 0;
}

static int
check_merge(const struct vocab *v, const struct more_merge *m, struct err *e)
{
	if (m->id < 0 || (size_t)m->id >= v->n)
		return err_set(e, ERR_DATA, "a merge makes token %d, the vocabulary has %zu", m->id, v->n);
	const struct token *t = &v->tokens[m->id];
	if (v->type != VOCAB_BPE || t->special)
		return err_set(e, ERR_DATA, "token %d: has a merge, which it cannot have", m->id);
	if (m->rank < 0)
		return err_set(e, ERR_DATA, "token %d: merges two tokens without a rank", m->id);
	if (m->left < 0 || m->right < 0 || (size_t)m->left >= v->n || (size_t)m->right >= v->n ||
	    m->left == m->id || m->right == m->id || m->rank >= VOCAB_MAX_TOKENS)
		return err_set(e, ERR_DATA, "token %d: merges tokens %d and %d by rank %d, which cannot be", m->id,
		    m->left, m->right, m->rank);
	if (!joins(v, t, m))
		return err_set(e, ERR_DATA, "token %d: its bytes are not those of tokens %d and %d", m->id, m->left,
		    m->right);
	return 0;
}

static int
add_merge(struct vocab *v, const struct more_merge *m, int32_t *owner, struct err *e)
{
	if (check_merge(v, m, e))
		return -1;
	if ((owner[m->rank] && owner[m->rank] != m->id + 1) || vocab_merge(v, m->left, m->right))
		return err_set(e, ERR_DATA, "token %d: its rank or merge is that of another token", m->id);
	owner[m->rank] = m->id + 1;
	uint64_t key = pair_key(m->left, m->right);
	size_t at = mix(key) & v->merge_mask;
	while (v->merges[at].rank >= 0)
		at = (at + 1) & v->merge_mask;
	v->merges[at] = (struct merge){key, m->rank, m->id};
	return 0;
}

/* The table of merges. owner: whose rank it is, plus 1. */
static int
build_merges(struct vocab *v, struct err *e)
{
	size_t size = table_size(v->n + v->nmore);
	v->merges = mem_zalloc(size, sizeof *v->merges, "merges", e);
	int32_t *owner = v->merges ? mem_zalloc(VOCAB_MAX_TOKENS, sizeof *owner, "ranks", e) : NULL;
	int rc = owner ? 0 : -1;
	v->merge_mask = size - 1;
	for (size_t i = 0; rc == 0 && i < size; i++)
		v->merges[i].rank = -1;
	for (size_t i = 0; rc == 0 && i < v->n; i++) {
		const struct token *t = &v->tokens[i];
		struct more_merge m = {(int32_t)i, t->left, t->right, t->rank};
		if (t->rank >= 0 || t->left >= 0 || t->right >= 0)
			rc = add_merge(v, &m, owner, e);
	}
	for (size_t i = 0; rc == 0 && i < v->nmore; i++)
		rc = add_merge(v, &v->more[i], owner, e);
	free(owner);
	return rc;
}

/* By their bytes: an ASCII character of a char vocabulary may stand as character and again as byte, and
 * the first counts. */
int
vocab_index(struct vocab *v, struct err *e)
{
	size_t size = table_size(v->n);
	v->found = mem_zalloc(size, sizeof *v->found, "tokens", e);
	if (!v->found)
		return -1;
	v->found_mask = size - 1;
	memset(v->found, 0xff, size * sizeof *v->found);
	for (size_t i = 0; i < v->n; i++) {
		const struct token *t = &v->tokens[i];
		if (t->special || t->size == 0)
			continue;
		int32_t same = vocab_find(v, v->bytes + t->at, t->size);
		if (same >= 0 && v->type != VOCAB_CHAR)
			return err_set(e, ERR_DATA, "token %zu: its bytes are those of token %d", i, same);
		size_t at = XXH3_64bits(v->bytes + t->at, t->size) & v->found_mask;
		while (v->found[at] >= 0)
			at = (at + 1) & v->found_mask;
		v->found[at] = (int32_t)i;
	}
	return 0;
}

static int
find_bytes(struct vocab *v, struct err *e)
{
	size_t missing = 0;
	for (int b = 0; b < 256; b++)
		v->byte_ids[b] = -1;
	for (size_t i = v->n; i-- > 0;)
		if (v->tokens[i].size == 1 && !v->tokens[i].special)
			v->byte_ids[v->bytes[v->tokens[i].at]] = (int32_t)i;
	for (int b = 0; b < 256; b++)
		missing += v->byte_ids[b] < 0;
	if (missing && (v->type == VOCAB_BPE || v->type == VOCAB_BYTE))
		return err_set(e, ERR_DATA, "%zu of the 256 bytes have no token", missing);
	return 0;
}

static int
find_special(const struct vocab *v, const char *name, int32_t *id, struct err *e)
{
	*id = name ? vocab_special(v, name, strlen(name)) : -1;
	return name && *id < 0 ? err_set(e, ERR_DATA, "`%.60s' is not a special token", name) : 0;
}

static void
hash_token(XXH3_state_t *h, const struct vocab *v, const struct token *t)
{
	int32_t head[5] = {(int32_t)t->size, t->left, t->right, t->rank, t->special | t->match << 1};
	XXH3_128bits_update(h, head, sizeof head);
	XXH3_128bits_update(h, v->bytes + t->at, t->size);
}

static int
compute_id(struct vocab *v, struct err *e)
{
	XXH3_state_t *h = XXH3_createState();
	if (!h)
		return err_nomem(e, 1024, "a hash");
	int32_t head[5] = {(int32_t)v->type, v->type == VOCAB_BPE ? (int32_t)v->rule : -1, v->begin, v->end,
	    (int32_t)v->n};
	XXH3_128bits_reset(h);
	XXH3_128bits_update(h, head, sizeof head);
	for (size_t i = 0; i < v->n; i++)
		hash_token(h, v, &v->tokens[i]);
	int32_t more[3] = {(int32_t)v->options, v->unknown, (int32_t)v->nmore};
	if (v->options || v->unknown >= 0 || v->nmore) {
		XXH3_128bits_update(h, more, sizeof more);
		XXH3_128bits_update(h, v->more, v->nmore * sizeof *v->more);
	}
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, XXH3_128bits_digest(h));
	memcpy(v->id, c.digest, sizeof v->id);
	XXH3_freeState(h);
	return 0;
}

/* The longest name first, then by name, then by id. */
static int
by_name(const void *a, const void *b, void *vocab)
{
	const struct vocab *v = vocab;
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	const struct token *s = &v->tokens[x], *t = &v->tokens[y];
	if (s->size != t->size)
		return s->size > t->size ? -1 : 1;
	int names = memcmp(v->bytes + s->at, v->bytes + t->at, s->size);
	return names ? names : x < y ? -1 : 1;
}

static int
list_specials(struct vocab *v, struct err *e)
{
	size_t count = 0;
	for (size_t i = 0; i < v->n; i++) {
		count += v->tokens[i].special;
		v->longest = v->tokens[i].size > v->longest ? v->tokens[i].size : v->longest;
		if (v->tokens[i].match > (v->tokens[i].special ? MATCH_ALWAYS | MATCH_LEFT | MATCH_RIGHT : 0))
			return err_set(e, ERR_DATA, "token %zu: is not special, and yet to be looked for in text", i);
	}
	if (count > VOCAB_MAX_SPECIAL)
		return err_set(e, ERR_DATA, "more than %d special tokens", VOCAB_MAX_SPECIAL);
	v->specials = mem_zalloc(count, sizeof *v->specials, "special tokens", e);
	if (!v->specials)
		return -1;
	for (size_t i = 0; i < v->n; i++)
		if (v->tokens[i].special) {
			v->specials[v->nspecials++] = (int32_t)i;
			v->starts[v->bytes[v->tokens[i].at]] |= v->tokens[i].match & MATCH_ALWAYS ? 3 : 1;
		}
	qsort_r(v->specials, count, sizeof *v->specials, by_name, v);
	for (size_t i = 1; i < count; i++) {
		const struct token *s = &v->tokens[v->specials[i - 1]], *t = &v->tokens[v->specials[i]];
		if (s->size == t->size && memcmp(v->bytes + s->at, v->bytes + t->at, s->size) == 0)
			return err_set(e, ERR_DATA, "token %d: its name is that of another special token", v->specials[i]);
	}
	return 0;
}

/* Options and the unknown token are those of the type. */
static int
check_options(const struct vocab *v, struct err *e)
{
	unsigned bpe = VOCAB_NFC | VOCAB_SPACE | VOCAB_WHOLE, wordpiece = VOCAB_CLEAN | VOCAB_CJK | VOCAB_ACCENTS | VOCAB_LOWER;
	unsigned known = v->type == VOCAB_BPE ? bpe : v->type == VOCAB_WORDPIECE ? wordpiece : 0;
	if (v->options & ~known)
		return err_set(e, ERR_DATA, "the vocabulary has an option that is not for its type");
	if (v->type == VOCAB_WORDPIECE ? v->unknown < 0 || (size_t)v->unknown >= v->n : v->unknown >= 0)
		return err_set(e, ERR_DATA, "the token of unknown words is %d, which cannot be", v->unknown);
	return 0;
}

int
vocab_surround(struct vocab *v, const char *begin, const char *end, struct err *e)
{
	return find_special(v, begin, &v->begin, e) || find_special(v, end, &v->end, e) ? -1 : compute_id(v, e);
}

int
vocab_finish(struct vocab *v, const char *begin, const char *end, struct err *e)
{
	bool look_up = v->type == VOCAB_CHAR || v->type == VOCAB_WORDPIECE || v->options & VOCAB_WHOLE;
	if (!v->n)
		return err_set(e, ERR_DATA, "the vocabulary has no tokens");
	if (check_options(v, e) || find_bytes(v, e) || build_merges(v, e) || list_specials(v, e) ||
	    (look_up && !v->found && vocab_index(v, e)))
		return -1;
	return vocab_surround(v, begin, end, e);
}
