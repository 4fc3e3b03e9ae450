/* result.h - what an evaluation found: lines of `name: value`, or one JSON object. */
#ifndef TENON_EVAL_RESULT_H
#define TENON_EVAL_RESULT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct result {
	bool json;
	char *text;   /* so far, */
	size_t size;
	FILE *stream; /* written through this, opened by the first */
};

void result_real(struct result *r, const char *name, double x); /* JSON has null where x is not finite */
void result_count(struct result *r, const char *name, uint64_t x);
void result_text(struct result *r, const char *name, const char *text); /* a word of letters and dashes */
/* Writes to `output` (NULL or "-": standard output) and frees. Exits through cli_fail. */
void result_write(struct result *r, const char *output);

#endif
