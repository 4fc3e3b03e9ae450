/* table.h - rows of tab-separated values (no quotes: a cell ends at a tab) or of comma-separated values (RFC
 * 4180: cells in double quotes may hold commas, line ends and doubled quotes), compressed or not. Lines end with a line feed or
 * a carriage return and one; a byte order mark of UTF-8 before the first is passed over. */
#ifndef TENON_TOOLS_TABLE_H
#define TENON_TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/infile.h"

struct table {
	struct infile in;
	bool csv;
	char *buf;        /* bytes that were read */
	size_t n, at;
	bool begun, eof;
	bool failed;      /* the input cannot be read on */
	uint64_t line, first_line; /* lines read; the line at which the last row began */
};

struct table_row {
	char *bytes;      /* the cells, each with a NUL behind */
	size_t size, cap;
	size_t *ends;     /* of each cell, the NUL counted */
	size_t n, cap_ends;
};

/* fd and name are borrowed. */
void table_open(struct table *t, int fd, const char *name, bool csv);
void table_close(struct table *t);
/* The next row: 1, 0 at the end, -1: t->failed, with a message that is whole, or ERR_DATA with one that names neither file
 * nor line; then the next call goes on behind. Empty lines are passed over. */
int table_next(struct table *t, struct table_row *row, struct err *e);
/* A row from a list with commas, for names. */
int table_split(struct table_row *row, const char *list, struct err *e);
void table_row_free(struct table_row *row);

static inline const char *
table_cell(const struct table_row *r, size_t i)
{
	return r->bytes + (i ? r->ends[i - 1] : 0);
}

static inline size_t
table_size(const struct table_row *r, size_t i)
{
	return r->ends[i] - (i ? r->ends[i - 1] : 0) - 1;
}

#endif
