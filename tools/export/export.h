/* export.h - what texport makes of a stream of records or of a model, a file a format. All exit through cli_fail or
 * cli_die. */
#ifndef TENON_EXPORT_EXPORT_H
#define TENON_EXPORT_EXPORT_H

#include <stdbool.h>

#include "gguf.h"
#include "text/vocab.h"

enum export_type { EXPORT_F32, EXPORT_F16, EXPORT_BF16, EXPORT_Q8_0 };

struct export_job {
	const char *input;  /* NULL or "-": standard input */
	const char *output; /* NULL or "-": standard output */
	const char *field;  /* npy: which, NULL: the only one of numbers */
	bool escape;        /* text: bytes that are not UTF-8 pass */
	int type;           /* of a model's numbers: enum export_type, -1: what is usual for the format */
	bool quiet;
};

void export_jsonl(const struct export_job *j);
void export_csv(const struct export_job *j);
void export_tsv(const struct export_job *j);
void export_npy(const struct export_job *j);
void export_llmc(const struct export_job *j);

/* A folder that Hugging Face's transformers load: config.json, model.safetensors, generation_config.json, and of the
 * vocabulary tokenizer.json and tokenizer_config.json. */
void export_hf(const struct export_job *j);
/* The adapters alone, as PEFT keeps them: a folder. */
void export_peft(const struct export_job *j);

void export_gguf(const struct export_job *j);
/* The metadata that GGUF has of a tokenizer; `rows`: of the token embedding. ERR_DATA when readers of GGUF could not make
 * the same tokens. */
int gguf_put_vocab(struct gguf_writer *w, const struct vocab *v, size_t rows, struct err *e);

#endif
