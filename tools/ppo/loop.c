/* The loop of policy optimisation: answers, scores, update; log and evaluation. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "ppo/ppo.h"

enum column { STEP, EPISODE, SCORES, SCORES_STD, RLHF_REWARD, NON_SCORE_REWARD, KL, ENTROPY, KL_COEFFICIENT, LENGTH,
	APPROX_KL, CLIPPED, OUTSIDE, POLICY_LOSS, VALUE_LOSS, VALUE_CLIPPED, RATIO, ENDED, RATE, GRAD_NORM, EPOCHS, EVAL_SCORES,
	EVAL_SCORES_STD, EVAL_KL, EVAL_LENGTH, TIME_GENERATION, TIME_REWARD, TIME_UPDATE, COLUMNS };

/* TRL's names where it has the same. */
static const char *const names[COLUMNS] = {"step", "episode", "objective/scores", "objective/scores_std",
    "objective/rlhf_reward", "objective/non_score_reward", "objective/kl", "objective/entropy", "objective/kl_coef",
    "objective/length", "policy/approxkl_avg", "policy/clipfrac_avg", "policy/outside_avg", "loss/policy_avg",
    "loss/value_avg", "val/clipfrac_avg", "val/ratio", "val/num_eos_tokens", "lr", "grad_norm", "epochs", "eval/scores", "eval/scores_std",
    "eval/kl", "eval/length", "time/generation", "time/reward", "time/update"};

/* Streams of random numbers of the evaluation are apart from those of the training. */
static const uint64_t EVAL_STREAM = UINT64_C(1) << 63;

/* ---- a step ---- */

/* The questions of an update: all in an order of each epoch's own, one epoch after the other. */
static void
choose_questions(struct ppo_run *r)
{
	size_t n = r->questions.n;
	for (uint64_t i = 0; i < r->train.batch; i++) {
		uint64_t at = r->updates * r->train.batch + i, epoch = at / n;
		if (epoch != r->epoch) {
			for (size_t j = 0; j < n; j++)
				r->order[j] = j;
			for (size_t j = n; j-- > 1;) {
				size_t k = (size_t)rng_below(j + 1, r->train.seed, RNG_ORDER, epoch, j), was = r->order[j];
				r->order[j] = r->order[k];
				r->order[k] = was;
			}
			r->epoch = epoch;
		}
		r->which[i] = r->order[at % n];
	}
}

static double
mean(const double *x, size_t n, double *deviation)
{
	struct running all = {0};
	running_add(&all, x, n);
	if (deviation)
		*deviation = all.n >= 2 ? sqrt(all.m2 / (all.n - 1)) : 0;
	return all.mean;
}

/* From the program's scores to what counts at the last token: less the penalty, normalised, clipped. */
static void
shape_scores(struct ppo_run *r)
{
	double *score = r->ppo.r.score, deviation;
	for (size_t i = 0; i < r->n; i++)
		score[i] = r->raw[i] - (r->answers[i].ended ? 0 : r->missing_end);
	if (r->normalise)
		running_add(&r->scores, score, r->n);
	deviation = running_deviation(&r->scores);
	for (size_t i = 0; i < r->n; i++) {
		if (r->normalise)
			score[i] = (score[i] - r->scores.mean) / deviation;
		if (r->clip_reward > 0)
			score[i] = fmax(-r->clip_reward, fmin(r->clip_reward, score[i]));
	}
}

/* Log-probabilities of the answers under policy and reference; returns the KL, of an answer on average. */
static double
measure_answers(struct ppo_run *r, double *entropy)
{
	struct err e;
	struct rollouts *ro = &r->ppo.r;
	double kl = 0, sum = 0;
	if (ppo_measure(&r->ppo, &r->train.trainer, &e))
		cli_fail(&e);
	frozen_logp(&r->frozen, &ro->rows, r->opts.temperature, ro->reference);
	for (size_t i = 0; i < ro->tokens; i++) {
		kl += kl_estimate(r->opts.estimator, ro->logp[i] - ro->reference[i]);
		sum += ro->entropy[i];
	}
	if (!isfinite(kl))
		cli_die(ERR_NONFINITE, "step %" PRIu64 ": the KL to the reference is %g", r->updates + 1, kl);
	*entropy = sum / (double)r->n;
	return kl / (double)r->n;
}

