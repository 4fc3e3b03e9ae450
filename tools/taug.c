/* taug - make views of records, for contrastive learning */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/project.h"
#include "common/range.h"
#include "common/vocabio.h"
#include "data/augment.h"

enum { MAX_STEPS = 16 };

static const char *model, *input, *unigram, *output;
static uint64_t nviews = 2, longest, epochs = 1, first_epoch, seed = 1;
static int zstd;
static bool quiet;

static const struct cli_opt opts[] = {
    {'m', "model", "FILE", CLI_TEXT, &model, "the vocabulary, or a model that carries it", 0, 0, 0, true},
    {'i', "input", "FILE", CLI_TEXT, &input, "the tokens (default standard input)", 0, 0, 0, true},
    {0, "views", "N", CLI_U64, &nviews, "views of each record (default 2)", 1, 1 << 20, 0, false},
    {'l', "length", "N", CLI_U64, &longest, "most tokens of a view; what is over is cut off", 1, 1 << 22, 0, false},
    {0, "unigram", "FILE", CLI_TEXT, &unigram, "replace: tokens to count (default the input, when it is a file)", 0, 0, 0, true},
    {0, "epochs", "N", CLI_U64, &epochs, "write a file N times, with other views each time (default 1)", 1, 1e6, 0, false},
    {0, "epoch", "N", CLI_U64, &first_epoch, "number of the first epoch (default 0)", 0, 1e6, 0, false},
    CLI_SEED(&seed),
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"taug", "augmenter ...", "Make views of records, for contrastive learning.",
    opts, sizeof opts / sizeof *opts,
    "taug -m vocab.ten -i tokens.ten delete:0.1 crop:0.5..0.9 -o views.ten\n"
    "taug -m vocab.ten -i tokens.ten replace:0.1 reorder | tdump --jsonl -n 4\n"
    "ttok -m vocab.ten stories.txt | taug -m vocab.ten none -o views.ten"};

struct making {
	struct augment augment;
	struct augment_step steps[MAX_STEPS];
	size_t nsteps;
	struct vocab_file vocab;
	struct cli_out out;
	struct ten_head first;  /* of the input, as it was in the first epoch */
	int ids;
	size_t *carried;        /* fields of the input that views carry on */
	size_t ncarried;
	struct ten_value *values;
	uint64_t records, empty, tokens_in, views, tokens_out, cut;
	struct cli_progress progress;
	uint64_t bytes;         /* read in the epochs before */
};

/* ---- options ---- */

static void
list_augmenters(char *buf, size_t n)
{
	size_t at = 0;
	const struct augmenter *a;
	for (size_t i = 0; (a = augmenter_at(i)) && at < n; i++)
		at += (size_t)snprintf(buf + at, n - at, "%s%s%s", i ? ", " : "", a->name, a->takes_share ? ":SHARE" : "");
}

static void
parse_step(struct making *m, const char *text)
{
	char known[200];
	const char *colon = strchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : strlen(text);
	struct augment_step *s = &m->steps[m->nsteps];
	list_augmenters(known, sizeof known);
	if (m->nsteps == MAX_STEPS)
		cli_die(ERR_USAGE, "more than %d augmenters", MAX_STEPS);
	*s = (struct augment_step){.what = augmenter_of(text, n)};
	if (!s->what)
		cli_die(ERR_USAGE, "there is no augmenter `%.*s'; there are %s", (int)n, text, known);
	if (s->what->takes_share != (colon != NULL))
		cli_die(ERR_USAGE, "%s %s", s->what->name, colon ? "takes no share" : "needs a share, as in delete:0.1");
	if (colon)
		cli_range(s->what->name, colon + 1, &s->low, &s->high);
	m->nsteps++;
}

/* ---- the unigram distribution ---- */

static void
check_ids(const struct making *m, const struct ten_reader *r, const int32_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] < 0 || (size_t)ids[i] >= m->augment.vocab.n)
			cli_die(ERR_DATA, "%s: record %" PRIu64 ": id %d, the vocabulary has %zu", ten_reader_name(r),
			    ten_reader_record(r) - 1, ids[i], m->augment.vocab.n);
}

