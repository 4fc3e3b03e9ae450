/* Options, messages and exit statuses of the tools: each case is a child process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/state.h"

static bool flag;
static const char *text = "default";
static uint64_t number = 7, threads = 1;
static double real_number = 0.5;
static int choice, level;
static struct cli_list list;
static const char *const choices[] = {"red", "green", NULL};

static const struct cli_opt opts[] = {
    {'a', "flag", NULL, CLI_FLAG, &flag, "a flag", 0, 0, 0, false},
    {'t', "text", "FILE", CLI_TEXT, &text, "a text", 0, 0, 0, false},
    {'n', "number", "N", CLI_U64, &number, "a number (default 7)", 0, 0, 0, false},
    {0, "lr", "X", CLI_REAL, &real_number, "a real number", 0, 1e6, 0, false},
    {'c', "choice", "NAME", CLI_CHOICE, &choice, "red or green", 0, 0, choices, false},
    {'l', "list", "TEXT", CLI_LIST, &list, "several", 0, 0, 0, false},
    CLI_THREADS(&threads, "1"),
    CLI_ZSTD(&level),
};
static const struct cli_tool tool = {"ttest", "[file ...]", "Tests options.", opts,
    sizeof opts / sizeof opts[0], "ttest -a x\nttest --lr 1 y"};

/* What a child printed and how it ended. */
static char out[4096], err[4096];

static void
slurp(int fd, char *buf)
{
	size_t n = 0;
	ssize_t got;
	while ((got = read(fd, buf + n, 4095 - n)) > 0)
		n += (size_t)got;
	buf[n] = '\0';
	close(fd);
}

static void
print_results(size_t n, char **operands)
{
	struct err e;
	size_t nargs;
	printf("%d %s %llu %.17g %d %d %llu;", flag, text, (unsigned long long)number, real_number, choice,
	    level, (unsigned long long)threads);
	for (size_t i = 0; i < list.n; i++)
		printf(" l=%s", list.items[i]);
	for (size_t i = 0; i < n; i++)
		printf(" %s", operands[i]);
	printf(" |");
	char **args = cli_canonical(&nargs, &e);
	for (size_t i = 0; i < nargs; i++)
		printf(" %s", args[i]);
	printf("\n");
	cli_close_stdout();
}

/* Runs cli_parse on the words of `line` in a child; returns the wait status. */
static int
child(const char *line)
{
	int o[2], r[2], status;
	char words[512], *argv[32], *save;
	int argc = 0;
	assert_int_equal(pipe(o) | pipe(r), 0);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(o[1], 1);
		dup2(r[1], 2);
		snprintf(words, sizeof words, "%s", line);
		for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
			argv[argc++] = w;
		argv[argc] = NULL;
		size_t n;
		char **operands = cli_parse(&tool, argc, argv, &n);
		print_results(n, operands);
		_exit(0);
	}
	close(o[1]);
	close(r[1]);
	slurp(o[0], out);
	slurp(r[0], err);
	waitpid(pid, &status, 0);
	return status;
}

static void
accepts(const char *line, const char *wanted)
{
	int status = child(line);
	assert_string_equal(err, "");
	assert_string_equal(out, wanted);
	assert_int_equal(status, 0);
}

/* One line that begins with the tool's name, exit status 2, nothing on stdout. */
static void
refuses(const char *line, const char *wanted)
{
	char full[1200];
	int status = child(line);
	snprintf(full, sizeof full, "ttest: %s (ttest --help)\n", wanted);
	assert_string_equal(err, full);
	assert_string_equal(out, "");
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
}

static void
good_options(void **state)
{
	(void)state;
	accepts("ttest", "0 default 7 0.5 0 0 1; |\n");
	accepts("ttest -a x -n 5 y", "1 default 5 0.5 0 0 1; x y | --flag --number=5\n");
	accepts("ttest -an5 -cgreen", "1 default 5 0.5 1 0 1; | --flag --number=5 --choice=green\n");
	accepts("ttest --number=2k -j2", "0 default 2000 0.5 0 0 2; | --number=2000\n");
	accepts("ttest -n 3Mi", "0 default 3145728 0.5 0 0 1; | --number=3145728\n");
	accepts("ttest -n 1G -n 2Gi", "0 default 2147483648 0.5 0 0 1; | --number=2147483648\n");
	accepts("ttest -n 18446744073709551615",
	    "0 default 18446744073709551615 0.5 0 0 1; | --number=18446744073709551615\n");
	accepts("ttest --lr 1e-3", "0 default 7 0.001 0 0 1; | --lr=0.001\n");
	accepts("ttest -t /a/b/c.ten", "0 /a/b/c.ten 7 0.5 0 0 1; | --text=c.ten\n");
	accepts("ttest -l a --list b", "0 default 7 0.5 0 0 1; l=a l=b | --list=a --list=b\n");
	accepts("ttest -z x", "0 default 7 0.5 0 3 1; x |\n");
	accepts("ttest -z7", "0 default 7 0.5 0 7 1; |\n");
	accepts("ttest --zstd=19", "0 default 7 0.5 0 19 1; |\n");
	accepts("ttest -- -a -", "0 default 7 0.5 0 0 1; -a - |\n");
	accepts("ttest -", "0 default 7 0.5 0 0 1; - |\n");
}

