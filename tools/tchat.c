/* tchat - chats to training rows, and judged answers to candidates, through the chat template of a model */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/judgements.h"
#include "common/vocabio.h"

static const char *const trains[] = {"assistant", "all", "last", NULL};
static const char *const overlongs[] = {"error", "drop", "truncate-left", "truncate-right", NULL};

static const char *model, *output;
static int train_on, overlong, zstd;
static uint64_t length;
static bool skip_bad, quiet;

static const struct cli_opt opts[] = {
    {'m', "model", "FILE", CLI_TEXT, &model, "the model or vocabulary, which carries the template", 0, 0, 0, true},
    {0, "train-on", "TURNS", CLI_CHOICE, &train_on, "assistant, all or last (turn of the assistant) (default assistant)", 0, 0, trains, false},
    {'l', "length", "N", CLI_U64, &length, "most inputs of a row, or tokens of a candidate (default the model's context)", 1, 1 << 22, 0, false},
    {0, "overlong", "HOW", CLI_CHOICE, &overlong, "what is longer: error, drop, truncate-left or truncate-right (default error)", 0, 0, overlongs, false},
    {0, "skip-bad", NULL, CLI_FLAG, &skip_bad, "leave out judgements with empty or equal answers instead of refusing them", 0, 0, 0, false},
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tchat", "[chats]",
    "Turn chats into training rows, and judged answers into candidates, through the chat template of a model.", opts, sizeof opts / sizeof *opts,
    "timport --as chat chats.jsonl | tchat -m chat-base.ten -o rows.ten\n"
    "timport --as chat chats.jsonl | tchat -m chat-base.ten --train-on last | tpack -l 128 -o rows.ten\n"
    "tchat -m chat.ten judgements.ten -o pairs.ten"};

struct chatting {
	struct vocab_file vocab;
	struct chat_template template;
	struct encoder *encoder;
	struct chat_tokens tokens;
	int text, ends, roles;   /* fields of the input */
	int32_t *targets, *positions, *documents;
	size_t cap_targets, cap_positions, cap_documents;
	struct judgement_fields judged;
	struct verdict_fields verdicts;
	struct candidates candidates;
	struct cli_out out;
	uint64_t chats, rows, inputs, trained, dropped, truncated, untrainable, skipped, bad;
};

static void
open_model(struct chatting *c)
{
	struct err e;
	const char *text;
	if (vocab_file_load(&c->vocab, model, &e))
		cli_fail(&e);
	text = c->vocab.vocab.chat_template;
	if (!text)
		cli_die(ERR_DATA, "%s: has no chat template; tgraft --template gives it one", model);
	if (template_parse(&c->template, text, strlen(text), &e) || !(c->encoder = encoder_new(&c->vocab.vocab, &e)))
		cli_fail(&e);
	const struct ten_kv *context = ten_head_kv(&c->vocab.head, "config.context");
	if (!length)
		length = context ? strtoull(context->value, NULL, 10) : 1 << 22;
}

/* A field of a row. */
struct made {
	const char *name;
	enum ten_class cls;
};

/* Whether field i of the input is text that becomes tokens. */
static bool
rendered(const struct chatting *c, int i)
{
	const struct judgement_fields *j = &c->judged;
	return i == c->text || i == c->ends || i == c->roles || i == j->answers || i == j->answer_ends;
}

/* The four fields of a row first, then those of the input that are not rendered; from[i]: which. Returns how many. */
static size_t
open_rows(struct chatting *c, const struct ten_reader *r, const char *kind, const struct made made[4], int *from)
{
	struct err e;
	struct ten_head h = {0};
	const struct ten_head *in = ten_reader_head(r), *inputs[2] = {&c->vocab.head, in};
	struct ten_writer_opts o = {.zstd_level = zstd, .byte_split = zstd > 0};
	uint64_t ragged = TEN_RAGGED;
	char size[24], limit[24], id[33];
	size_t n = 4;
	snprintf(h.kind, sizeof h.kind, "%s", kind);
	for (int i = 0; i < 4; i++)
		if (ten_head_add(&h, made[i].name, made[i].cls, 32, 1, &ragged, &e))
			cli_fail(&e);
	for (int i = 0; i < (int)in->nfields; i++) {
		const struct ten_field *f = &in->fields[i];
		if (rendered(c, i))
			continue;
		if (ten_head_add(&h, f->name, f->cls, f->bits, f->rank, f->dims, &e)) {
			err_prefix(&e, "%s", ten_reader_name(r));
			cli_fail(&e);
		}
		from[n++] = i;
	}
	snprintf(size, sizeof size, "%zu", c->vocab.vocab.n);
	snprintf(limit, sizeof limit, "%" PRIu64, length);
	template_id(c->template.text, id);
	if (ten_head_set_text(&h, "tokenizer", c->vocab.id, &e) || ten_head_set_text(&h, "vocab_size", size, &e) ||
	    ten_head_set_text(&h, "template", id, &e) || ten_head_set_text(&h, "length", limit, &e))
		cli_fail(&e);
	cli_open_out(&c->out, output, &h, inputs, 2, NULL, &o);
	ten_head_free(&h);
	return n;
}

