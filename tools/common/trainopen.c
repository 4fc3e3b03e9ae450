/* What is opened before the first step of a training, and closed behind the last. */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/judging.h"
#include "common/trainloop.h"
#include "train/exchange.h"

const char *const train_schedules[] = {"constant", "linear", "cosine", "wsd", "wsd-sqrt", NULL};

const char *const train_objectives[] = {"causal", "masked", "contrastive", NULL};
const char *const train_pools[] = {"mean", "first", "last", NULL};

/* ---- opening ---- */

static struct train_opts
trainer_opts(const struct train_run *r)
{
	size_t size = team_size(r->team), most = r->batch / size + (r->batch % size != 0);
	size_t longest = r->data.longest, rows = r->micro && r->micro < most ? r->micro : most;
	size_t tokens;
	if (__builtin_mul_overflow(rows * train_views(r), r->data.largest, &tokens))
		cli_die(ERR_USAGE, "a batch of %zu rows is too large", rows);
	longest = r->eval_longest > longest ? r->eval_longest : longest;
	return (struct train_opts){
	    .schedule = {(enum schedule_kind)r->schedule, r->lr, r->min_lr < 0 ? r->lr / 10 : r->min_lr,
	        r->warmup, r->steps, r->decay_steps ? r->decay_steps : (r->steps + 4) / 5},
	    .adamw = {r->beta1, r->beta2, r->eps, r->weight_decay},
	    .clip = r->clip,
	    .dropout = r->dropout,
	    .seed = r->seed,
	    .max_tokens = tokens,
	    .largest = r->eval_largest,
	    .room = r->batch * train_views(r) * (r->eval_bound > r->bound ? r->eval_bound : r->bound),
	    .max_keys = longest,
	    .recompute = r->recompute,
	    .no_language = !train_has_logits(r)};
}

void
train_check_schedule(const struct train_run *r)
{
	enum schedule_kind kind = (enum schedule_kind)r->schedule;
	if (kind == SCHEDULE_CONSTANT)
		cli_misplaced(&r->min_lr, "a --schedule that falls", train_schedules[kind]);
	if (kind != SCHEDULE_WSD && kind != SCHEDULE_WSD_SQRT)
		cli_misplaced(&r->decay_steps, "--schedule wsd or wsd-sqrt", train_schedules[kind]);
	if (r->min_lr > r->lr)
		cli_die(ERR_USAGE, "--min-lr %g is above --lr %g", r->min_lr, r->lr);
}

void
train_check_place(const char *path)
{
	struct stat st;
	if (!path)
		return;
	const char *slash = strrchr(path, '/');
	char *folder = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!folder)
		cli_die(ERR_RUNTIME, "out of memory");
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		cli_die(ERR_RUNTIME, "%s: cannot write: is a folder", path);
	if (stat(folder, &st))
		cli_die(ERR_RUNTIME, "%s: cannot open the folder %s: %s", path, folder, strerror(errno));
	free(folder);
}

static void
check_options(const struct train_run *r)
{
	if (!r->model)
		cli_die(ERR_USAGE, "needs the model to start from: -m FILE");
	if (!r->plan && (!r->output || strcmp(r->output, "-") == 0))
		cli_die(ERR_USAGE, "needs a file for the trained model: -o FILE");
	if (r->beta1 >= 1 || r->beta2 >= 1)
		cli_die(ERR_USAGE, "beta1 and beta2 must be below 1");
	if (r->momentum >= 1)
		cli_die(ERR_USAGE, "momentum must be below 1");
	train_check_schedule(r);
	train_check_place(r->output);
	train_check_place(r->log);
	if (r->eval)
		cli_need_file(r->eval, "--eval");
}

static enum row_use
row_use(const struct train_run *r)
{
	if (r->fine && r->fine->judging)
		return ROWS_CANDIDATES;
	return train_contrasts(r) ? ROWS_VIEWS : r->objective == OBJECTIVE_TASK ? ROWS_WHOLE : row_use_of(&r->cfg);
}

static void
check_contrastive(struct train_run *r)
{
	const char *here = train_objectives[r->objective];
	const void *const options[] = {&r->temperature, &r->pool, &r->projection, &r->queue, &r->momentum};
	if (!train_contrasts(r)) {
		for (size_t i = 0; i < sizeof options / sizeof *options; i++)
			cli_misplaced(options[i], "--objective contrastive", here);
		return;
	}
	if (!r->queue)
		cli_misplaced(&r->momentum, "--queue", NULL);
	if (r->batch < 2 && !r->queue)
		cli_die(ERR_USAGE, "contrastive training needs other pairs in the batch: -b 2 or more");
	if (r->batch < 2 && r->eval)
		cli_die(ERR_USAGE, "an evaluation compares the pairs of a batch: -b 2 or more");
	if (r->queue && r->queue < r->batch)
		cli_die(ERR_USAGE, "--queue %" PRIu64 " is smaller than the batch of %" PRIu64, r->queue, r->batch);
	if (r->cfg.projection && cli_given(&r->projection) && r->projection != r->cfg.projection)
		cli_die(ERR_USAGE, "%s has a projection of %zu outputs, which it keeps; tgraft takes it away", r->model, r->cfg.projection);
}

