/* tsplit - divide records into parts by their content */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/mem.h"
#include "common/cli.h"

enum { MAX_PARTS = 64 };

static const char *parts_text, *folder, *key;
static uint64_t seed = 1;
static bool quiet;
static int zstd;

static const struct cli_opt opts[] = {
    {0, "parts", "LIST", CLI_TEXT, &parts_text, "names and shares that sum to 1, as train=0.95,val=0.05", 0, 0, 0, false},
    {'o', "output", "FOLDER", CLI_TEXT, &folder, "write FOLDER/NAME.ten for each part", 0, 0, 0, true},
    {0, "key", "FIELD", CLI_TEXT, &key, "records with the same FIELD stay together (default all fields)", 0, 0, 0, false},
    CLI_SEED(&seed),
    CLI_ZSTD(&zstd),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tsplit", "[records]", "Divide records into parts by their content.",
    opts, sizeof opts / sizeof *opts,
    "tsplit --parts train=0.95,val=0.05 -o data/ tokens.ten\n"
    "tsplit --parts train=0.8,val=0.1,test=0.1 -s 7 -o data/ tokens.ten"};

struct part {
	char *name, *path;
	double below;      /* a record whose hash / 2^64 is below this and no earlier one is here */
	struct cli_out out;
	uint64_t records, tokens;
};

/* ---- the parts ---- */

static void
check_name(const char *name)
{
	if (!*name || *name == '.' || strchr(name, '/') || strlen(name) > 200)
		cli_die(ERR_USAGE, "--parts: `%s' cannot be the name of a part", name);
}

static size_t
parse_parts(struct part *p)
{
	char *list = strdup(parts_text), *rest = list;
	size_t n = 0;
	double sum = 0;
	for (char *item; list && (item = strsep(&rest, ","));) {
		char *equals = strchr(item, '='), *end;
		if (!equals || n == MAX_PARTS)
			cli_die(ERR_USAGE, "--parts: `%s' is not NAME=SHARE, or there are more than %d", item, MAX_PARTS);
		*equals = '\0';
		check_name(item);
		double share = strtod(equals + 1, &end);
		if (end == equals + 1 || *end || !(share > 0 && share <= 1))
			cli_die(ERR_USAGE, "--parts: the share of %s is `%s', must be above 0 and at most 1", item, equals + 1);
		for (size_t i = 0; i < n; i++)
			if (strcmp(p[i].name, item) == 0)
				cli_die(ERR_USAGE, "--parts: two parts are called %s", item);
		sum += share;
		p[n++] = (struct part){.name = strdup(item), .below = sum};
	}
	if (!(fabs(sum - 1) < 1e-9))
		cli_die(ERR_USAGE, "--parts: the shares sum to %.10g, not 1", sum);
	p[n - 1].below = 2; /* whatever rounding left */
	free(list);
	return n;
}

static void
open_parts(struct part *p, size_t n, const struct ten_head *in)
{
	struct err e;
	struct ten_writer_opts o = {.zstd_level = zstd, .byte_split = zstd > 0};
	if (mkdir(folder, 0777) == 0)
		cli_made_folder(folder);
	else if (errno != EEXIST)
		cli_die(ERR_RUNTIME, "%s: cannot create the folder: %s", folder, strerror(errno));
	for (size_t i = 0; i < n; i++) {
		struct ten_head h;
		size_t length = strlen(folder);
		const char *slash = length && folder[length - 1] == '/' ? "" : "/";
		if (ten_head_copy(&h, in, &e))
			cli_fail(&e);
		if (asprintf(&p[i].path, "%s%s%s.ten", folder, slash, p[i].name) < 0)
			cli_die(ERR_RUNTIME, "out of memory");
		cli_note_part(p[i].name);
		cli_open_out(&p[i].out, p[i].path, &h, &in, 1, &seed, &o);
		ten_head_free(&h);
	}
}

/* ---- records ---- */

/* A number in [0, 1) from the content: for each field its sizes and then its bytes. */
static double
place_of(XXH3_state_t *state, const struct ten_head *h, const struct ten_value *values, int only)
{
	XXH3_64bits_reset_withSeed(state, seed);
	for (size_t i = 0; i < h->nfields; i++) {
		const struct ten_value *v = &values[i];
		if (only >= 0 && i != (size_t)only)
			continue;
		XXH3_64bits_update(state, v->dims, h->fields[i].rank * sizeof *v->dims);
		XXH3_64bits_update(state, v->data, v->count * ten_elem_size(&h->fields[i]));
	}
	return (double)(XXH3_64bits_digest(state) >> 11) * 0x1p-53;
}

static void
split(struct ten_reader *r, char *const *paths, struct part *p, int only, int ids)
{
	struct err e;
	struct cli_progress live;
	const struct ten_head *h = ten_reader_head(r);
	struct ten_value *values = mem_zalloc(h->nfields, sizeof *values, "fields", &e);
	XXH3_state_t *state = XXH3_createState();
	int got;
	if (!values || !state)
		cli_die(ERR_RUNTIME, "out of memory");
	cli_progress_filter(&live, quiet, folder, paths, 1);
	while ((got = ten_read(r, values, &e)) > 0) {
		double at = place_of(state, h, values, only);
		size_t i = 0;
		while (at >= p[i].below)
			i++;
		cli_write(&p[i].out, values);
		p[i].records++;
		p[i].tokens += ids < 0 ? 0 : values[ids].count;
		cli_progress_tick(&live, ten_reader_offset(r) / 1000000, "");
	}
	if (got < 0)
		cli_fail(&e);
	cli_progress_end(&live);
	XXH3_freeState(state);
	free(values);
}

int
main(int argc, char **argv)
{
	size_t noperands;
	static struct part parts[MAX_PARTS];
	char **operands = cli_parse(&tool, argc, argv, &noperands);
	if (!parts_text)
		cli_die(ERR_USAGE, "needs the parts: --parts train=0.95,val=0.05");
	if (!folder || !*folder)
		cli_die(ERR_USAGE, "needs a folder for the parts: -o FOLDER");
	if (noperands > 1)
		cli_die(ERR_USAGE, "one stream, not %zu; join files with tcat", noperands);
	size_t n = parse_parts(parts);
	struct ten_reader *r = cli_reader(noperands ? operands[0] : NULL);
	int only = key ? ten_head_find(ten_reader_head(r), key) : -1;
	if (key && only < 0)
		cli_die(ERR_DATA, "%s: has no field `%s'", ten_reader_name(r), key);
	open_parts(parts, n, ten_reader_head(r));
	int ids = ten_head_find(ten_reader_head(r), "ids");
	split(r, operands, parts, only, ids);
	char line[4096] = "";
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		cli_close_out(&parts[i].out);
		if (!parts[i].records && !quiet)
			cli_warn("part %s has no records", parts[i].name);
		if (at < sizeof line)
			at += (size_t)snprintf(line + at, sizeof line - at, " %s=%" PRIu64, parts[i].name, parts[i].records);
		if (ids >= 0 && at < sizeof line)
			at += (size_t)snprintf(line + at, sizeof line - at, " %s_tokens=%" PRIu64, parts[i].name, parts[i].tokens);
		free(parts[i].name);
		free(parts[i].path);
	}
	cli_made_folder(NULL);
	cli_account(quiet, "records_in=%" PRIu64 "%s", ten_reader_record(r), line);
	ten_reader_free(r);
	return 0;
}
