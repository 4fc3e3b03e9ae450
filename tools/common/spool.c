#include "common/spool.h"

#include <unistd.h>

#include "base/tempfile.h"

static int
spool_write(void *ctx, struct iovec *iov, int n, struct err *e)
{
	int fd = *(int *)ctx;
	while (n > 0) {
		ssize_t w = writev(fd, iov, n);
		if (w < 0)
			return err_errno(e, TEMPFILE_NAME);
		for (; n > 0 && (size_t)w >= iov->iov_len; iov++, n--)
			w -= (ssize_t)iov->iov_len;
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + w;
			iov->iov_len -= (size_t)w;
		}
	}
	return 0;
}

struct ten_sink
spool_sink(int *fd)
{
	return (struct ten_sink){spool_write, fd};
}
