#include "eval/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "common/cli.h"
#include "eval/result.h"

static void
put(struct result *r, const char *a, const char *b, const char *c, double x)
{
	char *name;
	if (asprintf(&name, "%s%s%s%s%s", a, *b ? "." : "", b, *c ? "." : "", c) < 0)
		cli_die(ERR_RUNTIME, "out of memory");
	if (floor(x) == x && fabs(x) < 0x1p53 && x >= 0 && (strcmp(c, "records") == 0 || strcmp(a, "confusion") == 0))
		result_count(r, name, (uint64_t)x);
	else
		result_real(r, name, x);
	free(name);
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

void
report_intervals(const struct eval_opts *o, size_t records, size_t measures, report_measure *fn, const void *ctx, double *low,
    double *high)
{
	size_t n = o->bootstrap;
	double *all = cli_zalloc(n * measures, sizeof *all, "results"), *column = cli_zalloc(n, sizeof *column, "results");
	bool failed = false;
#pragma omp parallel for schedule(dynamic, 8)
	for (size_t b = 0; b < n; b++) {
		struct err mine;
		uint32_t *times = mem_zalloc(records, sizeof *times, "a resample", &mine);
		for (size_t i = 0; times && i < records; i++)
			times[rng_below(records, o->seed, RNG_BOOTSTRAP, b, i)]++;
		if (!times || fn(ctx, times, all + b * measures, &mine)) {
#pragma omp atomic write
			failed = true;
		}
		free(times);
	}
	if (failed)
		cli_die(ERR_RUNTIME, "out of memory");
	for (size_t m = 0; m < measures; m++) {
		size_t k = 0;
		for (size_t b = 0; b < n; b++)
			if (!isnan(all[b * measures + m]))
				column[k++] = all[b * measures + m];
		qsort(column, k, sizeof *column, ascending);
		low[m] = k ? column[(size_t)(0.025 * (double)(k - 1) + 0.5)] : (double)NAN;
		high[m] = k ? column[(size_t)(0.975 * (double)(k - 1) + 0.5)] : (double)NAN;
	}
	free(all);
	free(column);
}

static int
measure_resample(const void *ctx, const uint32_t *times, double *out, struct err *e)
{
	return measure(ctx, times, out, e);
}

static void
put_measures(struct result *r, const struct eval_opts *o, const struct predictions *p)
{
	struct err e;
	double value[MEASURES], low[MEASURES], high[MEASURES];
	if (measure(p, NULL, value, &e))
		cli_fail(&e);
	if (o->bootstrap)
		report_intervals(o, p->records, MEASURES, measure_resample, p, low, high);
	for (enum measure m = 0; m < MEASURES; m++) {
		bool scored = p->scored || p->task == TASK_REGRESS || (m != MEASURE_LOSS && m != MEASURE_ECE);
		if (!measure_applies(m, p->task) || !scored)
			continue;
		put(r, measure_name(m), "", "", value[m]);
		if (o->bootstrap) {
			put(r, measure_name(m), "low", "", low[m]);
			put(r, measure_name(m), "high", "", high[m]);
		}
	}
}

/* ---- classes and entities ---- */

static void
put_tally(struct result *r, const char *what, const char *name, double is, double said, double both)
{
	put(r, what, name, "precision", said > 0 ? both / said : (double)NAN);
	put(r, what, name, "recall", is > 0 ? both / is : (double)NAN);
	put(r, what, name, "f1", is + said > 0 ? 2 * both / (is + said) : (double)NAN);
	put(r, what, name, "records", is);
}

static void
put_classes(struct result *r, const struct predictions *p, const struct label_set *names)
{
	size_t k = p->outputs, wide = p->task == TASK_MULTILABEL ? 4 : k;
	double *n = cli_zalloc(k * wide, sizeof *n, "results");
	measure_confusion(p, NULL, n);
	for (size_t c = 0; c < k; c++) {
		double is = 0, said = 0, both = p->task == TASK_MULTILABEL ? n[4 * c + 3] : n[c * k + c];
		for (size_t j = 0; j < k && p->task != TASK_MULTILABEL; j++) {
			is += n[c * k + j];
			said += n[j * k + c];
		}
		if (p->task == TASK_MULTILABEL) {
			is = n[4 * c + 2] + both;
			said = n[4 * c + 1] + both;
		}
		put_tally(r, "class", names->names[c], is, said, both);
	}
	for (size_t i = 0; i < k && p->task != TASK_MULTILABEL; i++)
		for (size_t j = 0; j < k; j++)
			if (n[i * k + j] > 0)
				put(r, "confusion", names->names[i], names->names[j], n[i * k + j]);
	free(n);
}

static void
put_entities(struct result *r, const struct predictions *p)
{
	for (size_t t = 0; t < p->types.ntypes; t++) {
		double is = 0, said = 0, right = 0;
		for (size_t i = 0; i < p->records; i++) {
			const struct entity_counts *c = &p->entities[i * p->types.ntypes + t];
			is += (double)c->is;
			said += (double)c->said;
			right += (double)c->right;
		}
		put_tally(r, "entity", p->types.names[t], is, said, right);
	}
}

/* ---- slices ---- */

static void
add_record(struct predictions *to, const struct predictions *p, size_t i)
{
	struct err e;
	/* classes that were learnt on the way have no scores */
	bool numbers = p->scored || p->task == TASK_MULTILABEL || p->task == TASK_REGRESS;
	for (size_t k = i ? p->ends[i - 1] : 0; k < p->ends[i]; k++)
		if (predictions_add(to, p->is[k], p->said[k], numbers ? p->scores + k * p->outputs : NULL,
		    numbers ? p->truth + k * p->outputs : NULL, &e))
			cli_fail(&e);
	if (predictions_end_record(to, &e))
		cli_fail(&e);
}

/* The measures of the n records which[0] ... */
static void
put_slice(struct result *r, const char *name, const struct predictions *p, const struct label_set *names, const size_t *which, size_t n)
{
	struct err e;
	struct predictions part = {.task = p->task, .outputs = p->outputs, .scored = p->scored};
	double value[MEASURES];
	for (size_t i = 0; i < n; i++)
		add_record(&part, p, which[i]);
	if (predictions_finish(&part, names ? names->names : NULL, &e) || measure(&part, NULL, value, &e))
		cli_fail(&e);
	put(r, "slice", name, "records", (double)n);
	for (enum measure m = 0; m < MEASURES; m++)
		if (measure_applies(m, p->task) && !isnan(value[m]))
			put(r, "slice", name, measure_name(m), value[m]);
	predictions_free(&part);
}

/* Records sorted by slice, so that each is measured once however many slices there are. */
static void
put_slices(struct result *r, const struct predictions *p, const struct label_set *names, const struct slicer *s)
{
	struct err e;
	struct label_set set = {0};
	int32_t *slice = cli_zalloc(p->records, sizeof *slice, "results");
	size_t *which = cli_zalloc(p->records, sizeof *which, "results");
	for (size_t i = 0; i < p->records; i++) {
		size_t n;
		const char *name = s->name(s->ctx, i, &n);
		slice[i] = label_set_add(&set, n ? name : "(empty)", n ? n : 7, &e);
		if (slice[i] < 0) {
			err_prefix(&e, "record %zu: its slice", i);
			cli_fail(&e);
		}
	}
	size_t *end = cli_zalloc(set.n, sizeof *end, "results"); /* of each slice's part of `which`; first its beginning */
	for (size_t i = 0; i < p->records; i++)
		if ((size_t)slice[i] + 1 < set.n)
			end[slice[i] + 1]++;
	for (size_t c = 1; c < set.n; c++)
		end[c] += end[c - 1];
	for (size_t i = 0; i < p->records; i++)
		which[end[slice[i]]++] = i;
	for (size_t c = 0; c < set.n; c++)
		put_slice(r, set.names[c], p, names, which + (c ? end[c - 1] : 0), end[c] - (c ? end[c - 1] : 0));
	free(slice);
	free(which);
	free(end);
	label_set_free(&set);
}

/* ---- calibration ---- */

void
report_calibration(const char *path, const struct calibration_bin bins[CALIBRATION_BINS], const struct ten_head *const *inputs,
    size_t ninputs)
{
	static const char *const fields[] = {"low", "high", "points", "confidence", "accuracy"};
	struct err e;
	struct cli_out out;
	struct ten_head h = {.kind = "calibration"};
	for (int i = 0; i < 5; i++)
		if (ten_head_add(&h, fields[i], TEN_FLOAT, 64, 0, NULL, &e))
			cli_fail(&e);
	cli_open_out(&out, path, &h, inputs, ninputs, NULL, NULL);
	for (int b = 0; b < CALIBRATION_BINS; b++) {
		double row[5] = {(double)b / CALIBRATION_BINS, (double)(b + 1) / CALIBRATION_BINS, bins[b].points,
		    bins[b].confidence / bins[b].points, bins[b].right / bins[b].points};
		struct ten_value v[5];
		for (int i = 0; i < 5; i++)
			v[i] = ten_vector(&row[i], 1);
		cli_write(&out, v);
	}
	cli_close_out(&out);
	ten_head_free(&h);
}

static void
write_calibration(const char *path, const struct predictions *p, const struct ten_head *const *inputs, size_t ninputs)
{
	struct calibration_bin bins[CALIBRATION_BINS];
	if (!p->scored || (p->task != TASK_CLASSIFY && p->task != TASK_TAG))
		cli_die(ERR_USAGE, "--calibration is for probabilities of classes of which one holds");
	measure_calibration(p, NULL, bins);
	report_calibration(path, bins, inputs, ninputs);
}

void
report(const struct eval_opts *o, const struct predictions *p, const struct label_set *names,
    const struct slicer *slices, const struct ten_head *const *inputs, size_t ninputs)
{
	struct result r = {.json = o->json};
	put_measures(&r, o, p);
	if (p->task != TASK_REGRESS)
		put_classes(&r, p, names);
	if (p->task == TASK_TAG)
		put_entities(&r, p);
	if (slices)
		put_slices(&r, p, names, slices);
	put(&r, "records", "", "", (double)p->records);
	if (p->task == TASK_TAG)
		put(&r, "words", "", "", (double)p->n);
	if (o->calibration)
		write_calibration(o->calibration, p, inputs, ninputs);
	result_write(&r, o->output);
}
