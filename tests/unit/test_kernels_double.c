/* Gradients of the element-wise kernels against central differences, in double, on odd
 * shapes: every input of every kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/act.h"
#include "math/dropout.h"
#include "math/elem.h"
#include "math/norm.h"
#include "math/softmax.h"
#include "unit/gradients.h"

enum { INPUTS = 3 };
#define OFFSET 0.5 /* what stands in gradients that are added to */

/* A function of up to three arrays; the loss is the inner product of its outputs with w. */
struct ctx {
	size_t n, c, len[INPUTS], ny;
	double *in[INPUTS], *grad[INPUTS], *y, *w, *x, *mean, *rstd;
	int32_t *ids, *pos;
	int variant;
	void (*forward)(struct ctx *);
	void (*backward)(struct ctx *); /* leaves true gradient + OFFSET in grad */
};

static uint64_t counter;

static double *
numbers(size_t n)
{
	double *p = calloc(n + 1, sizeof *p);
	for (size_t i = 0; i < n; i++)
		p[i] = 1.5 * rng_normal(11, RNG_TEST, 0, counter++);
	return p;
}

static void
setup(struct ctx *k, size_t n, size_t c, size_t len0, size_t len1, size_t len2, size_t ny)
{
	const size_t len[INPUTS] = {len0, len1, len2};
	k->n = n;
	k->c = c;
	k->ny = ny;
	k->w = numbers(ny);
	k->y = numbers(ny);
	k->x = numbers(2 * n * c);
	k->mean = numbers(n);
	k->rstd = numbers(n);
	k->ids = calloc(n, sizeof *k->ids);
	k->pos = calloc(n, sizeof *k->pos);
	for (size_t i = 0; i < INPUTS; i++) {
		k->len[i] = len[i];
		k->in[i] = numbers(len[i]);
		k->grad[i] = numbers(len[i]);
		for (size_t j = 0; j < len[i]; j++)
			k->grad[i][j] = OFFSET;
	}
}

static double
loss(struct ctx *k)
{
	double s = 0;
	k->forward(k);
	for (size_t i = 0; i < k->ny; i++)
		s += k->w[i] * k->y[i];
	return s;
}

static void
check(struct ctx *k)
{
	k->forward(k);
	k->backward(k);
	for (size_t i = 0; i < INPUTS; i++)
		for (size_t j = 0; j < k->len[i]; j++) {
			double want = DIFFERENCE(k->in[i][j], 1e-5, loss(k)), got = k->grad[i][j] - OFFSET;
			if (!(fabs(got - want) <= 1e-7 * (1 + fabs(want))))
				fail_msg("input %zu, element %zu: %.12g, differences give %.12g", i, j, got, want);
		}
	for (size_t i = 0; i < INPUTS; i++) {
		free(k->in[i]);
		free(k->grad[i]);
	}
	free(k->w);
	free(k->y);
	free(k->x);
	free(k->mean);
	free(k->rstd);
	free(k->ids);
	free(k->pos);
}

static const size_t shapes[][2] = {{1, 1}, {5, 7}, {67, 9}, {2, 259}, {3, 64}};
#define FOR_SHAPES                                                                             \
	for (size_t i = 0, n, c; i < sizeof shapes / sizeof *shapes &&                             \
	     (n = shapes[i][0], c = shapes[i][1], 1); i++)

static void
layernorm_f(struct ctx *k)
{
	layernorm_forward(k->y, k->mean, k->rstd, k->in[0], k->in[1], k->len[2] ? k->in[2] : NULL,
	    k->n, k->c, 1e-2);
}

static void
layernorm_b(struct ctx *k)
{
	layernorm_backward(k->grad[0], k->grad[1], k->len[2] ? k->grad[2] : NULL, k->w, k->in[0],
	    k->mean, k->rstd, k->in[1], k->n, k->c);
}

static void
test_layernorm(void **state)
{
	(void)state;
	for (int bias = 0; bias < 2; bias++)
		FOR_SHAPES {
			struct ctx k = {.forward = layernorm_f, .backward = layernorm_b};
			setup(&k, n, c, n * c, c, bias ? c : 0, n * c);
			check(&k);
		}
}

