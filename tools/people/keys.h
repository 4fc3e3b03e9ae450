/* keys.h - keys and lines from a terminal, or from a file or pipe that stands for one. */
#ifndef TENON_PEOPLE_KEYS_H
#define TENON_PEOPLE_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct keys {
	int fd;
	bool tty;
	char buf[4096];  /* bytes that were read */
	size_t at, n;
	char line[4096];
};

/* Standard input, or with `terminal` the terminal that the process belongs to. On a terminal single keys are read without
 * echo from now on, until the process ends or stops by HUP, INT or TERM. 0 or -1. */
int keys_open(struct keys *k, bool terminal, struct err *e);
/* The next key but for blanks and line ends, or -1 at the end. What arrow and function keys send is passed over. */
int keys_next(struct keys *k, struct err *e);
/* The next line that is not blank, without its end and with echo; NULL at the end. Borrowed. */
const char *keys_line(struct keys *k, struct err *e);
/* On a terminal: what was typed before the question was asked does not count. */
void keys_forget(struct keys *k);
/* Lets another program have the terminal, and takes it back. */
void keys_lend(struct keys *k, bool lent);
/* A file to be removed when a signal ends the process; NULL: none. */
void keys_remove_at_end(const char *path);

#endif
