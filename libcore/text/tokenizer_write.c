/* A vocabulary as tokenizer.json. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/spelling.h"
#include "text/tokenizer.h"
#include "text/utf8.h"
#include "text/wordpiece.h"

static int
puts_to(struct text *to, const char *s, struct err *e)
{
	return text_append(to, s, strlen(s), e);
}

static int
put_number(struct text *to, size_t number, struct err *e)
{
	char digits[24];
	snprintf(digits, sizeof digits, "%zu", number);
	return puts_to(to, digits, e);
}

/* A JSON string; ERR_DATA when the bytes are not UTF-8, or NUL, which readers do not take in names. */
static int
put_string(struct text *to, const void *p, size_t n, struct err *e)
{
	const uint8_t *s = p;
	if (puts_to(to, "\"", e))
		return -1;
	for (size_t i = 0, length; i < n; i += length) {
		int32_t cp;
		char escaped[8];
		length = utf8_next(s + i, n - i, &cp);
		if (cp <= 0)
			return err_set(e, ERR_DATA, "a token %s, which JSON cannot hold", cp ? "is not UTF-8" : "has a NUL");
		if (cp == '"' || cp == '\\')
			snprintf(escaped, sizeof escaped, "\\%c", (char)cp);
		else
			snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)cp & 0xffff);
		if (cp < 0x20 || cp == '"' || cp == '\\' ? puts_to(to, escaped, e) : text_append(to, s + i, length, e))
			return -1;
	}
	return puts_to(to, "\"", e);
}

/* The name of a token in the model: byte-level BPE's in GPT-2's alphabet, others as they are. */
static int
put_name(struct text *to, const struct vocab *v, int32_t id, struct err *e)
{
	const struct token *t = &v->tokens[id];
	if (v->type == VOCAB_WORDPIECE || t->special)
		return put_string(to, v->bytes + t->at, t->size, e);
	char *spelled = mem_zalloc(t->size, SPELLING_MOST, "a name", e);
	int rc = spelled ? put_string(to, spelled, spelling_of(v->bytes + t->at, t->size, spelled), e) : -1;
	free(spelled);
	return rc;
}

/* ---- parts ---- */

static int
put_added(struct text *to, const struct vocab *v, struct err *e)
{
	size_t count = 0;
	if (puts_to(to, "  \"added_tokens\": [", e))
		return -1;
	for (size_t i = 0; i < v->n; i++) {
		const struct token *t = &v->tokens[i];
		char rest[160];
		if (!t->special)
			continue;
		snprintf(rest, sizeof rest, ", \"single_word\": false, \"lstrip\": %s, \"rstrip\": %s, \"normalized\": false, \"special\": %s}",
		    t->match & MATCH_LEFT ? "true" : "false", t->match & MATCH_RIGHT ? "true" : "false",
		    t->match & MATCH_ALWAYS ? "false" : "true");
		if (puts_to(to, count++ ? ",\n    {\"id\": " : "\n    {\"id\": ", e) || put_number(to, i, e) ||
		    puts_to(to, ", \"content\": ", e) || put_string(to, v->bytes + t->at, t->size, e) || puts_to(to, rest, e))
			return -1;
	}
	return puts_to(to, count ? "\n  ],\n" : "],\n", e);
}

static const char *
truth(const struct vocab *v, unsigned option)
{
	return v->options & option ? "true" : "false";
}

/* What is done to text before the model sees it. */
static int
put_normaliser(struct text *to, const struct vocab *v, struct err *e)
{
	char bert[256];
	snprintf(bert, sizeof bert, "  \"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": %s, \"handle_chinese_chars\": %s, "
	    "\"strip_accents\": %s, \"lowercase\": %s},\n", truth(v, VOCAB_CLEAN), truth(v, VOCAB_CJK), truth(v, VOCAB_ACCENTS),
	    truth(v, VOCAB_LOWER));
	return puts_to(to, v->type == VOCAB_WORDPIECE ? bert : v->options & VOCAB_NFC ? "  \"normalizer\": {\"type\": \"NFC\"},\n"
	    : "  \"normalizer\": null,\n", e);
}

