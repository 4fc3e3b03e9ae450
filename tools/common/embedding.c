#include "common/embedding.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int32_t
label_number(struct label_set *s, const struct ten_reader *r, const char *text, size_t n, bool known)
{
	struct err e;
	int32_t i = label_set_find(s, text, n);
	if (i < 0 && known && n)
		err_set(&e, ERR_DATA, "label `%.*s' does not occur in the training data", n < 60 ? (int)n : 60, text);
	else if (i < 0)
		i = label_set_add(s, text, n, &e);
	if (i < 0) {
		err_prefix(&e, "%s: record %" PRIu64, ten_reader_name(r), ten_reader_record(r) - 1);
		cli_fail(&e);
	}
	return i;
}

static void
add_vector(struct embeddings *m, const struct ten_reader *r, const struct ten_value *v)
{
	struct err e;
	const float *x = v->data;
	if (m->n == 0)
		m->dim = v->count;
	if (v->count != m->dim || m->dim == 0)
		cli_die(ERR_DATA, "%s: record %" PRIu64 ": an embedding of %" PRIu64 " numbers, not %zu", m->name,
		    ten_reader_record(r) - 1, v->count, m->dim);
	if (mem_grow(&m->x, &m->cap_x, (m->n + 1) * m->dim, sizeof *m->x, "embeddings", &e))
		cli_fail(&e);
	for (size_t j = 0; j < m->dim; j++) {
		if (!isfinite(x[j]))
			cli_die(ERR_NONFINITE, "%s: record %" PRIu64 ": number %zu of the embedding is not finite", m->name,
			    ten_reader_record(r) - 1, j);
		m->x[m->n * m->dim + j] = x[j];
	}
}

static int
ascending(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

static void
add_bag(struct embeddings *m, const struct ten_reader *r, const struct ten_value *v)
{
	struct err e;
	size_t n = v->count, from = m->n ? m->start[m->n] : 0, to = from, cap = m->cap_entries;
	double square = 0;
	if (mem_grow(&m->start, &m->cap_start, m->n + 2, sizeof *m->start, "bags of words", &e) ||
	    mem_grow(&m->index, &cap, from + n, sizeof *m->index, "bags of words", &e) ||
	    mem_grow(&m->value, &m->cap_entries, from + n, sizeof *m->value, "bags of words", &e))
		cli_fail(&e);
	if (m->n == 0)
		m->start[0] = 0;
	if (n)
		memcpy(m->index + from, v->data, n * sizeof *m->index);
	qsort(m->index + from, n, sizeof *m->index, ascending);
	for (size_t i = from, end; i < from + n; i = end, to++) {
		int32_t id = m->index[i];
		if (id < 0 || (size_t)id >= m->dim)
			cli_die(ERR_DATA, "%s: record %" PRIu64 ": id %d, the vocabulary has %zu", m->name,
			    ten_reader_record(r) - 1, id, m->dim);
		for (end = i + 1; end < from + n && m->index[end] == id;)
			end++;
		m->index[to] = id;
		m->value[to] = (real)log1p((double)(end - i));
		square += (double)m->value[to] * (double)m->value[to];
	}
	for (size_t i = from; i < to; i++)
		m->value[i] /= (real)sqrt(square);
	m->start[m->n + 1] = to;
}

void
embeddings_load(struct embeddings *m, const char *path, bool bag, struct label_set *set, bool known)
{
	struct err e;
	struct ten_reader *r = cli_reader(path);
	const struct ten_head *h = ten_reader_head(r);
	int got, vector = -1, ids = -1, label = -1;
	*m = (struct embeddings){.name = path ? path : "standard input"};
	if (bag && ten_head_find(h, "embedding") < 0) {
		ids = ten_head_need(h, m->name, "ids", TEN_INT, 32, 1, &e);
		m->dim = cli_head_number(r, "vocab_size", 0);
		if (ids >= 0 && (m->dim == 0 || m->dim > INT32_MAX))
			cli_die(ERR_DATA, "%s: does not say the size of its vocabulary", m->name);
	} else {
		vector = ten_head_need(h, m->name, "embedding", TEN_FLOAT, 32, 1, &e);
	}
	if (ids < 0 && vector < 0)
		cli_fail(&e);
	if (set && (label = ten_head_need(h, m->name, "label", TEN_TEXT, 8, 1, &e)) < 0)
		cli_fail(&e);
	int source = cli_field(r, "source", TEN_UINT, 64, 0);
	struct ten_value *v = mem_zalloc(h->nfields, sizeof *v, "fields", &e);
	if (!v || ten_head_copy(&m->head, h, &e))
		cli_fail(&e);
	for (; (got = ten_read(r, v, &e)) > 0; m->n++) {
		if (vector >= 0)
			add_vector(m, r, &v[vector]);
		else
			add_bag(m, r, &v[ids]);
		if (mem_grow(&m->source, &m->cap_source, m->n + 1, sizeof *m->source, "sources", &e) ||
		    mem_grow(&m->labels, &m->cap_labels, m->n + 1, sizeof *m->labels, "labels", &e))
			cli_fail(&e);
		m->source[m->n] = m->n;
		if (source >= 0)
			memcpy(&m->source[m->n], v[source].data, sizeof *m->source);
		if (set)
			m->labels[m->n] = label_number(set, r, v[label].data, v[label].count, known);
	}
	if (got < 0)
		cli_fail(&e);
	if (m->n == 0)
		cli_die(ERR_DATA, "%s: there are no records", m->name);
	free(v);
	ten_reader_free(r);
}

void
embeddings_free(struct embeddings *m)
{
	free(m->x);
	free(m->start);
	free(m->index);
	free(m->value);
	free(m->source);
	free(m->labels);
	ten_head_free(&m->head);
	memset(m, 0, sizeof *m);
}

struct features
embeddings_features(const struct embeddings *m)
{
	return (struct features){m->n, m->dim, m->x, m->start, m->index, m->value};
}
