/* project.h - some fields of a stream, and heads of streams that are joined. */
#ifndef TENON_TOOLS_PROJECT_H
#define TENON_TOOLS_PROJECT_H

#include <stddef.h>

#include "ten.h"

/* Which fields, in which order. */
struct project {
	size_t *index;
	size_t n;
};

/* `lists`: names separated by commas, nlists of them; none: every field. An unknown name or one
 * given twice: -1, ERR_DATA or ERR_USAGE. */
int project_open(struct project *p, const struct ten_head *h, const char *const *lists, size_t nlists,
    struct err *e);
void project_values(const struct project *p, struct ten_value *out, const struct ten_value *in);
void project_close(struct project *p);

/* Whether two streams can be joined: kind and fields are equal, and so are the key-values
 * `tokenizer`, `template` and `vocab_size`. The message names what differs, not the stream. */
int project_same(const struct ten_head *a, const struct ten_head *b, struct err *e);

/* The head of the joined stream (zeroed before; owned by the caller): the fields, and the
 * key-values that all inputs have alike. No provenance. */
int project_head(struct ten_head *out, const struct project *p, const struct ten_head *const *inputs,
    size_t n, struct err *e);

#endif
