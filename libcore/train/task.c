#include "train/task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/dropout.h"

/* The dropout masks before the head; those of the trunk have lower sites. */
enum { SITE_TASK = 1 << 23 };

/* The labels of the points of a micro-batch: of its rows, or of its tokens that have one. Returns how many. */
static size_t
point_labels(const struct task_trainer *k, const struct rows *r, size_t from, size_t to, const int32_t *targets,
    size_t n)
{
	size_t m = 0;
	if (k->loss.task != TASK_TAG) {
		for (size_t i = from; i < to; i++)
			k->labels[m++] = r->ends[i].label;
		return m;
	}
	for (size_t i = 0; i < n; i++)
		if (targets[i] != TARGET_NONE)
			k->labels[m++] = targets[i];
	return m;
}

static int
whole_weight(const struct task_trainer *k, const struct trainer *t, struct rows *r, double *weight, size_t *points,
    struct err *e)
{
	*weight = 0;
	*points = 0;
	for (size_t from = 0, to; from < r->n; from = to) {
		struct batch b;
		const int32_t *targets;
		to = rows_batch(r, from, t->opts.max_tokens, &b, &targets);
		size_t n = point_labels(k, r, from, to, targets, b.n);
		*weight += labelled_weight(&k->loss, k->labels, n);
		*points += n;
	}
	double all[2] = {*weight, (double)*points};
	if (team_sum(t->team, all, 2, e))
		return -1;
	*weight = all[0];
	*points = (size_t)all[1];
	if (!*points)
		return err_set(e, ERR_DATA, "step %llu: none of the %zu rows has a label to train on",
		    (unsigned long long)t->step + 1, r->n);
	return 0;
}

static void
drop_points(const struct trainer *t, real *x, size_t points, size_t micro)
{
	if (t->opts.dropout > 0)
		dropout(x, points * t->cfg->width, t->opts.dropout, t->trunk.seed, t->step << 16 | micro, SITE_TASK);
}

static int
gradient(struct objective *o, struct trainer *t, struct rows *r, struct step_stats *s, struct err *e)
{
	struct task_trainer *k = (struct task_trainer *)o;
	struct task_head *h = &k->head;
	double weight, scale;
	size_t points;
	if (whole_weight(k, t, r, &weight, &points, e))
		return -1;
	if (!(weight > 0)) { /* all labels are of classes that weigh nothing */
		s->idle = true;
		return 0;
	}
	s->trained = points;
	scale = 1 / weight;
	for (size_t from = 0, to, micro = 0; from < r->n; from = to, micro++) {
		struct batch b;
		const int32_t *targets;
		to = rows_batch(r, from, t->opts.max_tokens, &b, &targets);
		trainer_forward(t, &b, micro);
		rows_ends(r, from, to, k->ends);
		point_labels(k, r, from, to, targets, b.n);
		task_head_gather(h, t->trunk.h, k->ends, to - from, targets, b.n);
		drop_points(t, h->x, h->n, micro);
		task_head_forward(h, t->w);
		s->loss += labelled_sum(&k->loss, h->dz, scale, h->z, k->labels,
		    r->values ? r->values + from * t->cfg->outputs : NULL, h->n);
		task_head_backward(h, t->w, t->g);
		drop_points(t, h->dx, h->n, micro);
		task_head_scatter(h, t->dh, k->ends, to - from, b.n);
		trainer_backward(t, &b, to == r->n);
	}
	if (team_sum(t->team, &s->loss, 1, e))
		return -1;
	s->loss *= scale;
	return 0;
}

int
task_open(struct task_trainer *k, struct trainer *t, const struct labelled_loss *loss, struct err *e)
{
	size_t n = trainer_room(&t->opts);
	*k = (struct task_trainer){.loss = *loss};
	k->loss.task = t->cfg->task;
	k->loss.outputs = t->cfg->outputs;
	k->objective.gradient = gradient;
	for (int pass = 0; pass < 2; pass++) {
		k->ends = arena_carve(&k->arena, n, sizeof *k->ends);
		k->labels = arena_carve(&k->arena, n, sizeof *k->labels);
		if (pass == 0 && arena_commit(&k->arena, "labels", e))
			return -1;
	}
	if (task_head_open(&k->head, t->cfg, t->table, n, e)) {
		task_close(k);
		return -1;
	}
	trainer_freeze(t, SLOT_TRANSFORM, SLOT_HEAD_B, true);
	trainer_freeze(t, SLOT_SCORE, SLOT_SCORE_B, false);
	trainer_plan(t);
	t->objective = &k->objective;
	return 0;
}

void
task_close(struct task_trainer *k)
{
	task_head_close(&k->head);
	arena_close(&k->arena);
	memset(k, 0, sizeof *k);
}

/* ---- prediction ---- */

static int
add_point(struct predictions *p, const struct task_head *h, size_t i, int32_t label, const real *values,
    double *scores, double *truth, struct err *e)
{
	size_t k = h->cfg->outputs;
	for (size_t j = 0; j < k; j++)
		if (!isfinite(h->z[i * k + j]))
			return err_set(e, ERR_NONFINITE, "record %zu: output %zu of the model is not finite", p->records, j);
	int32_t said = labelled_scores(h->cfg->task, scores, h->z + i * k, k);
	for (size_t j = 0; j < k; j++)
		truth[j] = values ? (double)values[j] : 0;
	return predictions_add(p, label, said, scores, truth, e);
}

static int
add_rows(struct predictions *p, const struct task_head *h, const struct rows *r, size_t from, size_t to,
    const int32_t *targets, double *scores, double *truth, struct err *e)
{
	size_t k = h->cfg->outputs, start = from ? r->ends[from - 1].tokens : 0;
	for (size_t row = from, i = 0; row < to; row++) {
		if (h->cfg->task == TASK_TAG) {
			for (; i < h->n && h->index[i] + start < r->ends[row].tokens; i++)
				if (add_point(p, h, i, targets[h->index[i]], NULL, scores, truth, e))
					return -1;
		} else if (add_point(p, h, row - from, r->ends[row].label, r->values ? r->values + row * k : NULL, scores,
		    truth, e)) {
			return -1;
		}
		if (predictions_end_record(p, e))
			return -1;
	}
	return 0;
}

int
task_predict(struct task_head *h, struct trunk *trunk, const real *w, struct rows *r, size_t max_tokens,
    struct predictions *p, struct err *e)
{
	size_t k = h->cfg->outputs;
	double *scores = mem_zalloc(2 * k, sizeof *scores, "scores", e);
	size_t *ends = mem_zalloc(r->n, sizeof *ends, "rows", e);
	int rc = scores && ends ? 0 : -1;
	p->task = h->cfg->task;
	p->outputs = k;
	p->scored = true;
	trunk->dropout = 0;
	for (size_t from = 0, to; rc == 0 && from < r->n; from = to) {
		struct batch b;
		const int32_t *targets;
		to = rows_batch(r, from, max_tokens, &b, &targets);
		trunk_forward(trunk, w, &b, NULL);
		rows_ends(r, from, to, ends);
		task_head_gather(h, trunk->h, ends, to - from, targets, b.n);
		task_head_forward(h, w);
		rc = add_rows(p, h, r, from, to, targets, scores, scores + k, e);
	}
	free(scores);
	free(ends);
	return rc;
}
