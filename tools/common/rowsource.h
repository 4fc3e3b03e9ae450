/* rowsource.h - an endless supply of training rows from a stream of kind rows or tokens.
 *
 * A file is mapped; a pipe is read as it comes and kept in an unlinked temporary file, from which
 * later epochs read. Rows come in the stream's order, epoch after epoch. */
#ifndef TENON_TOOLS_ROWSOURCE_H
#define TENON_TOOLS_ROWSOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ten.h"
#include "train/rows.h"

struct row_source {
	char *name;              /* for messages */
	size_t vocab, context;
	bool tokens;             /* documents, to be cut into rows; else ready rows */
	int fields[4];           /* ids, targets, positions, documents; -1 when absent */
	struct ten_map *map;     /* the file, or the spooled pipe */
	struct ten_reader *pipe; /* until its end */
	struct ten_writer *spool;
	int spool_fd;
	struct ten_value *values;
	uint64_t record, records;/* next record of this epoch; of an epoch, 0 when not yet known */
	uint64_t epoch;
	size_t piece;            /* next token of the document being cut, 0 = none */
	bool have;               /* values hold the record that is being cut */
	int32_t *targets;        /* of a piece */
};

/* NULL or "-": standard input. Rows and documents must fit the vocabulary and context of a model:
 * rows longer than the context are refused, documents are cut into pieces of at most `context`
 * tokens that are trained to predict their true successors. */
int row_source_open(struct row_source *s, const char *path, size_t vocab, size_t context, struct err *e);
void row_source_close(struct row_source *s); /* a zeroed struct is fine */
const struct ten_head *row_source_head(const struct row_source *s);

/* Appends the next row: 1; 0 at the end of an epoch (the next call begins another), -1. A stream
 * without any row: ERR_DATA. */
int row_source_next(struct row_source *s, struct rows *r, struct err *e);

/* Where the next row is, for resuming. */
struct row_place {
	uint64_t epoch, record, piece;
};
struct row_place row_source_tell(const struct row_source *s);
/* Only right after opening. */
int row_source_seek(struct row_source *s, struct row_place p, struct err *e);

#endif
