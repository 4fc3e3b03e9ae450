#include "common/rowlabels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/lm_head.h"

const char *
row_labels_field(enum task task)
{
	static const char *const fields[TASK_COUNT] = {"", "label", "labels", "tags", "value"};
	return fields[task];
}

int
row_labels_open(struct row_labels *l, const struct ten_head *h, const char *stream, const struct config *c,
    const struct label_set *set, bool needed, struct err *e)
{
	const char *name = row_labels_field(c->task);
	*l = (struct row_labels){.task = c->task, .outputs = c->outputs, .set = set, .field = -1, .words = -1};
	if (c->task == TASK_TAG && (l->words = ten_head_need(h, stream, "words", TEN_INT, 32, 1, e)) < 0)
		return -1;
	if (!needed && ten_head_find(h, name) < 0)
		return 0;
	if (c->task == TASK_REGRESS) {
		l->field = ten_head_find(h, name);
		const struct ten_field *f = l->field < 0 ? NULL : &h->fields[l->field];
		if (!f || f->cls != TEN_FLOAT || f->bits < 32 || f->rank > 1)
			return err_set(e, ERR_DATA, "%s: needs a field `value' of floats", stream);
		l->bits = f->bits;
	} else if ((l->field = ten_head_need(h, stream, name, TEN_TEXT, 8, 1, e)) < 0) {
		return -1;
	}
	l->values = mem_zalloc(c->outputs, sizeof *l->values, "labels", e);
	return l->values ? 0 : -1;
}

void
row_labels_close(struct row_labels *l)
{
	free(l->tags);
	free(l->values);
	memset(l, 0, sizeof *l);
}

static int32_t
number_of(const struct row_labels *l, const char *name, size_t n, const char *what, struct err *e)
{
	int32_t i = label_set_find(l->set, name, n);
	if (n == 0)
		return err_set(e, ERR_DATA, "the %s is empty", what);
	if (i < 0)
		return err_set(e, ERR_DATA, "the %s `%.*s' is not one of the model's %zu classes", what,
		    n < 60 ? (int)n : 60, name, l->set->n);
	return i;
}

static int
fill_labels(struct row_labels *l, const char *text, size_t n, struct err *e)
{
	memset(l->values, 0, l->outputs * sizeof *l->values);
	while (n) {
		const char *end = memchr(text, '\n', n);
		size_t m = end ? (size_t)(end - text) : n;
		int32_t i = number_of(l, text, m, "label", e);
		if (i < 0)
			return -1;
		l->values[i] = 1;
		text += m + (end != NULL);
		n -= m + (end != NULL);
	}
	return 0;
}

static int
fill_value(struct row_labels *l, const struct ten_value *v, struct err *e)
{
	if (v->count != l->outputs)
		return err_set(e, ERR_DATA, "%llu values, the model has %zu outputs", (unsigned long long)v->count, l->outputs);
	for (size_t i = 0; i < l->outputs; i++) {
		l->values[i] = l->bits == 32 ? (real)((const float *)v->data)[i] : (real)((const double *)v->data)[i];
		if (!isfinite(l->values[i]))
			return err_set(e, ERR_DATA, "the value is not finite");
	}
	return 0;
}

/* The next tag's number; *at moves behind it. */
static int
next_tag(const struct row_labels *l, const char *text, size_t n, size_t *at, int32_t *tag, struct err *e)
{
	const char *end = memchr(text + *at, ' ', n - *at);
	size_t m = end ? (size_t)(end - text) - *at : n - *at;
	*tag = number_of(l, text + *at, m, "tag", e);
	*at += m + (end != NULL);
	return *tag < 0 ? -1 : 0;
}

static int
fill_tags(struct row_labels *l, const struct ten_value *tags, const int32_t *words, size_t n, struct err *e)
{
	size_t at = 0, size = tags ? tags->count : 0, count = 0;
	int32_t before = -1, tag = 0;
	const char *text = tags ? tags->data : "";
	for (size_t i = 0; i < size; i++)
		count += text[i] == ' ' || i == 0;
	if (mem_grow(&l->tags, &l->cap, n, sizeof *l->tags, "tags", e))
		return -1;
	for (size_t i = 0; i < n; i++) {
		l->tags[i] = TARGET_NONE;
		if (words[i] < 0 || words[i] == before)
			continue;
		if (words[i] != before + 1)
			return err_set(e, ERR_DATA, "word %d comes behind word %d", words[i], before);
		before = words[i];
		if (tags && at >= size)
			return err_set(e, ERR_DATA, "%zu tags, but there are more words", count);
		if (tags && next_tag(l, text, size, &at, &tag, e))
			return -1;
		l->tags[i] = tag;
	}
	if (tags && (size_t)(before + 1) != count)
		return err_set(e, ERR_DATA, "%zu tags for %d words", count, before + 1);
	return 0;
}

int
row_labels_fill(struct row_labels *l, const struct ten_value *values, size_t n, struct row *row, struct err *e)
{
	const struct ten_value *v = l->field < 0 ? NULL : &values[l->field];
	if (l->task == TASK_TAG) {
		if (values[l->words].count != n)
			return err_set(e, ERR_DATA, "%zu ids but %llu words", n, (unsigned long long)values[l->words].count);
		row->targets = NULL;
		if (fill_tags(l, v, values[l->words].data, n, e))
			return -1;
		row->targets = l->tags;
		row->tags = true;
		return 0;
	}
	if (!v)
		return 0;
	if (l->task == TASK_CLASSIFY)
		return (row->label = number_of(l, v->data, v->count, "label", e)) < 0 ? -1 : 0;
	row->values = l->values;
	return l->task == TASK_REGRESS ? fill_value(l, v, e) : fill_labels(l, v->data, v->count, e);
}
