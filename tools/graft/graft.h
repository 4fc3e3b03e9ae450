/* graft.h - what tgraft is made of. All functions exit through cli_fail on error. */
#ifndef TENON_GRAFT_GRAFT_H
#define TENON_GRAFT_GRAFT_H

#include "common/cli.h"
#include "common/labels.h"
#include "common/modelio.h"
#include "common/vocabio.h"

enum graft_head { HEAD_CLASSIFY, HEAD_MULTILABEL, HEAD_TAG, HEAD_REGRESS, HEAD_VALUE, HEAD_LANGUAGE };
enum graft_drop { DROP_TASK, DROP_VALUE, DROP_LANGUAGE, DROP_PROJECTION, DROPS };
enum graft_cast { CAST_F32, CAST_F16, CAST_BF16 };

extern const char *const graft_head_names[], *const graft_drops[], *const graft_casts[];

struct grafting {
	struct graft_options {
		const char *output, *labels, *drop_layers, *lora_targets, *template, *vocabulary;
		uint64_t outputs, append_layers, lora, seed, threads;
		double lora_alpha;
		int head, pool, cast;  /* -1: none, by the family, enum graft_cast */
		struct cli_list drop_heads, freeze, special;
		bool average, drop_norm, merge_lora, drop_lora, thaw, quiet;
	} o;
	struct model_file in;
	real *w;                 /* of in.table, after averaging and merging */
	struct vocab_file vocab; /* of the result, zeroed when it has none */
	int32_t *rows;           /* token of the input that each of the result's was, -1: it is new; NULL: the same */
	size_t *layers;          /* block of the input, SIZE_MAX: new */
	bool dropped[DROPS];
	struct config cfg;
	struct params table;
	real *out;
	struct label_set set;
	char *frozen;
	size_t fresh, kept, gone; /* tensors */
	size_t tokens;            /* new in the vocabulary */
	const struct ten_head **inputs;
	size_t ninputs;
};

/* The steps, in their order. */
void graft_average(struct grafting *g, char **files, size_t n);
void graft_layers(struct grafting *g);
void graft_vocabulary(struct grafting *g);
void graft_heads(struct grafting *g);
void graft_adapters(struct grafting *g);
void graft_weights(struct grafting *g);
void graft_write(struct grafting *g);

#endif
