#include "import/importing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* What is wrong with the record that begins at the line. */
static void
bad(struct importing *m, const char *what)
{
	if (!m->skip_bad)
		cli_die(ERR_DATA, "%s: line %" PRIu64 ": %s", m->file, m->line, what);
	m->bad++;
}

void
import_put(struct importing *m, int rc, const struct err *why)
{
	struct err e;
	off_t at = m->progress.on && m->progress.total ? lseek(m->fd, 0, SEEK_CUR) : 0;
	cli_progress_tick(&m->progress, m->progress.total ? (m->bytes + (uint64_t)at) / 1000000 : m->records, "");
	if (rc && why->code != ERR_DATA)
		cli_fail(why);
	if (rc) {
		bad(m, why->msg);
		return;
	}
	if (sample_learn(&m->sample, &e))
		cli_die(e.code, "%s: line %" PRIu64 ": %s", m->file, m->line, e.msg);
	size_t n = sample_records(&m->sample);
	for (size_t i = 0; i < n; i++, m->records++) {
		if (!import_is_opinion(m->rules.kind))
			sample_values(&m->sample, m->values);
		else if (sample_opinion(&m->sample, i, m->values, &e))
			cli_fail(&e);
		if (m->rules.id == ID_HASH && sample_hash(&m->sample, m->head, m->values, &e))
			cli_fail(&e);
		if (!m->spool)
			cli_write(&m->out, m->values);
		else if (ten_write(m->spool, m->values, &e))
			cli_fail(&e);
	}
	m->undecided += n == 0;
}

/* ---- plain text ---- */

void
import_text(struct importing *m, int fd)
{
	struct err e, why;
	struct documents d;
	const char *text;
	size_t n;
	int got;
	documents_open(&d, fd, m->file, m->split, NULL);
	while ((got = documents_next(&d, &text, &n, &e)) > 0) {
		sample_reset(&m->sample);
		import_put(m, sample_text(&m->sample, text, n, &why), &why);
	}
	if (got < 0)
		cli_fail(&e);
	documents_close(&d);
}

/* ---- JSON lines ---- */

/* Some programs put U+FEFF before the first line of UTF-8. Its length when it is there, by which *n is less then. */
static size_t
skip_mark(const char *line, size_t *n)
{
	size_t mark = *n >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	*n -= mark;
	return mark;
}

void
import_json(struct importing *m, int fd)
{
	struct err e, why;
	struct documents d;
	struct jread r = {0};
	const char *line;
	size_t n;
	int got;
	documents_open(&d, fd, m->file, SPLIT_LINE, NULL);
	while ((got = documents_next(&d, &line, &n, &e)) > 0) {
		if (m->line++ == 0)
			line += skip_mark(line, &n);
		if (document_is_blank(line, n))
			continue;
		sample_reset(&m->sample);
		int rc = jread_parse(&r, line, n, &why) || sample_json(&m->sample, r.nodes, &why) ? -1 : 0;
		import_put(m, rc, &why);
	}
	if (got < 0)
		cli_fail(&e);
	jread_free(&r);
	documents_close(&d);
}

/* ---- tables ---- */

static size_t
column_of(const struct importing *m, const struct table_row *names, const char *name)
{
	size_t found = SIZE_MAX;
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(table_cell(names, i), name) != 0)
			continue;
		if (found != SIZE_MAX)
			cli_die(ERR_DATA, "%s: has two columns called `%s'", m->file, name);
		found = i;
	}
	if (found == SIZE_MAX)
		cli_die(ERR_DATA, "%s: has no column `%s'", m->file, name);
	return found;
}

/* The names of the columns: those of --columns, else the first row. */
static void
read_names(const struct importing *m, struct table *t, struct table_row *names)
{
	struct err e;
	int got = 1;
	if (m->columns ? table_split(names, m->columns, &e) : (got = table_next(t, names, &e)) < 0) {
		if (!m->columns && !t->failed && e.code == ERR_DATA)
			cli_die(ERR_DATA, "%s: line %" PRIu64 ": %s", m->file, t->first_line, e.msg);
		cli_fail(&e);
	}
	if (got == 0)
		cli_die(ERR_DATA, "%s: is empty, not even the names of the columns are there", m->file);
}

