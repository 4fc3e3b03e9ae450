/* arrays.h - arrays of numbers on their way in. All exit through cli_fail. */
#ifndef TENON_IMPORT_ARRAYS_H
#define TENON_IMPORT_ARRAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arrays {
	char **files;       /* one NULL: standard input */
	size_t n;
	const char *name;   /* npy: of the field */
	const char *model;  /* llmc: file with the vocabulary, or NULL */
	const char *output;
	int zstd;
	bool quiet;
};

/* A record a row, of all files, which are alike but for the number of rows. */
void import_npy(const struct arrays *a);
/* A record a document, of the tokens of all files one behind the other. */
void import_llmc(const struct arrays *a);

#endif