static void
rmsnorm_f(struct ctx *k)
{
	rmsnorm_forward(k->y, k->rstd, k->in[0], k->in[1], k->n, k->c, 1e-2);
}

static void
rmsnorm_b(struct ctx *k)
{
	rmsnorm_backward(k->grad[0], k->grad[1], k->w, k->in[0], k->rstd, k->in[1], k->n, k->c);
}

static void
test_rmsnorm(void **state)
{
	(void)state;
	FOR_SHAPES {
		struct ctx k = {.forward = rmsnorm_f, .backward = rmsnorm_b};
		setup(&k, n, c, n * c, c, 0, n * c);
		check(&k);
	}
}

/* c is the size of a head, variant their number; a row has three numbers more, which stay as they are. */
static void
headnorm_f(struct ctx *k)
{
	memcpy(k->y, k->in[0], k->ny * sizeof *k->y);
	headnorm_forward(k->y, (size_t)k->variant * k->c + 3, k->x, k->rstd, k->in[1], k->n, (size_t)k->variant, k->c, 1e-2);
}

static void
headnorm_b(struct ctx *k)
{
	double *d = k->grad[0];
	memcpy(d, k->w, k->len[0] * sizeof *d);
	headnorm_backward(d, (size_t)k->variant * k->c + 3, k->grad[1], k->x, k->rstd, k->in[1], k->n, (size_t)k->variant, k->c);
	for (size_t i = 0; i < k->len[0]; i++)
		d[i] += OFFSET;
}

static void
test_headnorm(void **state)
{
	(void)state;
	for (int heads = 1; heads <= 2; heads++)
		FOR_SHAPES {
			struct ctx k = {.forward = headnorm_f, .backward = headnorm_b, .variant = heads};
			size_t ld = (size_t)heads * c + 3;
			setup(&k, n, c, n * ld, c, 0, n * ld);
			free(k.rstd);
			k.rstd = numbers(n * (size_t)heads);
			check(&k);
		}
}

static void
act_f(struct ctx *k)
{
	memcpy(k->x, k->in[0], k->len[0] * sizeof *k->x);
	act_forward((enum act)(k->variant & 7), k->y, k->x, k->len[1] ? k->in[1] : NULL, k->n, k->c);
}

/* dx apart, in the place of dy (not for gated units), and in the place of x. */
static void
act_b(struct ctx *k)
{
	enum act act = (enum act)(k->variant & 7);
	double *db = k->len[1] ? k->grad[1] : NULL, *dx = k->grad[0], *dy = k->w;
	double *copy = calloc(k->ny, sizeof *copy);
	memcpy(copy, k->w, k->ny * sizeof *copy);
	if (k->variant & 8)
		dx = act_width(act) == 1 ? (dy = copy) : k->x;
	else if (k->variant & 16)
		dx = k->x;
	act_backward(act, dx, db, dy, k->x, k->n, k->c);
	for (size_t i = 0; i < k->len[0]; i++)
		k->grad[0][i] = dx[i] + OFFSET;
	free(copy);
}

static void
test_activations(void **state)
{
	(void)state;
	for (int variant = 0; variant < 24; variant++)
		FOR_SHAPES {
			if ((variant & 7) > ACT_RELU)
				continue;
			struct ctx k = {.forward = act_f, .backward = act_b, .variant = variant};
			size_t w = act_width((enum act)(variant & 7)) * c;
			setup(&k, n, c, n * w, variant & 16 ? 0 : w, 0, n * c);
			check(&k);
		}
}

static void
residual_f(struct ctx *k)
{
	residual_add(k->y, k->in[0], k->in[1], k->len[2] ? k->in[2] : NULL, k->n, k->c);
}

static void
residual_b(struct ctx *k)
{
	for (size_t i = 0; i < k->ny; i++) {
		k->grad[0][i] += k->w[i];
		k->grad[1][i] += k->w[i];
	}
	if (k->len[2])
		column_sum_add(k->grad[2], k->w, k->n, k->c);
}

