/* tokenizer.h - timport --as tokenizer: a foreign tokenizer as a vocabulary. */
#ifndef TENON_IMPORT_TOKENIZER_H
#define TENON_IMPORT_TOKENIZER_H

#include <stdbool.h>

#include "common/cli.h"
#include "text/tokenizer.h"

struct import_tokenizer {
	int rule;                 /* enum pretoken, or -1 */
	struct cli_list specials; /* NAME=ID */
	const char *begin, *end;  /* names, "none", or NULL */
	bool cased, quiet;
	const char *output;
	int zstd;
};

/* Reads the one operand of the n, a file or folder, and writes the vocabulary. Exits through cli_fail. */
void import_tokenizer(const struct import_tokenizer *o, char **operands, size_t n);

#endif
