#include "gen/chat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "common/cli.h"

void
chat_open(struct chat_session *c, const struct model_file *model, const struct vocab_file *vocab, const char *system,
    const struct gen_opts *o)
{
	struct err e;
	const char *text = vocab->vocab.chat_template;
	*c = (struct chat_session){.model = model, .vocab = vocab, .system = system, .options = *o};
	if (!text)
		cli_die(ERR_DATA, "%s: has no chat template; tgraft --template gives it one", model->path);
	if (template_parse(&c->template, text, strlen(text), &e) || !(c->encoder = encoder_new(&vocab->vocab, &e)))
		cli_fail(&e);
	c->options.end = vocab_special(&vocab->vocab, c->template.stop, strlen(c->template.stop));
}

void
chat_close(struct chat_session *c)
{
	template_free(&c->template);
	encoder_free(c->encoder);
	chat_tokens_free(&c->tokens);
	free(c->text.data);
	free(c->ends);
	free(c->roles);
	memset(c, 0, sizeof *c);
}

/* ---- turns ---- */

static void
add_turn(struct chat_session *c, enum chat_role role, const char *text, size_t n)
{
	struct err e;
	if (mem_grow(&c->text.data, &c->text.cap, c->text.size + n, 1, "a chat", &e) ||
	    mem_grow(&c->ends, &c->cap_ends, c->turns + 1, sizeof *c->ends, "a chat", &e) ||
	    mem_grow(&c->roles, &c->cap_roles, c->turns + 1, sizeof *c->roles, "a chat", &e))
		cli_fail(&e);
	if (n)
		memcpy(c->text.data + c->text.size, text, n);
	c->text.size += n;
	c->ends[c->turns] = (uint32_t)c->text.size;
	c->roles[c->turns++] = (uint8_t)role;
}

static void
begin(struct chat_session *c)
{
	c->turns = 0;
	c->text.size = 0;
	if (c->system)
		add_turn(c, ROLE_SYSTEM, c->system, strlen(c->system));
}

static void
render(struct chat_session *c)
{
	struct err e;
	struct chat chat = {c->text.data, c->ends, c->roles, c->turns};
	if (template_render(&c->template, c->encoder, &c->vocab->vocab, &chat, TRAIN_ASSISTANT, true, &c->tokens, &e))
		cli_fail(&e);
}

size_t
chat_encode(struct chat_session *c, struct prompts *p)
{
	struct err e;
	size_t longest = 0;
	for (size_t i = 0; i < p->n; i++) {
		struct ids *ids = &p->items[i].ids;
		begin(c);
		add_turn(c, ROLE_USER, p->items[i].text, p->items[i].n);
		render(c);
		size_t n = c->tokens.ids.n;
		if (n >= c->model->cfg.context)
			cli_die(ERR_DATA, "prompt %zu has %zu tokens with the chat template, which leaves no room in the model's context"
			    " of %zu", i + 1, n, c->model->cfg.context);
		if (mem_grow(&ids->v, &ids->cap, n, sizeof *ids->v, "prompts", &e))
			cli_fail(&e);
		memcpy(ids->v, c->tokens.ids.v, n * sizeof *ids->v);
		ids->n = n;
		longest = n > longest ? n : longest;
	}
	return longest;
}

/* ---- the dialogue ---- */

/* The oldest turn after the system's, and answers that follow it, leave; false when only the last turn is left. */
static bool
forget(struct chat_session *c)
{
	size_t first = c->system ? 1 : 0, next = first + 1;
	while (next < c->turns && c->roles[next] != ROLE_USER)
		next++;
	if (next >= c->turns)
		return false;
	size_t from = first ? c->ends[first - 1] : 0, bytes = c->ends[next - 1] - from;
	memmove(c->text.data + from, c->text.data + from + bytes, c->text.size - from - bytes);
	c->text.size -= bytes;
	for (size_t i = next; i < c->turns; i++) {
		c->ends[i - (next - first)] = c->ends[i] - (uint32_t)bytes;
		c->roles[i - (next - first)] = c->roles[i];
	}
	c->turns -= next - first;
	return true;
}

/* Room for an answer, at most half of the context. */
static void
make_room(struct chat_session *c)
{
	size_t context = c->model->cfg.context, room = c->options.max_new < context / 2 ? c->options.max_new : context / 2;
	bool forgot = false;
	for (render(c); c->tokens.ids.n + room > context && forget(c); render(c))
		forgot = true;
	if (forgot)
		cli_warn("the chat has outgrown the model's context: the oldest turns are left out");
}

struct answer {
	struct chat_session *chat;
	struct ten_membuf text;
};

static bool
on_token(void *ctx, const struct gen_result *r)
{
	struct err e;
	struct answer *a = ctx;
	size_t before = a->text.size;
	if (vocab_decode(&a->chat->vocab->vocab, r->ids[r->n - 1], false, &a->text, &e))
		cli_fail(&e);
	fwrite(a->text.data + before, 1, a->text.size - before, stdout);
	fflush(stdout);
	a->chat->generated++;
	return false;
}

static int
on_done(void *ctx, const struct gen_result *r, struct err *e)
{
	(void)ctx;
	(void)r;
	(void)e;
	return 0;
}

static void
reply(struct chat_session *c, struct generator *g)
{
	struct err e;
	struct answer a = {c, {0}};
	struct gen_sink sink = {on_token, on_done, &a};
	make_room(c);
	if (c->tokens.ids.n >= c->model->cfg.context) {
		cli_warn("this turn has %zu tokens, the model's context is %zu: it is left out", c->tokens.ids.n,
		    c->model->cfg.context);
		c->turns--;
		c->text.size = c->turns ? c->ends[c->turns - 1] : 0;
		return;
	}
	struct gen_prompt p = {c->tokens.ids.v, c->tokens.ids.n, c->answers};
	if (generate(g, c->model->w, &p, 1, &c->options, &sink, &e))
		cli_fail(&e);
	putchar('\n');
	if (fflush(stdout))
		cli_die(ERR_RUNTIME, "standard output: cannot write");
	add_turn(c, ROLE_ASSISTANT, a.text.data, a.text.size);
	c->answers++;
	free(a.text.data);
}

void
chat_dialogue(struct chat_session *c)
{
	struct err e;
	struct generator g;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	bool terminal = isatty(STDIN_FILENO);
	if (generator_open(&g, &c->model->cfg, &c->model->table, 1, c->model->cfg.context, &e))
		cli_fail(&e);
	begin(c);
	for (;;) {
		if (terminal)
			fputs("> ", stderr);
		if ((n = getline(&line, &cap, stdin)) < 0)
			break;
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			n--;
		if (n == 6 && memcmp(line, "/reset", 6) == 0) {
			begin(c);
			continue;
		}
		if (n == 5 && memcmp(line, "/quit", 5) == 0)
			break;
		if (n == 0)
			continue;
		add_turn(c, ROLE_USER, line, (size_t)n);
		reply(c, &g);
	}
	if (ferror(stdin))
		cli_die(ERR_RUNTIME, "standard input: cannot read");
	if (terminal && n < 0)
		fputc('\n', stderr);
	free(line);
	generator_close(&g);
	cli_close_stdout();
}
