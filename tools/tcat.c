/* tcat - concatenate, cut, project, recompress and shard record streams. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/project.h"

enum { MAX_SHARDS = 256 }; /* each open output has three descriptors */

static const char *output, *range_text;
static struct cli_list field_names;
static int level;
static bool raw, quiet;
static uint64_t shards;

static const struct cli_opt opts[] = {
    CLI_OUTPUT(&output),
    {'r', "records", "FROM:TO", CLI_TEXT, &range_text,
        "records FROM up to before TO, negative ones from the end", 0, 0, 0, false},
    {'f', "field", "NAMES", CLI_LIST, &field_names, "only these fields, a,b; may be repeated", 0, 0, 0,
        false},
    CLI_ZSTD(&level),
    {0, "raw", NULL, CLI_FLAG, &raw, "do not compress (the default)", 0, 0, 0, true},
    {0, "shards", "N", CLI_U64, &shards, "deal records to FILE-0-of-N.ten, FILE-1-of-N.ten ...", 1,
        MAX_SHARDS, 0, false},
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tcat", "[file ...]",
    "Joins record streams of one schema; cuts, projects, compresses and shards them.", opts,
    sizeof opts / sizeof opts[0],
    "tcat a.ten b.ten -o both.ten\n"
    "tcat -r -100: -f ids -z train.ten -o tail.ten\n"
    "tcat --shards 4 -o part train.ten"};

struct input {
	const char *path;     /* NULL: standard input */
	struct ten_reader *r; /* of a pipe, which cannot be opened again */
	struct ten_head head;
	uint64_t records;     /* of a file, when a range was given */
	bool file;
};

struct job {
	struct input *inputs;
	size_t n;
	struct project project;
	struct cli_out *outs;
	size_t nouts;
	struct ten_value *values, *picked;
	uint64_t from, to;    /* over all inputs */
	uint64_t seen, written;
	struct cli_progress progress;
};

/* ---- opening ---- */

/* Files are opened one after the other, so that there can be more than the system lets be open. */
static void
open_input(struct input *in, const char *path)
{
	struct err e;
	struct stat st;
	const char *name;
	int fd = cli_input(path, &name);
	in->path = fd == STDIN_FILENO ? NULL : path;
	in->file = in->path && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (ten_reader_open(&in->r, fd, name, &e) || ten_head_copy(&in->head, ten_reader_head(in->r), &e))
		cli_fail(&e);
	if (in->file) {
		ten_reader_free(in->r);
		in->r = NULL;
		close(fd);
	}
}

static uint64_t
count_records(const struct input *in)
{
	struct err e;
	struct ten_map *m;
	if (ten_map_open(&m, in->path, &e))
		cli_fail(&e);
	uint64_t n = ten_map_records(m);
	ten_map_free(m);
	return n;
}

/* One side of FROM:TO; empty: `otherwise`. */
static uint64_t
range_side(struct job *j, const char *s, size_t len, uint64_t otherwise)
{
	char *end;
	uint64_t total = 0;
	if (len == 0)
		return otherwise;
	const char *digits = *s == '-' ? s + 1 : s;
	uint64_t v = strtoull(digits, &end, 10);
	if (*digits < '0' || *digits > '9' || end != s + len || len > 19)
		cli_die(ERR_USAGE, "--records: '%s' is not FROM:TO (tcat --help)", range_text);
	if (*s != '-')
		return v;
	for (size_t i = 0; i < j->n; i++) {
		if (!j->inputs[i].file)
			cli_die(ERR_USAGE, "--records: '%s' counts from the end, which needs files, not pipes",
			    range_text);
		total += j->inputs[i].records;
	}
	return v > total ? 0 : total - v;
}

static void
set_range(struct job *j)
{
	j->to = UINT64_MAX;
	if (!range_text)
		return;
	const char *colon = strchr(range_text, ':');
	if (!colon)
		cli_die(ERR_USAGE, "--records: '%s' is not FROM:TO (tcat --help)", range_text);
	for (size_t i = 0; i < j->n; i++)
		if (j->inputs[i].file)
			j->inputs[i].records = count_records(&j->inputs[i]);
	j->from = range_side(j, range_text, (size_t)(colon - range_text), 0);
	j->to = range_side(j, colon + 1, strlen(colon + 1), UINT64_MAX);
}

/* FILE-03-of-12.ten */
static char *
shard_name(size_t i)
{
	char *name;
	int width = snprintf(NULL, 0, "%" PRIu64, shards - 1);
	if (asprintf(&name, "%s-%0*zu-of-%" PRIu64 ".ten", output, width, i, shards) < 0)
		cli_die(ERR_RUNTIME, "out of memory");
	return name;
}

