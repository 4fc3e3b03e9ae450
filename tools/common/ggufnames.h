/* ggufnames.h - which tensor of GGUF each tensor of a model is, as llama.cpp's architectures gpt2 and llama have them. */
#ifndef TENON_TOOLS_GGUFNAMES_H
#define TENON_TOOLS_GGUFNAMES_H

#include <stdbool.h>

#include "gguf.h"
#include "model/params.h"
#include "text/pretoken.h"

/* The name of the tensor that `it` becomes; tensors that follow each other in the table and have the same name are one, the
 * rows of each below those of the one before. False when the family (or GGUF) has none. */
bool gguf_name(const struct config *c, const struct param *it, char name[GGUF_MAX_NAME + 1]);
/* How many tensors of the table from the i-th on are one. */
size_t gguf_joined(const struct config *c, const struct params *p, size_t i);
/* Which row of the model's tensor is row r of the part that it is: rotary positions turn the halves of a head against each
 * other here, neighbours there. */
size_t gguf_row(const struct config *c, const struct param *it, size_t r);

/* llama.cpp's name of the pre-tokeniser with the same expression, or NULL; and the rule of a name, or -1. */
const char *gguf_pre(enum pretoken rule);
int gguf_rule(const void *name, size_t n);

#endif
