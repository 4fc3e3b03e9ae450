/* contender.c - processes that take turns. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"

double
bench_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static volatile sig_atomic_t stopped;

static void
stop(int sig)
{
	(void)sig;
	stopped = 1;
}

void
bench_signals(void)
{
	const int signals[] = {SIGHUP, SIGINT, SIGTERM};
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &(struct sigaction){.sa_handler = stop}, NULL);
	signal(SIGPIPE, SIG_IGN); /* a server that died is told by its silence */
}

bool
bench_stopped(void)
{
	return stopped;
}

/* Starts the shell in the folder of the data; descriptors 0 and 1 as given, or /dev/null. */
static pid_t
start(const struct bench *b, const char *command, int in, int out)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	signal(SIGPIPE, SIG_DFL);
	if (chdir(b->folder) || dup2(in < 0 ? null : in, 0) < 0 || dup2(out < 0 ? null : out, 1) < 0)
		_exit(127);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* Seconds of processor time and the peak in bytes; false unless it ended with status 0. */
static bool
ended(pid_t pid, double *cpu, double *peak)
{
	struct rusage u;
	int status;
	pid_t rc;
	while ((rc = wait4(pid, &status, 0, &u)) < 0 && errno == EINTR)
		;
	if (rc < 0 || status != 0)
		return false;
	*cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
	*peak = 1024 * (double)u.ru_maxrss;
	return true;
}

static bool
succeeds(const struct bench *b, const char *command)
{
	double cpu, peak;
	return ended(start(b, command, -1, -1), &cpu, &peak);
}

void
bench_begin(struct bench *b)
{
	b->n = 0;
}

static int
add(struct bench *b, const char *name, const char *needs, const char *prefix, const char *fmt, va_list ap)
{
	if (b->n == MAX_CONTENDERS)
		abort();
	struct contender *c = &b->c[b->n++];
	char probe[256];
	*c = (struct contender){.state = READY};
	snprintf(c->name, sizeof c->name, "%s", name);
	size_t n = (size_t)snprintf(c->command, sizeof c->command, "%s", prefix);
	if ((size_t)vsnprintf(c->command + n, sizeof c->command - n, fmt, ap) >= sizeof c->command - n)
		abort(); /* a command of ours that does not fit */
	if (needs) {
		snprintf(probe, sizeof probe, "{ %s; } 2>/dev/null", needs);
		c->state = succeeds(b, probe) ? READY : ABSENT;
	}
	return b->n;
}

int
bench_worker(struct bench *b, const char *name, const char *fmt, ...)
{
	char prefix[700];
	va_list ap;
	/* threads wait as those of the tools do (tools/common/threads.c) */
	snprintf(prefix, sizeof prefix, "GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-10000} exec '%s' --worker ", b->self);
	va_start(ap, fmt);
	int i = add(b, name, NULL, prefix, fmt, ap);
	va_end(ap);
	return i;
}

int
bench_peer(struct bench *b, const char *name, const char *needs, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int i = add(b, name, needs, "exec ", fmt, ap);
	va_end(ap);
	return i;
}

int
bench_command(struct bench *b, const char *name, const char *needs, bool cpu, double amount, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int i = add(b, name, needs, "", fmt, ap);
	va_end(ap);
	b->c[i - 1].amount = amount;
	b->c[i - 1].cpu = cpu;
	return i;
}

bool
bench_make(struct bench *b, const char *fmt, ...)
{
	char command[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(command, sizeof command, fmt, ap);
	va_end(ap);
	if (succeeds(b, command))
		return true;
	if (stopped)
		return false;
	fprintf(stderr, "bench: failed: %s\n", command);
	b->failed = true;
	return false;
}

double
bench_size(struct bench *b, const char *file)
{
	char path[1024];
	struct stat st;
	snprintf(path, sizeof path, "%s/%s", b->folder, file);
	return stat(path, &st) ? 0 : (double)st.st_size;
}

static bool
server_open(const struct bench *b, struct contender *c)
{
	int to[2], from[2];
	if (pipe2(to, O_CLOEXEC))
		return false;
	if (pipe2(from, O_CLOEXEC)) {
		close(to[0]);
		close(to[1]);
		return false;
	}
	c->pid = start(b, c->command, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	c->to = fdopen(to[1], "w");
	c->from = fdopen(from[0], "r");
	return c->pid > 0 && c->to && c->from;
}

static bool
server_run(struct contender *c, double *rate, double *peak)
{
	return fputc('\n', c->to) != EOF && fflush(c->to) == 0 && fscanf(c->from, "%lf %lf", rate, peak) == 2;
}

static void
server_close(struct contender *c)
{
	double cpu, peak;
	if (c->to)
		fclose(c->to);
	if (c->from)
		fclose(c->from);
	if (c->pid > 0 && !ended(c->pid, &cpu, &peak))
		c->state = FAILED;
	c->to = c->from = NULL;
	c->pid = 0;
}

static bool
command_run(const struct bench *b, struct contender *c, double *rate, double *peak)
{
	double cpu, t = bench_now();
	if (!ended(start(b, c->command, -1, -1), &cpu, peak))
		return false;
	t = bench_now() - t;
	*rate = c->amount / (c->cpu ? cpu : t);
	return true;
}

void
bench_measure(struct bench *b)
{
	for (struct contender *c = b->c; c < b->c + b->n; c++)
		if (c->state == READY && c->amount == 0 && !stopped && !server_open(b, c))
			c->state = FAILED;
	double start_of_all = bench_now();
	bool ran = true;
	for (int run = 0; ran && !stopped && (run < b->runs || bench_now() - start_of_all < b->seconds); run++) {
		ran = false;
		for (struct contender *c = b->c; c < b->c + b->n; c++) {
			double rate, peak;
			if (c->state != READY || stopped)
				continue;
			if (!(c->amount > 0 ? command_run(b, c, &rate, &peak) : server_run(c, &rate, &peak))) {
				c->state = FAILED;
				continue;
			}
			c->rate = rate > c->rate ? rate : c->rate;
			c->peak = peak > c->peak ? peak : c->peak;
			ran = true;
		}
	}
	for (struct contender *c = b->c; c < b->c + b->n; c++) {
		if (c->pid > 0)
			server_close(c);
		if (c->state == FAILED && !stopped) {
			fprintf(stderr, "bench: failed: %s\n", c->command);
			b->failed = true;
		}
	}
}
