#include "base/outfolder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static struct outfolder *volatile open_folder;

void
outfolder_signal_cleanup(void)
{
	struct outfolder *f = open_folder;
	if (!f)
		return;
	for (int i = 0; i < f->nfiles; i++)
		unlink(f->files[i]);
	rmdir(f->tmp);
}

static void
release(struct outfolder *f)
{
	open_folder = NULL;
	if (f->open)
		close(f->fd);
	for (int i = 0; i < f->nfiles; i++)
		free(f->files[i]);
	free(f->path);
	free(f->tmp);
	memset(f, 0, sizeof *f);
}

/* Files that a killed process left; a folder in it stays, and the rename then fails. */
static void
empty(int fd)
{
	int again = dup(fd);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	for (struct dirent *i; d && (i = readdir(d));)
		if (strcmp(i->d_name, ".") != 0 && strcmp(i->d_name, "..") != 0)
			unlinkat(fd, i->d_name, 0);
	if (d)
		closedir(d);
}

/* Sets path without slashes at its end, and tmp. */
static int
set_names(struct outfolder *f, const char *path, struct err *e)
{
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	f->path = strndup(path, n);
	if (!f->path)
		return err_nomem(e, n, "a file name");
	char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(e, ERR_RUNTIME, "%s: cannot write: the folder needs a name", path);
	if (asprintf(&f->tmp, "%.*s.%s.tmp", (int)(name - f->path), f->path, name) < 0) {
		f->tmp = NULL;
		return err_nomem(e, n, "a file name");
	}
	return 0;
}

/* NAME may be taken: nothing is there, or an empty folder. */
static int
check_free(const struct outfolder *f, struct err *e)
{
	struct stat st;
	if (lstat(f->path, &st))
		return errno == ENOENT ? 0 : err_errno(e, "%s", f->path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_RUNTIME, "%s: exists and is not a folder", f->path);
	DIR *d = opendir(f->path);
	int n = 0;
	if (!d)
		return err_errno(e, "%s", f->path);
	while (readdir(d))
		n++;
	closedir(d);
	return n <= 2 ? 0 : err_set(e, ERR_RUNTIME, "%s: exists and is not empty; files of another model are not mixed with these", f->path);
}

int
outfolder_open(struct outfolder *f, const char *path, struct err *e)
{
	memset(f, 0, sizeof *f);
	assert(!open_folder);
	if (set_names(f, path, e) || check_free(f, e)) {
		release(f);
		return -1;
	}
	if (mkdir(f->tmp, 0777) && errno != EEXIST)
		err_errno(e, "%s: cannot create %s", f->path, f->tmp);
	else if ((f->fd = open(f->tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		err_errno(e, "%s: cannot open %s", f->path, f->tmp);
	else
		f->open = true;
	if (f->open && flock(f->fd, LOCK_EX | LOCK_NB) == 0) {
		empty(f->fd);
		open_folder = f;
		return 0;
	}
	if (f->open)
		err_set(e, ERR_RUNTIME, "%s: another process is writing it (%s is locked)", f->path, f->tmp);
	release(f);
	return -1;
}

const char *
outfolder_file(struct outfolder *f, const char *name, struct err *e)
{
	char *path;
	assert(f->nfiles < OUTFOLDER_FILES);
	if (asprintf(&path, "%s/%s", f->tmp, name) < 0) {
		err_nomem(e, strlen(name), "a file name");
		return NULL;
	}
	f->files[f->nfiles] = path;
	f->nfiles++;
	return path;
}

/* The folder that has `path` in it. */
static int
sync_parent(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir = !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int rc = fd < 0 || fsync(fd) ? err_errno(e, "%s: cannot sync the folder around it", path) : 0;
	if (fd >= 0)
		close(fd);
	free(dir);
	return rc;
}

int
outfolder_commit(struct outfolder *f, struct err *e)
{
	int rc = 0;
	if (fsync(f->fd))
		rc = err_errno(e, "%s: cannot sync %s", f->path, f->tmp);
	else if (rename(f->tmp, f->path))
		rc = err_errno(e, "%s: cannot rename %s", f->path, f->tmp);
	if (rc)
		outfolder_signal_cleanup();
	open_folder = NULL;
	if (rc == 0)
		rc = sync_parent(f->path, e);
	release(f);
	return rc;
}
