/* task_head.h - hidden states to the outputs of a task, and the gradient back: one linear layer over what is
 * pooled of a row, or for tags over the first token of each word. */
#ifndef TENON_MODEL_TASK_HEAD_H
#define TENON_MODEL_TASK_HEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "model/params.h"

struct task_head {
	const struct config *cfg;
	const struct params *table;
	struct arena arena;
	real *x, *dx;   /* (max_points, width) */
	real *z, *dz;   /* (max_points, outputs) */
	size_t *index;  /* (max_points): ends of rows, or tokens that have a tag */
	size_t n;       /* points of the last forward pass */
};

/* For batches of at most max_tokens tokens, which is also the most points. cfg and table are borrowed. */
int task_head_open(struct task_head *t, const struct config *cfg, const struct params *table, size_t max_tokens,
    struct err *e);
void task_head_close(struct task_head *t); /* a zeroed struct is fine */

/* What the head reads: sets x and n. ends (rows): tokens up to the end of each row, rows not empty; tags read the
 * tokens, n of them, whose target is not TARGET_NONE. */
void task_head_gather(struct task_head *t, const real *h, const size_t *ends, size_t rows, const int32_t *targets,
    size_t n);
/* z of the points gathered. The same bits for a point whatever is beside it. */
void task_head_forward(struct task_head *t, const real *w);
/* From dz: dx, and adds to the gradients g. */
void task_head_backward(struct task_head *t, const real *w, real *g);
/* From dx: sets dh (n tokens, width). Arguments as gather had them. */
void task_head_scatter(struct task_head *t, real *dh, const size_t *ends, size_t rows, size_t n);

#endif
