/* How well the task head of a model does on labelled records, or predictions that are in records. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/modelio.h"
#include "common/rowsource.h"
#include "common/show.h"
#include "eval/eval.h"
#include "eval/report.h"
#include "train/task.h"

/* Tokens of one forward pass; at least the context. */
enum { BATCH_TOKENS = 4096 };

/* ---- slices: the value of a field ---- */

struct field_slices {
	struct ten_map *map;
	struct ten_value *values;
	const struct ten_field *field;
	int at;
	char *text;
	size_t size;
};

static const char *
slice_name(void *ctx, size_t i, size_t *n)
{
	struct err e;
	struct field_slices *s = ctx;
	if (ten_map_get(s->map, i, s->values, &e))
		cli_fail(&e);
	free(s->text);
	FILE *f = open_memstream(&s->text, &s->size);
	if (!f)
		cli_die(ERR_RUNTIME, "out of memory");
	if (s->field->cls == TEN_TEXT)
		show_text(f, s->values[s->at].data, s->values[s->at].count, 0);
	else
		show_json(f, s->field, &s->values[s->at]);
	fclose(f);
	*n = s->size;
	return s->text;
}

static void
report_map(const struct eval_opts *o, const struct predictions *p, const struct label_set *set, struct ten_map *map,
    struct ten_value *values, const char *stream, const struct ten_head *const *inputs, size_t ninputs)
{
	struct field_slices f = {.map = map, .values = values};
	struct slicer s = {slice_name, &f};
	const struct ten_head *h = ten_map_head(map);
	if (o->slice) {
		f.at = ten_head_find(h, o->slice);
		if (f.at < 0)
			cli_die(ERR_DATA, "%s: has no field `%s' to make slices by", stream, o->slice);
		f.field = &h->fields[f.at];
	}
	report(o, p, set, o->slice ? &s : NULL, inputs, ninputs);
	free(f.text);
}

/* ---- predictions out ---- */

/* What is said of record i as text. */
static void
put_said(FILE *f, const struct predictions *p, const struct label_set *set, size_t i)
{
	const char *before = "";
	if (p->task == TASK_CLASSIFY)
		fputs(set->names[p->said[i]], f);
	for (size_t j = 0; p->task == TASK_MULTILABEL && j < p->outputs; j++)
		if (p->scores[i * p->outputs + j] > 0.5) {
			fprintf(f, "%s%s", before, set->names[j]);
			before = "\n";
		}
	for (size_t j = i ? p->ends[i - 1] : 0; p->task == TASK_TAG && j < p->ends[i]; j++) {
		fprintf(f, "%s%s", before, set->names[p->said[j]]);
		before = " ";
	}
}

/* The records as they were, with `predicted` and `scores` (float32): of each class, of each tag that is said, of
 * regress the numbers. */
