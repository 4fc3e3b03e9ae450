/* timport - bring data in: text with labels, tags or numbers, chats, and judgements of answers */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/tempfile.h"
#include "common/cli.h"
#include "common/spool.h"
#include "import/sample.h"
#include "text/documents.h"

enum { FORMAT_JSONL, FORMAT_TSV, FORMAT_CSV, FORMAT_CONLL };

static const char *const formats[] = {"jsonl", "tsv", "csv", "conll", NULL};
static const char *const kinds[] = {"text", "labelled", "multilabel", "value", "tagged", "chat", "completion", "alpaca",
    "sharegpt", "preference", "liked", "rating", "clicks", NULL};

static int format, kind = -1, zstd;
static const char *columns, *labels, *keep, *output;
static struct cli_list fields;
static bool skip_bad, quiet;

static const struct cli_opt opts[] = {
    {0, "as", "KIND", CLI_CHOICE, &kind, "text, labelled, multilabel, value, tagged, chat, completion, alpaca, sharegpt, preference, liked, rating or clicks (default text; tagged for conll)", 0, 0, kinds, false},
    {0, "format", "NAME", CLI_CHOICE, &format, "jsonl, tsv, csv or conll (default jsonl)", 0, 0, formats, false},
    {0, "field", "OURS=NAME", CLI_LIST, &fields, "the input calls field OURS NAME; may be repeated", 0, 0, 0, false},
    {0, "columns", "LIST", CLI_TEXT, &columns, "tsv, csv, conll: names of the columns (default the first line; conll: tokens first, tags last)", 0, 0, 0, false},
    {0, "labels", "LIST", CLI_TEXT, &labels, "the classes or tags, in their order; others are errors (default those that occur, sorted)", 0, 0, 0, false},
    {0, "keep", "LIST", CLI_TEXT, &keep, "fields to keep besides, as text", 0, 0, 0, false},
    {0, "skip-bad", NULL, CLI_FLAG, &skip_bad, "leave out and count what cannot be used", 0, 0, 0, false},
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"timport", "[file ...]",
    "Bring data in: text with labels, tags or numbers, chats, and judgements of answers.", opts, sizeof opts / sizeof *opts,
    "timport --as labelled reviews.jsonl -o reviews.ten\n"
    "timport --as labelled --format tsv --columns text,label reviews.tsv -o reviews.ten\n"
    "timport --as chat chats.jsonl | tchat -m chat-base.ten -o rows.ten\n"
    "timport --as preference compared.jsonl -o judgements.ten"};

struct importing {
	struct sample_rules rules;
	struct label_set classes;
	struct sample sample;
	struct ten_value *values;
	const char *file;        /* being read, for messages */
	uint64_t line;
	struct cli_out out;
	int spool_fd;            /* where records wait until the classes, or the fields, are known, */
	struct ten_writer *spool;/* or NULL */
	uint64_t records, bad, undecided;
};

/* What is wrong with the record that begins at the line: ends the tool, or is counted. */
static void
bad(struct importing *m, const char *what)
{
	if (!skip_bad)
		cli_die(ERR_DATA, "%s: line %" PRIu64 ": %s", m->file, m->line, what);
	m->bad++;
}

/* The sample is as it was read (rc 0), or is not. */
static void
put(struct importing *m, int rc, const struct err *why)
{
	struct err e;
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
		if (!m->spool)
			cli_write(&m->out, m->values);
		else if (ten_write(m->spool, m->values, &e))
			cli_fail(&e);
	}
	m->undecided += n == 0;
}

/* ---- JSON lines ---- */

static bool
blank(const char *line, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr(" \t\r\n", line[i]))
			return false;
	return true;
}

