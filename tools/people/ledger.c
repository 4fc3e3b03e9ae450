#include "people/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int
read_whole(struct ledger *l, size_t size, struct err *e)
{
	if (!(l->text = mem_zalloc(size + 1, 1, "the file", e)))
		return -1;
	while (l->size < size) {
		ssize_t n = pread(l->fd, l->text + l->size, size - l->size, (off_t)l->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "%s: cannot read", l->path);
		if (n == 0)
			break;
		l->size += (size_t)n;
	}
	l->end = l->size;
	return 0;
}

/* The last line gets its end, or goes. */
static int
repair(struct ledger *l, ledger_whole *whole, struct err *e)
{
	const char *before = memrchr(l->text, '\n', l->size);
	size_t keep = before ? (size_t)(before - l->text) + 1 : 0, last = l->size - keep;
	if (last == 0)
		return 0;
	int is = whole(l->text + keep, last, e);
	if (is < 0)
		return -1;
	if (is) {
		l->text[l->size++] = '\n'; /* there is room for one more */
		return ledger_append(l, "\n", 1, e);
	}
	l->torn = last;
	l->size = keep;
	return ledger_cut(l, keep, e);
}

/* So that a file that is new is found in its folder after a crash. */
static int
sync_folder(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int rc = fd < 0 || fsync(fd) ? err_errno(e, "%s: cannot save its folder", path) : 0;
	if (fd >= 0)
		close(fd);
	free(folder);
	return rc;
}

int
ledger_open(struct ledger *l, const char *path, ledger_whole *whole, struct err *e)
{
	struct stat st;
	*l = (struct ledger){.path = path};
	l->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
	if (l->fd < 0)
		return err_errno(e, "%s: cannot open", path);
	if (fstat(l->fd, &st))
		err_errno(e, "%s: cannot look at it", path);
	else if (!S_ISREG(st.st_mode))
		err_set(e, ERR_RUNTIME, "%s: is not a regular file; judgements are added to it and read again", path);
	else if (flock(l->fd, LOCK_EX | LOCK_NB))
		errno == EWOULDBLOCK ? err_set(e, ERR_RUNTIME, "%s: somebody else is writing to it", path)
		    : err_errno(e, "%s: cannot lock", path);
	else if (fstat(l->fd, &st) == 0 && read_whole(l, (size_t)st.st_size, e) == 0 && repair(l, whole, e) == 0 &&
	    sync_folder(path, e) == 0)
		return 0;
	ledger_close(l);
	return -1;
}

int
ledger_append(struct ledger *l, const char *line, size_t n, struct err *e)
{
	ssize_t written;
	do
		written = write(l->fd, line, n);
	while (written < 0 && errno == EINTR);
	if (written >= 0 && (size_t)written < n)
		errno = ENOSPC;
	if (written < 0 || (size_t)written < n || fdatasync(l->fd)) {
		err_errno(e, "%s: cannot write", l->path);
		if (ftruncate(l->fd, (off_t)l->end)) /* then the next start cuts it off */
			err_prefix(e, "a part of a line is left");
		return -1;
	}
	l->end += n;
	return 0;
}

int
ledger_cut(struct ledger *l, uint64_t end, struct err *e)
{
	if (ftruncate(l->fd, (off_t)end) || fdatasync(l->fd))
		return err_errno(e, "%s: cannot cut", l->path);
	l->end = end;
	return 0;
}

void
ledger_close(struct ledger *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->text);
	*l = (struct ledger){.fd = -1};
}
