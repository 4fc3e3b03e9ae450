/* How well the scores of a reward model agree with judgements of answers. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/rowsource.h"
#include "common/scorer.h"
#include "eval/eval.h"
#include "eval/report.h"
#include "eval/result.h"
#include "loss/reward.h"

/* Two answers of a record of which one is better; or one answer, compared with a score of 0. */
struct pair {
	size_t record;
	double margin;            /* score of the better one less that of the other */
	size_t length, other;     /* tokens of the better answer and of the other, 0: there is none */
};

struct judged_pairs {
	struct pair *items;
	size_t n, cap, records;
	uint64_t ties;
};

/* ---- measures ---- */

enum { ACCURACY, LOSS, MARGIN, ECE, LONGER, PAIR_MEASURES };
static const char *const names[PAIR_MEASURES] = {"accuracy", "loss", "margin", "ece", "longer_is_better"};

static double
above(double a, double b)
{
	return a > b ? 1 : a < b ? 0 : 0.5;
}

/* By the probability of the answer that the model takes for the better one. */
static void
fill_bins(const struct judged_pairs *p, const uint32_t *times, struct calibration_bin bins[CALIBRATION_BINS])
{
	memset(bins, 0, CALIBRATION_BINS * sizeof *bins);
	for (size_t i = 0; i < p->n; i++) {
		double w = times ? times[p->items[i].record] : 1, sure = 1 + logistic_slope(fabs(p->items[i].margin));
		size_t b = (size_t)(sure * CALIBRATION_BINS);
		struct calibration_bin *bin = &bins[b < CALIBRATION_BINS ? b : CALIBRATION_BINS - 1];
		bin->points += w;
		bin->confidence += w * sure;
		bin->right += w * above(p->items[i].margin, 0);
	}
}

static int
measure_pairs(const void *ctx, const uint32_t *times, double *out, struct err *e)
{
	(void)e;
	const struct judged_pairs *p = ctx;
	struct calibration_bin bins[CALIBRATION_BINS];
	double all = 0, two = 0, sum[PAIR_MEASURES] = {0};
	for (size_t i = 0; i < p->n; i++) {
		const struct pair *x = &p->items[i];
		double w = times ? times[x->record] : 1;
		all += w;
		sum[ACCURACY] += w * above(x->margin, 0);
		sum[LOSS] += w * logistic_loss(x->margin);
		sum[MARGIN] += w * x->margin;
		two += x->other ? w : 0;
		sum[LONGER] += x->other ? w * above((double)x->length, (double)x->other) : 0;
	}
	fill_bins(p, times, bins);
	for (int b = 0; b < CALIBRATION_BINS; b++)
		sum[ECE] += fabs(bins[b].confidence - bins[b].right);
	for (int m = 0; m < PAIR_MEASURES; m++)
		out[m] = sum[m] / (m == LONGER ? two : all);
	return 0;
}

/* ---- the result ---- */

static void
put(struct result *r, const char *group, const char *name, double x, bool count)
{
	char line[96];
	snprintf(line, sizeof line, "%s%s%s", group, *group ? "." : "", name);
	if (count)
		result_count(r, line, (uint64_t)x);
	else
		result_real(r, line, x);
}

/* The pairs that `member` is true of. */
static void
put_group(struct result *r, const char *group, const struct judged_pairs *p, bool (*member)(const struct pair *, size_t),
    size_t which)
{
	double n = 0, right = 0;
	for (size_t i = 0; i < p->n; i++)
		if (member(&p->items[i], which)) {
			n++;
			right += above(p->items[i].margin, 0);
		}
	if (n > 0) {
		put(r, group, "pairs", n, true);
		put(r, group, "accuracy", right / n, false);
	}
}

/* 0, 1, 2: the better answer is the longer one, the shorter one, as long. */
static bool
by_order(const struct pair *x, size_t which)
{
	return x->other && which == (x->length > x->other ? 0 : x->length < x->other ? 1 : 2);
}

/* The longer of the two has 2^which tokens or more, but not twice as many. */
static bool
by_length(const struct pair *x, size_t which)
{
	size_t n = x->length > x->other ? x->length : x->other;
	return n >> which == 1 || (n == 0 && which == 0);
}

static void
put_groups(struct result *r, const struct judged_pairs *p)
{
	static const char *const orders[] = {"better_longer", "better_shorter", "equally_long"};
	for (size_t i = 0; i < 3; i++)
		put_group(r, orders[i], p, by_order, i);
	for (size_t i = 0; i < 40; i++) {
		char name[64];
		snprintf(name, sizeof name, "length.%zu-%zu", (size_t)1 << i, ((size_t)2 << i) - 1);
		put_group(r, name, p, by_length, i);
	}
}

static void
report_pairs(const struct eval_opts *o, const struct judged_pairs *p, const struct ten_head *const *inputs)
{
	struct result r = {.json = o->json};
	struct calibration_bin bins[CALIBRATION_BINS];
	double value[PAIR_MEASURES], low[PAIR_MEASURES], high[PAIR_MEASURES];
	measure_pairs(p, NULL, value, NULL);
	if (o->bootstrap)
		report_intervals(o, p->records, PAIR_MEASURES, measure_pairs, p, low, high);
	for (int m = 0; m < PAIR_MEASURES; m++) {
		if (m == LONGER && isnan(value[m]))
			continue;
		put(&r, "", names[m], value[m], false);
		if (o->bootstrap) {
			put(&r, names[m], "low", low[m], false);
			put(&r, names[m], "high", high[m], false);
		}
	}
	put_groups(&r, p);
	put(&r, "", "records", (double)p->records, true);
	put(&r, "", "pairs", (double)p->n, true);
	put(&r, "", "ties", (double)p->ties, true);
	fill_bins(p, NULL, bins);
	if (o->calibration)
		report_calibration(o->calibration, bins, inputs, 2);
	result_write(&r, o->output);
}

