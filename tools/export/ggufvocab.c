/* A vocabulary as GGUF has it: tokens in GPT-2's spelling, merges as pairs of spellings in the order of their ranks. There a
 * token is known by its spelling alone, so two tokens of one spelling cannot be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/ggufnames.h"
#include "common/show.h"
#include "export/export.h"
#include "text/jinja.h"
#include "text/spelling.h"
#include "text/tokenizer.h"

/* tokenizer.ggml.token_type */
enum { NORMAL = 1, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5, UNUSED_MOST = 32 };

struct spelt {
	char *text;     /* of all, one behind the other */
	size_t *ends;   /* (n) */
	size_t n;
};

static const char *
spelling(const struct spelt *s, size_t id, size_t *n)
{
	size_t from = id ? s->ends[id - 1] : 0;
	*n = s->ends[id] - from;
	return s->text + from;
}

static void
spelt_free(struct spelt *s)
{
	free(s->text);
	free(s->ends);
}

static int
spell(struct spelt *s, const struct vocab *v, struct err *e)
{
	size_t size = 0, unused = 0, bad;
	*s = (struct spelt){.n = v->n};
	for (size_t i = 0; i < v->n; i++)
		unused += v->tokens[i].size == 0;
	s->text = mem_zalloc(v->nbytes * SPELLING_MOST + unused * UNUSED_MOST, 1, "tokens", e);
	s->ends = mem_zalloc(v->n, sizeof *s->ends, "tokens", e);
	if (!s->text || !s->ends)
		return -1;
	for (size_t i = 0; i < v->n; i++) {
		size_t n;
		const uint8_t *bytes = vocab_bytes(v, (int32_t)i, &n);
		if (v->tokens[i].special && !show_is_utf8(bytes, n, &bad))
			return err_set(e, ERR_DATA, "token %zu, a special one, is not UTF-8, which GGUF's tokens are", i);
		if (v->tokens[i].special)
			memcpy(s->text + size, bytes, n); /* as it is */
		else if (n == 0) /* by the name that others give to an id that is not used */
			n = (size_t)snprintf(s->text + size, UNUSED_MOST, "[PAD%zu]", i);
		else
			n = spelling_of(bytes, n, s->text + size);
		s->ends[i] = size += n;
	}
	return 0;
}

static const struct spelt *sorting;

static int
by_spelling(const void *a, const void *b)
{
	size_t n, m, i = *(const size_t *)a, j = *(const size_t *)b;
	const char *x = spelling(sorting, i, &n), *y = spelling(sorting, j, &m);
	int order = memcmp(x, y, n < m ? n : m);
	return order ? order : n != m ? (n < m ? -1 : 1) : (i > j) - (i < j);
}

static int
check_spellings(const struct spelt *s, size_t *order, struct err *e)
{
	for (size_t i = 0; i < s->n; i++)
		order[i] = i;
	sorting = s;
	qsort(order, s->n, sizeof *order, by_spelling);
	for (size_t i = 1; i < s->n; i++) {
		size_t n, m;
		const char *x = spelling(s, order[i - 1], &n), *y = spelling(s, order[i], &m);
		if (n == m && memcmp(x, y, n) == 0)
			return err_set(e, ERR_DATA, "tokens %zu and %zu are both spelt `%.*s', which GGUF cannot tell apart", order[i - 1],
			    order[i], n < 60 ? (int)n : 60, x);
	}
	return 0;
}

static int
put_tokens(struct gguf_writer *w, const struct spelt *s, size_t rows, struct err *e)
{
	if (gguf_put_array(w, "tokenizer.ggml.tokens", GGUF_STRING, rows, e))
		return -1;
	for (size_t i = 0; i < rows; i++) {
		size_t n;
		const char *text = spelling(s, i, &n);
		if (gguf_item_text(w, text, n, e))
			return -1;
	}
	return 0;
}

static int
put_types(struct gguf_writer *w, const struct vocab *v, struct err *e)
{
	if (gguf_put_array(w, "tokenizer.ggml.token_type", GGUF_I32, v->n, e))
		return -1;
	for (size_t i = 0; i < v->n; i++) {
		const struct token *t = &v->tokens[i];
		if (gguf_item_i32(w, t->match ? USER_DEFINED : t->special ? CONTROL : t->size ? NORMAL : UNUSED, e))
			return -1;
	}
	return 0;
}

