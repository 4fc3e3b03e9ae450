/* Records as JSON lines, in the form that timport reads. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/show.h"
#include "export/textout.h"

static void
put_name(struct textout *t, const char *name, bool *first)
{
	fputs(*first ? "{" : ",", t->f);
	*first = false;
	show_json_string(t->f, name, strlen(name));
	putc(':', t->f);
}

static void
put_turns(struct textout *t)
{
	putc('[', t->f);
	for (uint64_t i = 0; i < t->v[t->ends].count; i++) {
		size_t n;
		const char *p = textout_piece(t, t->text, t->ends, i, &n);
		fprintf(t->f, "%s{\"role\":\"%s\",\"content\":", i ? "," : "", textout_role(t, i));
		show_json_string(t->f, p, n);
		putc('}', t->f);
	}
	putc(']', t->f);
}

/* One question is a text, anything else a conversation. */
static void
put_prompt(struct textout *t, bool *first)
{
	const uint8_t *role = t->v[t->roles].data;
	put_name(t, "prompt", first);
	if (t->v[t->ends].count == 1 && role[0] == 1)
		show_json(t->f, &t->head->fields[t->text], &t->v[t->text]);
	else
		put_turns(t);
}

static void
put_answers(struct textout *t, bool one, bool *first)
{
	uint64_t k = t->v[t->answer_ends].count;
	if (one && k != 1)
		textout_bad(t, "%" PRIu64 " answers, not one", k);
	put_name(t, one ? "completion" : "answers", first);
	for (uint64_t i = 0; i < k; i++) {
		size_t n;
		const char *p = textout_piece(t, t->answers, t->answer_ends, i, &n);
		fputs(one ? "" : i ? "," : "[", t->f);
		show_json_string(t->f, p, n);
	}
	fputs(one ? "" : k ? "]" : "[]", t->f);
}

/* Texts that `between` divides, as an array; none of an empty text. */
static void
put_list(struct textout *t, const struct ten_value *v, char between)
{
	const char *p = v->data, *end = p + v->count;
	putc('[', t->f);
	for (bool first = true; p < end; first = false) {
		const char *stop = memchr(p, between, (size_t)(end - p));
		size_t n = (size_t)((stop ? stop : end) - p);
		if (!first)
			putc(',', t->f);
		show_json_string(t->f, p, n);
		p += n + (stop != NULL);
	}
	putc(']', t->f);
}

static void
put_words(struct textout *t)
{
	putc('[', t->f);
	for (uint64_t i = 0; i < t->v[t->ends].count; i++) {
		size_t n;
		const char *p = textout_piece(t, t->text, t->ends, i, &n);
		if (i && (n == 0 || *p != ' '))
			textout_bad(t, "no space before word %" PRIu64, i + 1);
		if (i)
			putc(',', t->f);
		show_json_string(t->f, p + (i > 0), n - (i > 0));
	}
	putc(']', t->f);
}

/* A judgement of one answer, not a comparison. */
static bool
is_one(const struct textout *t)
{
	return ten_head_find(t->head, "liked") >= 0 || ten_head_find(t->head, "rating") >= 0;
}

static void
check_names(const struct textout *t)
{
	bool judged = t->shape == SHAPE_JUDGED;
	textout_taken(t, t->shape == SHAPE_CHAT ? "messages" : t->shape == SHAPE_TAGGED ? "tokens" : judged ? "prompt" : NULL);
	textout_taken(t, judged && is_one(t) ? "completion" : NULL);
	textout_taken(t, judged && ten_head_find(t->head, "liked") >= 0 ? "label" : NULL);
}

/* A field of a judgement that has a form of its own; false: as any other. What is not known is left out. */
static bool
put_judged(struct textout *t, int i, bool *first)
{
	const struct ten_field *f = &t->head->fields[i];
	const struct ten_value *v = &t->v[i];
	if (i == t->answers) {
		put_answers(t, is_one(t), first);
	} else if (strcmp(f->name, "liked") == 0 && f->cls == TEN_UINT && f->rank == 0) {
		put_name(t, "label", first);
		fputs(show_number(f, v->data, 0) > 0 ? "true" : "false", t->f);
	} else if (strcmp(f->name, "rating") == 0 && f->rank == 0 && isnan(show_number(f, v->data, 0))) {
		put_name(t, "rating", first);
		fputs("null", t->f);
	} else if (strcmp(f->name, "seconds") == 0 && f->rank == 0) {
		return isnan(show_number(f, v->data, 0));
	} else {
		bool may_lack = strcmp(f->name, "rater") == 0 || strcmp(f->name, "positions") == 0;
		return i == t->answer_ends || (may_lack && v->count == 0);
	}
	return true;
}

static void
put_field(struct textout *t, int i, bool *first)
{
	const struct ten_field *f = &t->head->fields[i];
	bool chat = t->shape == SHAPE_CHAT || t->shape == SHAPE_JUDGED;
	if (f->cls == TEN_TEXT)
		textout_check(t, (size_t)i);
	if (t->shape != SHAPE_FIELDS && (i == t->ends || (chat && i == t->roles)))
		return;
	if (chat && i == t->text) {
		if (t->shape == SHAPE_JUDGED) {
			put_prompt(t, first);
		} else {
			put_name(t, "messages", first);
			put_turns(t);
		}
	} else if (t->shape == SHAPE_TAGGED && i == t->text) {
		put_name(t, "tokens", first);
		put_words(t);
	} else if (t->shape == SHAPE_TAGGED && i == t->tags) {
		put_name(t, "tags", first);
		put_list(t, &t->v[i], ' ');
	} else if (strcmp(f->name, "labels") == 0 && f->cls == TEN_TEXT && f->rank == 1) {
		put_name(t, "labels", first);
		put_list(t, &t->v[i], '\n');
	} else if (t->shape != SHAPE_JUDGED || !put_judged(t, i, first)) {
		put_name(t, f->name, first);
		show_json(t->f, f, &t->v[i]);
	}
}

void
export_jsonl(const struct export_job *j)
{
	struct textout t;
	textout_open(&t, j);
	check_names(&t);
	while (textout_next(&t)) {
		bool first = true;
		textout_fit(&t);
		for (size_t i = 0; i < t.head->nfields; i++)
			put_field(&t, (int)i, &first);
		fputs(first ? "{}\n" : "}\n", t.f);
	}
	textout_close(&t);
}
