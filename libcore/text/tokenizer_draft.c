#include "text/tokenizer_draft.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/spelling.h"

void
draft_free(struct draft *d)
{
	free(d->tokens);
	memset(d, 0, sizeof *d);
}

int
draft_put(struct draft *d, json_int_t id, const char *name, size_t n, struct err *e)
{
	if (id < 0 || id >= VOCAB_MAX_TOKENS)
		return err_set(e, ERR_DATA, "token `%.40s' has the id %lld, which cannot be", name, (long long)id);
	size_t i = (size_t)id, before = d->n;
	if (mem_grow(&d->tokens, &d->cap, i + 1, sizeof *d->tokens, "tokens", e))
		return -1;
	d->n = i + 1 > before ? i + 1 : before;
	for (size_t j = before; j < d->n; j++)
		d->tokens[j] = (struct draft_token){.left = -1, .right = -1, .rank = -1};
	if (d->tokens[i].name)
		return err_set(e, ERR_DATA, "tokens `%.40s' and `%.40s' have one id, %zu", d->tokens[i].name, name, i);
	d->tokens[i].name = name;
	d->tokens[i].n = n;
	d->used++;
	return 0;
}

int
draft_vocab(struct draft *d, const json_t *vocab, struct err *e)
{
	const char *name;
	json_t *id, *object = (json_t *)(uintptr_t)vocab; /* is not changed */
	size_t count = json_object_size(vocab), n;
	if (!json_is_object(vocab))
		return err_set(e, ERR_DATA, "the vocabulary is not an object of tokens and ids");
	json_object_keylen_foreach(object, name, n, id) {
		if (!json_is_integer(id))
			return err_set(e, ERR_DATA, "the id of token `%.40s' is not a whole number", name);
		/* so that a small file cannot ask for much memory */
		if (json_integer_value(id) >= (json_int_t)(2 * count + 65536))
			return err_set(e, ERR_DATA, "token `%.40s' has the id %lld, of %zu tokens", name,
			    (long long)json_integer_value(id), count);
		if (draft_put(d, json_integer_value(id), name, n, e))
			return -1;
	}
	return 0;
}

static int32_t
id_of(const json_t *vocab, const char *name, size_t n)
{
	const json_t *id = json_object_getn(vocab, name, n);
	return id ? (int32_t)json_integer_value(id) : -1;
}

int
draft_merge(struct draft *d, struct vocab *v, const json_t *vocab, const char *left, size_t nleft, const char *right,
    size_t nright, int32_t rank, struct err *e)
{
	char both[4096];
	if (nleft == 0 || nright == 0 || nleft + nright > sizeof both)
		return err_set(e, ERR_DATA, "merge %d: `%.*s' and `%.*s' cannot be merged", rank, (int)(nleft < 40 ? nleft : 40), left,
		    (int)(nright < 40 ? nright : 40), right);
	memcpy(both, left, nleft);
	memcpy(both + nleft, right, nright);
	int32_t l = id_of(vocab, left, nleft), r = id_of(vocab, right, nright), id = id_of(vocab, both, nleft + nright);
	if (l < 0 || r < 0 || id < 0)
		return err_set(e, ERR_DATA, "merge %d: `%.*s' and `%.*s': %s is not a token", rank, (int)(nleft < 40 ? nleft : 40), left,
		    (int)(nright < 40 ? nright : 40), right, l < 0 ? "the first" : r < 0 ? "the second" : "what they make");
	struct draft_token *t = &d->tokens[id];
	if (t->rank >= 0) {
		struct more_merge m = {id, l, r, rank};
		return vocab_add_merge(v, &m, e);
	}
	t->left = l;
	t->right = r;
	t->rank = rank;
	return 0;
}

static int
add(const struct draft_token *t, struct vocab *v, struct err *e)
{
	uint8_t bytes[4096];
	size_t n;
	struct token to = {.left = t->left, .right = t->right, .rank = t->rank, .special = t->special, .match = t->match};
	if (!t->name || t->special || v->type != VOCAB_BPE)
		return vocab_add(v, &to, t->name, t->n, e);
	if (t->n > sizeof bytes)
		return err_set(e, ERR_DATA, "token %zu, `%.40s', is too long", v->n, t->name);
	if (!spelling_bytes((const uint8_t *)t->name, t->n, bytes, sizeof bytes, &n) || n == 0)
		return err_set(e, ERR_DATA, "token %zu, `%.40s', is neither special nor written in the alphabet of byte-level BPE", v->n,
		    t->name);
	return vocab_add(v, &to, bytes, n, e);
}

int
draft_finish(const struct draft *d, struct vocab *v, struct err *e)
{
	for (size_t i = 0; i < d->n; i++)
		if (add(&d->tokens[i], v, e))
			return -1;
	return 0;
}
