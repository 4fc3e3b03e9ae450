/* tempfile.h - temporary files that nobody else sees and that are gone with the process. */
#ifndef TENON_BASE_TEMPFILE_H
#define TENON_BASE_TEMPFILE_H

#include "base/err.h"

/* A descriptor of a new, empty, unlinked file in TMPDIR (/tmp when that is not set), close-on-exec;
 * -1 with *e filled. The caller closes it. */
int tempfile_open(struct err *e);

/* What messages call it: it fails most often because the folder is too small. */
#define TEMPFILE_NAME "temporary file in the folder TMPDIR (default /tmp)"

#endif
