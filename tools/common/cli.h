/* cli.h - what every tool does alike: options, errors, exit statuses, outputs.
 *
 * A tool has one table of options; the parser, --help and the manual page's list come from it
 * or are tested against it. Functions here may print and exit: only tools use them. */
#ifndef TENON_TOOLS_CLI_H
#define TENON_TOOLS_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#include "base/err.h"
#include "base/outfile.h"
#include "ten.h"

#define TENON_VERSION "0.1.0"

enum cli_type {
	CLI_FLAG,   /* dst: bool, set to true */
	CLI_TEXT,   /* dst: const char * */
	CLI_U64,    /* dst: uint64_t; k, M, G suffixes (powers of 1000; Ki, Mi, Gi of 1024) */
	CLI_REAL,   /* dst: double, finite */
	CLI_CHOICE, /* dst: int, index into `choices` (NULL-terminated) */
	CLI_LIST,   /* dst: struct cli_list, the option may be repeated */
	CLI_LEVEL   /* dst: int; short option with an optional number, -z or -z3; default 3 */
};

struct cli_list {
	const char **items;
	size_t n;
};

struct cli_opt {
	int brief;            /* short letter or 0 */
	const char *name;     /* long name, never NULL */
	const char *metavar;  /* for --help; NULL for flags */
	enum cli_type type;
	void *dst;            /* holds the default before cli_parse */
	const char *help;     /* one line; names the choices; may end in the default */
	double min, max;      /* CLI_U64 and CLI_REAL: range, both 0 = any */
	const char *const *choices;
	bool silent;          /* does not decide the result: kept out of provenance */
};

/* Provenance gets "--name=value" for each option given that is not silent, in the table's order,
 * no operands (the streams' own provenance and the noted inputs say more); of options whose metavar
 * is FILE, MODEL, VOCAB, FOLDER or PREFIX the last part of the path only. */

/* Rows that are spelled the same in every tool. */
#define CLI_OUTPUT(dst) \
	{'o', "output", "FILE", CLI_TEXT, dst, "write to FILE (default standard output)", 0, 0, 0, true}
#define CLI_THREADS(dst, what) \
	{'j', "threads", "N", CLI_U64, dst, "threads (default " what ")", 1, 1024, 0, true}
#define CLI_SEED(dst) \
	{'s', "seed", "N", CLI_U64, dst, "seed of every random choice (default 1)", 0, 0, 0, false}
#define CLI_QUIET(dst) \
	{'q', "quiet", NULL, CLI_FLAG, dst, "no progress and no summary", 0, 0, 0, true}
#define CLI_ZSTD(dst) \
	{'z', "zstd", "LEVEL", CLI_LEVEL, dst, "compress with zstd (default level 3)", 0, 0, 0, true}

struct cli_tool {
	const char *name;
	const char *operands;  /* after the options in the usage line, "[file ...]" */
	const char *summary;   /* one sentence */
	const struct cli_opt *opts;
	size_t nopts;
	const char *examples;  /* two or three lines, each runnable */
};

/* Parses argv. Handles --help and --version (stdout, exit 0); a usage error prints one line
 * and exits 2. Remembers tool and options for messages and provenance, makes sure that
 * descriptors 0 to 2 are occupied, ignores SIGXFSZ, installs handlers of HUP, INT and TERM that
 * remove unfinished outputs and die of the signal. Returns the operands, NULL-terminated, and
 * their number. */
char **cli_parse(const struct cli_tool *tool, int argc, char **argv, size_t *noperands);
/* Whether the option that is stored at dst was on the command line. */
bool cli_given(const void *dst);
/* An option that would do nothing: if that stored at dst was given, a usage error, "--NAME is for WHAT, not for HERE"; here may
 * be NULL. */
void cli_misplaced(const void *dst, const char *what, const char *here);

/* Prints "tool: message", removes unfinished outputs, sends ABORT on unfinished streams, exits
 * with e->code. */
