#include "train/rows.h"

#include <stdlib.h>
#include <string.h>

#include "model/lm_head.h"

void
rows_reset(struct rows *r)
{
	r->tokens = r->nspans = r->n = r->trained = r->longest = 0;
}

void
rows_free(struct rows *r)
{
	free(r->ids);
	free(r->targets);
	free(r->positions);
	free(r->spans);
	free(r->ends);
	free(r->slice);
	memset(r, 0, sizeof *r);
}

static int
grow(struct rows *r, size_t n, struct err *e)
{
	size_t t = r->tokens + n;
	return mem_grow(&r->ids, &r->cap_ids, t, sizeof *r->ids, "rows", e) ||
	    mem_grow(&r->targets, &r->cap_targets, t, sizeof *r->targets, "rows", e) ||
	    mem_grow(&r->positions, &r->cap_positions, t, sizeof *r->positions, "rows", e) ||
	    mem_grow(&r->spans, &r->cap_spans, r->nspans + n, sizeof *r->spans, "rows", e) ||
	    mem_grow(&r->slice, &r->cap_slice, r->nspans + n, sizeof *r->slice, "rows", e) ||
	    mem_grow(&r->ends, &r->cap_ends, r->n + 1, sizeof *r->ends, "rows", e) ? -1 : 0;
}

static int
check(const int32_t *ids, const int32_t *targets, const int32_t *positions, size_t n, size_t vocab,
    size_t context, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (ids[i] < 0 || (size_t)ids[i] >= vocab)
			return err_set(e, ERR_DATA, "token %zu has id %d, the model's vocabulary has %zu", i,
			    ids[i], vocab);
		if (targets[i] != TARGET_NONE && (targets[i] < 0 || (size_t)targets[i] >= vocab))
			return err_set(e, ERR_DATA, "token %zu has target %d, the model's vocabulary has %zu", i,
			    targets[i], vocab);
		if (positions && (positions[i] < 0 || (size_t)positions[i] >= context))
			return err_set(e, ERR_DATA, "token %zu has position %d, the model's context is %zu", i,
			    positions[i], context);
	}
	if (!positions && n > context)
		return err_set(e, ERR_DATA, "%zu tokens, the model's context is %zu", n, context);
	return 0;
}

int
rows_add(struct rows *r, const int32_t *ids, const int32_t *targets, const int32_t *positions,
    const int32_t *documents, size_t n, size_t vocab, size_t context, struct err *e)
{
	if (check(ids, targets, positions, n, vocab, context, e) || grow(r, n, e))
		return -1;
	if (n) {
		memcpy(r->ids + r->tokens, ids, n * sizeof *ids);
		memcpy(r->targets + r->tokens, targets, n * sizeof *targets);
	}
	for (size_t i = 0; i < n; i++) {
		r->positions[r->tokens + i] = positions ? positions[i] : (int32_t)i;
		r->trained += targets[i] != TARGET_NONE;
		if (i == 0 || (documents && documents[i] != documents[i - 1]))
			r->spans[r->nspans++] = (struct span){r->tokens + i, 0, 0, r->tokens + i};
		struct span *s = &r->spans[r->nspans - 1];
		s->n++;
		r->longest = s->n > r->longest ? s->n : r->longest;
	}
	r->tokens += n;
	r->ends[r->n++] = (struct row_end){r->tokens, r->nspans};
	return 0;
}

size_t
rows_batch(struct rows *r, size_t from, size_t max_tokens, struct batch *b, const int32_t **targets)
{
	struct row_end start = from ? r->ends[from - 1] : (struct row_end){0, 0};
	size_t to = from + 1;
	while (to < r->n && r->ends[to].tokens - start.tokens <= max_tokens)
		to++;
	struct row_end end = r->ends[to - 1];
	for (size_t i = start.spans; i < end.spans; i++) {
		struct span s = r->spans[i];
		s.row -= start.tokens;
		s.key -= start.tokens;
		r->slice[i - start.spans] = s;
	}
	*b = (struct batch){end.tokens - start.tokens, r->ids + start.tokens,
	    r->positions + start.tokens, r->slice, end.spans - start.spans};
	*targets = r->targets + start.tokens;
	return to;
}
