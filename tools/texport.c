/* texport - take records and models out, in the formats of other programs */
#include <stddef.h>
#include <string.h>

#include "common/cli.h"
#include "export/export.h"

enum { TARGETS = 8 };

/* What a target writes to: a stream, which may be standard output; a file that has a name; a folder. */
enum place { STREAM, NAMED, FOLDER };

static const struct {
	const char *name;
	enum place place;
	bool model;
	void (*run)(const struct export_job *);
} targets[TARGETS] = {
    {"jsonl", STREAM, false, export_jsonl},
    {"csv", STREAM, false, export_csv},
    {"tsv", STREAM, false, export_tsv},
    {"npy", STREAM, false, export_npy},
    {"llmc", STREAM, false, export_llmc},
    {"hf", FOLDER, true, export_hf},
    {"peft", FOLDER, true, export_peft},
    {"gguf", NAMED, true, export_gguf},
};

static const char *names[TARGETS + 1];
static const char *const types[] = {"f32", "f16", "bf16", "q8_0", NULL};
static int to = -1;
static struct export_job job = {.type = -1};

static const struct cli_opt opts[] = {
    {0, "to", "NAME", CLI_CHOICE, &to, "jsonl, csv, tsv, npy or llmc of records; hf, peft or gguf of a model", 0, 0, names, false},
    {0, "field", "NAME", CLI_TEXT, &job.field, "npy: the field that is taken out (default the only one of numbers)", 0, 0, 0, false},
    {0, "escape", NULL, CLI_FLAG, &job.escape, "jsonl, csv, tsv: let bytes pass that are not UTF-8", 0, 0, 0, false},
    {0, "type", "TYPE", CLI_CHOICE, &job.type, "models: numbers as f32, f16, bf16 or, for gguf, q8_0 (default as stored; gguf f32)", 0, 0, types, false},
    {'o', "output", "FILE", CLI_TEXT, &job.output, "write to FILE, for hf and peft a folder (default standard output)", 0, 0, 0, true},
    CLI_QUIET(&job.quiet),
};

static const struct cli_tool tool = {"texport", "[file]", "Take records and models out, in the formats of other programs.", opts,
    sizeof opts / sizeof *opts,
    "texport --to jsonl reviews.ten -o reviews.jsonl\n"
    "texport --to npy --field embedding vectors.ten -o vectors.npy\n"
    "texport --to hf -o gpt/ gpt.ten\n"
    "texport --to gguf --type q8_0 -o gpt.gguf gpt.ten"};

static void
check_options(void)
{
	bool named = job.output && strcmp(job.output, "-") != 0;
	if (to < 0)
		cli_die(ERR_USAGE, "to which format? --to NAME");
	if (targets[to].place != STREAM && !named)
		cli_die(ERR_USAGE, "--to %s needs a %s to write: -o %s", targets[to].name,
		    targets[to].place == FOLDER ? "folder" : "file", targets[to].place == FOLDER ? "FOLDER" : "FILE");
	if (job.field && targets[to].run != export_npy)
		cli_die(ERR_USAGE, "--field is for npy; tcat -f leaves fields out");
	if (job.escape && (targets[to].model || targets[to].run == export_npy || targets[to].run == export_llmc))
		cli_die(ERR_USAGE, "--escape is for jsonl, csv and tsv");
	if (job.type >= 0 && !targets[to].model)
		cli_die(ERR_USAGE, "--type is for models; --to %s takes numbers as they are", targets[to].name);
	if (job.type == EXPORT_Q8_0 && targets[to].run != export_gguf)
		cli_die(ERR_USAGE, "q8_0 is a type of gguf");
}

int
main(int argc, char **argv)
{
	size_t n;
	for (size_t i = 0; i < TARGETS; i++)
		names[i] = targets[i].name;
	char **operands = cli_parse(&tool, argc, argv, &n);
	if (n > 1)
		cli_die(ERR_USAGE, "one input, not %zu; tcat joins streams", n);
	check_options();
	if (job.type < 0 && targets[to].run == export_gguf)
		job.type = EXPORT_F32;
	job.input = n ? operands[0] : NULL;
	targets[to].run(&job);
	return 0;
}
