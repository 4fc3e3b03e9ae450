/* show.h - records as text: for people, as JSON, as CSV.
 *
 * Whatever comes out of a stream is escaped, but for the text of CSV cells: control characters of
 * a name or a value never reach a terminal. Numbers are printed with as few digits as read back to the same bits. */
#ifndef TENON_TOOLS_SHOW_H
#define TENON_TOOLS_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ten.h"

/* Element i as text, NUL-terminated; NaN and infinities are nan, inf, -inf. Returns the length. */
size_t show_element(char out[40], const struct ten_field *f, const void *data, uint64_t i);
/* Element i as a number (64-bit integers rounded). */
double show_number(const struct ten_field *f, const void *data, uint64_t i);
bool show_is_number(const struct ten_field *f); /* not TEXT */

/* Whether the bytes are UTF-8 (RFC 3629); the place of the first that is not in *at. */
bool show_is_utf8(const void *p, size_t n, size_t *at);

/* Bytes with \n, \t, \", \\, and \xNN for other control characters and invalid UTF-8. No quotes
 * around. Stops after `limit` characters (0: none) and returns whether it did. */
bool show_text(FILE *out, const void *p, size_t n, size_t limit);

/* Kind, fields and key-values, of which at most `limit` characters each. */
void show_schema(FILE *out, const struct ten_head *h, size_t limit);
/* The last step, under each step its inputs, indented. A step that two others share is shown
 * once. */
int show_provenance(FILE *out, const struct ten_head *h, struct err *e);

/* A value in about `limit` characters (0: all), with its sizes. */
void show_value(FILE *out, const struct ten_field *f, const struct ten_value *v, size_t limit);
/* Arrays nested by dimension, [] when there are no elements at all; text as strings, in which an invalid byte B is the
 * lone surrogate U+DC00 + B (as Python's surrogateescape); nan, inf and -inf as strings. */
void show_json(FILE *out, const struct ten_field *f, const struct ten_value *v);
void show_json_string(FILE *out, const void *p, size_t n);
/* A cell: scalars and text as they are, arrays as JSON; quoted where RFC 4180 asks for it. */
void show_csv(FILE *out, const struct ten_field *f, const struct ten_value *v);
void show_csv_text(FILE *out, const void *p, size_t n);

#endif
