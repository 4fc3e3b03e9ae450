#include "eval/result.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "common/show.h"

static void
add(struct result *r, const char *name, const char *text)
{
	bool first = !r->stream;
	if (first && !(r->stream = open_memstream(&r->text, &r->size)))
		cli_die(ERR_RUNTIME, "out of memory");
	if (r->json) {
		fputs(first ? "{" : ", ", r->stream);
		show_json_string(r->stream, name, strlen(name));
	} else {
		show_text(r->stream, name, strlen(name), 0);
	}
	fprintf(r->stream, r->json ? ": %s" : ": %s\n", text);
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
result_text(struct result *r, const char *name, const char *text)
{
	char quoted[64];
	snprintf(quoted, sizeof quoted, r->json ? "\"%s\"" : "%s", text);
	add(r, name, quoted);
}

void
result_write(struct result *r, const char *output)
{
	struct err e;
	struct outfile out;
	fputs(r->json ? "}\n" : "", r->stream);
	if (fclose(r->stream))
		cli_die(ERR_RUNTIME, "out of memory");
	if (outfile_open(&out, output, 0666, &e) || outfile_write(&out, r->text, r->size, &e) || outfile_commit(&out, &e))
		cli_fail(&e);
	free(r->text);
	*r = (struct result){.json = r->json};
}
