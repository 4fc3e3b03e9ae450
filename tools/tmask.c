/* tmask - hide tokens of rows, so that a model learns to restore them */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/project.h"
#include "common/range.h"
#include "common/vocabio.h"
#include "data/mask.h"

static const char *const policies[] = {"token", "word", "span", "ngram", "prefix", "sentinel", NULL};

static const char *model, *output, *mask_token = "<|mask|>", *prefix = "0.25..0.75";
static uint64_t longest, epochs = 1, first_epoch;
static struct mask_opts o = {.rate = 0.15, .mask_share = 0.8, .random_share = 0.1, .span_p = 0.2, .seed = 1};
static int policy, zstd;
static bool quiet;

static const struct cli_opt opts[] = {
    {'m', "model", "FILE", CLI_TEXT, &model, "the vocabulary, or a model that carries it", 0, 0, 0, true},
    {0, "policy", "NAME", CLI_CHOICE, &policy, "token, word, span, ngram, prefix or sentinel (default token)", 0, 0, policies, false},
    {0, "rate", "P", CLI_REAL, &o.rate, "share of the tokens to hide (default 0.15)", 1e-6, 0.99, 0, false},
    {0, "mask-share", "P", CLI_REAL, &o.mask_share, "of hidden tokens, replaced by the mask (default 0.8)", 0, 1, 0, false},
    {0, "random-share", "P", CLI_REAL, &o.random_share, "of hidden tokens, replaced by a random one (default 0.1)", 0, 1, 0, false},
    {0, "mask-token", "NAME", CLI_TEXT, &mask_token, "the special token that hides (default <|mask|>)", 0, 0, 0, false},
    {0, "longest", "N", CLI_U64, &longest, "tokens or words of a span (default 10; ngram 3)", 1, MASK_LONGEST, 0, false},
    {0, "span-p", "P", CLI_REAL, &o.span_p, "span, sentinel: a span ends with P after each (default 0.2; sentinel 0.33)", 0.01, 1, 0, false},
    {0, "prefix", "A..B", CLI_TEXT, &prefix, "prefix: share of a document that is not trained (default 0.25..0.75)", 0, 0, 0, false},
    {0, "epochs", "N", CLI_U64, &epochs, "write a file N times, hidden otherwise each time (default 1)", 1, 1e9, 0, false},
    {0, "epoch", "N", CLI_U64, &first_epoch, "number of the first epoch (default 0)", 0, 0x7fffffff, 0, false},
    CLI_SEED(&o.seed),
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tmask", "[rows]", "Hide tokens of rows, so that a model learns to restore them.",
    opts, sizeof opts / sizeof *opts,
    "tmask -m bert-vocab.ten rows.ten -o masked.ten\n"
    "tmask -m bert-vocab.ten --policy span --epochs 4 rows.ten | tdump --jsonl -n 1\n"
    "tmask -m bert-vocab.ten --policy prefix --prefix 0.5..0.5 rows.ten -o prefix.ten"};

struct masking {
	struct masker masker;
	struct vocab_file vocab;
	struct cli_out out;
	struct ten_head first; /* of the input, as it was in the first epoch */
	int ids, targets, words, positions, documents; /* fields of the input, -1 = absent */
	int32_t *hidden, *answers, *places;
	size_t cap_hidden, cap_answers, cap_places;
	struct ten_value *values;           /* of the output */
	uint64_t records, tokens_out;
	struct cli_progress progress;
	uint64_t bytes;                     /* read in the epochs before */
};

/* ---- the output ---- */

/* The input's fields, with targets, and all that rows for a causal model have; for sentinels, whose rows are new, those alone. */
static void
output_head(struct ten_head *h, const struct ten_head *in, uint64_t length)
{
	static const char *const row[] = {"ids", "targets", "positions", "documents"};
	struct err e;
	uint64_t ragged = TEN_RAGGED;
	char text[24];
	if (policy != MASK_SENTINEL) {
		if (ten_head_copy(h, in, &e))
			cli_fail(&e);
		for (int i = 1; i < (policy == MASK_PREFIX ? 4 : 2); i++)
			if (ten_head_find(in, row[i]) < 0 && ten_head_add(h, row[i], TEN_INT, 32, 1, &ragged, &e))
				cli_fail(&e);
		snprintf(h->kind, sizeof h->kind, policy == MASK_PREFIX ? "rows" : "masked");
		return;
	}
	snprintf(h->kind, sizeof h->kind, "rows");
	for (int i = 0; i < 4; i++)
		if (ten_head_add(h, row[i], TEN_INT, 32, 1, &ragged, &e))
			cli_fail(&e);
	for (size_t i = 0; i < in->nkvs; i++)
		if (ten_head_set_kv(h, in->kvs[i].key, in->kvs[i].value, in->kvs[i].size, &e))
			cli_fail(&e);
	snprintf(text, sizeof text, "%" PRIu64, length);
	if (length && ten_head_set_text(h, "length", text, &e))
		cli_fail(&e);
}

