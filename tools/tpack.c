/* tpack - pack documents of tokens into training rows */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "data/pack.h"

static uint64_t length = 256;
static bool wrap, quiet;
static const char *output;
static int zstd;

static const struct cli_opt opts[] = {
    {'l', "length", "N", CLI_U64, &length, "most inputs of a row (default 256)", 1, 1 << 22, 0, false},
    {0, "wrap", NULL, CLI_FLAG, &wrap, "rows cut from all documents in a sequence; attention crosses borders", 0, 0, 0, false},
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tpack", "[tokens]",
    "Pack documents of tokens into training rows.", opts, sizeof opts / sizeof *opts,
    "tpack -l 256 tokens.ten -o rows.ten\n"
    "ttok -m vocab.ten stories.txt | tpack -l 64 --wrap | tshuf -o train.ten"};

struct packing {
	struct packer packer;
	struct cli_out out;
	uint64_t vocab;               /* ids are below it; 0 = not known */
	bool words;                   /* the stream says which word a token is of */
	uint64_t trained;             /* targets of records that have some */
	bool targets;
	int32_t *stream, *stream_words; /* --wrap: tokens that wait for a row */
	size_t n, cap, cap_words;
	int32_t first_word;           /* of the next document in the stream: no two words meet */
	uint64_t documents, tokens_in, short_documents, short_tokens, pairs;
};

static int
write_row(void *ctx, const struct pack_row *r, struct err *e)
{
	struct packing *p = ctx;
	struct ten_value v[5] = {ten_vector(r->ids, r->n), ten_vector(r->targets, r->n),
	    ten_vector(r->positions, r->n), ten_vector(r->documents, r->n), ten_vector(r->words, r->n)};
	p->pairs += r->n;
	return ten_write(p->out.w, v, e);
}

static void
open_rows(struct packing *p, const struct ten_head *in)
{
	static const char *const names[] = {"ids", "targets", "positions", "documents", "words"};
	struct err e;
	struct ten_head h = {0};
	struct ten_writer_opts o = {.zstd_level = zstd, .byte_split = zstd > 0};
	uint64_t ragged = TEN_RAGGED;
	char text[24];
	snprintf(h.kind, sizeof h.kind, "rows");
	snprintf(text, sizeof text, "%" PRIu64, length);
	for (int i = 0; i < 4 + p->words; i++)
		if (ten_head_add(&h, names[i], TEN_INT, 32, 1, &ragged, &e))
			cli_fail(&e);
	for (size_t i = 0; i < in->nkvs; i++)
		if (ten_head_set_kv(&h, in->kvs[i].key, in->kvs[i].value, in->kvs[i].size, &e))
			cli_fail(&e);
	if (ten_head_set_text(&h, "length", text, &e))
		cli_fail(&e);
	cli_open_out(&p->out, output, &h, &in, 1, NULL, &o);
	ten_head_free(&h);
}

static void
check_ids(const struct packing *p, const struct ten_reader *r, const int32_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] < 0 || (p->vocab && (uint64_t)ids[i] >= p->vocab))
			cli_die(ERR_DATA, "%s: record %" PRIu64 ": id %d, the vocabulary has %" PRIu64,
			    ten_reader_name(r), ten_reader_record(r) - 1, ids[i], p->vocab);
}

/* The next document of the one long sequence: whole rows leave, the rest waits. */
static int
add_to_stream(struct packing *p, const int32_t *ids, const int32_t *words, size_t n, struct err *e)
{
	if (mem_grow(&p->stream, &p->cap, p->n + n, sizeof *ids, "tokens", e) ||
	    mem_grow(&p->stream_words, &p->cap_words, p->n + n, sizeof *ids, "words", e))
		return -1;
	if (n)
		memcpy(p->stream + p->n, ids, n * sizeof *ids);
	for (size_t i = 0; words && i < n; i++)
		p->stream_words[p->n + i] = (int32_t)((uint32_t)p->first_word + (uint32_t)words[i]) & INT32_MAX;
	p->n += n;
	if (words && n)
		p->first_word = (p->stream_words[p->n - 1] + 1) & INT32_MAX;
	size_t at = 0;
	for (; p->n - at > length; at += length)
		if (pack_row(&p->packer, p->stream + at, p->stream_words + at, length + 1, e))
			return -1;
	memmove(p->stream, p->stream + at, (p->n - at) * sizeof *ids);
	memmove(p->stream_words, p->stream_words + at, (p->n - at) * sizeof *ids);
	p->n -= at;
	return 0;
}

static int
add_document(struct packing *p, const int32_t *ids, const int32_t *words, size_t n, struct err *e)
{
	p->documents++;
	p->tokens_in += n;
	if (wrap)
		return add_to_stream(p, ids, words, n, e);
	if (n < 2) {
		p->short_documents++;
		p->short_tokens += n;
		return 0;
	}
	return pack_document(&p->packer, ids, words, n, e);
}

