/* scorer.h - sequences to scores: a reward model's, or the log-probability of an answer. */
#ifndef TENON_TOOLS_SCORER_H
#define TENON_TOOLS_SCORER_H

#include "common/modelio.h"
#include "common/vocabio.h"
#include "model/lm_head.h"
#include "model/value_head.h"
#include "text/candidates.h"
#include "train/rows.h"

struct scorer {
	struct model_file model;
	struct trunk trunk;
	struct lm_head language;   /* for log-probabilities */
	bool likelihood;
	real *logp, *z;            /* of the rows that wait: (tokens), (rows) */
	size_t max_tokens;
	struct rows rows;          /* that wait */
	size_t *scored, cap_scored; /* their scored tokens, within the rows */
	double *scores;            /* n of all sequences added */
	size_t n, done, cap_scores;
	/* of a scorer of texts */
	struct vocab_file vocab;
	struct chat_template template;
	struct encoder *encoder;
	struct candidates candidates;
};

/* The reward model at `path`, adapters merged; `likelihood`: any language model. Exits through cli_fail. */
void scorer_open(struct scorer *s, const char *path, bool likelihood);
/* For scorer_add_answers: needs a vocabulary with a chat template. Exits through cli_fail. */
void scorer_open_text(struct scorer *s);
void scorer_close(struct scorer *s);

/* Adds a sequence of n >= 1 tokens. The score, read at token `scored`, or the sum of the log-probabilities of the targets, depends
 * on the sequence alone, whatever else is added. ERR_DATA when ids, targets or lengths do not fit the model. */
int scorer_add(struct scorer *s, const int32_t *ids, const int32_t *targets, size_t n, size_t scored, struct err *e);
/* Adds the answers as the model's template renders them. */
int scorer_add_answers(struct scorer *s, const struct answers *a, enum overlong overlong, struct err *e);

/* The scores of all that was added since the last scorer_reset: s->scores, s->n of them. */
void scorer_finish(struct scorer *s);
void scorer_reset(struct scorer *s);

#endif
