/* summary.h - statistics and a histogram of a field's elements in one pass. */
#ifndef TENON_TOOLS_SUMMARY_H
#define TENON_TOOLS_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ten.h"

enum { SUMMARY_BINS = 32 };

struct summary {
	uint64_t values, count;      /* values: one a record; count: elements */
	uint64_t shortest, longest;  /* elements in one value */
	uint64_t nan, inf;
	uint64_t finite;
	double min, max, mean, m2;   /* of the finite ones; m2 = sum of squared deviations */
	/* bin i holds [(first + i) width, (first + i + 1) width), width = 2^scale; when a value falls
	 * outside, neighbours merge and scale grows */
	uint64_t bins[SUMMARY_BINS];
	int64_t first;
	int scale;
	uint64_t binned;
};

/* Adds a value; `hist` fills the bins too. Zero the struct before the first. Means and squares
 * are merged in pieces of 256 (Chan, Golub and LeVeque 1979), so they are exact to about the
 * last digits for any number of elements. */
void summary_add(struct summary *s, const struct ten_field *f, const struct ten_value *v, bool hist);

/* A table with one line a field. */
void summary_table(FILE *out, const struct ten_field *const *fields, const struct summary *s, size_t n);
void summary_hist(FILE *out, const struct ten_field *f, const struct summary *s);

#endif
