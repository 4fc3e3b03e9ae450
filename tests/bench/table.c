/* table.c - the lines, as text, as Markdown and as records. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/outfile.h"
#include "bench/bench.h"
#include "ten.h"

struct result {
	char what[80], unit[24], beside[64];
	double ours, other, ratio, aim, size; /* NaN: none */
	uint8_t met;                          /* 0 no, 1 yes, 2 there is no aim, or nothing to hold against it */
};

struct results {
	struct result *items;
	size_t n, cap;
	bool markdown;
};

struct results *
results_open(bool markdown)
{
	struct results *r = calloc(1, sizeof *r);
	if (!r)
		abort();
	r->markdown = markdown;
	if (markdown)
		printf("| what | ours | beside | ratio | aim | met |\n| --- | ---: | --- | ---: | ---: | --- |\n");
	else
		printf("%-32s %20s  %-44s %7s  %-11s %s\n", "what", "ours", "beside", "ratio", "aim", "met");
	return r;
}

/* Three significant digits are what a noisy machine gives. */
static void
show(char *to, size_t n, double x, const char *unit)
{
	snprintf(to, n, "%.*f%s%s", x >= 99.95 ? 0 : x >= 9.995 ? 1 : 2, x, *unit ? " " : "", unit);
}

static void
print(const struct results *r, const struct result *t, enum aim aim, const char *beside)
{
	char ours[48] = "failed", ratio[32] = "", goal[48] = "";
	const char *met = t->met == 2 ? "" : t->met ? "yes" : "no";
	if (!isnan(t->ours))
		show(ours, sizeof ours, t->ours, t->unit);
	if (!isnan(t->ratio))
		snprintf(ratio, sizeof ratio, "%.2f", t->ratio);
	if (aim == OURS_AT_LEAST)
		show(goal, sizeof goal, t->aim, t->unit);
	else if (aim != NO_AIM)
		snprintf(goal, sizeof goal, "%s%.2f", aim == RATIO_BELOW ? "below " : "", t->aim);
	if (r->markdown)
		printf("| %s | %s | %s | %s | %s | %s |\n", t->what, ours, beside, ratio, goal, met);
	else
		printf("%-32s %20s  %-44s %7s  %-11s %s\n", t->what, ours, beside, ratio, goal, met);
	fflush(stdout);
}

static double
value(const struct contender *c, bool memory, double scale)
{
	return (memory ? c->peak : c->rate) * (scale > 0 ? scale : 1);
}

/* The better of the two, where one is there. */
static const struct contender *
best_beside(const struct bench *b, const struct line *l)
{
	const struct contender *one = l->beside ? &b->c[l->beside - 1] : NULL, *two = l->or ? &b->c[l->or - 1] : NULL;
	return two && (!one || two->rate > one->rate) ? two : one;
}

static uint8_t
is_met(const struct result *t, enum aim aim)
{
	double x = aim == OURS_AT_LEAST ? t->ours : t->ratio;
	return aim == NO_AIM || isnan(x) ? 2 : aim == RATIO_BELOW ? x < t->aim : x >= t->aim;
}

void
bench_line(struct bench *b, const struct line *l)
{
	struct results *r = b->results;
	const struct contender *ours = &b->c[l->ours - 1], *other = best_beside(b, l);
	struct err e;
	char beside[128] = "";
	if (ours->state == ABSENT || bench_stopped())
		return;
	if (mem_grow(&r->items, &r->cap, r->n + 1, sizeof *r->items, "results", &e))
		worker_fail(&e);
	struct result *t = &r->items[r->n++];
	*t = (struct result){.ours = (double)NAN, .other = (double)NAN, .ratio = (double)NAN,
	    .aim = l->aim == NO_AIM ? (double)NAN : l->value, .size = l->size > 0 ? l->size : (double)NAN};
	snprintf(t->what, sizeof t->what, "%s", l->what);
	snprintf(t->unit, sizeof t->unit, "%s", l->unit);
	if (ours->state == READY)
		t->ours = value(ours, l->memory, l->scale);
	if (other) {
		snprintf(t->beside, sizeof t->beside, "%s", other->name);
		snprintf(beside, sizeof beside, "%s: %s", other->name, other->state == ABSENT ? "not installed" : "failed");
	}
	if (other && other->state == READY) {
		char figure[48];
		t->other = value(other, l->memory, l->scale_beside);
		show(figure, sizeof figure, t->other, t->unit);
		snprintf(beside, sizeof beside, "%s: %s", other->name, figure);
		t->ratio = t->ours / t->other;
	}
	t->met = is_met(t, l->aim);
	print(r, t, l->aim, beside);
}

static int
to_file(void *ctx, struct iovec *iov, int n, struct err *e)
{
	return outfile_writev(ctx, iov, n, e);
}

static int
head(struct ten_head *h, struct err *e)
{
	static const char *const texts[] = {"what", "unit", "beside"}, *const numbers[] = {"ours", "other", "ratio", "aim", "size"};
	const uint64_t ragged = TEN_RAGGED;
	snprintf(h->kind, sizeof h->kind, "benchmark");
	for (size_t i = 0; i < 3; i++)
		if (ten_head_add(h, texts[i], TEN_TEXT, 8, 1, &ragged, e))
			return -1;
	for (size_t i = 0; i < 5; i++)
		if (ten_head_add(h, numbers[i], TEN_FLOAT, 64, 0, NULL, e))
			return -1;
	return ten_head_add(h, "met", TEN_UINT, 8, 0, NULL, e);
}

static int
write_records(const struct results *r, struct outfile *o, struct err *e)
{
	struct ten_head h = {0};
	struct ten_writer *w = NULL;
	int rc = head(&h, e) || ten_writer_open(&w, (struct ten_sink){to_file, o}, &h, NULL, e) ? -1 : 0;
	for (size_t i = 0; rc == 0 && i < r->n; i++) {
		const struct result *t = &r->items[i];
		const struct ten_value v[] = {ten_vector(t->what, strlen(t->what)), ten_vector(t->unit, strlen(t->unit)),
		    ten_vector(t->beside, strlen(t->beside)), ten_vector(&t->ours, 1), ten_vector(&t->other, 1),
		    ten_vector(&t->ratio, 1), ten_vector(&t->aim, 1), ten_vector(&t->size, 1), ten_vector(&t->met, 1)};
		rc = ten_write(w, v, e);
	}
	if (rc == 0)
		rc = ten_writer_end(w, e);
	ten_writer_free(w);
	ten_head_free(&h);
	return rc;
}

int
results_close(struct results *r, const char *path)
{
	struct err e;
	struct outfile o;
	int rc = 0;
	if (path && (rc = outfile_open(&o, path, 0666, &e)) == 0) {
		rc = write_records(r, &o, &e);
		if (rc)
			outfile_discard(&o);
		else
			rc = outfile_commit(&o, &e);
	}
	if (rc)
		fprintf(stderr, "bench: %s\n", e.msg);
	free(r->items);
	free(r);
	return rc;
}
