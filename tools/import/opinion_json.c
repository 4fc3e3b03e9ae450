/* Judgements from JSON objects. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "import/json.h"

/* A text is what the user says; an array, a conversation. */
static int
add_prompt(struct sample *s, const struct jnode *j, struct err *e)
{
	const char *const *names = s->rules->names;
	const struct jnode *prompt = jnode_get(j, names[NAME_PROMPT]);
	if (turns_of_system(s, j, names[NAME_SYSTEM], e))
		return -1;
	if (jnode_is(prompt, JNODE_ARRAY) || (!prompt && jnode_get(j, names[NAME_MESSAGES])))
		return turns_of_messages(s, j, names[prompt ? NAME_PROMPT : NAME_MESSAGES], names[NAME_ROLE], names[NAME_CONTENT], e);
	prompt = member_text(j, names[NAME_PROMPT], e);
	return prompt ? sample_turn(s, ROLE_USER, prompt->text, prompt->n, e) : -1;
}

static int
add_answer(struct sample *s, const struct jnode *j, const char *name, struct err *e)
{
	const struct jnode *v = member_text(j, name, e);
	if (!v)
		return -1;
	if (v->n == 0)
		return err_set(e, ERR_DATA, "field `%.60s' is empty", name);
	return opinion_answer(&s->opinion, v->text, v->n, e);
}

static int
add_answers(struct sample *s, const struct jnode *j, enum import_name name, struct err *e)
{
	const struct jnode *a = member_array(j, s->rules->names[name], e);
	const struct jnode *v = a ? jnode_first(a) : NULL;
	for (size_t i = 0; a && i < a->count; i++, v = jnode_next(v)) {
		if (!jnode_is(v, JNODE_STRING))
			return err_set(e, ERR_DATA, "answer %zu is not text", i + 1);
		if (opinion_answer(&s->opinion, v->text, v->n, e))
			return -1;
	}
	return a ? 0 : -1;
}

/* One answer: as `completion', or as `answers' of one. */
static int
add_completion(struct sample *s, const struct jnode *j, struct err *e)
{
	const char *const *names = s->rules->names;
	if (jnode_get(j, names[NAME_COMPLETION]) || !jnode_get(j, names[NAME_ANSWERS]))
		return add_answer(s, j, names[NAME_COMPLETION], e);
	if (add_answers(s, j, NAME_ANSWERS, e))
		return -1;
	return s->opinion.k == 1 ? 0 : err_set(e, ERR_DATA, "%zu answers, not one", s->opinion.k);
}

/* Whole numbers from 0, each given to `add`. */
static int
add_numbers(struct sample *s, const struct jnode *j, const char *name, int (*add)(struct opinion *, uint32_t, struct err *),
    struct err *e)
{
	const struct jnode *a = member_array(j, name, e);
	const struct jnode *v = a ? jnode_first(a) : NULL;
	for (size_t i = 0; a && i < a->count; i++, v = jnode_next(v)) {
		int64_t x = jnode_is(v, JNODE_INTEGER) ? v->integer : -1;
		if (x < 0 || x > UINT32_MAX)
			return err_set(e, ERR_DATA, "field `%.60s': element %zu is not a whole number from 0", name, i + 1);
		if (add(&s->opinion, (uint32_t)x, e))
			return -1;
	}
	return a ? 0 : -1;
}

/* ---- what may be missing ---- */

/* A number from 0, if it is there. */
static int
add_number(struct sample *s, const struct jnode *j, const char *name, enum opinion_option what, double *to, struct err *e)
{
	const struct jnode *v = jnode_get(j, name);
	if (!v || jnode_is(v, JNODE_NULL))
		return 0;
	if (!jnode_is_number(v) || jnode_number(v) < 0)
		return err_set(e, ERR_DATA, "field `%.60s' is not a number from 0", name);
	*to = jnode_number(v);
	s->opinion.seen |= 1u << what;
	return 0;
}

static int
add_rater(struct sample *s, const struct jnode *j, const char *name, struct err *e)
{
	struct ten_membuf *to = &s->opinion.rater;
	const struct jnode *v = jnode_get(j, name);
	if (!v || jnode_is(v, JNODE_NULL))
		return 0;
	size_t n = v->n;
	if (!jnode_is(v, JNODE_STRING) || n == 0 || memchr(v->text, 0, n) || memchr(v->text, '\n', n))
		return err_set(e, ERR_DATA, "field `%.60s' is not a name", name);
	if (mem_grow(&to->data, &to->cap, n, 1, "a rater", e))
		return -1;
	memcpy(to->data, v->text, n);
	to->size = n;
	s->opinion.seen |= 1u << OPINION_RATER;
	return 0;
}

static int
add_optional(struct sample *s, const struct jnode *j, struct err *e)
{
	const char *const *names = s->rules->names;
	struct opinion *o = &s->opinion;
	bool compared = s->rules->kind == IMPORT_PREFERENCE || s->rules->kind == IMPORT_CLICKS;
	const struct jnode *positions = jnode_get(j, names[NAME_POSITIONS]);
	if (add_rater(s, j, names[NAME_RATER], e) || add_number(s, j, names[NAME_SECONDS], OPINION_SECONDS, &o->seconds, e) ||
	    add_number(s, j, names[NAME_WEIGHT], OPINION_WEIGHT, &o->weight, e))
		return -1;
	if (compared && add_number(s, j, names[NAME_MARGIN], OPINION_MARGIN, &o->margin, e))
		return -1;
	if (s->rules->kind != IMPORT_PREFERENCE || !positions || jnode_is(positions, JNODE_NULL))
		return 0;
	o->seen |= 1u << OPINION_POSITIONS;
	return add_numbers(s, j, names[NAME_POSITIONS], opinion_position, e);
}