/* The objective must suit the model, and adds its head. */
static void
choose_objective(struct train_run *r)
{
	bool encoder = config_traits(&r->file.cfg)->encoder;
	const char *name = config_traits(&r->file.cfg)->name;
	if (r->objective < 0)
		r->objective = encoder ? OBJECTIVE_MASKED : OBJECTIVE_CAUSAL;
	if (r->objective == OBJECTIVE_MASKED && !encoder)
		cli_die(ERR_USAGE, "a %s model sees only what comes before a token; --objective masked needs bert", name);
	if (r->objective == OBJECTIVE_CAUSAL && encoder)
		cli_die(ERR_USAGE, "a %s model sees the token that --objective causal asks for", name);
	check_contrastive(r);
	if (train_contrasts(r) && r->cfg.projection == 0)
		r->cfg.projection = r->projection;
}

/* Data from another tokenizer or another chat template is refused. */
static void
check_data(const struct train_run *r, const struct row_source *s)
{
	struct err e;
	if (model_check_tokenizer(&r->file, row_source_head(s), s->name, &e) ||
	    model_check_template(&r->file, row_source_head(s), s->name, &e))
		cli_fail(&e);
}

void
train_open_rows(struct train_run *r, struct row_source *s, const char *path)
{
	struct err e;
	if (row_source_open(s, path, &r->cfg, row_use(r), &e))
		cli_fail(&e);
	check_data(r, s);
	if (r->fine && r->fine->judging)
		judging_need(r, s);
}

/* A mistake in --eval is told before the first step, not after many. */
static void
check_eval(struct train_run *r)
{
	struct err e;
	struct row_source s;
	train_open_rows(r, &s, r->eval);
	if (s.map && !s.records)
		cli_die(ERR_DATA, "%s: there are no records", s.name);
	if (r->objective == OBJECTIVE_TASK) {
		finetune_label(r, &s, &r->fine->eval_labels);
		row_labels_close(&r->fine->eval_labels);
	}
	if (ten_head_copy(&r->eval_head, row_source_head(&s), &e))
		cli_fail(&e);
	r->eval_longest = s.longest;
	r->eval_largest = s.largest;
	if (row_source_bound(&s, &r->eval_bound, &e))
		cli_fail(&e);
	row_source_close(&s);
}

void
train_start_weights(struct train_run *r)
{
	struct err e;
	bool *known = cli_zalloc(r->table.n, sizeof *known, "tensors");
	for (size_t i = 0; i < r->table.n; i++) {
		known[i] = params_find(&r->file.table, r->table.items[i].name) != NULL;
		if (!known[i])
			param_init(r->trainer.w, &r->table.items[i], &r->cfg, r->seed);
	}
	if (model_read(&r->file, "", &r->table, known, r->trainer.w, &e))
		cli_fail(&e);
	free(known);
}

/* Of all tensors, or of those that are in `table`. */
static size_t
freeze(struct trainer *t, const char *pattern, const struct params *table)
{
	size_t n = 0;
	for (size_t i = 0; i < t->table->n; i++) {
		const char *name = t->table->items[i].name;
		if (fnmatch(pattern, name, 0) || (table && !params_find(table, name)))
			continue;
		t->how[i].since = UINT64_MAX;
		n++;
	}
	return n;
}

size_t
train_freeze(struct trainer *t, const char *pattern)
{
	return freeze(t, pattern, NULL);
}

void
train_freeze_as_told(struct train_run *r)
{
	const struct ten_kv *kv = ten_head_kv(&r->file.head, "frozen");
	char *patterns = kv ? strdup(kv->value) : NULL, *save;
	for (char *p = patterns ? strtok_r(patterns, "\n", &save) : NULL; p; p = strtok_r(NULL, "\n", &save))
		freeze(&r->trainer, p, &r->file.table);
	free(patterns);
	trainer_plan(&r->trainer);
}

static void
open_objective(struct train_run *r)
{
	struct err e;
	struct contrast_opts o = train_contrast_opts(r);
	if (train_contrasts(r) && contrast_open(&r->contrast, &r->trainer, &o, &e))
		cli_fail(&e);
	if (r->queue)
		r->state.contrast = &r->contrast;
}

