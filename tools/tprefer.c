/* tprefer - train a language model on preferences, without a reward model */
#include "common/judging.h"
#include "common/trainloop.h"

static struct judging judging = {JUDGING_DEFAULTS, .prefer = true};
static struct finetune fine = {FINETUNE_DEFAULTS, .judging = &judging};
static struct train_run run = {TRAIN_DEFAULTS, .lr = 1e-5, .fine = &fine};

int
main(int argc, char **argv)
{
	static const struct cli_opt opts[] = {
	    {0, "loss", "NAME", CLI_CHOICE, &judging.loss, "sigmoid, ipo, hinge, kto, orpo or simpo (default sigmoid)", 0, 0, judging_preferences, false},
	    {0, "beta", "X", CLI_REAL, &judging.beta, "how strongly the reference holds; scale of the rewards (default 0.1, simpo 2)", 1e-6, 1e6, 0, false},
	    {0, "label-smoothing", "X", CLI_REAL, &judging.smoothing, "sigmoid: share of preferences that are taken to be wrong (default 0)", 0, 0.5, 0, false},
	    {0, "gamma", "X", CLI_REAL, &judging.gamma, "simpo: by how much rewards shall differ (default 0.5)", 0, 1e6, 0, false},
	    {0, "lambda", "X", CLI_REAL, &judging.lambda, "orpo: weight of the odds ratio (default 0.1)", 0, 1e6, 0, false},
	    {0, "metric", "NAME", CLI_CHOICE, &fine.metric, "choose the best model by loss or accuracy (default loss)", 0, 0, judging_metrics, false},
	    PATIENCE_OPTION(&fine), ADAPT_OPTIONS(&fine), TRAIN_OPTIONS(&run, "1e-5", true)};
	static const struct cli_tool tool = {"tprefer", "[candidates]",
	    "Train a language model on preferences, without a reward model.", opts, sizeof opts / sizeof *opts,
	    "tscore --likelihood -m chat.ten pairs.ten | tprefer -m chat.ten --epochs 1 -o preferred.ten\n"
	    "tprefer -m chat.ten --loss simpo --lora 8 --epochs 1 -o preferred.ten pairs.ten"};
	return train_main(&run, &tool, argc, argv);
}