static void
bias_f(struct ctx *k)
{
	memcpy(k->y, k->in[0], k->ny * sizeof *k->y);
	bias_add(k->y, k->in[1], k->n, k->c);
}

static void
bias_b(struct ctx *k)
{
	for (size_t i = 0; i < k->ny; i++)
		k->grad[0][i] += k->w[i];
	column_sum_add(k->grad[1], k->w, k->n, k->c);
}

static void
test_sums(void **state)
{
	(void)state;
	FOR_SHAPES {
		for (size_t bias = 0; bias < 2; bias++) {
			struct ctx k = {.forward = residual_f, .backward = residual_b};
			setup(&k, n, c, n * c, n * c, bias * c, n * c);
			check(&k);
		}
		struct ctx k = {.forward = bias_f, .backward = bias_b};
		setup(&k, n, c, n * c, c, 0, n * c);
		check(&k);
	}
}

static void
embedding_f(struct ctx *k)
{
	embedding_forward(k->y, k->ids, k->pos, k->in[0], k->len[1] ? k->in[1] : NULL, k->n, k->c);
}

static void
embedding_b(struct ctx *k)
{
	embedding_backward(k->grad[0], k->len[1] ? k->grad[1] : NULL, k->w, k->ids, k->pos, k->n,
	    k->c);
}

static void
test_embedding(void **state)
{
	(void)state;
	for (size_t wpe = 0; wpe < 2; wpe++)
		FOR_SHAPES {
			struct ctx k = {.forward = embedding_f, .backward = embedding_b};
			setup(&k, n, c, 11 * c, wpe * 5 * c, 0, n * c);
			for (size_t j = 0; j < n; j++) {
				k.ids[j] = (int32_t)(j * j % 11);
				k.pos[j] = (int32_t)(j % 5);
			}
			check(&k);
		}
}

enum { HEADS = 3, MAX_POS = 10, GAP = 5 };

/* Heads stand in rows that are GAP wider than they are. */
static void
rope_f(struct ctx *k)
{
	double co[MAX_POS * 16], si[MAX_POS * 16];
	rope_table(co, si, MAX_POS, k->c, 100, NULL);
	memcpy(k->y, k->in[0], k->ny * sizeof *k->y);
	rope_forward(k->y, k->pos, co, si, k->n, HEADS, k->c, HEADS * k->c + GAP);
}

static void
rope_b(struct ctx *k)
{
	double co[MAX_POS * 16], si[MAX_POS * 16];
	double *d = calloc(k->ny, sizeof *d);
	memcpy(d, k->w, k->ny * sizeof *d);
	rope_table(co, si, MAX_POS, k->c, 100, NULL);
	rope_backward(d, k->pos, co, si, k->n, HEADS, k->c, HEADS * k->c + GAP);
	for (size_t i = 0; i < k->ny; i++)
		k->grad[0][i] += d[i];
	free(d);
}

static void
test_rope(void **state)
{
	(void)state;
	for (size_t hd = 2; hd <= 18; hd += 8) {
		struct ctx k = {.forward = rope_f, .backward = rope_b};
		size_t n = 7, len = n * (HEADS * hd + GAP);
		setup(&k, n, hd, len, 0, 0, len);
		for (size_t j = 0; j < n; j++)
			k.pos[j] = (int32_t)(3 * j % MAX_POS);
		check(&k);
	}
	/* the definition: x of position t as a complex number times e^(i t w) */
	double co[MAX_POS * 2], si[MAX_POS * 2], x[4] = {1, 2, 3, 4};
	int32_t pos = 9;
	rope_table(co, si, MAX_POS, 4, 10000, NULL);
	rope_forward(x, &pos, co, si, 1, 1, 4, 4);
	assert_true(fabs(x[0] - (1 * cos(9) - 3 * sin(9))) < 1e-14);
	assert_true(fabs(x[2] - (3 * cos(9) + 1 * sin(9))) < 1e-14);
	assert_true(fabs(x[1] - (2 * cos(0.09) - 4 * sin(0.09))) < 1e-14);
	assert_true(fabs(x[3] - (4 * cos(0.09) + 2 * sin(0.09))) < 1e-14);
}