static int
put_pretokeniser(struct text *to, const struct vocab *v, struct err *e)
{
	static const char plain[] = "{\"type\": \"ByteLevel\", \"add_prefix_space\": ", after[] =
	    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": ";
	if (puts_to(to, "  \"pre_tokenizer\": ", e))
		return -1;
	if (v->type == VOCAB_WORDPIECE)
		return puts_to(to, "{\"type\": \"BertPreTokenizer\"},\n", e);
	if (v->type == VOCAB_BYTE)
		return puts_to(to, after, e) || puts_to(to, "false},\n", e) ? -1 : 0;
	if (v->rule == PRETOKEN_GPT2)
		return puts_to(to, plain, e) || puts_to(to, truth(v, VOCAB_SPACE), e) ||
		    puts_to(to, ", \"trim_offsets\": true, \"use_regex\": true},\n", e) ? -1 : 0;
	if (v->options & VOCAB_SPACE)
		return err_set(e, ERR_DATA, "tokenizer.json has no space before text together with the pattern %s",
		    pretoken_name(v->rule));
	if (puts_to(to, "{\"type\": \"Sequence\", \"pretokenizers\": [", e))
		return -1;
	const char *regex = pretoken_regex(v->rule);
	if (!regex)
		return puts_to(to, "{\"type\": \"Digits\", \"individual_digits\": true}, ", e) || puts_to(to, after, e) ||
		    puts_to(to, "true}]},\n", e) ? -1 : 0;
	return puts_to(to, "{\"type\": \"Split\", \"pattern\": {\"Regex\": ", e) || put_string(to, regex, strlen(regex), e) ||
	    puts_to(to, "}, \"behavior\": \"Isolated\", \"invert\": false}, ", e) || puts_to(to, after, e) ||
	    puts_to(to, "false}]},\n", e) ? -1 : 0;
}

/* {"SpecialToken": {"id": NAME, "type_id": 0}} */
static int
put_step(struct text *to, const struct vocab *v, int32_t id, struct err *e)
{
	return puts_to(to, "{\"SpecialToken\": {\"id\": ", e) ||
	    put_string(to, v->bytes + v->tokens[id].at, v->tokens[id].size, e) || puts_to(to, ", \"type_id\": 0}}", e) ? -1 : 0;
}

/* The text, and the tokens around it; of a pair, the same with both, which tokenizer.json cannot leave out. */
static int
put_steps(struct text *to, const struct vocab *v, int texts, struct err *e)
{
	if (v->begin >= 0 && (put_step(to, v, v->begin, e) || puts_to(to, ", ", e)))
		return -1;
	if (puts_to(to, texts == 1 ? "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}" : "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, "
	    "{\"Sequence\": {\"id\": \"B\", \"type_id\": 1}}", e))
		return -1;
	return v->end >= 0 && (puts_to(to, ", ", e) || put_step(to, v, v->end, e)) ? -1 : 0;
}

static int
put_names(struct text *to, const struct vocab *v, struct err *e)
{
	int32_t around[2] = {v->begin, v->end == v->begin ? -1 : v->end};
	bool first = true;
	for (int i = 0; i < 2; i++) {
		if (around[i] < 0)
			continue;
		const struct token *t = &v->tokens[around[i]];
		if ((!first && puts_to(to, ", ", e)) || put_string(to, v->bytes + t->at, t->size, e) ||
		    puts_to(to, ": {\"id\": ", e) || put_string(to, v->bytes + t->at, t->size, e) || puts_to(to, ", \"ids\": [", e) ||
		    put_number(to, (size_t)around[i], e) || puts_to(to, "], \"tokens\": [", e) ||
		    put_string(to, v->bytes + t->at, t->size, e) || puts_to(to, "]}", e))
			return -1;
		first = false;
	}
	return 0;
}

static int
put_processor(struct text *to, const struct vocab *v, struct err *e)
{
	const char *decoder = v->type == VOCAB_WORDPIECE ? "  \"decoder\": {\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": false},\n" :
	    "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": true},\n";
	if (v->begin < 0 && v->end < 0)
		return puts_to(to, "  \"post_processor\": null,\n", e) || puts_to(to, decoder, e) ? -1 : 0;
	return puts_to(to, "  \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [", e) || put_steps(to, v, 1, e) ||
	    puts_to(to, "], \"pair\": [", e) || put_steps(to, v, 2, e) || puts_to(to, "], \"special_tokens\": {", e) ||
	    put_names(to, v, e) || puts_to(to, "}},\n", e) || puts_to(to, decoder, e) ? -1 : 0;
}

/* ---- the model ---- */

