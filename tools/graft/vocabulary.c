/* The vocabulary of the result, and which of its tokens the input had. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "graft/graft.h"
#include "text/template.h"

enum { TEMPLATE_MOST = 1 << 20 };

static char *
read_template(const char *name)
{
	struct err e;
	char *text = NULL;
	size_t n = 0, cap = 0, got;
	if (template_builtin(name))
		return strdup(template_builtin(name));
	FILE *f = fopen(name, "re");
	if (!f)
		cli_die(ERR_RUNTIME, "%s: is neither chatml, llama3, plain nor completion, and cannot be read: %s", name, strerror(errno));
	do {
		if (mem_grow(&text, &cap, n + 4096, 1, "a template", &e))
			cli_fail(&e);
		got = fread(text + n, 1, cap - n - 1, f);
		n += got;
	} while (got && n <= TEMPLATE_MOST);
	if (ferror(f))
		cli_die(ERR_RUNTIME, "%s: cannot read: %s", name, strerror(errno));
	if (n > TEMPLATE_MOST)
		cli_die(ERR_DATA, "%s: is longer than %d bytes, too long for a chat template", name, TEMPLATE_MOST);
	if (memchr(text, 0, n))
		cli_die(ERR_DATA, "%s: has a NUL, which no chat template has", name);
	cli_note_input(fileno(f), name);
	fclose(f);
	text[n] = 0;
	return text;
}

static void
add_special(struct vocab *v, const char *name)
{
	struct err e;
	struct token t = {.left = -1, .right = -1, .rank = -1, .special = true};
	if (vocab_special(v, name, strlen(name)) < 0 && vocab_add(v, &t, name, strlen(name), &e))
		cli_fail(&e);
}

/* The vocabulary with further special tokens, which come last. */
static void
extend(struct grafting *g, const struct chat_template *t)
{
	struct err e;
	const struct vocab *old = &g->vocab.vocab;
	struct vocab v;
	char *begin = NULL, *end = NULL;
	if (vocab_copy(&v, old, &e))
		cli_fail(&e);
	for (size_t i = 0; i < g->o.special.n; i++) {
		if (!*g->o.special.items[i])
			cli_die(ERR_USAGE, "--special: the token needs a name");
		if (vocab_special(old, g->o.special.items[i], strlen(g->o.special.items[i])) >= 0)
			cli_die(ERR_USAGE, "--special %s: is in the vocabulary already", g->o.special.items[i]);
		add_special(&v, g->o.special.items[i]);
	}
	for (size_t i = 0; i < t->nspecial; i++)
		add_special(&v, t->special[i]);
	if (vocab_name(old, old->begin, &begin, &e) || vocab_name(old, old->end, &end, &e) || vocab_finish(&v, begin, end, &e))
		cli_fail(&e);
	if (old->chat_template && !t->text && vocab_set_template(&v, old->chat_template, &e))
		cli_fail(&e);
	if (t->text && vocab_set_template(&v, t->text, &e))
		cli_fail(&e);
	vocab_free(&g->vocab.vocab);
	g->vocab.vocab = v;
	free(begin);
	free(end);
}

static int
compare_tokens(const struct vocab *v, const struct token *a, const struct vocab *w, const struct token *b)
{
	int by_bytes = memcmp(v->bytes + a->at, w->bytes + b->at, a->size < b->size ? a->size : b->size);
	if (by_bytes || a->size != b->size)
		return by_bytes ? by_bytes : a->size < b->size ? -1 : 1;
	return (int)a->special - (int)b->special;
}

static int
by_token(const void *a, const void *b, void *vocab)
{
	const struct vocab *v = vocab;
	return compare_tokens(v, &v->tokens[*(const int32_t *)a], v, &v->tokens[*(const int32_t *)b]);
}

/* Which token of the input each of the result's was: the one of the same bytes and kind, of several that of the same id. */
static void
match_tokens(struct grafting *g, struct vocab *old)
{
	struct err e;
	const struct vocab *v = &g->vocab.vocab;
	int32_t *sorted = mem_zalloc(old->n, sizeof *sorted, "tokens", &e);
	g->rows = sorted ? mem_zalloc(v->n, sizeof *g->rows, "tokens", &e) : NULL;
	if (!g->rows)
		cli_fail(&e);
	for (size_t i = 0; i < old->n; i++)
		sorted[i] = (int32_t)i;
	qsort_r(sorted, old->n, sizeof *sorted, by_token, old);
	for (size_t i = 0; i < v->n; i++) {
		bool same = i < old->n && compare_tokens(old, &old->tokens[i], v, &v->tokens[i]) == 0;
		size_t low = 0, high = same ? 0 : old->n;
		while (low < high) {
			size_t mid = (low + high) / 2;
			if (compare_tokens(old, &old->tokens[sorted[mid]], v, &v->tokens[i]) < 0)
				low = mid + 1;
			else
				high = mid;
		}
		bool found = low < old->n && compare_tokens(old, &old->tokens[sorted[low]], v, &v->tokens[i]) == 0;
		g->rows[i] = same ? (int32_t)i : found ? sorted[low] : -1;
		g->tokens += g->rows[i] < 0;
	}
	free(sorted);
}

void
graft_vocabulary(struct grafting *g)
{
	struct err e;
	struct chat_template t = {0};
	struct vocab_file old = {0};
	bool change = g->o.special.n || g->o.template || g->o.vocabulary;
	if (g->in.tokenizer_size && (vocab_file_load_mem(&g->vocab, g->in.tokenizer, g->in.tokenizer_size, g->in.path, &e) ||
	    vocab_file_load_mem(&old, g->in.tokenizer, g->in.tokenizer_size, g->in.path, &e)))
		cli_fail(&e);
	if (!change) {
		vocab_file_free(&old);
		return;
	}
	if (!g->in.tokenizer_size)
		cli_die(ERR_DATA, "%s: the model has no vocabulary", g->in.path);
	if (old.vocab.n > g->in.cfg.vocab)
		cli_die(ERR_DATA, "%s: the model has %zu tokens, the vocabulary in it %zu", g->in.path, g->in.cfg.vocab, old.vocab.n);
	if (g->o.vocabulary) {
		vocab_file_free(&g->vocab);
		if (vocab_file_load(&g->vocab, g->o.vocabulary, &e))
			cli_fail(&e);
	}
	char *text = g->o.template ? read_template(g->o.template) : NULL;
	if (text && template_parse(&t, text, strlen(text), &e)) {
		err_prefix(&e, "%s", g->o.template);
		cli_fail(&e);
	}
	if (g->o.special.n || g->o.template)
		extend(g, &t);
	match_tokens(g, &old.vocab);
	g->cfg.vocab = g->vocab.vocab.n;
	template_free(&t);
	vocab_file_free(&old);
	free(text);
}
