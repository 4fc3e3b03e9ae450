/* modelio.h - models as record streams: kind `model`, one record, a field for each tensor.
 *
 * Key-values `config.NAME` hold the configuration (model/config.h), `tokenizer` the id of the
 * tokenizer; field `tokenizer` (UINT8, ragged) holds its vocabulary stream whole, empty when the
 * model has none. A checkpoint is a model with more fields, which loading a model ignores. */
#ifndef TENON_TOOLS_MODELIO_H
#define TENON_TOOLS_MODELIO_H

#include "base/err.h"
#include "base/mem.h"
#include "model/config.h"
#include "model/params.h"
#include "ten.h"

struct model_file {
	char *path;           /* for messages */
	struct config cfg;
	struct params table;
	struct ten_head head; /* of the stream: key-values, provenance */
	const void *tokenizer; /* bytes of the vocabulary stream, in the file or `kept` */
	void *kept;
	size_t tokenizer_size;
	char tokenizer_id[33]; /* hex, "" when the model has none */
	real *w;              /* after model_load: table.size elements, owned */
	struct ten_map *map;  /* the file, or ... */
	struct ten_reader *reader; /* ... the pipe, whose one record is in memory */
	struct ten_value *values;
};

/* Opens a model, NULL or "-": standard input; reads and checks the configuration and that the
 * tensors are there with the right shapes (missing and unexpected ones are named). */
int model_open(struct model_file *m, const char *path, struct err *e);
/* Copies the tensors of p, or those fields that have `prefix` before a tensor's name ("adam.m."), to w (p->size
 * elements; gaps are not written). `wanted` (p->n): which, NULL: all. One that is missing or has another
 * shape: ERR_DATA; numbers that are not finite: ERR_NONFINITE. */
int model_read(const struct model_file *m, const char *prefix, const struct params *p, const bool *wanted, real *w,
    struct err *e);
/* Field `name` of the record; NULL when there is none. */
const struct ten_value *model_field(const struct model_file *m, const char *name);
/* All tensors of an open model into m->w, adapters merged: m->cfg and m->table are then those of a model that has none. */
int model_weights(struct model_file *m, struct err *e);
/* model_open, then model_weights. For everything but training. */
int model_load(struct model_file *m, const char *path, struct err *e);
/* Lets go of the file, so that its pages do not count as memory: keeps the configuration, the
 * head and the tokenizer; fields can no longer be read. */
int model_detach(struct model_file *m, struct err *e);
void model_close(struct model_file *m); /* a zeroed struct is fine */

/* Exit status 3 naming both ids when `head` (of data called `name`) has a tokenizer that is not
 * the model's. */
int model_check_tokenizer(const struct model_file *m, const struct ten_head *head, const char *name,
    struct err *e);
/* The same of the chat template, where both have one. */
int model_check_template(const struct model_file *m, const struct ten_head *head, const char *name, struct err *e);

/* Kind, fields and key-values of a model. Fields may be appended. */
int model_head(struct ten_head *h, const struct config *c, const struct params *p,
    const char *tokenizer_id, struct err *e);
/* Copies what belongs to a model besides: the key-values `classes`, `template` and `frozen`. */
int model_keep(struct ten_head *h, const struct ten_head *from, struct err *e);
/* The values of those fields in order; returns how many were set. */
size_t model_values(struct ten_value *values, const struct params *p, const real *w, const void *tokenizer,
    size_t tokenizer_size);

/* A field for each tensor (that is wanted; NULL: all), named `prefix` and its name; and their values, of which it
 * returns how many. */
int model_add_tensors(struct ten_head *h, const struct params *p, const char *prefix, const bool *wanted, struct err *e);
size_t model_put_tensors(struct ten_value *values, const struct params *p, const bool *wanted, const real *w);

#endif
