/* Samples from JSON objects. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/json.h"

const json_t *
member_text(const json_t *j, const char *name, struct err *e)
{
	const json_t *v = json_object_get(j, name);
	if (!v)
		err_set(e, ERR_DATA, "has no field `%.60s'", name);
	else if (!json_is_string(v))
		err_set(e, ERR_DATA, "field `%.60s' is not text", name);
	return json_is_string(v) ? v : NULL;
}

static int
add_text(struct sample *s, const json_t *j, const char *name, struct err *e)
{
	const json_t *v = member_text(j, name, e);
	return v ? sample_text(s, json_string_value(v), json_string_length(v), e) : -1;
}

/* A number is the name of a class, or, where classes are given and none is called so, its place among them. */
static int
add_label(struct sample *s, const json_t *v, const char *name, struct err *e)
{
	const struct label_set *known = s->rules->classes;
	char text[32];
	if (json_is_string(v))
		return sample_label(s, json_string_value(v), json_string_length(v), e);
	if (json_is_boolean(v))
		return sample_label(s, json_is_true(v) ? "true" : "false", json_is_true(v) ? 4 : 5, e);
	if (!json_is_integer(v))
		return err_set(e, ERR_DATA, v ? "field `%.60s' is not a label: a text or a whole number" : "has no field `%.60s'", name);
	long long i = json_integer_value(v);
	size_t n = (size_t)snprintf(text, sizeof text, "%lld", i);
	if (!s->rules->given || label_set_find(known, text, n) >= 0)
		return s->rules->kind == IMPORT_TAGGED && !s->rules->given ?
		    err_set(e, ERR_DATA, "the tags are numbers; --labels names them") : sample_label(s, text, n, e);
	if (i < 0 || (size_t)i >= known->n)
		return err_set(e, ERR_DATA, "label %lld is out of range: %zu labels are known", i, known->n);
	return sample_label(s, known->names[i], strlen(known->names[i]), e);
}

const json_t *
member_array(const json_t *j, const char *name, struct err *e)
{
	const json_t *v = json_object_get(j, name);
	if (!v)
		err_set(e, ERR_DATA, "has no field `%.60s'", name);
	else if (!json_is_array(v))
		err_set(e, ERR_DATA, "field `%.60s' is not an array", name);
	return json_is_array(v) ? v : NULL;
}

static int
add_labels(struct sample *s, const json_t *j, const char *name, struct err *e)
{
	const json_t *a = member_array(j, name, e);
	for (size_t i = 0; a && i < json_array_size(a); i++)
		if (add_label(s, json_array_get(a, i), name, e))
			return -1;
	return a ? 0 : -1;
}

static int
add_words(struct sample *s, const json_t *j, const char *name, struct err *e)
{
	const json_t *a = member_array(j, name, e);
	for (size_t i = 0; a && i < json_array_size(a); i++) {
		const json_t *w = json_array_get(a, i);
		if (!json_is_string(w))
			return err_set(e, ERR_DATA, "word %zu is not text", i + 1);
		if (sample_word(s, json_string_value(w), json_string_length(w), e))
			return -1;
	}
	return a ? 0 : -1;
}

/* ---- chats ---- */

static int
role_of(const char *name)
{
	static const struct { const char *name; enum chat_role role; } roles[] = {{"system", ROLE_SYSTEM}, {"user", ROLE_USER},
	    {"human", ROLE_USER}, {"assistant", ROLE_ASSISTANT}, {"gpt", ROLE_ASSISTANT}, {"tool", ROLE_TOOL}};
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (strcmp(roles[i].name, name) == 0)
			return (int)roles[i].role;
	return -1;
}

static int
add_turn(struct sample *s, enum chat_role role, const json_t *v, struct err *e)
{
	return v ? sample_turn(s, role, json_string_value(v), json_string_length(v), e) : -1;
}

