/* How well a language model predicts the targets of some data. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "common/modelio.h"
#include "common/rowsource.h"
#include "common/vocabio.h"
#include "eval/eval.h"
#include "eval/result.h"
#include "train/trainer.h"

/* Tokens of one forward pass; at least the context. */
enum { BATCH_TOKENS = 4096 };

static const struct eval_opts *opts;

struct totals {
	struct eval_sums sums;
	uint64_t records, dropped, tokens, bytes;
};

/* The record whose rows are being scored, for --per-record. */
struct record {
	uint64_t number, trained;
	double nll;
	real *logp;
	size_t n, cap;
	bool open;
};

struct eval {
	struct model_file model;
	struct vocab_file vocab; /* zeroed when the model has none */
	struct trunk trunk;
	struct lm_head head;
	struct lm_out out;
	size_t max_tokens;
	struct rows rows;
	uint64_t *owners;   /* record of each row, */
	size_t cap_owners;
	struct record record;
	struct cli_out records; /* open with --per-record */
	struct totals totals;
};

static void
open_model(struct eval *v)
{
	struct err e;
	if (model_load(&v->model, opts->model, &e))
		cli_fail(&e);
	if (v->model.tokenizer_size &&
	    vocab_file_load_mem(&v->vocab, v->model.tokenizer, v->model.tokenizer_size, v->model.path, &e))
		cli_fail(&e);
	const struct config *c = &v->model.cfg;
	v->max_tokens = c->context > BATCH_TOKENS ? c->context : BATCH_TOKENS;
	v->out.logp = mem_zalloc(v->max_tokens, sizeof(real), "log-probabilities", &e);
	v->out.best = mem_zalloc(v->max_tokens, sizeof(int32_t), "predictions", &e);
	if (!v->out.logp || !v->out.best ||
	    trunk_open(&v->trunk, c, &v->model.table, v->max_tokens, c->context, KEEP_NOTHING, &e) ||
	    lm_head_open(&v->head, c, &v->model.table, v->max_tokens, &e))
		cli_fail(&e);
}

static void
close_model(struct eval *v)
{
	lm_head_close(&v->head);
	trunk_close(&v->trunk);
	vocab_file_free(&v->vocab);
	model_close(&v->model);
	rows_free(&v->rows);
	free(v->out.logp);
	free(v->out.best);
	free(v->owners);
	free(v->record.logp);
}

/* ---- records ---- */

static void
open_records(struct eval *v, const struct ten_head *data)
{
	struct err e;
	struct ten_head h = {.kind = "losses"};
	uint64_t ragged = TEN_RAGGED;
	const struct ten_head *inputs[2] = {&v->model.head, data};
	if (ten_head_add(&h, "record", TEN_UINT, 64, 0, NULL, &e) ||
	    ten_head_add(&h, "loss", TEN_FLOAT, 64, 0, NULL, &e) ||
	    ten_head_add(&h, "trained", TEN_UINT, 64, 0, NULL, &e) ||
	    ten_head_add(&h, "logprobs", TEN_FLOAT, 32, 1, &ragged, &e) ||
	    (*v->model.tokenizer_id && ten_head_set_text(&h, "tokenizer", v->model.tokenizer_id, &e)))
		cli_fail(&e);
	cli_open_out(&v->records, opts->per_record, &h, inputs, 2, NULL, NULL);
	ten_head_free(&h);
}

static void
finish_record(struct eval *v)
{
	struct record *r = &v->record;
	if (!r->open)
		return;
	double loss = r->trained ? r->nll / (double)r->trained : 0;
	struct ten_value values[4] = {ten_vector(&r->number, 1), ten_vector(&loss, 1),
	    ten_vector(&r->trained, 1), ten_vector(r->logp, r->n)};
	if (opts->per_record)
		cli_write(&v->records, values);
	r->open = false;
}

