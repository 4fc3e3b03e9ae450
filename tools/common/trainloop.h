/* trainloop.h - the loop around the training step that every trainer runs: data, evaluation,
 * log, checkpoints, signals, progress. */
#ifndef TENON_TOOLS_TRAINLOOP_H
#define TENON_TOOLS_TRAINLOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/checkpoint.h"
#include "common/cli.h"
#include "common/finetune.h"
#include "train/contrast.h"

enum objective_kind { OBJECTIVE_CAUSAL, OBJECTIVE_MASKED, OBJECTIVE_CONTRASTIVE, OBJECTIVE_TASK,
	OBJECTIVE_REWARD, OBJECTIVE_PREFERENCE };

struct train_run {
	/* options; the defaults are those of TRAIN_DEFAULTS */
	const char *model, *output, *log, *eval;
	uint64_t steps, batch, micro, warmup, decay_steps, seed, threads;
	uint64_t save_every, eval_every, log_every;
	double lr, min_lr, beta1, beta2, eps, weight_decay, clip, dropout;
	int schedule;
	bool keep, quiet, recompute, plan;
	int objective;         /* enum objective_kind, -1: by the model's family */
	double temperature, momentum;
	uint64_t projection, queue;
	int pool;
	struct finetune *fine; /* NULL: pre-training */

	/* state */
	struct model_file file;
	struct config cfg;     /* of the result: the file's, and what the objective adds */
	struct params table;
	struct trainer trainer;
	struct contrast contrast;
	struct row_source data;
	struct train_state state;
	struct ten_head own;   /* of the result */
	struct ten_head eval_head;
	struct checkpoint checkpoint;
	struct rows rows, eval_rows;
	size_t eval_longest;   /* row of the evaluation, 0 without one; of candidates sequence and record: */
	size_t eval_largest;   /* for these there is room, but training is cut as without them */
	size_t bound, eval_bound; /* of the tokens of a row, see row_source_bound */
	struct team *team;     /* NULL: this process alone */
	bool idle;             /* there was a step that trained nothing */
	double longest_step;   /* seconds, of this process */
	double gemm_rate;      /* operations a second of the machine, 0 = not measured */
	const char *score;     /* what is measured besides the loss, NULL: nothing */
	char score_name[80];   /* of its column */
	const char *names[RUN_COLUMNS + STEP_COLUMNS]; /* of the log, where the objective has columns */
};

#define TRAIN_DEFAULTS \
	.steps = 1000, .batch = 8, .warmup = 100, .seed = 1, .save_every = 200, .eval_every = 200, \
	.log_every = 1, .min_lr = -1, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, \
	.weight_decay = 0.1, .clip = 1, .schedule = SCHEDULE_COSINE, .objective = -1, .temperature = 0.1, \
	.momentum = 0.999, .projection = 128

extern const char *const train_schedules[];

/* The rows of the option table; rate: the default of lr, as text; best: whether the result is the best model of the
 * evaluations, which are of its history then. */
