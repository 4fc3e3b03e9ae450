/* outfile.h - an output that appears whole or not at all.
 *
 * A named file is written as `.NAME.tmp` beside it (O_EXCL|O_NOFOLLOW, under an flock of
 * `.NAME.lock`), then fsynced, closed, renamed and its folder fsynced; until outfile_commit
 * returned 0 the old NAME is untouched. NAME that exists and is not a regular file (a device,
 * a fifo: /dev/full, /dev/null) is written in place; through a symbolic link its target is
 * replaced, or made. A replaced file keeps its permission bits as far as `mode` has them, whatever the umask. NULL or "-" is
 * standard output, which stays open. An open outfile must not be moved in memory. Not for
 * concurrent use by threads. */
#ifndef TENON_BASE_OUTFILE_H
#define TENON_BASE_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "base/err.h"

struct outfile {
	int fd, dirfd, lockfd;
	bool atomic;     /* writes to .NAME.tmp and renames */
	bool open;
	char *path;      /* as the user gave it, or "standard output"; for messages */
	char *name, *tmp, *lock; /* names within the folder */
	struct outfile *next;    /* open ones, for outfile_signal_cleanup */
};

/* 0 or -1. `mode` is the file's permission bits before umask, 0666 or 0600. */
int outfile_open(struct outfile *o, const char *path, unsigned mode, struct err *e);

/* Writes all of the pieces; handles short writes and EINTR. The iovecs are modified. */
int outfile_writev(struct outfile *o, struct iovec *iov, int n, struct err *e);
int outfile_write(struct outfile *o, const void *p, size_t n, struct err *e);

/* Saves: after 0 the file is on disk under its name. After -1 nothing was replaced
 * (unless only the folder could not be synced) and the temporary file is gone. Closes `o` either way. */
int outfile_commit(struct outfile *o, struct err *e);

/* Gives up: removes the temporary file. Closing a zeroed or closed outfile is fine. */
void outfile_discard(struct outfile *o);

/* Async-signal-safe: unlinks the temporary files of every open outfile of this process.
 * For handlers of HUP, INT and TERM. */
void outfile_signal_cleanup(void);

#endif
