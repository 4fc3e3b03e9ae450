/* tembed - take the representations of records out of a model */
#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/modelio.h"
#include "common/show.h"
#include "math/unit.h"
#include "model/pool.h"
#include "train/rows.h"

/* Tokens of one forward pass, unless a record is longer. */
enum { BATCH_TOKENS = 4096, WHOLE = POOL_COUNT };

static const char *const pools[] = {"mean", "first", "last", "none", NULL};

static const char *model_path, *output;
static uint64_t layer = UINT64_MAX, threads;
static int how, zstd;
static bool normalise, truncate_long, json, quiet;

static const struct cli_opt opts[] = {
    {'m', "model", "FILE", CLI_TEXT, &model_path, "the model", 0, 0, 0, true},
    {0, "layer", "N", CLI_U64, &layer, "states after N blocks, 0 = the embeddings (default all blocks)", 0, 1024, 0, false},
    {0, "pool", "HOW", CLI_CHOICE, &how, "mean, first or last token; none, every token (default mean)", 0, 0, pools, false},
    {0, "normalise", NULL, CLI_FLAG, &normalise, "scale every embedding to length 1", 0, 0, 0, false},
    {0, "truncate", NULL, CLI_FLAG, &truncate_long, "cut records to the model's context instead of refusing them", 0, 0, 0, false},
    {0, "jsonl", NULL, CLI_FLAG, &json, "write JSON lines", 0, 0, 0, true},
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_THREADS(&threads, "all cores"),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tembed", "[records]", "Take the representations of records out of a model.",
    opts, sizeof opts / sizeof *opts,
    "tembed -m bert.ten tokens.ten -o embeddings.ten\n"
    "tembed -m gpt.ten --layer 2 --pool last tokens.ten | tdump -n 1\n"
    "tembed -m bert.ten --normalise --jsonl tokens.ten | head -n 1"};

/* A field that goes with the embedding as it is: what records wait with. */
struct carried {
	size_t field;
	bool tokens; /* says something of each token */
	char *bytes;
	size_t size, cap;
	uint64_t (*dims)[TEN_MAX_RANK]; /* of each record that waits */
	uint64_t *counts;
	size_t cap_dims, cap_counts;
};

struct embedding {
	struct model_file model;
	struct trunk trunk;
	size_t max_tokens, width;
	struct rows rows;
	uint64_t *sources;
	size_t *ends, cap_sources, cap_ends;
	int ids, positions, documents, types, source; /* fields of the input, -1 = absent */
	struct carried *carried;
	size_t ncarried;
	struct ten_head head;        /* of the output */
	struct ten_value *values;
	real *pooled, *inv;          /* (records, width), (tokens) */
	size_t cap_pooled;
	struct cli_out out;
	struct outfile text;
	uint64_t records, empty, cut, tokens, written;
};

/* ---- opening ---- */

/* For records of up to n tokens: a model's context can be far more than records have. */
static void
open_trunk(struct embedding *m, size_t n)
{
	struct err e;
	const struct config *c = &m->model.cfg;
	m->max_tokens = n > BATCH_TOKENS ? n : BATCH_TOKENS;
	trunk_close(&m->trunk);
	free(m->inv);
	if (trunk_open(&m->trunk, c, &m->model.table, m->max_tokens, n, KEEP_NOTHING, &e))
		cli_fail(&e);
	if (layer != UINT64_MAX)
		m->trunk.depth = layer;
	m->inv = cli_zalloc(m->max_tokens, sizeof *m->inv, "lengths");
}

static void
open_model(struct embedding *m)
{
	struct err e;
	if (model_load(&m->model, model_path, &e))
		cli_fail(&e);
	const struct config *c = &m->model.cfg;
	if (layer != UINT64_MAX && layer > c->layers)
		cli_die(ERR_USAGE, "--layer %" PRIu64 ": %s has %zu blocks", layer, m->model.path, c->layers);
	m->width = c->width;
	open_trunk(m, c->context < BATCH_TOKENS ? c->context : BATCH_TOKENS);
}

static bool
is_of_tokens(const struct ten_field *f)
{
	static const char *const names[] = {"ids", "positions", "documents", "types", "words"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], f->name) == 0)
			return f->cls != TEN_TEXT;
	return false;
}

/* What says something of each token goes only where the embeddings do, too. */
static bool
carries(const struct ten_field *f)
{
	static const char *const never[] = {"source", "targets", "embedding"};
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (strcmp(never[i], f->name) == 0)
			return false;
	return how == WHOLE || !is_of_tokens(f);
}

