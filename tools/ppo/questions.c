/* Prompts of policy optimisation: chats and documents. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/judgements.h"
#include "ppo/ppo.h"

struct reading {
	struct question_set *q;
	const struct vocab_file *vocab;
	const struct ten_reader *r;
	struct chat_template template;
	struct encoder *encoder;
	struct chat_tokens tokens;
	struct ten_membuf text; /* of a document */
	size_t limit;
};

/* ---- the line of a question, up to the answer ---- */

static void
put(struct question_set *q, const char *text)
{
	struct err e;
	size_t n = strlen(text);
	if (mem_grow(&q->json.data, &q->json.cap, q->json.size + n, 1, "prompts", &e))
		cli_fail(&e);
	memcpy(q->json.data + q->json.size, text, n);
	q->json.size += n;
}

static void
put_string(struct question_set *q, const char *text, size_t n)
{
	struct err e;
	if (program_json_string(&q->json, text, n, &e))
		cli_fail(&e);
}

static void
put_messages(struct question_set *q, const struct chat *c)
{
	static const char *const roles[ROLES] = {"system", "user", "assistant", "tool"};
	put(q, ", \"messages\": [");
	for (size_t i = 0, from = 0; i < c->turns; from = c->ends[i++]) {
		put(q, i ? ", {\"role\": \"" : "{\"role\": \"");
		put(q, roles[c->roles[i]]);
		put(q, "\", \"content\": ");
		put_string(q, c->text + from, c->ends[i] - from);
		put(q, "}");
	}
	put(q, "], \"completion\": ");
}

static void
describe(struct question_set *q, const struct chat *c)
{
	size_t from = 0, n = 0;
	for (size_t i = 0; i < c->turns; i++)
		if (c->roles[i] == ROLE_USER) {
			from = i ? c->ends[i - 1] : 0;
			n = c->ends[i] - from;
		}
	put(q, "{\"prompt\": ");
	put_string(q, c->text + from, n);
	put_messages(q, c);
}

/* ---- questions ---- */

/* One more question: its tokens, and its line that has been put from `json` on. */
static void
add(struct question_set *q, const int32_t *ids, size_t n, size_t json)
{
	struct err e;
	if (mem_grow(&q->items, &q->cap, q->n + 1, sizeof *q->items, "prompts", &e) ||
	    mem_grow(&q->ids, &q->cap_ids, q->nids + n, sizeof *q->ids, "prompts", &e))
		cli_fail(&e);
	memcpy(q->ids + q->nids, ids, n * sizeof *ids);
	q->items[q->n++] = (struct question){q->nids, n, json, q->json.size - json};
	q->nids += n;
	q->longest = n > q->longest ? n : q->longest;
}

static void
add_chat(struct reading *g, struct chat c)
{
	struct err e;
	struct question_set *q = g->q;
	if (c.turns && c.roles[c.turns - 1] == ROLE_ASSISTANT)
		c.turns--;
	if (template_render(&g->template, g->encoder, &g->vocab->vocab, &c, TRAIN_ASSISTANT, true, &g->tokens, &e)) {
		err_prefix(&e, "%s: record %" PRIu64, ten_reader_name(g->r), ten_reader_record(g->r) - 1);
		cli_fail(&e);
	}
	if (!c.turns || g->tokens.ids.n > g->limit) {
		q->dropped++;
		return;
	}
	size_t json = q->json.size;
	describe(q, &c);
	add(q, g->tokens.ids.v, g->tokens.ids.n, json);
}

