/* Samples from JSON objects. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/json.h"

const struct jnode *
member_text(const struct jnode *j, const char *name, struct err *e)
{
	const struct jnode *v = jnode_get(j, name);
	if (!v)
		err_set(e, ERR_DATA, "has no field `%.60s'", name);
	else if (!jnode_is(v, JNODE_STRING))
		err_set(e, ERR_DATA, "field `%.60s' is not text", name);
	return jnode_is(v, JNODE_STRING) ? v : NULL;
}

static int
add_text(struct sample *s, const struct jnode *j, const char *name, struct err *e)
{
	const struct jnode *v = member_text(j, name, e);
	return v ? sample_text(s, v->text, v->n, e) : -1;
}

/* A number is the name of a class, or, where classes are given and none is called so, its place among them. */
static int
add_label(struct sample *s, const struct jnode *v, const char *name, struct err *e)
{
	const struct label_set *known = s->rules->classes;
	char text[32];
	if (jnode_is(v, JNODE_STRING))
		return sample_label(s, v->text, v->n, e);
	if (jnode_is(v, JNODE_TRUE) || jnode_is(v, JNODE_FALSE))
		return sample_label(s, jnode_is(v, JNODE_TRUE) ? "true" : "false", jnode_is(v, JNODE_TRUE) ? 4 : 5, e);
	if (!jnode_is(v, JNODE_INTEGER))
		return err_set(e, ERR_DATA, v ? "field `%.60s' is not a label: a text or a whole number" : "has no field `%.60s'", name);
	long long i = (long long)v->integer;
	size_t n = (size_t)snprintf(text, sizeof text, "%lld", i);
	if (!s->rules->given || label_set_find(known, text, n) >= 0)
		return s->rules->kind == IMPORT_TAGGED && !s->rules->given ?
		    err_set(e, ERR_DATA, "the tags are numbers; --labels names them") : sample_label(s, text, n, e);
	if (i < 0 || (size_t)i >= known->n)
		return err_set(e, ERR_DATA, "label %lld is out of range: %zu labels are known", i, known->n);
	return sample_label(s, known->names[i], strlen(known->names[i]), e);
}

const struct jnode *
member_array(const struct jnode *j, const char *name, struct err *e)
{
	const struct jnode *v = jnode_get(j, name);
	if (!v)
		err_set(e, ERR_DATA, "has no field `%.60s'", name);
	else if (!jnode_is(v, JNODE_ARRAY))
		err_set(e, ERR_DATA, "field `%.60s' is not an array", name);
	return jnode_is(v, JNODE_ARRAY) ? v : NULL;
}

static int
add_labels(struct sample *s, const struct jnode *j, const char *name, struct err *e)
{
	const struct jnode *a = member_array(j, name, e);
	const struct jnode *v = a ? jnode_first(a) : NULL;
	for (size_t i = 0; a && i < a->count; i++, v = jnode_next(v))
		if (add_label(s, v, name, e))
			return -1;
	return a ? 0 : -1;
}

static int
add_words(struct sample *s, const struct jnode *j, const char *name, struct err *e)
{
	const struct jnode *a = member_array(j, name, e);
	const struct jnode *w = a ? jnode_first(a) : NULL;
	for (size_t i = 0; a && i < a->count; i++, w = jnode_next(w)) {
		if (!jnode_is(w, JNODE_STRING))
			return err_set(e, ERR_DATA, "word %zu is not text", i + 1);
		if (sample_word(s, w->text, w->n, e))
			return -1;
	}
	return a ? 0 : -1;
}

/* ---- chats ---- */

static int
role_of(const char *name, size_t n)
{
	static const struct { const char *name; enum chat_role role; } roles[] = {{"system", ROLE_SYSTEM}, {"user", ROLE_USER},
	    {"human", ROLE_USER}, {"assistant", ROLE_ASSISTANT}, {"gpt", ROLE_ASSISTANT}, {"tool", ROLE_TOOL}};
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (strlen(roles[i].name) == n && memcmp(roles[i].name, name, n) == 0)
			return (int)roles[i].role;
	return -1;
}

static int
add_turn(struct sample *s, enum chat_role role, const struct jnode *v, struct err *e)
{
	return v ? sample_turn(s, role, v->text, v->n, e) : -1;
}

int
turns_of_messages(struct sample *s, const struct jnode *j, const char *name, const char *who, const char *what, struct err *e)
{
	const struct jnode *a = member_array(j, name, e);
	const struct jnode *m = a ? jnode_first(a) : NULL;
	for (size_t i = 0; a && i < a->count; i++, m = jnode_next(m)) {
		const struct jnode *role = member_text(m, who, e), *content = role ? member_text(m, what, e) : NULL;
		int r = role ? role_of(role->text, role->n) : 0;
		if (r < 0)
			err_set(e, ERR_DATA, "role `%.*s' is not system, user, assistant or tool", role->n < 40 ? (int)role->n : 40,
			    role->text);
		if (!content || r < 0 || add_turn(s, (enum chat_role)r, content, e))
			return e->code == ERR_DATA ? err_prefix(e, "turn %zu", i + 1) : -1;
	}
	return a ? 0 : -1;
}

