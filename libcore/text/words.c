#include "text/words.h"

#include <stdlib.h>

#include "text/normalise.h"
#include "text/wordpiece.h"

/* Bytes of text up to the next special token. */
static size_t
segment(const struct vocab *v, const int32_t *ids, size_t n)
{
	size_t size = 0;
	for (size_t i = 0; i < n && !v->tokens[ids[i]].special; i++)
		size += v->tokens[ids[i]].size;
	return size;
}

static int
of_pieces(const struct vocab *v, const void *text, size_t size, const int32_t *ids, size_t n,
    int32_t *words, struct err *e)
{
	enum pretoken rule = v->type == VOCAB_BPE ? v->rule : PRETOKEN_GPT4;
	const uint8_t *p = text;
	size_t at = 0, piece_end = 0, left = 0; /* left: of the segment */
	int32_t word = -1;
	for (size_t i = 0; i < n; i++) {
		const struct token *t = &v->tokens[ids[i]];
		if (t->special) {
			at = piece_end = at + t->size;
			words[i] = ++word;
			left = 0;
			continue;
		}
		if (at == piece_end) {
			left = left ? left : segment(v, ids + i, n - i);
			if (left > size - at)
				return err_set(e, ERR_DATA, "the tokens are not those of the text");
			size_t piece = pretoken_next(rule, p + at, left);
			piece_end = at + piece;
			left -= piece;
			word++;
		}
		at += t->size;
		words[i] = word;
		/* a character's bytes and a rule's border need not agree in a char vocabulary */
		while (at > piece_end) {
			size_t piece = left ? pretoken_next(rule, p + piece_end, left) : at - piece_end;
			piece_end += piece;
			left -= left ? piece : 0;
		}
	}
	return at == size ? 0 : err_set(e, ERR_DATA, "the tokens are not those of the text");
}

static void
of_wordpieces(const struct vocab *v, const int32_t *ids, size_t n, int32_t *words)
{
	int32_t word = -1;
	for (size_t i = 0; i < n; i++)
		words[i] = word += i == 0 || !wordpiece_continues(v, ids[i]);
}

int
words_of(const struct vocab *v, const void *text, size_t size, const int32_t *ids, size_t n,
    int32_t *words, struct err *e)
{
	if (v->type == VOCAB_WORDPIECE) {
		of_wordpieces(v, ids, n, words);
		return 0;
	}
	if (vocab_exact(v))
		return of_pieces(v, text, size, ids, n, words, e);
	/* the text as it was encoded is that of the tokens */
	struct text t = {0};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = text_append(&t, v->bytes + v->tokens[ids[i]].at, v->tokens[ids[i]].size, e);
	rc = rc ? rc : of_pieces(v, t.p, t.n, ids, n, words, e);
	free(t.p);
	return rc;
}
