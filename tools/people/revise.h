/* revise.h - a text that somebody changes in an editor. */
#ifndef TENON_PEOPLE_REVISE_H
#define TENON_PEOPLE_REVISE_H

#include <stddef.h>

#include "people/keys.h"

/* Runs $VISUAL, else $EDITOR, else vi, on a file in TMPDIR (mode 0600, removed) that has the text. Sets *to (owned, m bytes) to what
 * it is then; a line end that an editor put at the end of a text that had none does not count. ERR_RUNTIME: files,
 * or the editor failed. */
int revise(char **to, size_t *m, const char *text, size_t n, struct keys *k, struct err *e);

#endif
