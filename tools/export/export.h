/* export.h - models on their way out: what texport's formats share. All exit through cli_fail. */
#ifndef TENON_EXPORT_EXPORT_H
#define TENON_EXPORT_EXPORT_H

#include <stdbool.h>

#include "gguf.h"
#include "text/vocab.h"

enum export_type { EXPORT_F32, EXPORT_F16, EXPORT_BF16, EXPORT_Q8_0 };

struct export_job {
	const char *input;  /* NULL or "-": standard input */
	const char *output; /* NULL: not given */
	int type;           /* enum export_type */
	bool quiet;
};

void export_gguf(const struct export_job *j);

/* The metadata that GGUF has of a tokenizer; `rows`: of the token embedding. ERR_DATA when readers of GGUF could not make
 * the same tokens. */
int gguf_put_vocab(struct gguf_writer *w, const struct vocab *v, size_t rows, struct err *e);

#endif
