/* model.safetensors: the tensors by the names, and in the layout, that others have. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "export/folder.h"

/* A tensor of the file: `parts` of ours, neighbours in the table, or zeros that we do not store. */
struct piece {
	char name[96];
	const struct param *first; /* NULL: zeros */
	size_t rows, cols;         /* of all parts */
	unsigned rank;
};

/* A model without a language head is one whose names lack the outer part. */
static void
set_name(struct piece *p, const struct config *c, const char *foreign)
{
	const char *dot = c->headless ? strchr(foreign, '.') : NULL;
	snprintf(p->name, sizeof p->name, "%s", dot ? dot + 1 : foreign);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct piece *)a)->name, ((const struct piece *)b)->name);
}

/* As the original library orders tensors of one type. */
static size_t
list(struct piece *pieces, const struct params *table, const struct config *c)
{
	size_t n = 0;
	for (size_t i = 0; i < table->n; i++) {
		const struct param *it = &table->items[i];
		if (it->part)
			continue;
		pieces[n] = (struct piece){.first = it, .rows = it->dims[0] * it->parts, .cols = it->dims[1], .rank = it->rank};
		set_name(&pieces[n++], c, it->foreign);
	}
	/* elsewhere an encoder always has token types */
	if (config_traits(c)->encoder && !c->types) {
		pieces[n] = (struct piece){.rows = 1, .cols = c->width, .rank = 2};
		set_name(&pieces[n++], c, c->arch == ARCH_ROBERTA ? "roberta.embeddings.token_type_embeddings.weight"
		    : "bert.embeddings.token_type_embeddings.weight");
	}
	qsort(pieces, n, sizeof *pieces, by_name);
	return n;
}

/* Sets to (rows * cols) to the numbers as the file has them. */
static void
gather(float *to, const struct piece *p, const float *w)
{
	if (!p->first) {
		memset(to, 0, p->rows * p->cols * sizeof *to);
		return;
	}
	for (unsigned k = 0; k < p->first->parts; k++) {
		const struct param *it = p->first + k;
		const float *from = w + it->offset;
		if (!it->transposed) {
			memcpy(to + k * it->size, from, it->size * sizeof *to);
			continue;
		}
		for (size_t r = 0; r < it->dims[0]; r++)
			for (size_t c = 0; c < p->cols; c++)
				to[c * p->rows + k * it->dims[0] + r] = from[r * p->cols + c];
	}
}

size_t
put_weights(struct outfolder *to, const struct model_file *m, enum export_type t)
{
	struct err e;
	struct st_writer w;
	struct piece *pieces = mem_zalloc(m->table.n + 1, sizeof *pieces, "tensors", &e);
	struct st_tensor *heads = pieces ? mem_zalloc(m->table.n + 1, sizeof *heads, "tensors", &e) : NULL;
	if (!heads)
		cli_fail(&e);
	size_t n = list(pieces, &m->table, &m->cfg), largest = 0;
	for (size_t i = 0; i < n; i++) {
		const struct piece *p = &pieces[i];
		bool turned = p->first && p->first->transposed;
		heads[i] = (struct st_tensor){.name = pieces[i].name, .dtype = type_dtype(t), .rank = p->rank,
		    .shape = {turned ? p->cols : p->rows, turned ? p->rows : p->cols}};
		largest = p->rows * p->cols > largest ? p->rows * p->cols : largest;
	}
	float *x = mem_zalloc(2 * largest, sizeof *x, "a tensor", &e), *typed = x + largest;
	const char *path = x ? outfolder_file(to, "model.safetensors", &e) : NULL;
	if (!path || st_write_open(&w, path, heads, n, &e))
		cli_fail(&e);
	for (size_t i = 0; i < n; i++) {
		size_t count = pieces[i].rows * pieces[i].cols;
		gather(x, &pieces[i], m->w);
		to_type(t, x, count, typed, pieces[i].name);
		if (st_write(&w, typed, count * st_dtype_size(type_dtype(t)), &e))
			cli_fail(&e);
	}
	if (st_write_close(&w, &e))
		cli_fail(&e);
	free(x);
	free(heads);
	free(pieces);
	return n;
}
