/* tpretrain - train a model on data that is its own supervision */
#include "common/trainloop.h"

static struct train_run run = {TRAIN_DEFAULTS, .lr = 1e-3};

int
main(int argc, char **argv)
{
	static const struct cli_opt opts[] = {OBJECTIVE_OPTIONS(&run), TRAIN_OPTIONS(&run, "1e-3", false)};
	static const struct cli_tool tool = {"tpretrain", "[rows]",
	    "Train a model to predict the next token or masked ones, or to tell views apart.", opts, sizeof opts / sizeof *opts,
	    "tpretrain -m init.ten --steps 100 -o gpt.ten train.ten\n"
	    "tpretrain -m init.ten --eval val.ten --steps 100 --log run.ten -o gpt.ten train.ten\n"
	    "tmask -m bert-init.ten train.ten | tpretrain -m bert-init.ten --steps 100 -o bert.ten\n"
	    "tpack -l 64 tokens.ten | tshuf | tpretrain -m init.ten --steps 100 -o gpt.ten"};
	return train_main(&run, &tool, argc, argv);
}
