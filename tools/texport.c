/* texport - take models out into files of other programs */
#include "common/cli.h"
#include "export/export.h"

static const struct {
	const char *name;
	void (*run)(const struct export_job *);
} targets[] = {{"gguf", export_gguf}};

static const char *const names[] = {"gguf", NULL};
static const char *const types[] = {"f32", "f16", "bf16", "q8_0", NULL};

static struct export_job job;
static int target = -1;

static const struct cli_opt opts[] = {
    {0, "to", "NAME", CLI_CHOICE, &target, "gguf; must be given", 0, 0, names, false},
    {0, "type", "TYPE", CLI_CHOICE, &job.type, "store matrices as f32, f16, bf16 or q8_0 (default f32)", 0, 0, types, false},
    CLI_OUTPUT(&job.output),
    CLI_QUIET(&job.quiet),
};

static const struct cli_tool tool = {"texport", "[model]", "Take models out into files of other programs.", opts,
    sizeof opts / sizeof *opts,
    "texport --to gguf -o model.gguf model.ten\n"
    "texport --to gguf --type q8_0 -o model.gguf model.ten"};

int
main(int argc, char **argv)
{
	size_t n;
	char **files = cli_parse(&tool, argc, argv, &n);
	if (n > 1)
		cli_die(ERR_USAGE, "one operand, not %zu", n);
	if (target < 0)
		cli_die(ERR_USAGE, "say what to make: --to NAME");
	job.input = n ? files[0] : NULL;
	targets[target].run(&job);
	return 0;
}
