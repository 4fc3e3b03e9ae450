#include "eval/measures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char *const names[MEASURES] = {"loss", "accuracy", "exact", "macro_f1", "micro_f1", "mcc", "ece",
    "entity_precision", "entity_recall", "entity_f1", "mae", "pearson"};

const char *
measure_name(enum measure m)
{
	return names[m];
}

bool
measure_applies(enum measure m, enum task task)
{
	bool classes = task == TASK_CLASSIFY || task == TASK_TAG;
	switch (m) {
	case MEASURE_LOSS: return true;
	case MEASURE_ACCURACY: case MEASURE_MACRO_F1: case MEASURE_MICRO_F1: return task != TASK_REGRESS;
	case MEASURE_EXACT: return task == TASK_MULTILABEL || task == TASK_TAG;
	case MEASURE_MCC: case MEASURE_ECE: return classes;
	case MEASURE_ENTITY_PRECISION: case MEASURE_ENTITY_RECALL: case MEASURE_ENTITY_F1: return task == TASK_TAG;
	default: return task == TASK_REGRESS;
	}
}

/* ---- collecting ---- */

int
predictions_add(struct predictions *p, int32_t is, int32_t said, const double *scores, const double *truth,
    struct err *e)
{
	size_t k = p->outputs;
	if (mem_grow(&p->is, &p->cap_is, p->n + 1, sizeof *p->is, "predictions", e) ||
	    mem_grow(&p->said, &p->cap_said, p->n + 1, sizeof *p->said, "predictions", e) ||
	    mem_grow(&p->scores, &p->cap_scores, (p->n + 1) * k, sizeof *p->scores, "predictions", e) ||
	    mem_grow(&p->truth, &p->cap_truth, (p->n + 1) * k, sizeof *p->truth, "predictions", e))
		return -1;
	p->is[p->n] = is;
	p->said[p->n] = said;
	for (size_t j = 0; j < k; j++) {
		p->scores[p->n * k + j] = scores ? scores[j] : 0;
		p->truth[p->n * k + j] = truth ? truth[j] : 0;
	}
	p->n++;
	return 0;
}

int
predictions_end_record(struct predictions *p, struct err *e)
{
	if (mem_grow(&p->ends, &p->cap_ends, p->records + 1, sizeof *p->ends, "predictions", e))
		return -1;
	p->ends[p->records++] = p->n;
	return 0;
}

int
predictions_finish(struct predictions *p, char *const *tags, struct err *e)
{
	if (p->task != TASK_TAG)
		return 0;
	if (entity_types_open(&p->types, tags, p->outputs, e) ||
	    !(p->entities = mem_zalloc(p->records * (p->types.ntypes + 1), sizeof *p->entities, "entities", e)))
		return -1;
	for (size_t i = 0; i < p->records; i++) {
		size_t from = i ? p->ends[i - 1] : 0;
		entities_count(p->entities + i * p->types.ntypes, &p->types, p->is + from, p->said + from, p->ends[i] - from);
	}
	return 0;
}

void
predictions_free(struct predictions *p)
{
	free(p->is);
	free(p->said);
	free(p->scores);
	free(p->truth);
	free(p->ends);
	free(p->entities);
	entity_types_close(&p->types);
	memset(p, 0, sizeof *p);
}

/* ---- classes ---- */

static double
weight(const uint32_t *times, size_t record)
{
	return times ? times[record] : 1;
}

void
measure_confusion(const struct predictions *p, const uint32_t *times, double *counts)
{
	size_t k = p->outputs;
	for (size_t r = 0, i = 0; r < p->records; r++)
		for (; i < p->ends[r]; i++) {
			if (p->task != TASK_MULTILABEL) {
				counts[(size_t)p->is[i] * k + (size_t)p->said[i]] += weight(times, r);
				continue;
			}
			for (size_t j = 0; j < k; j++)
				counts[4 * j + (size_t)(2 * (p->truth[i * k + j] > 0.5) + (p->scores[i * k + j] > 0.5))] += weight(times, r);
		}
}

