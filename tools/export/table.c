/* Records as comma-separated or tab-separated values, in the form that timport reads. */
#include <inttypes.h>
#include <string.h>

#include "common/show.h"
#include "export/textout.h"

static void
put_text(struct textout *t, const char *name, const char *p, size_t n, bool csv, bool only)
{
	if (csv && only && n == 0) {
		fputs("\"\"", t->f); /* an empty line would be none */
		return;
	}
	if (csv) {
		show_csv_text(t->f, p, n);
		return;
	}
	if (only && n == 0)
		textout_bad(t, "field `%.60s' is empty, which a line of one cell cannot say; csv can", name);
	if (memchr(p, '\t', n) || memchr(p, '\n', n) || memchr(p, '\r', n))
		textout_bad(t, "field `%.60s' has a tab or a line end in it, which cells of tsv cannot have; those of csv can", name);
	fwrite(p, 1, n, t->f);
}

/* Names are divided by |. */
static void
put_labels(struct textout *t, const struct ten_value *v, bool csv, bool only)
{
	char name[1 << 12];
	const char *p = v->data;
	if (v->count > sizeof name)
		textout_bad(t, "%" PRIu64 " bytes of labels, more than a cell shows; jsonl can", v->count);
	if (v->count && memchr(p, '|', v->count))
		textout_bad(t, "a label has a | in it, which divides labels in tables; jsonl can have it");
	for (uint64_t i = 0; i < v->count; i++)
		name[i] = p[i] == '\n' ? '|' : p[i];
	put_text(t, "labels", name, v->count, csv, only);
}

/* A question and its answer. */
static void
put_chat(struct textout *t, bool csv)
{
	textout_fit(t);
	if (t->v[t->ends].count != 2 || strcmp(textout_role(t, 0), "user") != 0 || strcmp(textout_role(t, 1), "assistant") != 0)
		textout_bad(t, "is not one turn of the user and one of the assistant, of which a table has columns; jsonl can have others");
	for (uint64_t i = 0; i < 2; i++) {
		size_t n;
		const char *p = textout_piece(t, t->text, t->ends, i, &n);
		if (i)
			putc(csv ? ',' : '\t', t->f);
		put_text(t, "text", p, n, csv, false);
	}
}

static bool
shown(const struct textout *t, size_t i)
{
	return t->shape != SHAPE_CHAT || ((int)i != t->ends && (int)i != t->roles);
}

static void
put_field(struct textout *t, size_t i, bool csv)
{
	const struct ten_field *f = &t->head->fields[i];
	const struct ten_value *v = &t->v[i];
	bool only = t->head->nfields == 1;
	if (f->cls == TEN_TEXT)
		textout_check(t, i);
	if (t->shape == SHAPE_CHAT && (int)i == t->text)
		put_chat(t, csv);
	else if (strcmp(f->name, "labels") == 0 && f->cls == TEN_TEXT && f->rank == 1)
		put_labels(t, v, csv, only);
	else if (f->cls == TEN_TEXT && f->rank <= 1)
		put_text(t, f->name, v->data, v->count, csv, only);
	else if (csv || f->rank == 0)
		show_csv(t->f, f, v);
	else
		show_json(t->f, f, v);
}

static void
put_names(struct textout *t, bool csv)
{
	bool first = true;
	for (size_t i = 0; i < t->head->nfields; i++) {
		const char *name = t->head->fields[i].name;
		if (!shown(t, i))
			continue;
		if (!first)
			putc(csv ? ',' : '\t', t->f);
		first = false;
		if (t->shape == SHAPE_CHAT && (int)i == t->text)
			fputs(csv ? "prompt,completion" : "prompt\tcompletion", t->f);
		else if (csv)
			show_csv_text(t->f, name, strlen(name));
		else
			fputs(name, t->f);
	}
	putc('\n', t->f);
}

static void
export_table(const struct export_job *j, bool csv)
{
	struct textout t;
	textout_open(&t, j);
	textout_taken(&t, t.shape == SHAPE_CHAT ? "prompt" : NULL);
	textout_taken(&t, t.shape == SHAPE_CHAT ? "completion" : NULL);
	put_names(&t, csv);
	while (textout_next(&t)) {
		bool first = true;
		for (size_t i = 0; i < t.head->nfields; i++) {
			if (!shown(&t, i))
				continue;
			if (!first)
				putc(csv ? ',' : '\t', t.f);
			first = false;
			put_field(&t, i, csv);
		}
		putc('\n', t.f);
	}
	textout_close(&t);
}

void
export_csv(const struct export_job *j)
{
	export_table(j, true);
}

void
export_tsv(const struct export_job *j)
{
	export_table(j, false);
}
