/* ppo.h - what tppo is made of: prompts, answers to them with scores, the update, and the loop around these. All
 * functions exit through cli_fail on error unless they return one. */
#ifndef TENON_PPO_PPO_H
#define TENON_PPO_PPO_H

#include "common/trainloop.h"
#include "common/vocabio.h"
#include "model/generate.h"
#include "ppo/program.h"
#include "text/template.h"
#include "train/ppo.h"

/* ---- prompts ---- */

/* Prompts in memory: of each the tokens, and the part of its line for the reward program that comes before the
 * answer. */
struct question_set {
	struct question { size_t ids, n, json, size; } *items;
	size_t n, cap;
	int32_t *ids;
	size_t nids, cap_ids;
	struct ten_membuf json;
	size_t longest;      /* tokens */
	uint64_t dropped;    /* too long, or empty */
	int32_t end;         /* the token that ends an answer, -1: none */
	struct ten_head head; /* of the stream: provenance */
};

/* Reads a stream of chats, which go through the model's template, or of tokens. A final turn of the assistant is left
 * out; chats of more than `limit` tokens are dropped, documents are cut to it. */
void questions_read(struct question_set *q, const char *path, const struct model_file *model, const struct vocab_file *vocab,
    size_t limit);
void questions_free(struct question_set *q); /* a zeroed struct is fine */

/* ---- the run ---- */

struct answer {
	int32_t *ids;       /* n: prompt and answer */
	size_t prompt, n;
	bool ended;
	size_t text, size;  /* in the text of all answers, without special tokens */
};

struct ppo_run {
	struct train_run train; /* options and state that all trainers have; the steps are updates */
	struct finetune fine;   /* adapters */
	struct ppo_opts opts;
	/* further options */
	const char *reward, *reference, *rollouts;
	uint64_t samples, prompt_length, minibatch, epochs;
	uint64_t max_new;       /* 0 until the model is known: by its context */
	int algo, estimator;
	double timeout, kl, kl_target, kl_horizon, missing_end, clip_reward;
	bool normalise, no_whiten;

	/* state */
	uint64_t updates;       /* done */
	struct running scores;  /* for --normalise-reward */
	double saved[5];        /* of the checkpoint: both of these and the KL coefficient */
	struct vocab_file vocab;
	struct question_set questions, eval;
	size_t *order;          /* of the questions in epoch `epoch` */
	uint64_t epoch;         /* UINT64_MAX: none yet */
	size_t *which;          /* (answers at a time) questions of a step */
	struct ppo_trainer ppo;
	struct model_file reference_file;
	struct frozen_policy frozen;
	struct reward_program program;

	/* answers */
	size_t room;            /* answers at a time */
	struct config gen_cfg;  /* without adapters ... */
	struct params gen_table;
	real *merged;           /* ... and the weights; NULL: the trainer's */
	struct generator generator;
	struct gen_prompt *starts;
	struct answer *answers;
	int32_t *ids;           /* (room, longest sequence) */
	size_t longest;
	struct ten_membuf text, lines;
	double *raw;            /* (room) scores as the program gave them */
	size_t n;               /* answers there are */
};

/* Answers n questions `samples` times each, neighbours, with the present weights; answer i draws from stream first + i.
 * Sets answers, texts, and the rows of r->ppo. */
void answers_open(struct ppo_run *r);
void answers_make(struct ppo_run *r, const struct question_set *q, const size_t *which, size_t n, size_t samples, uint64_t first);
/* Their scores, into raw. 0 or -1. */
int answers_score(struct ppo_run *r, const struct question_set *q, const size_t *which, size_t samples, struct err *e);
void answers_close(struct ppo_run *r);

/* FOLDER/rollouts-NNNNNNNN.ten: the answers of one update as the update saw them; at the end they become one file. */
void rollouts_save(const struct ppo_run *r);
/* That those of the updates before a resumed run are there; else the end. */
void rollouts_check(const struct ppo_run *r);
void rollouts_join(const struct ppo_run *r);
void rollouts_remove(const struct ppo_run *r);

/* Checks the options, opens everything, resumes where a killed run of the same command left its checkpoints. */
void ppo_open_run(struct ppo_run *r, const char *data);
/* The state after the last update. */
void ppo_save(struct ppo_run *r);
/* What goes wrong outside of the training, or a signal there, does not lose the training: saves and ends with e.
 * Where no step is done nothing is left, unless it was a signal. */
noreturn void ppo_fail_saved(struct ppo_run *r, struct err *e);
void ppo_close_run(struct ppo_run *r);

/* All of it; data: the prompts, NULL or "-" for standard input. */
void ppo_run(struct ppo_run *r, const char *data);

#endif
