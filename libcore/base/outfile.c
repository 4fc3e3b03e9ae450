#include "base/outfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LINKS = 40 }; /* as many as Linux follows */

/* What outfile_signal_cleanup walks. A node is complete before it is linked in and is linked
 * out by one store, so a handler sees a sound list at any moment. */
static struct outfile *volatile open_files;

static void
link_in(struct outfile *o)
{
	o->next = open_files;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	open_files = o;
}

static void
link_out(struct outfile *o)
{
	if (open_files == o) {
		open_files = o->next;
	} else {
		struct outfile *p = open_files;
		while (p && p->next != o)
			p = p->next;
		if (p)
			p->next = o->next;
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void
outfile_signal_cleanup(void)
{
	for (struct outfile *o = open_files; o; o = o->next) {
		unlinkat(o->dirfd, o->tmp, 0);
		unlinkat(o->dirfd, o->lock, 0);
	}
}

static void
close_fd(int *fd)
{
	if (*fd > 2)
		close(*fd);
	*fd = -1;
}

/* Lets go of everything. The lock goes last, while it is still held. */
static void
release(struct outfile *o, bool locked, bool unlink_tmp)
{
	if (o->atomic && unlink_tmp)
		unlinkat(o->dirfd, o->tmp, 0);
	if (o->atomic && locked)
		unlinkat(o->dirfd, o->lock, 0);
	link_out(o);
	close_fd(&o->fd);
	close_fd(&o->lockfd);
	close_fd(&o->dirfd);
	free(o->path);
	free(o->name);
	free(o->tmp);
	free(o->lock);
	memset(o, 0, sizeof *o);
}

/* Sets name, tmp, lock and opens the folder of `path`. */
static int
split(struct outfile *o, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t n = strlen(name), dirlen = slash ? (size_t)(slash - path) : 0;
	if (!n)
		return err_set(e, ERR_RUNTIME, "%s: cannot write: a folder's name", o->path);
	char *dir = !slash ? strdup(".") : dirlen ? strndup(path, dirlen) : strdup("/");
	o->name = strdup(name);
	o->tmp = malloc(n + sizeof "..tmp");
	o->lock = malloc(n + sizeof "..lock");
	if (!dir || !o->name || !o->tmp || !o->lock) {
		free(dir);
		return err_nomem(e, n, "a file name");
	}
	stpcpy(stpcpy(stpcpy(o->tmp, "."), name), ".tmp");
	stpcpy(stpcpy(stpcpy(o->lock, "."), name), ".lock");
	o->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->dirfd < 0)
		err_errno(e, "%s: cannot open the folder %s", o->path, dir);
	free(dir);
	return o->dirfd < 0 ? -1 : 0;
}

/* Takes the lock. Whoever holds it removes it in the end, so after flock the name may belong
 * to a newer file: then try again. */
static int
take_lock(struct outfile *o, struct err *e)
{
	for (;;) {
		struct stat held, named;
		o->lockfd = openat(o->dirfd, o->lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (o->lockfd < 0)
			return err_errno(e, "%s: cannot create the lock %s", o->path, o->lock);
		if (flock(o->lockfd, LOCK_EX | LOCK_NB)) {
			if (errno == EWOULDBLOCK)
				return err_set(e, ERR_RUNTIME,
				    "%s: another process is writing it (%s is locked)", o->path, o->lock);
			return err_errno(e, "%s: cannot lock %s", o->path, o->lock);
		}
		if (fstat(o->lockfd, &held) == 0 &&
		    fstatat(o->dirfd, o->lock, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		    held.st_dev == named.st_dev && held.st_ino == named.st_ino)
			return 0;
		close_fd(&o->lockfd);
	}
}

/* The file that is not there yet and that `path` leads to, through any symbolic links. Owned; NULL with errno. */
static char *
follow_links(const char *path)
{
	char to[PATH_MAX], *at = strdup(path);
	for (int links = 0; at; links++) {
		ssize_t n = readlink(at, to, sizeof to);
		if (n < 0)
			return at; /* no link, or a name that nothing can be opened under */
		char *slash = strrchr(at, '/'), *next = NULL;
		int folder = slash && to[0] != '/' ? (int)(slash + 1 - at) : 0; /* the target is relative to the link */
		if (links == MAX_LINKS)
			errno = ELOOP;
		else if (asprintf(&next, "%.*s%.*s", folder, at, (int)n, to) < 0)
			next = NULL;
		free(at);
		at = next;
	}
	return NULL;
}

/* replaces: there is such a file, whose permission bits are `mode`. */
static int
open_atomic(struct outfile *o, const char *path, mode_t mode, bool replaces, struct err *e)
{
	if (split(o, path, e) || take_lock(o, e)) {
		release(o, false, false);
		return -1;
	}
	o->atomic = true;
	link_in(o); /* from here on a signal removes both names */
	if (unlinkat(o->dirfd, o->tmp, 0) && errno != ENOENT)
		err_errno(e, "%s: cannot remove the old %s", o->path, o->tmp);
	else if ((o->fd = openat(o->dirfd, o->tmp,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)) < 0)
		err_errno(e, "%s: cannot create %s", o->path, o->tmp);
	if (o->fd < 0) {
		release(o, true, false);
		return -1;
	}
	if (replaces && fchmod(o->fd, mode)) { /* openat left out what the umask has */
		err_errno(e, "%s: cannot set the permissions of %s", o->path, o->tmp);
		release(o, true, true);
		return -1;
	}
	o->open = true;
	return 0;
}

int
outfile_open(struct outfile *o, const char *path, unsigned mode, struct err *e)
{
	bool standard = !path || strcmp(path, "-") == 0;
	memset(o, 0, sizeof *o);
	o->fd = o->dirfd = o->lockfd = -1;
	o->path = strdup(standard ? "standard output" : path);
	if (!o->path)
		return err_nomem(e, strlen(path ? path : ""), "a file name");
	if (standard) {
		o->fd = STDOUT_FILENO;
		o->open = true;
		return 0;
	}
	struct stat st;
	bool exists = stat(path, &st) == 0;
	if (exists && !S_ISREG(st.st_mode)) {
		o->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		if (o->fd >= 0) {
			o->open = true;
			return 0;
		}
		err_errno(e, "%s: cannot write", o->path);
		release(o, false, false);
		return -1;
	}
	char *target = exists ? realpath(path, NULL) : follow_links(path);
	if (!target) {
		err_errno(e, "%s: cannot write", o->path);
		release(o, false, false);
		return -1;
	}
	int rc = open_atomic(o, target, exists ? mode & st.st_mode & 0777 : mode, exists, e);
	free(target);
	return rc;
}

int
outfile_writev(struct outfile *o, struct iovec *iov, int n, struct err *e)
{
	assert(o->open);
	while (n > 0) {
		if (iov->iov_len == 0) {
			iov++;
			n--;
			continue;
		}
		ssize_t done = writev(o->fd, iov, n < IOV_MAX ? n : IOV_MAX);
		if (done < 0) {
			if (errno == EINTR)
				continue;
			return err_errno(e, "%s: cannot write", o->path);
		}
		for (; n > 0 && (size_t)done >= iov->iov_len; iov++, n--)
			done -= (ssize_t)iov->iov_len;
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

int
outfile_write(struct outfile *o, const void *p, size_t n, struct err *e)
{
	struct iovec iov = {(void *)(uintptr_t)p, n};
	return outfile_writev(o, &iov, 1, e);
}

/* A failed fsync is not tried again: the kernel may have dropped the pages that it could not
 * write, and a second call would report success. */
static int
commit_atomic(struct outfile *o, struct err *e)
{
	if (fsync(o->fd))
		return err_errno(e, "%s: cannot write to disk", o->path);
	int rc = close(o->fd);
	o->fd = -1;
	if (rc)
		return err_errno(e, "%s: cannot close", o->path);
	if (renameat(o->dirfd, o->tmp, o->dirfd, o->name))
		return err_errno(e, "%s: cannot rename %s to it", o->path, o->tmp);
	return 0;
}

/* Standard output stays open for the process; closing a duplicate reports what closing it
 * would, the errors that file systems over a network keep until then. */
static int
commit_in_place(struct outfile *o, struct err *e)
{
	int fd = o->fd > 2 ? o->fd : dup(o->fd);
	if (o->fd > 2)
		o->fd = -1;
	if (fd < 0 || close(fd))
		return err_errno(e, "%s: cannot close", o->path);
	return 0;
}

int
outfile_commit(struct outfile *o, struct err *e)
{
	assert(o->open);
	if (!o->atomic) {
		int rc = commit_in_place(o, e);
		release(o, false, false);
		return rc;
	}
	if (commit_atomic(o, e)) {
		release(o, true, true);
		return -1;
	}
	/* The new file has its name; whether that survives a power cut is what fsync says. File
	 * systems that cannot sync a folder answer EINVAL. */
	int rc = fsync(o->dirfd) && errno != EINVAL
	    ? err_errno(e, "%s: cannot write its folder to disk", o->path) : 0;
	release(o, true, false);
	return rc;
}

void
outfile_discard(struct outfile *o)
{
	if (o->open)
		release(o, o->atomic, true);
}
