/* candidates.h - answers to a prompt as token sequences, side by side, through a chat template.
 *
 * A sequence is the conversation, what the template puts before an answer, the answer, and the token that ends a
 * turn. Pieces are encoded by themselves, as template_render does it, so the sequences are those of chats. */
#ifndef TENON_TEXT_CANDIDATES_H
#define TENON_TEXT_CANDIDATES_H

#include "text/template.h"

/* What happens to a record one of whose sequences has more tokens than are allowed. */
enum overlong {
	OVERLONG_ERROR,
	OVERLONG_DROP,
	OVERLONG_LEFT,  /* behind what begins every chat all sequences lose the same tokens of the conversation, and
	                 * what is still too long the beginning of its answer, too */
	OVERLONG_RIGHT  /* a sequence ends after as many tokens as are allowed, without the token that ends a turn */
};

/* k answers to a conversation, each up to its end in `answers`. Pairs of them are compared, so there are not very many. */
enum { ANSWERS_MAX = 1024 };

struct answers {
	struct chat prompt;
	const char *answers;
	const uint32_t *ends;    /* (k) ascending */
	size_t k;
	bool open;               /* the answers go on: no token ends the turn */
};

/* The sequences. Start zeroed. */
struct candidates {
	int32_t *ids, *targets;  /* (n): tokens; at each the next one where that is of the answer, else -100 */
	uint32_t *ends, *scored; /* (k): where each sequence ends; the place of its last token */
	size_t n, k, trained;
	bool truncated;
	size_t cap_ids, cap_targets, cap_ends, cap_scored;
	struct chat_tokens prompt;
	struct ids answer;
};

enum candidates_made {
	CANDIDATES_MADE,
	CANDIDATES_OVERLONG,     /* dropped, as was asked for */
	CANDIDATES_CUT           /* a sequence has lost all of its answer, or what told two answers apart */
};

/* Sets `to`; *made says what came of it. Sequences have at most `length` tokens. ERR_DATA:
 * a turn that the template has not, OVERLONG_ERROR, a sequence without any token. */
int candidates_render(const struct chat_template *t, struct encoder *x, const struct vocab *v, const struct answers *a,
    size_t length, enum overlong overlong, struct candidates *to, enum candidates_made *made, struct err *e);
void candidates_free(struct candidates *c); /* a zeroed struct is fine */

#endif
