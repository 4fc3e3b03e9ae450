#include "import/opinion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/candidates.h"

void
opinion_reset(struct opinion *o)
{
	o->answers.size = o->rater.size = o->k = o->nranks = o->npositions = o->npairs = 0;
	o->undecided = false;
	o->liked = 0;
	o->rating = o->seconds = (double)NAN;
	o->weight = 1;
	o->margin = 0;
}

void
opinion_free(struct opinion *o)
{
	free(o->answers.data);
	free(o->ends);
	free(o->ranks);
	free(o->positions);
	free(o->rater.data);
	free(o->pairs);
	free(o->pair.data);
	memset(o, 0, sizeof *o);
}

static int
append(struct ten_membuf *m, const char *text, size_t n, struct err *e)
{
	if (mem_grow(&m->data, &m->cap, m->size + n, 1, "a record", e))
		return -1;
	memcpy(m->data + m->size, text, n);
	m->size += n;
	return m->size > UINT32_MAX ? err_set(e, ERR_DATA, "more than 4 GiB of answers") : 0;
}

static int
push(uint32_t **list, size_t *n, size_t *cap, uint32_t x, struct err *e)
{
	if (mem_grow(list, cap, *n + 1, sizeof **list, "a record", e))
		return -1;
	(*list)[(*n)++] = x;
	return 0;
}

int
opinion_answer(struct opinion *o, const char *text, size_t n, struct err *e)
{
	if (n == 0)
		return err_set(e, ERR_DATA, "answer %zu is empty", o->k + 1);
	if (o->k == ANSWERS_MAX)
		return err_set(e, ERR_DATA, "more than %d answers", ANSWERS_MAX);
	return append(&o->answers, text, n, e) || push(&o->ends, &o->k, &o->cap_ends, (uint32_t)o->answers.size, e) ? -1 : 0;
}

int
opinion_rank(struct opinion *o, uint32_t rank, struct err *e)
{
	return push(&o->ranks, &o->nranks, &o->cap_ranks, rank, e);
}

int
opinion_position(struct opinion *o, uint32_t position, struct err *e)
{
	return push(&o->positions, &o->npositions, &o->cap_positions, position, e);
}

/* ---- comparisons ---- */

static const char *
answer(const struct opinion *o, size_t i, size_t *n)
{
	uint32_t from = i ? o->ends[i - 1] : 0;
	*n = o->ends[i] - from;
	return o->answers.data + from;
}

int
opinion_check_answers(const struct opinion *o, struct err *e)
{
	if (o->k == 0)
		return err_set(e, ERR_DATA, "there are no answers");
	for (size_t i = 0; i < o->k; i++)
		for (size_t j = 0; j < i; j++) {
			size_t n, m;
			const char *a = answer(o, i, &n), *b = answer(o, j, &m);
			if (n == m && memcmp(a, b, n) == 0)
				return err_set(e, ERR_DATA, "answers %zu and %zu are the same", j + 1, i + 1);
		}
	return 0;
}

int
opinion_check_ranks(struct opinion *o, struct err *e)
{
	size_t none = 0, best = 0;
	if (o->nranks != o->k)
		return err_set(e, ERR_DATA, "%zu ranks for %zu answers", o->nranks, o->k);
	if (o->npositions && o->npositions != o->k)
		return err_set(e, ERR_DATA, "%zu positions for %zu answers", o->npositions, o->k);
	for (size_t i = 0; i < o->k; i++) {
		for (size_t j = 0; j < i && o->npositions; j++)
			if (o->positions[i] == o->positions[j])
				return err_set(e, ERR_DATA, "two answers have position %u", (unsigned)o->positions[i]);
		none += o->ranks[i] == 0;
		best += o->ranks[i] == 1;
	}
	if (none && none < o->k)
		return err_set(e, ERR_DATA, "some answers have rank 0: no rank, which only all can have");
	if (o->k && !none && !best)
		return err_set(e, ERR_DATA, "no answer has rank 1");
	if (o->k == 1 && !none)
		return err_set(e, ERR_DATA, "one answer is nothing to compare");
	o->undecided = o->k == 1;
	return opinion_check_answers(o, e);
}

/* ---- clicks ---- */

int
opinion_clicks(struct opinion *o, const size_t *clicked, size_t n, struct err *e)
{
	bool *is = mem_zalloc(o->k, sizeof *is, "clicks", e);
	int rc = is ? opinion_check_answers(o, e) : -1;
	for (size_t i = 0; i < n && !rc; i++) {
		if (clicked[i] >= o->k)
			rc = err_set(e, ERR_DATA, "answer %zu was clicked, the last is %zu", clicked[i], o->k - 1);
		else
			is[clicked[i]] = true;
	}
	for (size_t i = 0; i < o->k && !rc; i++)
		for (size_t above = 0; is[i] && above < i && !rc; above++) {
			if (is[above])
				continue;
			rc = mem_grow(&o->pairs, &o->cap_pairs, o->npairs + 1, sizeof *o->pairs, "clicks", e);
			if (!rc)
				memcpy(o->pairs[o->npairs++], (uint32_t[]){(uint32_t)i, (uint32_t)above}, sizeof *o->pairs);
		}
	o->undecided = o->npairs == 0;
	o->seen |= 1u << OPINION_POSITIONS;
	free(is);
	return rc ? -1 : 0;
}

int
opinion_show_pair(struct opinion *o, size_t i, struct err *e)
{
	o->pair.size = 0;
	for (int side = 0; side < 2; side++) {
		size_t n;
		const char *text = answer(o, o->pairs[i][side], &n);
		if (append(&o->pair, text, n, e))
			return -1;
		o->pair_ends[side] = (uint32_t)o->pair.size;
	}
	return 0;
}
