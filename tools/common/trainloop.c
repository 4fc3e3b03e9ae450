#include "common/trainloop.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/judging.h"
#include "math/gemm.h"
#include "train/exchange.h"

enum { ROW_COLUMNS = RUN_COLUMNS + STEP_COLUMNS };

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

/* Launchers of several ranks kill them soon after TERM, but pass USR1 on and leave them their time. */
static void
catch_gentle_signal(const struct train_run *r)
{
	struct sigaction a = {.sa_handler = ask_stop, .sa_flags = SA_RESTART};
	sigemptyset(&a.sa_mask);
	if (r->team)
		sigaction(SIGUSR1, &a, NULL);
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

/* Operations of a training step: 6 for each token and parameter of a block that multiplies, 4 where it is not trained, for
 * attention 12 x layers x width x span for each token (a causal half counted whole), 6 for each trained
 * token and parameter of the language head. */
static double
step_operations(const struct train_run *r)
{
	const struct config *c = r->trainer.cfg;
	double blocks = 0, head = train_has_logits(r) ? (double)(c->vocab * c->width) : 0, attention = 0;
	for (size_t i = 0; i < r->table.n; i++) {
		const struct param *p = &r->table.items[i];
		if (p->rank == 2 && p->slot >= SLOT_NORM1 && p->slot <= SLOT_DOWN_B)
			blocks += (r->trainer.how[i].frozen ? 4 : 6) * (double)p->size;
		if (p->slot == SLOT_TRANSFORM && train_has_logits(r))
			head += (double)p->size;
	}
	for (size_t i = 0; i < r->rows.nspans; i++)
		attention += (double)r->rows.spans[i].n * (double)r->rows.spans[i].n;
	return blocks * (double)r->rows.tokens + 6 * head * (double)r->rows.trained +
	    12 * (double)(c->layers * c->width) * attention;
}

/* ---- evaluation ---- */

int
train_read_eval(struct train_run *r, struct row_source *s, size_t rows)
{
	struct err e;
	int got = 1;
	rows_reset(&r->eval_rows);
	while (r->eval_rows.n < rows && (train_contrasts(r) || r->eval_rows.tokens < r->trainer.opts.max_tokens) &&
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
		got = train_read_eval(r, s, 2 * r->batch);
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
		got = train_read_eval(r, s, r->batch);
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
	*loss = r->fine ? measures[MEASURE_LOSS] : train_contrasts(r) ? evaluate_views(r, &s) : evaluate_tokens(r, &s);
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
evaluate_and_keep_best(struct train_run *r, double *row)
{
	double loss, score, measured[2];
	if (train_leads(r))
		evaluate(r, &measured[0], &measured[1]);
	train_share(r, measured, sizeof measured);
	loss = measured[0];
	score = measured[1];
	if (!isfinite(loss))
		cli_die(ERR_NONFINITE, "%s: the loss is %g after step %" PRIu64, r->eval, loss, r->trainer.step);
	row[RUN_EVAL_LOSS] = loss;
	row[RUN_EVAL_SCORE] = score;
	if (better(r, score)) {
		r->state.best_score = score;
		r->state.best_step = r->trainer.step;
		if (train_leads(r))
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

/* The rows of a step: this rank's of the batch, passing over the others'. */
static void
read_rows(struct train_run *r)
{
	struct err e;
	size_t views = train_views(r), rank = team_rank(r->team), size = team_size(r->team);
	size_t from = views * team_share_of(r->batch, rank, size), to = views * team_share_of(r->batch, rank + 1, size);
	rows_reset(&r->rows);
	for (size_t i = 0; i < r->batch * views;) {
		int got = i >= from && i < to ? row_source_next(&r->data, &r->rows, &e) : row_source_skip(&r->data, &e);
		if (got < 0)
			cli_fail(&e);
		i += got > 0;
	}
	r->state.place = row_source_tell(&r->data);
}

static void
save(struct train_run *r)
{
	struct err e;
	char done = 1;
	if (exchange_collect(&r->trainer, &e))
		cli_fail(&e);
	if (train_leads(r))
		checkpoint_save(&r->checkpoint, &r->trainer, &r->state);
	if (r->log)
		run_log_write(&r->state.log, r->log, &r->own);
	train_share(r, &done, sizeof done);
}

static bool
due(uint64_t step, uint64_t every)
{
	return every && step % every == 0;
}

/* The objective's columns stand behind the loss. */
static void
log_row(struct train_run *r, const double row[ROW_COLUMNS])
{
	struct err e;
	double to[ROW_COLUMNS];
	size_t after = RUN_LOSS + 1, fixed = RUN_EVAL_SCORE + (r->score ? 1 : 0);
	size_t own = r->state.log.names ? r->state.log.nnames - fixed : 0;
	memcpy(to, row, after * sizeof *to);
	memcpy(to + after, row + RUN_COLUMNS, own * sizeof *to);
	memcpy(to + after + own, row + after, (RUN_COLUMNS - after) * sizeof *to);
	if (run_log_add(&r->state.log, to, &e))
		cli_fail(&e);
}

/* Said once: of a class that is to be passed over there may be many such steps. */
static void
tell_idle(struct train_run *r)
{
	if (!r->idle && train_leads(r) && !r->quiet)
		cli_warn("step %" PRIu64 ": all that it has is of weight 0; it changes nothing, as any other such step", r->trainer.step);
	r->idle = true;
}

/* One step with what follows it: what the log may have of it, the objective's columns last. True when a rank has been asked to
 * stop. */
static bool
one_step(struct train_run *r, double row[ROW_COLUMNS])
{
	struct err e;
	struct step_stats s;
	double start = cli_now();
	read_rows(r);
	double together[2] = {stop_asked, (double)r->rows.tokens};
	train_sum(r, together, 2);
	if (train_step(&r->trainer, &r->rows, &s, &e))
		cli_fail(&e);
	double took = cli_now() - start;
	train_note_step(r, took);
	uint64_t step = r->trainer.step;
	if (s.idle)
		tell_idle(r);
	r->state.tokens += s.trained;
	row[RUN_STEP] = (double)step;
	row[RUN_LOSS] = s.loss;
	row[RUN_GRAD_NORM] = s.grad_norm;
	row[RUN_LR] = s.lr;
	row[RUN_TOKENS] = (double)r->state.tokens;
	row[RUN_TOKENS_PER_S] = together[1] / took;
	row[RUN_GEMM_SHARE] = r->gemm_rate > 0 ? step_operations(r) / took / r->gemm_rate : (double)NAN;
	row[RUN_EVAL_LOSS] = row[RUN_EVAL_SCORE] = (double)NAN;
	memcpy(row + RUN_COLUMNS, s.columns, sizeof s.columns);
	if (r->eval && (due(step, r->eval_every) || step == r->steps))
		evaluate_and_keep_best(r, row);
	if (r->log && (due(step, r->log_every) || step == r->steps || !isnan(row[RUN_EVAL_LOSS])))
		log_row(r, row);
	return r->team ? together[0] > 0 : stop_asked;
}

static void
show(struct cli_progress *p, const struct train_run *r, const double row[ROW_COLUMNS], const double eval[2])
{
	char extra[400];
	const char *const *own = r->trainer.objective ? r->trainer.objective->columns : NULL;
	int n = snprintf(extra, sizeof extra, "loss=%.4f grad_norm=%.3f lr=%.2e tokens_per_s=%.0f gemm_share=%.2f",
	    row[RUN_LOSS], row[RUN_GRAD_NORM], row[RUN_LR], row[RUN_TOKENS_PER_S], row[RUN_GEMM_SHARE]);
	for (int i = 0; own && own[i] && n > 0 && (size_t)n < sizeof extra; i++)
		n += snprintf(extra + n, sizeof extra - (size_t)n, " %s=%.4g", own[i], row[RUN_COLUMNS + i]);
	if (!isnan(eval[0]) && n > 0 && (size_t)n < sizeof extra)
		n += snprintf(extra + n, sizeof extra - (size_t)n, " eval_loss=%.4f", eval[0]);
	if (!isnan(eval[0]) && r->score && n > 0 && (size_t)n < sizeof extra)
		snprintf(extra + n, sizeof extra - (size_t)n, " eval_%s=%.4f", r->score, eval[1]);
	cli_progress_tick(p, (uint64_t)row[RUN_STEP], extra);
}

static void
run_steps(struct train_run *r)
{
	struct cli_progress p;
	double row[ROW_COLUMNS], eval[2] = {(double)NAN, (double)NAN};
	cli_progress_start(&p, r->quiet, "steps", r->steps);
	p.first = r->trainer.step;
	while (r->trainer.step < r->steps && !patience_ended(r)) {
		bool stop = one_step(r, row);
		if (!isnan(row[RUN_EVAL_LOSS])) {
			eval[0] = row[RUN_EVAL_LOSS];
			eval[1] = row[RUN_EVAL_SCORE];
		}
		show(&p, r, row, eval);
		uint64_t step = r->trainer.step;
		if (step < r->steps && (stop || due(step, r->save_every)))
			save(r);
		if (step < r->steps && stop) {
			cli_progress_end(&p);
			if (!train_leads(r)) {
				team_leave(r->team, ERR_SAVED);
				exit(ERR_SAVED);
			}
			cli_die(ERR_SAVED, "stopped after step %" PRIu64 "; the same command goes on from there", step);
		}
	}
	cli_progress_end(&p);
}

/* The model last: where it is, all is there. Killed in between, the same command goes on from its last checkpoint. */
void
train_write_result(struct train_run *r)
{
	struct ten_writer_opts bulk = {.bulk = true};
	struct cli_out out;
	if (r->log)
		run_log_write(&r->state.log, r->log, &r->own);
	struct ten_value *v = cli_zalloc(r->own.nfields, sizeof *v, "fields");
	model_values(v, r->trainer.table, r->trainer.w, r->file.tokenizer, r->file.tokenizer_size);
	cli_open_raw(&out, r->output, &r->own, &bulk);
	cli_write(&out, v);
	cli_close_out(&out);
	free(v);
}

int
train_main(struct train_run *r, const struct cli_tool *tool, int argc, char **argv)
{
	size_t n;
	char **operands = cli_parse(tool, argc, argv, &n);
	const char *data = n ? operands[0] : NULL;
	if (n > 1)
		cli_die(ERR_USAGE, "one stream of training data, not %zu; join files with tcat", n);
	train_join(r, data);
	train_open(r, data);
	train_catch_signals();
	catch_gentle_signal(r);
	if (r->fine && !r->quiet)
		finetune_announce(r);
	if (!r->quiet || r->log)
		r->gemm_rate = measure_gemm();
	run_steps(r);
	if (r->idle && !r->state.tokens)
		cli_die(ERR_DATA, "%s: nothing was trained: all of it is of weight 0", r->data.name);
	if (train_leads(r)) {
		if (r->fine && r->eval && isfinite(r->state.best_score))
			checkpoint_load_best(&r->checkpoint, &r->trainer);
		train_write_result(r);
	}
	char best[120] = "";
	if (r->eval)
		snprintf(best, sizeof best, " best_eval_%s=%.4f best_step=%" PRIu64,
		    r->score ? r->score : "loss", r->state.best_score, r->state.best_step);
	cli_account(r->quiet, "steps=%" PRIu64 " epochs=%" PRIu64 " tokens_trained=%" PRIu64 "%s",
	    r->trainer.step, row_source_epochs(&r->data), r->state.tokens, best);
	train_close(r);
	train_leave(r);
	return 0;
}
