/* timport - bring data in: text, with labels, tags or numbers, chats, judgements of answers, arrays, tokens, tokenizers, models */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/tempfile.h"
#include "common/cli.h"
#include "common/docbatch.h"
#include "common/spool.h"
#include "import/arrays.h"
#include "import/ggufmodel.h"
#include "import/importing.h"
#include "import/model.h"
#include "import/tokenizer.h"

enum { FORMAT_JSONL, FORMAT_TSV, FORMAT_CSV, FORMAT_CONLL, FORMAT_TEXT, FORMAT_NPY, FORMAT_LLMC };

static const char *const formats[] = {"jsonl", "tsv", "csv", "conll", "text", "npy", "llmc", NULL};
static const char *const kinds[] = {"text", "labelled", "multilabel", "value", "tagged", "chat", "completion", "alpaca",
    "sharegpt", "preference", "liked", "rating", "clicks", "model", "peft", "tokenizer", NULL};

static void (*const readers[])(struct importing *, int) = {import_json, import_table, import_table, import_conll, import_text};

static int format, kind = -1, split = -1, zstd;
static const char *columns, *labels, *keep, *id, *model, *vocabulary, *output;
static struct cli_list fields;
static bool skip_bad, quiet;
static struct import_tokenizer foreign = {.rule = -1};

static const struct cli_opt opts[] = {
    {0, "as", "KIND", CLI_CHOICE, &kind, "text, labelled, multilabel, value, tagged, chat, completion, alpaca, sharegpt, preference, liked, rating, clicks, model, peft or tokenizer (default text; tagged for conll)", 0, 0, kinds, false},
    {0, "format", "NAME", CLI_CHOICE, &format, "jsonl, tsv, csv, conll, text, npy or llmc (default jsonl)", 0, 0, formats, false},
    {0, "field", "OURS=NAME", CLI_LIST, &fields, "the input calls field OURS NAME; may be repeated", 0, 0, 0, false},
    {0, "columns", "LIST", CLI_TEXT, &columns, "tsv, csv, conll: names of the columns (default the first line; conll: tokens first, tags last); npy: of the field (default values)", 0, 0, 0, false},
    {0, "labels", "LIST", CLI_TEXT, &labels, "the classes or tags, in their order; others are errors (default those that occur, sorted)", 0, 0, 0, false},
    {0, "keep", "LIST", CLI_TEXT, &keep, "fields to keep besides, as text", 0, 0, 0, false},
    {0, "id", "FIELD", CLI_TEXT, &id, "a field id: what the input has in FIELD, or, for hash, a hash of the record", 0, 0, 0, false},
    {0, "split", "HOW", CLI_CHOICE, &split, "text: documents end at blank (lines), line or file (default blank)", 0, 0, doc_splits, false},
    {'m', "model", "FILE", CLI_TEXT, &model, "llmc: the vocabulary of the tokens, or a model that carries it; peft: the model that is adapted", 0, 0, 0, true},
    {0, "skip-bad", NULL, CLI_FLAG, &skip_bad, "leave out and count what cannot be used", 0, 0, 0, false},
    {0, "vocab", "FILE", CLI_TEXT, &vocabulary, "model: the vocabulary that it is to have", 0, 0, 0, true},
    {0, "pretoken", "NAME", CLI_CHOICE, &foreign.rule, "tokenizer: how ranks or merges cut text: gpt2, gpt4, qwen2 or smollm (default what the name or the file says)", 0, 0, pretoken_names, false},
    {0, "special", "NAME=ID", CLI_LIST, &foreign.specials, "tokenizer: a special token that a file of ranks does not have; may be repeated", 0, 0, 0, false},
    {0, "begin", "NAME", CLI_TEXT, &foreign.begin, "tokenizer: special token before each document, or none (default what the file says)", 0, 0, 0, false},
    {0, "end", "NAME", CLI_TEXT, &foreign.end, "tokenizer: special token after each document, or none (default what the file says)", 0, 0, 0, false},
    {0, "cased", NULL, CLI_FLAG, &foreign.cased, "tokenizer: words of a vocab.txt keep case and accents", 0, 0, 0, false},
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"timport", "[file ...]",
    "Bring data in: text, with labels, tags or numbers, chats, judgements of answers, arrays, tokens, tokenizers, models.", opts,
    sizeof opts / sizeof *opts,
    "timport --as labelled reviews.jsonl -o reviews.ten\n"
    "timport --as labelled --format tsv --columns text,label reviews.tsv -o reviews.ten\n"
    "timport --as chat chats.jsonl | tchat -m chat-base.ten -o rows.ten\n"
    "timport --as preference compared.jsonl -o judgements.ten\n"
    "timport --as model gpt2/ --vocab vocab.ten -o gpt2.ten\n"
    "timport --as model model.gguf -o model.ten\n"
    "timport --as tokenizer tokenizer.json -o vocab.ten"};

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
	if (!id)
		return;
	size_t before = m->rules.kept.n;
	m->rules.id = strcmp(id, "hash") == 0 ? ID_HASH : ID_FIELD;
	if (table_split(&m->rules.kept, id, &e))
		cli_fail(&e);
	if (!*id || m->rules.kept.n != before + 1)
		cli_die(ERR_USAGE, "--id %s: is not the name of one field", id);
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
	if (sample_fields(&m->rules, h, &e))
		cli_die(e.code == ERR_DATA ? ERR_USAGE : e.code, "--keep, --id: %s", e.msg);
	if (sample_open(&m->sample, &m->rules, &e) || !(m->values = mem_zalloc(h->nfields, sizeof *m->values, "fields", &e)))
		cli_fail(&e);
	m->head = h;
	if (!import_is_opinion(m->rules.kind) && (!has_classes(m) || m->rules.given)) {
		open_output(m, h);
		return;
	}
	m->spool_fd = tempfile_open(&e);
	if (m->spool_fd < 0 || ten_writer_open(&m->spool, spool_sink(&m->spool_fd), h, NULL, &e))
		cli_fail(&e);
}

