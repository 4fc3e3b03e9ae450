/* tdump - show what is in a record stream. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/show.h"
#include "common/summary.h"
#include "common/vocabio.h"

static bool jsonl, csv, schema, provenance, stats, hist;
static uint64_t limit = UINT64_MAX, width = 240;
static struct cli_list field_names;
static const char *vocab_path;
static const char *const colours[] = {"auto", "always", "never", NULL};
static int colour;
static struct vocab_file vocab;

static const struct cli_opt opts[] = {
    {'n', "records", "N", CLI_U64, &limit, "only the first N records", 0, 0, 0, false},
    {'f', "field", "NAME", CLI_LIST, &field_names, "only this field; may be repeated", 0, 0, 0, false},
    {'w', "width", "N", CLI_U64, &width, "about N characters of a value, 0 for all (default 240)", 0, 0,
        0, false},
    {'m', "model", "FILE", CLI_TEXT, &vocab_path, "vocabulary or model that shows ids as text", 0,
        0, 0, false},
    {0, "colour", "WHEN", CLI_CHOICE, &colour, "show trained tokens in colour, else in [[ ]]: auto, always or never (default auto, on a terminal)", 0, 0, colours, false},
    {0, "jsonl", NULL, CLI_FLAG, &jsonl, "a line of JSON for each record", 0, 0, 0, false},
    {0, "csv", NULL, CLI_FLAG, &csv, "comma-separated values, names in the first line", 0, 0, 0, false},
    {0, "schema", NULL, CLI_FLAG, &schema, "only kind, fields and key-values", 0, 0, 0, false},
    {0, "provenance", NULL, CLI_FLAG, &provenance, "only the steps that made the stream", 0, 0, 0, false},
    {0, "stats", NULL, CLI_FLAG, &stats, "count, min, max, mean, std, nan, inf of each field", 0, 0, 0,
        false},
    {0, "hist", NULL, CLI_FLAG, &hist, "a histogram of each field of numbers", 0, 0, 0, false},
};

static const struct cli_tool tool = {"tdump", "[file ...]",
    "Shows record streams: schema, provenance and records as text, JSON or CSV.", opts,
    sizeof opts / sizeof opts[0],
    "tdump -n 3 train.ten\n"
    "tdump -m vocab.ten tokens.ten\n"
    "tdump --csv -f step -f loss run.ten\n"
    "tdump --stats gpt.ten"};

/* A stream and which of its fields are shown. */
struct view {
	struct ten_reader *r;
	const struct ten_head *h;
	size_t *index;                  /* into the fields of the stream */
	const struct ten_field **fields;
	size_t n;
	struct ten_value *values;       /* all of a record */
};

static void
open_view(struct view *v, const char *path)
{
	struct err e;
	v->r = cli_reader(path);
	v->h = ten_reader_head(v->r);
	v->n = field_names.n ? field_names.n : v->h->nfields;
	if (!(v->index = mem_zalloc(v->n, sizeof *v->index, "fields", &e)) ||
	    !(v->fields = mem_zalloc(v->n, sizeof *v->fields, "fields", &e)) ||
	    !(v->values = mem_zalloc(v->h->nfields, sizeof *v->values, "fields", &e)))
		cli_fail(&e);
	for (size_t i = 0; i < v->n; i++) {
		int at = field_names.n ? ten_head_find(v->h, field_names.items[i]) : (int)i;
		if (at < 0)
			cli_die(ERR_DATA, "%s: has no field `%s' (tdump --schema lists them)",
			    ten_reader_name(v->r), field_names.items[i]);
		v->index[i] = (size_t)at;
		v->fields[i] = &v->h->fields[at];
	}
}

static void
close_view(struct view *v)
{
	ten_reader_free(v->r);
	free(v->index);
	free(v->fields);
	free(v->values);
}

/* Also stops at the limit of records. */
static bool
next_record(struct view *v)
{
	struct err e;
	if (ten_reader_record(v->r) >= limit)
		return false;
	int rc = ten_read(v->r, v->values, &e);
	if (rc < 0)
		cli_fail(&e);
	return rc == 1;
}

static const struct ten_value *
value_of(const struct view *v, size_t i)
{
	return &v->values[v->index[i]];
}

/* Data of another tokenizer would come out as nonsense. */
static void
check_tokenizer(const struct view *v)
{
	const struct ten_kv *kv = ten_head_kv(v->h, "tokenizer");
	if (vocab_path && kv && strcmp(kv->value, vocab.id))
		cli_die(ERR_DATA, "%s: has tokenizer %s, %s has %s", ten_reader_name(v->r),
		    (const char *)kv->value, vocab_path, vocab.id);
}