/* Opens tokens; *ids is their field, *values room for a record. */
static struct ten_reader *
open_tokens(const struct making *m, const char *path, int *ids, struct ten_value **values)
{
	struct err e;
	struct ten_reader *r = cli_reader(path);
	const struct ten_head *h = ten_reader_head(r);
	*ids = ten_head_need(h, ten_reader_name(r), "ids", TEN_INT, 32, 1, &e);
	*values = *ids < 0 ? NULL : mem_zalloc(h->nfields, sizeof **values, "fields", &e);
	if (!*values)
		cli_fail(&e);
	if (ten_head_find(h, "documents") >= 0)
		cli_die(ERR_DATA, "%s: rows hold several documents; views are of documents: give the tokens of ttok",
		    ten_reader_name(r));
	vocab_file_check(&m->vocab, h, ten_reader_name(r));
	return r;
}

static void
count_unigrams(struct making *m)
{
	struct err e;
	int ids, got;
	struct ten_value *v;
	bool need = false;
	for (size_t i = 0; i < m->nsteps; i++)
		need = need || m->steps[i].what->takes_unigram;
	if (!need)
		return;
	if (!unigram && !input)
		cli_die(ERR_USAGE, "replace needs tokens to count: --unigram FILE, or -i FILE");
	if (!unigram)
		cli_need_file(input, "replace without --unigram");
	struct ten_reader *r = open_tokens(m, unigram ? unigram : input, &ids, &v);
	uint64_t *counts = cli_zalloc(m->augment.vocab.n, sizeof *counts, "counts");
	while ((got = ten_read(r, v, &e)) > 0) {
		const int32_t *id = v[ids].data;
		check_ids(m, r, id, v[ids].count);
		for (uint64_t i = 0; i < v[ids].count; i++)
			counts[id[i]]++;
	}
	if (got < 0 || augment_unigram(&m->augment.vocab, counts, &e)) {
		err_prefix(&e, "%s", ten_reader_name(r));
		cli_fail(&e);
	}
	free(counts);
	free(v);
	ten_reader_free(r);
}

/* ---- views ---- */

