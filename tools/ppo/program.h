/* program.h - the program that says what an answer is worth.
 *
 * `sh -c COMMAND` runs once for a whole training, in a process group of its own. It reads one JSON object a line and
 * writes one line for each, in order: a JSON number, or an object with a number `score`. Both pipes are served at once, so
 * it may answer as it reads or after it has read everything that was sent; but it must not wait for more than one
 * step's answers, and it has to flush what it writes. Functions return 0, or -1 with *e filled: ERR_UPSTREAM when the
 * program ends, closes its output or says nothing for `timeout` seconds, ERR_DATA when it writes something else or more than it
 * was asked, ERR_NONFINITE for numbers that are not finite, ERR_SAVED when they would have to wait, but `stop` says not to. */
#ifndef TENON_PPO_PROGRAM_H
#define TENON_PPO_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "ten.h"

struct reward_program {
	const char *command;
	double timeout;       /* seconds */
	bool (*stop)(void);   /* true: there is no more waiting; NULL: never */
	pid_t pid;            /* 0: not running */
	int to, from;         /* the ends of the pipes, -1: closed */
	char *buf;            /* what it has written and is not taken yet */
	size_t n, cap;
};

/* Starts it; command is borrowed. From then on SIGPIPE is ignored, and the end of this process, by whatever, kills the group. The
 * group's leader keeps a copy of this process's memory as it is now: start it before there is much. */
int program_open(struct reward_program *p, const char *command, double timeout, struct err *e);
/* Sends `size` bytes, which are n lines, and sets scores (n). */
int program_ask(struct reward_program *p, const char *lines, size_t size, size_t n, double *scores, struct err *e);
/* Closes its input and waits for its end. -1 also when it still writes something, or ends with another status than 0. */
int program_finish(struct reward_program *p, struct err *e);
/* Kills what is left of its group. A zeroed struct is fine. */
void program_close(struct reward_program *p);

/* One line of an answer, without its end. 0, or -1: ERR_DATA, ERR_NONFINITE. */
int program_parse(const char *line, size_t n, double *score, struct err *e);
/* Appends the text as a JSON string; bytes that are not UTF-8 become U+FFFD. */
int program_json_string(struct ten_membuf *to, const char *text, size_t n, struct err *e);

#endif
