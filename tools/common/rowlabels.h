/* rowlabels.h - the labels of a record, as the task head of a model wants them.
 *
 * Field `label` (text) for classify; `labels` (text, names joined by line ends) for multilabel; `value` (float,
 * one or as many as outputs) for regress; `tags` (text, names joined by spaces, one a word) with `words` (int32, one a token: the
 * number of its word, -1 for none) for tag: the first token of a word has its tag. */
#ifndef TENON_TOOLS_ROWLABELS_H
#define TENON_TOOLS_ROWLABELS_H

#include <stdbool.h>

#include "common/labels.h"
#include "model/config.h"
#include "train/rows.h"

struct row_labels {
	enum task task;
	size_t outputs;
	const struct label_set *set;
	int field, words;   /* of the stream; field -1: records have no labels */
	unsigned bits;      /* of `value` */
	int32_t *tags;      /* of a record */
	size_t cap;
	real *values;       /* (outputs) */
};

/* Name of the field that a task's labels are in. */
const char *row_labels_field(enum task task);

/* set (borrowed): names of the outputs, of regress not needed. `needed`: a stream that has not the field is refused. */
int row_labels_open(struct row_labels *l, const struct ten_head *h, const char *stream, const struct config *c,
    const struct label_set *set, bool needed, struct err *e);
void row_labels_close(struct row_labels *l); /* a zeroed struct is fine */

/* Sets the labels of a row of n tokens; they are borrowed until the next call. Without labels a row of tags has tag 0
 * at each word's first token. ERR_DATA: a label is missing or unknown, tags are not as many as words. */
int row_labels_fill(struct row_labels *l, const struct ten_value *values, size_t n, struct row *row, struct err *e);

#endif