/* A record with targets, as tchat makes them, is one piece. */
static void
add_whole(struct packing *p, const struct ten_reader *r, const struct ten_value *values, int at, int target, int word,
    int document)
{
	struct err e;
	size_t n = values[at].count;
	const int32_t *targets = cli_column(r, values, at, target), *documents = cli_column(r, values, at, document);
	for (size_t i = 1; documents && i < n; i++)
		if (documents[i] != documents[0])
			cli_die(ERR_DATA, "%s: record %" PRIu64 " is packed already", ten_reader_name(r), ten_reader_record(r) - 1);
	for (size_t i = 0; i < n; i++) {
		if (targets[i] != -100 && (targets[i] < 0 || (p->vocab && (uint64_t)targets[i] >= p->vocab)))
			cli_die(ERR_DATA, "%s: record %" PRIu64 ": target %d", ten_reader_name(r), ten_reader_record(r) - 1, targets[i]);
		p->trained += targets[i] != -100;
	}
	p->documents++;
	p->tokens_in += n;
	if (pack_targets(&p->packer, values[at].data, targets, cli_column(r, values, at, word), n, &e)) {
		err_prefix(&e, "%s: record %" PRIu64, ten_reader_name(r), ten_reader_record(r) - 1);
		cli_fail(&e);
	}
}

static void
pack_stream(struct packing *p, struct ten_reader *r, char *const *paths)
{
	struct err e;
	struct cli_progress live;
	const struct ten_head *h = ten_reader_head(r);
	int at = ten_head_need(h, ten_reader_name(r), "ids", TEN_INT, 32, 1, &e), got;
	struct ten_value *values = at < 0 ? NULL : mem_zalloc(h->nfields, sizeof *values, "fields", &e);
	if (!values)
		cli_fail(&e);
	int word = cli_field(r, "words", TEN_INT, 32, 1), target = cli_field(r, "targets", TEN_INT, 32, 1);
	int document = cli_field(r, "documents", TEN_INT, 32, 1);
	if (target >= 0 && (wrap || strcmp(h->kind, "masked") == 0))
		cli_die(ERR_USAGE, "%s: has targets: pack before tmask, and without --wrap", ten_reader_name(r));
	p->targets = target >= 0;
	p->words = word >= 0;
	p->vocab = cli_head_number(r, "vocab_size", 0);
	open_rows(p, h);
	cli_progress_filter(&live, quiet, output, paths, 1);
	while ((got = ten_read(r, values, &e)) > 0) {
		cli_progress_tick(&live, ten_reader_offset(r) / 1000000, "");
		check_ids(p, r, values[at].data, values[at].count);
		if (target >= 0) {
			add_whole(p, r, values, at, target, word, document);
			continue;
		}
		if (add_document(p, values[at].data, cli_column(r, values, at, word), values[at].count, &e))
			cli_fail(&e);
	}
	if (got < 0)
		cli_fail(&e);
	cli_progress_end(&live);
	free(values);
}

/* Each document that is packed has one more token than inputs: its last one is a target only. */
static void
account(const struct packing *p)
{
	uint64_t rows = p->packer.rows, placed = p->tokens_in - p->short_tokens;
	if (p->targets) {
		cli_account(quiet, "records=%" PRIu64 " inputs=%" PRIu64 " trained=%" PRIu64 " rows=%" PRIu64 " fill=%.4f",
		    p->documents, p->pairs, p->trained, rows, rows ? (double)p->pairs / ((double)rows * (double)length) : 0.0);
		return;
	}
	if (p->pairs == 0 && wrap) /* what waits after a row was that row's last target: only a lone token is lost */
		placed = 0;
	cli_account(quiet, "documents=%" PRIu64 " tokens_in=%" PRIu64 " tokens_placed=%" PRIu64
	    " tokens_dropped=%" PRIu64 " short_documents_dropped=%" PRIu64 " inputs=%" PRIu64 " rows=%" PRIu64
	    " fill=%.4f", p->documents, p->tokens_in, placed, p->tokens_in - placed, p->short_documents,
	    p->pairs, rows, rows ? (double)p->pairs / ((double)rows * (double)length) : 0.0);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct err e;
	struct packing p = {0};
	char **operands = cli_parse(&tool, argc, argv, &n);
	pack_open(&p.packer, length, write_row, &p);
	if (n > 1)
		cli_die(ERR_USAGE, "one stream, not %zu; join files with tcat", n);
	struct ten_reader *r = cli_reader(n ? operands[0] : NULL);
	pack_stream(&p, r, operands);
	if ((p.n > 1 && pack_row(&p.packer, p.stream, p.stream_words, p.n, &e)) || pack_finish(&p.packer, &e))
		cli_fail(&e);
	cli_close_out(&p.out);
	account(&p);
	ten_reader_free(r);
	free(p.stream);
	free(p.stream_words);
	pack_close(&p.packer);
	return 0;
}