static void
bad_options(void **state)
{
	(void)state;
	refuses("ttest -x", "option -x is unknown");
	refuses("ttest --nonsense", "option --nonsense is unknown or ambiguous");
	refuses("ttest -n", "option -n needs an argument");
	refuses("ttest --number", "option --number needs an argument");
	refuses("ttest --flag=1", "option --flag=1 takes no argument");
	refuses("ttest --help=1", "option --help=1 takes no argument");
	refuses("ttest --lr abc", "--lr: 'abc' is not a number");
	refuses("ttest --lr 1e999", "--lr: '1e999' is out of range");
	refuses("ttest --lr 1x", "--lr: '1x' is not a number");
	refuses("ttest --lr nan", "--lr: 'nan' is not a number");
	refuses("ttest --lr inf", "--lr: 'inf' is not a number");
	refuses("ttest --lr 0x10", "--lr: '0x10' is not a number");
	refuses("ttest --lr=", "--lr: '' is not a number");
	refuses("ttest --lr -1", "--lr: -1 is not within 0 to 1000000");
	refuses("ttest -j 0", "--threads: 0 is not within 1 to 1024");
	refuses("ttest -n -1", "--number: '-1' is not a whole number (suffixes k, M, G, Ki, Mi, Gi)");
	refuses("ttest -n 1.5", "--number: '1.5' is not a whole number (suffixes k, M, G, Ki, Mi, Gi)");
	refuses("ttest -n k", "--number: 'k' is not a whole number (suffixes k, M, G, Ki, Mi, Gi)");
	refuses("ttest -n 1kk", "--number: '1kk' is not a whole number (suffixes k, M, G, Ki, Mi, Gi)");
	refuses("ttest -n 18446744073709551616", "--number: '18446744073709551616' is too large");
	refuses("ttest -n 18446744073709551615k", "--number: '18446744073709551615k' is too large");
	refuses("ttest -c blue", "--choice: 'blue' is none of red, green");
	refuses("ttest -z0", "--zstd: 0 is not within 1 to 19");
	refuses("ttest -z20", "--zstd: 20 is not within 1 to 19");
}

static void
help_and_version(void **state)
{
	(void)state;
	accepts("ttest --version -x", "ttest (tenon) " TENON_VERSION "\n");
	accepts("ttest --help",
	    "usage: ttest [options] [file ...]\nTests options.\n\n"
	    "  -a, --flag                 a flag\n"
	    "  -t, --text FILE            a text\n"
	    "  -n, --number N             a number (default 7)\n"
	    "      --lr X                 a real number\n"
	    "  -c, --choice NAME          red or green\n"
	    "  -l, --list TEXT            several\n"
	    "  -j, --threads N            threads (default 1)\n"
	    "  -z, --zstd[=LEVEL]         compress with zstd (default level 3)\n"
	    "      --help                 print the options and exit\n"
	    "      --version              print the version and exit\n"
	    "\nexamples:\n  ttest -a x\n  ttest --lr 1 y\n");
}

/* Files of hostile names must not talk to the terminal. */
static void
messages_are_escaped(void **state)
{
	(void)state;
	refuses("ttest --\x1b[2J", "option --\\x1b[2J is unknown or ambiguous");
	refuses("ttest --caf\xc3\xa9\xc2\x9b""2J\x9b\xff\xc3", "option --caf\xc3\xa9\\xc2\\x9b2J\\x9b\\xff\\xc3 is unknown or ambiguous");
}

static void
closed_descriptors(void **state)
{
	int status;
	(void)state;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		char *argv[] = {"ttest", NULL};
		size_t n;
		close(0);
		close(1);
		close(2);
		cli_parse(&tool, 1, argv, &n);
		char c;
		_exit(write(1, "x", 1) == -1 && write(2, "x", 1) == -1 && read(0, &c, 1) == -1 ? 42 : 1);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

/* The temporary file goes and the process dies of the signal itself. */
static void
signals(void **state)
{
	static const int sigs[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
	char dir[256], path[300];
	const char *tmp = getenv("TMPDIR");
	(void)state;
	snprintf(dir, sizeof dir, "%s/cli-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < 4; i++) {
		int status;
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0) {
			char *argv[] = {"ttest", NULL};
			size_t n;
			struct outfile o;
			struct err e;
			cli_parse(&tool, 1, argv, &n);
			snprintf(path, sizeof path, "%s/x", dir);
			if (outfile_open(&o, path, 0666, &e) == 0)
				raise(sigs[i]);
			_exit(1);
		}
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == sigs[i]);
	}
	assert_int_equal(rmdir(dir), 0); /* it is empty */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_options),
	    cmocka_unit_test(bad_options),
	    cmocka_unit_test(help_and_version),
	    cmocka_unit_test(messages_are_escaped),
	    cmocka_unit_test(closed_descriptors),
	    cmocka_unit_test(signals),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
