/* timport - bring labelled text in: JSON lines, tab- or comma-separated values */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/table.h"
#include "text/documents.h"

enum { FORMAT_JSONL, FORMAT_TSV, FORMAT_CSV };

static const char *const formats[] = {"jsonl", "tsv", "csv", NULL};

static int format, zstd;
static const char *text_name = "text", *label_name, *columns, *output;
static bool skip_bad, quiet;

static const struct cli_opt opts[] = {
    {0, "format", "NAME", CLI_CHOICE, &format, "jsonl, tsv or csv (default jsonl)", 0, 0, formats, false},
    {0, "text", "NAME", CLI_TEXT, &text_name, "the field or column with the text (default text)", 0, 0, 0, false},
    {0, "label", "NAME", CLI_TEXT, &label_name, "the field or column with the label", 0, 0, 0, false},
    {0, "columns", "LIST", CLI_TEXT, &columns, "tsv, csv: names of the columns, as text,label (default the first line)", 0, 0, 0, false},
    {0, "skip-bad", NULL, CLI_FLAG, &skip_bad, "leave out and count what cannot be used", 0, 0, 0, false},
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"timport", "[file ...]",
    "Bring labelled text in: JSON lines, tab- or comma-separated values.", opts, sizeof opts / sizeof *opts,
    "timport --label label reviews.jsonl -o reviews.ten\n"
    "timport --format tsv --columns text,label --label label reviews.tsv -o reviews.ten\n"
    "timport --label label reviews.jsonl | ttok --records -m vocab.ten -o tokens.ten"};

struct importing {
	const char *file;        /* being read, for messages */
	uint64_t line;
	struct cli_out out;
	uint64_t records, bad;
};

/* What is wrong with the record that begins at the line: ends the tool, or is counted. */
static void
bad(struct importing *m, const char *what)
{
	if (!skip_bad)
		cli_die(ERR_DATA, "%s: line %" PRIu64 ": %s", m->file, m->line, what);
	m->bad++;
}

static void
put(struct importing *m, const char *text, size_t n, const char *label, size_t label_size)
{
	struct ten_value v[2] = {ten_vector(text, n), ten_vector(label, label_size)};
	if (n == 0) {
		bad(m, "the text is empty");
	} else if (label_name && label_size == 0) {
		bad(m, "the label is empty");
	} else {
		cli_write(&m->out, v);
		m->records++;
	}
}

/* ---- JSON lines ---- */

static void
put_json(struct importing *m, const char *line, size_t n)
{
	json_error_t error;
	char number[32], what[120];
	json_t *j = json_loadb(line, n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	if (!j) {
		bad(m, error.text);
		return;
	}
	const json_t *t = json_object_get(j, text_name), *l = label_name ? json_object_get(j, label_name) : NULL;
	const char *label = number;
	size_t label_size = 0;
	bool good = !label_name || json_is_string(l) || json_is_integer(l) || json_is_boolean(l);
	if (json_is_string(l)) {
		label = json_string_value(l);
		label_size = json_string_length(l);
	} else if (json_is_integer(l)) {
		label_size = (size_t)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(l));
	} else if (json_is_boolean(l)) {
		label_size = (size_t)snprintf(number, sizeof number, "%s", json_is_true(l) ? "true" : "false");
	}
	snprintf(what, sizeof what, "has no %s in field `%.60s'", json_is_string(t) ? "label" : "text",
	    json_is_string(t) ? label_name : text_name);
	if (!json_is_string(t) || !good)
		bad(m, what);
	else
		put(m, json_string_value(t), json_string_length(t), label, label_size);
	json_decref(j);
}

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
	struct err e;
	struct documents d;
	const char *line;
	size_t n;
	int got;
	documents_open(&d, fd, m->file, SPLIT_LINE, NULL);
	while ((got = documents_next(&d, &line, &n, &e)) > 0) {
		m->line++;
		if (!blank(line, n))
			put_json(m, line, n);
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
	size_t text, label = 0;
	int got = 1;
	table_open(&t, fd, m->file, format == FORMAT_CSV);
	if (columns ? table_split(&names, columns, &e) : (got = table_next(&t, &names, &e)) < 0)
		cli_fail(&e);
	if (got == 0)
		cli_die(ERR_DATA, "%s: is empty, not even the names of the columns are there", m->file);
	text = column_of(m, &names, text_name);
	label = label_name ? column_of(m, &names, label_name) : 0;
	while ((got = table_next(&t, &row, &e)) != 0) {
		char what[80];
		m->line = t.first_line;
		if (got < 0 && e.code == ERR_DATA) {
			bad(m, e.msg);
			continue;
		}
		if (got < 0)
			cli_fail(&e);
		snprintf(what, sizeof what, "has %zu columns, not %zu", row.n, names.n);
		if (row.n != names.n)
			bad(m, what);
		else
			put(m, table_cell(&row, text), table_size(&row, text), label_name ? table_cell(&row, label) : NULL,
			    label_name ? table_size(&row, label) : 0);
	}
	table_row_free(&row);
	table_row_free(&names);
	table_close(&t);
}

/* ---- the whole ---- */

static void
open_output(struct importing *m)
{
	struct err e;
	uint64_t ragged = TEN_RAGGED;
	struct ten_head h = {0};
	struct ten_writer_opts o = {.zstd_level = zstd};
	snprintf(h.kind, sizeof h.kind, label_name ? "labelled" : "text");
	if (ten_head_add(&h, "text", TEN_TEXT, 8, 1, &ragged, &e) ||
	    (label_name && ten_head_add(&h, "label", TEN_TEXT, 8, 1, &ragged, &e)))
		cli_fail(&e);
	cli_open_out(&m->out, output, &h, NULL, 0, NULL, &o);
	ten_head_free(&h);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct importing m = {0};
	char **files = cli_parse(&tool, argc, argv, &n);
	if (columns && format == FORMAT_JSONL)
		cli_die(ERR_USAGE, "--columns is for tsv and csv; fields of JSON have names");
	for (size_t i = 0; i < (n ? n : 1); i++) {
		int fd = cli_input(n ? files[i] : NULL, &m.file);
		cli_note_input(fd, m.file);
		if (fd != STDIN_FILENO)
			close(fd);
	}
	open_output(&m);
	for (size_t i = 0; i < (n ? n : 1); i++) {
		int fd = cli_input(n ? files[i] : NULL, &m.file);
		m.line = 0;
		if (format == FORMAT_JSONL)
			import_json(&m, fd);
		else
			import_table(&m, fd);
		if (fd != STDIN_FILENO)
			close(fd);
	}
	if (!m.records)
		cli_die(ERR_DATA, "%s: there is no record that can be used", m.file);
	cli_close_out(&m.out);
	cli_account(quiet, "records_out=%" PRIu64 " skipped_bad=%" PRIu64, m.records, m.bad);
	return 0;
}
