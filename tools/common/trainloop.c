#include "common/trainloop.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/gemm.h"

const char *const train_schedules[] = {"constant", "linear", "cosine", "wsd", "wsd-sqrt", NULL};

const char *const train_objectives[] = {"causal", "masked", "contrastive", NULL};
const char *const train_pools[] = {"mean", "first", "last", NULL};

static volatile sig_atomic_t stop_asked;

static void
ask_stop(int signum)
{
	(void)signum;
	stop_asked = 1;
}

/* The finished step is saved before the end. */
void
train_catch_signals(void)
{
	struct sigaction a = {.sa_handler = ask_stop, .sa_flags = SA_RESTART};
	sigemptyset(&a.sa_mask);
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
}

bool
train_stop_asked(void)
{
	return stop_asked;
}

/* Operations a second of products of 1024 x 1024 on all threads: the roof that the training's rate is
 * compared with. The best of a few, since the first is slow. */
static double
measure_gemm(void)
{
	enum { N = 1024, TRIES = 5 };
	struct err e;
	real *a = mem_zalloc((size_t)3 * N * N, sizeof *a, "matrices", &e);
	double best = 0;
	if (!a)
		cli_fail(&e);
	for (size_t i = 0; i < (size_t)2 * N * N; i++)
		a[i] = (real)(i % 7) - 3;
	for (int t = 0; t < TRIES; t++) {
		double start = cli_now();
		gemm(false, true, N, N, N, a, N, a + N * N, N, false, a + 2 * N * N, N);
		double rate = 2.0 * N * N * N / (cli_now() - start);
		best = rate > best ? rate : best;
	}
	free(a);
	return best;
}

static bool
contrastive(const struct train_run *r)
{
	return r->objective == OBJECTIVE_CONTRASTIVE;
}

static size_t
views(const struct train_run *r)
{
	return contrastive(r) ? 2 : 1;
}

/* Operations of a training step: 6 for each token and parameter of a block that multiplies, for
 * attention 12 x layers x width x span for each token (a causal half counted whole), 6 for each trained
 * token and parameter of the language head. */
static double
step_operations(const struct train_run *r)
{
	const struct config *c = r->trainer.cfg;
	double blocks = 0, head = r->objective >= OBJECTIVE_CONTRASTIVE ? 0 : (double)(c->vocab * c->width), attention = 0;
	for (size_t i = 0; i < r->table.n; i++) {
		const struct param *p = &r->table.items[i];
		if (p->rank == 2 && p->slot >= SLOT_NORM1 && p->slot <= SLOT_DOWN_B)
			blocks += (double)p->size;
		if (p->slot == SLOT_TRANSFORM && r->objective < OBJECTIVE_CONTRASTIVE)
			head += (double)p->size;
	}
	for (size_t i = 0; i < r->rows.nspans; i++)
		attention += (double)r->rows.spans[i].n * (double)r->rows.spans[i].n;
	return 6 * blocks * (double)r->rows.tokens + 6 * head * (double)r->rows.trained +
	    12 * (double)(c->layers * c->width) * attention;
}

/* ---- opening ---- */

static struct train_opts
trainer_opts(const struct train_run *r)
{
	size_t longest = r->data.longest, rows = r->micro && r->micro < r->batch ? r->micro : r->batch;
	size_t tokens = rows * views(r) * longest;
	longest = r->eval_longest > longest ? r->eval_longest : longest;
	return (struct train_opts){
	    .schedule = {(enum schedule_kind)r->schedule, r->lr, r->min_lr < 0 ? r->lr / 10 : r->min_lr,
	        r->warmup, r->steps, r->decay_steps ? r->decay_steps : (r->steps + 4) / 5},
	    .adamw = {r->beta1, r->beta2, r->eps, r->weight_decay},
	    .clip = r->clip,
	    .dropout = r->dropout,
	    .seed = r->seed,
	    .max_tokens = tokens > longest ? tokens : longest,
	    .max_keys = longest,
	    .no_language = r->objective >= OBJECTIVE_CONTRASTIVE};
}