/* What a class is, is called, and both. */
struct tally {
	double is, said, both;
};

static struct tally
tally_of(const struct predictions *p, const double *counts, size_t c)
{
	struct tally t = {0};
	size_t k = p->outputs;
	if (p->task == TASK_MULTILABEL) {
		const double *n = counts + 4 * c;
		return (struct tally){n[2] + n[3], n[1] + n[3], n[3]};
	}
	for (size_t j = 0; j < k; j++) {
		t.is += counts[c * k + j];
		t.said += counts[j * k + c];
	}
	t.both = counts[c * k + c];
	return t;
}

static double
ratio(double a, double b)
{
	return b > 0 ? a / b : (double)NAN;
}

static void
measure_classes(const struct predictions *p, const double *counts, double out[MEASURES])
{
	size_t k = p->outputs;
	double is = 0, said = 0, both = 0, macro = 0, product = 0, is2 = 0, said2 = 0, all = 0, right = 0;
	for (size_t c = 0; c < k; c++) {
		struct tally t = tally_of(p, counts, c);
		is += t.is;
		said += t.said;
		both += t.both;
		macro += t.is + t.said > 0 ? 2 * t.both / (t.is + t.said) : 0;
		product += t.is * t.said;
		is2 += t.is * t.is;
		said2 += t.said * t.said;
		if (p->task == TASK_MULTILABEL) {
			const double *n = counts + 4 * c;
			all += n[0] + n[1] + n[2] + n[3];
			right += n[0] + n[3];
		}
	}
	if (p->task != TASK_MULTILABEL) {
		all = is;
		right = both;
		double below = sqrt(is * is - said2) * sqrt(is * is - is2);
		out[MEASURE_MCC] = below > 0 ? (both * is - product) / below : 0;
	}
	out[MEASURE_ACCURACY] = ratio(right, all);
	out[MEASURE_MACRO_F1] = macro / (double)k;
	out[MEASURE_MICRO_F1] = ratio(2 * both, is + said);
}

/* ---- calibration and loss ---- */

void
measure_calibration(const struct predictions *p, const uint32_t *times,
    struct calibration_bin bins[CALIBRATION_BINS])
{
	memset(bins, 0, CALIBRATION_BINS * sizeof *bins);
	for (size_t r = 0, i = 0; r < p->records; r++)
		for (; i < p->ends[r]; i++) {
			double q = p->scores[i * p->outputs + (size_t)p->said[i]], w = weight(times, r);
			int b = (int)(q * CALIBRATION_BINS);
			struct calibration_bin *bin = &bins[b < 0 ? 0 : b >= CALIBRATION_BINS ? CALIBRATION_BINS - 1 : b];
			bin->points += w;
			bin->confidence += w * q;
			bin->right += w * (p->is[i] == p->said[i]);
		}
}

static double
calibration_error(const struct predictions *p, const uint32_t *times)
{
	struct calibration_bin bins[CALIBRATION_BINS];
	double sum = 0, n = 0;
	measure_calibration(p, times, bins);
	for (int b = 0; b < CALIBRATION_BINS; b++) {
		sum += fabs(bins[b].confidence - bins[b].right);
		n += bins[b].points;
	}
	return ratio(sum, n);
}

static double
point_loss(const struct predictions *p, size_t i)
{
	const double *s = p->scores + i * p->outputs, *t = p->truth + i * p->outputs;
	double sum = 0;
	if (p->task == TASK_CLASSIFY || p->task == TASK_TAG)
		return -log(fmax(s[p->is[i]], 1e-300));
	for (size_t j = 0; j < p->outputs; j++)
		sum += p->task == TASK_REGRESS ? (s[j] - t[j]) * (s[j] - t[j])
		    : -log(fmax(t[j] > 0.5 ? s[j] : 1 - s[j], 1e-300));
	return sum / (double)p->outputs;
}

