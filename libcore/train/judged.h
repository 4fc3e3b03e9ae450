/* judged.h - what the objectives that learn from candidates share: weights of records, and weighted means over them. */
#ifndef TENON_TRAIN_JUDGED_H
#define TENON_TRAIN_JUDGED_H

#include <assert.h>
#include <math.h>

#include "train/trainer.h"

/* Sums over records, each times its weight. A column has weights of its own, since not every record says something of it. */
struct judged_sums {
	double loss, weight;
	double columns[STEP_COLUMNS], weights[STEP_COLUMNS];
};

static inline void
judged_add(struct judged_sums *s, int column, double weight, double x)
{
	s->columns[column] += weight * x;
	s->weights[column] += weight;
}

/* The mean of a column; NaN where nothing was said of it. */
static inline double
judged_mean(const struct judged_sums *s, int column)
{
	return s->columns[column] / s->weights[column];
}

/* The sums of all ranks. */
static inline int
judged_team(struct team *t, struct judged_sums *s, struct err *e)
{
	static_assert(sizeof *s % sizeof(double) == 0 && sizeof *s / sizeof(double) <= TEAM_SUMS, "sums are numbers of one sum");
	return team_sum(t, (double *)s, sizeof *s / sizeof(double), e);
}

/* Sum of the weights of all rows of all ranks. Where it is 0 the step is idle, and nothing is said of any column. */
static inline int
judged_weight(struct team *t, const struct rows *r, double *weight, struct step_stats *s, struct err *e)
{
	*weight = 0;
	for (size_t i = 0; i < r->n; i++)
		*weight += r->judged[i].weight;
	if (team_sum(t, weight, 1, e))
		return -1;
	s->idle = !(*weight > 0);
	for (int i = 0; s->idle && i < STEP_COLUMNS; i++)
		s->columns[i] = (double)NAN;
	return 0;
}

#endif