static void
add_document(struct reading *g, const int32_t *ids, size_t n)
{
	struct err e;
	const struct vocab *v = &g->vocab->vocab;
	struct question_set *q = g->q;
	uint8_t user = ROLE_USER;
	if (n > 1 && ids[n - 1] == v->end)
		n--;
	n = n < g->limit ? n : g->limit;
	g->text.size = 0;
	for (size_t i = 0; i < n; i++)
		if (ids[i] < 0 || (size_t)ids[i] >= v->n || vocab_decode(v, ids[i], false, &g->text, &e))
			cli_die(ERR_DATA, "%s: record %" PRIu64 ": token %zu is %" PRId32 ", the vocabulary has %zu", ten_reader_name(g->r),
			    ten_reader_record(g->r) - 1, i, ids[i], v->n);
	if (!n) {
		q->dropped++;
		return;
	}
	uint32_t end = (uint32_t)g->text.size;
	size_t json = q->json.size;
	describe(q, &(struct chat){g->text.data, &end, &user, 1});
	add(q, ids, n, json);
}

/* ---- streams ---- */

static int
need(const struct ten_reader *r, const char *name, enum ten_class cls, unsigned bits)
{
	struct err e;
	int at = ten_head_need(ten_reader_head(r), ten_reader_name(r), name, cls, bits, 1, &e);
	if (at < 0)
		cli_fail(&e);
	return at;
}

static void
open_template(struct reading *g, const struct model_file *model)
{
	struct err e;
	const char *text = g->vocab->vocab.chat_template;
	if (!text)
		cli_die(ERR_DATA, "%s: has no chat template for the chats in %s; tgraft --template gives it one", model->path,
		    ten_reader_name(g->r));
	if (template_parse(&g->template, text, strlen(text), &e) || !(g->encoder = encoder_new(&g->vocab->vocab, &e)))
		cli_fail(&e);
	g->q->end = vocab_special(&g->vocab->vocab, g->template.stop, strlen(g->template.stop));
}

static void
read_records(struct reading *g, struct ten_reader *r, const struct model_file *model)
{
	struct err e;
	const struct ten_head *h = ten_reader_head(r);
	struct ten_value *v = mem_zalloc(h->nfields, sizeof *v, "fields", &e);
	int text = -1, ends = -1, roles = -1, ids = -1, got;
	if (!v)
		cli_fail(&e);
	if (ten_head_find(h, "turn_ends") < 0) {
		ids = need(r, "ids", TEN_INT, 32);
	} else {
		text = need(r, "text", TEN_TEXT, 8);
		ends = need(r, "turn_ends", TEN_UINT, 32);
		roles = need(r, "roles", TEN_UINT, 8);
		open_template(g, model);
	}
	while ((got = ten_read(r, v, &e)) > 0) {
		if (ids >= 0) {
			add_document(g, v[ids].data, v[ids].count);
			continue;
		}
		struct chat c;
		if (chat_of(&c, &v[text], &v[ends], &v[roles], &e)) {
			err_prefix(&e, "%s: record %" PRIu64, ten_reader_name(r), ten_reader_record(r) - 1);
			cli_fail(&e);
		}
		add_chat(g, c);
	}
	if (got < 0)
		cli_fail(&e);
	free(v);
}

void
questions_read(struct question_set *q, const char *path, const struct model_file *model, const struct vocab_file *vocab,
    size_t limit)
{
	struct err e;
	struct ten_reader *r = cli_reader(path);
	struct reading g = {.q = q, .vocab = vocab, .r = r, .limit = limit};
	*q = (struct question_set){.end = vocab->vocab.end};
	if (mem_grow(&g.text.data, &g.text.cap, 1, 1, "prompts", &e)) /* an address, also of no text */
		cli_fail(&e);
	if (model_check_tokenizer(model, ten_reader_head(r), ten_reader_name(r), &e))
		cli_fail(&e);
	read_records(&g, r, model);
	if (!q->n)
		cli_die(ERR_DATA, "%s: there are no prompts of at most %zu tokens", ten_reader_name(r), limit);
	if (ten_head_copy(&q->head, ten_reader_head(r), &e))
		cli_fail(&e);
	ten_reader_free(r);
	template_free(&g.template);
	encoder_free(g.encoder);
	chat_tokens_free(&g.tokens);
	free(g.text.data);
}

void
questions_free(struct question_set *q)
{
	free(q->items);
	free(q->ids);
	free(q->json.data);
	ten_head_free(&q->head);
	memset(q, 0, sizeof *q);
}