static void
open_output(struct masking *m, const struct ten_reader *r)
{
	struct err e;
	struct ten_head h = {0};
	const struct ten_head *in = ten_reader_head(r), *inputs[2] = {in, &m->vocab.head};
	struct ten_writer_opts w = {.zstd_level = zstd, .byte_split = zstd > 0};
	uint64_t length = cli_head_number(r, "length", 0);
	m->ids = ten_head_need(in, ten_reader_name(r), "ids", TEN_INT, 32, 1, &e);
	if (m->ids < 0)
		cli_fail(&e);
	m->targets = cli_field(r, "targets", TEN_INT, 32, 1);
	m->words = cli_field(r, "words", TEN_INT, 32, 1);
	m->positions = policy == MASK_PREFIX ? cli_field(r, "positions", TEN_INT, 32, 1) : -1;
	m->documents = cli_field(r, "documents", TEN_INT, 32, 1);
	if (policy == MASK_WORD && m->words < 0)
		cli_die(ERR_DATA, "%s: has no field `words': whole words need the tokens of ttok --words", ten_reader_name(r));
	vocab_file_check(&m->vocab, in, ten_reader_name(r));
	if (ten_head_copy(&m->first, in, &e))
		cli_fail(&e);
	output_head(&h, in, length ? mask_sentinel_room(&m->masker, length) : 0);
	m->values = cli_zalloc(h.nfields > in->nfields ? h.nfields : in->nfields, sizeof *m->values, "fields");
	cli_open_out(&m->out, output, &h, inputs, 2, &o.seed, &w);
	ten_head_free(&h);
}

/* ---- records ---- */

static void
grow(struct masking *m, size_t n)
{
	struct err e;
	if (mem_grow(&m->hidden, &m->cap_hidden, n, sizeof *m->hidden, "a row", &e) ||
	    mem_grow(&m->answers, &m->cap_answers, n, sizeof *m->answers, "a row", &e))
		cli_fail(&e);
}

/* What rows have and the input has not, from field `at` on: it is one document, or those that it numbers. */
static void
complete_row(struct masking *m, const int32_t *documents, size_t n, size_t at)
{
	struct err e;
	if (mem_grow(&m->places, &m->cap_places, 2 * n, sizeof *m->places, "a row", &e))
		cli_fail(&e);
	int32_t *positions = m->places, *numbers = m->places + n;
	for (size_t i = 0; i < n; i++) {
		positions[i] = i && (!documents || documents[i] == documents[i - 1]) ? positions[i - 1] + 1 : 0;
		numbers[i] = 0;
	}
	if (m->positions < 0)
		m->values[at++] = ten_vector(positions, n);
	if (m->documents < 0)
		m->values[at] = ten_vector(numbers, n);
}

static int
write_row(struct masking *m, const struct ten_reader *r, uint64_t epoch, const struct ten_value *in, struct err *e)
{
	size_t n = in[m->ids].count, fields = ten_reader_head(r)->nfields;
	const int32_t *documents = cli_column(r, in, m->ids, m->documents);
	grow(m, n);
	if (mask_row(&m->masker, epoch, in[m->ids].data, cli_column(r, in, m->ids, m->words), documents,
	    cli_column(r, in, m->ids, m->targets), n, m->hidden, m->answers, e))
		return -1;
	memcpy(m->values, in, fields * sizeof *in);
	m->values[m->ids] = ten_vector(m->hidden, n);
	m->values[m->targets >= 0 ? (size_t)m->targets : fields++] = ten_vector(m->answers, n);
	if (policy == MASK_PREFIX)
		complete_row(m, documents, n, fields);
	m->tokens_out += n;
	return ten_write(m->out.w, m->values, e);
}

/* A row of its own for each document: what it was cut from and what was cut from it. */
static int
write_sentinels(struct masking *m, const struct ten_reader *r, uint64_t epoch, const struct ten_value *in,
    struct err *e)
{
	size_t n = in[m->ids].count, count;
	const int32_t *ids = in[m->ids].data, *words = cli_column(r, in, m->ids, m->words);
	const int32_t *documents = cli_column(r, in, m->ids, m->documents);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && (!documents || documents[end] == documents[i]);)
			end++;
		size_t room = mask_sentinel_room(&m->masker, end - i);
		grow(m, 3 * room);
		int32_t *positions = m->hidden + room, *numbers = positions + room;
		if (mask_sentinel(&m->masker, epoch, ids + i, words ? words + i : NULL, end - i, m->hidden, m->answers,
		    &count, e))
			return -1;
		for (size_t k = 0; k < count; k++) {
			positions[k] = (int32_t)k;
			numbers[k] = 0;
		}
		struct ten_value v[4] = {ten_vector(m->hidden, count), ten_vector(m->answers, count),
		    ten_vector(positions, count), ten_vector(numbers, count)};
		m->tokens_out += count;
		if (ten_write(m->out.w, v, e))
			return -1;
	}
	return 0;
}