static int
put_merges(struct gguf_writer *w, const struct vocab *v, const struct spelt *s, struct err *e)
{
	size_t n = 0;
	struct more_merge *m = tokenizer_merges(v, &n, e);
	char *pair = m ? mem_zalloc(SPELLING_MOST * v->longest + 1, 1, "merges", e) : NULL;
	int rc = pair ? gguf_put_array(w, "tokenizer.ggml.merges", GGUF_STRING, n, e) : -1;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		size_t l, r;
		const char *left = spelling(s, (size_t)m[i].left, &l), *right = spelling(s, (size_t)m[i].right, &r);
		memcpy(pair, left, l);
		pair[l] = ' ';
		memcpy(pair + l + 1, right, r);
		rc = gguf_item_text(w, pair, l + 1 + r, e);
	}
	free(pair);
	free(m);
	return rc;
}

/* Where the first special token of a text begins, or the last one ends (its length, or 0, when there is none). */
static size_t
special_border(const struct chat_template *t, const char *text, bool last)
{
	size_t best = last ? 0 : strlen(text);
	for (size_t i = 0; i < t->nspecial; i++)
		for (const char *at = text; *t->special[i] && (at = strstr(at, t->special[i])); at++) {
			size_t begin = (size_t)(at - text), end = begin + strlen(t->special[i]);
			if (last ? end > best : begin < best)
				best = last ? end : begin;
		}
	return best;
}

/* The n bytes at p are the same pieces whether a letter, a digit or a mark follows them or not. */
static bool
stays_alone(enum pretoken rule, const char *p, size_t n, uint8_t *room)
{
	for (const char *next = "x1."; *next; next++) {
		memcpy(room, p, n);
		room[n] = (uint8_t)*next;
		for (size_t i = 0, piece; i < n; i += piece) {
			piece = pretoken_next(rule, room + i, n - i);
			if (pretoken_next(rule, room + i, n + 1 - i) != piece)
				return false;
		}
	}
	return true;
}

/* Nor do they join what is before them. */
static bool
starts_alone(enum pretoken rule, const char *p, size_t n, uint8_t *room)
{
	for (const char *before = "x1."; *before; before++) {
		room[0] = (uint8_t)*before;
		memcpy(room + 1, p, n);
		if (n && pretoken_next(rule, room, n + 1) != 1)
			return false;
	}
	return true;
}

/* Here the contents of a chat are made tokens of by themselves; a reader of GGUF has only the whole text between two special
 * tokens. */
static int
warn_of_borders(const struct chat_template *t, enum pretoken rule, struct err *e)
{
	uint8_t *room = mem_zalloc(strlen(t->text) + 2, 1, "a template", e);
	bool same = true;
	if (!room)
		return -1;
	for (int r = 0; r < ROLES; r++) {
		if (!t->before[r])
			continue;
		size_t from = special_border(t, t->before[r], true);
		same &= stays_alone(rule, t->before[r] + from, strlen(t->before[r]) - from, room) &&
		    starts_alone(rule, t->after[r], special_border(t, t->after[r], false), room);
	}
	free(room);
	if (!same)
		cli_warn("the chat template has text beside a content: programs that read GGUF join both to other tokens than those that"
		    " were learnt");
	return 0;
}

static int
put_template(struct gguf_writer *w, const struct vocab *v, struct err *e)
{
	struct chat_template t;
	if (!v->chat_template)
		return 0;
	if (template_parse(&t, v->chat_template, strlen(v->chat_template), e))
		return -1;
	char *jinja = template_jinja(&t, e);
	int rc = !jinja || warn_of_borders(&t, v->rule, e) || gguf_put_text(w, "tokenizer.chat_template", jinja, e) || gguf_put_u32(w, "tokenizer.ggml.eot_token_id",
	    (uint32_t)vocab_special(v, t.stop, strlen(t.stop)), e) ? -1 : 0;
	free(jinja);
	template_free(&t);
	return rc;
}

/* The tokens around a text. Where a reader finds none it takes those of GPT-2's own vocabulary by number, so that is not
 * left to chance. */
