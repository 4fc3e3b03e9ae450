/* model.h - models and adapters of Hugging Face folders. All exit through cli_fail. */
#ifndef TENON_IMPORT_MODEL_H
#define TENON_IMPORT_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "safetensors.h"
#include "ten.h"

struct model_import {
	const char *folder, *output;
	const char *vocabulary; /* file of the model's vocabulary, or NULL */
	const char *base;       /* of adapters: the model that they adapt */
	bool quiet;
};

/* Notes a file for provenance. */
void import_note(const char *path);
/* All of FOLDER/NAME, at most 1 MiB, *n bytes, and in *path what it is called; both owned. Noted for provenance. */
char *import_bytes(const char *folder, const char *name, char **path, size_t *n);
/* The type of a tensor of F32, F16 or BF16. */
void import_type(struct ten_field *f, const struct st_tensor *t);
/* config.json and safetensors -> a model. */
void import_model(const struct model_import *m);
/* adapter_config.json and adapter_model.safetensors of PEFT, and the base -> a model with adapters. */
void import_peft(const struct model_import *m);

#endif
