/* checkpoint.h - the folder in which a training keeps its state.
 *
 * FOLDER/step-NNNNNNNN.ten: a model with moments (`adam.m.*`, `adam.v.*`), the log so far
 * (`train.log`), of a contrastive training with a queue `average.*`, `train.queue` and
 * `train.queue_keys`, and key-values `train.*`: step, place in the data, best evaluation, the training's own numbers. Everything
 * that decides the rest of the training is in it or in the command, whose provenance the
 * file carries: a checkpoint of another command is refused. FOLDER/best.ten is the model with the
 * best evaluation. The newest two states are kept. */
#ifndef TENON_TOOLS_CHECKPOINT_H
#define TENON_TOOLS_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/modelio.h"
#include "common/rowsource.h"
#include "common/runlog.h"
#include "train/contrast.h"
#include "train/trainer.h"

struct train_state {
	struct row_place place;
	uint64_t tokens;     /* trained so far */
	double best_score;   /* the loss, or what else is asked for; infinite before the first evaluation */
	uint64_t best_step;
	struct run_log log;
	/* what else a training's next step depends on; saved as `train.NAME` */
	const struct train_number { const char *name; double *value; } *numbers;
	size_t nnumbers;
	struct contrast *contrast; /* with a queue: its content and the averaged weights are state; else NULL */
};

struct checkpoint {
	char *folder;
	int lock;            /* the folder's descriptor, locked */
	const struct ten_head *own; /* provenance of the training: the head of its result */
	const struct model_file *model; /* configuration and tokenizer */
};

/* "OUT.ckpt" beside the output; created when missing. A folder that another training has open:
 * exit 1. Exits through cli_fail on error, as all of these do. */
void checkpoint_open(struct checkpoint *c, const char *output, const struct ten_head *own,
    const struct model_file *model);
/* Saves t and s as of t->step and prunes older states. Of a team rank 0 saves, when exchange_collect has been called, and
 * resumes, with exchange_hand_out to follow. */
void checkpoint_save(struct checkpoint *c, const struct trainer *t, const struct train_state *s);
void checkpoint_save_best(struct checkpoint *c, const struct trainer *t);
/* The weights of FOLDER/best.ten into t. */
void checkpoint_load_best(const struct checkpoint *c, struct trainer *t);
/* Loads the newest state that verifies (warning when it is not the newest) into t and s: true;
 * false when the folder has none. */
bool checkpoint_resume(struct checkpoint *c, struct trainer *t, struct train_state *s);
/* Closes; `remove` deletes the folder's states and, when then empty, the folder. */
void checkpoint_close(struct checkpoint *c, bool remove);

#endif