static int
put_ends(struct gguf_writer *w, const struct vocab *v, struct err *e)
{
	if (v->end < 0)
		return err_set(e, ERR_DATA, "the vocabulary has no token that ends a text, for which readers of GGUF would take token 11");
	return gguf_put_u32(w, "tokenizer.ggml.bos_token_id", (uint32_t)(v->begin < 0 ? v->end : v->begin), e) ||
	    gguf_put_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)v->end, e) ||
	    gguf_put_bool(w, "tokenizer.ggml.add_bos_token", v->begin >= 0, e) ||
	    gguf_put_bool(w, "tokenizer.ggml.add_eos_token", false, e) ? -1 : 0;
}

/* Whether a token begins within another one and ends behind it: of two such the first in a text is taken here, the longer one
 * there. */
static bool
overlaps(const struct vocab *v, int32_t first, int32_t second)
{
	size_t n, m;
	const uint8_t *a = vocab_bytes(v, first, &n), *b = vocab_bytes(v, second, &m);
	for (size_t i = 1; i < n; i++)
		if (n - i < m && memcmp(a + i, b, n - i) == 0)
			return true;
	return false;
}

/* Whether some text is cut to a piece that is spelt as the token is, which is taken for the token there. */
static bool
is_piece(const struct vocab *v, int32_t id)
{
	size_t n;
	uint8_t bytes[VOCAB_MAX_TOKEN];
	const uint8_t *name = vocab_bytes(v, id, &n);
	return spelling_bytes(name, n, bytes, sizeof bytes, &n) && pretoken_next(v->rule, bytes, n) == n;
}

/* What GGUF, or the programs that read it, would do otherwise. */
static const char *
unlike(const struct vocab *v)
{
	if (v->options & VOCAB_SPACE)
		return "puts a space before text";
	for (size_t i = 0; i < v->nspecials; i++) {
		if (v->options & VOCAB_WHOLE && is_piece(v, v->specials[i]))
			return "has special tokens that text can be cut to, where pieces that are tokens are taken whole";
		unsigned match = v->tokens[v->specials[i]].match;
		if (match & (MATCH_LEFT | MATCH_RIGHT))
			return "has added tokens that take white space with them";
		for (size_t j = 0; match && j < v->nspecials; j++)
			if (v->tokens[v->specials[j]].match && overlaps(v, v->specials[i], v->specials[j]))
				return "has added tokens that are found in any text and can overlap";
	}
	return NULL;
}

/* Normal form C where it does not go with the name of the rule, which those that read GGUF without us do not do either way. */
static int
put_rule(struct gguf_writer *w, const struct vocab *v, const struct gguf_pre *pre, struct err *e)
{
	bool nfc = v->options & VOCAB_NFC;
	return gguf_put_text(w, "tokenizer.ggml.model", "gpt2", e) || gguf_put_text(w, "tokenizer.ggml.pre", pre->name, e) ||
	    ((pre->options ^ v->options) & VOCAB_NFC && gguf_put_bool(w, GGUF_NFC_KEY, nfc, e)) ? -1 : 0;
}

int
gguf_put_vocab(struct gguf_writer *w, const struct vocab *v, size_t rows, struct err *e)
{
	struct spelt s = {0};
	if (v->type != VOCAB_BPE)
		return err_set(e, ERR_DATA, "a vocabulary of type %s; GGUF has none like it, only bpe", vocab_type_name(v->type));
	if (v->n != rows)
		return err_set(e, ERR_DATA, "the model has %zu token embeddings, its vocabulary %zu tokens", rows, v->n);
	const char *why = unlike(v);
	if (why)
		return err_set(e, ERR_DATA, "the vocabulary %s, which is not written to GGUF", why);
	const struct gguf_pre *pre = gguf_pre_of(v->rule, v->options);
	if (!pre)
		return err_set(e, ERR_DATA, "the vocabulary cuts text by the rule %s%s, for which GGUF has no name", pretoken_name(v->rule),
		    v->options & VOCAB_WHOLE ? " and takes pieces that are tokens whole" : "");
	size_t *order = mem_zalloc(v->n, sizeof *order, "tokens", e);
	int rc = !order || spell(&s, v, e) || check_spellings(&s, order, e) ||
	    put_rule(w, v, pre, e) || put_tokens(w, &s, v->n, e) || put_types(w, v, e) || put_merges(w, v, &s, e) || put_ends(w, v, e) ||
	    put_template(w, v, e) ? -1 : 0;
	if (rc == 0 && v->options & VOCAB_NFC)
		cli_warn("the vocabulary puts text into normal form C, which programs that read GGUF leave to those who give them text");
	spelt_free(&s);
	free(order);
	return rc;
}
