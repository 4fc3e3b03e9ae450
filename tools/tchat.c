/* tchat - chats to training rows, through the chat template of a model */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/vocabio.h"
#include "text/template.h"

enum { OVERLONG_ERROR, OVERLONG_DROP, OVERLONG_LEFT, OVERLONG_RIGHT };

static const char *const trains[] = {"assistant", "all", "last", NULL};
static const char *const overlongs[] = {"error", "drop", "truncate-left", "truncate-right", NULL};

static const char *model, *output;
static int train_on, overlong, zstd;
static uint64_t length;
static bool quiet;

static const struct cli_opt opts[] = {
    {'m', "model", "FILE", CLI_TEXT, &model, "the model or vocabulary, which carries the template", 0, 0, 0, true},
    {0, "train-on", "TURNS", CLI_CHOICE, &train_on, "assistant, all or last (turn of the assistant) (default assistant)", 0, 0, trains, false},
    {'l', "length", "N", CLI_U64, &length, "most inputs of a row (default the model's context)", 1, 1 << 22, 0, false},
    {0, "overlong", "HOW", CLI_CHOICE, &overlong, "chats that are longer: error, drop, truncate-left or truncate-right (default error)", 0, 0, overlongs, false},
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tchat", "[chats]",
    "Turn chats into training rows, through the chat template of a model.", opts, sizeof opts / sizeof *opts,
    "timport --as chat chats.jsonl | tchat -m chat-base.ten -o rows.ten\n"
    "timport --as chat chats.jsonl | tchat -m chat-base.ten --train-on last | tpack -l 128 -o rows.ten"};

struct chatting {
	struct vocab_file vocab;
	struct chat_template template;
	struct encoder *encoder;
	struct chat_tokens tokens;
	int text, ends, roles;   /* fields of the input */
	int32_t *targets, *positions, *documents;
	size_t cap_targets, cap_positions, cap_documents;
	struct cli_out out;
	uint64_t chats, rows, inputs, trained, dropped, truncated, untrainable;
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

/* The rows' own fields first, then those of the input that are not of the chat; from[i]: which. Returns how many. */
static size_t
open_rows(struct chatting *c, const struct ten_reader *r, int *from)
{
	static const char *const names[] = {"ids", "targets", "positions", "documents"};
	struct err e;
	struct ten_head h = {.kind = "rows"};
	const struct ten_head *in = ten_reader_head(r), *inputs[2] = {&c->vocab.head, in};
	struct ten_writer_opts o = {.zstd_level = zstd, .byte_split = zstd > 0};
	uint64_t ragged = TEN_RAGGED;
	char size[24], limit[24], id[33];
	size_t n = 4;
	for (int i = 0; i < 4; i++)
		if (ten_head_add(&h, names[i], TEN_INT, 32, 1, &ragged, &e))
			cli_fail(&e);
	for (int i = 0; i < (int)in->nfields; i++) {
		const struct ten_field *f = &in->fields[i];
		if (i == c->text || i == c->ends || i == c->roles)
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
write_chats(struct chatting *c, struct ten_reader *r)
{
	struct err e;
	const struct ten_head *h = ten_reader_head(r);
	const char *name = ten_reader_name(r);
	c->text = ten_head_need(h, name, "text", TEN_TEXT, 8, 1, &e);
	c->ends = c->text < 0 ? -1 : ten_head_need(h, name, "turn_ends", TEN_UINT, 32, 1, &e);
	c->roles = c->ends < 0 ? -1 : ten_head_need(h, name, "roles", TEN_UINT, 8, 1, &e);
	struct ten_value *v = c->roles < 0 ? NULL : mem_zalloc(h->nfields, sizeof *v, "fields", &e);
	struct ten_value *to = v ? mem_zalloc(h->nfields + 4, sizeof *to, "fields", &e) : NULL;
	int *from = to ? mem_zalloc(h->nfields + 4, sizeof *from, "fields", &e) : NULL;
	int got;
	if (!from)
		cli_fail(&e);
	size_t fields = open_rows(c, r, from);
	for (; (got = ten_read(r, v, &e)) > 0; c->chats++) {
		size_t turns = v[c->ends].count;
		struct chat chat = {v[c->text].data, v[c->ends].data, v[c->roles].data, turns};
		if (v[c->roles].count != turns || (turns ? chat.ends[turns - 1] : 0) != v[c->text].count)
			cli_die(ERR_DATA, "%s: record %" PRIu64 ": turns, roles and text do not fit together", name, ten_reader_record(r) - 1);
		if (template_render(&c->template, c->encoder, &c->vocab.vocab, &chat, (enum train_on)train_on, false, &c->tokens, &e)) {
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
	free(v);
	free(to);
	free(from);
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
	struct ten_reader *r = cli_reader(n ? operands[0] : NULL);
	write_chats(&c, r);
	if (!c.rows)
		cli_die(ERR_DATA, "%s: none of the %" PRIu64 " chats leaves a token to train on", ten_reader_name(r), c.chats);
	cli_close_out(&c.out);
	cli_account(quiet, "chats=%" PRIu64 " rows=%" PRIu64 " dropped_overlong=%" PRIu64 " dropped_untrained=%" PRIu64
	    " truncated=%" PRIu64 " inputs=%" PRIu64 " trained=%" PRIu64, c.chats, c.rows, c.dropped, c.untrainable, c.truncated,
	    c.inputs, c.trained);
	ten_reader_free(r);
	chat_tokens_free(&c.tokens);
	template_free(&c.template);
	encoder_free(c.encoder);
	vocab_file_free(&c.vocab);
	free(c.targets);
	free(c.positions);
	free(c.documents);
	return 0;
}
