#include "import/model.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/modelio.h"
#include "common/vocabio.h"
#include "import/foreign.h"
#include "import/hfconfig.h"
#include "import/hftokenizer.h"
#include "shards.h"
#include "text/template.h"

enum { MAX_LISTED = 100 };

struct loading {
	const struct model_import *o;
	struct config cfg;
	struct params table;
	struct shards shards;
	bool *used;           /* by place in shards.tensors */
	bool stripped;        /* names lack the "model." that others have */
	size_t missing, unexpected, left_out;
	struct ten_head head;
	struct ten_value *values;
	void **copies;        /* of tensors that are stored otherwise; by place in table */
};

void
import_note(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		cli_die(ERR_RUNTIME, "%s: cannot open", path);
	cli_note_input(fd, path);
	close(fd);
}

char *
import_bytes(const char *folder, const char *name, char **path, size_t *n)
{
	struct err e;
	char *bytes;
	if (asprintf(path, "%s/%s", folder, name) < 0)
		cli_die(ERR_RUNTIME, "out of memory");
	if (!(bytes = file_bytes(*path, 1 << 20, n, &e)))
		cli_fail(&e);
	import_note(*path);
	return bytes;
}

void
import_type(struct ten_field *f, const struct st_tensor *t)
{
	f->cls = t->dtype == ST_BF16 ? TEN_BFLOAT : TEN_FLOAT;
	f->bits = t->dtype == ST_F32 ? 32 : 16;
}

static void
read_config(struct loading *l)
{
	struct err e;
	size_t n;
	char *path, *json = import_bytes(l->o->folder, "config.json", &path, &n);
	if (hf_config_parse(&l->cfg, json, n, &e)) {
		err_prefix(&e, "%s", path);
		cli_fail(&e);
	}
	free(json);
	free(path);
}

/* The tensor called `name`, also without what names the model within a larger one, or with the names that norms once
 * had. SIZE_MAX when there is none. */
static size_t
find(const struct loading *l, const char *name)
{
	char old[128];
	const char *dot = strchr(name, '.');
	bool outer = strncmp(name, "lm_head.", 8) == 0 || strncmp(name, "cls.", 4) == 0;
	if (l->stripped && !outer && dot)
		name = dot + 1;
	size_t at = shards_find(&l->shards, name), n = strlen(name);
	const char *norm = strstr(name, "LayerNorm.");
	if (at != SIZE_MAX || !norm || n + 1 > sizeof old)
		return at;
	snprintf(old, sizeof old, "%.*s%s", (int)(norm + 10 - name), name, strcmp(norm + 10, "weight") == 0 ? "gamma" : "beta");
	return shards_find(&l->shards, old);
}

static void
check_shape(const struct st_tensor *t, const struct param *p)
{
	uint64_t rows = p->dims[0] * p->parts, cols = p->dims[1];
	if (t->dtype != ST_F32 && t->dtype != ST_F16 && t->dtype != ST_BF16)
		cli_die(ERR_DATA, "tensor %s: its numbers are neither F32, F16 nor BF16", t->name);
	bool same = p->rank == 1 ? t->rank == 1 && t->shape[0] == rows
	    : t->rank == 2 && t->shape[p->transposed] == rows && t->shape[!p->transposed] == cols;
	if (!same)
		cli_die(ERR_DATA, "tensor %s has another shape than the (%llu, %llu) that the configuration gives it", t->name,
		    (unsigned long long)(p->transposed ? cols : rows), (unsigned long long)(p->transposed ? rows : cols));
}

/* Points to the numbers where they lie as ours do, else copies them. */
static void
place(struct loading *l, size_t i, const struct st_tensor *t)
{
	struct err e;
	const struct param *p = &l->table.items[i];
	size_t size = st_dtype_size(t->dtype), rows = p->dims[0], cols = p->dims[1], wide = rows * p->parts;
	const char *from = t->data;
	import_type(&l->head.fields[i], t);
	l->values[i] = (struct ten_value){from + p->part * p->size * size, p->size, {rows, cols}};
	if (p->transposed) {
		char *to = l->copies[i] = mem_zalloc(p->size, size, "a tensor", &e);
		if (!to)
			cli_fail(&e);
		for (size_t r = 0; r < rows; r++)
			for (size_t c = 0; c < cols; c++)
				memcpy(to + (r * cols + c) * size, from + (c * wide + p->part * rows + r) * size, size);
		l->values[i].data = to;
	}
	if (!foreign_finite(t))
		cli_die(ERR_NONFINITE, "tensor %s has a number that is not finite", t->name);
}

static void
place_all(struct loading *l)
{
	for (size_t i = 0; i < l->table.n; i++) {
		const struct param *p = &l->table.items[i];
		size_t at = find(l, p->foreign);
		if (at == SIZE_MAX) {
			if (p->part == 0 && l->missing++ < MAX_LISTED)
				cli_warn("%s: tensor %s is missing", l->o->folder, p->foreign);
			continue;
		}
		check_shape(l->shards.tensors[at], p);
		l->used[at] = true;
		place(l, i, l->shards.tensors[at]);
	}
}

