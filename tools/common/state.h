/* state.h - what the parts of tools/common share. Tools include cli.h only. */
#ifndef TENON_TOOLS_STATE_H
#define TENON_TOOLS_STATE_H

#include "common/cli.h"

struct cli_state {
	const struct cli_tool *tool; /* NULL before cli_parse */
	bool *given;                 /* for each option: it was on the command line */
	char *const *words;          /* operands that decide the result */
	size_t nwords;
	const char *part;            /* which of several outputs provenance is for, or NULL */
	struct ten_input *noted;     /* foreign inputs for provenance */
	size_t nnoted, noted_cap;
	struct cli_out *outs;        /* open outputs */
	const char *volatile folder; /* that this run made for its outputs, or NULL */
	struct cli_progress *live;   /* whose line is on the terminal now */
	size_t rank;                 /* of a process that is one of several */
	void (*leave)(int status);   /* what it does before it ends because of an error, or NULL */
};

extern struct cli_state cli_state;

const char *cli_name(void); /* of the tool */

bool cli_is_standard(const char *path); /* input or output: NULL or "-" */

/* Prints the usage error and exits 2. */
noreturn void cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Starts the tool anew with threads that wait patiently; returns when they do, or cannot. */
void cli_patient_threads(char **argv);

/* Descriptors 0 to 2, SIGPIPE, SIGXFSZ and the handlers. */
void cli_process_setup(void);

/* Strict numbers: 0, or -1 with *why set ("is not a number"). */
int cli_parse_u64(const char *s, uint64_t *out, const char **why);
int cli_parse_real(const char *s, double *out, const char **why);

/* The arguments that decide the result, canonical: "--name=value" in the table's order for each
 * option given, then the part. Owned strings in an owned, NULL-terminated array. */
char **cli_canonical(size_t *n, struct err *e);

#endif
