/* judging.h - learning from candidates: what treward and tprefer add to the training loop. */
#ifndef TENON_TOOLS_JUDGING_H
#define TENON_TOOLS_JUDGING_H

#include <stdbool.h>

#include "common/rowsource.h"
#include "eval/measures.h"
#include "train/prefer.h"
#include "train/reward.h"

struct judging {
	/* options; negative numbers: not given */
	bool prefer;        /* preferences; else a reward model */
	int loss;           /* enum preference_kind or reward_kind; -1: by the data */
	double beta, smoothing, gamma, lambda, centre;

	/* state */
	struct reward_trainer reward;
	struct prefer_trainer preference;
};

#define JUDGING_DEFAULTS .loss = -1, .beta = -1, .smoothing = -1, .gamma = -1, .lambda = -1, .centre = -1

extern const char *const judging_rewards[], *const judging_preferences[], *const judging_metrics[];

struct train_run;

/* Decides the loss and with it r->objective and the value head. */
void judging_choose(struct train_run *r);
/* Tells the source, which has been opened, what the loss needs of each record. Exits when the stream has it not. */
void judging_need(const struct train_run *r, struct row_source *s);
/* After the trainer has been opened. */
void judging_open(struct train_run *r);
/* Loss and accuracy over the rows of s, in batches as large as those of training. */
void judging_evaluate(struct train_run *r, struct row_source *s, double out[MEASURES]);
void judging_close(struct judging *j);

#endif