static void
open_outputs(struct job *j)
{
	struct err e;
	struct ten_head head = {0};
	struct ten_writer_opts w = {.zstd_level = level, .byte_split = level > 0,
	    .bulk = strcmp(j->inputs[0].head.kind, "model") == 0};
	const struct ten_head **heads = mem_zalloc(j->n, sizeof *heads, "inputs", &e);
	j->nouts = shards ? shards : 1;
	j->outs = mem_zalloc(j->nouts, sizeof *j->outs, "outputs", &e);
	if (!heads || !j->outs)
		cli_fail(&e);
	for (size_t i = 0; i < j->n; i++)
		heads[i] = &j->inputs[i].head;
	for (size_t i = 0; i < j->nouts; i++) {
		char *name = shards ? shard_name(i) : NULL, part[48];
		snprintf(part, sizeof part, "%zu-of-%" PRIu64, i, shards);
		cli_note_part(shards ? part : NULL);
		if (project_head(&head, &j->project, heads, j->n, &e))
			cli_fail(&e);
		cli_open_out(&j->outs[i], shards ? name : output, &head, heads, j->n, NULL, &w);
		ten_head_free(&head);
		memset(&head, 0, sizeof head);
		free(name);
	}
	free(heads);
}

static void
open_job(struct job *j, char **operands, size_t n)
{
	struct err e;
	j->n = n ? n : 1;
	j->inputs = cli_zalloc(j->n, sizeof *j->inputs, "inputs");
	for (size_t i = 0; i < j->n; i++) {
		open_input(&j->inputs[i], n ? operands[i] : NULL);
		if (i && project_same(&j->inputs[0].head, &j->inputs[i].head, &e)) {
			err_prefix(&e, "%s", operands[i]);
			cli_fail(&e);
		}
	}
	if (project_open(&j->project, &j->inputs[0].head, field_names.items, field_names.n, &e))
		cli_fail(&e);
	set_range(j);
	size_t fields = j->inputs[0].head.nfields;
	j->values = cli_zalloc(fields, sizeof *j->values, "fields");
	j->picked = cli_zalloc(j->project.n, sizeof *j->picked, "fields");
	open_outputs(j);
}

/* ---- copying ---- */

static void
copy_record(struct job *j)
{
	project_values(&j->project, j->picked, j->values);
	cli_write(&j->outs[j->written++ % j->nouts], j->picked);
	cli_progress_tick(&j->progress, j->written, "");
}

/* With a range, a file is mapped: what lies outside is not read. */
static void
copy_mapped(struct job *j, const struct input *in)
{
	struct err e;
	struct ten_map *m;
	uint64_t base = j->seen;
	j->seen += in->records;
	if (j->from >= j->seen || j->to <= base)
		return;
	if (ten_map_open(&m, in->path, &e) || project_same(&j->inputs[0].head, ten_map_head(m), &e))
		cli_fail(&e);
	uint64_t end = j->to < j->seen ? j->to - base : in->records;
	for (uint64_t i = j->from > base ? j->from - base : 0; i < end; i++) {
		if (ten_map_get(m, i, j->values, &e))
			cli_fail(&e);
		copy_record(j);
	}
	ten_map_free(m);
}

static void
copy_stream(struct job *j, struct input *in)
{
	struct err e;
	const char *name;
	int rc = 1, fd = -1;
	if (!in->r) {
		fd = cli_input(in->path, &name);
		if (ten_reader_open(&in->r, fd, name, &e) ||
		    project_same(&j->inputs[0].head, ten_reader_head(in->r), &e))
			cli_fail(&e);
	}
	while (j->seen < j->to && (rc = ten_read(in->r, j->values, &e)) == 1)
		if (j->seen++ >= j->from)
			copy_record(j);
	if (rc < 0)
		cli_fail(&e);
	ten_reader_free(in->r);
	if (fd >= 0)
		close(fd);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct job j = {0};
	char **operands = cli_parse(&tool, argc, argv, &n);
	if (level && raw)
		cli_die(ERR_USAGE, "choose one of --zstd and --raw (tcat --help)");
	if (shards && !output)
		cli_die(ERR_USAGE, "--shards needs -o FILE (tcat --help)");
	open_job(&j, operands, n);
	cli_progress_through(&j.progress, quiet, output, "records", 0);
	for (size_t i = 0; i < j.n; i++)
		if (range_text && j.inputs[i].file)
			copy_mapped(&j, &j.inputs[i]);
		else
			copy_stream(&j, &j.inputs[i]);
	for (size_t i = 0; i < j.nouts; i++)
		cli_close_out(&j.outs[i]);
	cli_progress_end(&j.progress);
	cli_account(quiet, "records_out=%" PRIu64, j.written);
	return 0;
}