static void
check_options(const struct train_run *r)
{
	if (!r->model)
		cli_die(ERR_USAGE, "needs the model to start from: -m FILE");
	if (!r->output || strcmp(r->output, "-") == 0)
		cli_die(ERR_USAGE, "needs a file for the trained model: -o FILE");
	if (r->beta1 >= 1 || r->beta2 >= 1)
		cli_die(ERR_USAGE, "beta1 and beta2 must be below 1");
	if (r->momentum >= 1)
		cli_die(ERR_USAGE, "momentum must be below 1");
	if (r->min_lr > r->lr)
		cli_die(ERR_USAGE, "--min-lr %g is above --lr %g", r->min_lr, r->lr);
}

static enum row_use
row_use(const struct train_run *r)
{
	return contrastive(r) ? ROWS_VIEWS : r->objective == OBJECTIVE_TASK ? ROWS_WHOLE : row_use_of(&r->cfg);
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
	if (r->queue && !contrastive(r))
		cli_die(ERR_USAGE, "--queue is for --objective contrastive");
	if (contrastive(r) && r->batch < 2 && !r->queue)
		cli_die(ERR_USAGE, "contrastive training needs other pairs in the batch: -b 2 or more");
	if (contrastive(r) && r->queue && r->queue < r->batch)
		cli_die(ERR_USAGE, "--queue %" PRIu64 " is smaller than the batch of %" PRIu64, r->queue, r->batch);
	if (contrastive(r) && r->cfg.projection == 0)
		r->cfg.projection = r->projection;
}

/* Data from another tokenizer or another chat template is refused. */
static void
check_data(const struct train_run *r, const struct row_source *s)
{
	struct err e;
	const struct ten_kv *ours = ten_head_kv(&r->file.head, "template"), *theirs = ten_head_kv(row_source_head(s), "template");
	if (model_check_tokenizer(&r->file, row_source_head(s), s->name, &e))
		cli_fail(&e);
	if (ours && theirs && strcmp(ours->value, theirs->value) != 0)
		cli_die(ERR_DATA, "%s was made with chat template %.32s, the model %s has %.32s", s->name,
		    (const char *)theirs->value, r->file.path, (const char *)ours->value);
}

void
train_open_rows(struct train_run *r, struct row_source *s, const char *path)
{
	struct err e;
	if (row_source_open(s, path, &r->cfg, row_use(r), &e))
		cli_fail(&e);
	check_data(r, s);
}

/* A mistake in --eval is told before the first step, not after many. */
static void
check_eval(struct train_run *r)
{
	struct row_source s;
	train_open_rows(r, &s, r->eval);
	if (r->objective == OBJECTIVE_TASK) {
		finetune_label(r, &s, &r->fine->eval_labels);
		row_labels_close(&r->fine->eval_labels);
	}
	r->eval_longest = s.longest;
	row_source_close(&s);
}

void
train_start_weights(struct train_run *r)
{
	struct err e;
	bool *known = mem_zalloc(r->table.n, sizeof *known, "tensors", &e);
	if (!known)
		cli_fail(&e);
	for (size_t i = 0; i < r->table.n; i++) {
		known[i] = params_find(&r->file.table, r->table.items[i].name) != NULL;
		if (!known[i])
			param_init(r->trainer.w, &r->table.items[i], &r->cfg, r->seed);
	}
	if (model_read(&r->file, "", &r->table, known, r->trainer.w, &e))
		cli_fail(&e);
	free(known);
}

size_t
train_freeze(struct trainer *t, const char *pattern)
{
	size_t n = 0;
	for (size_t i = 0; i < t->table->n; i++)
		if (fnmatch(pattern, t->table->items[i].name, 0) == 0) {
			t->how[i].since = UINT64_MAX;
			n++;
		}
	return n;
}

void
train_freeze_as_told(struct train_run *r)
{
	const struct ten_kv *kv = ten_head_kv(&r->file.head, "frozen");
	char *patterns = kv ? strdup(kv->value) : NULL, *save;
	for (char *p = patterns ? strtok_r(patterns, "\n", &save) : NULL; p; p = strtok_r(NULL, "\n", &save))
		train_freeze(&r->trainer, p);
	free(patterns);
	trainer_plan(&r->trainer);
}

