/* hfconfig.h - a config.json of Hugging Face's as our configuration. */
#ifndef TENON_IMPORT_HFCONFIG_H
#define TENON_IMPORT_HFCONFIG_H

#include "base/err.h"
#include "model/config.h"

/* n bytes of JSON -> a configuration that config_check takes. What the file says and our models do not have
 * (another activation, sliding windows, quantised weights ...) is refused by name. ERR_DATA. */
int hf_config_parse(struct config *c, const void *json, size_t n, struct err *e);

struct hf_lora {
	size_t rank;
	double alpha;
	size_t joined; /* ranks that c_attn, gpt2's layer of query, key and value, has: 1 to 3 */
};

/* The same of PEFT's adapter_config.json. */
int hf_lora_parse(struct hf_lora *l, const void *json, size_t n, struct err *e);

#endif
