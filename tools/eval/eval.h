/* eval.h - the evaluations of teval: of a language model, and of embeddings. */
#ifndef TENON_EVAL_EVAL_H
#define TENON_EVAL_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct eval_opts {
	const char *model, *per_record;            /* of a language model */
	bool probe, geometry;                      /* of embeddings */
	uint64_t knn, search;                      /* neighbours, 0 = not asked for */
	const char *train;                         /* embeddings to learn from or to search in */
	double l2;                                 /* of the probe, negative: chosen */
	bool reward;                               /* the model is a reward model */
	bool task, predicted;                      /* of a task head, of predictions that were made before */
	const char *predictions, *calibration, *slice;
	uint64_t bootstrap, seed;
	bool truncate;
	const char *output;
	bool json, quiet;
};

/* Operands: streams, n of them; none is standard input. Exit through cli_fail. */
void eval_lm(const struct eval_opts *o, char **files, size_t n);
void eval_reward(const struct eval_opts *o, const char *file);
void eval_task(const struct eval_opts *o, const char *file);
void eval_predicted(const struct eval_opts *o, const char *file);
void eval_probe(const struct eval_opts *o, const char *file);
void eval_knn(const struct eval_opts *o, const char *file);
void eval_search(const struct eval_opts *o, const char *file);
void eval_geometry(const struct eval_opts *o, const char *file);

#endif