/* The tokens with their ids, special ones, too, so that a reader gives these no others. */
static int
put_vocab(struct text *to, const struct vocab *v, struct err *e)
{
	json_t *names = json_object();
	int rc = names ? puts_to(to, "    \"vocab\": {", e) : err_nomem(e, 0, "names of tokens");
	for (size_t i = 0, count = 0; rc == 0 && i < v->n; i++) {
		if (v->tokens[i].size == 0)
			continue;
		rc = puts_to(to, count++ ? ",\n      " : "\n      ", e);
		size_t from = to->n;
		rc = rc || put_name(to, v, (int32_t)i, e) ? -1 : 0;
		const char *name = (const char *)to->p + from;
		if (rc == 0 && json_object_getn(names, name, to->n - from))
			rc = err_set(e, ERR_DATA, "token %zu is written as another one, %.*s", i, (int)(to->n - from), name);
		else if (rc == 0 && json_object_setn_nocheck(names, name, to->n - from, json_true()))
			rc = err_nomem(e, to->n - from, "names of tokens");
		rc = rc || puts_to(to, ": ", e) || put_number(to, i, e) ? -1 : 0;
	}
	json_decref(names);
	return rc ? -1 : puts_to(to, "\n    }", e);
}

static int
by_rank(const void *a, const void *b)
{
	const struct more_merge *x = a, *y = b;
	return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : x->left != y->left ? (x->left < y->left ? -1 : 1) : 0;
}

/* Of merges that share a rank the leftmost of a text comes first, of those with ranks of their own the lowest: the same unless
 * two that overlap share one, as (a, aa) and (aa, a). */
static int
check_order(const struct more_merge *m, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n && m[j].rank == m[i].rank; j++)
			if (m[i].right == m[j].left || m[j].right == m[i].left)
				return err_set(e, ERR_DATA, "token %d is merged in two ways that overlap, by one rank, which no list of "
				    "merges can say", m[i].id);
	return 0;
}

struct more_merge *
tokenizer_merges(const struct vocab *v, size_t *n, struct err *e)
{
	struct more_merge *m = mem_zalloc(v->n + v->nmore, sizeof *m, "merges", e);
	if (!m)
		return NULL;
	*n = 0;
	for (size_t i = 0; i < v->n; i++)
		if (v->tokens[i].rank >= 0)
			m[(*n)++] = (struct more_merge){(int32_t)i, v->tokens[i].left, v->tokens[i].right, v->tokens[i].rank};
	if (v->nmore)
		memcpy(m + *n, v->more, v->nmore * sizeof *m);
	*n += v->nmore;
	qsort(m, *n, sizeof *m, by_rank);
	if (check_order(m, *n, e)) {
		free(m);
		return NULL;
	}
	return m;
}

static int
put_merges(struct text *to, const struct vocab *v, struct err *e)
{
	size_t n;
	struct more_merge *m = tokenizer_merges(v, &n, e);
	int rc = m ? puts_to(to, ",\n    \"merges\": [", e) : -1;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = puts_to(to, i ? ",\n      [" : "\n      [", e) || put_name(to, v, m[i].left, e) || puts_to(to, ", ", e) ||
		    put_name(to, v, m[i].right, e) || puts_to(to, "]", e) ? -1 : 0;
	free(m);
	return rc ? -1 : puts_to(to, "\n    ]", e);
}

static int
put_model(struct text *to, const struct vocab *v, struct err *e)
{
	if (v->type == VOCAB_WORDPIECE)
		return puts_to(to, "  \"model\": {\n    \"type\": \"WordPiece\", \"unk_token\": ", e) ||
		    put_string(to, v->bytes + v->tokens[v->unknown].at, v->tokens[v->unknown].size, e) ||
		    puts_to(to, ", \"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": ", e) ||
		    put_number(to, WORDPIECE_MAX, e) || puts_to(to, ",\n", e) || put_vocab(to, v, e) ? -1 : 0;
	return puts_to(to, "  \"model\": {\n    \"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, \"continuing_subword_prefix\": null, "
	    "\"end_of_word_suffix\": null, \"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": ", e) ||
	    puts_to(to, truth(v, VOCAB_WHOLE), e) || puts_to(to, ",\n", e) || put_vocab(to, v, e) || put_merges(to, v, e) ? -1 : 0;
}

int
tokenizer_write(const struct vocab *v, struct text *to, struct err *e)
{
	if (v->type == VOCAB_CHAR)
		return err_set(e, ERR_DATA, "tokenizer.json is written of bpe, bytes and wordpiece, not of a %s vocabulary",
		    vocab_type_name(v->type));
	return puts_to(to, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n", e) || put_added(to, v, e) ||
	    put_normaliser(to, v, e) || put_pretokeniser(to, v, e) || put_processor(to, v, e) || put_model(to, v, e) ||
	    puts_to(to, "\n  }\n}\n", e) ? -1 : 0;
}
