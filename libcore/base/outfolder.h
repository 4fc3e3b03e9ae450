/* outfolder.h - a folder of files that appears whole or not at all.
 *
 * The files are written into `.NAME.tmp` beside it, which is locked and renamed at the end. NAME must not exist, or be an
 * empty folder. One at a time in a process; not for concurrent use by threads. */
#ifndef TENON_BASE_OUTFOLDER_H
#define TENON_BASE_OUTFOLDER_H

#include <stdbool.h>

#include "base/err.h"

enum { OUTFOLDER_FILES = 8 };

struct outfolder {
	char *path, *tmp;  /* as the user gave it; the one being filled */
	char *files[OUTFOLDER_FILES]; /* paths handed out */
	int nfiles, fd;
	bool open;
};

/* 0 or -1: NAME is in use, or the folder around it cannot be written. A `.NAME.tmp` that a killed process left is emptied. */
int outfolder_open(struct outfolder *f, const char *path, struct err *e);
/* Where a file called `name` is to be written (with outfile_open); borrowed. NULL: out of memory. */
const char *outfolder_file(struct outfolder *f, const char *name, struct err *e);
/* Saves: after 0 the folder is on disk under its name; after -1 nothing is there. Closes `f` either way. */
int outfolder_commit(struct outfolder *f, struct err *e);
/* Async-signal-safe: removes the unfinished folder of this process and what was written into it. */
void outfolder_signal_cleanup(void);

#endif
