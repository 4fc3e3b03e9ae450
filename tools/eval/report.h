/* report.h - what is said of predictions: measures with their intervals, classes, entities, slices, calibration. */
#ifndef TENON_EVAL_REPORT_H
#define TENON_EVAL_REPORT_H

#include "common/labels.h"
#include "eval/eval.h"
#include "eval/measures.h"

/* Name of the slice of record i: n bytes; borrowed until the next call. */
struct slicer {
	const char *(*name)(void *ctx, size_t i, size_t *n);
	void *ctx;
};

/* Sets out[] from records that count `times` each; 0 or -1. */
typedef int report_measure(const void *ctx, const uint32_t *times, double *out, struct err *e);
/* The percentile intervals of 95 % (Efron 1979) of n measures over o->bootstrap resamples of the records; what is not a number is left
 * out. Exits through cli_fail. */
void report_intervals(const struct eval_opts *o, size_t records, size_t n, report_measure *fn, const void *ctx, double *low,
    double *high);

/* Writes a stream of kind calibration. Exits through cli_fail. */
void report_calibration(const char *path, const struct calibration_bin bins[CALIBRATION_BINS],
    const struct ten_head *const *inputs, size_t ninputs);

/* Writes the result of finished predictions to o->output, and o->calibration, whose provenance is `input`'s. names: of the
 * outputs; of regress none. `slices` may be NULL. Exits through cli_fail. */
void report(const struct eval_opts *o, const struct predictions *p, const struct label_set *names,
    const struct slicer *slices, const struct ten_head *const *inputs, size_t ninputs);

#endif