#define TRAIN_OPTIONS(r, rate, best) \
	{'m', "model", "FILE", CLI_TEXT, &(r)->model, "the model to start from", 0, 0, 0, true}, \
	{'o', "output", "FILE", CLI_TEXT, &(r)->output, "the trained model; FILE.ckpt/ holds checkpoints", 0, 0, 0, true}, \
	{0, "steps", "N", CLI_U64, &(r)->steps, "optimizer steps (default 1000)", 1, 1e12, 0, false}, \
	{'b', "batch", "N", CLI_U64, &(r)->batch, "rows a step (default 8)", 1, 1e9, 0, false}, \
	{0, "micro", "N", CLI_U64, &(r)->micro, "rows at a time; gradients of the rest accumulate (default all)", 1, 1e9, 0, false}, \
	{0, "recompute", NULL, CLI_FLAG, &(r)->recompute, "keep only the inputs of blocks and run these again: less memory, more time", 0, 0, 0, true}, \
	{0, "plan", NULL, CLI_FLAG, &(r)->plan, "print the memory that the training takes, and end", 0, 0, 0, true}, \
	{0, "lr", "RATE", CLI_REAL, &(r)->lr, "highest learning rate (default " rate ")", 0, 1e3, 0, false}, \
	{0, "min-lr", "RATE", CLI_REAL, &(r)->min_lr, "learning rate at the end (default lr / 10)", 0, 1e3, 0, false}, \
	{0, "schedule", "NAME", CLI_CHOICE, &(r)->schedule, "constant, linear, cosine, wsd or wsd-sqrt (default cosine)", 0, 0, train_schedules, false}, \
	{0, "warmup", "N", CLI_U64, &(r)->warmup, "steps of linear warm-up (default 100)", 0, 1e12, 0, false}, \
	{0, "decay-steps", "N", CLI_U64, &(r)->decay_steps, "steps of the decay of wsd (default steps / 5)", 1, 1e12, 0, false}, \
	{0, "beta1", "X", CLI_REAL, &(r)->beta1, "AdamW's decay of the first moment (default 0.9)", 0, 1, 0, false}, \
	{0, "beta2", "X", CLI_REAL, &(r)->beta2, "AdamW's decay of the second moment (default 0.95)", 0, 1, 0, false}, \
	{0, "eps", "X", CLI_REAL, &(r)->eps, "AdamW's epsilon (default 1e-8)", 1e-30, 1, 0, false}, \
	{0, "weight-decay", "X", CLI_REAL, &(r)->weight_decay, "of tensors of rank 2 (default 0.1)", 0, 1e3, 0, false}, \
	{0, "clip", "NORM", CLI_REAL, &(r)->clip, "largest norm of the gradient, 0 = none (default 1)", 0, 1e30, 0, false}, \
	{0, "dropout", "P", CLI_REAL, &(r)->dropout, "probability of dropout (default 0)", 0, 0.95, 0, false}, \
	CLI_SEED(&(r)->seed), \
	{0, "eval", "FILE", CLI_TEXT, &(r)->eval, "a file like the input, whose loss is measured", 0, 0, 0, true}, \
	{0, "eval-every", "N", CLI_U64, &(r)->eval_every, "steps between evaluations (default 200)", 1, 1e12, 0, !(best)}, \
	{0, "save-every", "N", CLI_U64, &(r)->save_every, "steps between checkpoints (default 200)", 1, 1e12, 0, true}, \
	{0, "keep", NULL, CLI_FLAG, &(r)->keep, "keep the checkpoints at the end", 0, 0, 0, true}, \
	{0, "log", "FILE", CLI_TEXT, &(r)->log, "write the metrics of the run to FILE", 0, 0, 0, true}, \
	{0, "log-every", "N", CLI_U64, &(r)->log_every, "steps between records of the log (default 1)", 1, 1e12, 0, true}, \
	CLI_THREADS(&(r)->threads, "all cores"), \
	CLI_QUIET(&(r)->quiet)

/* What tpretrain alone has. */
extern const char *const train_objectives[];
#define OBJECTIVE_OPTIONS(r) \
	{0, "objective", "NAME", CLI_CHOICE, &(r)->objective, "causal, masked or contrastive (default causal; masked for bert)", 0, 0, train_objectives, false}, \
	{0, "temperature", "X", CLI_REAL, &(r)->temperature, "contrastive: similarities are divided by it (default 0.1)", 1e-4, 100, 0, false}, \
	{0, "pool", "HOW", CLI_CHOICE, &(r)->pool, "contrastive: mean, first or last token (default mean)", 0, 0, train_pools, false}, \
	{0, "projection", "N", CLI_U64, &(r)->projection, "contrastive: outputs of the projection head, 0 = none (default 128)", 0, 1 << 17, 0, false}, \
	{0, "queue", "N", CLI_U64, &(r)->queue, "contrastive: compare with N earlier embeddings, not with the batch", 1, 1 << 24, 0, false}, \
	{0, "momentum", "X", CLI_REAL, &(r)->momentum, "of the encoder that fills the queue (default 0.999)", 0, 1, 0, false}

