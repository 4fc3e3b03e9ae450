#include "common/range.h"

#include <stdio.h>
#include <string.h>

#include "common/state.h"

void
cli_range(const char *what, const char *text, double *low, double *high)
{
	char first[40];
	const char *dots = strstr(text, ".."), *why;
	size_t n = dots ? (size_t)(dots - text) : strlen(text);
	snprintf(first, sizeof first, "%.*s", (int)(n < sizeof first ? n : sizeof first - 1), text);
	if (n >= sizeof first || cli_parse_real(first, low, &why) ||
	    (dots ? cli_parse_real(dots + 2, high, &why) : (*high = *low, 0)))
		cli_die(ERR_USAGE, "%s: `%.80s' is not a share or a range of shares, as 0.5 or 0.5..0.9", what, text);
	if (!(*low >= 0 && *low <= *high && *high <= 1))
		cli_die(ERR_USAGE, "%s: `%.80s' is not within 0 and 1", what, text);
}