/* ---- the data ---- */

static size_t
length(const struct rows *r, const struct candidate *c)
{
	size_t n = 0;
	for (size_t i = c->start; i < c->end; i++)
		n += r->targets[i] != TARGET_NONE;
	return n;
}

static void
add_pair(struct judged_pairs *p, double margin, size_t n, size_t other)
{
	struct err e;
	if (mem_grow(&p->items, &p->cap, p->n + 1, sizeof *p->items, "pairs", &e))
		cli_fail(&e);
	p->items[p->n++] = (struct pair){p->records, margin, n, other};
}

/* The pairs of the record that is all of r, and its scores. */
static void
add_record(struct judged_pairs *p, const struct rows *r, const double *score)
{
	const struct judged *j = &r->judged[0];
	const struct candidate *c = r->candidates;
	for (size_t a = 0; a < j->k && j->ranked; a++)
		for (size_t b = 0; b < j->k; b++) {
			if (c[a].rank < c[b].rank)
				add_pair(p, score[a] - score[b], length(r, &c[a]), length(r, &c[b]));
			p->ties += a < b && c[a].rank == c[b].rank;
		}
	if (!j->ranked)
		add_pair(p, j->liked ? score[0] : -score[0], length(r, &c[0]), 0);
	p->records++;
}

static bool
has(const struct row_source *s, const char *field)
{
	return ten_head_find(row_source_head(s), field) >= 0;
}

/* The scores of one record after the other. */
static void
run(const struct eval_opts *o, struct scorer *x, struct row_source *s, struct judged_pairs *pairs, struct predictions *ratings)
{
	struct err e;
	struct rows r = {0};
	struct cli_progress progress;
	int got;
	cli_progress_start(&progress, o->quiet, "records", s->records);
	while ((got = row_source_next(s, &r, &e)) > 0) {
		int rc = 0;
		scorer_reset(x);
		for (size_t c = 0; c < r.ncandidates && rc == 0; c++) {
			const struct candidate *a = &r.candidates[c];
			rc = scorer_add(x, r.ids + a->start, r.targets + a->start, a->end - a->start, a->scored - a->start, &e);
		}
		scorer_finish(x);
		for (size_t c = 0; c < x->n && rc == 0; c++)
			if (!isfinite(x->scores[c]))
				rc = err_set(&e, ERR_NONFINITE, "%s: record %" PRIu64 ": the score of answer %zu is not finite", s->name,
				    s->current, c + 1);
		if (rc)
			cli_fail(&e);
		if (s->needs & NEED_RATING) {
			if (predictions_add(ratings, 0, 0, x->scores, &r.judged[0].rating, &e) || predictions_end_record(ratings, &e))
				cli_fail(&e);
		} else {
			add_record(pairs, &r, x->scores);
		}
		rows_reset(&r);
		cli_progress_tick(&progress, pairs->records, "");
	}
	if (got < 0)
		cli_fail(&e);
	cli_progress_end(&progress);
	rows_free(&r);
}

void
eval_reward(const struct eval_opts *o, const char *file)
{
	struct err e;
	struct scorer x;
	struct row_source s;
	struct judged_pairs pairs = {0};
	struct predictions ratings = {.task = TASK_REGRESS, .outputs = 1};
	scorer_open(&x, o->model, false);
	if (row_source_open(&s, file, &x.model.cfg, ROWS_CANDIDATES, &e) ||
	    model_check_tokenizer(&x.model, row_source_head(&s), s.name, &e) ||
	    model_check_template(&x.model, row_source_head(&s), s.name, &e))
		cli_fail(&e);
	s.needs = has(&s, "ranks") ? NEED_RANKS : has(&s, "rating") ? NEED_RATING : NEED_LIKED;
	if (s.needs == NEED_LIKED && !has(&s, "liked"))
		cli_die(ERR_DATA, "%s: has neither ranks, rating nor liked to compare with", s.name);
	if (s.needs == NEED_RATING && o->calibration)
		cli_die(ERR_USAGE, "--calibration is of probabilities, which ratings are not");
	run(o, &x, &s, &pairs, &ratings);
	const struct ten_head *inputs[2] = {&x.model.head, row_source_head(&s)};
	if (s.needs == NEED_RATING) {
		if (predictions_finish(&ratings, NULL, &e))
			cli_fail(&e);
		report(o, &ratings, NULL, NULL, inputs, 2);
	} else if (pairs.n) {
		report_pairs(o, &pairs, inputs);
	} else {
		cli_die(ERR_DATA, "%s: all answers are ties", s.name);
	}
	cli_account(o->quiet, "records=%zu", s.needs == NEED_RATING ? ratings.records : pairs.records);
	predictions_free(&ratings);
	free(pairs.items);
	row_source_close(&s);
	scorer_close(&x);
}