/* Names are for what the kind of record has: of a table its columns, of JSON also what may be missing. */
static void
check_fields(const struct importing *m)
{
	bool known[IMPORT_NAMES];
	char all[400] = "";
	size_t used = 0;
	(format == FORMAT_JSONL ? sample_knows : sample_needs)(m->rules.kind, known);
	for (size_t i = 0; i < IMPORT_NAMES; i++)
		if (known[i])
			used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", import_names[i]);
	for (size_t j = 0; j < fields.n; j++)
		for (size_t i = 0; i < IMPORT_NAMES; i++)
			if (!known[i] && strncmp(fields.items[j], import_names[i], strlen(import_names[i])) == 0 &&
			    fields.items[j][strlen(import_names[i])] == '=')
				cli_die(ERR_USAGE, "--field %s: the fields of --as %s are %s", fields.items[j], kinds[m->rules.kind], all);
	if (fields.n && format == FORMAT_CONLL && !columns)
		cli_die(ERR_USAGE, "--field needs the names of the columns: --columns LIST");
}

static void
check_options(const struct importing *m)
{
	bool needed[IMPORT_NAMES];
	sample_needs(m->rules.kind, needed);
	bool array = format == FORMAT_NPY || format == FORMAT_LLMC, from_field = id && m->rules.id == ID_FIELD;
	if (columns && format == FORMAT_JSONL)
		cli_die(ERR_USAGE, "--columns is for tsv, csv, conll and npy; fields of JSON have names");
	if (array && (kind >= 0 || fields.n || labels || keep || id || skip_bad || (columns && format == FORMAT_LLMC)))
		cli_die(ERR_USAGE, "%s has numbers, of which options for text say nothing", formats[format]);
	if (model && format != FORMAT_LLMC)
		cli_die(ERR_USAGE, "-m is the vocabulary of llmc");
	if (split >= 0 && format != FORMAT_TEXT)
		cli_die(ERR_USAGE, "--split is for text");
	if (format == FORMAT_TEXT && (m->rules.kind != IMPORT_TEXT || fields.n || keep || columns || from_field))
		cli_die(ERR_USAGE, "text has no fields and no names: --as text, and of ids --id hash");
	if (format == FORMAT_CONLL && m->rules.kind != IMPORT_TAGGED)
		cli_die(ERR_USAGE, "conll is words with tags: --as tagged");
	if (format == FORMAT_CONLL && (keep || from_field) && !columns)
		cli_die(ERR_USAGE, "--keep and --id need the names of the columns: --columns LIST");
	if ((format == FORMAT_TSV || format == FORMAT_CSV) && (import_is_opinion(m->rules.kind) ||
	    needed[NAME_TOKENS] || needed[NAME_MESSAGES] || needed[NAME_CONVERSATIONS] || needed[NAME_INSTRUCTION]))
		cli_die(ERR_USAGE, "--as %s is not for tables", kinds[m->rules.kind]);
	check_fields(m);
	if (labels && !has_classes(m))
		cli_die(ERR_USAGE, "--labels is for labelled, multilabel and tagged");
}

