/* tfinetune - adapt a pre-trained model to a task */
#include "common/trainloop.h"

static struct finetune fine = {FINETUNE_DEFAULTS};
static struct train_run run = {TRAIN_DEFAULTS, .lr = 3e-4, .fine = &fine};

int
main(int argc, char **argv)
{
	static const struct cli_opt opts[] = {FINETUNE_OPTIONS(&fine), TRAIN_OPTIONS(&run, "3e-4", true)};
	static const struct cli_tool tool = {"tfinetune", "[records]",
	    "Adapt a pre-trained model to a task: chat, classes, tags or numbers.", opts, sizeof opts / sizeof *opts,
	    "tfinetune -m bert.ten --eval dev.ten --metric accuracy --epochs 3 -o classifier.ten labelled.ten\n"
	    "tfinetune -m gpt.ten --task chat --lora 8 --steps 200 -o chat.ten chat-rows.ten"};
	return train_main(&run, &tool, argc, argv);
}
