#include "common/judgements.h"

#include <math.h>
#include <string.h>

int
judgement_fields(struct judgement_fields *f, const struct ten_head *h, const char *stream, struct err *e)
{
	return (f->text = ten_head_need(h, stream, "text", TEN_TEXT, 8, 1, e)) < 0 ||
	    (f->turn_ends = ten_head_need(h, stream, "turn_ends", TEN_UINT, 32, 1, e)) < 0 ||
	    (f->roles = ten_head_need(h, stream, "roles", TEN_UINT, 8, 1, e)) < 0 ||
	    (f->answers = ten_head_need(h, stream, "answers", TEN_TEXT, 8, 1, e)) < 0 ||
	    (f->answer_ends = ten_head_need(h, stream, "answer_ends", TEN_UINT, 32, 1, e)) < 0 ? -1 : 0;
}

int
chat_of(struct chat *c, const struct ten_value *text, const struct ten_value *ends, const struct ten_value *roles, struct err *e)
{
	*c = (struct chat){text->data, ends->data, roles->data, ends->count};
	if (roles->count != ends->count)
		return err_set(e, ERR_DATA, "turns, roles and text do not fit together");
	return chat_check(c, text->count, e);
}

static int
too_many(size_t k, struct err *e)
{
	return err_set(e, ERR_DATA, "%zu answers, more than %d", k, ANSWERS_MAX);
}

int
judgement_answers(const struct judgement_fields *f, const struct ten_value *v, struct answers *a, struct err *e)
{
	size_t k = v[f->answer_ends].count;
	*a = (struct answers){.answers = v[f->answers].data, .ends = v[f->answer_ends].data, .k = k};
	if (chat_of(&a->prompt, &v[f->text], &v[f->turn_ends], &v[f->roles], e))
		return -1;
	if (k == 0 || k > ANSWERS_MAX)
		return k ? too_many(k, e) : err_set(e, ERR_DATA, "there is no answer");
	return ends_fit(a->ends, k, v[f->answers].count) ? 0 : err_set(e, ERR_DATA, "answers and their ends do not fit together");
}

int
candidate_fields(struct candidate_fields *f, const struct ten_head *h, const char *stream, struct err *e)
{
	return (f->ids = ten_head_need(h, stream, "ids", TEN_INT, 32, 1, e)) < 0 ||
	    (f->targets = ten_head_need(h, stream, "targets", TEN_INT, 32, 1, e)) < 0 ||
	    (f->ends = ten_head_need(h, stream, "ends", TEN_UINT, 32, 1, e)) < 0 ||
	    (f->scored = ten_head_need(h, stream, "scored", TEN_UINT, 32, 1, e)) < 0 ? -1 : 0;
}

int
candidate_check(const struct candidate_fields *f, const struct ten_value *v, struct err *e)
{
	size_t k = v[f->ends].count, n = v[f->ids].count;
	const uint32_t *ends = v[f->ends].data, *scored = v[f->scored].data;
	if (k == 0 || v[f->scored].count != k || v[f->targets].count != n || ends[k - 1] != n)
		return err_set(e, ERR_DATA, "`ids', `targets', `ends' and `scored' do not fit together");
	if (k > ANSWERS_MAX)
		return too_many(k, e);
	for (size_t i = 0, from = 0; i < k; from = ends[i++])
		if (ends[i] <= from || ends[i] > n || scored[i] < from || scored[i] >= ends[i])
			return err_set(e, ERR_DATA, "answer %zu is tokens %zu to %u of %zu and is scored at %u", i + 1, from, ends[i], n,
			    scored[i]);
	return 0;
}

/* The place of a field, -1 when it is absent; false when its type is another. */
static bool
may_have(int *at, const struct ten_head *h, const char *stream, const char *name, enum ten_class cls, unsigned bits,
    unsigned rank, struct err *e)
{
	*at = ten_head_find(h, name);
	return *at < 0 || ten_head_need(h, stream, name, cls, bits, rank, e) >= 0;
}

int
verdict_fields(struct verdict_fields *f, const struct ten_head *h, const char *stream, struct err *e)
{
	return may_have(&f->ranks, h, stream, "ranks", TEN_UINT, 32, 1, e) &&
	    may_have(&f->rating, h, stream, "rating", TEN_FLOAT, 64, 0, e) &&
	    may_have(&f->liked, h, stream, "liked", TEN_UINT, 8, 0, e) &&
	    may_have(&f->weight, h, stream, "weight", TEN_FLOAT, 64, 0, e) &&
	    may_have(&f->margin, h, stream, "margin", TEN_FLOAT, 64, 0, e) &&
	    may_have(&f->reference, h, stream, "reference", TEN_FLOAT, 32, 1, e) &&
	    may_have(&f->score, h, stream, "score", TEN_FLOAT, 32, 1, e) ? 0 : -1;
}

static int
number(const struct ten_value *v, int field, const char *name, double *to, struct err *e)
{
	if (field >= 0)
		memcpy(to, v[field].data, sizeof *to);
	return field < 0 || isfinite(*to) ? 0 : err_set(e, ERR_DATA, "the %s is %g", name, *to);
}

static int
each(const struct ten_value *v, int field, const char *name, size_t k, const float **to, struct err *e)
{
	*to = field < 0 ? NULL : v[field].data;
	if (field >= 0 && v[field].count != k)
		return err_set(e, ERR_DATA, "%llu numbers in `%s' for %zu answers", (unsigned long long)v[field].count, name, k);
	for (size_t j = 0; *to && j < k; j++)
		if (!isfinite((*to)[j]))
			return err_set(e, ERR_DATA, "the %s of answer %zu is not finite", name, j + 1);
	return 0;
}

static int
check_ranks(const struct ten_value *v, size_t k, struct verdict *to, struct err *e)
{
	size_t zeros = 0;
	if (v->count != k)
		return err_set(e, ERR_DATA, "%llu ranks for %zu answers", (unsigned long long)v->count, k);
	to->ranks = v->data;
	for (size_t j = 0; j < k; j++)
		zeros += to->ranks[j] == 0;
	to->skipped = zeros == k;
	return zeros && zeros < k ? err_set(e, ERR_DATA, "%zu of %zu ranks are missing", zeros, k) : 0;
}

int
verdict_read(const struct verdict_fields *f, const struct ten_value *v, size_t k, struct verdict *to, struct err *e)
{
	*to = (struct verdict){.rating = (double)NAN, .weight = 1, .liked = -1};
	if (f->ranks >= 0 && check_ranks(&v[f->ranks], k, to, e))
		return -1;
	if (f->liked >= 0 && (to->liked = *(const uint8_t *)v[f->liked].data) > 1)
		return err_set(e, ERR_DATA, "`liked' is %d, neither 0 nor 1", to->liked);
	if (f->rating >= 0)
		memcpy(&to->rating, v[f->rating].data, sizeof to->rating);
	if (isinf(to->rating))
		return err_set(e, ERR_DATA, "the rating is %g", to->rating);
	to->skipped |= f->rating >= 0 && f->ranks < 0 && isnan(to->rating);
	if (number(v, f->weight, "weight", &to->weight, e) ||
	    number(v, f->margin, "margin", &to->margin, e) || each(v, f->reference, "reference", k, &to->reference, e) ||
	    each(v, f->score, "score", k, &to->score, e))
		return -1;
	return to->weight >= 0 ? 0 : err_set(e, ERR_DATA, "the weight is %g, below 0", to->weight);
}
