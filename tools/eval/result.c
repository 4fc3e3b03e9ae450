#include "eval/result.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/cli.h"

static void
add(struct result *r, const char *name, const char *text)
{
	size_t n = strlen(r->text), room = sizeof r->text - n;
	if (r->json)
		snprintf(r->text + n, room, "%s\"%s\": %s", n ? ", " : "{", name, text);
	else
		snprintf(r->text + n, room, "%s: %s\n", name, text);
}

void
result_real(struct result *r, const char *name, double x)
{
	char text[64];
	snprintf(text, sizeof text, isfinite(x) || !r->json ? "%.9g" : "null", x);
	add(r, name, text);
}

void
result_count(struct result *r, const char *name, uint64_t x)
{
	char text[32];
	snprintf(text, sizeof text, "%" PRIu64, x);
	add(r, name, text);
}

void
result_write(struct result *r, const char *output)
{
	struct err e;
	struct outfile out;
	if (r->json)
		strcat(r->text, "}\n");
	if (outfile_open(&out, output, 0666, &e) || outfile_write(&out, r->text, strlen(r->text), &e) ||
	    outfile_commit(&out, &e))
		cli_fail(&e);
}
