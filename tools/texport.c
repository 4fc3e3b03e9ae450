/* texport - take records out, in the formats of other programs */
#include <stddef.h>

#include "common/cli.h"
#include "export/export.h"

enum { TARGETS = 5 };

static const struct {
	const char *name;
	void (*run)(const struct export_job *);
} targets[TARGETS] = {{"jsonl", export_jsonl}, {"csv", export_csv}, {"tsv", export_tsv}, {"npy", export_npy}, {"llmc", export_llmc}};

static const char *names[TARGETS + 1];
static int to = -1;
static struct export_job job;

static const struct cli_opt opts[] = {
    {0, "to", "NAME", CLI_CHOICE, &to, "jsonl, csv, tsv, npy or llmc", 0, 0, names, false},
    {0, "field", "NAME", CLI_TEXT, &job.field, "npy: the field that is taken out (default the only one of numbers)", 0, 0, 0, false},
    {0, "escape", NULL, CLI_FLAG, &job.escape, "jsonl, csv, tsv: let bytes pass that are not UTF-8", 0, 0, 0, false},
    CLI_OUTPUT(&job.output),
    CLI_QUIET(&job.quiet),
};

static const struct cli_tool tool = {"texport", "[file]", "Take records out, in the formats of other programs.", opts,
    sizeof opts / sizeof *opts,
    "texport --to jsonl reviews.ten -o reviews.jsonl\n"
    "texport --to npy --field embedding vectors.ten -o vectors.npy\n"
    "texport --to llmc tokens.ten -o tokens.bin"};

int
main(int argc, char **argv)
{
	size_t n;
	for (size_t i = 0; i < TARGETS; i++)
		names[i] = targets[i].name;
	char **operands = cli_parse(&tool, argc, argv, &n);
	if (to < 0)
		cli_die(ERR_USAGE, "to which format? --to NAME");
	if (n > 1)
		cli_die(ERR_USAGE, "one input, not %zu; tcat joins streams", n);
	job.input = operands[0];
	if (job.field && targets[to].run != export_npy)
		cli_die(ERR_USAGE, "--field is for npy; tcat -f leaves fields out");
	targets[to].run(&job);
	return 0;
}
