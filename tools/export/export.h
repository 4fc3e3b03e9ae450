/* export.h - records and models in the formats of others. All exit through cli_fail or cli_die. */
#ifndef TENON_EXPORT_EXPORT_H
#define TENON_EXPORT_EXPORT_H

#include <stdbool.h>

enum export_type { EXPORT_F32, EXPORT_F16, EXPORT_BF16 };

struct export_job {
	const char *input;  /* NULL or "-": standard input */
	const char *output;
	int type;           /* of numbers: enum export_type, -1: as they are stored */
	bool quiet;
};

/* A folder that Hugging Face's transformers load: config.json, model.safetensors, generation_config.json, and of the
 * vocabulary tokenizer.json and tokenizer_config.json. */
void export_hf(const struct export_job *j);
/* The adapters alone, as PEFT keeps them. */
void export_peft(const struct export_job *j);

#endif