static void
print_decoded(const struct view *v, const struct ten_value *ids)
{
	struct err e;
	struct ten_membuf text = {0};
	const int32_t *id = ids->data;
	for (uint64_t i = 0; i < ids->count && (!width || text.size / 4 < width); i++)
		if (vocab_decode(&vocab.vocab, id[i], true, &text, &e)) {
			err_prefix(&e, "%s: record %" PRIu64, ten_reader_name(v->r), ten_reader_record(v->r) - 1);
			cli_fail(&e);
		}
	fputs("  ids as text: \"", stdout);
	bool cut = show_text(stdout, text.data, text.size, width);
	fputs(cut ? "\" ...\n" : "\"\n", stdout);
	free(text.data);
}

/* ---- which tokens are trained ---- */

struct marks {
	const struct view *view;
	bool colour, open; /* a trained run is open */
	size_t shown;
};

static void
mark(struct marks *m, bool trained)
{
	if (trained != m->open)
		fputs(m->colour ? trained ? "\033[32m" : "\033[0m" : trained ? "[[" : "]]", stdout);
	m->open = trained;
}

static void
print_token(struct marks *m, int32_t id, bool trained)
{
	struct err e;
	struct ten_membuf text = {0};
	if (width && m->shown >= width)
		return;
	if (vocab_decode(&vocab.vocab, id, true, &text, &e)) {
		err_prefix(&e, "%s: record %" PRIu64, ten_reader_name(m->view->r), ten_reader_record(m->view->r) - 1);
		cli_fail(&e);
	}
	mark(m, trained);
	show_text(stdout, text.data, text.size, 0);
	m->shown += text.size;
	free(text.data);
}

/* The pieces of a record: sequences of candidates, documents of a row. */
struct pieces {
	bool candidates, masked;
	const int32_t *id, *target, *document; /* (n); document may be NULL */
	const uint32_t *end;                   /* (nends), or NULL */
	uint64_t n, nends;
	uint64_t next;                         /* no end before this one is of a piece to come */
};

/* Where the piece that token i is in ends. i never falls from call to call, so all calls together look at each end once; ends
 * that make no sense are passed over. */
static uint64_t
piece_end(struct pieces *p, uint64_t i)
{
	while (p->end && p->next < p->nends && (p->end[p->next] <= i || p->end[p->next] > p->n))
		p->next++;
	if (p->end)
		return p->next < p->nends ? p->end[p->next] : p->n;
	while (p->document && i + 1 < p->n && p->document[i + 1] == p->document[i])
		i++;
	return p->document ? i + 1 : p->n;
}

/* The tokens from `from` to the end of the record, of candidates to that of the sequence; returns where. The target of
 * a token is the next token, of a masked one what it was; a target that is not beside its token, since a piece ends
 * there, is shown too. */
static uint64_t
print_trained(const struct view *v, struct pieces *p, uint64_t from)
{
	bool before = false;
	uint64_t end = piece_end(p, from), to = p->candidates ? end : p->n;
	struct marks m = {v, colour == 1 || (colour == 0 && isatty(STDOUT_FILENO)), false, 0};
	fputs("  trained: \"", stdout);
	for (uint64_t i = from; i < to; i++) {
		bool here = p->target[i] != -100;
		if (p->masked) {
			print_token(&m, here ? p->target[i] : p->id[i], here);
			continue;
		}
		if (i == end)
			end = piece_end(p, i);
		print_token(&m, p->id[i], before);
		if (here && i + 1 == end)
			print_token(&m, p->target[i], true);
		before = here && i + 1 < end;
	}
	mark(&m, false);
	fputs(width && m.shown >= width ? "\" ...\n" : "\"\n", stdout);
	return to;
}

static void
print_pieces(const struct view *v)
{
	const struct ten_value *x = &v->values[ten_head_find(v->h, "ids")], *y = &v->values[ten_head_find(v->h, "targets")];
	int ends = ten_head_find(v->h, "ends"), documents = ten_head_find(v->h, "documents");
	struct pieces p = {strcmp(v->h->kind, "candidates") == 0, strcmp(v->h->kind, "masked") == 0, x->data, y->data, NULL, NULL, x->count, 0, 0};
	uint64_t at = 0;
	if (y->count != x->count)
		return;
	if (p.candidates && ends >= 0 && v->h->fields[ends].cls == TEN_UINT && v->h->fields[ends].bits == 32) {
		p.end = v->values[ends].data;
		p.nends = v->values[ends].count;
	} else if (documents >= 0 && v->values[documents].count == p.n) {
		p.document = v->values[documents].data;
	}
	do
		at = print_trained(v, &p, at);
	while (at < p.n);
}

