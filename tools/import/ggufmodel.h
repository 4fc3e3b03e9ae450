/* ggufmodel.h - models of GGUF files. All exit through cli_fail. */
#ifndef TENON_IMPORT_GGUFMODEL_H
#define TENON_IMPORT_GGUFMODEL_H

#include <stdbool.h>

#include "gguf.h"
#include "text/vocab.h"

/* A file of llama.cpp's architectures gpt2, llama, qwen2 or qwen3 -> a model. */
void import_gguf(const char *path, const char *output, bool quiet);

/* The vocabulary that the metadata has, with a template if it is one of those that are built in (else it is said). ERR_DATA
 * when it is of a kind that is not here. v is to be freed either way. */
int gguf_get_vocab(const struct gguf *g, struct vocab *v, struct err *e);

#endif