/* ---- the kinds ---- */

/* What was demonstrated has rank 1, what a policy answered rank 2. */
static int
add_demonstrations(struct sample *s, const struct jnode *j, struct err *e)
{
	static const enum import_name parts[2] = {NAME_DEMONSTRATIONS, NAME_SAMPLES};
	struct opinion *o = &s->opinion;
	for (uint32_t i = 0; i < 2; i++) {
		size_t before = o->k;
		if (add_answers(s, j, parts[i], e))
			return -1;
		if (o->k == before)
			return err_set(e, ERR_DATA, "field `%.60s' is empty", s->rules->names[parts[i]]);
		while (o->nranks < o->k)
			if (opinion_rank(o, i + 1, e))
				return -1;
	}
	return 0;
}

static int
add_preference(struct sample *s, const struct jnode *j, struct err *e)
{
	const char *const *names = s->rules->names;
	int rc;
	bool pair = jnode_get(j, names[NAME_CHOSEN]) != NULL;
	if (!pair && jnode_get(j, names[NAME_ANSWERS]))
		rc = add_answers(s, j, NAME_ANSWERS, e) || add_numbers(s, j, names[NAME_RANKS], opinion_rank, e);
	else if (!pair && jnode_get(j, names[NAME_DEMONSTRATIONS]))
		rc = add_demonstrations(s, j, e);
	else
		rc = add_answer(s, j, names[NAME_CHOSEN], e) || add_answer(s, j, names[NAME_REJECTED], e) ||
		    opinion_rank(&s->opinion, 1, e) || opinion_rank(&s->opinion, 2, e);
	return rc || add_optional(s, j, e) || opinion_check_ranks(&s->opinion, e) ? -1 : 0;
}

static int
add_liked(struct sample *s, const struct jnode *j, struct err *e)
{
	const char *name = s->rules->names[NAME_LABEL];
	const struct jnode *v = jnode_get(j, name);
	int64_t x = jnode_is(v, JNODE_INTEGER) ? v->integer : jnode_is(v, JNODE_TRUE) ? 1 : jnode_is(v, JNODE_FALSE) ? 0 : -1;
	if (x != 0 && x != 1)
		return err_set(e, ERR_DATA, v ? "field `%.60s' is not true, false, 1 or 0" : "has no field `%.60s'", name);
	s->opinion.liked = (uint8_t)x;
	return add_completion(s, j, e) || add_optional(s, j, e) ? -1 : 0;
}

static int
add_rating(struct sample *s, const struct jnode *j, struct err *e)
{
	const char *name = s->rules->names[NAME_RATING];
	const struct jnode *v = jnode_get(j, name);
	s->opinion.undecided = jnode_is(v, JNODE_NULL); /* it was skipped */
	if (!jnode_is_number(v) && !jnode_is(v, JNODE_NULL))
		return err_set(e, ERR_DATA, v ? "field `%.60s' is not a number" : "has no field `%.60s'", name);
	s->opinion.rating = jnode_number(v);
	return add_completion(s, j, e) || add_optional(s, j, e) ? -1 : 0;
}

static int
add_clicks(struct sample *s, const struct jnode *j, struct err *e)
{
	const char *name = s->rules->names[NAME_CLICKED];
	if (add_answers(s, j, NAME_ANSWERS, e) || add_optional(s, j, e))
		return -1;
	const struct jnode *a = member_array(j, name, e);
	size_t *clicked = a ? mem_zalloc(a->count, sizeof *clicked, "clicks", e) : NULL;
	int rc = clicked ? 0 : -1;
	const struct jnode *v = a ? jnode_first(a) : NULL;
	for (size_t i = 0; !rc && i < a->count; i++, v = jnode_next(v)) {
		if (!jnode_is(v, JNODE_INTEGER) || v->integer < 0)
			rc = err_set(e, ERR_DATA, "field `%.60s': element %zu is not the number of an answer, from 0", name, i + 1);
		else
			clicked[i] = (size_t)v->integer;
	}
	rc = rc || opinion_clicks(&s->opinion, clicked, a->count, e) ? -1 : 0;
	free(clicked);
	return rc ? -1 : 0;
}

static int
add_unjudged(struct sample *s, const struct jnode *j, struct err *e)
{
	bool several = jnode_get(j, s->rules->names[NAME_ANSWERS]) != NULL;
	return (several ? add_answers(s, j, NAME_ANSWERS, e) : add_completion(s, j, e)) || opinion_check_answers(&s->opinion, e) ? -1 : 0;
}

int
opinion_json(struct sample *s, const struct jnode *j, struct err *e)
{
	if (add_prompt(s, j, e))
		return -1;
	switch (s->rules->kind) {
	case IMPORT_LIKED: return add_liked(s, j, e);
	case IMPORT_RATING: return add_rating(s, j, e);
	case IMPORT_CLICKS: return add_clicks(s, j, e);
	case IMPORT_ANSWERS: return add_unjudged(s, j, e);
	default: return add_preference(s, j, e);
	}
}
