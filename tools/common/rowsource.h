/* rowsource.h - an endless supply of training rows from a stream of rows, tokens, masked or views.
 *
 * A file is mapped; a pipe is read as it comes and kept in an unlinked temporary file, from which
 * later epochs read. Rows come in the stream's order, epoch after epoch, unless they are
 * shuffled. */
#ifndef TENON_TOOLS_ROWSOURCE_H
#define TENON_TOOLS_ROWSOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "common/judgements.h"
#include "common/rowlabels.h"
#include "ten.h"
#include "train/rows.h"

/* What a record of candidates must have. */
enum row_need {
	NEED_RANKS = 1,    /* of two answers or more */
	NEED_RATING = 2,   /* and one answer */
	NEED_LIKED = 4,    /* and one answer */
	NEED_REFERENCE = 8,
	NEED_TARGETS = 16, /* of every answer */
	NEED_SAMPLES = 32  /* ranks that are 1 and ranks that are not */
};

/* What a row is for. */
enum row_use {
	ROWS_NEXT,   /* predicting the next token: targets, or documents that are cut into rows */
	ROWS_MASKED, /* predicting masked tokens: targets, which tmask makes */
	ROWS_VIEWS,  /* comparing views: source and key, which taug makes */
	ROWS_WHOLE,  /* reading: a record is a row, targets are not needed */
	ROWS_CANDIDATES /* judging answers: ends, scored and targets, which tchat makes; a record is a row */
};

/* What the family predicts: an encoder masked tokens, else the next. */
static inline enum row_use
row_use_of(const struct config *c)
{
	return config_traits(c)->encoder ? ROWS_MASKED : ROWS_NEXT;
}

enum { ROW_IDS, ROW_TARGETS, ROW_POSITIONS, ROW_DOCUMENTS, ROW_TYPES, ROW_SOURCE, ROW_KEY, ROW_ENDS, ROW_SCORED,
	ROW_FIELDS };

struct row_source {
	char *name;              /* for messages */
	const struct config *cfg;
	enum row_use use;
	size_t longest;          /* row, or sequence of candidates: the stream's `length`, at most the context */
	bool stated;             /* the stream says its `length` */
	size_t largest;          /* tokens of a row: of candidates those of all its sequences */
	bool cut;                /* documents, to be cut into rows; else ready rows */
	int fields[ROW_FIELDS];  /* -1 when absent */
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
	struct verdict_fields verdicts; /* of candidates */
	unsigned needs;          /* enum row_need; the stream has been looked at for the fields */
	struct row_labels *labels; /* NULL: rows have none */
	bool truncate;           /* rows that are too long lose their ends, else they are refused */
	uint64_t truncated;
	bool shuffle;            /* epochs after the first, by `seed` */
	uint64_t seed;
	uint32_t *order;         /* of this epoch, or NULL */
	uint64_t current;        /* number of the record that values hold */
};

/* NULL or "-": standard input. Rows and documents must fit the vocabulary and context of the model:
 * rows longer than the context are refused; for ROWS_NEXT documents are cut into pieces of at most
 * `context` tokens that are trained to predict their true successors. Candidates are all read once, a pipe to its end, since the
 * largest record decides how much memory a step takes; records whose ranks are all 0 are refused. cfg is borrowed. */
int row_source_open(struct row_source *s, const char *path, const struct config *cfg, enum row_use use,
    struct err *e);
/* Changes the use, before the first row. */
int row_source_use(struct row_source *s, enum row_use use, struct err *e);
void row_source_close(struct row_source *s); /* a zeroed struct is fine */
const struct ten_head *row_source_head(const struct row_source *s);

/* For ROWS_WHOLE, right after opening: rows get labels (borrowed). */
void row_source_label(struct row_source *s, struct row_labels *l);
/* Right after opening: epochs after the first go through the records in another order. A pipe and a file of
 * the same records give the same rows. */
void row_source_shuffle(struct row_source *s, uint64_t seed);

/* Appends the next row: 1; 0 at the end of an epoch (the next call begins another), -1. A stream
 * without any row: ERR_DATA. */
int row_source_next(struct row_source *s, struct rows *r, struct err *e);

/* Right after opening: an upper bound of the tokens of a row, which the rows of a pipe without `length` are far below where
 * they are short beside the context; of a file without it the longest is looked for. 0 or -1. */
int row_source_bound(struct row_source *s, size_t *tokens, struct err *e);
/* The same without appending: the row is not looked at. */
int row_source_skip(struct row_source *s, struct err *e);

/* Where the next row is, for resuming. */
struct row_place {
	uint64_t epoch, record, piece;
};
struct row_place row_source_tell(const struct row_source *s);
/* How often all rows have been given; of a pipe the first time counts when something was read after it. */
uint64_t row_source_epochs(const struct row_source *s);
/* Only right after opening. */
int row_source_seek(struct row_source *s, struct row_place p, struct err *e);

#endif