/* ---- chats ---- */

/* Cuts the tokens to `most`; from the left what begins every chat stays. */
static void
cut(struct chat_tokens *t, size_t most)
{
	size_t keep = overlong == OVERLONG_LEFT ? t->begin < most ? t->begin : most : most, from = t->ids.n - (most - keep);
	memmove(t->ids.v + keep, t->ids.v + from, (most - keep) * sizeof *t->ids.v);
	memmove(t->trained + keep, t->trained + from, (most - keep) * sizeof *t->trained);
	t->ids.n = most;
}

/* The row of the chat in c->tokens; false when it is left out. */
static bool
make_row(struct chatting *c, const struct ten_reader *r)
{
	struct err e;
	struct chat_tokens *t = &c->tokens;
	size_t trained = 0;
	if (t->ids.n > length + 1) {
		if (overlong == OVERLONG_ERROR)
			cli_die(ERR_DATA, "%s: record %" PRIu64 ": %zu tokens, more than %" PRIu64 "; --overlong says what to do with it",
			    ten_reader_name(r), ten_reader_record(r) - 1, t->ids.n - 1, length);
		c->dropped += overlong == OVERLONG_DROP;
		if (overlong == OVERLONG_DROP)
			return false;
		c->truncated++;
		cut(t, length + 1);
	}
	size_t n = t->ids.n ? t->ids.n - 1 : 0;
	if (mem_grow(&c->targets, &c->cap_targets, n, sizeof *c->targets, "targets", &e) ||
	    mem_grow(&c->positions, &c->cap_positions, n, sizeof *c->targets, "positions", &e) ||
	    mem_grow(&c->documents, &c->cap_documents, n, sizeof *c->targets, "documents", &e))
		cli_fail(&e);
	for (size_t i = 0; i < n; i++) {
		c->targets[i] = t->trained[i + 1] ? t->ids.v[i + 1] : -100;
		c->positions[i] = (int32_t)i;
		c->documents[i] = 0;
		trained += t->trained[i + 1];
	}
	c->untrainable += trained == 0;
	c->trained += trained;
	return trained > 0;
}

static void
write_chats(struct chatting *c, struct ten_reader *r, struct ten_value *v, struct ten_value *to, int *from)
{
	static const struct made made[] = {{"ids", TEN_INT}, {"targets", TEN_INT}, {"positions", TEN_INT}, {"documents", TEN_INT}};
	struct err e;
	const struct ten_head *h = ten_reader_head(r);
	const char *name = ten_reader_name(r);
	c->text = ten_head_need(h, name, "text", TEN_TEXT, 8, 1, &e);
	c->ends = c->text < 0 ? -1 : ten_head_need(h, name, "turn_ends", TEN_UINT, 32, 1, &e);
	c->roles = c->ends < 0 ? -1 : ten_head_need(h, name, "roles", TEN_UINT, 8, 1, &e);
	c->judged.answers = c->judged.answer_ends = -1;
	int got;
	if (c->roles < 0)
		cli_fail(&e);
	size_t fields = open_rows(c, r, "rows", made, from);
	for (; (got = ten_read(r, v, &e)) > 0; c->chats++) {
		struct chat chat;
		if (chat_of(&chat, &v[c->text], &v[c->ends], &v[c->roles], &e) ||
		    template_render(&c->template, c->encoder, &c->vocab.vocab, &chat, (enum train_on)train_on, false, &c->tokens, &e)) {
			err_prefix(&e, "%s: record %" PRIu64, name, ten_reader_record(r) - 1);
			cli_fail(&e);
		}
		if (!make_row(c, r))
			continue;
		size_t n = c->tokens.ids.n - 1;
		to[0] = ten_vector(c->tokens.ids.v, n);
		to[1] = ten_vector(c->targets, n);
		to[2] = ten_vector(c->positions, n);
		to[3] = ten_vector(c->documents, n);
		for (size_t i = 4; i < fields; i++)
			to[i] = v[from[i]];
		cli_write(&c->out, to);
		c->rows++;
		c->inputs += n;
	}
	if (got < 0)
		cli_fail(&e);
	if (!c->rows)
		cli_die(ERR_DATA, "%s: none of the %" PRIu64 " chats leaves a token to train on", name, c->chats);
	cli_close_out(&c->out);
	cli_account(quiet, "chats=%" PRIu64 " rows=%" PRIu64 " dropped_overlong=%" PRIu64 " dropped_untrained=%" PRIu64
	    " truncated=%" PRIu64 " inputs=%" PRIu64 " trained=%" PRIu64, c->chats, c->rows, c->dropped, c->untrainable, c->truncated,
	    c->inputs, c->trained);
}

/* ---- judgements ---- */

