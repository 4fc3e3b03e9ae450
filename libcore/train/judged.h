/* judged.h - what the objectives that learn from candidates share: weights of records, and weighted means over them. */
#ifndef TENON_TRAIN_JUDGED_H
#define TENON_TRAIN_JUDGED_H

#include <assert.h>

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

/* Sum of the weights of all rows of all ranks; ERR_DATA when there is none above 0. */
static inline int
judged_weight(struct team *t, const struct rows *r, uint64_t step, double *weight, struct err *e)
{
	*weight = 0;
	for (size_t i = 0; i < r->n; i++)
		*weight += r->judged[i].weight;
	if (team_sum(t, weight, 1, e))
		return -1;
	return *weight > 0 ? 0 : err_set(e, ERR_DATA, "step %llu: none of the %zu records has a weight above 0",
	    (unsigned long long)step, r->n);
}

#endif
