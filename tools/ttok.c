/* ttok - turn text into tokens, and back */
#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/docbatch.h"
#include "common/vocabio.h"
#include "text/encode.h"
#include "text/words.h"

static const char *model, *output;
static uint64_t threads = 1;
static bool decode, special, words, keep_text, from_records, quiet;
static struct doc_opts docs = DOC_OPTS_DEFAULT;
static int zstd;

static const struct cli_opt opts[] = {
    {'m', "model", "FILE", CLI_TEXT, &model, "the vocabulary, or a model that carries it", 0, 0, 0, true},
    {'d', "decode", NULL, CLI_FLAG, &decode, "turn records with ids back into text", 0, 0, 0, false},
    {0, "special", NULL, CLI_FLAG, &special, "names of special tokens in the text are those tokens; -d: print them", 0, 0, 0, false},
    {0, "words", NULL, CLI_FLAG, &words, "add the field words: the number of the word of each token", 0, 0, 0, false},
    {0, "records", NULL, CLI_FLAG, &from_records, "read records with a field text, as timport makes them; their other fields stay", 0, 0, 0, false},
    {0, "text", NULL, CLI_FLAG, &keep_text, "add the field text: the document itself", 0, 0, 0, false},
    DOC_OPTIONS(&docs),
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_THREADS(&threads, "1"),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"ttok", "[text ...]", "Turn text into tokens, and back.", opts,
    sizeof opts / sizeof *opts,
    "ttok -m vocab.ten stories.txt -o tokens.ten\n"
    "ttok -m vocab.ten stories.txt | ttok -d -m vocab.ten | cmp - stories.txt"};

/* ---- text to tokens ---- */

enum { KEPT_IDS = 4 << 20 }; /* what a batch of some megabytes of text can need */

/* A document in tokens. */
struct encoded {
	struct ids ids, words;
};

static int
encode_document(struct encoder *x, const struct vocab *v, const char *text, size_t n, struct encoded *to,
    struct err *e)
{
	struct ids *ids = &to->ids;
	ids->n = 0;
	if (mem_grow(&ids->v, &ids->cap, 2, sizeof *ids->v, "token ids", e))
		return -1;
	if (v->begin >= 0)
		ids->v[ids->n++] = v->begin;
	size_t from = ids->n;
	if (special ? encode_with_special(x, text, n, ids, e) : encode_text(x, text, n, ids, e))
		return -1;
	size_t count = ids->n - from;
	if (v->end >= 0) {
		if (mem_grow(&ids->v, &ids->cap, ids->n + 1, sizeof *ids->v, "token ids", e))
			return -1;
		ids->v[ids->n++] = v->end;
	}
	if (!words)
		return 0;
	/* the tokens around the document are words, too */
	if (mem_grow(&to->words.v, &to->words.cap, ids->n, sizeof *ids->v, "words", e) ||
	    words_of(v, text, n, ids->v + from, count, to->words.v + from, e))
		return -1;
	for (size_t i = 0; from && i < count; i++)
		to->words.v[from + i]++;
	if (from)
		to->words.v[0] = 0;
	if (v->end >= 0)
		to->words.v[ids->n - 1] = ids->n > 1 ? to->words.v[ids->n - 2] + 1 : 0;
	return 0;
}

/* The documents of a batch in parallel, each into ids of its own. Of several that fail the first is told. */
static void
encode_batch(const struct doc_batch *b, const struct vocab *v, struct encoder **encoders,
    struct encoded *to)
{
	struct err e;
	size_t failed = b->n;
#pragma omp parallel for schedule(dynamic, 16)
	for (size_t i = 0; i < b->n; i++) {
		struct err mine;
		size_t n;
		const char *text = doc_text(b, i, &n);
		int rc = encode_document(encoders[omp_get_thread_num()], v, text, n, &to[i], &mine);
#pragma omp critical
		if (rc && i < failed) {
			failed = i;
			e = mine;
		}
	}
	if (failed < b->n) {
		doc_batch_prefix(b, failed, &e);
		cli_fail(&e);
	}
}

