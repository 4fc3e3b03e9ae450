#include "common/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cli.h"
#include "train/exchange.h"

enum { KEEP = 2 };

static char *opened; /* the folder, while it is this training's */

/* A training that fails before its first checkpoint leaves no folder. */
static void
remove_empty(void)
{
	if (opened)
		rmdir(opened);
	free(opened);
}

void
checkpoint_open(struct checkpoint *c, const char *output, const struct ten_head *own,
    const struct model_file *model)
{
	*c = (struct checkpoint){.own = own, .model = model};
	if (asprintf(&c->folder, "%s.ckpt", output) < 0)
		cli_die(ERR_RUNTIME, "out of memory");
	if (mkdir(c->folder, 0777) && errno != EEXIST)
		cli_die(ERR_RUNTIME, "%s: cannot create the folder of checkpoints: %s", c->folder, strerror(errno));
	c->lock = open(c->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->lock < 0)
		cli_die(ERR_RUNTIME, "%s: %s", c->folder, strerror(errno));
	/* one that has just been killed may still be dying */
	double until = cli_now() + 2;
	int rc;
	while ((rc = flock(c->lock, LOCK_EX | LOCK_NB)) && cli_now() < until)
		nanosleep(&(struct timespec){0, 20000000}, NULL);
	if (rc)
		cli_die(ERR_RUNTIME, "%s: another training is writing here", c->folder);
	if (!(opened = strdup(c->folder)) || atexit(remove_empty))
		cli_die(ERR_RUNTIME, "out of memory");
}

/* ---- names ---- */

static void
state_path(const struct checkpoint *c, uint64_t step, char *buf, size_t n)
{
	snprintf(buf, n, "%s/step-%08" PRIu64 ".ten", c->folder, step);
}

static int
newer_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? 1 : x > y ? -1 : 0;
}

/* Steps of the states in the folder, newest first; returns how many, *steps owned. */
static size_t
list_states(const struct checkpoint *c, uint64_t **steps)
{
	struct err e;
	size_t n = 0, cap = 0;
	*steps = NULL;
	DIR *d = opendir(c->folder);
	if (!d)
		cli_die(ERR_RUNTIME, "%s: %s", c->folder, strerror(errno));
	for (struct dirent *f; (f = readdir(d));) {
		uint64_t step;
		int end = 0;
		if (sscanf(f->d_name, "step-%" SCNu64 ".ten%n", &step, &end) == 1 && end && !f->d_name[end]) {
			if (mem_grow(steps, &cap, n + 1, sizeof **steps, "checkpoints", &e))
				cli_fail(&e);
			(*steps)[n++] = step;
		}
	}
	closedir(d);
	if (n)
		qsort(*steps, n, sizeof **steps, newer_first);
	return n;
}

/* ---- saving ---- */

static int
set_number(struct ten_head *h, const char *key, double value, struct err *e)
{
	char text[40];
	snprintf(text, sizeof text, "%.17g", value);
	return ten_head_set_text(h, key, text, e);
}

static int
set_numbers(struct ten_head *h, const struct train_state *s, struct err *e)
{
	char key[80];
	for (size_t i = 0; i < s->nnumbers; i++) {
		snprintf(key, sizeof key, "train.%s", s->numbers[i].name);
		if (set_number(h, key, *s->numbers[i].value, e))
			return -1;
	}
	return 0;
}

static int
queue_head(struct ten_head *h, const struct contrast *c, const struct params *p, struct err *e)
{
	uint64_t dims[2] = {c->opts.queue, c->dim};
	return model_add_tensors(h, p, "average.", NULL, e) ||
	    ten_head_add(h, "train.queue", TEN_FLOAT, 32, 2, dims, e) ||
	    ten_head_add(h, "train.queue_keys", TEN_UINT, 64, 1, dims, e) ||
	    set_number(h, "train.queue_at", (double)c->queue_at, e) ? -1 : 0;
}

/* Which tensors have moments: those that are trained now or later. */
static bool *
with_moments(const struct trainer *t)
{
	bool *w = cli_zalloc(t->table->n, sizeof *w, "tensors");
	for (size_t i = 0; i < t->table->n; i++)
		w[i] = t->how[i].since != UINT64_MAX;
	return w;
}

/* Counts stay below 2^53, so that a double holds them. */
static int
state_head(struct ten_head *h, const struct checkpoint *c, const struct trainer *t,
    const struct train_state *s, const bool *moments, struct err *e)
{
	uint64_t dims[2] = {TEN_RAGGED, run_log_columns(&s->log)};
	return model_head(h, t->cfg, t->table, c->model->tokenizer_id, e) || model_keep(h, c->own, e) ||
	    model_add_tensors(h, t->table, "adam.m.", moments, e) ||
	    model_add_tensors(h, t->table, "adam.v.", moments, e) ||
	    ten_head_add(h, "train.log", TEN_FLOAT, 64, 2, dims, e) ||
	    (s->contrast && queue_head(h, s->contrast, t->table, e)) ||
	    set_number(h, "train.step", (double)t->step, e) ||
	    set_number(h, "train.epoch", (double)s->place.epoch, e) ||
	    set_number(h, "train.record", (double)s->place.record, e) ||
	    set_number(h, "train.piece", (double)s->place.piece, e) ||
	    set_number(h, "train.tokens", (double)s->tokens, e) ||
	    set_number(h, "train.best_score", s->best_score, e) ||
	    set_number(h, "train.best_step", (double)s->best_step, e) || set_numbers(h, s, e) ||
	    ten_head_merge_prov(h, c->own, e) ? -1 : 0;
}

