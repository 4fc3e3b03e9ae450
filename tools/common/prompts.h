/* prompts.h - texts to continue, from the command line, files or standard input. */
#ifndef TENON_TOOLS_PROMPTS_H
#define TENON_TOOLS_PROMPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "text/encode.h"

struct prompt {
	const char *text; /* n bytes, any; owned by the list */
	size_t n;
	struct ids ids;   /* after prompts_encode */
};

struct prompts {
	struct prompt *items;
	size_t n, cap;
	char **buffers;
	size_t nbuffers, cap_buffers;
};

/* Appends the whole of the file (NULL or "-": standard input) without one final newline or, with
 * `lines`, each of its lines without the newline. Notes the file for provenance. Exits through
 * cli_fail on error. */
void prompts_read(struct prompts *p, const char *path, bool lines);
/* Appends one; text is borrowed. */
void prompts_add(struct prompts *p, const char *text, size_t n);
/* Begin token and text of each; returns the tokens of the longest. A prompt that leaves no room in the
 * context is refused or, with `cut`, loses tokens after the begin token so that `room` tokens, but at
 * most half of the context, can follow. */
size_t prompts_encode(struct prompts *p, const struct vocab *v, size_t context, size_t room, bool cut);
void prompts_free(struct prompts *p);

#endif