static void
open_input(struct embedding *m, struct ten_reader *r)
{
	struct err e;
	const struct ten_head *in = ten_reader_head(r), *inputs[2] = {&m->model.head, in};
	uint64_t dims[2] = {TEN_RAGGED, m->width};
	if (ten_head_need(in, ten_reader_name(r), "ids", TEN_INT, 32, 1, &e) < 0 ||
	    model_check_tokenizer(&m->model, in, ten_reader_name(r), &e))
		cli_fail(&e);
	m->ids = cli_field(r, "ids", TEN_INT, 32, 1);
	m->positions = cli_field(r, "positions", TEN_INT, 32, 1);
	m->documents = cli_field(r, "documents", TEN_INT, 32, 1);
	m->types = cli_field(r, "types", TEN_INT, 32, 1);
	m->source = cli_field(r, "source", TEN_UINT, 64, 0);
	struct ten_head *h = &m->head;
	snprintf(h->kind, sizeof h->kind, "embedding");
	if (ten_head_add(h, "source", TEN_UINT, 64, 0, NULL, &e) ||
	    ten_head_add(h, "embedding", TEN_FLOAT, 32, how == WHOLE ? 2 : 1, how == WHOLE ? dims : dims + 1, &e))
		cli_fail(&e);
	m->carried = mem_zalloc(in->nfields, sizeof *m->carried, "fields", &e);
	for (size_t i = 0; m->carried && i < in->nfields; i++) {
		const struct ten_field *f = &in->fields[i];
		if (!carries(f))
			continue;
		if (ten_head_add(h, f->name, f->cls, f->bits, f->rank, f->dims, &e))
			cli_fail(&e);
		m->carried[m->ncarried++] = (struct carried){.field = i, .tokens = is_of_tokens(f)};
	}
	if (*m->model.tokenizer_id && ten_head_set_text(h, "tokenizer", m->model.tokenizer_id, &e))
		cli_fail(&e);
	m->values = mem_zalloc(h->nfields, sizeof *m->values, "fields", &e);
	if (!m->carried || !m->values)
		cli_fail(&e);
	struct ten_writer_opts w = {.zstd_level = zstd, .byte_split = zstd > 0};
	if (!json)
		cli_open_out(&m->out, output, h, inputs, 2, NULL, &w);
	else if (outfile_open(&m->text, output, 0666, &e))
		cli_fail(&e);
}

/* ---- records ---- */

static void
put_json(struct embedding *m)
{
	struct err e;
	char *line = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&line, &n);
	if (!f)
		cli_die(ERR_RUNTIME, "out of memory");
	for (size_t i = 0; i < m->head.nfields; i++) {
		fputs(i ? "," : "{", f);
		show_json_string(f, m->head.fields[i].name, strlen(m->head.fields[i].name));
		fputc(':', f);
		show_json(f, &m->head.fields[i], &m->values[i]);
	}
	fputs("}\n", f);
	if (fclose(f) || outfile_write(&m->text, line, n, &e))
		cli_fail(&e);
	free(line);
}

static void
put_record(struct embedding *m, size_t i, const size_t *at)
{
	size_t from = i ? m->ends[i - 1] : 0, n = m->ends[i] - from;
	m->values[0] = ten_vector(&m->sources[i], 1);
	m->values[1] = how == WHOLE
	    ? (struct ten_value){m->trunk.h + from * m->width, n * m->width, {n, m->width}}
	    : ten_vector(m->pooled + i * m->width, m->width);
	for (size_t k = 0; k < m->ncarried; k++) {
		struct carried *c = &m->carried[k];
		struct ten_value *v = &m->values[2 + k];
		*v = (struct ten_value){.data = c->bytes + at[k], .count = c->counts[i]};
		memcpy(v->dims, c->dims[i], sizeof v->dims);
	}
	if (json)
		put_json(m);
	else
		cli_write(&m->out, m->values);
	m->written++;
}

/* The rows that wait: through the model and out. */
static void
flush(struct embedding *m, const struct ten_head *in)
{
	struct err e;
	struct rows *r = &m->rows;
	struct batch b;
	const int32_t *targets;
	if (!r->n)
		return;
	rows_batch(r, 0, m->max_tokens, &b, &targets);
	trunk_forward(&m->trunk, m->model.w, &b, NULL);
	if (mem_grow(&m->ends, &m->cap_ends, r->n, sizeof *m->ends, "rows", &e) ||
	    mem_grow(&m->pooled, &m->cap_pooled, r->n * m->width, sizeof *m->pooled, "embeddings", &e))
		cli_fail(&e);
	for (size_t i = 0; i < r->n; i++)
		m->ends[i] = r->ends[i].tokens;
	if (how != WHOLE)
		pool_forward((enum pool)how, m->pooled, m->trunk.h, m->ends, r->n, m->width);
	if (normalise && how == WHOLE)
		unit_forward(m->trunk.h, m->inv, m->trunk.h, b.n, m->width);
	else if (normalise)
		unit_forward(m->pooled, m->inv, m->pooled, r->n, m->width);
	size_t *at = cli_zalloc(m->ncarried, sizeof *at, "fields");
	for (size_t i = 0; i < r->n; i++) {
		put_record(m, i, at);
		for (size_t k = 0; k < m->ncarried; k++)
			at[k] += m->carried[k].counts[i] * ten_elem_size(&in->fields[m->carried[k].field]);
	}
	free(at);
	for (size_t k = 0; k < m->ncarried; k++)
		m->carried[k].size = 0;
	rows_reset(r);
}

