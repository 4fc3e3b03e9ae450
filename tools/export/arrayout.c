#include "export/arrayout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/tempfile.h"
#include "common/cli.h"
#include "common/spool.h"

enum { ROOM = 1 << 20 };

void
arrayout_open(struct arrayout *a, const char *output)
{
	struct err e;
	*a = (struct arrayout){.fd = -1};
	a->buf = mem_zalloc(ROOM, 1, "a buffer", &e);
	if (!a->buf || (a->fd = tempfile_open(&e)) < 0 || outfile_open(&a->out, output, 0666, &e))
		cli_fail(&e);
}

static void
spool(struct arrayout *a, const void *p, size_t n)
{
	struct err e;
	struct ten_sink sink = spool_sink(&a->fd);
	struct iovec v[2] = {{a->buf, a->n}, {(void *)(uintptr_t)p, n}};
	if (sink.write(sink.ctx, v, 2, &e))
		cli_fail(&e);
	a->n = 0;
}

void
arrayout_put(struct arrayout *a, const void *p, size_t n)
{
	a->total += n;
	if (n > ROOM - a->n) {
		spool(a, p, n);
		return;
	}
	if (n)
		memcpy(a->buf + a->n, p, n);
	a->n += n;
}

void
arrayout_close(struct arrayout *a, const void *header, size_t n, size_t (*change)(char *p, size_t n))
{
	struct err e;
	spool(a, NULL, 0);
	if (outfile_write(&a->out, header, n, &e))
		cli_fail(&e);
	for (uint64_t at = 0; at < a->total;) {
		size_t want = a->total - at < ROOM ? (size_t)(a->total - at) : ROOM, have = 0;
		while (have < want) {
			ssize_t got = pread(a->fd, a->buf + have, want - have, (off_t)(at + have));
			if (got <= 0 && errno != EINTR)
				cli_die(ERR_RUNTIME, "temporary file: cannot read");
			have += got > 0 ? (size_t)got : 0;
		}
		at += want;
		if (outfile_write(&a->out, a->buf, change ? change(a->buf, want) : want, &e))
			cli_fail(&e);
	}
	if (outfile_commit(&a->out, &e))
		cli_fail(&e);
	close(a->fd);
	free(a->buf);
}