/* What no tensor of ours comes from is harmless, or an error. */
static void
check_rest(struct loading *l)
{
	const struct st_tensor *same[2] = {NULL, NULL};
	struct err e;
	for (size_t i = 0; i < l->table.n; i++) {
		enum slot s = l->table.items[i].slot;
		size_t at = s == SLOT_TOKEN || s == SLOT_HEAD_B ? find(l, l->table.items[i].foreign) : SIZE_MAX;
		if (at != SIZE_MAX)
			same[s == SLOT_HEAD_B] = l->shards.tensors[at];
	}
	for (size_t i = 0; i < l->shards.n; i++) {
		const char *why = l->used[i] ? NULL : foreign_harmless(l->shards.tensors[i], &l->cfg, same, &e);
		if (l->used[i])
			continue;
		if (why) {
			l->left_out++;
			if (!l->o->quiet)
				cli_warn("left out: %s, %s", l->shards.tensors[i]->name, why);
		} else if (l->unexpected++ < MAX_LISTED) {
			cli_warn("%s: tensor %s is %s", l->o->folder, l->shards.tensors[i]->name, e.msg);
		}
	}
	if (l->missing || l->unexpected)
		cli_die(ERR_DATA, "%s: tensors are missing: %zu; not of a %s model like this: %zu", l->o->folder, l->missing,
		    config_traits(&l->cfg)->name, l->unexpected);
}

static void
load_vocabulary(struct loading *l, struct vocab_file *v)
{
	struct err e;
	size_t at = find(l, l->table.items[0].foreign);
	if (at != SIZE_MAX)
		check_shape(l->shards.tensors[at], &l->table.items[0]); /* the number of tokens is believed from here on */
	if (!l->o->vocabulary)
		hf_vocabulary(v, l->o->folder, &l->cfg, at != SIZE_MAX ? l->cfg.vocab : 0);
	else if (vocab_file_load(v, l->o->vocabulary, &e))
		cli_fail(&e);
	if (v->vocab.n > l->cfg.vocab)
		cli_die(ERR_DATA, "%s: has %zu tokens, the model %zu", l->o->vocabulary ? l->o->vocabulary : l->o->folder, v->vocab.n,
		    l->cfg.vocab);
}

static void
write_model(struct loading *l, struct vocab_file *v)
{
	struct cli_out out;
	struct ten_writer_opts bulk = {.bulk = true};
	const struct ten_head *inputs[1] = {&v->head};
	l->values[l->table.n] = ten_vector(v->bytes, v->size);
	cli_open_out(&out, l->o->output, &l->head, inputs, l->o->vocabulary != NULL, NULL, &bulk);
	cli_write(&out, l->values);
	cli_close_out(&out);
	cli_account(l->o->quiet, "family=%s parameters=%zu tensors=%zu left_out=%zu vocabulary=%zu tokenizer=%s",
	    config_traits(&l->cfg)->name, l->table.count, l->table.n, l->left_out, l->cfg.vocab,
	    v->size ? vocab_type_name(v->vocab.type) : "none");
}

void
import_model(const struct model_import *m)
{
	struct err e;
	struct loading l = {.o = m};
	struct vocab_file v = {0};
	read_config(&l);
	if (shards_open(&l.shards, m->folder, "model", &e) || params_build(&l.table, &l.cfg, &e))
		cli_fail(&e);
	l.stripped = find(&l, l.table.items[0].foreign) == SIZE_MAX;
	load_vocabulary(&l, &v);
	if (model_head(&l.head, &l.cfg, &l.table, v.id, &e))
		cli_fail(&e);
	if (v.vocab.chat_template) {
		char id[33];
		template_id(v.vocab.chat_template, id);
		if (ten_head_set_text(&l.head, "template", id, &e))
			cli_fail(&e);
	}
	for (size_t i = 0; i < l.shards.npaths; i++)
		import_note(l.shards.paths[i]);
	l.used = mem_zalloc(l.shards.n, sizeof *l.used, "tensors", &e);
	l.values = mem_zalloc(l.head.nfields, sizeof *l.values, "fields", &e);
	l.copies = mem_zalloc(l.table.n, sizeof *l.copies, "tensors", &e);
	if (!l.used || !l.values || !l.copies)
		cli_fail(&e);
	place_all(&l);
	check_rest(&l);
	write_model(&l, &v);
	for (size_t i = 0; i < l.table.n; i++)
		free(l.copies[i]);
	free(l.copies);
	free(l.values);
	free(l.used);
	vocab_file_free(&v);
	ten_head_free(&l.head);
	params_free(&l.table);
	shards_close(&l.shards);
}