static void
open_objective(struct train_run *r)
{
	struct err e;
	struct contrast_opts o = {r->temperature, (enum pool)r->pool, 2 * r->batch, r->queue, r->momentum, r->seed};
	if (contrastive(r) && contrast_open(&r->contrast, &r->trainer, &o, &e))
		cli_fail(&e);
	if (r->queue)
		r->state.contrast = &r->contrast;
}

static void
resume(struct train_run *r)
{
	struct err e;
	r->state.best_score = r->fine && r->fine->metric >= 0 && !measure_descends((enum measure)r->fine->metric) ?
	    -(double)INFINITY : (double)INFINITY;
	if (!checkpoint_resume(&r->checkpoint, &r->trainer, &r->state))
		return;
	if (row_source_seek(&r->data, r->state.place, &e))
		cli_fail(&e);
	trainer_plan(&r->trainer);
	if (!r->quiet)
		cli_warn("resuming after step %" PRIu64, r->trainer.step);
}

static void
open_all(struct train_run *r, const char *data)
{
	struct err e;
	const struct ten_head *inputs[2];
	if (r->threads)
		omp_set_num_threads((int)r->threads);
	if (model_open(&r->file, r->model, &e))
		cli_fail(&e);
	r->cfg = r->file.cfg;
	if (r->fine) {
		if (row_source_open(&r->data, data, &r->cfg, ROWS_WHOLE, &e))
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
	if (config_check(&r->cfg, &e) || params_build(&r->table, &r->cfg, &e))
		cli_fail(&e);
	if (r->eval)
		check_eval(r);
	inputs[0] = &r->file.head;
	inputs[1] = row_source_head(&r->data);
	if (model_head(&r->own, &r->cfg, &r->table, r->file.tokenizer_id, &e) || model_keep(&r->own, &r->file.head, &e) ||
	    (r->fine && label_set_write(&r->fine->set, &r->own, &e)))
		cli_fail(&e);
	cli_add_provenance(&r->own, inputs, 2, &r->seed);
	struct train_opts o = trainer_opts(r);
	if (trainer_open(&r->trainer, &r->cfg, &r->table, &o, &e))
		cli_fail(&e);
	train_start_weights(r);
	open_objective(r);
	train_freeze_as_told(r);
	if (r->fine)
		finetune_open(r, data);
	checkpoint_open(&r->checkpoint, r->output, &r->own, &r->file);
	resume(r);
	if (model_detach(&r->file, &e))
		cli_fail(&e);
}

/* ---- evaluation ---- */

/* Up to `rows` rows, or as many as reach max_tokens; what row_source_next said last. */
static int
read_eval_rows(struct train_run *r, struct row_source *s, size_t rows)
{
	struct err e;
	int got = 1;
	rows_reset(&r->eval_rows);
	while (r->eval_rows.n < rows && (contrastive(r) || r->eval_rows.tokens < r->trainer.opts.max_tokens) &&
	    (got = row_source_next(s, &r->eval_rows, &e)) > 0)
		;
	if (got < 0)
		cli_fail(&e);
	return got;
}

/* Mean over pairs of the loss within batches as large as those of training; a smaller one at the end is
 * left out, unless it is all. */
static double
evaluate_views(struct train_run *r, struct row_source *s)
{
	struct err e;
	double sum = 0, loss;
	size_t batches = 0;
	for (int got = 1; got > 0;) {
		got = read_eval_rows(r, s, 2 * r->batch);
		if (r->eval_rows.n < 4 || (batches && r->eval_rows.n < 2 * r->batch))
			break;
		if (contrast_evaluate(&r->contrast, &r->trainer, &r->eval_rows, &loss, &e)) {
			err_prefix(&e, "%s", r->eval);
			cli_fail(&e);
		}
		sum += loss;
		batches++;
	}
	if (!batches)
		cli_die(ERR_DATA, "%s: has fewer than two pairs of views", r->eval);
	return sum / (double)batches;
}

static double
evaluate_tokens(struct train_run *r, struct row_source *s)
{
	struct trainer *t = &r->trainer;
	struct eval_sums sums = {0};
	for (int got = 1; got > 0;) {
		got = read_eval_rows(r, s, SIZE_MAX);
		lm_evaluate(&t->trunk, &t->head, t->w, &r->eval_rows, t->opts.max_tokens, &t->out, &sums);
	}
	if (!sums.trained)
		cli_die(ERR_DATA, "%s: no token has a target", r->eval);
	return sums.nll / (double)sums.trained;
}

/* The loss and what is asked for over the evaluation file. */
static void
evaluate(struct train_run *r, double *loss, double *score)
{
	struct row_source s;
	double measures[MEASURES];
	train_open_rows(r, &s, r->eval);
	if (r->objective == OBJECTIVE_TASK)
		finetune_label(r, &s, &r->fine->eval_labels);
	if (r->fine)
		finetune_evaluate(r, &s, measures);
	*loss = r->fine ? measures[MEASURE_LOSS] : contrastive(r) ? evaluate_views(r, &s) : evaluate_tokens(r, &s);
	*score = r->fine && r->fine->metric >= 0 ? measures[r->fine->metric] : *loss;
	if (r->objective == OBJECTIVE_TASK)
		row_labels_close(&r->fine->eval_labels);
	row_source_close(&s);
}

/* What is not a number is never better. */
static bool
better(const struct train_run *r, double score)
{
	double best = r->state.best_score;
	bool descends = !r->fine || r->fine->metric < 0 || measure_descends((enum measure)r->fine->metric);
	return descends ? score < best : score > best;
}

static void
evaluate_and_keep_best(struct train_run *r, double row[RUN_COLUMNS])
{
	double loss, score;
	evaluate(r, &loss, &score);
	if (!isfinite(loss))
		cli_die(ERR_NONFINITE, "%s: the loss is %g after step %" PRIu64, r->eval, loss, r->trainer.step);
	row[RUN_EVAL_LOSS] = loss;
	row[RUN_EVAL_SCORE] = score;
	if (better(r, score)) {
		r->state.best_score = score;
		r->state.best_step = r->trainer.step;
		checkpoint_save_best(&r->checkpoint, &r->trainer);
	}
}

/* Evaluations have brought nothing better for long enough: a function of the state, so that a resumed run
 * ends at the same step. */
static bool
patience_ended(const struct train_run *r)
{
	uint64_t patience = r->fine ? r->fine->patience : 0;
	return patience && r->trainer.step / r->eval_every * r->eval_every >= r->state.best_step + patience * r->eval_every;
}

/* ---- the loop ---- */

static void
read_rows(struct train_run *r)
{
	struct err e;
	rows_reset(&r->rows);
	while (r->rows.n < r->batch * views(r))
		if (row_source_next(&r->data, &r->rows, &e) < 0)
			cli_fail(&e);
	r->state.place = row_source_tell(&r->data);
}

static void
save(struct train_run *r)
{
	checkpoint_save(&r->checkpoint, &r->trainer, &r->state);
	if (r->log)
		run_log_write(&r->state.log, r->log, &r->own);
}

static bool
due(uint64_t step, uint64_t every)
{
	return every && step % every == 0;
}

/* One step with what follows it: the row of the log. */
static void
one_step(struct train_run *r, double row[RUN_COLUMNS])
{
	struct err e;
	struct step_stats s;
	double start = cli_now();
	read_rows(r);
	if (train_step(&r->trainer, &r->rows, &s, &e))
		cli_fail(&e);
	double took = cli_now() - start;
	uint64_t step = r->trainer.step;
	r->state.tokens += s.trained;
	row[RUN_STEP] = (double)step;
	row[RUN_LOSS] = s.loss;
	row[RUN_GRAD_NORM] = s.grad_norm;
	row[RUN_LR] = s.lr;
	row[RUN_TOKENS] = (double)r->state.tokens;
	row[RUN_TOKENS_PER_S] = (double)s.tokens / took;
	row[RUN_GEMM_SHARE] = r->gemm_rate > 0 ? step_operations(r) / took / r->gemm_rate : (double)NAN;
	row[RUN_EVAL_LOSS] = row[RUN_EVAL_SCORE] = (double)NAN;
	if (r->eval && (due(step, r->eval_every) || step == r->steps))
		evaluate_and_keep_best(r, row);
	if (r->log && (due(step, r->log_every) || step == r->steps || !isnan(row[RUN_EVAL_LOSS])))
		if (run_log_add(&r->state.log, row, &e))
			cli_fail(&e);
}

static void
show(struct cli_progress *p, const struct train_run *r, const double row[RUN_COLUMNS], const double eval[2])
{
	char extra[160];
	int n = snprintf(extra, sizeof extra, "loss=%.4f grad_norm=%.3f lr=%.2e tokens_per_s=%.0f gemm_share=%.2f",
	    row[RUN_LOSS], row[RUN_GRAD_NORM], row[RUN_LR], row[RUN_TOKENS_PER_S], row[RUN_GEMM_SHARE]);
	if (!isnan(eval[0]) && n > 0 && (size_t)n < sizeof extra)
		n += snprintf(extra + n, sizeof extra - (size_t)n, " eval_loss=%.4f", eval[0]);
	if (!isnan(eval[0]) && r->state.log.score && n > 0 && (size_t)n < sizeof extra)
		snprintf(extra + n, sizeof extra - (size_t)n, " eval_%s=%.4f", r->state.log.score, eval[1]);
	cli_progress_tick(p, (uint64_t)row[RUN_STEP], extra);
}

static void
run_steps(struct train_run *r)
{
	struct cli_progress p;
	double row[RUN_COLUMNS], eval[2] = {(double)NAN, (double)NAN};
	cli_progress_start(&p, r->quiet, "steps", r->steps);
	while (r->trainer.step < r->steps && !patience_ended(r)) {
		one_step(r, row);
		if (!isnan(row[RUN_EVAL_LOSS])) {
			eval[0] = row[RUN_EVAL_LOSS];
			eval[1] = row[RUN_EVAL_SCORE];
		}
		show(&p, r, row, eval);
		uint64_t step = r->trainer.step;
		if (step < r->steps && (stop_asked || due(step, r->save_every)))
			save(r);
		if (step < r->steps && stop_asked) {
			cli_progress_end(&p);
			cli_die(ERR_SAVED, "stopped after step %" PRIu64 "; the same command goes on from there", step);
		}
	}
	cli_progress_end(&p);
}

void
train_write_result(struct train_run *r)
{
	struct err e;
	struct ten_writer_opts bulk = {.bulk = true};
	struct cli_out out;
	struct ten_value *v = mem_zalloc(r->own.nfields, sizeof *v, "fields", &e);
	if (!v)
		cli_fail(&e);
	model_values(v, r->trainer.table, r->trainer.w, r->file.tokenizer, r->file.tokenizer_size);
	cli_open_raw(&out, r->output, &r->own, &bulk);
	cli_write(&out, v);
	cli_close_out(&out);
	free(v);
	if (r->log)
		run_log_write(&r->state.log, r->log, &r->own);
}

static void
close_all(struct train_run *r)
{
	checkpoint_close(&r->checkpoint, !r->keep);
	run_log_free(&r->state.log);
	ten_head_free(&r->own);
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

void
train_run(struct train_run *r, const char *data)
{
	check_options(r);
	open_all(r, data);
	train_catch_signals();
	if (r->fine && !r->quiet)
		finetune_announce(r);
	if (!r->quiet || r->log)
		r->gemm_rate = measure_gemm();
	if (r->fine && r->fine->metric > MEASURE_LOSS)
		r->state.log.score = measure_name((enum measure)r->fine->metric);
	run_steps(r);
	if (r->fine && r->eval && isfinite(r->state.best_score))
		checkpoint_load_best(&r->checkpoint, &r->trainer);
	train_write_result(r);
	char best[120] = "";
	if (r->eval)
		snprintf(best, sizeof best, " best_eval_%s=%.4f best_step=%" PRIu64,
		    r->state.log.score ? r->state.log.score : "loss", r->state.best_score, r->state.best_step);
	cli_account(r->quiet, "steps=%" PRIu64 " epochs=%" PRIu64 " tokens_trained=%" PRIu64 "%s",
	    r->trainer.step, r->state.place.epoch, r->state.tokens, best);
	close_all(r);
}
