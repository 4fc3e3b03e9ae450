/* schedule.h - the learning rate of a step, a pure function: resuming needs only the step. */
#ifndef TENON_TRAIN_SCHEDULE_H
#define TENON_TRAIN_SCHEDULE_H

#include <stdint.h>

enum schedule_kind {
	SCHEDULE_CONSTANT,
	SCHEDULE_LINEAR,  /* from lr to min_lr in a straight line */
	SCHEDULE_COSINE,  /* from lr to min_lr along half a cosine (Loshchilov & Hutter 2017) */
	SCHEDULE_WSD,     /* constant, then lr to min_lr linearly over the last decay_steps */
	SCHEDULE_WSD_SQRT /* the same with 1 - sqrt of the progress (Haegele et al. 2024) */
};

struct schedule {
	enum schedule_kind kind;
	double lr, min_lr;
	uint64_t warmup;      /* steps of linear warm-up; 0 for none */
	uint64_t steps;       /* of the whole training */
	uint64_t decay_steps; /* WSD only: steps of the decay at the end */
};

/* Rate of step s = 0, 1, ..., steps - 1; from s = steps on it is min_lr (lr if constant).
 * Warm-up, s < warmup: lr (s + 1) / (warmup + 1), as nanoGPT has it: never 0, and lr itself is
 * reached at s = warmup. Then progress = (s - start) / (steps - start), where start = warmup,
 * or, for WSD, steps - decay_steps if that is later:
 *   linear and WSD  lr + progress (min_lr - lr)
 *   cosine          min_lr + (1 + cos(pi progress)) / 2 (lr - min_lr), as nanoGPT's with
 *                   lr_decay_iters = steps
 *   WSD, sqrt       lr + sqrt(progress) (min_lr - lr) */
double schedule_lr(const struct schedule *s, uint64_t step);

#endif