static void
open_tokens(struct cli_out *out, struct ten_head *h, const struct vocab_file *f)
{
	struct err e;
	struct ten_writer_opts o = {.zstd_level = zstd, .byte_split = zstd > 0};
	const struct ten_head *inputs[1] = {&f->head};
	uint64_t ragged = TEN_RAGGED;
	char size[24];
	snprintf(h->kind, sizeof h->kind, "tokens");
	snprintf(size, sizeof size, "%zu", f->vocab.n);
	if (ten_head_add(h, "ids", TEN_INT, 32, 1, &ragged, &e) ||
	    (words && ten_head_add(h, "words", TEN_INT, 32, 1, &ragged, &e)) ||
	    (keep_text && ten_head_add(h, "text", TEN_TEXT, 8, 1, &ragged, &e)) ||
	    ten_head_set_text(h, "tokenizer", f->id, &e) || ten_head_set_text(h, "vocab_size", size, &e) ||
	    (docs.separator && ten_head_set_text(h, "separator", docs.separator, &e)))
		cli_fail(&e);
	cli_open_out(out, output, h, inputs, 1, NULL, &o);
}

static uint64_t
write_batch(struct cli_out *out, const struct doc_batch *b, const struct encoded *from)
{
	uint64_t tokens = 0;
	for (size_t i = 0; i < b->n; i++) {
		const struct encoded *d = &from[i];
		struct ten_value value[3] = {ten_vector(d->ids.v, d->ids.n)};
		size_t fields = 1, size;
		if (words)
			value[fields++] = ten_vector(d->words.v, d->ids.n);
		if (keep_text) {
			const char *text = doc_text(b, i, &size);
			value[fields] = ten_vector(text, size);
		}
		cli_write(out, value);
		tokens += d->ids.n;
	}
	return tokens;
}

/* Each place of a batch keeps its memory for the next one, but not that of the longest document that was ever there. */
static void
release(struct encoded *all, size_t n, size_t keep)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		kept += all[i].ids.cap + all[i].words.cap;
	for (size_t i = 0; i < n && kept > keep; i++) {
		free(all[i].ids.v);
		free(all[i].words.v);
		all[i] = (struct encoded){0};
	}
}

static void
encode_files(const struct vocab_file *f, char **files)
{
	struct err e;
	struct doc_batch b;
	struct cli_progress p;
	struct ten_head h = {0};
	struct cli_out out;
	size_t nthreads = (size_t)omp_get_max_threads(), nids = 0;
	struct encoded *all = NULL;
	struct encoder **encoders = mem_zalloc(nthreads, sizeof *encoders, "encoders", &e);
	for (size_t i = 0; i < nthreads; i++)
		if (!encoders || !(encoders[i] = encoder_new(&f->vocab, &e)))
			cli_fail(&e);
	doc_batch_open(&b, &docs, files);
	open_tokens(&out, &h, f);
	cli_progress_filter(&p, quiet, output, files, 1);
	uint64_t tokens = 0;
	while (doc_batch_next(&b)) {
		size_t before = nids;
		if (mem_grow(&all, &nids, b.n, sizeof *all, "documents", &e))
			cli_fail(&e);
		memset(all + before, 0, (nids - before) * sizeof *all);
		encode_batch(&b, &f->vocab, encoders, all);
		tokens += write_batch(&out, &b, all);
		release(all, nids, KEPT_IDS);
		cli_progress_tick(&p, doc_batch_read(&b) / 1000000, "");
	}
	cli_progress_end(&p);
	cli_close_out(&out);
	cli_account(quiet, "documents=%" PRIu64 " bytes=%" PRIu64 " tokens=%" PRIu64 " bytes_per_token=%.3f",
	    b.total_docs, b.total_bytes, tokens, tokens ? (double)b.total_bytes / (double)tokens : 0.0);
	release(all, nids, 0);
	for (size_t i = 0; i < nthreads; i++)
		encoder_free(encoders[i]);
	free(all);
	free(encoders);
	ten_head_free(&h);
	doc_batch_close(&b);
}

/* ---- records with text ---- */

/* The fields of the output: ids, words, and those of the input, of which `text` only when it is kept.
 * from[i]: the input's field of output field i, -1 for what is new. */
static size_t last_field; /* number of fields of the output */

