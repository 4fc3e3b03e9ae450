#include "common/prompts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "common/cli.h"

static char *
read_all(const char *path, size_t *n)
{
	struct err e;
	const char *name;
	char *buf = NULL;
	size_t cap = 0;
	int fd = cli_input(path, &name);
	cli_note_input(fd, name);
	for (*n = 0;;) {
		if (mem_grow(&buf, &cap, *n + 4096, 1, "prompts", &e))
			cli_fail(&e);
		ssize_t got = read(fd, buf + *n, cap - *n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			err_errno(&e, "%s: cannot read", name);
			cli_fail(&e);
		}
		if (got == 0)
			break;
		*n += (size_t)got;
	}
	if (fd != STDIN_FILENO)
		close(fd);
	return buf;
}

void
prompts_add(struct prompts *p, const char *text, size_t n)
{
	struct err e;
	if (mem_grow(&p->items, &p->cap, p->n + 1, sizeof *p->items, "prompts", &e))
		cli_fail(&e);
	p->items[p->n++] = (struct prompt){.text = text, .n = n};
}

void
prompts_read(struct prompts *p, const char *path, bool lines)
{
	struct err e;
	size_t n;
	char *buf = read_all(path, &n);
	if (mem_grow(&p->buffers, &p->cap_buffers, p->nbuffers + 1, sizeof *p->buffers, "prompts", &e))
		cli_fail(&e);
	p->buffers[p->nbuffers++] = buf;
	if (!lines) {
		prompts_add(p, buf, n && buf[n - 1] == '\n' ? n - 1 : n);
		return;
	}
	for (size_t at = 0; at < n;) {
		size_t m = 0;
		while (at + m < n && buf[at + m] != '\n')
			m++;
		prompts_add(p, buf + at, m);
		at += m + 1;
	}
}

static void
cut_prompt(struct ids *ids, bool begins, size_t context, size_t room)
{
	size_t want = context - (room < context / 2 ? room : (context + 1) / 2), head = begins && want > 1;
	if (ids->n <= want)
		return;
	memmove(ids->v + head, ids->v + ids->n - (want - head), (want - head) * sizeof *ids->v);
	ids->n = want;
}

size_t
prompts_encode(struct prompts *p, const struct vocab *v, size_t context, size_t room, bool cut)
{
	struct err e;
	size_t longest = 0;
	struct encoder *x = encoder_new(v, &e);
	if (!x)
		cli_fail(&e);
	if (context < 2)
		cli_die(ERR_DATA, "the model's context of %zu has no room for a prompt and a token after it", context);
	for (size_t i = 0; i < p->n; i++) {
		struct ids *ids = &p->items[i].ids;
		if (mem_grow(&ids->v, &ids->cap, 1, sizeof *ids->v, "prompts", &e))
			cli_fail(&e);
		if (v->begin >= 0)
			ids->v[ids->n++] = v->begin;
		if (encode_text(x, p->items[i].text, p->items[i].n, ids, &e)) {
			err_prefix(&e, "prompt %zu", i + 1);
			cli_fail(&e);
		}
		if (ids->n == 0)
			cli_die(ERR_DATA, "prompt %zu is empty and the vocabulary has no token to begin with", i + 1);
		if (ids->n >= context && !cut)
			cli_die(ERR_DATA, "prompt %zu has %zu tokens, which leaves no room in the model's context of %zu "
			    "(--truncate cuts it)", i + 1, ids->n, context);
		if (cut)
			cut_prompt(ids, v->begin >= 0, context, room);
		longest = ids->n > longest ? ids->n : longest;
	}
	encoder_free(x);
	return longest;
}

void
prompts_free(struct prompts *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->items[i].ids.v);
	for (size_t i = 0; i < p->nbuffers; i++)
		free(p->buffers[i]);
	free(p->buffers);
	free(p->items);
	memset(p, 0, sizeof *p);
}
