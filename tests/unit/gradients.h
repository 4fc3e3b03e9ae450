/* gradients.h - what tests of gradients share: central differences, and models whose every path matters. Included after
 * cmocka.h. */
#ifndef TENON_TESTS_GRADIENTS_H
#define TENON_TESTS_GRADIENTS_H

#include "base/rng.h"
#include "train/trainer.h"

/* The derivative of the expression `loss` by the double x, from x - h and x + h. */
#define DIFFERENCE(x, h, loss) __extension__({ \
	double *x_ = &(x), was_ = *x_; \
	*x_ = was_ + (h); \
	double up_ = (loss); \
	*x_ = was_ - (h); \
	double down_ = (loss); \
	*x_ = was_; \
	(up_ - down_) / (2 * (h)); \
})

/* A trainer of *cfg, which it completes, with normal numbers of this size as weights. */
static inline void
open_trainer(struct trainer *t, struct params *table, struct config *cfg, const struct train_opts *o, double size)
{
	struct err e;
	config_fill(cfg);
	assert_int_equal(config_check(cfg, &e), 0);
	assert_int_equal(params_build(table, cfg, &e), 0);
	assert_int_equal(trainer_open(t, cfg, table, o, &e), 0);
	for (size_t i = 0; i < table->n; i++)
		for (size_t j = 0; j < table->items[i].size; j++)
			t->w[table->items[i].offset + j] = size * rng_normal(1, RNG_TEST, i, j) + (table->items[i].init == INIT_ONE);
}

/* The loss of the rows; their gradient is in t->g. */
static inline double
loss_and_gradient(struct trainer *t, struct rows *r)
{
	struct err e;
	struct step_stats st;
	if (train_gradient(t, r, &st, &e))
		fail_msg("%s", e.msg);
	return st.loss;
}

#endif
