/* peftname.h - what PEFT calls an adapter, and the layer that it adapts. */
#ifndef TENON_TOOLS_PEFTNAME_H
#define TENON_TOOLS_PEFTNAME_H

#include <stddef.h>

#include "model/params.h"

/* The tensor of the layer that target t of block `layer` adapts; NULL when the family has none. */
const struct param *peft_adapted(const struct params *p, enum lora_target t, size_t layer);
/* "base_model.model.MODULE.lora_A.weight" of that layer; which: 'A' or 'B'. A layer that PEFT sees as one with its
 * neighbours (gpt2's query, key and value) has their name. */
void peft_name(char *buf, size_t n, const struct config *c, const struct param *adapted, char which);
/* MODULE within its block, "attn.c_attn". */
void peft_module(char *buf, size_t n, const struct param *adapted);

#endif