/* Whether a field says something of each token, which views do not keep. */
static bool
of_tokens(const char *name)
{
	static const char *const names[] = {"ids", "targets", "positions", "words", "types", "source", "key", "view"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void
open_output(struct making *m, const struct ten_reader *r)
{
	struct err e;
	struct ten_head h = {.kind = "views"};
	const struct ten_head *in = ten_reader_head(r), *inputs[2] = {in, &m->vocab.head};
	struct ten_writer_opts w = {.zstd_level = zstd, .byte_split = zstd > 0};
	uint64_t ragged = TEN_RAGGED;
	char text[24];
	if (ten_head_add(&h, "source", TEN_UINT, 64, 0, NULL, &e) || ten_head_add(&h, "view", TEN_UINT, 32, 0, NULL, &e) ||
	    ten_head_add(&h, "key", TEN_UINT, 64, 0, NULL, &e) || ten_head_add(&h, "ids", TEN_INT, 32, 1, &ragged, &e))
		cli_fail(&e);
	m->carried = mem_zalloc(in->nfields, sizeof *m->carried, "fields", &e);
	for (size_t i = 0; m->carried && i < in->nfields; i++) {
		const struct ten_field *f = &in->fields[i];
		if (of_tokens(f->name))
			continue;
		if (ten_head_add(&h, f->name, f->cls, f->bits, f->rank, f->dims, &e))
			cli_fail(&e);
		m->carried[m->ncarried++] = i;
	}
	for (size_t i = 0; i < in->nkvs; i++)
		if (strcmp(in->kvs[i].key, "length") != 0 &&
		    ten_head_set_kv(&h, in->kvs[i].key, in->kvs[i].value, in->kvs[i].size, &e))
			cli_fail(&e);
	snprintf(text, sizeof text, "%" PRIu64, longest);
	m->values = mem_zalloc(h.nfields, sizeof *m->values, "fields", &e);
	if (!m->carried || !m->values || (longest && ten_head_set_text(&h, "length", text, &e)))
		cli_fail(&e);
	cli_open_out(&m->out, output, &h, inputs, 2, &seed, &w);
	ten_head_free(&h);
}

static void
write_views(struct making *m, const struct ten_reader *r, uint64_t epoch, const struct ten_value *in)
{
	struct err e;
	const int32_t *ids = in[m->ids].data, *view;
	size_t n = in[m->ids].count;
	uint64_t source = ten_reader_record(r) - 1, key = augment_key(ids, n);
	check_ids(m, r, ids, n);
	m->tokens_in += n;
	if (n == 0) {
		m->empty++;
		return;
	}
	for (uint32_t i = 0; i < nviews; i++) {
		size_t got = augment_view(&m->augment, m->steps, m->nsteps, epoch, i, ids, n, &view, &e);
		if (!got)
			cli_fail(&e);
		if (longest && got > longest) {
			m->cut++;
			got = longest;
		}
		m->values[0] = ten_vector(&source, 1);
		m->values[1] = ten_vector(&i, 1);
		m->values[2] = ten_vector(&key, 1);
		m->values[3] = ten_vector(view, got);
		for (size_t k = 0; k < m->ncarried; k++)
			m->values[4 + k] = in[m->carried[k]];
		cli_write(&m->out, m->values);
		m->tokens_out += got;
		m->views++;
	}
}

static void
make_views(struct making *m, uint64_t epoch, bool first)
{
	struct err e;
	int got;
	struct ten_value *in;
	struct ten_reader *r = open_tokens(m, input, &m->ids, &in);
	const struct ten_head *h = ten_reader_head(r);
	if (first) {
		if (ten_head_copy(&m->first, h, &e))
			cli_fail(&e);
		open_output(m, r);
		cli_progress_filter(&m->progress, quiet, output, (char *const[]){(char *)input, NULL}, epochs);
	}
	if (project_same(&m->first, h, &e)) {
		err_prefix(&e, "%s: has changed since it was first read", ten_reader_name(r));
		cli_fail(&e);
	}
	while ((got = ten_read(r, in, &e)) > 0) {
		write_views(m, r, epoch, in);
		cli_progress_tick(&m->progress, (m->bytes + ten_reader_offset(r)) / 1000000, "");
	}
	if (got < 0)
		cli_fail(&e);
	m->bytes += ten_reader_offset(r);
	m->records += ten_reader_record(r);
	free(in);
	ten_reader_free(r);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct err e;
	static struct making m;
	char **operands = cli_parse(&tool, argc, argv, &n);
	if (!n)
		cli_die(ERR_USAGE, "needs at least one augmenter, as in taug delete:0.1 crop:0.5..0.9");
	for (size_t i = 0; i < n; i++)
		parse_step(&m, operands[i]);
	if (!model)
		cli_die(ERR_USAGE, "needs the vocabulary: -m FILE");
	if (input && strcmp(input, "-") == 0)
		input = NULL;
	if (epochs > 1)
		cli_need_file(input, "--epochs");
	if (vocab_file_load(&m.vocab, model, &e) || augment_vocab_open(&m.augment.vocab, &m.vocab.vocab, &e))
		cli_fail(&e);
	m.augment.seed = seed;
	count_unigrams(&m);
	cli_note_words(operands, n);
	for (uint64_t i = 0; i < epochs; i++)
		make_views(&m, first_epoch + i, i == 0);
	cli_progress_end(&m.progress);
	cli_close_out(&m.out);
	cli_account(quiet, "records_in=%" PRIu64 " dropped_empty=%" PRIu64 " tokens_in=%" PRIu64 " views=%" PRIu64
	    " tokens_out=%" PRIu64 " cut=%" PRIu64, m.records, m.empty, m.tokens_in, m.views, m.tokens_out, m.cut);
	ten_head_free(&m.first);
	free(m.values);
	free(m.carried);
	augment_close(&m.augment);
	vocab_file_free(&m.vocab);
	return 0;
}
