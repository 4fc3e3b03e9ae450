/* folder.h - what goes into a folder of Hugging Face's. All exit through cli_fail or cli_die. */
#ifndef TENON_EXPORT_FOLDER_H
#define TENON_EXPORT_FOLDER_H

#include <stdio.h>

#include "base/outfolder.h"
#include "common/modelio.h"
#include "common/vocabio.h"
#include "export/export.h"
#include "safetensors.h"

/* A file of text in the folder, being written through f. Must not be moved in memory. */
struct text_file {
	FILE *f;
	struct outfile out;
};
void text_open(struct text_file *t, struct outfolder *to, const char *name);
void text_save(struct text_file *t);

/* The shortest decimal number that reads back as x, as JSON has numbers that are not whole. */
void put_real(FILE *f, double x);
/* A JSON string of n bytes that are UTF-8. */
void put_string(FILE *f, const char *s, size_t n);

/* The type that is asked for, or that all tensors are stored in, else f32. */
enum export_type stored_type(const struct model_file *m, int type);
enum st_dtype type_dtype(enum export_type t);
/* n numbers as bytes of the type, to `to`; `name` is for messages. */
void to_type(enum export_type t, const float *x, size_t n, void *to, const char *name);

/* config.json and generation_config.json; v is NULL for a model without vocabulary. */
void put_config(struct outfolder *to, const struct config *c, const struct vocab *v, enum export_type t);
/* model.safetensors; returns the number of tensors. m is loaded. */
size_t put_weights(struct outfolder *to, const struct model_file *m, enum export_type t);
/* tokenizer.json and tokenizer_config.json. */
void put_tokenizer(struct outfolder *to, const struct vocab *v, const struct config *c);

#endif
