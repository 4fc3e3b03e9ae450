/* The loop of policy optimisation: answers, scores, update; log, evaluation, checkpoints. */
#include <inttypes.h>
#include <math.h>
#include <omp.h>
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

/* ---- opening ---- */

static void
check_options(struct ppo_run *r)
{
	struct train_run *t = &r->train;
	bool groups = r->algo != ALGO_PPO;
	if (!t->model || strcmp(t->model, "-") == 0)
		cli_die(ERR_USAGE, "needs a file with the model to start from: -m FILE");
	if (!t->output || strcmp(t->output, "-") == 0)
		cli_die(ERR_USAGE, "needs a file for the trained model: -o FILE");
	if (!r->reward)
		cli_die(ERR_USAGE, "needs a program that scores answers: --reward CMD");
	if (t->beta1 >= 1 || t->beta2 >= 1)
		cli_die(ERR_USAGE, "beta1 and beta2 must be below 1");
	if (t->min_lr > t->lr)
		cli_die(ERR_USAGE, "--min-lr %g is above --lr %g", t->min_lr, t->lr);
	if (!r->samples)
		r->samples = groups ? 4 : 1;
	if (groups && r->samples < 2)
		cli_die(ERR_USAGE, "grpo and rloo compare answers to one prompt: --samples 2 or more");
	if (r->kl_target > 0 && !(r->kl > 0))
		cli_die(ERR_USAGE, "--kl-target adapts the coefficient, which must not be 0");
	if (r->estimator < 0)
		r->estimator = r->algo == ALGO_GRPO ? KL_K3 : KL_K1;
}

static void
read_questions(struct ppo_run *r, const char *data)
{
	struct train_run *t = &r->train;
	size_t context = t->cfg.context, limit;
	if (r->max_new >= context)
		cli_die(ERR_USAGE, "-n %" PRIu64 " leaves no room for a prompt in the model's context of %zu", r->max_new, context);
	limit = context - r->max_new;
	if (r->prompt_length > limit)
		cli_die(ERR_USAGE, "--prompt-length %" PRIu64 " and -n %" PRIu64 " are more than the model's context of %zu",
		    r->prompt_length, r->max_new, context);
	limit = r->prompt_length ? r->prompt_length : limit;
	questions_read(&r->questions, data, &t->file, &r->vocab, limit);
	if (t->eval)
		questions_read(&r->eval, t->eval, &t->file, &r->vocab, limit);
	r->longest = (r->eval.longest > r->questions.longest ? r->eval.longest : r->questions.longest) + r->max_new;
}

static void
open_model(struct ppo_run *r)
{
	struct err e;
	struct train_run *t = &r->train;
	if (model_open(&t->file, t->model, &e))
		cli_fail(&e);
	t->cfg = t->file.cfg;
	if (config_traits(&t->cfg)->encoder || t->cfg.headless)
		cli_die(ERR_DATA, "%s: the model does not continue text", t->model);
	if (!t->file.tokenizer_size)
		cli_die(ERR_DATA, "%s: the model has no vocabulary", t->model);
	if (vocab_file_load_mem(&r->vocab, t->file.tokenizer, t->file.tokenizer_size, t->model, &e))
		cli_fail(&e);
	if (r->vocab.vocab.n != t->cfg.vocab)
		cli_die(ERR_DATA, "%s: the model has %zu tokens, the vocabulary in it %zu", t->model, t->cfg.vocab, r->vocab.vocab.n);
	t->fine = &r->fine;
	finetune_adapters(t);
	t->cfg.value = t->cfg.value || r->algo == ALGO_PPO;
	if (config_check(&t->cfg, &e) || params_build(&t->table, &t->cfg, &e))
		cli_fail(&e);
}

static void
open_reference(struct ppo_run *r)
{
	struct err e;
	struct model_file *m = &r->reference_file;
	if (model_load(m, r->reference ? r->reference : r->train.model, &e) ||
	    model_check_tokenizer(m, &r->train.file.head, r->train.model, &e))
		cli_fail(&e);
	if (m->cfg.vocab != r->train.cfg.vocab || m->cfg.context < r->longest || config_traits(&m->cfg)->encoder)
		cli_die(ERR_DATA, "%s: as a reference a model needs the same vocabulary, of %zu tokens, and a context of at least %zu",
		    m->path, r->train.cfg.vocab, r->longest);
}