static void
note_answers(const struct ppo_run *r, double row[COLUMNS], double kl, double entropy)
{
	size_t ended = 0;
	for (size_t i = 0; i < r->n; i++)
		ended += r->answers[i].ended;
	row[STEP] = (double)(r->updates + 1);
	row[EPISODE] = (double)((r->updates + 1) * r->room);
	row[SCORES] = mean(r->raw, r->n, &row[SCORES_STD]);
	row[NON_SCORE_REWARD] = -r->ppo.kl_coefficient * kl;
	row[RLHF_REWARD] = mean(r->ppo.r.score, r->n, NULL) + row[NON_SCORE_REWARD];
	row[KL] = kl;
	row[ENTROPY] = entropy;
	row[KL_COEFFICIENT] = r->ppo.kl_coefficient;
	row[LENGTH] = (double)r->ppo.r.tokens / (double)r->n;
	row[ENDED] = (double)ended;
}

static void
note_update(const struct ppo_run *r, double row[COLUMNS], const struct ppo_stats *s)
{
	row[APPROX_KL] = s->approx_kl;
	row[CLIPPED] = s->clipped;
	row[OUTSIDE] = s->outside;
	row[POLICY_LOSS] = s->policy_loss;
	row[VALUE_LOSS] = s->value_loss;
	row[VALUE_CLIPPED] = s->value_clipped;
	row[RATIO] = s->ratio;
	row[RATE] = r->train.trainer.opts.schedule.lr;
	row[GRAD_NORM] = s->grad_norm;
	row[EPOCHS] = (double)s->epochs;
}

/* The learning rate is a function of the update, whatever number of minibatches the ones before had. */
static void
set_rate(struct ppo_run *r)
{
	struct train_run *t = &r->train;
	struct schedule s = {(enum schedule_kind)t->schedule, t->lr, t->min_lr < 0 ? t->lr / 10 : t->min_lr, t->warmup, t->steps,
	    t->decay_steps ? t->decay_steps : (t->steps + 4) / 5};
	double lr = schedule_lr(&s, r->updates);
	t->trainer.opts.schedule = (struct schedule){.kind = SCHEDULE_CONSTANT, .lr = lr, .min_lr = lr, .steps = 1};
}

static void
update(struct ppo_run *r, double row[COLUMNS])
{
	struct err e;
	struct ppo_stats s;
	double kl, entropy;
	shape_scores(r);
	kl = measure_answers(r, &entropy);
	ppo_advantages(&r->ppo);
	if (r->rollouts)
		rollouts_save(r);
	note_answers(r, row, kl, entropy);
	set_rate(r);
	if (ppo_update(&r->ppo, &r->train.trainer, r->updates, &s, &e)) {
		err_prefix(&e, "update %" PRIu64, r->updates + 1);
		cli_fail(&e);
	}
	note_update(r, row, &s);
	if (r->kl_target > 0)
		r->ppo.kl_coefficient = kl_coefficient(r->ppo.kl_coefficient, kl, r->kl_target, (double)r->n, r->kl_horizon);
	r->train.state.tokens += r->ppo.r.tokens;
	r->updates++;
}

static void
one_step(struct ppo_run *r, double row[COLUMNS])
{
	struct err e;
	double start = cli_now(), generated, scored;
	choose_questions(r);
	answers_make(r, &r->questions, r->which, r->train.batch, r->samples, r->updates * r->room);
	generated = cli_now();
	if (answers_score(r, &r->questions, r->which, r->samples, &e)) {
		err_prefix(&e, "step %" PRIu64, r->updates + 1);
		ppo_fail_saved(r, &e);
	}
	scored = cli_now();
	update(r, row);
	row[TIME_GENERATION] = generated - start;
	row[TIME_REWARD] = scored - generated;
	row[TIME_UPDATE] = cli_now() - scored;
}

/* ---- evaluation ---- */

/* One answer to each prompt that is held out, drawn with the same random numbers each time. */
static void
evaluate(struct ppo_run *r, double row[COLUMNS])
{
	struct err e;
	struct running scores = {0};
	double kl = 0, tokens = 0, entropy;
	for (size_t from = 0; from < r->eval.n; from += r->n) {
		size_t n = r->eval.n - from < r->room ? r->eval.n - from : r->room;
		for (size_t i = 0; i < n; i++)
			r->which[i] = from + i;
		answers_make(r, &r->eval, r->which, n, 1, EVAL_STREAM + from);
		if (answers_score(r, &r->eval, r->which, 1, &e)) {
			err_prefix(&e, "evaluation after step %" PRIu64, r->updates);
			ppo_fail_saved(r, &e);
		}
		running_add(&scores, r->raw, n);
		kl += measure_answers(r, &entropy) * (double)n;
		tokens += (double)r->ppo.r.tokens;
	}
	row[EVAL_SCORES] = scores.mean;
	row[EVAL_SCORES_STD] = scores.n >= 2 ? sqrt(scores.m2 / (scores.n - 1)) : 0;
	row[EVAL_KL] = kl / (double)r->eval.n;
	row[EVAL_LENGTH] = tokens / (double)r->eval.n;
}

