#include "common/summary.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/show.h"

/* ---- adding ---- */

/* Merges neighbours: bin k of the doubled width holds the old bins 2k and 2k + 1. */
static void
widen(struct summary *s)
{
	uint64_t old[SUMMARY_BINS];
	int64_t first = s->first;
	memcpy(old, s->bins, sizeof old);
	memset(s->bins, 0, sizeof s->bins);
	s->first = first >> 1;
	for (int64_t i = 0; i < SUMMARY_BINS; i++)
		s->bins[((first + i) >> 1) - s->first] += old[i];
	s->scale++;
}

/* Moves the window so that it begins at `first`; false when a filled bin would fall out. */
static bool
slide(struct summary *s, int64_t first)
{
	int64_t by = first - s->first;
	for (int64_t i = 0; i < SUMMARY_BINS; i++)
		if (s->bins[i] && (i - by < 0 || i - by >= SUMMARY_BINS))
			return false;
	uint64_t old[SUMMARY_BINS];
	memcpy(old, s->bins, sizeof old);
	memset(s->bins, 0, sizeof s->bins);
	for (int64_t i = 0; i < SUMMARY_BINS; i++)
		if (old[i])
			s->bins[i - by] = old[i];
	s->first = first;
	return true;
}

static int64_t
bin_of(double x, int scale)
{
	return (int64_t)floor(ldexp(x, -scale));
}

/* The first width is 2^-20 of the first value, 1 for integers: fine enough to see the shape of
 * what follows, coarse enough that indices fit. */
static void
bin(struct summary *s, const struct ten_field *f, double x)
{
	if (!s->binned++) {
		bool integer = f->cls == TEN_INT || f->cls == TEN_UINT;
		int exponent = 0;
		if (x != 0)
			frexp(x, &exponent);
		s->scale = exponent - 20;
		s->scale = s->scale < -1060 ? -1060 : integer && s->scale < 0 ? 0 : s->scale;
		s->first = bin_of(x, s->scale);
	}
	while (fabs(ldexp(x, -s->scale)) > 0x1p40)
		widen(s);
	for (;;) {
		int64_t k = bin_of(x, s->scale) - s->first;
		if (k >= 0 && k < SUMMARY_BINS) {
			s->bins[k]++;
			return;
		}
		if (!slide(s, k < 0 ? s->first + k : s->first + k - SUMMARY_BINS + 1))
			widen(s);
	}
}

static void
merge(struct summary *s, double n, double mean, double m2)
{
	double all = (double)s->finite + n, delta = mean - s->mean;
	s->m2 += m2 + delta * delta * ((double)s->finite / all) * n;
	s->mean += delta * (n / all);
	s->finite += (uint64_t)n;
}

static void
add_piece(struct summary *s, const struct ten_field *f, const void *data, uint64_t from, uint64_t to,
    bool hist)
{
	double x[256], sum = 0, m2 = 0;
	size_t n = 0;
	for (uint64_t i = from; i < to; i++) {
		double v = show_number(f, data, i);
		if (isfinite(v))
			x[n++] = v;
		else if (isnan(v))
			s->nan++;
		else
			s->inf++;
	}
	for (size_t i = 0; i < n; i++) {
		if ((s->finite == 0 && i == 0) || x[i] < s->min)
			s->min = x[i];
		if ((s->finite == 0 && i == 0) || x[i] > s->max)
			s->max = x[i];
		sum += x[i];
		if (hist)
			bin(s, f, x[i]);
	}
	if (!n)
		return;
	double mean = sum / (double)n;
	for (size_t i = 0; i < n; i++)
		m2 += (x[i] - mean) * (x[i] - mean);
	merge(s, (double)n, mean, m2);
}

void
summary_add(struct summary *s, const struct ten_field *f, const struct ten_value *v, bool hist)
{
	if (s->values == 0 || v->count < s->shortest)
		s->shortest = v->count;
	if (v->count > s->longest)
		s->longest = v->count;
	s->values++;
	s->count += v->count;
	if (!show_is_number(f))
		return;
	for (uint64_t i = 0; i < v->count; i += 256)
		add_piece(s, f, v->data, i, v->count - i < 256 ? v->count : i + 256, hist);
}

/* ---- printing ---- */

void
summary_table(FILE *out, const struct ten_field *const *fields, const struct summary *s, size_t n)
{
	int wide = 5;
	for (size_t i = 0; i < n; i++)
		if ((int)strlen(fields[i]->name) > wide)
			wide = (int)strlen(fields[i]->name);
	fprintf(out, "%-*s %9s %12s %8s %8s %13s %13s %13s %13s %6s %6s\n", wide, "field", "values",
	    "count", "shortest", "longest", "min", "max", "mean", "std", "nan", "inf");
	for (size_t i = 0; i < n; i++) {
		show_text(out, fields[i]->name, strlen(fields[i]->name), 0);
		fprintf(out, "%*s %9" PRIu64 " %12" PRIu64 " %8" PRIu64 " %8" PRIu64,
		    wide - (int)strlen(fields[i]->name), "", s[i].values, s[i].count, s[i].shortest,
		    s[i].longest);
		if (s[i].finite)
			fprintf(out, " %13.7g %13.7g %13.7g %13.7g", s[i].min, s[i].max, s[i].mean,
			    sqrt(s[i].m2 / (double)s[i].finite));
		else
			fprintf(out, " %13s %13s %13s %13s", "-", "-", "-", "-");
		fprintf(out, " %6" PRIu64 " %6" PRIu64 "\n", s[i].nan, s[i].inf);
	}
}

void
summary_hist(FILE *out, const struct ten_field *f, const struct summary *s)
{
	static const char bar[] = "##################################################";
	uint64_t most = 0;
	int from = SUMMARY_BINS, to = -1;
	for (int i = 0; i < SUMMARY_BINS; i++) {
		if (s->bins[i]) {
			from = i < from ? i : from;
			to = i;
		}
		most = s->bins[i] > most ? s->bins[i] : most;
	}
	show_text(out, f->name, strlen(f->name), 0);
	fprintf(out, ": %" PRIu64 " numbers", s->finite);
	if (s->nan || s->inf)
		fprintf(out, ", %" PRIu64 " nan, %" PRIu64 " inf", s->nan, s->inf);
	putc('\n', out);
	for (int i = from; i <= to; i++) {
		double share = (double)s->bins[i] / (double)most;
		int length = s->bins[i] ? (int)ceil(share * (double)(sizeof bar - 1)) : 0;
		fprintf(out, "  %12.6g %s %12.6g %12" PRIu64 "%s%.*s\n", ldexp((double)(s->first + i), s->scale),
		    "..", ldexp((double)(s->first + i + 1), s->scale), s->bins[i], length ? " " : "", length, bar);
	}
}