void
import_table(struct importing *m, int fd)
{
	struct err e;
	struct table t;
	struct table_row row = {0}, names = {0};
	size_t column[IMPORT_NAMES], *kept = mem_zalloc(m->rules.kept.n, sizeof *kept, "columns", &e);
	bool needed[IMPORT_NAMES];
	int got;
	if (!kept)
		cli_fail(&e);
	table_open(&t, fd, m->file, m->csv);
	read_names(m, &t, &names);
	sample_needs(m->rules.kind, needed);
	for (int i = 0; i < IMPORT_NAMES; i++)
		column[i] = needed[i] ? column_of(m, &names, m->rules.names[i]) : SIZE_MAX;
	for (size_t i = 0; i < import_kept(&m->rules); i++)
		kept[i] = column_of(m, &names, table_cell(&m->rules.kept, i));
	while ((got = table_next(&t, &row, &e)) != 0) {
		if (t.failed)
			cli_fail(&e);
		m->line = t.first_line;
		if (got > 0) {
			sample_reset(&m->sample);
			got = row.n == names.n ? sample_row(&m->sample, &row, column, kept, &e)
			    : err_set(&e, ERR_DATA, "has %zu columns, not %zu", row.n, names.n);
		}
		import_put(m, got, &e);
	}
	table_row_free(&row);
	table_row_free(&names);
	table_close(&t);
	free(kept);
}

/* ---- CoNLL: a word a line, columns between blanks, sentences between empty lines ---- */

enum { MAX_CELLS = 64 };

struct cells {
	const char *text[MAX_CELLS];
	size_t size[MAX_CELLS], n; /* n may be more than there is room for */
};

static void
cells_of(struct cells *c, const char *line, size_t n)
{
	c->n = 0;
	for (size_t i = 0; i < n;) {
		size_t from = i;
		while (i < n && !document_blank(line[i]))
			i++;
		if (i > from && c->n < MAX_CELLS) {
			c->text[c->n] = line + from;
			c->size[c->n] = i - from;
		}
		c->n += i > from;
		while (i < n && document_blank(line[i]))
			i++;
	}
}

/* A word and its tag, and of the first word what is kept. */
static int
add_line(struct importing *m, const struct cells *c, size_t word, size_t tag, const size_t *kept, size_t want,
    struct err *e)
{
	tag = tag == SIZE_MAX ? c->n - 1 : tag;
	if (c->n > MAX_CELLS)
		return err_set(e, ERR_DATA, "has %zu columns, more than %d", c->n, MAX_CELLS);
	if (c->n < 2 || word >= c->n || tag >= c->n || (want && c->n != want))
		return err_set(e, ERR_DATA, "has %zu columns%s", c->n, c->n < 2 ? ", at least a word and its tag are needed" : "");
	for (size_t i = 0; i < import_kept(&m->rules) && m->sample.n == 0; i++)
		if (sample_keep(&m->sample, i, c->text[kept[i]], c->size[kept[i]], e))
			return -1;
	return sample_word(&m->sample, c->text[word], c->size[word], e) ||
	    sample_label(&m->sample, c->text[tag], c->size[tag], e) ? -1 : 0;
}

void
import_conll(struct importing *m, int fd)
{
	struct err e, why;
	struct documents d;
	struct table_row names = {0};
	const char *line;
	size_t n, word = 0, tag = SIZE_MAX, *kept = mem_zalloc(m->rules.kept.n, sizeof *kept, "columns", &e);
	uint64_t at = 0;
	int got, failed = 0;
	if (!kept || (m->columns && table_split(&names, m->columns, &e)))
		cli_fail(&e);
	if (m->columns) {
		word = column_of(m, &names, m->rules.names[NAME_TOKENS]);
		tag = column_of(m, &names, m->rules.names[NAME_TAGS]);
	}
	for (size_t i = 0; i < import_kept(&m->rules); i++)
		kept[i] = column_of(m, &names, table_cell(&m->rules.kept, i));
	documents_open(&d, fd, m->file, SPLIT_LINE, NULL);
	sample_reset(&m->sample);
	for (bool open = false; (got = documents_next(&d, &line, &n, &e)) >= 0;) {
		struct cells c = {0};
		if (at++ == 0 && got)
			line += skip_mark(line, &n);
		if (got)
			cells_of(&c, line, n);
		if (c.n && c.size[0] == 10 && memcmp(c.text[0], "-DOCSTART-", 10) == 0)
			c.n = 0; /* a document begins: as a sentence does */
		if (c.n == 0 && open) {
			import_put(m, failed ? failed : sample_check(&m->sample, &why), &why);
			sample_reset(&m->sample);
			open = false;
			failed = 0;
		}
		if (!got)
			break;
		if (c.n && !failed) {
			m->line = at;
			failed = add_line(m, &c, word, tag, kept, names.n, &why);
		}
		open = open || c.n;
	}
	if (got < 0)
		cli_fail(&e);
	documents_close(&d);
	table_row_free(&names);
	free(kept);
}