static void
prune(const struct checkpoint *c)
{
	uint64_t *steps;
	size_t n = list_states(c, &steps);
	for (size_t i = KEEP; i < n; i++) {
		char path[4200];
		state_path(c, steps[i], path, sizeof path);
		unlink(path);
	}
	free(steps);
}

static void
write_model(const char *path, struct ten_head *h, const struct ten_value *values)
{
	struct ten_writer_opts bulk = {.bulk = true};
	struct cli_out out;
	cli_open_raw(&out, path, h, &bulk);
	cli_write(&out, values);
	cli_close_out(&out);
}

void
checkpoint_save(struct checkpoint *c, const struct trainer *t, const struct train_state *s)
{
	struct err e;
	struct ten_head h = {0};
	bool *moments = with_moments(t);
	if (state_head(&h, c, t, s, moments, &e))
		cli_fail(&e);
	struct ten_value *v = cli_zalloc(h.nfields, sizeof *v, "fields");
	size_t n = model_values(v, t->table, t->w, c->model->tokenizer, c->model->tokenizer_size);
	real *first, *second;
	exchange_room(t, &first, &second);
	n += model_put_tensors(v + n, t->table, moments, first);
	n += model_put_tensors(v + n, t->table, moments, second);
	size_t columns = run_log_columns(&s->log);
	v[n++] = (struct ten_value){s->log.rows, s->log.n * columns, {s->log.n, columns}};
	if (s->contrast) {
		const struct contrast *q = s->contrast;
		n += model_put_tensors(v + n, t->table, NULL, q->average);
		v[n++] = (struct ten_value){q->queue, q->opts.queue * q->dim, {q->opts.queue, q->dim}};
		v[n++] = (struct ten_value){q->queue_keys, q->opts.queue, {q->opts.queue}};
	}
	char path[4200];
	state_path(c, t->step, path, sizeof path);
	write_model(path, &h, v);
	free(v);
	free(moments);
	ten_head_free(&h);
	prune(c);
}

void
checkpoint_save_best(struct checkpoint *c, const struct trainer *t)
{
	struct err e;
	struct ten_head h = {0};
	struct ten_value *v = mem_zalloc(t->table->n + 1, sizeof *v, "fields", &e);
	if (!v || model_head(&h, t->cfg, t->table, c->model->tokenizer_id, &e) ||
	    model_keep(&h, c->own, &e) || ten_head_merge_prov(&h, c->own, &e))
		cli_fail(&e);
	model_values(v, t->table, t->w, c->model->tokenizer, c->model->tokenizer_size);
	char path[4200];
	snprintf(path, sizeof path, "%s/best.ten", c->folder);
	write_model(path, &h, v);
	free(v);
	ten_head_free(&h);
}

/* ---- resuming ---- */

static int
get_number(const struct model_file *m, const char *key, double *value, struct err *e)
{
	const struct ten_kv *kv = ten_head_kv(&m->head, key);
	char *end;
	if (!kv)
		return err_set(e, ERR_DATA, "%s: has no `%s'", m->path, key);
	*value = strtod(kv->value, &end);
	if (end == kv->value || *end || isnan(*value))
		return err_set(e, ERR_DATA, "%s: `%s' is not a number", m->path, key);
	return 0;
}

static int
get_count(const struct model_file *m, const char *key, uint64_t *value, struct err *e)
{
	double d = 0;
	if (get_number(m, key, &d, e))
		return -1;
	if (!(d >= 0 && d < 0x1p53))
		return err_set(e, ERR_DATA, "%s: `%s' is not a count", m->path, key);
	*value = (uint64_t)d;
	return 0;
}

static int
read_log(const struct model_file *m, struct run_log *l, struct err *e)
{
	const struct ten_value *v = model_field(m, "train.log");
	size_t columns = run_log_columns(l);
	if (!v || v->count % columns)
		return err_set(e, ERR_DATA, "%s: field train.log is missing or has another shape", m->path);
	l->n = 0;
	const double *rows = v->data;
	for (size_t i = 0; i < v->count; i += columns)
		if (run_log_add(l, rows + i, e))
			return -1;
	return 0;
}

static int
read_numbers(const struct model_file *m, struct train_state *s, struct err *e)
{
	char key[80];
	for (size_t i = 0; i < s->nnumbers; i++) {
		snprintf(key, sizeof key, "train.%s", s->numbers[i].name);
		if (get_number(m, key, s->numbers[i].value, e))
			return -1;
	}
	return 0;
}

