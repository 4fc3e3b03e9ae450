/* What embeddings are good for: a probe, neighbours, geometry. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/embedding.h"
#include "eval/eval.h"
#include "eval/logistic.h"
#include "eval/nearest.h"
#include "eval/result.h"
#include "math/unit.h"

/* ---- classification ---- */

/* Accuracy, the mean of the classes' F1 (a class that never occurs and is never said counts 0), and what the
 * most frequent class alone would give. */
static void
report_classes(struct result *r, const int32_t *said, const int32_t *labels, size_t n, size_t classes)
{
	double *counts = cli_zalloc(3 * classes, sizeof *counts, "results"), f1 = 0, right = 0, most = 0;
	double *hit = counts, *is = counts + classes, *says = counts + 2 * classes;
	for (size_t i = 0; i < n; i++) {
		is[labels[i]]++;
		says[said[i]]++;
		hit[labels[i]] += said[i] == labels[i];
	}
	for (size_t c = 0; c < classes; c++) {
		f1 += is[c] + says[c] > 0 ? 2 * hit[c] / (is[c] + says[c]) : 0;
		right += hit[c];
		most = fmax(most, is[c]);
	}
	result_real(r, "accuracy", right / (double)n);
	result_real(r, "macro_f1", f1 / (double)classes);
	result_real(r, "most_frequent", most / (double)n);
	free(counts);
}

static double
accuracy(const int32_t *said, const int32_t *labels, size_t n)
{
	size_t right = 0;
	for (size_t i = 0; i < n; i++)
		right += said[i] == labels[i];
	return (double)right / (double)n;
}

static void
same_dim(const struct embeddings *a, const struct embeddings *b)
{
	if (a->dim != b->dim || !a->x != !b->x)
		cli_die(ERR_DATA, "%s has embeddings of %zu numbers, %s of %zu", a->name, a->dim, b->name, b->dim);
}

/* ---- the probe ---- */

/* Rows [from, to) of x and its labels. */
static struct features
slice(const struct features *x, size_t from, size_t to)
{
	struct features f = *x;
	f.n = to - from;
	if (x->start)
		f.start = x->start + from; /* entries are addressed absolutely */
	else
		f.dense = x->dense + from * x->dim;
	return f;
}

static void
fit(struct logistic *m, const struct features *x, const int32_t *labels, size_t classes, double l2)
{
	struct err e;
	if (logistic_fit(m, x, labels, classes, l2, &e))
		cli_fail(&e);
}

static double
apply(const struct logistic *m, const struct features *x, const int32_t *labels, int32_t *said)
{
	struct err e;
	double loss = logistic_apply(m, x, labels, said, &e);
	if (isnan(loss))
		cli_die(ERR_NONFINITE, "the probe's loss is not a number");
	return loss;
}

/* The penalty with the lowest loss on the last fifth of the training data, when fitted on the rest. */
static double
choose_l2(const struct features *x, const int32_t *labels, size_t classes)
{
	double best = 1e-2, lowest = (double)INFINITY;
	size_t held = x->n / 5, rest = x->n - held;
	if (held == 0)
		return best;
	struct features in = slice(x, 0, rest), out = slice(x, rest, x->n);
	int32_t *said = cli_zalloc(held, sizeof *said, "results");
	for (double l2 = 1e-6; l2 < 2; l2 *= 10) {
		struct logistic m = {0};
		fit(&m, &in, labels, classes, l2);
		double loss = apply(&m, &out, labels + rest, said);
		if (loss < lowest) {
			lowest = loss;
			best = l2;
		}
		logistic_free(&m);
	}
	free(said);
	return best;
}

void
eval_probe(const struct eval_opts *o, const char *file)
{
	struct label_set set = {0};
	struct embeddings train, test;
	struct result r = {.json = o->json};
	struct logistic m = {0};
	embeddings_load(&train, o->train, true, &set, false);
	embeddings_load(&test, file, true, &set, true);
	same_dim(&train, &test);
	if (set.n < 2)
		cli_die(ERR_DATA, "%s: all labels are `%s'", train.name, set.names[0]);
	if (train.x) {
		real *mean = cli_zalloc(train.dim, sizeof *mean, "results"), *scale = cli_zalloc(train.dim, sizeof *scale, "results");
		features_standardise(train.x, train.n, train.dim, mean, scale, true);
		features_standardise(test.x, test.n, test.dim, mean, scale, false);
		free(mean);
		free(scale);
	}
	struct features x = embeddings_features(&train), y = embeddings_features(&test);
	int32_t *said = cli_zalloc(train.n > test.n ? train.n : test.n, sizeof *said, "results");
	double l2 = o->l2 >= 0 ? o->l2 : choose_l2(&x, train.labels, set.n);
	fit(&m, &x, train.labels, set.n, l2);
	apply(&m, &x, train.labels, said);
	double seen = accuracy(said, train.labels, train.n);
	double loss = apply(&m, &y, test.labels, said);
	report_classes(&r, said, test.labels, test.n, set.n);
	result_real(&r, "loss", loss);
	result_real(&r, "train_accuracy", seen);
	result_real(&r, "l2", l2);
	result_count(&r, "classes", set.n);
	result_count(&r, "features", train.dim);
	result_count(&r, "train_records", train.n);
	result_count(&r, "records", test.n);
	result_write(&r, o->output);
	free(said);
	logistic_free(&m);
	embeddings_free(&train);
	embeddings_free(&test);
	label_set_free(&set);
}