static void
write_predictions(const struct eval_opts *o, const struct predictions *p, const struct label_set *set,
    struct ten_map *map, struct ten_value *values, const struct ten_head *const *inputs)
{
	struct err e;
	struct cli_out out;
	struct ten_head h = {.kind = "predictions"};
	const struct ten_head *in = ten_map_head(map);
	uint64_t ragged = TEN_RAGGED;
	size_t k = p->outputs, words = 0;
	for (size_t i = 0; i < in->nfields; i++)
		if (ten_head_add(&h, in->fields[i].name, in->fields[i].cls, in->fields[i].bits, in->fields[i].rank,
		    in->fields[i].dims, &e))
			cli_fail(&e);
	for (size_t i = 0; i < in->nkvs; i++)
		if (ten_head_set_kv(&h, in->kvs[i].key, in->kvs[i].value, in->kvs[i].size, &e))
			cli_fail(&e);
	if ((p->task != TASK_REGRESS && ten_head_add(&h, "predicted", TEN_TEXT, 8, 1, &ragged, &e)) ||
	    ten_head_add(&h, "scores", TEN_FLOAT, 32, 1, &ragged, &e) || label_set_write(set, &h, &e))
		cli_fail(&e);
	cli_open_out(&out, o->predictions, &h, inputs, 2, NULL, NULL);
	struct ten_value *to = mem_zalloc(h.nfields, sizeof *to, "fields", &e);
	for (size_t i = 0; i < p->records; i++)
		words = p->ends[i] - (i ? p->ends[i - 1] : 0) > words ? p->ends[i] - (i ? p->ends[i - 1] : 0) : words;
	float *scores = mem_zalloc(k + words, sizeof *scores, "scores", &e);
	if (!to || !scores)
		cli_fail(&e);
	for (size_t i = 0; i < p->records; i++) {
		char *text = NULL;
		size_t size = 0, n = 0, at = in->nfields, from = i ? p->ends[i - 1] : 0;
		if (ten_map_get(map, i, values, &e))
			cli_fail(&e);
		memcpy(to, values, in->nfields * sizeof *to);
		FILE *f = open_memstream(&text, &size);
		if (!f)
			cli_die(ERR_RUNTIME, "out of memory");
		put_said(f, p, set, i);
		fclose(f);
		if (p->task == TASK_TAG)
			for (size_t j = from; j < p->ends[i]; j++)
				scores[n++] = (float)p->scores[j * k + (size_t)p->said[j]];
		for (size_t j = 0; p->task != TASK_TAG && j < k; j++)
			scores[n++] = (float)p->scores[i * k + j];
		if (p->task != TASK_REGRESS)
			to[at++] = ten_vector(text, size);
		to[at] = ten_vector(scores, n);
		cli_write(&out, to);
		free(text);
	}
	cli_close_out(&out);
	free(to);
	free(scores);
	ten_head_free(&h);
}

/* ---- a model ---- */

static void
predict(const struct eval_opts *o, struct model_file *m, struct row_source *s, struct predictions *p)
{
	struct err e;
	struct trunk trunk;
	struct task_head head;
	struct rows rows = {0};
	struct cli_progress progress;
	size_t context = m->cfg.context, max = context > BATCH_TOKENS ? context : BATCH_TOKENS;
	if (trunk_open(&trunk, &m->cfg, &m->table, max, context, KEEP_NOTHING, &e) ||
	    task_head_open(&head, &m->cfg, &m->table, max, &e))
		cli_fail(&e);
	cli_progress_start(&progress, o->quiet, "records", s->records);
	for (int got = 1; got > 0;) {
		rows_reset(&rows);
		while (rows.tokens + context <= max && (got = row_source_next(s, &rows, &e)) > 0)
			;
		if (got < 0 || task_predict(&head, &trunk, m->w, &rows, max, p, &e))
			cli_fail(&e);
		cli_progress_tick(&progress, p->records, "");
	}
	cli_progress_end(&progress);
	rows_free(&rows);
	task_head_close(&head);
	trunk_close(&trunk);
}

void
eval_task(const struct eval_opts *o, const char *file)
{
	struct err e;
	struct model_file m;
	struct row_source s;
	struct row_labels l;
	struct label_set set = {0};
	struct predictions p = {0};
	if (model_load(&m, o->model, &e))
		cli_fail(&e);
	if (m.cfg.task == TASK_NONE)
		cli_die(ERR_DATA, "%s: has no head for a task; tfinetune or tgraft gives it one", m.path);
	if (label_set_read(&set, &m.head, m.path, &e) || row_source_open(&s, file, &m.cfg, ROWS_WHOLE, &e) ||
	    model_check_tokenizer(&m, row_source_head(&s), s.name, &e) ||
	    row_labels_open(&l, row_source_head(&s), s.name, &m.cfg, &set, false, &e))
		cli_fail(&e);
	if (set.n != m.cfg.outputs && m.cfg.task != TASK_REGRESS)
		cli_die(ERR_DATA, "%s: names %zu classes for %zu outputs", m.path, set.n, m.cfg.outputs);
	if (l.field < 0 && !o->predictions)
		cli_die(ERR_DATA, "%s: has no field `%s' to compare with; without it --predictions FILE is all there is", s.name,
		    row_labels_field(m.cfg.task));
	row_source_label(&s, &l);
	s.truncate = o->truncate && m.cfg.task != TASK_TAG;
	predict(o, &m, &s, &p);
	if (predictions_finish(&p, set.names, &e))
		cli_fail(&e);
	const struct ten_head *inputs[2] = {&m.head, row_source_head(&s)};
	if (o->predictions)
		write_predictions(o, &p, &set, s.map, s.values, inputs);
	if (l.field >= 0)
		report_map(o, &p, &set, s.map, s.values, s.name, inputs, 2);
	cli_account(o->quiet, "records=%zu truncated=%" PRIu64, p.records, s.truncated);
	predictions_free(&p);
	label_set_free(&set);
	row_labels_close(&l);
	row_source_close(&s);
	model_close(&m);
}

