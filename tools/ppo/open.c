/* The opening of a run of policy optimisation, its state, and the end. */
#include <inttypes.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "ppo/ppo.h"

/* ---- opening ---- */

/* Of an algorithm without values. */
static void
check_ppo_alone(const struct ppo_run *r, const char *algo)
{
	const struct ppo_opts *o = &r->opts;
	const void *const options[] = {&o->gamma, &o->lambda, &o->clip_value, &o->value_coef, &r->no_whiten, &o->whiten_rewards};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		cli_misplaced(options[i], "--algo ppo", algo);
}

static void
check_options(struct ppo_run *r)
{
	struct train_run *t = &r->train;
	bool groups = r->algo != ALGO_PPO;
	if (team_started() > 1)
		cli_die(ERR_USAGE, "started as one of %zu ranks, but it trains alone", team_started());
	if (!t->model || strcmp(t->model, "-") == 0)
		cli_die(ERR_USAGE, "needs a file with the model to start from: -m FILE");
	if (!t->output || strcmp(t->output, "-") == 0)
		cli_die(ERR_USAGE, "needs a file for the trained model: -o FILE");
	if (!r->reward)
		cli_die(ERR_USAGE, "needs a program that scores answers: --reward CMD");
	if (t->beta1 >= 1 || t->beta2 >= 1)
		cli_die(ERR_USAGE, "beta1 and beta2 must be below 1");
	train_check_schedule(t);
	train_check_place(t->output);
	train_check_place(t->log);
	train_check_place(r->rollouts);
	if (groups)
		check_ppo_alone(r, r->algo == ALGO_GRPO ? "grpo" : "rloo");
	if (!r->samples)
		r->samples = groups ? 4 : 1;
	if (groups && r->samples < 2)
		cli_die(ERR_USAGE, "grpo and rloo compare answers to one prompt: --samples 2 or more");
	if (!cli_given(&r->kl_target))
		cli_misplaced(&r->kl_horizon, "--kl-target", NULL);
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
	if (!r->max_new)
		r->max_new = context < 4 ? 1 : context / 2 < 64 ? context / 2 : 64;
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
	if (mul_overflows(rows, r->questions.longest + r->max_new, &tokens)) /* whatever else is evaluated */
		cli_die(ERR_USAGE, "too many answers a step");
	struct train_opts o = {.adamw = {t->beta1, t->beta2, t->eps, t->weight_decay}, .clip = t->clip, .seed = t->seed,
	    .max_tokens = tokens, .largest = r->longest, .max_keys = r->longest, .recompute = t->recompute};
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

void
ppo_save(struct ppo_run *r)
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
	checkpoint_open(&t->checkpoint, t->output, &t->own, &t->file);
	if (!checkpoint_resume(&t->checkpoint, &t->trainer, &t->state))
		return;
	r->updates = (uint64_t)r->saved[0];
	r->ppo.kl_coefficient = r->saved[1];
	r->scores = (struct running){r->saved[2], r->saved[3], r->saved[4]};
	trainer_plan(&t->trainer);
	if (r->rollouts)
		rollouts_check(r);
	if (!t->quiet)
		cli_warn("resuming after step %" PRIu64, r->updates);
}

noreturn void
ppo_fail_saved(struct ppo_run *r, struct err *e)
{
	program_close(&r->program);
	/* before the first step there is nothing to go on from, and often it is the command that has to be mended */
	if (e->code != ERR_SAVED && !r->updates)
		checkpoint_close(&r->train.checkpoint, true);
	else
		ppo_save(r);
	if (e->code == ERR_SAVED)
		err_set(e, ERR_SAVED, "stopped after step %" PRIu64 "; the same command goes on from there", r->updates);
	cli_fail(e);
}

void
ppo_open_run(struct ppo_run *r, const char *data)
{
	struct err e;
	struct train_run *t = &r->train;
	check_options(r);
	if (program_open(&r->program, r->reward, r->timeout, &e))
		cli_fail(&e);
	r->program.stop = train_stop_asked;
	if (t->threads)
		omp_set_num_threads((int)t->threads);
	open_model(r);
	read_questions(r, data);
	open_reference(r);
	describe_result(r);
	if (mul_overflows(t->batch, r->samples, &r->room))
		cli_die(ERR_USAGE, "too many answers a step");
	if (r->kl_target > 0 && r->kl_horizon <= 0.2 * (double)r->room)
		cli_die(ERR_USAGE, "--kl-horizon %g and %zu answers a step would change the sign of the coefficient; it must be above %g",
		    r->kl_horizon, r->room, 0.2 * (double)r->room);
	open_trainer(r);
	answers_open(r);
	r->epoch = UINT64_MAX;
	r->order = mem_zalloc(r->questions.n, sizeof *r->order, "prompts", &e);
	r->which = mem_zalloc(r->room, sizeof *r->which, "prompts", &e);
	if (!r->order || !r->which)
		cli_fail(&e);
	resume(r);
	if (model_detach(&t->file, &e))
		cli_fail(&e);
}

void
ppo_close_run(struct ppo_run *r)
{
	struct train_run *t = &r->train;
	if (!t->keep)
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