int
turns_of_system(struct sample *s, const struct jnode *j, const char *name, struct err *e)
{
	const struct jnode *v = jnode_get(j, name);
	if (!v || jnode_is(v, JNODE_NULL) || (jnode_is(v, JNODE_STRING) && v->n == 0))
		return 0;
	return add_turn(s, ROLE_SYSTEM, member_text(j, name, e), e);
}

/* Taori et al. 2023: what to do, and what to do it with, which may be missing, null or empty. */
static int
add_alpaca(struct sample *s, const struct jnode *j, const char *const *names, struct err *e)
{
	const struct jnode *task = member_text(j, names[NAME_INSTRUCTION], e), *input = jnode_get(j, names[NAME_INPUT]);
	if (!task || turns_of_system(s, j, names[NAME_SYSTEM], e))
		return -1;
	if (input && !jnode_is(input, JNODE_NULL) && !(input = member_text(j, names[NAME_INPUT], e)))
		return -1;
	if (!jnode_is(input, JNODE_STRING) || input->n == 0)
		return add_turn(s, ROLE_USER, task, e) || add_turn(s, ROLE_ASSISTANT, member_text(j, names[NAME_OUTPUT], e), e) ? -1 : 0;
	size_t n = task->n + 2 + input->n;
	char *both = malloc(n);
	if (!both)
		return err_nomem(e, n, "an instruction");
	memcpy(both, task->text, task->n);
	memcpy(both + task->n, "\n\n", 2);
	memcpy(both + task->n + 2, input->text, input->n);
	int rc = sample_turn(s, ROLE_USER, both, n, e);
	free(both);
	return rc || add_turn(s, ROLE_ASSISTANT, member_text(j, names[NAME_OUTPUT], e), e) ? -1 : 0;
}

/* ---- the whole ---- */

/* What is no text stays as it was written, without blanks. */
static int
keep(struct sample *s, size_t i, const struct jnode *v, struct err *e)
{
	if (v->type == JNODE_STRING)
		return sample_keep(s, i, v->text, v->n, e);
	char *text = malloc(v->n);
	if (!text)
		return err_nomem(e, v->n, "a field");
	int rc = sample_keep(s, i, text, jnode_compact(v, text), e);
	free(text);
	return rc;
}

static int
add_kept(struct sample *s, const struct jnode *j, struct err *e)
{
	for (size_t i = 0; i < import_kept(s->rules); i++) {
		const struct jnode *v = jnode_get(j, table_cell(&s->rules->kept, i));
		if (!v)
			return err_set(e, ERR_DATA, "has no field `%.60s'", table_cell(&s->rules->kept, i));
		if (s->rules->id == ID_FIELD && i + 1 == s->rules->kept.n && (v->type == JNODE_NULL || v->n == 0))
			return err_set(e, ERR_DATA, "field `%.60s' is not an id", table_cell(&s->rules->kept, i));
		if (keep(s, i, v, e))
			return -1;
	}
	return 0;
}

static int
add_fields(struct sample *s, const struct jnode *j, struct err *e)
{
	const char *const *names = s->rules->names;
	char number[40];
	const struct jnode *v;
	switch (s->rules->kind) {
	case IMPORT_TEXT:
		return add_text(s, j, names[NAME_TEXT], e);
	case IMPORT_LABELLED:
		return add_text(s, j, names[NAME_TEXT], e) ||
		    add_label(s, jnode_get(j, names[NAME_LABEL]), names[NAME_LABEL], e);
	case IMPORT_MULTILABEL:
		return add_text(s, j, names[NAME_TEXT], e) || add_labels(s, j, names[NAME_LABELS], e);
	case IMPORT_VALUE:
		v = jnode_get(j, names[NAME_VALUE]);
		if (!jnode_is_number(v))
			return err_set(e, ERR_DATA, v ? "field `%.60s' is not a number" : "has no field `%.60s'", names[NAME_VALUE]);
		snprintf(number, sizeof number, "%.17g", jnode_number(v));
		return add_text(s, j, names[NAME_TEXT], e) || sample_number(s, number, strlen(number), e);
	case IMPORT_TAGGED:
		return add_words(s, j, names[NAME_TOKENS], e) || add_labels(s, j, names[NAME_TAGS], e);
	case IMPORT_CHAT:
		return turns_of_messages(s, j, names[NAME_MESSAGES], names[NAME_ROLE], names[NAME_CONTENT], e);
	case IMPORT_COMPLETION:
		return turns_of_system(s, j, names[NAME_SYSTEM], e) || add_turn(s, ROLE_USER, member_text(j, names[NAME_PROMPT], e), e) ||
		    add_turn(s, ROLE_ASSISTANT, member_text(j, names[NAME_COMPLETION], e), e);
	case IMPORT_ALPACA:
		return add_alpaca(s, j, names, e);
	case IMPORT_SHAREGPT:
		return turns_of_system(s, j, names[NAME_SYSTEM], e) ||
		    turns_of_messages(s, j, names[NAME_CONVERSATIONS], names[NAME_FROM], names[NAME_VALUE], e);
	default: /* opinions */
		return opinion_json(s, j, e);
	}
}

int
sample_json(struct sample *s, const struct jnode *j, struct err *e)
{
	if (!jnode_is(j, JNODE_OBJECT))
		return err_set(e, ERR_DATA, "is not a JSON object");
	return add_fields(s, j, e) || add_kept(s, j, e) || sample_check(s, e) ? -1 : 0;
}
