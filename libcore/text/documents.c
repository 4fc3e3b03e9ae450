#include "text/documents.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { CHUNK = 1 << 18 };

void
documents_open(struct documents *d, int fd, const char *name, enum document_split split,
    const char *separator)
{
	*d = (struct documents){.name = name, .split = split, .separator = separator,
	    .separator_size = separator ? strlen(separator) : 0};
	infile_open(&d->in, fd, name);
}

void
documents_close(struct documents *d)
{
	infile_close(&d->in);
	free(d->buf);
	memset(d, 0, sizeof *d);
}

/* Reads more; sets eof at the end. */
static int
fill(struct documents *d, struct err *e)
{
	if (d->start > d->cap / 2) {
		memmove(d->buf, d->buf + d->start, d->end - d->start);
		d->end -= d->start;
		d->start = 0;
	}
	if (mem_grow(&d->buf, &d->cap, d->end + CHUNK, 1, "a document", e))
		return err_prefix(e, "%s", d->name);
	size_t got;
	if (infile_read(&d->in, d->buf + d->end, d->cap - d->end, &got, e))
		return -1;
	d->eof = got == 0;
	d->end += got;
	return 0;
}

/* Length of the blank lines' document at p once what follows begins the next one; 0 when more has
 * to be read. */
static size_t
find_blank(struct documents *d, const char *p, size_t n)
{
	for (size_t i = d->scanned; i < n; i++) {
		bool line_end = p[i] == '\n' || p[i] == '\r';
		if (!line_end) {
			/* two line ends before this byte: it begins the next document */
			size_t feeds = 0;
			for (size_t k = i; k > 0 && (p[k - 1] == '\n' || p[k - 1] == '\r') && feeds < 2; k--)
				feeds += p[k - 1] == '\n';
			if (d->text && feeds == 2)
				return i;
			d->text = true;
		}
	}
	d->scanned = n;
	return 0;
}

static size_t
find_line(struct documents *d, const char *p, size_t n)
{
	const char *end = memchr(p + d->scanned, '\n', n - d->scanned);
	d->scanned = n;
	return end ? (size_t)(end - p) + 1 : 0;
}

static size_t
find_separator(struct documents *d, const char *p, size_t n)
{
	const char *end = memmem(p + d->scanned, n - d->scanned, d->separator, d->separator_size);
	size_t keep = d->separator_size - 1;
	d->scanned = n > keep ? n - keep : 0;
	return end ? (size_t)(end - p) + d->separator_size : 0;
}

static size_t
find_end(struct documents *d)
{
	const char *p = d->buf + d->start;
	size_t n = d->end - d->start;
	switch (d->split) {
	case SPLIT_BLANK: return find_blank(d, p, n);
	case SPLIT_LINE: return find_line(d, p, n);
	case SPLIT_SEPARATOR: return find_separator(d, p, n);
	case SPLIT_FILE: break;
	}
	return 0;
}

/* Takes `n` bytes, of which all but a separator at the end are the document. */
static size_t
take(struct documents *d, size_t n, bool separated, const char **text)
{
	*text = d->buf + d->start;
	d->start += n;
	d->scanned = d->uncut = 0;
	d->text = d->part = false;
	d->separated = separated;
	return separated ? n - d->separator_size : n;
}

static bool
white(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The last place at which a document may be cut, no separator being begun there; 0 when there is none. */
static size_t
find_cut(struct documents *d)
{
	const char *p = d->buf + d->start;
	size_t n = d->end - d->start, cut = 0;
	if (n <= d->separator_size)
		return 0;
	n -= d->separator_size;
	for (size_t i = d->uncut < 2 ? 2 : d->uncut; i < n; i++)
		if (p[i - 1] == '\n' && alphanumeric(p[i]) && !white(p[i - 2]))
			cut = i;
	d->uncut = n;
	return cut;
}

int
documents_next(struct documents *d, const char **text, size_t *n, struct err *e)
{
	for (;;) {
		size_t found = d->end > d->start ? find_end(d) : 0;
		if (found) {
			*n = take(d, found, d->split == SPLIT_SEPARATOR, text);
			return 1;
		}
		size_t cut = d->longest && d->end - d->start > d->longest ? find_cut(d) : 0;
		if (cut) {
			*n = take(d, cut, false, text);
			d->part = true;
			return 1;
		}
		if (d->eof) {
			bool last = d->separated;
			*n = take(d, d->end - d->start, false, text);
			return *n > 0 || last;
		}
		if (fill(d, e))
			return -1;
	}
}