static int
read_queue(const struct model_file *m, struct contrast *c, struct err *e)
{
	const struct ten_value *queue = model_field(m, "train.queue"), *keys = model_field(m, "train.queue_keys");
	if (!queue || !keys || queue->count != c->opts.queue * c->dim || keys->count != c->opts.queue)
		return err_set(e, ERR_DATA, "%s: the queue is missing or has another shape", m->path);
	memcpy(c->queue, queue->data, queue->count * sizeof *c->queue);
	memcpy(c->queue_keys, keys->data, keys->count * sizeof *c->queue_keys);
	if (get_count(m, "train.queue_at", &c->queue_at, e) || model_read(m, "average.", c->table, NULL, c->average, e))
		return -1;
	return c->queue_at < c->opts.queue ? 0 : err_set(e, ERR_DATA, "%s: train.queue_at is too large", m->path);
}

static int
read_state(const struct checkpoint *c, const struct model_file *m, struct trainer *t,
    struct train_state *s, struct err *e)
{
	const struct ten_head *own = c->own;
	if (!m->head.nprovs || !own->nprovs ||
	    memcmp(m->head.provs[m->head.nprovs - 1].id, own->provs[own->nprovs - 1].id, 16) != 0) {
		cli_die(ERR_DATA, "%s: the checkpoint is of a training with other options or inputs; repeat that"
		    " command, or remove %s to start afresh", m->path, c->folder);
	}
	bool *moments = with_moments(t);
	real *first, *second;
	exchange_room(t, &first, &second);
	int rc = get_count(m, "train.step", &t->step, e) || get_count(m, "train.epoch", &s->place.epoch, e) ||
	    get_count(m, "train.record", &s->place.record, e) ||
	    get_count(m, "train.piece", &s->place.piece, e) ||
	    get_count(m, "train.tokens", &s->tokens, e) ||
	    get_number(m, "train.best_score", &s->best_score, e) ||
	    get_count(m, "train.best_step", &s->best_step, e) || read_numbers(m, s, e) || model_read(m, "", t->table, NULL, t->w, e) ||
	    model_read(m, "adam.m.", t->table, moments, first, e) ||
	    model_read(m, "adam.v.", t->table, moments, second, e) ||
	    (s->contrast && read_queue(m, s->contrast, e)) || read_log(m, &s->log, e) ? -1 : 0;
	free(moments);
	return rc;
}

void
checkpoint_load_best(const struct checkpoint *c, struct trainer *t)
{
	struct err e;
	struct model_file m;
	char path[4200];
	snprintf(path, sizeof path, "%s/best.ten", c->folder);
	if (model_open(&m, path, &e) || model_read(&m, "", t->table, NULL, t->w, &e))
		cli_fail(&e);
	model_close(&m);
}

bool
checkpoint_resume(struct checkpoint *c, struct trainer *t, struct train_state *s)
{
	uint64_t *steps;
	size_t n = list_states(c, &steps);
	bool done = false;
	struct err e;
	for (size_t i = 0; i < n && !done; i++) {
		struct model_file m;
		char path[4200];
		state_path(c, steps[i], path, sizeof path);
		int failed = model_open(&m, path, &e);
		if (!failed) {
			failed = read_state(c, &m, t, s, &e);
			model_close(&m);
		}
		if (failed)
			cli_warn("%s%s", e.msg, i + 1 < n ? "; falling back to the checkpoint before it" : "");
		done = !failed;
	}
	free(steps);
	if (n && !done)
		cli_die(ERR_DATA, "%s: no checkpoint can be read; remove the folder to start afresh", c->folder);
	return done;
}

/* A save that was killed may have left its lock or its unfinished file, which no later one of that name has removed. */
static void
remove_remains(const struct checkpoint *c)
{
	char path[4200];
	DIR *d = opendir(c->folder);
	for (struct dirent *f; d && (f = readdir(d));) {
		size_t n = strlen(f->d_name);
		bool remains = f->d_name[0] == '.' && n > 5 && (strcmp(f->d_name + n - 5, ".lock") == 0 || strcmp(f->d_name + n - 4, ".tmp") == 0);
		snprintf(path, sizeof path, "%s/%s", c->folder, f->d_name);
		if (remains)
			unlink(path);
	}
	if (d)
		closedir(d);
}

void
checkpoint_close(struct checkpoint *c, bool remove)
{
	if (remove) {
		uint64_t *steps;
		char path[4200];
		size_t n = list_states(c, &steps);
		for (size_t i = 0; i < n; i++) {
			state_path(c, steps[i], path, sizeof path);
			unlink(path);
		}
		snprintf(path, sizeof path, "%s/best.ten", c->folder);
		unlink(path);
		remove_remains(c);
		rmdir(c->folder);
		free(steps);
	}
	close(c->lock);
	free(opened);
	opened = NULL;
	free(c->folder);
	memset(c, 0, sizeof *c);
}