/* Adds the tokens [from, to) of the pass to record `number`. */
static void
add_to_record(struct eval *v, uint64_t number, size_t from, size_t to)
{
	struct err e;
	struct record *r = &v->record;
	if (r->open && r->number != number)
		finish_record(v);
	if (!r->open)
		*r = (struct record){.number = number, .logp = r->logp, .cap = r->cap, .open = true};
	if (mem_grow(&r->logp, &r->cap, r->n + to - from, sizeof *r->logp, "log-probabilities", &e))
		cli_fail(&e);
	for (size_t i = from; i < to; i++) {
		int32_t target = v->rows.targets[i];
		r->logp[r->n++] = v->out.logp[i];
		if (target == TARGET_NONE)
			continue;
		r->trained++;
		r->nll -= (double)v->out.logp[i];
		const struct vocab *vocab = &v->vocab.vocab;
		if ((size_t)target < vocab->n && !vocab->tokens[target].special)
			v->totals.bytes += vocab->tokens[target].size;
	}
	if (!isfinite(r->nll))
		cli_die(ERR_NONFINITE, "record %" PRIu64 ": the loss is not finite", number);
}

/* ---- the pass ---- */

static void
score(struct eval *v)
{
	struct rows *r = &v->rows;
	if (r->n)
		lm_evaluate(&v->trunk, &v->head, v->model.w, r, v->max_tokens, &v->out, &v->totals.sums);
	for (size_t i = 0; i < r->n; i++)
		add_to_record(v, v->owners[i], i ? r->ends[i - 1].tokens : 0, r->ends[i].tokens);
	rows_reset(r);
}

static void
evaluate_file(struct eval *v, const char *path, struct cli_progress *progress)
{
	struct err e;
	struct row_source s;
	int got;
	uint64_t begin = v->totals.records, seen = UINT64_MAX, used = 0;
	size_t context = v->model.cfg.context;
	if (row_source_open(&s, path, &v->model.cfg, row_use_of(&v->model.cfg), &e) ||
	    model_check_tokenizer(&v->model, row_source_head(&s), s.name, &e))
		cli_fail(&e);
	if (opts->per_record && !v->records.w)
		open_records(v, row_source_head(&s));
	while ((got = row_source_next(&s, &v->rows, &e)) > 0) {
		if (mem_grow(&v->owners, &v->cap_owners, v->rows.n, sizeof *v->owners, "rows", &e))
			cli_fail(&e);
		v->owners[v->rows.n - 1] = begin + s.record - 1;
		if (s.record != seen) {
			seen = s.record;
			used++;
			v->totals.tokens += s.values[s.fields[0]].count;
		}
		if (v->rows.tokens + context > v->max_tokens) {
			score(v);
			cli_progress_tick(progress, v->totals.tokens, "");
		}
	}
	if (got < 0)
		cli_fail(&e);
	score(v);
	finish_record(v);
	v->totals.records += s.records;
	v->totals.dropped += s.records - used;
	row_source_close(&s);
}

/* ---- the result ---- */

static void
print_result(const struct totals *t)
{
	struct result r = {.json = opts->json};
	double loss = t->sums.nll / (double)t->sums.trained;
	result_real(&r, "loss", loss);
	result_real(&r, "perplexity", exp(loss));
	if (t->bytes)
		result_real(&r, "bits_per_byte", t->sums.nll / M_LN2 / (double)t->bytes);
	result_real(&r, "accuracy", (double)t->sums.correct / (double)t->sums.trained);
	result_count(&r, "records", t->records);
	result_count(&r, "tokens", t->tokens);
	result_count(&r, "trained", t->sums.trained);
	result_count(&r, "bytes", t->bytes);
	result_write(&r, opts->output);
}

void
eval_lm(const struct eval_opts *o, char **files, size_t n)
{
	static struct eval v;
	struct cli_progress progress;
	opts = o;
	open_model(&v);
	cli_progress_start(&progress, o->quiet, "tokens", 0);
	for (size_t i = 0; i < (n ? n : 1); i++)
		evaluate_file(&v, n ? files[i] : NULL, &progress);
	cli_progress_end(&progress);
	if (!v.totals.sums.trained)
		cli_die(ERR_DATA, "none of the %" PRIu64 " tokens has a target to score", v.totals.tokens);
	if (o->per_record)
		cli_close_out(&v.records);
	print_result(&v.totals);
	cli_account(o->quiet, "records_in=%" PRIu64 " evaluated=%" PRIu64 " dropped_short=%" PRIu64
	    " tokens=%" PRIu64 " trained=%" PRIu64, v.totals.records, v.totals.records - v.totals.dropped,
	    v.totals.dropped, v.totals.tokens, v.totals.sums.trained);
	close_model(&v);
}