/* ---- predictions that were made before ---- */

struct predicted {
	struct ten_map *map;
	const char *name;
	struct ten_value *values;
	uint64_t record;
	int truth, said, scores; /* fields */
	bool known;              /* the classes are named; else they are learnt */
	struct label_set set;
	struct predictions p;
};

static int32_t
class_of(struct predicted *d, const char *text, size_t n)
{
	struct err e = {0};
	int32_t i = label_set_find(&d->set, text, n);
	if (i < 0 && d->known && n)
		err_set(&e, ERR_DATA, "`%.*s' is not one of the %zu classes", n < 60 ? (int)n : 60, text, d->set.n);
	else if (i < 0)
		i = label_set_add(&d->set, text, n, &e);
	if (i < 0)
		cli_die(e.code, "%s: record %" PRIu64 ": %s", d->name, d->record, e.msg);
	return i;
}

/* The piece of a text up to the next separator. */
static bool
next_piece(const struct ten_value *v, size_t *at, char separator, const char **piece, size_t *n)
{
	if (*at >= v->count)
		return false;
	*piece = (const char *)v->data + *at;
	const char *end = memchr(*piece, separator, v->count - *at);
	*n = end ? (size_t)(end - *piece) : v->count - *at;
	*at += *n + 1;
	return true;
}

static void
add_tags(struct predicted *d)
{
	struct err e;
	const struct ten_value *is = &d->values[d->truth], *said = &d->values[d->said];
	const char *a, *b;
	size_t i = 0, j = 0, n, m;
	for (;;) {
		bool one = next_piece(is, &i, ' ', &a, &n), two = next_piece(said, &j, ' ', &b, &m);
		if (one != two)
			cli_die(ERR_DATA, "%s: record %" PRIu64 ": there are more tags in `%s' than in `%s'", d->name, d->record,
			    one ? "tags" : "predicted", one ? "predicted" : "tags");
		if (!one)
			return;
		int32_t x = class_of(d, a, n), y = class_of(d, b, m);
		if (predictions_add(&d->p, x, y, NULL, NULL, &e))
			cli_fail(&e);
	}
}

static void
mark(struct predicted *d, const struct ten_value *v, double *on)
{
	const char *name;
	for (size_t at = 0, n; next_piece(v, &at, '\n', &name, &n);)
		on[class_of(d, name, n)] = 1;
}

/* A number of `scores`: of classes a probability. */
static double
score(const struct predicted *d, float s)
{
	if (d->p.task == TASK_REGRESS ? !isfinite((double)s) : !(s >= 0 && s <= 1))
		cli_die(ERR_DATA, "%s: record %" PRIu64 ": a score of %g is no %s", d->name, d->record, (double)s,
		    d->p.task == TASK_REGRESS ? "number to measure" : "probability");
	return (double)s;
}

static void
add_record(struct predicted *d, double *scores, double *truth)
{
	struct err e;
	size_t k = d->p.outputs;
	const struct ten_value *is = &d->values[d->truth], *said = &d->values[d->said];
	int32_t x = 0, y = 0;
	memset(scores, 0, k * sizeof *scores);
	memset(truth, 0, k * sizeof *truth);
	if (d->p.task == TASK_CLASSIFY) {
		x = class_of(d, is->data, is->count);
		y = class_of(d, said->data, said->count);
	} else if (d->p.task == TASK_MULTILABEL) {
		mark(d, is, truth);
		mark(d, said, scores);
	} else {
		memcpy(truth, is->data, sizeof *truth);
	}
	if (d->scores >= 0 && d->p.task != TASK_MULTILABEL) {
		const struct ten_value *s = &d->values[d->scores];
		if (s->count != k)
			cli_die(ERR_DATA, "%s: record %" PRIu64 ": %" PRIu64 " scores for %zu outputs", d->name, d->record, s->count, k);
		for (size_t j = 0; j < k; j++)
			scores[j] = score(d, ((const float *)s->data)[j]);
	}
	if (predictions_add(&d->p, x, y, scores, truth, &e))
		cli_fail(&e);
}