/* Keeps the other fields of the record whose row is row i of those that wait. */
static void
carry(struct embedding *m, const struct ten_head *in, const struct ten_value *v, size_t i, size_t tokens)
{
	struct err e;
	for (size_t k = 0; k < m->ncarried; k++) {
		struct carried *c = &m->carried[k];
		const struct ten_field *f = &in->fields[c->field];
		struct ten_value from = v[c->field];
		/* what is said of tokens ends where they do */
		if (c->tokens && f->rank == 1 && from.count == v[m->ids].count)
			from.count = from.dims[0] = tokens;
		size_t size = from.count * ten_elem_size(f);
		if (mem_grow(&c->bytes, &c->cap, c->size + size, 1, "fields", &e) ||
		    mem_grow(&c->dims, &c->cap_dims, i + 1, sizeof *c->dims, "fields", &e) ||
		    mem_grow(&c->counts, &c->cap_counts, i + 1, sizeof *c->counts, "fields", &e))
			cli_fail(&e);
		if (size)
			memcpy(c->bytes + c->size, from.data, size);
		c->size += size;
		c->counts[i] = from.count;
		memcpy(c->dims[i], from.dims, sizeof from.dims);
	}
}

static void
add_record(struct embedding *m, const struct ten_reader *r, const struct ten_value *v)
{
	struct err e;
	size_t n = v[m->ids].count, context = m->model.cfg.context;
	uint64_t number = ten_reader_record(r) - 1;
	m->records++;
	if (n == 0) {
		m->empty++;
		return;
	}
	if (n > context && !truncate_long)
		cli_die(ERR_DATA, "%s: record %" PRIu64 ": %zu tokens, the model's context is %zu; --truncate cuts them",
		    ten_reader_name(r), number, n, context);
	m->cut += n > context;
	n = n > context ? context : n;
	if (m->rows.tokens + n > m->max_tokens)
		flush(m, ten_reader_head(r));
	if (n > m->max_tokens)
		open_trunk(m, n > context / 2 ? context : 2 * n);
	struct row row = {v[m->ids].data, NULL, cli_column(r, v, m->ids, m->positions), cli_column(r, v, m->ids, m->documents),
	    cli_column(r, v, m->ids, m->types), .n = n};
	if (rows_add(&m->rows, &row, &m->model.cfg, &e)) {
		err_prefix(&e, "%s: record %" PRIu64, ten_reader_name(r), number);
		cli_fail(&e);
	}
	if (mem_grow(&m->sources, &m->cap_sources, m->rows.n, sizeof *m->sources, "rows", &e))
		cli_fail(&e);
	m->sources[m->rows.n - 1] = number;
	if (m->source >= 0)
		memcpy(&m->sources[m->rows.n - 1], v[m->source].data, sizeof number);
	carry(m, ten_reader_head(r), v, m->rows.n - 1, n);
	m->tokens += n;
}

static void
embed(struct embedding *m, struct ten_reader *r)
{
	struct err e;
	struct cli_progress p;
	int got;
	struct ten_value *v = cli_zalloc(ten_reader_head(r)->nfields, sizeof *v, "fields");
	cli_progress_through(&p, quiet, output, "tokens", 0);
	while ((got = ten_read(r, v, &e)) > 0) {
		add_record(m, r, v);
		cli_progress_tick(&p, m->tokens, "");
	}
	if (got < 0)
		cli_fail(&e);
	flush(m, ten_reader_head(r));
	cli_progress_end(&p);
	free(v);
}

static void
close_all(struct embedding *m)
{
	for (size_t k = 0; k < m->ncarried; k++) {
		free(m->carried[k].bytes);
		free(m->carried[k].dims);
		free(m->carried[k].counts);
	}
	free(m->carried);
	free(m->values);
	free(m->sources);
	free(m->ends);
	free(m->pooled);
	free(m->inv);
	ten_head_free(&m->head);
	rows_free(&m->rows);
	trunk_close(&m->trunk);
	model_close(&m->model);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct err e;
	static struct embedding m;
	char **files = cli_parse(&tool, argc, argv, &n);
	if (!model_path)
		cli_die(ERR_USAGE, "needs the model: -m FILE");
	if (n > 1)
		cli_die(ERR_USAGE, "one stream, not %zu; join files with tcat", n);
	if (threads)
		omp_set_num_threads((int)threads);
	open_model(&m);
	struct ten_reader *r = cli_reader(n ? files[0] : NULL);
	open_input(&m, r);
	embed(&m, r);
	if (!json)
		cli_close_out(&m.out);
	else if (outfile_commit(&m.text, &e))
		cli_fail(&e);
	cli_account(quiet, "records_in=%" PRIu64 " embedded=%" PRIu64 " dropped_empty=%" PRIu64 " tokens=%" PRIu64
	    " truncated=%" PRIu64, m.records, m.written, m.empty, m.tokens, m.cut);
	ten_reader_free(r);
	close_all(&m);
	return 0;
}