static void
import_json(struct importing *m, int fd)
{
	struct err e, why;
	struct documents d;
	const char *line;
	size_t n;
	int got;
	documents_open(&d, fd, m->file, SPLIT_LINE, NULL);
	while ((got = documents_next(&d, &line, &n, &e)) > 0) {
		json_error_t error;
		m->line++;
		if (blank(line, n))
			continue;
		json_t *j = json_loadb(line, n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
		sample_reset(&m->sample);
		int rc = j ? sample_json(&m->sample, j, &why) : err_set(&why, ERR_DATA, "%s", error.text);
		put(m, rc, &why);
		json_decref(j);
	}
	if (got < 0)
		cli_fail(&e);
	documents_close(&d);
}

/* ---- tables ---- */

static size_t
column_of(const struct importing *m, const struct table_row *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(table_cell(names, i), name) == 0)
			return i;
	cli_die(ERR_DATA, "%s: has no column `%s'", m->file, name);
}

static void
import_table(struct importing *m, int fd)
{
	struct err e;
	struct table t;
	struct table_row row = {0}, names = {0};
	size_t column[IMPORT_NAMES], *kept = mem_zalloc(m->rules.kept.n, sizeof *kept, "columns", &e);
	bool needed[IMPORT_NAMES];
	int got = 1;
	table_open(&t, fd, m->file, format == FORMAT_CSV);
	if (!kept || (columns ? table_split(&names, columns, &e) : (got = table_next(&t, &names, &e)) < 0))
		cli_fail(&e);
	if (got == 0)
		cli_die(ERR_DATA, "%s: is empty, not even the names of the columns are there", m->file);
	sample_needs(m->rules.kind, needed);
	for (int i = 0; i < IMPORT_NAMES; i++)
		column[i] = needed[i] ? column_of(m, &names, m->rules.names[i]) : SIZE_MAX;
	for (size_t i = 0; i < m->rules.kept.n; i++)
		kept[i] = column_of(m, &names, table_cell(&m->rules.kept, i));
	while ((got = table_next(&t, &row, &e)) != 0) {
		m->line = t.first_line;
		if (got > 0) {
			sample_reset(&m->sample);
			got = row.n == names.n ? sample_row(&m->sample, &row, column, kept, &e)
			    : err_set(&e, ERR_DATA, "has %zu columns, not %zu", row.n, names.n);
		}
		put(m, got, &e);
	}
	table_row_free(&row);
	table_row_free(&names);
	table_close(&t);
	free(kept);
}

/* ---- CoNLL: a word a line, columns between blanks, sentences between empty lines ---- */

struct cells {
	const char *text[64];
	size_t size[64], n;
};

static void
cells_of(struct cells *c, const char *line, size_t n)
{
	c->n = 0;
	for (size_t i = 0; i < n;) {
		size_t from = i;
		while (i < n && !strchr(" \t\r\n", line[i]))
			i++;
		if (i > from && c->n < 64) {
			c->text[c->n] = line + from;
			c->size[c->n++] = i - from;
		}
		while (i < n && strchr(" \t\r\n", line[i]))
			i++;
	}
}

/* A word and its tag, and of the first word what is kept. */
static int
add_line(struct importing *m, const struct cells *c, size_t word, size_t tag, const size_t *kept, size_t want,
    struct err *e)
{
	tag = tag == SIZE_MAX ? c->n - 1 : tag;
	if (c->n < 2 || word >= c->n || tag >= c->n || (want && c->n != want))
		return err_set(e, ERR_DATA, "has %zu columns%s", c->n, c->n < 2 ? ", at least a word and its tag are needed" : "");
	for (size_t i = 0; i < m->rules.kept.n && m->sample.n == 0; i++)
		if (sample_keep(&m->sample, i, c->text[kept[i]], c->size[kept[i]], e))
			return -1;
	return sample_word(&m->sample, c->text[word], c->size[word], e) ||
	    sample_label(&m->sample, c->text[tag], c->size[tag], e) ? -1 : 0;
}