/* The objective looks at the language head; compares two views of each record; rows of a record. */
static inline bool
train_has_logits(const struct train_run *r)
{
	return r->objective < OBJECTIVE_CONTRASTIVE || r->objective == OBJECTIVE_PREFERENCE;
}

static inline bool
train_contrasts(const struct train_run *r)
{
	return r->objective == OBJECTIVE_CONTRASTIVE;
}

static inline size_t
train_views(const struct train_run *r)
{
	return train_contrasts(r) ? 2 : 1;
}

static inline struct contrast_opts
train_contrast_opts(const struct train_run *r)
{
	return (struct contrast_opts){r->temperature, (enum pool)r->pool, 2 * r->batch, r->queue, r->momentum, r->seed};
}

/* All that train_run does around its steps (trainopen.c). */
void train_open(struct train_run *r, const char *data);
void train_close(struct train_run *r);

/* Before memory is taken (trainplan.c): what the training takes, against what the machine has. Prints it and exits with
 * --plan; exits 1 where it is too much. */
void train_plan(struct train_run *r, const struct train_opts *o);
/* What it does as one of several ranks (trainteam.c); nothing when it is alone. Joins the others, decides the threads; only
 * rank 0 has a log, checkpoints and words. */
void train_join(struct train_run *r, const char *data);
void train_leave(struct train_run *r);
/* Rank 0's bytes become everybody's; waits as long as rank 0 needs. */
void train_share(struct train_run *r, void *p, size_t bytes);
/* x[i] becomes the sum over the ranks. */
void train_sum(struct train_run *r, double *x, size_t n);
/* What rank 0 has read from a checkpoint. */
void train_share_state(struct train_run *r);
/* A step of this rank took so long: from now on a rank that takes far longer has died. */
void train_note_step(struct train_run *r, double seconds);

static inline bool
train_leads(const struct train_run *r)
{
	return team_rank(r->team) == 0;
}

/* Parts of the loop for trainers that make their data as they go. Of the options of the learning rate: whether they go
 * together; exits 2. */
void train_check_schedule(const struct train_run *r);
/* What is written at the end can be written there, as far as can be told at the start; NULL: nothing. Exits 1. */
void train_check_place(const char *path);
/* Weights: the file's tensors; those that the
 * configuration adds are new. */
void train_start_weights(struct train_run *r);
/* Freezes what the model says of itself: key-value `frozen`, patterns one a line. What is new, as a head or adapters, it
 * does not mean. Behind the opening of the objective, which thaws its head. */
void train_freeze_as_told(struct train_run *r);
/* From now on INT and TERM are noted; true when one has come. */
void train_catch_signals(void);
bool train_stop_asked(void);
/* Log and, last, model. */
void train_write_result(struct train_run *r);

/* To r->eval_rows: up to `rows` rows, or as many as reach max_tokens; what row_source_next said last. Exits through cli_fail. */
int train_read_eval(struct train_run *r, struct row_source *s, size_t rows);

/* Freezes the tensors whose names match the pattern (as of file names); returns how many. */
size_t train_freeze(struct trainer *t, const char *pattern);

/* Opens a stream of the training's kind of rows. Exits through cli_fail. */
void train_open_rows(struct train_run *r, struct row_source *s, const char *path);

/* The main function of a trainer, whose options set r. Trains: reads the data from the operand (none or "-": standard input),
 * resumes where a killed run of the same command left its checkpoints, writes the model to r->output. Exits through cli_fail
 * on error; with 75 after INT or TERM, when a checkpoint has been saved. */
int train_main(struct train_run *r, const struct cli_tool *tool, int argc, char **argv);

#endif
