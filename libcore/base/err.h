/* err.h - the one way in which library functions report a failure.
 *
 * A function that can fail returns 0 or -1 (or a pointer or NULL) and takes a
 * `struct err *` that it fills on failure: the class of the failure, which is
 * also the exit status of a tool that gives up because of it, and one line of
 * text that names the file, the place, what was expected and what was found.
 * The struct is the caller's; it need not be initialised; it is untouched on
 * success. No function prints or exits. Mistakes of the calling program are
 * assert()ed, mistakes in data never are. */
#ifndef TENON_BASE_ERR_H
#define TENON_BASE_ERR_H

#include <stdarg.h>

enum {
	ERR_RUNTIME = 1,   /* I/O, memory, anything that the system refused */
	ERR_USAGE = 2,     /* the caller's options make no sense together */
	ERR_DATA = 3,      /* corrupt, truncated, mismatched, unsupported input */
	ERR_UPSTREAM = 4,  /* the tool upstream said that it failed */
	ERR_NONFINITE = 5, /* a number is NaN or infinite */
	ERR_SAVED = 75     /* stopped by a signal, a checkpoint was saved */
};

struct err {
	int code;
	char msg[1024];
};

/* Fills *e and returns -1, so that `return err_set(...)` reads well. */
int err_set(struct err *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with ": " and the text of errno appended; code ERR_RUNTIME. */
int err_errno(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the message (a file's name, a record's number). */
int err_prefix(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "out of memory (N bytes for WHAT)". */
int err_nomem(struct err *e, unsigned long long bytes, const char *what);

/* Lets the compiler see that all of these return -1, without which it warns of variables that
 * only a success sets. */
static inline int
err_failed(int rc)
{
	(void)rc;
	return -1;
}
#define err_set(...) err_failed(err_set(__VA_ARGS__))
#define err_errno(...) err_failed(err_errno(__VA_ARGS__))
#define err_prefix(...) err_failed(err_prefix(__VA_ARGS__))
#define err_nomem(...) err_failed(err_nomem(__VA_ARGS__))

#endif