/* Against the piecewise formula over wave lengths, computed in Python: 8-fold, low 1, high 4, of 8192 positions. */
static void
test_rope_scaling(void **state)
{
	(void)state;
	static const struct { size_t i; double w; } want[] = {
	    {0, 1.0},
	    {10, 0.12868737343265052},
	    {28, 0.0032114459947525913},
	    {30, 0.0013718935677611381},
	    {32, 0.0005248461609929547},
	    {34, 0.00017850781276799638},
	    {36, 7.78465527393245e-05},
	    {50, 4.411534674558404e-06},
	    {63, 3.068925988914511e-07}};
	struct rope_scaling s = {ROPE_LLAMA3, 8, 1, 4, 8192};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		assert_true(fabs(rope_frequency(want[i].i, 128, 500000, &s) / want[i].w - 1) < 1e-12);
	s = (struct rope_scaling){.kind = ROPE_LINEAR, .factor = 4};
	assert_true(fabs(rope_frequency(5, 16, 10000, &s) / 0.0007905694150420947 - 1) < 1e-12);
	double co[8], si[8];
	rope_table(co, si, 4, 4, 10000, &s);
	assert_true(fabs(co[6] - cos(0.75)) < 1e-15 && fabs(si[7] - sin(0.0075)) < 1e-15);
}

static void
dropout_f(struct ctx *k)
{
	memcpy(k->y, k->in[0], k->ny * sizeof *k->y);
	dropout(k->y, k->ny, 0.3, 1, 2, 3);
}

static void
dropout_b(struct ctx *k)
{
	double *d = calloc(k->ny, sizeof *d);
	memcpy(d, k->w, k->ny * sizeof *d);
	dropout(d, k->ny, 0.3, 1, 2, 3);
	for (size_t i = 0; i < k->ny; i++)
		k->grad[0][i] += d[i];
	free(d);
}

static void
test_dropout(void **state)
{
	(void)state;
	FOR_SHAPES {
		struct ctx k = {.forward = dropout_f, .backward = dropout_b};
		setup(&k, n, c, n * c, 0, 0, n * c);
		check(&k);
	}
}

/* Rows of c logits, 3 apart from each other; y holds n log-probabilities, then n entropies. */
static void
xent_f(struct ctx *k)
{
	bool entropy = k->variant;
	xent_forward(k->y, k->rstd, entropy ? k->y + k->n : NULL, NULL, k->in[0], k->ids, k->n, k->c,
	    k->c + 3);
}

static void
xent_b(struct ctx *k)
{
	bool entropy = k->variant;
	double *z = calloc(k->len[0] + 1, sizeof *z);
	memcpy(z, k->in[0], k->len[0] * sizeof *z);
	xent_backward(z, k->rstd, entropy ? k->y + k->n : NULL, k->ids, k->w,
	    entropy ? k->w + k->n : NULL, k->n, k->c, k->c + 3);
	for (size_t i = 0; i < k->len[0]; i++) {
		if (i % (k->c + 3) < k->c)
			k->grad[0][i] += z[i];
		else
			assert_true(z[i] == k->in[0][i]);
	}
	free(z);
}

static void
test_xent(void **state)
{
	(void)state;
	for (int entropy = 0; entropy < 2; entropy++)
		FOR_SHAPES {
			struct ctx k = {.forward = xent_f, .backward = xent_b, .variant = entropy};
			setup(&k, n, c, n * (c + 3), 0, 0, entropy ? 2 * n : n);
			for (size_t j = 0; j < n; j++)
				k.ids[j] = j % 4 == 3 ? -100 : (int32_t)(j * 5 % c);
			check(&k);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_layernorm),
	    cmocka_unit_test(test_rmsnorm),
	    cmocka_unit_test(test_headnorm),
	    cmocka_unit_test(test_activations),
	    cmocka_unit_test(test_sums),
	    cmocka_unit_test(test_embedding),
	    cmocka_unit_test(test_rope),
	    cmocka_unit_test(test_rope_scaling),
	    cmocka_unit_test(test_dropout),
	    cmocka_unit_test(test_xent),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kernels_double", tests, NULL, NULL);
}
