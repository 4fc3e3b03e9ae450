/* The vocabulary of a GGUF file: tokens by their spelling, merges as pairs of spellings, the first the lowest in rank. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/ggufnames.h"
#include "common/vocabio.h"
#include "import/ggufmodel.h"
#include "text/spelling.h"

/* tokenizer.ggml.token_type */
enum { NORMAL = 1, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5 };

struct spelt {
	const uint8_t *p;
	uint64_t n;
	size_t id;
};

static int
by_text(const struct spelt *a, const void *p, uint64_t n)
{
	int order = memcmp(a->p, p, a->n < n ? a->n : n);
	return order ? order : a->n < n ? -1 : a->n > n;
}

static int
by_spelling(const void *a, const void *b)
{
	const struct spelt *y = b;
	return by_text(a, y->p, y->n);
}

/* An array of the file, NULL with *e filled when it is not there, not of this kind or not of n items (0: any number). */
static const struct gguf_value *
get_array(const struct gguf *g, const char *key, enum gguf_kind item, uint64_t n, struct err *e)
{
	const struct gguf_value *v = gguf_get(g, key);
	if (v && v->kind == GGUF_ARRAY && v->item == item && v->n && (!n || v->n == n))
		return v;
	err_set(e, ERR_DATA, "%s is missing, or not an array as long and of the kind that it should be", key);
	return NULL;
}

/* The token of a spelling; n when there is none. */
static size_t
find(const struct spelt *sorted, size_t n, const void *p, uint64_t size)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = by_text(&sorted[mid], p, size);
		if (order == 0)
			return sorted[mid].id;
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return n;
}

/* The tokens that a merge, two spellings with a space between, is of; false when one is not there. */
static bool
find_merge(const struct spelt *sorted, size_t n, const uint8_t *text, uint64_t size, size_t id[3], uint8_t *joined)
{
	const uint8_t *space = size > 2 ? memchr(text + 1, ' ', size - 1) : NULL;
	if (!space)
		return false;
	uint64_t left = (uint64_t)(space - text), right = size - left - 1;
	memcpy(joined, text, left);
	memcpy(joined + left, space + 1, right);
	id[0] = find(sorted, n, text, left);
	id[1] = find(sorted, n, space + 1, right);
	id[2] = find(sorted, n, joined, left + right);
	return id[0] < n && id[1] < n && id[2] < n;
}

static int
read_merges(const struct gguf *g, struct vocab *v, const struct spelt *sorted, struct token *tokens, size_t n, struct err *e)
{
	const struct gguf_value *all = gguf_get(g, "tokenizer.ggml.merges");
	uint8_t *joined = mem_zalloc(2 * SPELLING_MOST * VOCAB_MAX_TOKEN, 1, "a merge", e);
	if (!joined)
		return -1;
	int rc = all && (all->kind != GGUF_ARRAY || all->item != GGUF_STRING || all->n > VOCAB_MAX_TOKENS)
	    ? err_set(e, ERR_DATA, "tokenizer.ggml.merges is not an array of strings") : 0;
	const uint8_t *at = all ? all->data : NULL;
	for (uint64_t i = 0; all && rc == 0 && i < all->n; i++) {
		uint64_t size;
		size_t id[3];
		const uint8_t *text = gguf_next(&at, &size);
		if (size > 2 * SPELLING_MOST * VOCAB_MAX_TOKEN || !find_merge(sorted, n, text, size, id, joined))
			rc = err_set(e, ERR_DATA, "merge %llu is not of two tokens to a third", (unsigned long long)i);
		else if (tokens[id[2]].rank >= 0) {
			struct more_merge m = {(int32_t)id[2], (int32_t)id[0], (int32_t)id[1], (int32_t)i};
			rc = vocab_add_merge(v, &m, e);
		} else {
			tokens[id[2]].left = (int32_t)id[0];
			tokens[id[2]].right = (int32_t)id[1];
			tokens[id[2]].rank = (int32_t)i;
		}
	}
	free(joined);
	return rc;
}

static int
add_token(struct vocab *v, const struct spelt *s, int32_t type, const struct token *t, struct err *e)
{
	uint8_t bytes[VOCAB_MAX_TOKEN];
	struct token to = *t;
	size_t n = (size_t)s->n;
	if (type != NORMAL && type != CONTROL && type != USER_DEFINED && type != UNUSED)
		return err_set(e, ERR_DATA, "token %zu is of type %d, neither normal, control, user-defined nor unused", v->n, type);
	if (type == UNUSED && t->rank < 0)
		return vocab_add(v, t, NULL, 0, e);
	to.special = type == CONTROL || type == USER_DEFINED;
	to.match = type == USER_DEFINED ? MATCH_ALWAYS : 0;
	if (s->n > (to.special ? VOCAB_MAX_TOKEN : SPELLING_MOST * VOCAB_MAX_TOKEN))
		return err_set(e, ERR_DATA, "token %zu is too long", v->n);
	if (to.special)
		memcpy(bytes, s->p, n);
	else if (!spelling_bytes(s->p, n, bytes, sizeof bytes, &n))
		return err_set(e, ERR_DATA, "token %zu is not spelt as bytes", v->n);
	return vocab_add(v, &to, bytes, n, e);
}

