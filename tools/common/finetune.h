/* finetune.h - what fine-tuning adds to the training loop: adapters, which tensors are trained and how fast, the best model
 * by a measure; of a task its head, labels and measures. What learns from candidates has the first, and struct judging
 * instead of a task. */
#ifndef TENON_TOOLS_FINETUNE_H
#define TENON_TOOLS_FINETUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli.h"
#include "common/rowsource.h"
#include "train/task.h"

enum finetune_task { FINETUNE_CHAT, FINETUNE_COMPLETION, FINETUNE_CLASSIFY, FINETUNE_MULTILABEL, FINETUNE_TAG,
	FINETUNE_REGRESS };

struct judging;

struct finetune {
	struct judging *judging;  /* NULL: a task */

	/* options */
	int task, pool;           /* -1: by the model or the data; by the family */
	int metric;               /* enum measure, -1: the loss */
	uint64_t epochs;          /* 0: by steps */
	uint64_t patience;        /* evaluations without improvement until the end, 0: none */
	uint64_t lora, unfreeze;
	double lora_alpha, smoothing, layer_decay;
	const char *lora_targets, *class_weights;
	struct cli_list freeze;
	bool truncate;

	/* state */
	struct label_set set;     /* of the head */
	struct row_labels labels, eval_labels;
	double *weights;          /* of the classes, or NULL */
	struct task_trainer trainer;
};

#define FINETUNE_DEFAULTS .task = -1, .pool = -1, .metric = -1, .layer_decay = 1

extern const char *const finetune_tasks[], *const finetune_metrics[];
/* What every fine-tuning has. */
#define ADAPT_OPTIONS(f) \
	{0, "epochs", "N", CLI_U64, &(f)->epochs, "instead of --steps: go through the data N times", 1, 1e9, 0, false}, \
	{0, "lora", "RANK", CLI_U64, &(f)->lora, "train low-rank adapters instead of the model", 1, 1 << 17, 0, false}, \
	{0, "lora-alpha", "X", CLI_REAL, &(f)->lora_alpha, "adapters are multiplied by X / RANK (default 2 RANK)", 1e-6, 1e6, 0, false}, \
	{0, "lora-targets", "LIST", CLI_TEXT, &(f)->lora_targets, "of query,key,value,out,gate,up,down (default query,value)", 0, 0, 0, false}, \
	{0, "freeze", "PATTERN", CLI_LIST, &(f)->freeze, "do not train tensors whose names match, as 'embed.*'; may be repeated", 0, 0, 0, false}, \
	{0, "layer-decay", "X", CLI_REAL, &(f)->layer_decay, "factor of the learning rate for each layer below the head (default 1)", 1e-6, 1, 0, false}, \
	{0, "unfreeze", "N", CLI_U64, &(f)->unfreeze, "train the head alone, and every N steps one more block", 1, 1e12, 0, false}
#define PATIENCE_OPTION(f) \
	{0, "patience", "N", CLI_U64, &(f)->patience, "stop after N evaluations without improvement", 1, 1e9, 0, false}
#define FINETUNE_OPTIONS(f) \
	{0, "task", "NAME", CLI_CHOICE, &(f)->task, "chat, completion, classify, multilabel, tag or regress (default by the data)", 0, 0, finetune_tasks, false}, \
	ADAPT_OPTIONS(f), \
	{0, "pool", "HOW", CLI_CHOICE, &(f)->pool, "a new head reads the mean, first or last token (default mean for bert, else last)", 0, 0, train_pools, false}, \
	{0, "class-weights", "LIST", CLI_TEXT, &(f)->class_weights, "of the loss, in the order of the classes, or balanced", 0, 0, 0, false}, \
	{0, "label-smoothing", "X", CLI_REAL, &(f)->smoothing, "share of a label that is spread over all classes (default 0)", 0, 0.999, 0, false}, \
	{0, "metric", "NAME", CLI_CHOICE, &(f)->metric, "choose the best model by loss, accuracy, macro_f1 ... (default loss)", 0, 0, finetune_metrics, false}, \
	PATIENCE_OPTION(f), \
	{0, "truncate", NULL, CLI_FLAG, &(f)->truncate, "cut the ends of records that are too long", 0, 0, 0, false}

extern const char *const train_pools[];

struct train_run;

/* Decides the task and with it the head and the adapters of r->cfg, the names of the classes, and r->steps. */
void finetune_choose(struct train_run *r, const char *data);
/* Labels for rows of the task, whose stream has been opened as s. */
void finetune_label(struct train_run *r, struct row_source *s, struct row_labels *l);
/* Gives the configuration the adapters that are asked for, if any. */
void finetune_adapters(struct train_run *r);
/* What is trained and how fast, of r->trainer.how. */
void finetune_how(struct train_run *r);
/* After the trainer has been opened: objective, frozen tensors, rates. */
void finetune_open(struct train_run *r, const char *data);
/* Says what is new, and how much is trained. */
void finetune_announce(const struct train_run *r);
/* Measures the rows of s: all that is asked for by name. */
void finetune_evaluate(struct train_run *r, struct row_source *s, double out[MEASURES]);
void finetune_close(struct finetune *f);

#endif
