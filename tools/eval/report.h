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

/* Writes the result of finished predictions to o->output, and o->calibration, whose provenance is `input`'s. names: of the
 * outputs; of regress none. `slices` may be NULL. Exits through cli_fail. */
void report(const struct eval_opts *o, const struct predictions *p, const struct label_set *names,
    const struct slicer *slices, const struct ten_head *const *inputs, size_t ninputs);

#endif