static void
mask_stream(struct masking *m, struct ten_reader *r, uint64_t epoch)
{
	struct err e;
	int got;
	struct ten_value *in = cli_zalloc(ten_reader_head(r)->nfields, sizeof *in, "fields");
	while ((got = ten_read(r, in, &e)) > 0) {
		if (policy == MASK_SENTINEL ? write_sentinels(m, r, epoch, in, &e) : write_row(m, r, epoch, in, &e)) {
			err_prefix(&e, "%s: record %" PRIu64, ten_reader_name(r), ten_reader_record(r) - 1);
			cli_fail(&e);
		}
		m->records++;
		cli_progress_tick(&m->progress, (m->bytes + ten_reader_offset(r)) / 1000000, "");
	}
	if (got < 0)
		cli_fail(&e);
	m->bytes += ten_reader_offset(r);
	free(in);
}

/* ---- the whole ---- */

/* What another policy reads. */
static void
check_policy(void)
{
	const char *here = policies[policy];
	bool replaces = policy <= MASK_NGRAM, spans = policy == MASK_SPAN || policy == MASK_SENTINEL;
	const void *const of_replacing[] = {&o.mask_share, &o.random_share, &mask_token};
	for (size_t i = 0; !replaces && i < sizeof of_replacing / sizeof *of_replacing; i++)
		cli_misplaced(of_replacing[i], "--policy token, word, span or ngram", here);
	if (!spans)
		cli_misplaced(&o.span_p, "--policy span or sentinel", here);
	if (!spans && policy != MASK_NGRAM)
		cli_misplaced(&longest, "--policy span, ngram or sentinel", here);
	if (policy == MASK_PREFIX)
		cli_misplaced(&o.rate, "what is hidden", here);
	else
		cli_misplaced(&prefix, "--policy prefix", here);
}

static void
open_masker(struct masking *m)
{
	struct err e;
	check_policy();
	if (!model)
		cli_die(ERR_USAGE, "needs the vocabulary: -m FILE");
	if (o.mask_share + o.random_share > 1 + 1e-12)
		cli_die(ERR_USAGE, "--mask-share and --random-share are more than 1 together");
	cli_range("--prefix", prefix, &o.prefix_low, &o.prefix_high);
	o.policy = (enum mask_policy)policy;
	o.longest = longest ? longest : policy == MASK_NGRAM ? 3 : 10;
	if (policy == MASK_SENTINEL && !cli_given(&o.span_p))
		o.span_p = 1.0 / 3;
	if (vocab_file_load(&m->vocab, model, &e))
		cli_fail(&e);
	o.mask = vocab_special(&m->vocab.vocab, mask_token, strlen(mask_token));
	if (o.mask < 0 && policy <= MASK_NGRAM && o.mask_share > 0)
		cli_die(ERR_DATA, "%s: has no special token `%s'; make it with tvocab --special, or name another with"
		    " --mask-token", model, mask_token);
	if (masker_open(&m->masker, &o, &m->vocab.vocab, &e)) {
		err_prefix(&e, "%s", model);
		cli_fail(&e);
	}
}

static void
account(const struct masking *m)
{
	const struct mask_counts *c = &m->masker.counts;
	double can = (double)(c->tokens - c->special), hidden = (double)c->hidden;
	char shares[120] = "";
	if (policy <= MASK_NGRAM && c->hidden)
		snprintf(shares, sizeof shares, " masked=%.4f random=%.4f kept=%.4f", (double)c->masked / hidden,
		    (double)c->randomised / hidden, (double)c->kept / hidden);
	cli_account(quiet, "records_in=%" PRIu64 " epochs=%" PRIu64 " tokens_in=%" PRIu64 " special=%" PRIu64
	    " %s=%" PRIu64 " rate=%.5f%s tokens_out=%" PRIu64, m->records, epochs, c->tokens, c->special,
	    policy == MASK_PREFIX ? "trained" : "hidden", c->hidden, can > 0 ? hidden / can : 0.0, shares, m->tokens_out);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct err e;
	static struct masking m;
	char **operands = cli_parse(&tool, argc, argv, &n);
	if (n > 1)
		cli_die(ERR_USAGE, "one stream, not %zu; join files with tcat", n);
	if (epochs > 1)
		cli_need_file(operands[0], "--epochs");
	open_masker(&m);
	for (uint64_t i = 0; i < epochs; i++) {
		struct ten_reader *r = cli_reader(n ? operands[0] : NULL);
		if (i == 0) {
			open_output(&m, r);
			cli_progress_filter(&m.progress, quiet, output, operands, epochs);
		}
		if (project_same(&m.first, ten_reader_head(r), &e)) {
			err_prefix(&e, "%s: has changed since it was first read", ten_reader_name(r));
			cli_fail(&e);
		}
		mask_stream(&m, r, first_epoch + i);
		ten_reader_free(r);
	}
	cli_progress_end(&m.progress);
	cli_close_out(&m.out);
	account(&m);
	ten_head_free(&m.first);
	free(m.values);
	free(m.hidden);
	free(m.answers);
	free(m.places);
	masker_close(&m.masker);
	vocab_file_free(&m.vocab);
	return 0;
}