/* ---- the loop ---- */

static bool
due(uint64_t step, uint64_t every)
{
	return every && step % every == 0;
}

static void
clear_row(double row[COLUMNS])
{
	for (int i = 0; i < COLUMNS; i++)
		row[i] = (double)NAN;
}

static void
add_row(struct ppo_run *r, const double row[COLUMNS])
{
	struct err e;
	if (run_log_add(&r->train.state.log, row, &e))
		cli_fail(&e);
}

/* Completes the last row by the evaluation that is due after its step, also where a killed run left it without. */
static void
evaluate_last(struct ppo_run *r)
{
	const struct train_run *t = &r->train;
	const struct run_log *l = &t->state.log;
	if (!t->eval || !l->n || !(due(r->updates, t->eval_every) || r->updates == t->steps))
		return;
	double *row = l->rows + (l->n - 1) * COLUMNS;
	if (isnan(row[EVAL_SCORES]))
		evaluate(r, row);
}

/* The model at the start, as step 0. */
static void
add_start(struct ppo_run *r)
{
	double row[COLUMNS];
	if (!r->train.eval || r->updates || r->train.state.log.n)
		return;
	clear_row(row);
	row[STEP] = 0;
	add_row(r, row);
}

static void
show(struct ppo_run *r, struct cli_progress *p, double *eval)
{
	char extra[240];
	const double *row = r->train.state.log.rows + (r->train.state.log.n - 1) * COLUMNS;
	if (!isnan(row[EVAL_SCORES]))
		*eval = row[EVAL_SCORES];
	int n = snprintf(extra, sizeof extra, "scores=%.4f kl=%.3f length=%.1f approxkl=%.4f clipfrac=%.3f generation_s=%.2f"
	    " reward_s=%.2f update_s=%.2f", row[SCORES], row[KL], row[LENGTH], row[APPROX_KL], row[CLIPPED],
	    row[TIME_GENERATION], row[TIME_REWARD], row[TIME_UPDATE]);
	if (!isnan(*eval) && n > 0 && (size_t)n < sizeof extra)
		snprintf(extra + n, sizeof extra - (size_t)n, " eval_scores=%.4f", *eval);
	cli_progress_tick(p, (uint64_t)row[STEP], extra);
}

static void
run_steps(struct ppo_run *r)
{
	struct cli_progress p;
	struct train_run *t = &r->train;
	double row[COLUMNS], eval = (double)NAN;
	cli_progress_start(&p, t->quiet, "steps", t->steps);
	p.first = r->updates;
	add_start(r);
	evaluate_last(r);
	while (r->updates < t->steps) {
		clear_row(row);
		one_step(r, row);
		add_row(r, row);
		evaluate_last(r);
		show(r, &p, &eval);
		if (r->updates < t->steps && (train_stop_asked() || due(r->updates, t->save_every)))
			ppo_save(r);
		if (r->updates < t->steps && train_stop_asked()) {
			cli_progress_end(&p);
			cli_die(ERR_SAVED, "stopped after step %" PRIu64 "; the same command goes on from there", r->updates);
		}
	}
	cli_progress_end(&p);
}

/* What a program does when there is nothing more to score is its own business, unless it has still said something. */
static void
finish_program(struct ppo_run *r)
{
	struct err e;
	if (program_finish(&r->program, &e)) {
		if (e.code == ERR_DATA) {
			err_prefix(&e, "after step %" PRIu64, r->updates);
			ppo_fail_saved(r, &e);
		}
		if (e.code != ERR_SAVED) /* all steps are done, and writing the result takes no time */
			cli_warn("%s", e.msg);
	}
	program_close(&r->program);
}

void
ppo_run(struct ppo_run *r, const char *data)
{
	struct train_run *t = &r->train;
	t->state.log.names = names;
	t->state.log.nnames = COLUMNS;
	ppo_open_run(r, data);
	train_catch_signals();
	run_steps(r);
	finish_program(r);
	if (r->rollouts)
		rollouts_join(r);
	train_write_result(t);
	cli_account(t->quiet, "steps=%" PRIu64 " prompts=%zu dropped=%" PRIu64 " episodes=%" PRIu64 " epochs=%" PRIu64
	    " tokens_trained=%" PRIu64, r->updates, r->questions.n, r->questions.dropped, r->updates * r->room,
	    r->updates * t->batch / r->questions.n, t->state.tokens);
	ppo_close_run(r);
}
