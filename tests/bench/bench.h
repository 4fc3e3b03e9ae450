/* bench.h - rates of the parts and the tools, each beside what bounds it or another program, measured in turn.
 *
 * A contender is a process. A server is started once and makes a run for each line that it is sent; it answers
 * `RATE PEAK`: units of work a second, and the most memory the process has had, in bytes. A command is run anew each time.
 * Contenders take turns, so that other work on the machine harms all alike, and the best run of each counts. */
#ifndef TENON_BENCH_H
#define TENON_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* ---- measuring ---- */

enum { MAX_CONTENDERS = 12 };

struct contender {
	char name[64];     /* as the table shows it */
	char command[1024]; /* of /bin/sh, in the folder of the data */
	double amount;     /* units of work of a command; 0: a server */
	bool cpu;          /* a command's rate is of seconds of processor time, else of the clock's */
	enum { READY, ABSENT, FAILED } state;
	double rate, peak; /* of all runs: the best, units a second; the most, bytes */
	int pid;
	FILE *to, *from;
};

struct results;

struct bench {
	char root[512], folder[512]; /* the repository, and where data is made */
	const char *self;            /* this program's path */
	bool tiny;                   /* small shapes and one run: to see whether everything works */
	int threads;                 /* all cores */
	double seconds;              /* of runs of a group of contenders, about */
	int runs;                    /* of each, at least */
	struct contender c[MAX_CONTENDERS];
	int n;
	struct results *results;
	bool failed;
};

double bench_now(void); /* seconds */

/* After these signals (HUP, INT, TERM) no run is begun, so that what was made can be removed. */
void bench_signals(void);
bool bench_stopped(void);

/* Forgets the contenders, for the next group. */
void bench_begin(struct bench *b);
/* Adds a contender and returns its number, from 1. `needs`: a command of the shell that succeeds where it is installed; NULL: it is. */
int bench_worker(struct bench *b, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int bench_peer(struct bench *b, const char *name, const char *needs, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int bench_command(struct bench *b, const char *name, const char *needs, bool cpu, double amount, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
/* Runs a command once, to make what the others read; false and a message when it fails. */
bool bench_make(struct bench *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Bytes of a file in the folder of the data, 0 when it is not there. */
double bench_size(struct bench *b, const char *file);
/* Runs all contenders in turn. */
void bench_measure(struct bench *b);

/* ---- the table ---- */

enum aim { NO_AIM, RATIO_AT_LEAST, RATIO_BELOW, OURS_AT_LEAST };

struct line {
	const char *what;
	int ours, beside, or;     /* contenders; of two the better one counts, 0: none */
	double scale, scale_beside; /* units of the line in one of the contender's, 0: 1 */
	const char *unit;
	bool memory;              /* the peak, not the rate */
	enum aim aim;
	double value;             /* of the aim */
	double size;              /* with which cost grows; 0: not such a line */
};

/* Prints the line and keeps it. Nothing is said of ours where it is not installed. */
void bench_line(struct bench *b, const struct line *l);

struct results *results_open(bool markdown);
/* Writes what was kept as records of the kind `benchmark` (formats/FORMAT.md, section 11) and frees it. 0 or -1. */
int results_close(struct results *r, const char *path);

void machine_print(FILE *f, int threads); /* a line of Markdown: processor, cores, memory, libraries, compiler, date */

/* ---- cases and workers, each in the file of its subject ---- */

typedef void bench_case(struct bench *b);
bench_case bench_train_64, bench_train_256, bench_train_1024, bench_train_small, bench_train_char, bench_attention,
    bench_projection, bench_adamw, bench_kernels, bench_generate_gpt2, bench_generate_small, bench_records,
    bench_tokenizer, bench_gpt2_tokenizer, bench_shuffle, bench_dedup, bench_json, bench_data, bench_classify,
    bench_grow_context, bench_grow_width, bench_grow_vocab, bench_grow_threads, bench_grow_file;

/* A worker reads its operands once and returns a function that makes a run and returns its rate; NULL: bad operands. */
typedef double worker_run(void);
typedef worker_run *worker_open(char **operands, int n);
worker_open worker_sgemm, worker_read, worker_copy, worker_train, worker_attention, worker_projection, worker_adamw,
    worker_kernel, worker_generate, worker_records;

struct err;
void worker_fail(const struct err *e) __attribute__((noreturn));
/* Operand i as a number, 0 where it is none. */
size_t worker_number(char **operands, int n, int i);
/* n numbers between -scale and scale, in memory that stays. */
float *worker_numbers(size_t n, float scale);

#endif
