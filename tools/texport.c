/* texport - models in the formats of others */
#include <stdio.h>
#include <string.h>

#include "common/cli.h"
#include "export/export.h"

static const struct {
	const char *name;
	void (*run)(const struct export_job *);
} targets[] = {{"hf", export_hf}, {"peft", export_peft}};

static const char *const names[] = {"hf", "peft", NULL};
static const char *const types[] = {"f32", "f16", "bf16", NULL};

static struct export_job job = {.type = -1};
static int target = -1;

static const struct cli_opt opts[] = {
    {0, "to", "FORMAT", CLI_CHOICE, &target, "hf, a folder of Hugging Face's, or peft, a folder of adapters", 0, 0, names, false},
    {0, "type", "TYPE", CLI_CHOICE, &job.type, "numbers as f32, f16 or bf16 (default as they are stored)", 0, 0, types, false},
    {'o', "output", "FOLDER", CLI_TEXT, &job.output, "the folder to write, new or empty", 0, 0, 0, true},
    CLI_QUIET(&job.quiet),
};

static const struct cli_tool tool = {"texport", "[model]", "Write models in the formats of others.", opts, sizeof opts / sizeof *opts,
    "texport --to hf -o gpt/ gpt.ten\n"
    "texport --to hf --type bf16 -o small/ gpt.ten\n"
    "texport --to peft -o adapters/ adapted.ten"};

int
main(int argc, char **argv)
{
	size_t n;
	char **files = cli_parse(&tool, argc, argv, &n);
	if (target < 0)
		cli_die(ERR_USAGE, "needs a format: --to hf or peft");
	if (!job.output || strcmp(job.output, "-") == 0)
		cli_die(ERR_USAGE, "needs a folder to write: -o FOLDER");
	if (n > 1)
		cli_die(ERR_USAGE, "one model, not %zu", n);
	job.input = n ? files[0] : NULL;
	targets[target].run(&job);
	return 0;
}
