#include "common/modelio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/half.h"
#include "common/cli.h"
#include "train/trainer.h"

static int
read_config(struct model_file *m, struct err *e)
{
	const char *name;
	for (size_t i = 0; (name = config_name(i)); i++) {
		char key[80];
		snprintf(key, sizeof key, "config.%s", name);
		const struct ten_kv *kv = ten_head_kv(&m->head, key);
		if (!kv && config_optional(i))
			continue;
		if (!kv)
			return err_set(e, ERR_DATA, "the model has no `%s'", key);
		if (config_set(&m->cfg, i, kv->value, e))
			return -1;
	}
	return config_check(&m->cfg, e);
}

static bool
has_shape(const struct ten_field *f, const struct param *p)
{
	bool number = (f->cls == TEN_FLOAT && (f->bits == 32 || f->bits == 16)) || f->cls == TEN_BFLOAT;
	return number && f->rank == p->rank && f->dims[0] == p->dims[0] &&
	    (p->rank == 1 || f->dims[1] == p->dims[1]);
}

static int
check_tensors(const struct model_file *m, struct err *e)
{
	for (size_t i = 0; i < m->table.n; i++) {
		const struct param *p = &m->table.items[i];
		int at = ten_head_find(&m->head, p->name);
		if (at < 0)
			return err_set(e, ERR_DATA, "tensor %s is missing", p->name);
		if (!has_shape(&m->head.fields[at], p))
			return err_set(e, ERR_DATA, "tensor %s is not of floats of the configuration's shape (%zu, %zu)",
			    p->name, p->dims[0], p->dims[1]);
	}
	for (size_t i = 0; i < m->head.nfields; i++) {
		const char *name = m->head.fields[i].name;
		bool extra = strncmp(name, "adam.", 5) == 0 || strncmp(name, "train.", 6) == 0 ||
		    strncmp(name, "average.", 8) == 0;
		if (!extra && strcmp(name, "tokenizer") != 0 && !params_find(&m->table, name))
			return err_set(e, ERR_DATA, "tensor %s is not one of a %s model", name,
			    config_traits(&m->cfg)->name);
	}
	return 0;
}

/* The one record, from the mapping or the pipe, whose messages name the stream. */
static int
read_record(struct model_file *m, struct err *e)
{
	if (m->map) {
		if (ten_map_records(m->map) != 1)
			return err_set(e, ERR_DATA, "%s: a model has one record, this stream has %llu", m->path,
			    (unsigned long long)ten_map_records(m->map));
		return ten_map_get(m->map, 0, m->values, e);
	}
	int got = ten_read(m->reader, m->values, e);
	if (got <= 0)
		return got == 0 ? err_set(e, ERR_DATA, "%s: the stream has no record", m->path) : -1;
	struct ten_value *more = mem_zalloc(m->head.nfields, sizeof *more, "fields", e);
	if (!more)
		return -1;
	got = ten_read(m->reader, more, e); /* to the END: what was cut off is no model */
	free(more);
	return got > 0 ? err_set(e, ERR_DATA, "%s: a model has one record, this stream has more", m->path) : got;
}

static int
open_stream(struct model_file *m, const char *path, struct err *e)
{
	struct stat st;
	if (path && strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		if (ten_map_open(&m->map, path, e))
			return -1;
		return ten_head_copy(&m->head, ten_map_head(m->map), e);
	}
	m->reader = cli_reader(path);
	return ten_head_copy(&m->head, ten_reader_head(m->reader), e);
}

static int
check_model(struct model_file *m, struct err *e)
{
	if (strcmp(m->head.kind, "model") != 0)
		return err_set(e, ERR_DATA, "%s: needs a model, this is a stream of kind `%s'", m->path,
		    m->head.kind);
	if (read_config(m, e) || params_build(&m->table, &m->cfg, e) || check_tensors(m, e) ||
	    !(m->values = mem_zalloc(m->head.nfields, sizeof *m->values, "fields", e)))
		return err_prefix(e, "%s", m->path);
	if (read_record(m, e))
		return -1;
	const struct ten_value *t = model_field(m, "tokenizer");
	if (t) {
		m->tokenizer = t->data;
		m->tokenizer_size = t->count;
	}
	const struct ten_kv *kv = ten_head_kv(&m->head, "tokenizer");
	if (kv)
		snprintf(m->tokenizer_id, sizeof m->tokenizer_id, "%s", (const char *)kv->value);
	return 0;
}

int
model_open(struct model_file *m, const char *path, struct err *e)
{
	memset(m, 0, sizeof *m);
	m->path = strdup(path && strcmp(path, "-") != 0 ? path : "standard input");
	if (!m->path)
		return err_nomem(e, 1, "a name");
	if (open_stream(m, path, e) || check_model(m, e)) {
		model_close(m);
		return -1;
	}
	return 0;
}

static void
close_stream(struct model_file *m)
{
	ten_map_free(m->map);
	ten_reader_free(m->reader);
	free(m->values);
	m->map = NULL;
	m->reader = NULL;
	m->values = NULL;
}

int
model_detach(struct model_file *m, struct err *e)
{
	m->kept = mem_zalloc(m->tokenizer_size, 1, "tokenizer", e);
	if (!m->kept)
		return -1;
	if (m->tokenizer_size)
		memcpy(m->kept, m->tokenizer, m->tokenizer_size);
	m->tokenizer = m->kept;
	close_stream(m);
	return 0;
}

void
model_close(struct model_file *m)
{
	close_stream(m);
	ten_head_free(&m->head);
	params_free(&m->table);
	free(m->kept);
	free(m->w);
	free(m->path);
	memset(m, 0, sizeof *m);
}