static void
open_tokens_of_records(struct cli_out *out, const struct vocab_file *f, const struct ten_reader *r, int *from)
{
	struct err e;
	struct ten_head h = {.kind = "tokens"};
	const struct ten_head *in = ten_reader_head(r), *inputs[2] = {&f->head, in};
	struct ten_writer_opts o = {.zstd_level = zstd, .byte_split = zstd > 0};
	uint64_t ragged = TEN_RAGGED;
	char size[24];
	snprintf(size, sizeof size, "%zu", f->vocab.n);
	if (ten_head_add(&h, "ids", TEN_INT, 32, 1, &ragged, &e) ||
	    (words && ten_head_add(&h, "words", TEN_INT, 32, 1, &ragged, &e)))
		cli_fail(&e);
	for (size_t i = 0; i < h.nfields; i++)
		from[i] = -1;
	for (size_t i = 0; i < in->nfields; i++) {
		const struct ten_field *x = &in->fields[i];
		if (!keep_text && (strcmp(x->name, "text") == 0 || strcmp(x->name, "word_ends") == 0))
			continue;
		if (ten_head_add(&h, x->name, x->cls, x->bits, x->rank, x->dims, &e)) {
			err_prefix(&e, "%s", ten_reader_name(r));
			cli_fail(&e);
		}
		from[h.nfields - 1] = (int)i;
	}
	for (size_t i = 0; i < in->nkvs; i++)
		if (ten_head_set_kv(&h, in->kvs[i].key, in->kvs[i].value, in->kvs[i].size, &e))
			cli_fail(&e);
	if (ten_head_set_text(&h, "tokenizer", f->id, &e) || ten_head_set_text(&h, "vocab_size", size, &e))
		cli_fail(&e);
	cli_open_out(out, output, &h, inputs, 2, NULL, &o);
	last_field = h.nfields;
	ten_head_free(&h);
}

/* Words that are given: each is encoded by itself, with the space before it, so that no token crosses a border. The
 * tokens around the record are of no word, -1. */
static int
encode_words(struct encoder *x, const struct vocab *v, const struct ten_value *text, const struct ten_value *ends,
    struct encoded *to, struct err *e)
{
	const uint32_t *end = ends->data;
	struct ids *ids = &to->ids;
	ids->n = 0;
	size_t last = ends->count ? end[ends->count - 1] : 0;
	if (last != text->count)
		return err_set(e, ERR_DATA, "the last word ends at byte %zu, of a text of %" PRIu64, last, text->count);
	for (size_t w = 0, from = 0; w <= ends->count + 1; w++) {
		bool outside = w == 0 || w == ends->count + 1;
		int32_t around = w == 0 ? v->begin : v->end;
		size_t before = ids->n;
		if (outside && around < 0)
			continue;
		if (outside) {
			if (mem_grow(&ids->v, &ids->cap, ids->n + 1, sizeof *ids->v, "token ids", e))
				return -1;
			ids->v[ids->n++] = around;
		} else {
			if (end[w - 1] <= from || end[w - 1] > text->count)
				return err_set(e, ERR_DATA, "word %zu ends at byte %u: after %zu, of a text of %" PRIu64, w - 1,
				    end[w - 1], from, text->count);
			if (encode_text(x, (const char *)text->data + from, end[w - 1] - from, ids, e))
				return -1;
			from = end[w - 1];
		}
		if (mem_grow(&to->words.v, &to->words.cap, ids->n, sizeof *ids->v, "words", e))
			return -1;
		for (size_t i = before; i < ids->n; i++)
			to->words.v[i] = outside ? -1 : (int32_t)(w - 1);
	}
	return 0;
}

static void
encode_records(const struct vocab_file *f, char **files)
{
	struct err e;
	struct cli_progress p;
	struct cli_out out;
	struct encoded d = {0};
	struct ten_reader *r = cli_reader(files[0]);
	const struct ten_head *in = ten_reader_head(r);
	struct encoder *x = encoder_new(&f->vocab, &e);
	int got, text = x ? ten_head_need(in, ten_reader_name(r), "text", TEN_TEXT, 8, 1, &e) : -1;
	size_t fields = in->nfields + 2;
	struct ten_value *v = text < 0 ? NULL : mem_zalloc(in->nfields, sizeof *v, "fields", &e);
	struct ten_value *to = v ? mem_zalloc(fields, sizeof *to, "fields", &e) : NULL;
	int *from = to ? mem_zalloc(fields, sizeof *from, "fields", &e) : NULL;
	uint64_t tokens = 0, bytes = 0;
	if (!from)
		cli_fail(&e);
	int word_ends = cli_field(r, "word_ends", TEN_UINT, 32, 1);
	words = words || word_ends >= 0;
	open_tokens_of_records(&out, f, r, from);
	cli_progress_filter(&p, quiet, output, files, 1);
	while ((got = ten_read(r, v, &e)) > 0) {
		if (word_ends >= 0 ? encode_words(x, &f->vocab, &v[text], &v[word_ends], &d, &e)
		    : encode_document(x, &f->vocab, v[text].data, v[text].count, &d, &e)) {
			err_prefix(&e, "%s: record %" PRIu64, ten_reader_name(r), ten_reader_record(r) - 1);
			cli_fail(&e);
		}
		to[0] = ten_vector(d.ids.v, d.ids.n);
		to[1] = ten_vector(d.words.v, d.ids.n);
		for (size_t i = 1 + words; i < last_field; i++)
			to[i] = v[from[i]];
		cli_write(&out, to);
		tokens += d.ids.n;
		bytes += v[text].count;
		cli_progress_tick(&p, ten_reader_offset(r) / 1000000, "");
	}
	cli_progress_end(&p);
	if (got < 0)
		cli_fail(&e);
	cli_close_out(&out);
	cli_account(quiet, "documents=%" PRIu64 " bytes=%" PRIu64 " tokens=%" PRIu64 " bytes_per_token=%.3f",
	    ten_reader_record(r), bytes, tokens, tokens ? (double)bytes / (double)tokens : 0.0);
	encoder_free(x);
	free(d.ids.v);
	free(d.words.v);
	free(v);
	free(to);
	free(from);
	ten_reader_free(r);
}

