#include "text/vocab.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"

static const char *const type_names[VOCAB_TYPES] = {"bpe", "byte", "char"};

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
vocab_init(struct vocab *v, enum vocab_type type, enum pretoken rule)
{
	*v = (struct vocab){.type = type, .rule = rule, .begin = -1, .end = -1};
}

void
vocab_free(struct vocab *v)
{
	free(v->chat_template);
	free(v->tokens);
	free(v->bytes);
	free(v->merges);
	free(v->char_ids);
	memset(v, 0, sizeof *v);
}

int
vocab_add(struct vocab *v, const struct token *t, const void *bytes, size_t n, struct err *e)
{
	if (v->n >= VOCAB_MAX_TOKENS || n == 0 || n > VOCAB_MAX_TOKEN)
		return err_set(e, ERR_DATA, "token %zu: %s", v->n,
		    n == 0 ? "has no bytes" : n > VOCAB_MAX_TOKEN ? "is too long" : "is one too many");
	if (mem_grow(&v->tokens, &v->cap, v->n + 1, sizeof *v->tokens, "tokens", e) ||
	    mem_grow(&v->bytes, &v->cap_bytes, v->nbytes + n, 1, "tokens", e))
		return -1;
	struct token *to = &v->tokens[v->n++];
	*to = *t;
	to->at = v->nbytes;
	to->size = (uint32_t)n;
	memcpy(v->bytes + v->nbytes, bytes, n);
	v->nbytes += n;
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
vocab_char(const struct vocab *v, const uint8_t *p, size_t n)
{
	for (size_t i = XXH3_64bits(p, n) & v->char_mask;; i = (i + 1) & v->char_mask) {
		int32_t id = v->char_ids[i];
		if (id < 0)
			return -1;
		if (v->tokens[id].size == n && memcmp(v->bytes + v->tokens[id].at, p, n) == 0)
			return id;
	}
}

int32_t
vocab_special(const struct vocab *v, const char *name, size_t n)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->tokens[i].special && v->tokens[i].size == n &&
		    memcmp(v->bytes + v->tokens[i].at, name, n) == 0)
			return (int32_t)i;
	return -1;
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
joins(const struct vocab *v, const struct token *t)
{
	const struct token *l = &v->tokens[t->left], *r = &v->tokens[t->right];
	return l->size + r->size == t->size && memcmp(v->bytes + t->at, v->bytes + l->at, l->size) == 0 &&
	    memcmp(v->bytes + t->at + l->size, v->bytes + r->at, r->size) == 0;
}

static int
check_merge(const struct vocab *v, size_t i, struct err *e)
{
	const struct token *t = &v->tokens[i];
	if (v->type != VOCAB_BPE || t->special)
		return err_set(e, ERR_DATA, "token %zu: has a merge, which it cannot have", i);
	if (t->left < 0 || t->right < 0 || (size_t)t->left >= v->n || (size_t)t->right >= v->n ||
	    (size_t)t->left == i || (size_t)t->right == i || t->rank >= VOCAB_MAX_TOKENS)
		return err_set(e, ERR_DATA, "token %zu: merges tokens %d and %d by rank %d, which cannot be", i,
		    t->left, t->right, t->rank);
	if (!joins(v, t))
		return err_set(e, ERR_DATA, "token %zu: its bytes are not those of tokens %d and %d", i, t->left,
		    t->right);
	return 0;
}

static int
build_merges(struct vocab *v, struct err *e)
{
	size_t size = table_size(v->n);
	v->merges = mem_zalloc(size, sizeof *v->merges, "merges", e);
	uint8_t *seen = mem_zalloc(VOCAB_MAX_TOKENS / 8, 1, "ranks", e);
	int rc = v->merges && seen ? 0 : -1;
	v->merge_mask = size - 1;
	for (size_t i = 0; rc == 0 && i < size; i++)
		v->merges[i].rank = -1;
	for (size_t i = 0; rc == 0 && i < v->n; i++) {
		const struct token *t = &v->tokens[i];
		if (t->rank < 0 && t->left < 0 && t->right < 0)
			continue;
		if (t->rank < 0)
			rc = err_set(e, ERR_DATA, "token %zu: merges two tokens without a rank", i);
		else if ((rc = check_merge(v, i, e)) == 0 && (seen[t->rank / 8] >> t->rank % 8 & 1 ||
		    vocab_merge(v, t->left, t->right)))
			rc = err_set(e, ERR_DATA, "token %zu: its rank or merge is that of another token", i);
		if (rc)
			break;
		seen[t->rank / 8] = (uint8_t)(seen[t->rank / 8] | 1 << t->rank % 8);
		uint64_t key = pair_key(t->left, t->right);
		size_t at = mix(key) & v->merge_mask;
		while (v->merges[at].rank >= 0)
			at = (at + 1) & v->merge_mask;
		v->merges[at] = (struct merge){key, t->rank, (int32_t)i};
	}
	free(seen);
	return rc;
}

static int
build_chars(struct vocab *v, struct err *e)
{
	size_t size = table_size(v->n);
	v->char_ids = mem_zalloc(size, sizeof *v->char_ids, "characters", e);
	if (!v->char_ids)
		return -1;
	v->char_mask = size - 1;
	memset(v->char_ids, 0xff, size * sizeof *v->char_ids);
	for (size_t i = 0; i < v->n; i++) {
		const struct token *t = &v->tokens[i];
		if (t->special)
			continue;
		/* an ASCII character may stand as character and again as byte: the first counts */
		size_t at = XXH3_64bits(v->bytes + t->at, t->size) & v->char_mask;
		while (v->char_ids[at] >= 0)
			at = (at + 1) & v->char_mask;
		v->char_ids[at] = (int32_t)i;
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
	if (missing && v->type != VOCAB_CHAR)
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
	int32_t head[5] = {(int32_t)t->size, t->left, t->right, t->rank, t->special};
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
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, XXH3_128bits_digest(h));
	memcpy(v->id, c.digest, sizeof v->id);
	XXH3_freeState(h);
	return 0;
}

static int
check_specials(const struct vocab *v, struct err *e)
{
	size_t count = 0;
	for (size_t i = 0; i < v->n; i++) {
		const struct token *t = &v->tokens[i];
		const char *name = (const char *)v->bytes + t->at;
		if (t->special && ++count > VOCAB_MAX_SPECIAL)
			return err_set(e, ERR_DATA, "more than %d special tokens", VOCAB_MAX_SPECIAL);
		if (t->special && (size_t)vocab_special(v, name, t->size) != i)
			return err_set(e, ERR_DATA, "token %zu: its name is that of another special token", i);
	}
	return 0;
}

int
vocab_finish(struct vocab *v, const char *begin, const char *end, struct err *e)
{
	if (!v->n)
		return err_set(e, ERR_DATA, "the vocabulary has no tokens");
	if (find_bytes(v, e) || build_merges(v, e) || check_specials(v, e) ||
	    (v->type == VOCAB_CHAR && build_chars(v, e)) || find_special(v, begin, &v->begin, e) ||
	    find_special(v, end, &v->end, e))
		return -1;
	return compute_id(v, e);
}