static void
import_arrays(char **files, size_t n)
{
	struct err e;
	struct ten_head h = {0};
	struct arrays a = {files, n, columns ? columns : "values", model, output, zstd, quiet};
	if (strchr(a.name, ',') || ten_head_add(&h, a.name, TEN_UINT, 8, 0, NULL, &e))
		cli_die(ERR_USAGE, "--columns %s: is not the name of one field", a.name);
	ten_head_free(&h);
	(format == FORMAT_NPY ? import_npy : import_llmc)(&a);
}

static bool
is_folder(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Models instead of records: returns whether that was asked for, and then all is done. */
static bool
import_models(char **operands, size_t n)
{
	bool whole = kind >= 0 && strcmp(kinds[kind], "model") == 0, peft = kind >= 0 && strcmp(kinds[kind], "peft") == 0;
	struct model_import o = {n ? operands[0] : NULL, output, vocabulary, model, quiet};
	if (vocabulary && !whole)
		cli_die(ERR_USAGE, "--vocab is for --as model");
	if (!whole && !peft)
		return false;
	if (peft != (model != NULL))
		cli_die(ERR_USAGE, peft ? "--as peft needs the model that is adapted: -m FILE" : "-m is for --as peft and llmc");
	if (n != 1)
		cli_die(ERR_USAGE, "--as %s takes one operand, not %zu", kinds[kind], n);
	if (fields.n || columns || labels || keep || skip_bad || zstd || format || id || split >= 0)
		cli_die(ERR_USAGE, "options of records are not for --as %s", kinds[kind]);
	if (whole && !is_folder(operands[0])) {
		if (vocabulary)
			cli_die(ERR_USAGE, "--vocab is for folders; a GGUF file has its own");
		import_gguf(operands[0], output, quiet);
		return true;
	}
	(whole ? import_model : import_peft)(&o);
	return true;
}

/* The same of tokenizers. */
static bool
import_foreign_tokenizer(char **operands, size_t n)
{
	bool asked = kind >= 0 && strcmp(kinds[kind], "tokenizer") == 0;
	if (!asked && (foreign.rule >= 0 || foreign.specials.n || foreign.begin || foreign.end || foreign.cased))
		cli_die(ERR_USAGE, "--pretoken, --special, --begin, --end and --cased are for --as tokenizer");
	if (!asked)
		return false;
	if (format != FORMAT_JSONL || columns || labels || keep || fields.n || skip_bad || id || split >= 0 || model || vocabulary)
		cli_die(ERR_USAGE, "--as tokenizer reads the files of a tokenizer, which have no records");
	foreign.output = output;
	foreign.quiet = quiet;
	foreign.zstd = zstd;
	import_tokenizer(&foreign, operands, n);
	return true;
}

int
main(int argc, char **argv)
{
	size_t n;
	struct importing m = {0};
	struct ten_head h = {0};
	char **files = cli_parse(&tool, argc, argv, &n);
	if (import_foreign_tokenizer(files, n) || import_models(files, n))
		return 0;
	m.rules.kind = kind >= 0 ? (enum import_kind)kind : format == FORMAT_CONLL ? IMPORT_TAGGED : IMPORT_TEXT;
	m.columns = columns;
	m.csv = format == FORMAT_CSV;
	m.skip_bad = skip_bad;
	m.split = split >= 0 ? (enum document_split)split : SPLIT_BLANK;
	set_names(&m);
	check_options(&m);
	cli_note_files(files);
	if (format == FORMAT_NPY || format == FORMAT_LLMC) {
		import_arrays(files, n ? n : 1);
		return 0;
	}
	prepare(&m, &h);
	cli_progress_filter(&m.progress, quiet, output, files, 1);
	if (!m.progress.total)
		m.progress.unit = "records";
	for (size_t i = 0; i < (n ? n : 1); i++) {
		int fd = cli_input(n ? files[i] : NULL, &m.file);
		m.line = 0;
		m.fd = fd;
		readers[format](&m, fd);
		off_t end = lseek(fd, 0, SEEK_CUR);
		m.bytes += end < 0 ? 0 : (uint64_t)end;
		if (fd != STDIN_FILENO)
			close(fd);
	}
	if (!m.records)
		cli_die(ERR_DATA, "%s: there is no record that can be used", m.file);
	cli_progress_end(&m.progress);
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