static void
import_conll(struct importing *m, int fd)
{
	struct err e, why;
	struct documents d;
	struct table_row names = {0};
	const char *line;
	size_t n, word = 0, tag = SIZE_MAX, *kept = mem_zalloc(m->rules.kept.n, sizeof *kept, "columns", &e);
	uint64_t at = 0;
	int got, failed = 0;
	if (!kept || (columns && table_split(&names, columns, &e)))
		cli_fail(&e);
	if (columns) {
		word = column_of(m, &names, m->rules.names[NAME_TOKENS]);
		tag = column_of(m, &names, m->rules.names[NAME_TAGS]);
	}
	for (size_t i = 0; i < m->rules.kept.n; i++)
		kept[i] = column_of(m, &names, table_cell(&m->rules.kept, i));
	documents_open(&d, fd, m->file, SPLIT_LINE, NULL);
	sample_reset(&m->sample);
	for (bool open = false; (got = documents_next(&d, &line, &n, &e)) >= 0;) {
		struct cells c = {0};
		at++;
		if (got)
			cells_of(&c, line, n);
		if (c.n && c.size[0] == 10 && memcmp(c.text[0], "-DOCSTART-", 10) == 0)
			continue;
		if (c.n == 0 && open) {
			put(m, failed ? failed : sample_check(&m->sample, &why), &why);
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

/* ---- the whole ---- */

static void
set_names(struct importing *m)
{
	struct err e;
	for (int i = 0; i < IMPORT_NAMES; i++)
		m->rules.names[i] = import_names[i];
	for (size_t j = 0; j < fields.n; j++) {
		const char *equals = strchr(fields.items[j], '=');
		bool known = false;
		for (int i = 0; equals && i < IMPORT_NAMES; i++)
			if (strlen(import_names[i]) == (size_t)(equals - fields.items[j]) &&
			    memcmp(import_names[i], fields.items[j], strlen(import_names[i])) == 0) {
				m->rules.names[i] = equals + 1;
				known = true;
			}
		if (!known)
			cli_die(ERR_USAGE, "--field %s: is not OURS=NAME, where OURS is a field that --as asks for", fields.items[j]);
	}
	if (labels && label_set_parse(&m->classes, labels, strlen(labels), ',', &e))
		cli_die(ERR_USAGE, "--labels: %s", e.msg);
	m->rules.given = labels != NULL;
	m->rules.classes = &m->classes;
	if (keep && table_split(&m->rules.kept, keep, &e))
		cli_fail(&e);
}

static bool
has_classes(const struct importing *m)
{
	return m->rules.kind == IMPORT_LABELLED || m->rules.kind == IMPORT_MULTILABEL || m->rules.kind == IMPORT_TAGGED;
}

static void
open_output(struct importing *m, struct ten_head *h)
{
	struct err e;
	struct ten_writer_opts o = {.zstd_level = zstd};
	if (has_classes(m) && label_set_write(&m->classes, h, &e))
		cli_fail(&e);
	cli_open_out(&m->out, output, h, NULL, 0, NULL, &o);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The head without the fields that no record has; which[i]: the place that field i of the output had. */
static void
drop_fields(const struct importing *m, struct ten_head *h, size_t *which)
{
	struct err e;
	struct ten_head to = {0};
	memcpy(to.kind, h->kind, sizeof to.kind);
	for (size_t i = 0; i < h->nfields; i++) {
		const struct ten_field *f = &h->fields[i];
		if (sample_lacks(&m->sample, f->name))
			continue;
		which[to.nfields] = i;
		if (ten_head_add(&to, f->name, f->cls, f->bits, f->rank, f->dims, &e))
			cli_fail(&e);
	}
	ten_head_free(h);
	*h = to;
}

/* All is read: the classes and the fields are known, what has waited is written. */
static void
write_spooled(struct importing *m, struct ten_head *h)
{
	struct err e;
	struct ten_reader *r;
	size_t *which = mem_zalloc(h->nfields, sizeof *which, "fields", &e);
	struct ten_value *to = which ? mem_zalloc(h->nfields, sizeof *to, "fields", &e) : NULL;
	int got;
	if (!to)
		cli_fail(&e);
	if (m->classes.n)
		qsort(m->classes.names, m->classes.n, sizeof *m->classes.names, by_name);
	drop_fields(m, h, which);
	open_output(m, h);
	if (ten_writer_end(m->spool, &e))
		cli_fail(&e);
	if (lseek(m->spool_fd, 0, SEEK_SET) < 0)
		cli_die(ERR_RUNTIME, "temporary file: cannot go to its beginning");
	if (ten_reader_open(&r, m->spool_fd, "temporary file", &e))
		cli_fail(&e);
	while ((got = ten_read(r, m->values, &e)) > 0) {
		for (size_t i = 0; i < h->nfields; i++)
			to[i] = m->values[which[i]];
		cli_write(&m->out, to);
	}
	if (got < 0)
		cli_fail(&e);
	ten_reader_free(r);
	ten_writer_free(m->spool);
	close(m->spool_fd);
	free(which);
	free(to);
}

static void
prepare(struct importing *m, struct ten_head *h)
{
	struct err e;
	if (sample_open(&m->sample, &m->rules, &e) || sample_fields(&m->rules, h, &e) ||
	    !(m->values = mem_zalloc(h->nfields, sizeof *m->values, "fields", &e)))
		cli_fail(&e);
	if (!import_is_opinion(m->rules.kind) && (!has_classes(m) || m->rules.given)) {
		open_output(m, h);
		return;
	}
	m->spool_fd = tempfile_open(&e);
	if (m->spool_fd < 0 || ten_writer_open(&m->spool, spool_sink(&m->spool_fd), h, NULL, &e))
		cli_fail(&e);
}

static void
check_options(const struct importing *m)
{
	bool needed[IMPORT_NAMES];
	sample_needs(m->rules.kind, needed);
	if (columns && format == FORMAT_JSONL)
		cli_die(ERR_USAGE, "--columns is for tsv, csv and conll; fields of JSON have names");
	if (format == FORMAT_CONLL && m->rules.kind != IMPORT_TAGGED)
		cli_die(ERR_USAGE, "conll is words with tags: --as tagged");
	if (format == FORMAT_CONLL && keep && !columns)
		cli_die(ERR_USAGE, "--keep needs the names of the columns: --columns LIST");
	if ((format == FORMAT_TSV || format == FORMAT_CSV) && (import_is_opinion(m->rules.kind) ||
	    needed[NAME_TOKENS] || needed[NAME_MESSAGES] || needed[NAME_CONVERSATIONS] || needed[NAME_INSTRUCTION]))
		cli_die(ERR_USAGE, "--as %s is not for tables", kinds[m->rules.kind]);
	if (labels && !has_classes(m))
		cli_die(ERR_USAGE, "--labels is for labelled, multilabel and tagged");
}

int
main(int argc, char **argv)
{
	size_t n;
	struct importing m = {0};
	struct ten_head h = {0};
	char **files = cli_parse(&tool, argc, argv, &n);
	m.rules.kind = kind >= 0 ? (enum import_kind)kind : format == FORMAT_CONLL ? IMPORT_TAGGED : IMPORT_TEXT;
	check_options(&m);
	set_names(&m);
	for (size_t i = 0; i < (n ? n : 1); i++) {
		int fd = cli_input(n ? files[i] : NULL, &m.file);
		cli_note_input(fd, m.file);
		if (fd != STDIN_FILENO)
			close(fd);
	}
	prepare(&m, &h);
	for (size_t i = 0; i < (n ? n : 1); i++) {
		int fd = cli_input(n ? files[i] : NULL, &m.file);
		m.line = 0;
		(format == FORMAT_JSONL ? import_json : format == FORMAT_CONLL ? import_conll : import_table)(&m, fd);
		if (fd != STDIN_FILENO)
			close(fd);
	}
	if (!m.records)
		cli_die(ERR_DATA, "%s: there is no record that can be used", m.file);
	if (m.spool)
		write_spooled(&m, &h);
	cli_close_out(&m.out);
	char more[48] = "";
	if (has_classes(&m))
		snprintf(more, sizeof more, " classes=%zu", m.classes.n);
	if (import_is_opinion(m.rules.kind))
		snprintf(more, sizeof more, " undecided=%" PRIu64, m.undecided);
	cli_account(quiet, "records_out=%" PRIu64 " skipped_bad=%" PRIu64 "%s", m.records, m.bad, more);
	ten_head_free(&h);
	sample_free(&m.sample);
	table_row_free(&m.rules.kept);
	label_set_free(&m.classes);
	free(m.values);
	return 0;
}