static bool
has_targets(const struct view *v)
{
	int at[2] = {ten_head_find(v->h, "ids"), ten_head_find(v->h, "targets")};
	for (int i = 0; i < 2; i++)
		if (at[i] < 0 || v->h->fields[at[i]].cls != TEN_INT || v->h->fields[at[i]].bits != 32 || v->h->fields[at[i]].rank != 1)
			return false;
	int d = ten_head_find(v->h, "documents");
	return d < 0 || (v->h->fields[d].cls == TEN_INT && v->h->fields[d].bits == 32 && v->h->fields[d].rank == 1);
}

static void
print_records(struct view *v)
{
	check_tokenizer(v);
	while (next_record(v)) {
		printf("record %" PRIu64 ":\n", ten_reader_record(v->r) - 1);
		for (size_t i = 0; i < v->n; i++) {
			fputs("  ", stdout);
			show_text(stdout, v->fields[i]->name, strlen(v->fields[i]->name), 0);
			fputs(": ", stdout);
			show_value(stdout, v->fields[i], value_of(v, i), width);
			putchar('\n');
			const struct ten_field *f = v->fields[i];
			if (vocab_path && strcmp(f->name, "ids") == 0 && f->cls == TEN_INT && f->bits == 32 && f->rank == 1)
				print_decoded(v, value_of(v, i));
			if (vocab_path && strcmp(f->name, "targets") == 0 && has_targets(v))
				print_pieces(v);
		}
	}
}

static void
print_jsonl(struct view *v)
{
	while (next_record(v)) {
		for (size_t i = 0; i < v->n; i++) {
			putchar(i ? ',' : '{');
			show_json_string(stdout, v->fields[i]->name, strlen(v->fields[i]->name));
			putchar(':');
			show_json(stdout, v->fields[i], value_of(v, i));
		}
		puts(v->n ? "}" : "{}");
	}
}

/* Of several operands with the same fields once, so that together they are a table. */
static void
print_csv_names(const struct view *v)
{
	static char *before;
	char *line;
	size_t n;
	FILE *f = open_memstream(&line, &n);
	for (size_t i = 0; f && i < v->n; i++) {
		if (i)
			putc(',', f);
		show_csv_text(f, v->fields[i]->name, strlen(v->fields[i]->name));
	}
	if (!f || fclose(f))
		cli_die(ERR_RUNTIME, "out of memory");
	if (!before || strcmp(before, line))
		puts(line);
	free(before);
	before = line;
}

static void
print_csv(struct view *v)
{
	print_csv_names(v);
	while (next_record(v)) {
		for (size_t i = 0; i < v->n; i++) {
			if (i)
				putchar(',');
			show_csv(stdout, v->fields[i], value_of(v, i));
		}
		putchar('\n');
	}
}

static void
print_summaries(struct view *v)
{
	struct summary *s = cli_zalloc(v->n, sizeof *s, "statistics");
	while (next_record(v))
		for (size_t i = 0; i < v->n; i++)
			summary_add(&s[i], v->fields[i], value_of(v, i), hist);
	if (stats)
		summary_table(stdout, v->fields, s, v->n);
	for (size_t i = 0; hist && i < v->n; i++)
		if (show_is_number(v->fields[i]))
			summary_hist(stdout, v->fields[i], &s[i]);
	free(s);
}

static void
print_head(struct view *v, bool with_schema, bool with_provenance)
{
	struct err e;
	if (with_schema)
		show_schema(stdout, v->h, width);
	if (with_provenance && show_provenance(stdout, v->h, &e))
		cli_fail(&e);
}

static void
dump(const char *path, bool several)
{
	struct view v = {0};
	open_view(&v, path);
	if (several && !jsonl && !csv) {
		fputs("==> ", stdout);
		show_text(stdout, ten_reader_name(v.r), strlen(ten_reader_name(v.r)), 0);
		fputs(" <==\n", stdout);
	}
	if (schema || provenance)
		print_head(&v, schema, provenance);
	else if (jsonl)
		print_jsonl(&v);
	else if (csv)
		print_csv(&v);
	else if (stats || hist)
		print_summaries(&v);
	else {
		print_head(&v, true, true);
		print_records(&v);
	}
	close_view(&v);
}

int
main(int argc, char **argv)
{
	size_t n;
	char **operands = cli_parse(&tool, argc, argv, &n);
	if (jsonl + csv + (schema || provenance) + (stats || hist) > 1)
		cli_die(ERR_USAGE, "choose one of --jsonl, --csv, --schema and --provenance, "
		    "--stats and --hist (tdump --help)");
	struct err e;
	if (vocab_path && vocab_file_load(&vocab, vocab_path, &e))
		cli_fail(&e);
	for (size_t i = 0; i < (n ? n : 1); i++)
		dump(n ? operands[i] : NULL, n > 1);
	cli_close_stdout();
	return 0;
}