/* ---- tokens to text ---- */

static void
put_record(const struct vocab_file *f, const struct ten_reader *r, const struct ten_value *v,
    struct outfile *out, struct ten_membuf *text)
{
	struct err e;
	const int32_t *ids = v->data;
	text->size = 0;
	for (size_t i = 0; i < v->count; i++)
		if (vocab_decode(&f->vocab, ids[i], special, text, &e)) {
			err_prefix(&e, "%s: record %" PRIu64, ten_reader_name(r), ten_reader_record(r) - 1);
			cli_fail(&e);
		}
	if (outfile_write(out, text->data, text->size, &e))
		cli_fail(&e);
}

struct decoding {
	struct cli_progress progress;
	uint64_t records, bytes; /* bytes: of the files before */
};

static void
decode_file(const struct vocab_file *f, const char *path, struct outfile *out, struct decoding *d)
{
	struct err e;
	struct ten_reader *r = cli_reader(path);
	const struct ten_head *h = ten_reader_head(r);
	const struct ten_kv *separator = ten_head_kv(h, "separator");
	int at = ten_head_need(h, ten_reader_name(r), "ids", TEN_INT, 32, 1, &e), got;
	struct ten_value *values = at < 0 ? NULL : mem_zalloc(h->nfields, sizeof *values, "fields", &e);
	struct ten_membuf text = {0};
	if (!values)
		cli_fail(&e);
	vocab_file_check(f, h, ten_reader_name(r));
	while ((got = ten_read(r, values, &e)) > 0) {
		if (separator && ten_reader_record(r) > 1 && outfile_write(out, separator->value, separator->size, &e))
			cli_fail(&e);
		put_record(f, r, &values[at], out, &text);
		d->records++;
		cli_progress_tick(&d->progress, (d->bytes + ten_reader_offset(r)) / 1000000, "");
	}
	if (got < 0)
		cli_fail(&e);
	d->bytes += ten_reader_offset(r);
	free(text.data);
	free(values);
	ten_reader_free(r);
}

static void
decode_files(const struct vocab_file *f, char **files)
{
	struct err e;
	struct outfile out;
	struct decoding d = {0};
	cli_progress_filter(&d.progress, quiet, output, files, 1);
	if (outfile_open(&out, output, 0666, &e))
		cli_fail(&e);
	for (size_t i = 0; i == 0 || files[i]; i++) {
		decode_file(f, files[i], &out, &d);
		if (!files[i])
			break;
	}
	cli_progress_end(&d.progress);
	if (outfile_commit(&out, &e))
		cli_fail(&e);
	cli_account(quiet, "records=%" PRIu64, d.records);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct err e;
	struct vocab_file f;
	char **operands = cli_parse(&tool, argc, argv, &n);
	if (!model)
		cli_die(ERR_USAGE, "needs the vocabulary: -m FILE");
	if (threads)
		omp_set_num_threads((int)threads);
	if (vocab_file_load(&f, model, &e))
		cli_fail(&e);
	if (from_records && (decode || n > 1 || doc_opts_given(&docs)))
		cli_die(ERR_USAGE, "--records reads one stream of records, which have no text to divide");
	if (decode && (words || keep_text || doc_opts_given(&docs)))
		cli_die(ERR_USAGE, "-d makes text of records; options of what is made of text are not for it");
	if (from_records)
		encode_records(&f, operands);
	else if (decode)
		decode_files(&f, operands);
	else
		encode_files(&f, operands);
	vocab_file_free(&f);
	return 0;
}
