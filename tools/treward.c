/* treward - train a reward model on judged answers */
#include "common/judging.h"
#include "common/trainloop.h"

static struct judging judging = {JUDGING_DEFAULTS};
static struct finetune fine = {FINETUNE_DEFAULTS, .judging = &judging};
static struct train_run run = {TRAIN_DEFAULTS, .lr = 3e-4, .fine = &fine};

int
main(int argc, char **argv)
{
	static const struct cli_opt opts[] = {
	    {0, "loss", "NAME", CLI_CHOICE, &judging.loss, "bradley-terry, plackett-luce, rating, liked or demonstration (default by the data)", 0, 0, judging_rewards, false},
	    {0, "centre", "X", CLI_REAL, &judging.centre, "add X times the squared sum of the rewards of each pair (default 0)", 0, 1e6, 0, false},
	    {0, "metric", "NAME", CLI_CHOICE, &fine.metric, "choose the best model by loss or accuracy (default loss)", 0, 0, judging_metrics, false},
	    PATIENCE_OPTION(&fine), ADAPT_OPTIONS(&fine), TRAIN_OPTIONS(&run, "3e-4", true)};
	static const struct cli_tool tool = {"treward", "[candidates]", "Train a reward model on judged answers.", opts,
	    sizeof opts / sizeof *opts,
	    "treward -m chat.ten --eval val.ten --metric accuracy --epochs 2 -o reward.ten pairs.ten\n"
	    "tchat -m chat.ten judgements.ten | treward -m chat.ten --lora 8 --epochs 1 -o reward.ten"};
	return train_main(&run, &tool, argc, argv);
}
