/* labels.h - names of classes, in the order of their numbers. As text they are joined by line ends: the key-value
 * `classes` of models and of labelled data. */
#ifndef TENON_TOOLS_LABELS_H
#define TENON_TOOLS_LABELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ten.h"

enum { LABELS_MAX = 65536 };

struct label_set {
	char **names;
	size_t n, cap;
	int32_t *table; /* hash table of numbers, -1 = free */
	size_t mask;
};

/* Number of a name, or -1. */
int32_t label_set_find(const struct label_set *s, const char *name, size_t n);
/* The same, appending a name that is new. -1 with ERR_DATA: it is empty, has a line end or a NUL, or there are
 * too many. */
int32_t label_set_add(struct label_set *s, const char *name, size_t n, struct err *e);
/* Adds the names of a text, which `separator` divides. A name that comes twice: ERR_DATA. */
int label_set_parse(struct label_set *s, const char *text, size_t n, char separator, struct err *e);
/* From the key-value `classes`; a head that has none leaves the set empty. */
int label_set_read(struct label_set *s, const struct ten_head *h, const char *stream, struct err *e);
int label_set_write(const struct label_set *s, struct ten_head *h, struct err *e);
void label_set_free(struct label_set *s); /* a zeroed struct is fine */

#endif
