/* question.h - a task on the screen, and what somebody says to it. */
#ifndef TENON_PEOPLE_QUESTION_H
#define TENON_PEOPLE_QUESTION_H

#include "people/keys.h"
#include "people/tasks.h"

enum said { SAID_JUDGED, SAID_UNDO, SAID_QUIT, SAID_FAILED };

struct question {
	enum rate_mode mode;
	unsigned scale;
	uint64_t seed;
	const char *rater;
	bool tty;                 /* standard output is a terminal */

	const struct task *task;  /* on the screen */
	size_t *shown, cap_shown; /* (k) the answers from top to bottom */
	uint32_t *ranks;          /* (k) of the answers in their own order, when judged; all 0 when skipped */
	size_t cap_ranks;
	unsigned rating;
	char *corrected;          /* n bytes, owned, or NULL */
	size_t n;
	bool skipped;
};

/* Draws the order of the answers, and shows prompt, answers, what the keys mean and the notice. */
void question_show(struct question *q, const struct task *t, const char *progress, const char *notice);
/* Asks until the answer makes sense. A judgement that is skipped is one, too. */
enum said question_ask(struct question *q, struct keys *k, struct err *e);
/* The judgement as a JSON object, which timport reads. Owned. Exits through cli_fail. */
char *question_line(const struct question *q, const char *rater, double seconds);

#endif
