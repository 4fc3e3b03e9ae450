#include "train/schedule.h"

#include <math.h>

double
schedule_lr(const struct schedule *s, uint64_t step)
{
	if (step < s->warmup)
		return s->lr * (double)(step + 1) / (double)(s->warmup + 1);
	if (s->kind == SCHEDULE_CONSTANT)
		return s->lr;
	if (step >= s->steps)
		return s->min_lr;
	uint64_t start = s->warmup;
	if (s->kind == SCHEDULE_WSD || s->kind == SCHEDULE_WSD_SQRT) {
		uint64_t stable = s->steps > s->decay_steps ? s->steps - s->decay_steps : 0;
		start = stable > start ? stable : start;
		if (step < start)
			return s->lr;
	}
	double progress = (double)(step - start) / (double)(s->steps - start);
	if (s->kind == SCHEDULE_COSINE)
		return s->min_lr + 0.5 * (1 + cos(3.14159265358979323846 * progress)) * (s->lr - s->min_lr);
	if (s->kind == SCHEDULE_WSD_SQRT)
		progress = sqrt(progress);
	return s->lr + progress * (s->min_lr - s->lr);
}
