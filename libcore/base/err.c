#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
(err_set)(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	e->code = code;
	vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	return -1;
}

int
(err_errno)(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	va_start(ap, fmt);
	e->code = ERR_RUNTIME;
	int n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof e->msg)
		snprintf(e->msg + n, sizeof e->msg - (size_t)n, ": %s", strerror(saved));
	return -1;
}

int
(err_prefix)(struct err *e, const char *fmt, ...)
{
	struct err old = *e;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n + 3 < sizeof e->msg) {
		memcpy(e->msg + n, ": ", 2);
		size_t room = sizeof e->msg - (size_t)n - 3, len = strlen(old.msg);
		len = len < room ? len : room;
		memcpy(e->msg + n + 2, old.msg, len);
		e->msg[(size_t)n + 2 + len] = '\0';
	}
	return -1;
}

int
(err_nomem)(struct err *e, unsigned long long bytes, const char *what)
{
	return err_set(e, ERR_RUNTIME, "out of memory (%llu bytes for %s)", bytes, what);
}
