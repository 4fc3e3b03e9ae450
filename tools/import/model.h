/* model.h - models and adapters of Hugging Face folders. All exit through cli_fail. */
#ifndef TENON_IMPORT_MODEL_H
#define TENON_IMPORT_MODEL_H

#include <stdbool.h>

struct model_import {
	const char *folder, *output;
	const char *vocabulary; /* file of the model's vocabulary, or NULL */
	const char *base;       /* of adapters: the model that they adapt */
	bool quiet;
};

/* Notes a file for provenance. */
void import_note(const char *path);
/* config.json and safetensors -> a model. */
void import_model(const struct model_import *m);
/* adapter_config.json and adapter_model.safetensors of PEFT, and the base -> a model with adapters. */
void import_peft(const struct model_import *m);

#endif