/* A token is known by its spelling alone; several may have none, as ids that are not used. */
static int
check_spellings(const struct spelt *sorted, size_t n, struct err *e)
{
	for (size_t i = 1; i < n; i++)
		if (sorted[i].n && by_spelling(&sorted[i - 1], &sorted[i]) == 0)
			return err_set(e, ERR_DATA, "tokens %zu and %zu have one spelling", sorted[i - 1].id, sorted[i].id);
	return 0;
}

static int
read_tokens(const struct gguf *g, struct vocab *v, struct err *e)
{
	const struct gguf_value *tokens = get_array(g, "tokenizer.ggml.tokens", GGUF_STRING, 0, e);
	const struct gguf_value *types = tokens ? get_array(g, "tokenizer.ggml.token_type", GGUF_I32, tokens->n, e) : NULL;
	if (!types)
		return -1;
	size_t n = (size_t)tokens->n;
	struct spelt *all = mem_zalloc(n, sizeof *all, "tokens", e), *sorted = mem_zalloc(n, sizeof *sorted, "tokens", e);
	struct token *merged = mem_zalloc(n, sizeof *merged, "tokens", e);
	int rc = all && sorted && merged ? 0 : -1;
	const uint8_t *at = tokens->data;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		all[i].p = gguf_next(&at, &all[i].n);
		all[i].id = i;
		merged[i] = (struct token){.left = -1, .right = -1, .rank = -1};
	}
	if (rc == 0) {
		memcpy(sorted, all, n * sizeof *all);
		qsort(sorted, n, sizeof *sorted, by_spelling);
		rc = check_spellings(sorted, n, e) || read_merges(g, v, sorted, merged, n, e) ? -1 : 0;
	}
	for (size_t i = 0; rc == 0 && i < n; i++) {
		int32_t type;
		memcpy(&type, types->data + i * sizeof type, sizeof type);
		rc = add_token(v, &all[i], type, &merged[i], e);
	}
	free(all);
	free(sorted);
	free(merged);
	return rc;
}

/* The id that `key` has; -1 when there is none. */
static int64_t
id_of(const struct gguf *g, const char *key)
{
	uint64_t id;
	const struct gguf_value *value = gguf_get(g, key);
	return value && gguf_whole(value, &id) && id < VOCAB_MAX_TOKENS ? (int64_t)id : -1;
}

static int
set_template(const struct gguf *g, struct vocab *v, struct err *e)
{
	const struct gguf_value *text = gguf_get(g, "tokenizer.chat_template");
	int known = text && text->kind == GGUF_STRING ? vocab_set_jinja(v, (const char *)text->data, text->n, e) : 0;
	if (text && known == 0)
		cli_warn("left out: the chat template, which is none that is built in; tgraft --template gives the model one");
	return known < 0 ? -1 : 0;
}

int
gguf_get_vocab(const struct gguf *g, struct vocab *v, struct err *e)
{
	const struct gguf_value *name = gguf_get(g, "tokenizer.ggml.pre"), *begins = gguf_get(g, "tokenizer.ggml.add_bos_token");
	const struct gguf_value *nfc = gguf_get(g, GGUF_NFC_KEY);
	memset(v, 0, sizeof *v);
	if (!gguf_is_text(gguf_get(g, "tokenizer.ggml.model"), "gpt2"))
		return err_set(e, ERR_DATA, "tokenizer.ggml.model is not gpt2, the only kind of tokenizer that can be read");
	const struct gguf_pre *pre = name && name->kind == GGUF_STRING ? gguf_pre_named(name->data, name->n) : NULL;
	if (!pre)
		return err_set(e, ERR_DATA, "tokenizer.ggml.pre names no rule that is known here");
	vocab_init(v, VOCAB_BPE, (enum pretoken)pretoken_of(pre->rule));
	v->options = pre->options;
	if (nfc && nfc->kind != GGUF_BOOL)
		return err_set(e, ERR_DATA, "%s is neither true nor false", GGUF_NFC_KEY);
	if (nfc)
		v->options = (v->options & ~(unsigned)VOCAB_NFC) | (*nfc->data ? VOCAB_NFC : 0u);
	if (read_tokens(g, v, e))
		return -1;
	bool bos = begins && begins->kind == GGUF_BOOL ? *begins->data != 0 : pre->begins;
	char *begin = NULL, *end = NULL;
	int rc = vocab_name(v, bos ? id_of(g, "tokenizer.ggml.bos_token_id") : -1, &begin, e) ||
	    vocab_name(v, id_of(g, "tokenizer.ggml.eos_token_id"), &end, e) || vocab_finish(v, begin, end, e) ||
	    set_template(g, v, e) ? -1 : 0;
	free(begin);
	free(end);
	return rc;
}
