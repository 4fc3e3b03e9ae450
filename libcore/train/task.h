/* task.h - the objective of supervised fine-tuning: the outputs of the task head against labels. */
#ifndef TENON_TRAIN_TASK_H
#define TENON_TRAIN_TASK_H

#include "eval/measures.h"
#include "loss/labelled.h"
#include "model/task_head.h"
#include "train/trainer.h"

struct task_trainer {
	struct objective objective; /* first: the trainer knows only this */
	struct labelled_loss loss;
	struct task_head head;
	struct arena arena;
	size_t *ends;               /* (trainer_room) of the rows of a micro-batch */
	int32_t *labels;            /* (trainer_room) of its points */
};

/* Makes `t` (open) train its task head, and what is not frozen, by the mean loss over all points of a step:
 * the same for any division into micro-batches, up to rounding. The loss's weights are borrowed; its task and
 * outputs are the model's. */
int task_open(struct task_trainer *k, struct trainer *t, const struct labelled_loss *loss, struct err *e);
void task_close(struct task_trainer *k); /* a zeroed struct is fine */

/* Appends what the model says of the rows to p, without dropout. */
int task_predict(struct task_head *h, struct trunk *trunk, const real *w, struct rows *r, size_t max_tokens,
    struct predictions *p, struct err *e);

#endif
