/* measures.h - how good predictions are: of classes, of labels that may hold together, of tags, of numbers. */
#ifndef TENON_EVAL_MEASURES_H
#define TENON_EVAL_MEASURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/entities.h"
#include "model/config.h"

/* What is predicted of each point: a record, or for tags each word of a record. */
struct predictions {
	enum task task;
	size_t outputs;      /* classes or numbers */
	size_t n, records;
	int32_t *is, *said;  /* (n) classify, tag */
	double *scores;      /* (n, outputs) probabilities; regress: what was predicted */
	double *truth;       /* (n, outputs) multilabel: 0 or 1; regress: numbers */
	size_t *ends;        /* (records) points up to the end of each record */
	size_t cap_is, cap_said, cap_scores, cap_truth, cap_ends;
	bool scored;         /* there are probabilities: loss and calibration can be told */
	struct entity_types types; /* of tags */
	struct entity_counts *entities; /* (records, types.ntypes), by predictions_finish */
};

/* Appends a point; `is` and `said`, or scores and truth (outputs each). ends are the caller's business. */
int predictions_add(struct predictions *p, int32_t is, int32_t said, const double *scores, const double *truth,
    struct err *e);
/* Closes the record. */
int predictions_end_record(struct predictions *p, struct err *e);
/* When all is there: counts the entities of tags called `names`. */
int predictions_finish(struct predictions *p, char *const *names, struct err *e);
void predictions_free(struct predictions *p); /* a zeroed struct is fine */

enum measure {
	MEASURE_LOSS,       /* mean cross-entropy, nats; multilabel: of each label's own; regress: mean squared error */
	MEASURE_ACCURACY,   /* share of points that are right; multilabel: of all labels of all records */
	MEASURE_EXACT,      /* share of records that are right in everything */
	MEASURE_MACRO_F1,   /* mean of the classes' F1; one that neither occurs nor is said counts 0 */
	MEASURE_MICRO_F1,   /* F1 of the sums over classes */
	MEASURE_MCC,        /* Matthews' correlation, for many classes R_K (Gorodkin 2004) */
	MEASURE_ECE,        /* expected calibration error, ten bins (Guo et al. 2017) */
	MEASURE_ENTITY_PRECISION, MEASURE_ENTITY_RECALL, MEASURE_ENTITY_F1,
	MEASURE_MAE,        /* mean absolute error */
	MEASURE_PEARSON,    /* correlation with the truth */
	MEASURES
};

const char *measure_name(enum measure m); /* "accuracy" ... */
bool measure_applies(enum measure m, enum task task);
/* Smaller is better. */
static inline bool
measure_descends(enum measure m)
{
	return m == MEASURE_LOSS || m == MEASURE_ECE || m == MEASURE_MAE;
}

/* Sets out; NaN for what does not apply or has nothing to divide by. times (records): how often each record counts, NULL: once.
 * 0, or -1 out of memory. */
int measure(const struct predictions *p, const uint32_t *times, double out[MEASURES], struct err *e);

/* (outputs, outputs): how often class i was called class j; multilabel: (outputs, 4): neither, said only, is only,
 * both. `counts` zeroed before. */
void measure_confusion(const struct predictions *p, const uint32_t *times, double *counts);

enum { CALIBRATION_BINS = 10 };
struct calibration_bin {
	double points, confidence, right; /* sums */
};
/* By the probability of what was said: bin b has [b / 10, (b + 1) / 10). */
void measure_calibration(const struct predictions *p, const uint32_t *times,
    struct calibration_bin bins[CALIBRATION_BINS]);

#endif
