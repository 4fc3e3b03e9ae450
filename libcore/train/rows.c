#include "train/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/lm_head.h"

void
rows_reset(struct rows *r)
{
	r->tokens = r->nspans = r->n = r->trained = r->longest = r->ncandidates = 0;
}

void
rows_free(struct rows *r)
{
	free(r->ids);
	free(r->targets);
	free(r->positions);
	free(r->types);
	free(r->spans);
	free(r->ends);
	free(r->values);
	free(r->judged);
	free(r->candidates);
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
	    mem_grow(&r->types, &r->cap_types, t, sizeof *r->types, "rows", e) ||
	    mem_grow(&r->spans, &r->cap_spans, r->nspans + n, sizeof *r->spans, "rows", e) ||
	    mem_grow(&r->slice, &r->cap_slice, r->nspans + n, sizeof *r->slice, "rows", e) ||
	    mem_grow(&r->ends, &r->cap_ends, r->n + 1, sizeof *r->ends, "rows", e) ? -1 : 0;
}

static int
check_range(const int32_t *v, size_t n, size_t below, int32_t except, const char *what, const char *whose,
    struct err *e)
{
	for (size_t i = 0; v && i < n; i++)
		if (v[i] != except && (v[i] < 0 || (size_t)v[i] >= below))
			return err_set(e, ERR_DATA, "token %zu has %s %d, the model's %s %zu", i, what, v[i], whose, below);
	return 0;
}

static int
check_candidates(const struct row *w, const struct config *c, struct err *e)
{
	const struct judged *j = &w->judged;
	for (size_t i = 0, from = 0; i < w->k; from = w->ends[i++]) {
		if (w->ends[i] <= from || w->ends[i] > w->n)
			return err_set(e, ERR_DATA, "answer %zu is tokens %zu to %u of %zu", i + 1, from, w->ends[i], w->n);
		if (w->ends[i] - from > c->context)
			return err_set(e, ERR_DATA, "answer %zu has %zu tokens, the model's context is %zu", i + 1, w->ends[i] - from,
			    c->context);
		if (w->scored[i] < from || w->scored[i] >= w->ends[i])
			return err_set(e, ERR_DATA, "answer %zu is scored at token %u, but is tokens %zu to %u", i + 1, w->scored[i], from,
			    w->ends[i]);
		if (w->ranks && w->ranks[i] == 0)
			return err_set(e, ERR_DATA, "answer %zu has no rank", i + 1);
		if (w->reference && !isfinite(w->reference[i]))
			return err_set(e, ERR_DATA, "the reference of answer %zu is not finite", i + 1);
	}
	if (w->ends[w->k - 1] != w->n)
		return err_set(e, ERR_DATA, "the last answer ends at token %u of %zu", w->ends[w->k - 1], w->n);
	if (!isfinite(j->weight) || j->weight < 0 || !isfinite(j->margin) || isinf(j->rating) || j->liked < -1 || j->liked > 1)
		return err_set(e, ERR_DATA, "weight %g, margin %g, rating %g, liked %d: not all are numbers to learn from", j->weight,
		    j->margin, j->rating, j->liked);
	return 0;
}

static int
check(const struct row *w, const struct config *c, struct err *e)
{
	if (w->k && check_candidates(w, c, e))
		return -1;
	if (!w->k && !w->positions && w->n > c->context)
		return err_set(e, ERR_DATA, "%zu tokens, the model's context is %zu", w->n, c->context);
	return check_range(w->ids, w->n, c->vocab, 0, "id", "vocabulary has", e) ||
	    check_range(w->targets, w->n, w->tags ? c->outputs : c->vocab, TARGET_NONE, w->tags ? "tag" : "target",
	        w->tags ? "head has" : "vocabulary has", e) ||
	    check_range(w->positions, w->n, c->context, 0, "position", "context is", e) ||
	    check_range(w->types, w->n, c->types, 0, "type", "token types are", e) ? -1 : 0;
}

static int
add_candidates(struct rows *r, const struct row *w, struct err *e)
{
	size_t first = r->ncandidates;
	if (mem_grow(&r->judged, &r->cap_judged, r->n + 1, sizeof *r->judged, "judgements", e) ||
	    mem_grow(&r->candidates, &r->cap_candidates, first + w->k, sizeof *r->candidates, "candidates", e))
		return -1;
	for (size_t i = 0; i < w->k; i++)
		r->candidates[first + i] = (struct candidate){r->tokens + (i ? w->ends[i - 1] : 0), r->tokens + w->ends[i],
		    r->tokens + w->scored[i], w->ranks ? w->ranks[i] : 0, w->reference ? (double)w->reference[i] : (double)NAN};
	r->judged[r->n] = w->judged;
	r->judged[r->n].first = first;
	r->judged[r->n].k = w->k;
	r->judged[r->n].ranked = w->ranks != NULL;
	r->ncandidates += w->k;
	return 0;
}

int
rows_add(struct rows *r, const struct row *w, const struct config *c, struct err *e)
{
	size_t n = w->n, at = r->tokens, sequence = 0, start = 0;
	if (check(w, c, e) || grow(r, n, e) || (w->k && add_candidates(r, w, e)))
		return -1;
	for (size_t i = 0; i < n; i++) {
		bool next = w->k && i == w->ends[sequence];
		sequence += next;
		start = next ? i : start;
		r->ids[at + i] = w->ids[i];
		r->targets[at + i] = w->targets ? w->targets[i] : TARGET_NONE;
		r->positions[at + i] = w->positions ? w->positions[i] : (int32_t)(i - start);
		r->types[at + i] = w->types ? w->types[i] : 0;
		r->trained += r->targets[at + i] != TARGET_NONE;
		if (i == 0 || next || (w->documents && w->documents[i] != w->documents[i - 1]))
			r->spans[r->nspans++] = (struct span){at + i, 0, 0, at + i};
		struct span *s = &r->spans[r->nspans - 1];
		s->n++;
		r->longest = s->n > r->longest ? s->n : r->longest;
	}
	if (w->values) {
		if (mem_grow(&r->values, &r->cap_values, (r->n + 1) * c->outputs, sizeof *r->values, "rows", e))
			return -1;
		memcpy(r->values + r->n * c->outputs, w->values, c->outputs * sizeof *r->values);
	}
	r->tokens += n;
	r->ends[r->n++] = (struct row_end){r->tokens, r->nspans, w->source, w->key, w->label};
	return 0;
}

void
rows_ends(const struct rows *r, size_t from, size_t to, size_t *ends)
{
	size_t start = from ? r->ends[from - 1].tokens : 0;
	for (size_t i = from; i < to; i++)
		ends[i - from] = r->ends[i].tokens - start;
}

size_t
rows_batch(struct rows *r, size_t from, size_t max_tokens, struct batch *b, const int32_t **targets)
{
	struct row_end start = from ? r->ends[from - 1] : (struct row_end){0};
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
	    r->positions + start.tokens, r->slice, end.spans - start.spans, r->types + start.tokens};
	*targets = r->targets + start.tokens;
	return to;
}
