/* pack.h - packs pieces of documents into training rows.
 *
 * Best fit over a bounded number of open rows: a piece goes to the open row that it leaves
 * fullest; when there are too many open rows the fullest is closed. Deterministic. */
#ifndef TENON_DATA_PACK_H
#define TENON_DATA_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pack_row {
	int32_t *ids, *targets, *positions, *documents, *words; /* n of each; one allocation */
	size_t n, cap;
	int32_t pieces;
};

enum { PACK_OPEN = 256 };

struct packer {
	size_t length;
	struct pack_row open[PACK_OPEN];
	size_t nopen;
	uint64_t rows;
	/* Receives each closed row; -1 with *e filled stops the packing. */
	int (*emit)(void *ctx, const struct pack_row *row, struct err *e);
	void *ctx;
};

void pack_open(struct packer *p, size_t length,
    int (*emit)(void *ctx, const struct pack_row *row, struct err *e), void *ctx);
void pack_close(struct packer *p); /* frees, emits nothing */

/* A document of n >= 2 tokens becomes n - 1 inputs with their successors as targets, cut into pieces
 * of at most `length`, whose positions start at 0. words (n): of each token, or NULL: then a row's words
 * mean nothing. */
int pack_document(struct packer *p, const int32_t *ids, const int32_t *words, size_t n, struct err *e);
/* Inputs whose targets are given: a piece that stays whole. ERR_DATA when it is longer than a row. */
int pack_targets(struct packer *p, const int32_t *ids, const int32_t *targets, const int32_t *words, size_t n,
    struct err *e);
/* Contiguous style: the n - 1 inputs as one row of their own, whatever documents they are of. */
int pack_row(struct packer *p, const int32_t *ids, const int32_t *words, size_t n, struct err *e);
/* Emits the open rows in the order in which they were opened. */
int pack_finish(struct packer *p, struct err *e);

#endif
