#include "common/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { ROOM = 1 << 16 };

void
table_open(struct table *t, int fd, const char *name, bool csv)
{
	*t = (struct table){.csv = csv};
	infile_open(&t->in, fd, name);
}

void
table_close(struct table *t)
{
	infile_close(&t->in);
	free(t->buf);
	memset(t, 0, sizeof *t);
}

void
table_row_free(struct table_row *r)
{
	free(r->bytes);
	free(r->ends);
	memset(r, 0, sizeof *r);
}

/* The next byte; -1 at the end, -2 with *e filled. */
static int
next_byte(struct table *t, struct err *e)
{
	if (t->at < t->n)
		return (unsigned char)t->buf[t->at++];
	if (t->eof)
		return -1;
	if (!t->buf && !(t->buf = malloc(ROOM))) {
		err_nomem(e, ROOM, "a read buffer");
		return -2;
	}
	size_t got;
	int rc = t->begun ? infile_read(&t->in, t->buf, ROOM, &got, e) : infile_read_all(&t->in, t->buf, 3, &got, e);
	if (rc == 0 && !t->begun && got == 3 && memcmp(t->buf, "\xef\xbb\xbf", 3) == 0)
		rc = infile_read(&t->in, t->buf, ROOM, &got, e);
	t->begun = true;
	if (rc) {
		t->failed = true;
		return -2;
	}
	t->eof = got == 0;
	t->n = got;
	t->at = 0;
	return t->eof ? -1 : (unsigned char)t->buf[t->at++];
}

static int
put(struct table_row *r, int byte, struct err *e)
{
	if (mem_grow(&r->bytes, &r->cap, r->size + 1, 1, "a row", e))
		return -1;
	r->bytes[r->size++] = (char)byte;
	return 0;
}

static int
end_cell(struct table_row *r, struct err *e)
{
	if (put(r, 0, e) || mem_grow(&r->ends, &r->cap_ends, r->n + 1, sizeof *r->ends, "a row", e))
		return -1;
	r->ends[r->n++] = r->size;
	return 0;
}

/* Bytes go into the row up to one at which `stop` says 1, which is returned; -1 and -2 as above. */
static int
run(struct table *t, struct table_row *r, const char stop[256], struct err *e)
{
	for (;;) {
		const char *p = t->buf + t->at;
		size_t m = 0, left = t->n - t->at;
		while (m < left && !stop[(unsigned char)p[m]])
			m++;
		if (mem_grow(&r->bytes, &r->cap, r->size + m, 1, "a row", e))
			return -2;
		if (m)
			memcpy(r->bytes + r->size, p, m);
		r->size += m;
		t->at += m;
		int c = next_byte(t, e); /* the one that stopped, or the first of more */
		if (c < 0 || stop[c])
			return c;
		if (put(r, c, e))
			return -2;
	}
}

/* A cell in quotes, behind the first: its bytes go into the row. Returns the byte behind the last, of a line end the
 * feed. */
static int
quoted(struct table *t, struct table_row *r, struct err *e)
{
	static const char stop[256] = {['"'] = 1, ['\n'] = 1};
	for (;;) {
		int c = run(t, r, stop, e);
		if (c == -1) {
			err_set(e, ERR_DATA, "a quote that is opened and never closed");
			return -2;
		}
		t->line += c == '\n';
		if (c == '"' && (c = next_byte(t, e)) != '"')
			return c == '\r' ? next_byte(t, e) : c;
		if (c == -2 || put(r, c, e))
			return -2;
	}
}

/* Passes over the rest of the line after a mistake in it. */
static int
skip_line(struct table *t, int c, const char *what, struct err *e)
{
	while (c >= 0 && c != '\n')
		c = next_byte(t, e);
	if (c == -2)
		return -1;
	t->line += c == '\n';
	return err_set(e, ERR_DATA, "%s", what);
}

/* As table_next, but 2 for a line that has a carriage return alone. */
static int
read_row(struct table *t, struct table_row *r, struct err *e)
{
	static const char tsv_stop[256] = {['\t'] = 1, ['\n'] = 1}, csv_stop[256] = {[','] = 1, ['\n'] = 1, ['"'] = 1};
	const char *stop = t->csv ? csv_stop : tsv_stop;
	int separator = t->csv ? ',' : '\t', c;
	*r = (struct table_row){.bytes = r->bytes, .cap = r->cap, .ends = r->ends, .cap_ends = r->cap_ends};
	do {
		t->first_line = t->line + 1;
		c = next_byte(t, e);
		t->line += c == '\n';
	} while (c == '\n');
	if (c < 0)
		return c == -1 ? 0 : -1;
	for (;; c = next_byte(t, e)) { /* a cell, of which c is the first byte */
		size_t from = r->size;
		bool quotes = t->csv && c == '"';
		if (quotes) {
			c = quoted(t, r, e);
			if (c != separator && c != '\n' && c >= 0)
				return skip_line(t, c, "text behind a closing quote", e);
		} else if (c >= 0 && !stop[c]) {
			c = put(r, c, e) ? -2 : run(t, r, stop, e);
		}
		if (c == '"')
			return skip_line(t, c, "a quote within a cell that does not begin with one", e);
		if (c == -2)
			return -1;
		bool last = c == -1 || c == '\n';
		t->line += last;
		if (last && !quotes && r->size > from && r->bytes[r->size - 1] == '\r') {
			r->size--;
			if (r->size == 0) /* a line that is empty but for its end */
				return 2;
		}
		if (end_cell(r, e))
			return -1;
		if (last)
			return 1;
	}
}

int
table_next(struct table *t, struct table_row *r, struct err *e)
{
	int got;
	while ((got = read_row(t, r, e)) == 2)
		;
	return got;
}

int
table_split(struct table_row *r, const char *list, struct err *e)
{
	for (; *list; list++)
		if (*list == ',' ? end_cell(r, e) : put(r, *list, e))
			return -1;
	return end_cell(r, e);
}
