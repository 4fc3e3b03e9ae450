/* bench [option ...] [name ...] - the benchmark: one table, each line a ratio measured in this run.
 *
 * Names choose cases by how they begin, or by a line of theirs (`bench train`); without names all but those of --grow, which show how cost grows.
 *   --grow            the cases that show how cost grows, instead
 *   --tiny            small shapes, one run each: whether everything works, not how fast it is
 *   --seconds N       of runs, for each group of contenders (default 4)
 *   --runs N          of each contender, at least (default 2)
 *   --markdown        the table in Markdown, below a line that describes the machine
 *   --records FILE    the lines as records, too
 *   --list            the names
 *   --worker NAME ... makes runs on request: what the cases start (bench.h)
 * Run it from the root of the repository. Exits 1 when a contender failed. */
#include <errno.h>
#include <getopt.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "bench/bench.h"

static const struct {
	const char *name;
	bench_case *run;
	bool grow;
} cases[] = {
    {"train/124m-4x64", bench_train_64, false},
    {"train/124m-4x256", bench_train_256, false},
    {"train/124m-4x1024", bench_train_1024, false},
    {"train/6x384", bench_train_small, false},
    {"train/4x128", bench_train_char, false},
    {"parts/attention", bench_attention, false},
    {"parts/projection", bench_projection, false},
    {"parts/adamw", bench_adamw, false},
    {"kernels", bench_kernels, false},
    {"generate/124m", bench_generate_gpt2, false},
    {"generate/6x384", bench_generate_small, false},
    {"tokenizer/learn-encode", bench_tokenizer, false},
    {"tokenizer/gpt2", bench_gpt2_tokenizer, false},
    {"records", bench_records, false},
    {"shuffle", bench_shuffle, false},
    {"dedup", bench_dedup, false},
    {"json", bench_json, false},
    {"data", bench_data, false},
    {"classify", bench_classify, false},
    {"grow/context", bench_grow_context, true},
    {"grow/width", bench_grow_width, true},
    {"grow/vocabulary", bench_grow_vocab, true},
    {"grow/threads", bench_grow_threads, true},
    {"grow/file", bench_grow_file, true},
};
enum { CASES = sizeof cases / sizeof *cases };

static const struct {
	const char *name;
	worker_open *open;
} workers[] = {{"sgemm", worker_sgemm}, {"read", worker_read}, {"copy", worker_copy}, {"train", worker_train},
    {"attention", worker_attention}, {"projection", worker_projection}, {"adamw", worker_adamw}, {"kernel", worker_kernel},
    {"generate", worker_generate}, {"records", worker_records}};

void
worker_fail(const struct err *e)
{
	fprintf(stderr, "bench: %s\n", e->msg);
	exit(1);
}

size_t
worker_number(char **operands, int n, int i)
{
	return i < n ? strtoul(operands[i], NULL, 10) : 0;
}

float *
worker_numbers(size_t n, float scale)
{
	struct err e;
	struct arena a = {.huge = true};
	float *p = arena_carve(&a, n, sizeof *p);
	if (arena_commit(&a, "numbers", &e))
		worker_fail(&e);
	p = arena_carve(&a, n, sizeof *p);
	for (size_t i = 0; i < n; i++)
		p[i] = scale * ((float)(i * 2654435761u % 4096) / 2048 - 1);
	return p;
}

/* A run too short for the clock is repeated; the best counts. */
static int
worker_main(char **argv, int n)
{
	worker_run *run = NULL;
	for (size_t i = 0; n > 0 && i < sizeof workers / sizeof *workers; i++)
		if (strcmp(argv[0], workers[i].name) == 0)
			run = workers[i].open(argv + 1, n - 1);
	if (!run) {
		fprintf(stderr, "bench: no such worker, or not with these operands\n");
		return 2;
	}
	for (int c; (c = getchar()) != EOF;) {
		if (c != '\n')
			continue;
		double start = bench_now(), best = 0;
		do {
			double rate = run();
			best = rate > best ? rate : best;
		} while (bench_now() - start < 0.02);
		struct rusage u;
		getrusage(RUSAGE_SELF, &u);
		printf("%.17g %.17g\n", best, 1024 * (double)u.ru_maxrss);
		fflush(stdout);
	}
	return 0;
}

static bool
chosen(size_t i, char **names, int n, bool grow)
{
	for (int k = 0; k < n; k++)
		if (strncmp(cases[i].name, names[k], strnlen(names[k], strlen(cases[i].name))) == 0)
			return true;
	return n == 0 && cases[i].grow == grow;
}

static int
usage(void)
{
	fprintf(stderr, "bench: usage: bench [--grow] [--tiny] [--seconds N] [--runs N] [--markdown] [--records FILE] [--list] "
	                "[name ...]\n");
	return 2;
}

static void
make_folder(struct bench *b)
{
	const char *tmp = getenv("TMPDIR"), *path = getenv("PATH");
	char bin[8192];
	snprintf(b->folder, sizeof b->folder, "%s/bench.XXXXXX", tmp ? tmp : "/tmp");
	/* the tools are in bin/, beside tests/bench/bench */
	const char *end = strstr(b->self, "/tests/bench/");
	snprintf(bin, sizeof bin, "%.*s/bin:%s", end ? (int)(end - b->self) : 0, b->self, path ? path : "/bin:/usr/bin");
	if (!getcwd(b->root, sizeof b->root) || !mkdtemp(b->folder) || setenv("PATH", bin, 1) || setenv("ROOT", b->root, 1)) {
		fprintf(stderr, "bench: %s: %s\n", b->folder, strerror(errno));
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	enum { GROW = 256, TINY, SECONDS, RUNS, MARKDOWN, RECORDS, LIST };
	static const struct option options[] = {{"grow", 0, NULL, GROW}, {"tiny", 0, NULL, TINY}, {"seconds", 1, NULL, SECONDS},
	    {"runs", 1, NULL, RUNS}, {"markdown", 0, NULL, MARKDOWN}, {"records", 1, NULL, RECORDS}, {"list", 0, NULL, LIST},
	    {NULL, 0, NULL, 0}};
	if (argc > 1 && strcmp(argv[1], "--worker") == 0)
		return worker_main(argv + 2, argc - 2);
	struct bench b = {.seconds = 4, .runs = 2, .threads = omp_get_num_procs()};
	bool grow = false, markdown = false;
	const char *records = NULL;
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
		switch (o) {
		case GROW: grow = true; break;
		case TINY: b.tiny = true; break;
		case SECONDS: b.seconds = strtod(optarg, NULL); break;
		case RUNS: b.runs = atoi(optarg); break;
		case MARKDOWN: markdown = true; break;
		case RECORDS: records = optarg; break;
		case LIST:
			for (int i = 0; i < CASES; i++)
				puts(cases[i].name);
			return 0;
		default: return usage();
		}
	b.self = realpath("/proc/self/exe", NULL);
	if (!b.self)
		return 1;
	if (b.tiny)
		b.seconds = 0, b.runs = 1;
	make_folder(&b);
	bench_signals();
	if (markdown)
		machine_print(stdout, b.threads);
	b.results = results_open(markdown);
	int ran = 0;
	for (size_t i = 0; i < CASES && !bench_stopped(); i++)
		if (chosen(i, argv + optind, argc - optind, grow)) {
			cases[i].run(&b);
			ran++;
		}
	bool failed = results_close(b.results, bench_stopped() ? NULL : records) || b.failed || bench_stopped();
	bench_begin(&b);
	bench_make(&b, "cd / && rm -rf '%s'", b.folder);
	return failed ? 1 : ran ? 0 : usage();
}
