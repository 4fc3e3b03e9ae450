/* export.h - what texport makes of a model or a stream of records, a file a format. All exit through cli_fail. */
#ifndef TENON_EXPORT_EXPORT_H
#define TENON_EXPORT_EXPORT_H

#include <stdbool.h>

struct export_job {
	const char *input;  /* NULL or "-": standard input */
	const char *output; /* NULL or "-": standard output */
	const char *field;  /* npy: which, NULL: the only one of numbers */
	bool escape;        /* text: bytes that are not UTF-8 pass */
	bool quiet;
};

void export_jsonl(const struct export_job *j);
void export_csv(const struct export_job *j);
void export_tsv(const struct export_job *j);
void export_npy(const struct export_job *j);
void export_llmc(const struct export_job *j);

#endif
