/* ledger.h - a file of lines that grows line by line: nothing that is in it is lost by a kill, and nobody else writes. */
#ifndef TENON_PEOPLE_LEDGER_H
#define TENON_PEOPLE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ledger {
	int fd;
	const char *path; /* borrowed */
	char *text;       /* what was in it at first, whole lines */
	size_t size;      /* of text */
	uint64_t end;     /* bytes in the file now */
	size_t torn;      /* bytes of a last line that was not whole, and was cut off */
};

/* Whether a line is complete: 1 or 0, or -1 with *e filled. */
typedef int ledger_whole(const char *line, size_t n, struct err *e);

/* Opens or makes the file (mode 0600), under a lock that a second one is refused (ERR_RUNTIME), and reads it. A last line
 * without its end gets it when `whole` says that it is complete, else it is cut off. `path` must be a regular file. */
int ledger_open(struct ledger *l, const char *path, ledger_whole *whole, struct err *e);
/* Appends a line, which ends in a line end, by one write(2); on disk before 0 is returned. -1: the file is as before. */
int ledger_append(struct ledger *l, const char *line, size_t n, struct err *e);
/* Takes back what was appended behind `end`. */
int ledger_cut(struct ledger *l, uint64_t end, struct err *e);
void ledger_close(struct ledger *l);

#endif