/* What was predicted, by the field that it is compared with. */
static void
open_predicted(struct predicted *d)
{
	struct err e;
	const struct ten_head *h = ten_map_head(d->map);
	static const enum task tasks[] = {TASK_CLASSIFY, TASK_MULTILABEL, TASK_TAG, TASK_REGRESS};
	for (size_t i = 0; i < 4 && d->p.task == TASK_NONE; i++)
		if (ten_head_find(h, row_labels_field(tasks[i])) >= 0)
			d->p.task = tasks[i];
	if (d->p.task == TASK_NONE)
		cli_die(ERR_DATA, "%s: has neither label, labels, tags nor value to compare with", d->name);
	bool numbers = d->p.task == TASK_REGRESS;
	const char *truth = row_labels_field(d->p.task);
	d->truth = numbers ? ten_head_need(h, d->name, truth, TEN_FLOAT, 64, 0, &e) : ten_head_need(h, d->name, truth, TEN_TEXT, 8, 1, &e);
	d->scores = ten_head_find(h, "scores") >= 0 || numbers ? ten_head_need(h, d->name, "scores", TEN_FLOAT, 32, 1, &e) : -1;
	d->said = numbers ? d->scores : d->truth < 0 ? -1 : ten_head_need(h, d->name, "predicted", TEN_TEXT, 8, 1, &e);
	if (d->truth < 0 || d->said < 0 || label_set_read(&d->set, h, d->name, &e) ||
	    !(d->values = mem_zalloc(h->nfields, sizeof *d->values, "fields", &e)))
		cli_fail(&e);
	d->known = d->set.n > 0;
	if (!d->known && d->p.task == TASK_MULTILABEL)
		cli_die(ERR_DATA, "%s: does not name its classes: key-value `classes'", d->name);
	if (!d->known && !numbers)
		d->scores = -1;
	d->p.outputs = numbers ? 1 : d->set.n;
	d->p.scored = d->scores >= 0 && d->p.task == TASK_CLASSIFY;
}

void
eval_predicted(const struct eval_opts *o, const char *file)
{
	struct err e;
	struct predicted d = {.name = file};
	if (!file || strcmp(file, "-") == 0)
		cli_die(ERR_USAGE, "--predicted needs a file");
	if (ten_map_open(&d.map, file, &e))
		cli_fail(&e);
	open_predicted(&d);
	double *scores = cli_zalloc(2 * d.p.outputs, sizeof *scores, "scores");
	for (; d.record < ten_map_records(d.map); d.record++) {
		if (ten_map_get(d.map, d.record, d.values, &e))
			cli_fail(&e);
		if (d.p.task == TASK_TAG)
			add_tags(&d);
		else
			add_record(&d, scores, scores + d.p.outputs);
		if (predictions_end_record(&d.p, &e))
			cli_fail(&e);
	}
	if (d.p.n == 0)
		cli_die(ERR_DATA, "%s: there are no records", file);
	if (!d.known && d.p.task != TASK_REGRESS)
		d.p.outputs = d.set.n;
	if (predictions_finish(&d.p, d.set.names, &e))
		cli_fail(&e);
	const struct ten_head *inputs[1] = {ten_map_head(d.map)};
	report_map(o, &d.p, &d.set, d.map, d.values, file, inputs, 1);
	cli_account(o->quiet, "records=%zu", d.p.records);
	predictions_free(&d.p);
	label_set_free(&d.set);
	free(scores);
	free(d.values);
	ten_map_free(d.map);
}
