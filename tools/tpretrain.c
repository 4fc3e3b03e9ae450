/* tpretrain - train a language model on the next token */
#include <string.h>

#include "common/trainloop.h"

static struct train_run run = {TRAIN_DEFAULTS};

int
main(int argc, char **argv)
{
	static const struct cli_opt opts[] = {TRAIN_OPTIONS(&run)};
	static const struct cli_tool tool = {"tpretrain", "[rows-or-tokens]",
	    "Train a language model to predict the next token.", opts, sizeof opts / sizeof *opts,
	    "tpretrain -m init.ten --steps 100 -o gpt.ten train.ten\n"
	    "tpretrain -m init.ten --eval val.ten --steps 100 --log run.ten -o gpt.ten train.ten\n"
	    "tpack -l 64 tokens.ten | tshuf | tpretrain -m init.ten --steps 100 -o gpt.ten"};
	size_t n;
	char **operands = cli_parse(&tool, argc, argv, &n);
	if (n > 1)
		cli_die(ERR_USAGE, "one stream of training data, not %zu; join files with tcat", n);
	train_run(&run, n ? operands[0] : NULL);
	return 0;
}
