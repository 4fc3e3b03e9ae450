#include "text/words.h"

/* Bytes of text up to the next special token. */
static size_t
segment(const struct vocab *v, const int32_t *ids, size_t n)
{
	size_t size = 0;
	for (size_t i = 0; i < n && !v->tokens[ids[i]].special; i++)
		size += v->tokens[ids[i]].size;
	return size;
}

int
words_of(const struct vocab *v, const void *text, size_t size, const int32_t *ids, size_t n,
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