static bool
point_right(const struct predictions *p, size_t i)
{
	if (p->task != TASK_MULTILABEL)
		return p->is[i] == p->said[i];
	for (size_t j = i * p->outputs; j < (i + 1) * p->outputs; j++)
		if ((p->scores[j] > 0.5) != (p->truth[j] > 0.5))
			return false;
	return true;
}

static void
measure_points(const struct predictions *p, const uint32_t *times, double out[MEASURES])
{
	double loss = 0, n = 0, exact = 0, records = 0;
	for (size_t r = 0, i = 0; r < p->records; r++) {
		double w = weight(times, r), whole = 1;
		for (; i < p->ends[r]; i++) {
			if (p->scored || p->task == TASK_REGRESS)
				loss += w * point_loss(p, i);
			n += w;
			whole *= point_right(p, i);
		}
		exact += w * whole;
		records += w;
	}
	if (p->scored || p->task == TASK_REGRESS)
		out[MEASURE_LOSS] = ratio(loss, n);
	out[MEASURE_EXACT] = ratio(exact, records);
}

/* ---- numbers ---- */

static void
measure_numbers(const struct predictions *p, const uint32_t *times, double out[MEASURES])
{
	double n = 0, x = 0, y = 0, error = 0, xx = 0, yy = 0, xy = 0;
	size_t k = p->outputs;
	for (int pass = 0; pass < 2; pass++) /* means first */
		for (size_t r = 0; r < p->records; r++)
			for (size_t j = r * k; j < (r + 1) * k; j++) {
				double w = weight(times, r), a = p->scores[j], b = p->truth[j];
				if (pass == 0) {
					n += w;
					x += w * a;
					y += w * b;
					error += w * fabs(a - b);
				} else {
					xx += w * (a - x / n) * (a - x / n);
					yy += w * (b - y / n) * (b - y / n);
					xy += w * (a - x / n) * (b - y / n);
				}
			}
	out[MEASURE_MAE] = ratio(error, n);
	out[MEASURE_PEARSON] = ratio(xy, sqrt(xx) * sqrt(yy));
}

static void
measure_entities(const struct predictions *p, const uint32_t *times, double out[MEASURES])
{
	double is = 0, said = 0, right = 0;
	for (size_t r = 0; r < p->records; r++)
		for (size_t t = 0; t < p->types.ntypes; t++) {
			const struct entity_counts *c = &p->entities[r * p->types.ntypes + t];
			is += weight(times, r) * (double)c->is;
			said += weight(times, r) * (double)c->said;
			right += weight(times, r) * (double)c->right;
		}
	out[MEASURE_ENTITY_PRECISION] = ratio(right, said);
	out[MEASURE_ENTITY_RECALL] = ratio(right, is);
	out[MEASURE_ENTITY_F1] = ratio(2 * right, is + said);
}

int
measure(const struct predictions *p, const uint32_t *times, double out[MEASURES], struct err *e)
{
	for (int m = 0; m < MEASURES; m++)
		out[m] = (double)NAN;
	measure_points(p, times, out);
	if (p->task == TASK_REGRESS) {
		measure_numbers(p, times, out);
	} else {
		double *counts = mem_zalloc(p->outputs * (p->task == TASK_MULTILABEL ? 4 : p->outputs), sizeof *counts, "counts", e);
		if (!counts)
			return -1;
		measure_confusion(p, times, counts);
		measure_classes(p, counts, out);
		free(counts);
		if (p->scored && p->task != TASK_MULTILABEL)
			out[MEASURE_ECE] = calibration_error(p, times);
	}
	if (p->task == TASK_TAG)
		measure_entities(p, times, out);
	for (enum measure m = 0; m < MEASURES; m++)
		if (!measure_applies(m, p->task))
			out[m] = (double)NAN;
	return 0;
}
