/* request.h - lines of JSON that ask for the score of an answer. */
#ifndef TENON_SCORE_REQUEST_H
#define TENON_SCORE_REQUEST_H

#include <stdbool.h>

#include "ten.h"
#include "text/candidates.h"

/* A request; start zeroed. */
struct request {
	struct ten_membuf text, completion;
	uint32_t *ends, end;
	uint8_t *roles;
	size_t cap_ends, cap_roles;
	struct answers answers;  /* borrowed from the above: one answer */
};

/* {"messages": [{"role": ..., "content": ...}, ...] or "prompt": TEXT, "completion": TEXT, "ended": true or false}; other names
 * are passed over, `ended` is true where it is missing. Sets q->answers. ERR_DATA. */
int request_parse(struct request *q, const char *line, size_t n, struct err *e);
void request_free(struct request *q);

/* Lines of a descriptor as they come. Start zeroed but for fd and name. */
struct lines {
	int fd;
	const char *name;        /* for messages */
	char *buf;
	size_t cap, start, end, scanned;
	bool eof;
};
/* The next line without its end: 1 and its bytes (borrowed until the next call), 0 at the end, -1. `wait` false: 2 when that would
 * take waiting. */
int lines_next(struct lines *l, bool wait, const char **line, size_t *n, struct err *e);
void lines_free(struct lines *l);

/* The first byte that fd will give, which stays there; -1: there is none, or it cannot be told. */
int first_byte(int fd);

#endif
