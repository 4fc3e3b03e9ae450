/* Strict numbers: a whole argument or an error. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/state.h"

/* The factor of a suffix, 0 when it is none. */
static uint64_t
factor(const char *s)
{
	static const struct {
		const char *suffix;
		uint64_t factor;
	} table[] = {{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {"Ki", 1ULL << 10},
	    {"Mi", 1ULL << 20}, {"Gi", 1ULL << 30}};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strcmp(s, table[i].suffix) == 0)
			return table[i].factor;
	return 0;
}

int
cli_parse_u64(const char *s, uint64_t *out, const char **why)
{
	uint64_t v = 0, f;
	const char *p = s;
	*why = "is too large";
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -1;
	f = factor(p);
	if (p == s || !f) {
		*why = "is not a whole number (suffixes k, M, G, Ki, Mi, Gi)";
		return -1;
	}
	return __builtin_mul_overflow(v, f, out) ? -1 : 0;
}

int
cli_parse_real(const char *s, double *out, const char **why)
{
	char *end;
	*why = "is not a number";
	if (!*s || strspn(s, "0123456789+-.eE") != strlen(s))
		return -1;
	errno = 0;
	*out = strtod(s, &end);
	if (end == s || *end)
		return -1;
	*why = "is out of range";
	return errno == ERANGE || !isfinite(*out) ? -1 : 0;
}