static void
describe_result(struct ppo_run *r)
{
	struct err e;
	struct train_run *t = &r->train;
	const struct ten_head *inputs[3] = {&t->file.head, &r->questions.head, &r->reference_file.head};
	if (model_head(&t->own, &t->cfg, &t->table, t->file.tokenizer_id, &e) || model_keep(&t->own, &t->file.head, &e))
		cli_fail(&e);
	cli_add_provenance(&t->own, inputs, r->reference ? 3 : 2, &t->seed);
}

/* A new value head begins at zero: its first values are a baseline of nothing. */
static void
clear_value(struct train_run *t)
{
	for (size_t i = 0; i < t->table.n; i++) {
		const struct param *p = &t->table.items[i];
		if ((p->slot == SLOT_VALUE || p->slot == SLOT_VALUE_B) && !t->file.cfg.value)
			memset(t->trainer.w + p->offset, 0, p->size * sizeof *t->trainer.w);
	}
}

static void
open_trainer(struct ppo_run *r)
{
	struct err e;
	struct train_run *t = &r->train;
	size_t answers = r->room, minibatch = r->minibatch && r->minibatch < answers ? r->minibatch : answers;
	size_t rows = t->micro && t->micro < minibatch ? t->micro : minibatch, tokens;
	if (mul_overflows(rows, r->longest, &tokens))
		cli_die(ERR_USAGE, "too many answers a step");
	struct train_opts o = {.adamw = {t->beta1, t->beta2, t->eps, t->weight_decay}, .clip = t->clip, .seed = t->seed,
	    .max_tokens = tokens, .max_keys = r->longest};
	r->opts.algo = (enum ppo_algo)r->algo;
	r->opts.estimator = (enum kl_estimator)r->estimator;
	r->opts.whiten = !r->no_whiten;
	r->opts.samples = r->samples;
	r->opts.epochs = r->epochs;
	r->opts.minibatch = minibatch;
	if (trainer_open(&t->trainer, &t->cfg, &t->table, &o, &e))
		cli_fail(&e);
	train_start_weights(t);
	clear_value(t);
	if (ppo_open(&r->ppo, &t->trainer, &r->opts, answers, r->max_new, &e) ||
	    frozen_open(&r->frozen, &r->reference_file.cfg, &r->reference_file.table, r->reference_file.w, tokens, r->longest, &e))
		cli_fail(&e);
	train_freeze_as_told(t);
	r->ppo.kl_coefficient = r->kl;
}

/* ---- state ---- */

static const char *const number_names[5] = {"updates", "kl_coefficient", "scores", "score_mean", "score_squares"};

static void
save(struct ppo_run *r)
{
	const double now[5] = {(double)r->updates, r->ppo.kl_coefficient, r->scores.n, r->scores.mean, r->scores.m2};
	memcpy(r->saved, now, sizeof now);
	checkpoint_save(&r->train.checkpoint, &r->train.trainer, &r->train.state);
	if (r->train.log)
		run_log_write(&r->train.state.log, r->train.log, &r->train.own);
}

static void
resume(struct ppo_run *r)
{
	static struct train_number numbers[5];
	struct train_run *t = &r->train;
	for (size_t i = 0; i < 5; i++)
		numbers[i] = (struct train_number){number_names[i], &r->saved[i]};
	t->state.numbers = numbers;
	t->state.nnumbers = 5;
	t->state.log.names = names;
	t->state.log.nnames = COLUMNS;
	checkpoint_open(&t->checkpoint, t->output, &t->own, &t->file);
	if (!checkpoint_resume(&t->checkpoint, &t->trainer, &t->state))
		return;
	r->updates = (uint64_t)r->saved[0];
	r->ppo.kl_coefficient = r->saved[1];
	r->scores = (struct running){r->saved[2], r->saved[3], r->saved[4]};
	trainer_plan(&t->trainer);
	if (!t->quiet)
		cli_warn("resuming after step %" PRIu64, r->updates);
}

/* What went wrong outside of the training does not lose the training: the state after the last update is saved. */
static noreturn void
fail_saved(struct ppo_run *r, struct err *e)
{
	err_prefix(e, "step %" PRIu64, r->updates + 1);
	reward_close(&r->program);
	save(r);
	cli_fail(e);
}

