/* The result as a stream. */
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "base/mem.h"
#include "graft/graft.h"
#include "text/template.h"

static void
set_frozen(struct grafting *g, struct ten_head *h)
{
	struct err e;
	const struct ten_kv *before = g->o.thaw ? NULL : ten_head_kv(&g->in.head, "frozen");
	size_t size = 0;
	FILE *f = open_memstream(&g->frozen, &size);
	if (!f)
		cli_die(ERR_RUNTIME, "out of memory");
	if (before)
		fputs(before->value, f);
	for (size_t i = 0; i < g->o.freeze.n; i++) {
		bool matched = false;
		for (size_t j = 0; j < g->table.n; j++)
			matched = matched || fnmatch(g->o.freeze.items[i], g->table.items[j].name, 0) == 0;
		if (!matched)
			cli_die(ERR_USAGE, "--freeze: no tensor is called `%s'", g->o.freeze.items[i]);
		fprintf(f, "%s%s", before || i ? "\n" : "", g->o.freeze.items[i]);
	}
	fclose(f);
	if (size && ten_head_set_text(h, "frozen", g->frozen, &e))
		cli_fail(&e);
}

static void
set_keys(struct grafting *g, struct ten_head *h)
{
	struct err e;
	const struct ten_kv *classes = ten_head_kv(&g->in.head, "classes");
	char id[33];
	if (classes && !g->dropped[DROP_TASK] && ten_head_set_kv(h, "classes", classes->value, classes->size, &e))
		cli_fail(&e);
	if (g->set.n && label_set_write(&g->set, h, &e))
		cli_fail(&e);
	if (g->vocab.vocab.chat_template) {
		template_id(g->vocab.vocab.chat_template, id);
		if (ten_head_set_text(h, "template", id, &e))
			cli_fail(&e);
	}
	set_frozen(g, h);
}

/* The tensors in the type that is asked for: fields and values change. Returns what holds them, owned. */
static uint16_t *
cast_tensors(int cast, struct ten_head *h, struct ten_value *v, size_t n)
{
	struct err e;
	size_t numbers = 0;
	for (size_t i = 0; i < n; i++)
		numbers += v[i].count;
	uint16_t *all = mem_zalloc(numbers, sizeof *all, "16-bit tensors", &e), *to = all;
	if (!all)
		cli_fail(&e);
	for (size_t i = 0; i < n; i++) {
		const float *x = v[i].data;
		for (size_t j = 0; j < v[i].count; j++) {
			to[j] = cast == CAST_F16 ? half_of((double)x[j]) : bfloat_of(x[j]);
			if (!isfinite(cast == CAST_F16 ? half_value(to[j]) : (double)bfloat_value(to[j])))
				cli_die(ERR_NONFINITE, "tensor %s: %g is too large for %s", h->fields[i].name, (double)x[j], graft_casts[cast]);
		}
		h->fields[i].cls = cast == CAST_F16 ? TEN_FLOAT : TEN_BFLOAT;
		h->fields[i].bits = 16;
		v[i].data = to;
		to += v[i].count;
	}
	return all;
}

void
graft_write(struct grafting *g)
{
	struct err e;
	struct ten_head h = {0};
	struct cli_out out;
	struct ten_writer_opts bulk = {.bulk = true};
	struct vocab_file fresh = {0};
	const void *bytes = g->in.tokenizer;
	size_t size = g->in.tokenizer_size;
	if (g->rows) { /* the vocabulary has changed: its stream and its id anew */
		struct ten_head vh = {0};
		if (vocab_head(&vh, &g->vocab.vocab, &e) || ten_head_merge_prov(&vh, &g->vocab.head, &e) ||
		    vocab_file_make(&fresh, &g->vocab.vocab, &vh, &e))
			cli_fail(&e);
		ten_head_free(&vh);
		bytes = fresh.bytes;
		size = fresh.size;
	}
	if (model_head(&h, &g->cfg, &g->table, g->rows ? fresh.id : g->in.tokenizer_id, &e))
		cli_fail(&e);
	set_keys(g, &h);
	struct ten_value *v = mem_zalloc(h.nfields, sizeof *v, "fields", &e);
	if (!v)
		cli_fail(&e);
	model_values(v, &g->table, g->out, bytes, size);
	uint16_t *narrow = g->o.cast == CAST_F32 ? NULL : cast_tensors(g->o.cast, &h, v, g->table.n);
	cli_open_out(&out, g->o.output, &h, g->inputs, g->ninputs, &g->o.seed, &bulk);
	cli_write(&out, v);
	cli_close_out(&out);
	vocab_file_free(&fresh);
	ten_head_free(&h);
	free(narrow);
	free(v);
}