noreturn void cli_fail(const struct err *e);
/* The same with a text of its own. */
noreturn void cli_die(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A message that does not end the tool: "tool: message". */
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* From now on the tool is one of several processes that do one job: before it ends because of an error, `leave` is told the
 * status. Ranks above 0 say who they are, and wait a little before they complain: of what all ranks meet, the first speaks. */
void cli_set_rank(size_t rank, void (*leave)(int status));

/* mem_zalloc, or cli_fail. */
void *cli_zalloc(size_t n, size_t size, const char *what);

/* ---- record streams in and out; each exits through cli_fail on error ---- */

/* Opens an operand as a record stream: NULL or "-" is standard input (refused with the usage
 * line and exit 2 when that is a terminal). ten_reader_free closes the file. */
struct ten_reader *cli_reader(const char *path);
/* Key-value `key` of the stream as a whole number; `absent` when it has none, exit 3 when it is
 * something else. */
uint64_t cli_head_number(const struct ten_reader *r, const char *key, uint64_t absent);
/* The field `name` of the stream, -1 when it has none; exit 3 when its type is another. */
int cli_field(const struct ten_reader *r, const char *name, enum ten_class cls, unsigned bits, unsigned rank);
/* The numbers of `field` (int32, one a token) in the record just read, NULL when field is -1; exit 3 when
 * they are not as many as those of the field `ids`. */
const int32_t *cli_column(const struct ten_reader *r, const struct ten_value *record, int ids, int field);
/* An operand as bytes: returns the descriptor, sets *name for messages. */
int cli_input(const char *path, const char **name);

/* Refuses an input and an output that are the same file only where that would be unsafe:
 * outputs are renamed into place, so reading and replacing one file is fine. */

struct cli_out {
	struct outfile file;
	struct ten_writer *w;
	struct cli_out *next; /* open outputs, for cli_fail */
};

/* Opens `path` (NULL or "-": standard output, refused when a terminal, exit 2) and writes
 * `head`, to which it first adds the provenance of `inputs` (heads of the record streams read,
 * n of them) and of this step: tool, version, deciding options and operands, foreign inputs
 * noted with cli_note_input, seed if `seed` is not NULL. */
void cli_open_out(struct cli_out *o, const char *path, struct ten_head *head,
    const struct ten_head *const *inputs, size_t n, const uint64_t *seed,
    const struct ten_writer_opts *wopts);
/* The two halves of cli_open_out, for a tool that writes several files of one provenance (a
 * model, its checkpoints, its log): adds the provenance of the inputs and of this step to `head`... */
void cli_add_provenance(struct ten_head *head, const struct ten_head *const *inputs, size_t n,
    const uint64_t *seed);
/* ... and opens `path` and writes `head` as it is. */
void cli_open_raw(struct cli_out *o, const char *path, const struct ten_head *head,
    const struct ten_writer_opts *wopts);
void cli_write(struct cli_out *o, const struct ten_value *values);
/* A folder that this run made for its outputs (borrowed) is removed with them if the tool ends by an error or a signal, unless
 * there is something in it; NULL: it stays. */
void cli_made_folder(const char *path);
/* END, flush, fsync, rename; checked. */
void cli_close_out(struct cli_out *o);

/* Hashes a foreign input that is a regular file (XXH3-128 of the whole file from its current
 * offset; the offset is restored) and notes it for provenance; other inputs are noted by name
 * only, since their bytes are not known before the HEAD is written; so is fd -1. */
void cli_note_input(int fd, const char *name);
/* The same of all operands (NULL after the last; none: standard input), before they are read. What is no regular file is not
 * opened: a pipe that is opened and closed has lost what was in it. Refuses what cannot be opened. */
void cli_note_files(char *const *paths);
/* Whether an input can be read only once: standard input, and what is neither a file nor a folder, of which opening says enough. */
bool cli_is_stream(const char *path);
/* Refuses, as a usage error, what can be read only once; `what` is the option that reads it several times. */
void cli_need_file(const char *path, const char *what);

/* For a tool that writes several outputs with different records: the provenance added from now on
 * is that of the part called `name` (borrowed). */
void cli_note_part(const char *name);

/* For a tool whose operands are not files but decide the result: they go into provenance. Borrowed. */
void cli_note_words(char *const *words, size_t n);

/* For outputs that are not record streams (text, CSV): flushes and checks stdout; exits 1. */
void cli_close_stdout(void);

/* ---- progress on stderr ---- */

struct cli_progress {
	bool on, tty;
	double start, last;
	const char *unit; /* "records", "tokens", "steps" */
	uint64_t total;   /* 0 = unknown: no ETA */
	uint64_t first;   /* done before the start, by a run that was killed; set after starting */
};
void cli_progress_start(struct cli_progress *p, bool quiet, const char *unit, uint64_t total);
/* The bytes of all operands (NULL after the last; none: standard input), 0 when one of them is no regular file. */
uint64_t cli_input_bytes(char *const *paths);
/* For a tool that reads its operands `passes` times and writes as it reads: MB of the input, with an ETA where their size is
 * known. Only on a terminal, and only where the output is no pipe: of a pipeline the last tool draws. */
void cli_progress_filter(struct cli_progress *p, bool quiet, const char *output, char *const *paths, uint64_t passes);
/* The same in another unit. */
void cli_progress_through(struct cli_progress *p, bool quiet, const char *output, const char *unit, uint64_t total);
/* Cheap to call often. Redraws the live line on a terminal five times a second with rate and
 * ETA, cut to the width of the terminal; prints a key=value line every 10 s elsewhere. `extra` is appended (may be ""). */
void cli_progress_tick(struct cli_progress *p, uint64_t done, const char *extra);
/* Erases the live line. The tool then prints its own last line with cli_account. */
void cli_progress_end(struct cli_progress *p);
/* The last line of a tool, "tool: records_in=10 records_out=9 dropped_empty=1", unless quiet. */
void cli_account(bool quiet, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
double cli_now(void); /* monotonic seconds */

#endif
