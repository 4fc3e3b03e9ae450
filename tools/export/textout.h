/* textout.h - records on their way out as text. All exit through cli_fail. */
#ifndef TENON_EXPORT_TEXTOUT_H
#define TENON_EXPORT_TEXTOUT_H

#include <stdint.h>
#include <stdio.h>

#include "base/outfile.h"
#include "common/cli.h"
#include "export/export.h"

/* What the fields of the stream make together, as timport reads it. */
enum textout_shape { SHAPE_FIELDS, SHAPE_TAGGED, SHAPE_CHAT, SHAPE_JUDGED };

struct textout {
	const struct export_job *job;
	struct ten_reader *r;
	const struct ten_head *head;
	struct ten_value *v;     /* the record at hand */
	enum textout_shape shape;
	int text, ends, roles, tags, answers, answer_ends; /* fields, -1 where there is none */
	FILE *f;                 /* lines that wait, in memory */
	char *lines;
	size_t size;
	struct outfile out;
};

void textout_open(struct textout *t, const struct export_job *j);
/* Refuses a stream with a field of a name that the format gives to something else; NULL is no name. */
void textout_taken(const struct textout *t, const char *name);
/* The next record; false at the end. Writes out what waits now and then. */
bool textout_next(struct textout *t);
void textout_close(struct textout *t);

/* What is wrong with the record at hand. */
noreturn void textout_bad(const struct textout *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* That the bytes of field i, which is text, are UTF-8, unless the job lets others pass. */
void textout_check(const struct textout *t, size_t i);
/* That the texts of turns, words and answers are whole: their ends divide them, between characters unless the job lets other
 * bytes pass, and each turn has a role. */
void textout_fit(const struct textout *t);
/* Piece i of the text in field `text` that the field `ends` divides. */
const char *textout_piece(const struct textout *t, int text, int ends, uint64_t i, size_t *n);
/* "user" ... of turn i. */
const char *textout_role(const struct textout *t, uint64_t i);

#endif