/* What the log calls its columns: those that every training has, with the objective's behind the loss. */
static void
name_columns(struct train_run *r)
{
	static const char *const every[RUN_EVAL_SCORE] = {"step", "loss", "grad_norm", "lr", "tokens", "tokens_per_s", "gemm_share",
	    "eval_loss"};
	const char *const *own = r->trainer.objective ? r->trainer.objective->columns : NULL;
	struct run_log *l = &r->state.log;
	if (r->fine && r->fine->metric > MEASURE_LOSS)
		r->score = measure_name((enum measure)r->fine->metric);
	if (!own) {
		l->score = r->score;
		return;
	}
	for (size_t i = 0; i < RUN_EVAL_SCORE; i++) {
		r->names[l->nnames++] = every[i];
		for (size_t k = 0; i == RUN_LOSS && own[k]; k++)
			r->names[l->nnames++] = own[k];
	}
	snprintf(r->score_name, sizeof r->score_name, "eval_%s", r->score ? r->score : "");
	if (r->score)
		r->names[l->nnames++] = r->score_name;
	l->names = r->names;
}

static void
resume(struct train_run *r)
{
	struct err e;
	r->state.best_score = r->fine && r->fine->metric >= 0 && !measure_descends((enum measure)r->fine->metric) ?
	    -(double)INFINITY : (double)INFINITY;
	bool found = train_leads(r) && checkpoint_resume(&r->checkpoint, &r->trainer, &r->state);
	train_share(r, &found, sizeof found);
	if (!found)
		return;
	train_share_state(r);
	if (row_source_seek(&r->data, r->state.place, &e))
		cli_fail(&e);
	trainer_plan(&r->trainer);
	if (!r->quiet)
		cli_warn("resuming after step %" PRIu64, r->trainer.step);
}

void
train_open(struct train_run *r, const char *data)
{
	struct err e;
	const struct ten_head *inputs[3];
	check_options(r);
	if (r->threads)
		omp_set_num_threads((int)r->threads);
	if (model_open(&r->file, r->model, &e))
		cli_fail(&e);
	r->cfg = r->file.cfg;
	if (r->fine) {
		if (row_source_open(&r->data, data, &r->cfg, r->fine->judging ? ROWS_CANDIDATES : ROWS_WHOLE, &e))
			cli_fail(&e);
		finetune_choose(r, data);
		check_data(r, &r->data);
		row_source_shuffle(&r->data, r->seed);
		if (r->objective == OBJECTIVE_TASK)
			finetune_label(r, &r->data, &r->fine->labels);
	} else {
		choose_objective(r);
		train_open_rows(r, &r->data, data);
	}
	if (row_source_bound(&r->data, &r->bound, &e) || config_check(&r->cfg, &e) || params_build(&r->table, &r->cfg, &e))
		cli_fail(&e);
	if (r->eval)
		check_eval(r);
	inputs[0] = &r->file.head;
	inputs[1] = row_source_head(&r->data);
	if (model_head(&r->own, &r->cfg, &r->table, r->file.tokenizer_id, &e) || model_keep(&r->own, &r->file.head, &e) ||
	    (r->fine && label_set_write(&r->fine->set, &r->own, &e)))
		cli_fail(&e);
	inputs[2] = &r->eval_head;
	cli_add_provenance(&r->own, inputs, r->fine && r->eval ? 3 : 2, &r->seed);
	struct train_opts o = trainer_opts(r);
	train_plan(r, &o);
	if (trainer_open(&r->trainer, &r->cfg, &r->table, &o, &e))
		cli_fail(&e);
	train_start_weights(r);
	open_objective(r);
	if (r->fine)
		finetune_open(r, data);
	else
		train_freeze_as_told(r);
	if (exchange_open(&r->trainer, r->team, &e))
		cli_fail(&e);
	if (train_leads(r))
		checkpoint_open(&r->checkpoint, r->output, &r->own, &r->file);
	name_columns(r);
	resume(r);
	if (model_detach(&r->file, &e))
		cli_fail(&e);
}

/* ---- the end ---- */

void
train_close(struct train_run *r)
{
	if (train_leads(r))
		checkpoint_close(&r->checkpoint, !r->keep);
	run_log_free(&r->state.log);
	ten_head_free(&r->own);
	ten_head_free(&r->eval_head);
	rows_free(&r->rows);
	rows_free(&r->eval_rows);
	row_source_close(&r->data);
	contrast_close(&r->contrast);
	if (r->fine)
		finetune_close(r->fine);
	trainer_close(&r->trainer);
	params_free(&r->table);
	model_close(&r->file);
}