/* ---- neighbours ---- */

static void
to_unit(struct embeddings *m)
{
	real *inv = cli_zalloc(m->n, sizeof *inv, "results");
	unit_forward(m->x, inv, m->x, m->n, m->dim);
	free(inv);
}

static void
find(size_t **found, real **score, const struct embeddings *queries, const struct embeddings *index, size_t k,
    bool same)
{
	struct err e;
	if (k > index->n - same)
		cli_die(ERR_USAGE, "%zu neighbours, but %s has %zu embeddings%s", k, index->name, index->n,
		    same ? ", and none is its own neighbour" : "");
	*found = cli_zalloc(queries->n * k, sizeof **found, "results");
	*score = cli_zalloc(queries->n * k, sizeof **score, "results");
	if (nearest(*found, *score, queries->x, queries->n, index->x, index->n, index->dim, k, same, &e))
		cli_fail(&e);
}

void
eval_knn(const struct eval_opts *o, const char *file)
{
	struct label_set set = {0};
	struct embeddings train, test;
	struct result r = {.json = o->json};
	size_t *found;
	real *score;
	embeddings_load(&train, o->train, false, &set, false);
	embeddings_load(&test, file, false, &set, true);
	same_dim(&train, &test);
	to_unit(&train);
	to_unit(&test);
	find(&found, &score, &test, &train, o->knn, false);
	int32_t *said = cli_zalloc(test.n, sizeof *said, "results");
	double *work = cli_zalloc(2 * set.n, sizeof *work, "results");
	for (size_t i = 0; i < test.n; i++)
		said[i] = nearest_vote(found + i * o->knn, score + i * o->knn, o->knn, train.labels, set.n, work);
	report_classes(&r, said, test.labels, test.n, set.n);
	result_count(&r, "neighbours", o->knn);
	result_count(&r, "classes", set.n);
	result_count(&r, "train_records", train.n);
	result_count(&r, "records", test.n);
	result_write(&r, o->output);
	free(said);
	free(work);
	free(found);
	free(score);
	embeddings_free(&train);
	embeddings_free(&test);
	label_set_free(&set);
}

void
eval_search(const struct eval_opts *o, const char *file)
{
	struct err e;
	struct embeddings queries, other;
	struct cli_out out;
	struct ten_head h = {.kind = "neighbours"};
	size_t *found, k = o->search;
	real *score;
	uint64_t dims[1] = {k}, *numbers = cli_zalloc(k, sizeof *numbers, "results");
	embeddings_load(&queries, file, false, NULL, false);
	to_unit(&queries);
	if (o->train) {
		embeddings_load(&other, o->train, false, NULL, false);
		same_dim(&queries, &other);
		to_unit(&other);
	}
	const struct embeddings *index = o->train ? &other : &queries;
	const struct ten_head *inputs[2] = {&queries.head, &index->head};
	find(&found, &score, &queries, index, k, !o->train);
	if (ten_head_add(&h, "source", TEN_UINT, 64, 0, NULL, &e) ||
	    ten_head_add(&h, "neighbours", TEN_UINT, 64, 1, dims, &e) ||
	    ten_head_add(&h, "cosine", TEN_FLOAT, 32, 1, dims, &e))
		cli_fail(&e);
	cli_open_out(&out, o->output, &h, inputs, 2, NULL, NULL);
	for (size_t i = 0; i < queries.n; i++) {
		for (size_t j = 0; j < k; j++)
			numbers[j] = index->source[found[i * k + j]];
		struct ten_value v[3] = {ten_vector(&queries.source[i], 1), ten_vector(numbers, k), ten_vector(score + i * k, k)};
		cli_write(&out, v);
	}
	cli_close_out(&out);
	cli_account(o->quiet, "queries=%zu searched=%zu neighbours=%zu", queries.n, index->n, k);
	free(numbers);
	free(found);
	free(score);
	if (o->train)
		embeddings_free(&other);
	embeddings_free(&queries);
	ten_head_free(&h);
}

/* ---- geometry ---- */

void
eval_geometry(const struct eval_opts *o, const char *file)
{
	struct err e;
	struct embeddings m;
	struct result r = {.json = o->json};
	double u;
	embeddings_load(&m, file, false, NULL, false);
	if (m.n < 2)
		cli_die(ERR_DATA, "%s: needs at least two embeddings", m.name);
	to_unit(&m);
	bool pairs = m.n % 2 == 0;
	for (size_t i = 0; pairs && i < m.n; i += 2)
		pairs = m.source[i] == m.source[i + 1];
	if (uniformity(&u, m.x, m.n, m.dim, &e))
		cli_fail(&e);
	if (pairs)
		result_real(&r, "alignment", alignment(m.x, m.n, m.dim));
	result_real(&r, "uniformity", u);
	result_count(&r, "records", m.n);
	result_write(&r, o->output);
	embeddings_free(&m);
}
