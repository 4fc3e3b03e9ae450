#include "base/infile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { ROOM = 1 << 17 };

enum packing { PLAIN, GZIP, ZSTD, UNDECIDED };

struct inflater {
	enum packing packing;
	z_stream gzip;
	ZSTD_DStream *zstd;
	uint8_t *buf;
	size_t at, n;    /* compressed bytes at hand: [at, n) */
	bool eof;
	bool inside;     /* of a member or frame */
	bool full;       /* the last call filled its output: there may be more without more input */
};

void
infile_open(struct infile *f, int fd, const char *name)
{
	*f = (struct infile){.fd = fd, .name = name};
}

static void
inflater_free(struct inflater *z)
{
	if (!z)
		return;
	if (z->packing == GZIP)
		inflateEnd(&z->gzip);
	ZSTD_freeDStream(z->zstd);
	free(z->buf);
	free(z);
}

void
infile_close(struct infile *f)
{
	inflater_free(f->z);
	memset(f, 0, sizeof *f);
}

static int
read_some(struct infile *f, void *p, size_t n, size_t *got, struct err *e)
{
	ssize_t r;
	do
		r = read(f->fd, p, n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_errno(e, "%s: cannot read", f->name);
	*got = (size_t)r;
	return 0;
}

/* What the first n bytes say. */
static enum packing
packing_of(const uint8_t *p, size_t n)
{
	static const uint8_t gzip[2] = {0x1f, 0x8b}, zstd[4] = {0x28, 0xb5, 0x2f, 0xfd}, skip[3] = {0x2a, 0x4d, 0x18};
	if (n == 0)
		return UNDECIDED;
	if (memcmp(p, gzip, n < 2 ? n : 2) == 0)
		return n < 2 ? UNDECIDED : GZIP;
	if (memcmp(p, zstd, n) == 0 || ((p[0] & 0xf0) == 0x50 && memcmp(p + 1, skip, n - 1) == 0))
		return n < 4 ? UNDECIDED : ZSTD;
	return PLAIN;
}

static struct inflater *
inflater_new(enum packing packing, struct err *e)
{
	struct inflater *z = calloc(1, sizeof *z);
	if (!z || !(z->buf = malloc(ROOM)))
		goto failed;
	if (packing == GZIP && inflateInit2(&z->gzip, 15 + 16) != Z_OK) /* 32 KiB of window, with a gzip header */
		goto failed;
	z->packing = packing;
	if (packing == ZSTD && !(z->zstd = ZSTD_createDStream()))
		goto failed;
	return z;
failed:
	err_nomem(e, ROOM, "decompression");
	inflater_free(z);
	return NULL;
}

static int
begin(struct infile *f, struct err *e)
{
	enum packing p = UNDECIDED;
	size_t got = 1;
	while (got && (p = packing_of(f->head, f->nhead)) == UNDECIDED) {
		if (read_some(f, f->head + f->nhead, f->nhead ? 1 : sizeof f->head, &got, e))
			return -1;
		f->nhead += got;
	}
	f->begun = true;
	if (p != GZIP && p != ZSTD)
		return 0;
	if (!(f->z = inflater_new(p, e)))
		return err_prefix(e, "%s", f->name);
	memcpy(f->z->buf, f->head, f->nhead);
	f->z->n = f->nhead;
	return 0;
}

/* ---- one call of a decompressor; *made bytes into p, of n. -1: ERR_DATA without name ---- */

static int
step_gzip(struct inflater *z, uint8_t *p, size_t n, size_t *made, struct err *e)
{
	z_stream *s = &z->gzip;
	n = n < ROOM ? n : ROOM; /* its counts have 32 bits */
	s->next_in = z->buf + z->at;
	s->avail_in = (uInt)(z->n - z->at);
	s->next_out = p;
	s->avail_out = (uInt)n;
	if (!z->inside && inflateReset(s) != Z_OK)
		return err_set(e, ERR_DATA, "gzip data is corrupt");
	z->inside = true;
	int rc = inflate(s, Z_NO_FLUSH);
	z->at = z->n - s->avail_in;
	*made = n - s->avail_out;
	z->full = s->avail_out == 0;
	if (rc == Z_STREAM_END)
		z->inside = z->full = false;
	else if (rc == Z_MEM_ERROR)
		return err_nomem(e, ROOM, "decompression");
	else if (rc != Z_OK && rc != Z_BUF_ERROR)
		return err_set(e, ERR_DATA, "gzip data is corrupt: %s", s->msg ? s->msg : "needs a dictionary");
	return 0;
}

static int
step_zstd(struct inflater *z, uint8_t *p, size_t n, size_t *made, struct err *e)
{
	ZSTD_inBuffer in = {z->buf, z->n, z->at};
	ZSTD_outBuffer out = {p, n, 0};
	size_t rc = ZSTD_decompressStream(z->zstd, &out, &in);
	if (ZSTD_isError(rc))
		return err_set(e, ERR_DATA, "zstd data is corrupt or not supported: %s", ZSTD_getErrorName(rc));
	z->at = in.pos;
	*made = out.pos;
	z->inside = rc != 0;
	z->full = out.pos == n && rc != 0;
	return 0;
}

static int
check_next(const struct infile *f, struct err *e)
{
	const struct inflater *z = f->z;
	enum packing p = packing_of(z->buf + z->at, z->n - z->at < 4 ? z->n - z->at : 4);
	if (p == z->packing || (p == UNDECIDED && !z->eof))
		return 0;
	return err_set(e, ERR_DATA, "something that is not %s follows the compressed data", z->packing == GZIP ? "gzip" : "zstd");
}

/* More compressed bytes, behind those that are left. */
static int
refill(struct infile *f, struct err *e)
{
	struct inflater *z = f->z;
	size_t got;
	memmove(z->buf, z->buf + z->at, z->n - z->at);
	z->n -= z->at;
	z->at = 0;
	if (read_some(f, z->buf + z->n, ROOM - z->n, &got, e))
		return -1;
	z->n += got;
	z->eof = got == 0;
	return 0;
}

static int
inflate_some(struct infile *f, uint8_t *p, size_t n, size_t *got, struct err *e)
{
	struct inflater *z = f->z;
	for (*got = 0; *got == 0;) {
		/* between members four bytes tell whether another begins */
		while (!z->eof && !z->full && (z->at == z->n || (!z->inside && z->n - z->at < 4)))
			if (refill(f, e))
				return -1;
		if (z->at == z->n && !z->full) {
			if (!z->inside)
				return 0;
			return err_set(e, ERR_DATA, "%s: compressed data is cut short", f->name);
		}
		if ((!z->inside && check_next(f, e)) || (z->packing == GZIP ? step_gzip : step_zstd)(z, p, n, got, e))
			return err_prefix(e, "%s", f->name);
	}
	return 0;
}

int
infile_read(struct infile *f, void *p, size_t n, size_t *got, struct err *e)
{
	if (!f->begun && begin(f, e))
		return -1;
	if (f->z)
		return inflate_some(f, p, n, got, e);
	if (f->given == f->nhead)
		return read_some(f, p, n, got, e);
	*got = f->nhead - f->given < n ? f->nhead - f->given : n;
	memcpy(p, f->head + f->given, *got);
	f->given += *got;
	return 0;
}

int
infile_read_all(struct infile *f, void *p, size_t n, size_t *got, struct err *e)
{
	size_t more = 1;
	for (*got = 0; *got < n && more; *got += more)
		if (infile_read(f, (char *)p + *got, n - *got, &more, e))
			return -1;
	return 0;
}