static void
open_all(struct ppo_run *r, const char *data)
{
	struct err e;
	struct train_run *t = &r->train;
	if (t->threads)
		omp_set_num_threads((int)t->threads);
	open_model(r);
	read_questions(r, data);
	open_reference(r);
	describe_result(r);
	if (mul_overflows(t->batch, r->samples, &r->room))
		cli_die(ERR_USAGE, "too many answers a step");
	open_trainer(r);
	answers_open(r);
	r->epoch = UINT64_MAX;
	r->order = mem_zalloc(r->questions.n, sizeof *r->order, "prompts", &e);
	r->which = mem_zalloc(r->room, sizeof *r->which, "prompts", &e);
	if (!r->order || !r->which)
		cli_fail(&e);
	resume(r);
	if (model_detach(&t->file, &e) || reward_open(&r->program, r->reward, r->timeout, &e))
		cli_fail(&e);
}

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
	if (answers_score(r, &r->questions, r->which, r->samples, &e))
		fail_saved(r, &e);
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
		if (answers_score(r, &r->eval, r->which, 1, &e))
			fail_saved(r, &e);
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

/* The model at the start, as step 0. */
static void
evaluate_start(struct ppo_run *r)
{
	double row[COLUMNS];
	if (!r->train.eval || r->updates || r->train.state.log.n)
		return;
	clear_row(row);
	row[STEP] = 0;
	evaluate(r, row);
	add_row(r, row);
}

static void
show(struct cli_progress *p, const double row[COLUMNS], double eval)
{
	char extra[240];
	int n = snprintf(extra, sizeof extra, "scores=%.4f kl=%.3f length=%.1f approxkl=%.4f clipfrac=%.3f generation_s=%.2f"
	    " reward_s=%.2f update_s=%.2f", row[SCORES], row[KL], row[LENGTH], row[APPROX_KL], row[CLIPPED],
	    row[TIME_GENERATION], row[TIME_REWARD], row[TIME_UPDATE]);
	if (!isnan(eval) && n > 0 && (size_t)n < sizeof extra)
		snprintf(extra + n, sizeof extra - (size_t)n, " eval_scores=%.4f", eval);
	cli_progress_tick(p, (uint64_t)row[STEP], extra);
}

static void
run_steps(struct ppo_run *r)
{
	struct cli_progress p;
	struct train_run *t = &r->train;
	double row[COLUMNS], eval = (double)NAN;
	cli_progress_start(&p, t->quiet, "steps", t->steps);
	evaluate_start(r);
	while (r->updates < t->steps) {
		clear_row(row);
		one_step(r, row);
		if (t->eval && (due(r->updates, t->eval_every) || r->updates == t->steps)) {
			evaluate(r, row);
			eval = row[EVAL_SCORES];
		}
		add_row(r, row);
		show(&p, row, eval);
		if (r->updates < t->steps && (train_stop_asked() || due(r->updates, t->save_every)))
			save(r);
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
	if (reward_finish(&r->program, &e)) {
		if (e.code == ERR_DATA)
			fail_saved(r, &e);
		cli_warn("%s", e.msg);
	}
	reward_close(&r->program);
}

static void
close_all(struct ppo_run *r)
{
	struct train_run *t = &r->train;
	if (!t->keep && r->rollouts)
		rollouts_remove(r);
	checkpoint_close(&t->checkpoint, !t->keep);
	run_log_free(&t->state.log);
	ten_head_free(&t->own);
	answers_close(r);
	ppo_close(&r->ppo);
	frozen_close(&r->frozen);
	model_close(&r->reference_file);
	trainer_close(&t->trainer);
	params_free(&t->table);
	questions_free(&r->questions);
	questions_free(&r->eval);
	vocab_file_free(&r->vocab);
	model_close(&t->file);
	free(r->order);
	free(r->which);
}

void
ppo_run(struct ppo_run *r, const char *data)
{
	struct train_run *t = &r->train;
	check_options(r);
	open_all(r, data);
	train_catch_signals();
	run_steps(r);
	finish_program(r);
	train_write_result(t);
	if (r->rollouts)
		rollouts_join(r);
	cli_account(t->quiet, "steps=%" PRIu64 " prompts=%zu dropped=%" PRIu64 " episodes=%" PRIu64 " epochs=%" PRIu64
	    " tokens_trained=%" PRIu64, r->updates, r->questions.n, r->questions.dropped, r->updates * r->room,
	    r->updates * t->batch / r->questions.n, t->state.tokens);
	close_all(r);
}
