#include "text/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { NOT_TRAINED = -100 };

/* Appends tokens to the sequence that is being made; those of its answer are targets where they follow another. */
static int
append(struct candidates *c, const int32_t *ids, size_t n, bool answer, struct err *e)
{
	if (c->n + n > UINT32_MAX)
		return err_set(e, ERR_DATA, "more than %u tokens", UINT32_MAX);
	if (mem_grow(&c->ids, &c->cap_ids, c->n + n, sizeof *c->ids, "tokens", e) ||
	    mem_grow(&c->targets, &c->cap_targets, c->n + n, sizeof *c->targets, "targets", e))
		return -1;
	size_t start = c->k ? c->ends[c->k - 1] : 0;
	for (size_t i = 0; i < n; i++, c->n++) {
		c->ids[c->n] = ids[i];
		c->targets[c->n] = NOT_TRAINED;
		if (answer && c->n > start) {
			c->targets[c->n - 1] = ids[i];
			c->trained++;
		}
	}
	return 0;
}

/* The answer's tokens and, unless it is open, the one that ends a turn. */
static int
encode_answer(const struct chat_template *t, struct encoder *x, const struct vocab *v, const struct answers *a,
    size_t j, struct ids *to, struct err *e)
{
	uint32_t from = j ? a->ends[j - 1] : 0;
	int32_t stop = vocab_special(v, t->stop, strlen(t->stop));
	to->n = 0;
	if (encode_text(x, a->answers + from, a->ends[j] - from, to, e) ||
	    mem_grow(&to->v, &to->cap, to->n + 1, sizeof *to->v, "tokens", e))
		return -1;
	if (stop < 0)
		return err_set(e, ERR_DATA, "the vocabulary has no token `%.60s', which ends a turn", t->stop);
	if (!a->open)
		to->v[to->n++] = stop;
	return 0;
}

/* One sequence: `cut` tokens of the prompt are left out behind its beginning, then what is too long goes. */
static int
add_sequence(struct candidates *c, size_t cut, size_t length, enum overlong overlong, struct err *e)
{
	const int32_t *prompt = c->prompt.ids.v, *answer = c->answer.v;
	size_t begin = c->prompt.begin < length ? c->prompt.begin : length, n = c->prompt.ids.n, m = c->answer.n;
	size_t rest = n - begin - cut, over = n - cut + m > length ? n - cut + m - length : 0;
	size_t lost = over < m ? over : m;
	if (overlong == OVERLONG_LEFT)
		answer += lost;
	m -= lost;
	rest -= over - lost;
	c->truncated |= cut || over;
	if (append(c, prompt, begin, false, e) || append(c, prompt + begin + cut, rest, false, e) ||
	    append(c, answer, m, true, e) ||
	    mem_grow(&c->ends, &c->cap_ends, c->k + 1, sizeof *c->ends, "sequences", e) ||
	    mem_grow(&c->scored, &c->cap_scored, c->k + 1, sizeof *c->scored, "sequences", e))
		return -1;
	if (c->n == (c->k ? c->ends[c->k - 1] : 0))
		return err_set(e, ERR_DATA, "answer %zu has no tokens, nor has what comes before it", c->k + 1);
	c->ends[c->k] = (uint32_t)c->n;
	c->scored[c->k++] = (uint32_t)c->n - 1;
	return 0;
}

/* Tokens of the longest sequence. */
static int
longest(const struct chat_template *t, struct encoder *x, const struct vocab *v, const struct answers *a,
    struct candidates *c, size_t *most, struct err *e)
{
	*most = 0;
	for (size_t j = 0; j < a->k; j++) {
		if (encode_answer(t, x, v, a, j, &c->answer, e))
			return -1;
		size_t n = c->prompt.ids.n + c->answer.n;
		*most = n > *most ? n : *most;
	}
	return 0;
}

/* Whether cutting has left a sequence without its answer, or two that are equal. */
static bool
spoilt(const struct candidates *c)
{
	for (size_t i = 0, from = 0; i < c->k; from = c->ends[i++]) {
		size_t n = c->ends[i] - from, trained = 0;
		for (size_t k = from; k < c->ends[i]; k++)
			trained += c->targets[k] != NOT_TRAINED;
		if (!trained)
			return true;
		for (size_t j = i + 1, other = c->ends[i]; j < c->k; other = c->ends[j++])
			if (c->ends[j] - other == n && memcmp(c->ids + from, c->ids + other, n * sizeof *c->ids) == 0)
				return true;
	}
	return false;
}

int
candidates_render(const struct chat_template *t, struct encoder *x, const struct vocab *v, const struct answers *a,
    size_t length, enum overlong overlong, struct candidates *to, enum candidates_made *made, struct err *e)
{
	size_t most, cut = 0;
	*made = CANDIDATES_MADE;
	to->n = to->k = to->trained = 0;
	to->truncated = false;
	if (template_render(t, x, v, &a->prompt, TRAIN_LAST, true, &to->prompt, e) || longest(t, x, v, a, to, &most, e))
		return -1;
	if (most > length && overlong == OVERLONG_ERROR)
		return err_set(e, ERR_DATA, "%zu tokens, more than %zu; --overlong says what to do with it", most, length);
	if (most > length && overlong == OVERLONG_DROP) {
		*made = CANDIDATES_OVERLONG;
		return 0;
	}
	if (most > length && overlong == OVERLONG_LEFT && to->prompt.begin < length) {
		size_t there = to->prompt.ids.n - to->prompt.begin;
		cut = most - length < there ? most - length : there;
	}
	for (size_t j = 0; j < a->k; j++)
		if (encode_answer(t, x, v, a, j, &to->answer, e) || add_sequence(to, cut, length, overlong, e))
			return -1;
	if (to->truncated && spoilt(to))
		*made = CANDIDATES_CUT;
	return 0;
}

void
candidates_free(struct candidates *c)
{
	free(c->ids);
	free(c->targets);
	free(c->ends);
	free(c->scored);
	free(c->answer.v);
	chat_tokens_free(&c->prompt);
	memset(c, 0, sizeof *c);
}
