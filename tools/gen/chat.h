/* chat.h - a conversation with a model: prompts through its chat template, and the dialogue at the terminal. */
#ifndef TENON_GEN_CHAT_H
#define TENON_GEN_CHAT_H

#include "common/modelio.h"
#include "common/prompts.h"
#include "common/vocabio.h"
#include "model/generate.h"
#include "text/template.h"

struct chat_session {
	const struct model_file *model;
	const struct vocab_file *vocab;
	const char *system;       /* what the system says first, or NULL */
	struct gen_opts options;  /* its end is the template's stop token */
	struct chat_template template;
	struct encoder *encoder;
	struct chat_tokens tokens;
	struct ten_membuf text;   /* of the turns so far */
	uint32_t *ends;
	uint8_t *roles;
	size_t turns, cap_ends, cap_roles;
	uint64_t answers, generated; /* so far */
};

/* model and vocab are borrowed. Exits through cli_fail, as all of these do. */
void chat_open(struct chat_session *c, const struct model_file *model, const struct vocab_file *vocab, const char *system,
    const struct gen_opts *o);
void chat_close(struct chat_session *c);

/* Each prompt as the user's turn of a conversation of its own, as prompts_encode does it for plain text. */
size_t chat_encode(struct chat_session *c, struct prompts *p);

/* Reads the user's turns from standard input, one a line, and writes the answers to standard output as they grow.
 * On a terminal with a prompt; `/reset' begins anew, `/quit' ends. */
void chat_dialogue(struct chat_session *c);

#endif
