#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIPE_SIZE = 1 << 20, STEP = 1 << 20 };

int
source_open_fd(struct source *s, int fd, struct err *e)
{
	struct stat st;
	memset(s, 0, sizeof *s);
	s->fd = fd;
	if (fstat(fd, &st))
		return err_errno(e, "cannot read");
	if (S_ISDIR(st.st_mode))
		return err_set(e, ERR_DATA, "is a directory, not a record stream");
	if (S_ISFIFO(st.st_mode))
		(void)fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE); /* best effort: it is 64 KiB otherwise */
	s->ahead = mem_zalloc(SOURCE_AHEAD + TEN_HEADER, 1, "reading", e); /* room to unread */
	return s->ahead ? 0 : -1;
}

void
source_open_mem(struct source *s, const void *p, size_t n)
{
	memset(s, 0, sizeof *s);
	s->fd = -1;
	s->mem = p;
	s->size = n;
	s->in_place = (uintptr_t)p % 8 == 0;
}

void
source_close(struct source *s)
{
	free(s->ahead);
	s->ahead = NULL;
	if (s->owned)
		close(s->fd);
	s->owned = false;
}

void
source_unread(struct source *s, const struct buf *b)
{
	s->pos = 0;
	if (s->fd < 0)
		return;
	memmove(s->ahead + b->n, s->ahead + s->start, s->have);
	memcpy(s->ahead, b->p, b->n);
	s->start = 0;
	s->have += b->n;
}

static int
take_mem(struct source *s, struct buf *b, size_t n, struct err *e)
{
	uint64_t left = s->size - s->pos;
	size_t k = n < left ? n : (size_t)left;
	const uint8_t *at = s->mem + s->pos;
	if (!s->in_place && buf_append(b, at, k, "a block", e))
		return -1;
	if (s->in_place) {
		if (b->n == 0)
			b->p = at;
		b->n += k;
	}
	s->pos += k;
	return k == n;
}

/* Reads up to n bytes to `out` and what follows them to s->ahead, which is empty: one system
 * call gets the rest of a block and the header of the next. */
static ssize_t
read_some(struct source *s, uint8_t *out, size_t n)
{
	struct iovec iov[2] = {{out, n}, {s->ahead, SOURCE_AHEAD}};
	for (;;) {
		ssize_t k = readv(s->fd, iov, 2);
		if (k >= 0 || errno != EINTR)
			return k;
	}
}

int
source_take(struct source *s, struct buf *b, size_t n, struct err *e)
{
	if (s->fd < 0)
		return take_mem(s, b, n, e);
	while (n) {
		size_t step = n < STEP ? n : STEP;
		if (buf_reserve(b, b->n + step, "a block", e))
			return -1;
		if (s->have) {
			size_t k = s->have < step ? s->have : step;
			memcpy(b->own + b->n, s->ahead + s->start, k);
			s->start += k;
			s->have -= k;
			s->pos += k;
			b->n += k;
			n -= k;
			continue;
		}
		ssize_t k = read_some(s, b->own + b->n, step);
		if (k < 0)
			return err_errno(e, "cannot read");
		if (k == 0)
			return 0;
		size_t got = (size_t)k < step ? (size_t)k : step;
		s->start = 0;
		s->have = (size_t)k - got;
		s->pos += got;
		b->n += got;
		n -= got;
	}
	return 1;
}