/* Nothing can be learnt from an empty answer, and nothing from comparing an answer with itself. */
static int
check_answers(const struct answers *a, struct err *e)
{
	for (size_t i = 0, from = 0; i < a->k; from = a->ends[i++]) {
		size_t n = a->ends[i] - from;
		if (n == 0)
			return err_set(e, ERR_DATA, "answer %zu is empty; --skip-bad leaves such records out", i + 1);
		for (size_t j = i + 1; j < a->k; j++)
			if (a->ends[j] - a->ends[j - 1] == n && memcmp(a->answers + from, a->answers + a->ends[j - 1], n) == 0)
				return err_set(e, ERR_DATA, "answers %zu and %zu are equal; --skip-bad leaves such records out", i + 1, j + 1);
	}
	return 0;
}

/* The candidates of a record; false when it is left out. */
static bool
make_candidates(struct chatting *c, const struct ten_reader *r, const struct ten_value *v)
{
	struct err e;
	struct answers a;
	struct verdict verdict;
	enum candidates_made made;
	if (judgement_answers(&c->judged, v, &a, &e) || verdict_read(&c->verdicts, v, a.k, &verdict, &e))
		goto fail;
	c->skipped += verdict.skipped;
	if (verdict.skipped)
		return false;
	if (check_answers(&a, &e)) {
		c->bad += skip_bad;
		if (skip_bad)
			return false;
		goto fail;
	}
	if (candidates_render(&c->template, c->encoder, &c->vocab.vocab, &a, length, (enum overlong)overlong, &c->candidates,
	    &made, &e))
		goto fail;
	c->dropped += made == CANDIDATES_OVERLONG;
	c->untrainable += made == CANDIDATES_CUT;
	c->truncated += made == CANDIDATES_MADE && c->candidates.truncated;
	return made == CANDIDATES_MADE;
fail:
	err_prefix(&e, "%s: record %" PRIu64, ten_reader_name(r), ten_reader_record(r) - 1);
	cli_fail(&e);
}

static void
write_candidates(struct chatting *c, struct ten_reader *r, struct ten_value *v, struct ten_value *to, int *from)
{
	static const struct made made[] = {{"ids", TEN_INT}, {"ends", TEN_UINT}, {"targets", TEN_INT}, {"scored", TEN_UINT}};
	struct err e;
	const struct ten_head *h = ten_reader_head(r);
	const char *name = ten_reader_name(r);
	int got;
	if (judgement_fields(&c->judged, h, name, &e) || verdict_fields(&c->verdicts, h, name, &e))
		cli_fail(&e);
	c->text = c->judged.text;
	c->ends = c->judged.turn_ends;
	c->roles = c->judged.roles;
	size_t fields = open_rows(c, r, "candidates", made, from);
	for (; (got = ten_read(r, v, &e)) > 0; c->chats++) {
		const struct candidates *k = &c->candidates;
		if (!make_candidates(c, r, v))
			continue;
		to[0] = ten_vector(k->ids, k->n);
		to[1] = ten_vector(k->ends, k->k);
		to[2] = ten_vector(k->targets, k->n);
		to[3] = ten_vector(k->scored, k->k);
		for (size_t i = 4; i < fields; i++)
			to[i] = v[from[i]];
		cli_write(&c->out, to);
		c->rows++;
		c->inputs += k->n;
		c->trained += k->trained;
	}
	if (got < 0)
		cli_fail(&e);
	if (!c->rows)
		cli_die(ERR_DATA, "%s: none of the %" PRIu64 " judgements is left", name, c->chats);
	cli_close_out(&c->out);
	cli_account(quiet, "judgements=%" PRIu64 " candidates=%" PRIu64 " dropped_overlong=%" PRIu64 " dropped_untrained=%" PRIu64
	    " dropped_skipped=%" PRIu64 " dropped_bad=%" PRIu64 " truncated=%" PRIu64 " inputs=%" PRIu64 " trained=%" PRIu64,
	    c->chats, c->rows, c->dropped, c->untrainable, c->skipped, c->bad, c->truncated, c->inputs, c->trained);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct chatting c = {0};
	char **operands = cli_parse(&tool, argc, argv, &n);
	if (!model)
		cli_die(ERR_USAGE, "needs the model, which carries the template: -m FILE");
	if (n > 1)
		cli_die(ERR_USAGE, "one stream, not %zu; join files with tcat", n);
	open_model(&c);
	struct err e;
	struct ten_reader *r = cli_reader(n ? operands[0] : NULL);
	const struct ten_head *h = ten_reader_head(r);
	struct ten_value *v = mem_zalloc(h->nfields, sizeof *v, "fields", &e);
	struct ten_value *to = v ? mem_zalloc(h->nfields + 4, sizeof *to, "fields", &e) : NULL;
	int *from = to ? mem_zalloc(h->nfields + 4, sizeof *from, "fields", &e) : NULL;
	if (!from)
		cli_fail(&e);
	if (ten_head_find(h, "answers") >= 0)
		write_candidates(&c, r, v, to, from);
	else
		write_chats(&c, r, v, to, from);
	ten_reader_free(r);
	free(v);
	free(to);
	free(from);
	candidates_free(&c.candidates);
	chat_tokens_free(&c.tokens);
	template_free(&c.template);
	encoder_free(c.encoder);
	vocab_file_free(&c.vocab);
	free(c.targets);
	free(c.positions);
	free(c.documents);
	return 0;
}
