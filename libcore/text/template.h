/* template.h - chat templates: what is put around the turns of a conversation.
 *
 * A template is a text of lines, each a name, a space and a value in which \n, \t and \\ stand for a line
 * end, a tab and a backslash:
 *
 *   special    names of special tokens that it uses, with spaces between them
 *   begin      what comes first, once; may be missing
 *   system, user, assistant, tool    a turn: its {content} and what is around it; tool may be missing
 *   stop       the special token that ends a turn of the assistant, at the start of what comes behind its content
 *
 * What is around a content is encoded with special tokens, the content itself as text, so no content can
 * pretend to be a token of the template. All pieces are encoded by themselves: training and use see the same
 * tokens. */
#ifndef TENON_TEXT_TEMPLATE_H
#define TENON_TEXT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/encode.h"

/* Who speaks: the numbers of field `roles`. */
enum chat_role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL, ROLES };

struct chat_template {
	char *text;            /* the lines */
	char *begin, *stop;
	char *before[ROLES], *after[ROLES]; /* of a content; NULL: the role may not speak */
	char **special;        /* nspecial names */
	size_t nspecial;
};

/* Text of the template called `name` (chatml, llama3, plain, completion), or NULL. */
const char *template_builtin(const char *name);
/* ERR_DATA naming the line. */
int template_parse(struct chat_template *t, const char *text, size_t n, struct err *e);
void template_free(struct chat_template *t); /* a zeroed struct is fine */
/* That the vocabulary has all its special tokens. ERR_DATA. */
int template_check(const struct chat_template *t, const struct vocab *v, struct err *e);
/* XXH3-128 of the text, in hex. */
void template_id(const char *text, char hex[33]);

/* A conversation: contents one behind the other. */
struct chat {
	const char *text;
	const uint32_t *ends;  /* (turns), ascending */
	const uint8_t *roles;  /* (turns) */
	size_t turns;
};
/* That the turns cut a text of n bytes, in order, and who speaks is known; what comes from a stream is checked before any of it
 * is read. ERR_DATA. */
int chat_check(const struct chat *c, uint64_t n, struct err *e);
/* That `count` ends ascend, though not strictly, to n. */
bool ends_fit(const uint32_t *ends, size_t count, uint64_t n);

/* Which tokens are trained: the contents and stop tokens of the assistant, of all, of the last turn of the
 * assistant. */
enum train_on { TRAIN_ASSISTANT, TRAIN_ALL, TRAIN_LAST };

struct chat_tokens {
	struct ids ids;
	bool *trained;  /* (ids.n) */
	size_t cap;
	size_t begin;   /* tokens of `begin` */
};

/* Sets `to` to the tokens of the conversation, which is sound. `ask`: the assistant is to speak next, so what is before
 * its content comes last. ERR_DATA when the template has no such turn. */
int template_render(const struct chat_template *t, struct encoder *x, const struct vocab *v, const struct chat *c,
    enum train_on on, bool ask, struct chat_tokens *to, struct err *e);
void chat_tokens_free(struct chat_tokens *c);

#endif