int
turns_of_messages(struct sample *s, const json_t *j, const char *name, const char *who, const char *what, struct err *e)
{
	const json_t *a = member_array(j, name, e);
	for (size_t i = 0; a && i < json_array_size(a); i++) {
		const json_t *m = json_array_get(a, i), *role = member_text(m, who, e), *content = role ? member_text(m, what, e) : NULL;
		int r = role ? role_of(json_string_value(role)) : 0;
		if (r < 0)
			err_set(e, ERR_DATA, "role `%.40s' is not system, user, assistant or tool", json_string_value(role));
		if (!content || r < 0 || add_turn(s, (enum chat_role)r, content, e))
			return e->code == ERR_DATA ? err_prefix(e, "turn %zu", i + 1) : -1;
	}
	return a ? 0 : -1;
}

int
turns_of_system(struct sample *s, const json_t *j, const char *name, struct err *e)
{
	const json_t *v = json_object_get(j, name);
	if (!v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0))
		return 0;
	return add_turn(s, ROLE_SYSTEM, member_text(j, name, e), e);
}

/* Taori et al. 2023: what to do, and what to do it with, which may be missing or empty. */
static int
add_alpaca(struct sample *s, const json_t *j, const char *const *names, struct err *e)
{
	const json_t *task = member_text(j, names[NAME_INSTRUCTION], e), *input = json_object_get(j, names[NAME_INPUT]);
	if (!task || turns_of_system(s, j, names[NAME_SYSTEM], e))
		return -1;
	if (!json_is_string(input) || json_string_length(input) == 0)
		return add_turn(s, ROLE_USER, task, e) || add_turn(s, ROLE_ASSISTANT, member_text(j, names[NAME_OUTPUT], e), e) ? -1 : 0;
	char *both;
	size_t size;
	FILE *f = open_memstream(&both, &size);
	if (!f)
		return err_nomem(e, json_string_length(input), "an instruction");
	fwrite(json_string_value(task), 1, json_string_length(task), f);
	fputs("\n\n", f);
	fwrite(json_string_value(input), 1, json_string_length(input), f);
	int rc = fclose(f) ? err_nomem(e, size, "an instruction") : sample_turn(s, ROLE_USER, both, size, e);
	free(both);
	return rc || add_turn(s, ROLE_ASSISTANT, member_text(j, names[NAME_OUTPUT], e), e) ? -1 : 0;
}

/* ---- the whole ---- */

static int
add_kept(struct sample *s, const json_t *j, struct err *e)
{
	for (size_t i = 0; i < s->rules->kept.n; i++) {
		const json_t *v = json_object_get(j, table_cell(&s->rules->kept, i));
		if (!v)
			return err_set(e, ERR_DATA, "has no field `%.60s'", table_cell(&s->rules->kept, i));
		char *text = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		int rc = text ? sample_keep(s, i, text, strlen(text), e) :
		    sample_keep(s, i, json_string_value(v), json_string_length(v), e);
		free(text);
		if (rc)
			return -1;
	}
	return 0;
}

static int
add_fields(struct sample *s, const json_t *j, struct err *e)
{
	const char *const *names = s->rules->names;
	char number[40];
	const json_t *v;
	switch (s->rules->kind) {
	case IMPORT_TEXT:
		return add_text(s, j, names[NAME_TEXT], e);
	case IMPORT_LABELLED:
		return add_text(s, j, names[NAME_TEXT], e) ||
		    add_label(s, json_object_get(j, names[NAME_LABEL]), names[NAME_LABEL], e);
	case IMPORT_MULTILABEL:
		return add_text(s, j, names[NAME_TEXT], e) || add_labels(s, j, names[NAME_LABELS], e);
	case IMPORT_VALUE:
		v = json_object_get(j, names[NAME_VALUE]);
		if (!json_is_number(v))
			return err_set(e, ERR_DATA, v ? "field `%.60s' is not a number" : "has no field `%.60s'", names[NAME_VALUE]);
		snprintf(number, sizeof number, "%.17g", json_number_value(v));
		return add_text(s, j, names[NAME_TEXT], e) || sample_number(s, number, e);
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
sample_json(struct sample *s, const json_t *j, struct err *e)
{
	if (!json_is_object(j))
		return err_set(e, ERR_DATA, "is not a JSON object");
	return add_fields(s, j, e) || add_kept(s, j, e) || sample_check(s, e) ? -1 : 0;
}
