/* importing.h - files on their way in: what timport's readers share. All exit through cli_fail. */
#ifndef TENON_IMPORT_IMPORTING_H
#define TENON_IMPORT_IMPORTING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli.h"
#include "import/sample.h"
#include "text/documents.h"

struct importing {
	struct sample_rules rules;
	struct label_set classes;
	struct sample sample;
	struct ten_value *values;
	const char *file;        /* being read, for messages */
	uint64_t line;
	struct cli_progress progress;
	int fd;                  /* of the file, */
	uint64_t bytes;          /* which these were read before */
	struct cli_out out;
	int spool_fd;            /* where records wait until the classes, or the fields, are known, */
	struct ten_writer *spool;/* or NULL */
	uint64_t records, bad, undecided;
	const char *columns;     /* names, with commas; NULL: the first line has them */
	const struct ten_head *head; /* of the records, all the fields that they may have */
	enum document_split split;   /* of plain text */
	bool csv, skip_bad;
};

/* The sample is as it was read (rc 0): is written; or is not: ends the tool with file and line, or is counted. */
void import_put(struct importing *m, int rc, const struct err *why);

/* The records of an open file. */
void import_json(struct importing *m, int fd);
void import_table(struct importing *m, int fd);
void import_conll(struct importing *m, int fd);
void import_text(struct importing *m, int fd);

#endif
