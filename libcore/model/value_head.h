/* value_head.h - hidden states to one number at chosen tokens, and the gradient back: a linear layer. */
#ifndef TENON_MODEL_VALUE_HEAD_H
#define TENON_MODEL_VALUE_HEAD_H

#include <stddef.h>

#include "base/mem.h"
#include "model/params.h"

struct value_head {
	const struct config *cfg;
	const struct params *table;
	struct arena arena;
	real *x, *dx;   /* (max_points, width): the states that are read */
	real *z, *dz;   /* (max_points) */
	size_t *index;  /* (max_points): the tokens, ascending */
	size_t n;
};

/* For at most max_points tokens of a batch. cfg and table are borrowed. ERR_DATA for a model without value head. */
int value_head_open(struct value_head *v, const struct config *cfg, const struct params *table, size_t max_points,
    struct err *e);
void value_head_close(struct value_head *v); /* a zeroed struct is fine */

/* The caller sets index and n; sets x from the hidden states h. */
void value_head_gather(struct value_head *v, const real *h);
/* z of the points gathered. The same bits for a point whatever is beside it. */
void value_head_forward(struct value_head *v, const real *w);
/* From dz: dx, and adds to the gradients g. */
void value_head_backward(struct value_head *v, const real *w, real *g);
/* From dx: sets dh (n tokens, width). */
void value_head_scatter(const struct value_head *v, real *dh, size_t n);

#endif