const struct ten_value *
model_field(const struct model_file *m, const char *name)
{
	int at = ten_head_find(&m->head, name);
	return at < 0 ? NULL : &m->values[at];
}

static void
to_real(real *w, const struct ten_field *f, const void *data, size_t n)
{
	const uint16_t *h = data;
	if (f->bits == 32) {
		memcpy(w, data, n * sizeof *w);
		return;
	}
#pragma omp parallel for schedule(static) if (n > 1 << 16)
	for (size_t i = 0; i < n; i++)
		w[i] = f->cls == TEN_BFLOAT ? (real)bfloat_value(h[i]) : (real)half_value(h[i]);
}

int
model_read(const struct model_file *m, const char *prefix, const struct params *p, const bool *wanted, real *w,
    struct err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct param *it = &p->items[i];
		char name[80];
		if (wanted && !wanted[i])
			continue;
		snprintf(name, sizeof name, "%s%s", prefix, it->name);
		int at = ten_head_find(&m->head, name);
		if (at < 0 || !has_shape(&m->head.fields[at], it))
			return err_set(e, ERR_DATA, "%s: tensor %s is missing or has another shape", m->path, name);
		to_real(w + it->offset, &m->head.fields[at], m->values[at].data, it->size);
		if (!isfinite(grad_norm(w + it->offset, it->size)))
			return err_set(e, ERR_NONFINITE, "%s: tensor %s has a number that is not finite", m->path, name);
	}
	return 0;
}

/* What a model without adapters has lies at the same places: adapters come last. */
static int
merge(struct model_file *m, struct err *e)
{
	if (!m->cfg.lora_rank)
		return 0;
	params_merge_lora(m->w, &m->table, &m->cfg);
	params_free(&m->table);
	m->cfg.lora_rank = 0;
	m->cfg.lora_alpha = 0;
	m->cfg.lora_targets = 0;
	return params_build(&m->table, &m->cfg, e);
}

int
model_weights(struct model_file *m, struct err *e)
{
	m->w = mem_zalloc(m->table.size, sizeof *m->w, "weights", e);
	return !m->w || model_read(m, "", &m->table, NULL, m->w, e) || merge(m, e) ? -1 : 0;
}

int
model_load(struct model_file *m, const char *path, struct err *e)
{
	if (model_open(m, path, e))
		return -1;
	if (model_weights(m, e)) {
		model_close(m);
		return -1;
	}
	return 0;
}

int
model_check_tokenizer(const struct model_file *m, const struct ten_head *head, const char *name,
    struct err *e)
{
	const struct ten_kv *kv = ten_head_kv(head, "tokenizer");
	if (!kv || !*m->tokenizer_id || strcmp(kv->value, m->tokenizer_id) == 0)
		return 0;
	return err_set(e, ERR_DATA, "%s was tokenized by %.32s, the model %s by %s", name,
	    (const char *)kv->value, m->path, m->tokenizer_id);
}

int
model_check_template(const struct model_file *m, const struct ten_head *head, const char *name, struct err *e)
{
	const struct ten_kv *ours = ten_head_kv(&m->head, "template"), *theirs = ten_head_kv(head, "template");
	if (ours && theirs && strcmp(ours->value, theirs->value) != 0)
		return err_set(e, ERR_DATA, "%s was made with chat template %.32s, the model %s has %.32s", name,
		    (const char *)theirs->value, m->path, (const char *)ours->value);
	return 0;
}

/* ---- writing ---- */

int
model_add_tensors(struct ten_head *h, const struct params *p, const char *prefix, const bool *wanted, struct err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct param *it = &p->items[i];
		char name[80];
		snprintf(name, sizeof name, "%s%s", prefix, it->name);
		uint64_t dims[2] = {it->dims[0], it->dims[1]};
		if ((!wanted || wanted[i]) && ten_head_add(h, name, TEN_FLOAT, 32, it->rank, dims, e))
			return -1;
	}
	return 0;
}

int
model_head(struct ten_head *h, const struct config *c, const struct params *p,
    const char *tokenizer_id, struct err *e)
{
	snprintf(h->kind, sizeof h->kind, "model");
	const char *name;
	for (size_t i = 0; (name = config_name(i)); i++) {
		char key[80], text[80];
		snprintf(key, sizeof key, "config.%s", name);
		if (config_absent(c, i))
			continue;
		config_get(c, i, text, sizeof text);
		if (ten_head_set_text(h, key, text, e))
			return -1;
	}
	if (*tokenizer_id && ten_head_set_text(h, "tokenizer", tokenizer_id, e))
		return -1;
	uint64_t ragged = TEN_RAGGED;
	return model_add_tensors(h, p, "", NULL, e) || ten_head_add(h, "tokenizer", TEN_UINT, 8, 1, &ragged, e) ? -1 : 0;
}

int
model_keep(struct ten_head *h, const struct ten_head *from, struct err *e)
{
	static const char *const keys[] = {"classes", "template", "frozen"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct ten_kv *kv = ten_head_kv(from, keys[i]);
		if (kv && ten_head_set_kv(h, keys[i], kv->value, kv->size, e))
			return -1;
	}
	return 0;
}

size_t
model_put_tensors(struct ten_value *values, const struct params *p, const bool *wanted, const real *w)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct param *it = &p->items[i];
		if (!wanted || wanted[i])
			values[n++] = (struct ten_value){w + it->offset, it->size, {it->dims[0], it->dims[1]}};
	}
	return n;
}

size_t
model_values(struct ten_value *values, const struct params *p, const real *w, const void *tokenizer,
    size_t tokenizer_size)
{
	size_t n = model_put_tensors(values, p, NULL, w);
	values[n++] = ten_vector(tokenizer, tokenizer_size);
	return n;
}
