/* embedding.h - a stream of embeddings, or of tokens as bags of words, whole in memory. */
#ifndef TENON_TOOLS_EMBEDDING_H
#define TENON_TOOLS_EMBEDDING_H

#include <stdbool.h>

#include "common/cli.h"
#include "common/labels.h"
#include "eval/logistic.h"

struct embeddings {
	const char *name;     /* for messages, borrowed */
	size_t n, dim;
	real *x;              /* (n, dim), or NULL and a bag: */
	size_t *start, cap_start, cap_entries;
	int32_t *index;
	real *value;
	uint64_t *source;     /* (n) */
	int32_t *labels;      /* (n), with `labels` */
	size_t cap_x, cap_source, cap_labels;
	struct ten_head head; /* of the stream */
};

/* Reads `path` (NULL or "-": standard input): field `embedding` (float32, one vector a record), or, with
 * `bag`, a stream that has `ids` instead: log(1 + count) of each token, scaled to length 1. Numbers that are not
 * finite: exit 5. `set` not NULL: field `label` is needed; with `known`, a label that is not in the set is an
 * error. Exits through cli_fail. */
void embeddings_load(struct embeddings *m, const char *path, bool bag, struct label_set *set, bool known);
void embeddings_free(struct embeddings *m);

struct features embeddings_features(const struct embeddings *m);

#endif
