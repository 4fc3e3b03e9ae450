#include "ppo/program.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/loadjson.h"
#include "base/mem.h"
#include "common/cli.h"
#include "text/utf8.h"

enum { LONGEST_LINE = 1 << 20, CHUNK = 1 << 16 };
static const double SLICE = 0.1; /* seconds */

/* ---- the process ---- */

static pid_t running; /* its group, for kill_running */

static void
kill_running(void)
{
	if (running > 0)
		kill(-running, SIGKILL);
}

/* In children: only what is safe in those of a process with threads. */
static void
become(const char *command, const int in[2], const int out[2])
{
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (dup2(in[0], STDIN_FILENO) < 0 || dup2(out[1], STDOUT_FILENO) < 0)
		_exit(126);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void
kill_group(int signum)
{
	(void)signum;
	kill(0, SIGKILL);
}

/* The leader of the group: starts the shell, ends as it ends, and takes all with it when `parent` dies, by whatever. */
noreturn static void
lead(pid_t parent, const char *command, const int in[2], const int out[2])
{
	int status = 0;
	setpgid(0, 0);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGUSR1, kill_group);
	if (prctl(PR_SET_PDEATHSIG, SIGUSR1) || getppid() != parent)
		_exit(126);
	pid_t shell = fork();
	if (shell == 0)
		become(command, in, out);
	static const int not_ours[] = {SIGHUP, SIGINT, SIGTERM};
	for (size_t i = 0; i < sizeof not_ours / sizeof *not_ours; i++)
		signal(not_ours[i], SIG_IGN); /* the shell's end says what they did */
	close_range(STDERR_FILENO + 1, ~0u, 0); /* ends of pipes, and the lock on the checkpoints */
	while (shell > 0 && waitpid(shell, &status, 0) < 0 && errno == EINTR)
		;
	if (shell > 0 && WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(shell < 0 ? 126 : WEXITSTATUS(status));
}

static void
close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int
program_open(struct reward_program *p, const char *command, double timeout, struct err *e)
{
	int in[2], out[2];
	static bool registered;
	pid_t self = getpid();
	*p = (struct reward_program){.command = command, .timeout = timeout, .to = -1, .from = -1};
	if (pipe2(in, O_CLOEXEC))
		return err_errno(e, "cannot make a pipe");
	if (pipe2(out, O_CLOEXEC)) {
		close(in[0]);
		close(in[1]);
		return err_errno(e, "cannot make a pipe");
	}
	if (!registered && atexit(kill_running) == 0)
		registered = true;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* ignored, it would not be known how the program ends */
	fflush(NULL);
	p->to = in[1];
	p->from = out[0];
	if ((p->pid = fork()) == 0)
		lead(self, command, in, out);
	close(in[0]);
	close(out[1]);
	if (p->pid < 0) {
		err_errno(e, "cannot start `%.200s'", command);
		p->pid = 0;
		program_close(p);
		return -1;
	}
	setpgid(p->pid, p->pid); /* whoever is first */
	running = p->pid;
	fcntl(p->to, F_SETFL, O_NONBLOCK);
	fcntl(p->from, F_SETFL, O_NONBLOCK);
	return 0;
}

void
program_close(struct reward_program *p)
{
	if (p->pid > 0) {
		kill(-p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
		running = 0;
	}
	if (p->command) {
		close_end(&p->to);
		close_end(&p->from);
	}
	free(p->buf);
	memset(p, 0, sizeof *p);
}

static bool
told_to_stop(const struct reward_program *p)
{
	return p->stop && p->stop();
}

static int
stopped(const struct reward_program *p, struct err *e)
{
	return err_set(e, ERR_SAVED, "stopped while the reward program `%.200s' was waited for", p->command);
}

/* How it ended, when it does within the time that is left; false: it has not. Leaves it to be reaped. */
static bool
has_ended(const struct reward_program *p, double until, char *how, size_t n)
{
	siginfo_t i = {0};
	while (waitid(P_PID, (id_t)p->pid, &i, WEXITED | WNOHANG | WNOWAIT) == 0 && i.si_pid == 0) {
		if (cli_now() > until || told_to_stop(p))
			return false;
		nanosleep(&(struct timespec){0, 5000000}, NULL);
	}
	snprintf(how, n, i.si_code == CLD_EXITED ? "with status %d" : "of signal %d", i.si_status);
	return true;
}

/* ---- pipes ---- */

/* Waits for the descriptors that are not -1, a little at a time: a signal that comes before poll would not end it. 1:
 * something can be done, 0: the time is over. */
static int
wait_for(const struct reward_program *p, bool send, double until, struct err *e)
{
	struct pollfd f[2] = {{p->from, POLLIN, 0}, {send ? p->to : -1, POLLOUT, 0}};
	for (;;) {
		double left = until - cli_now();
		int rc = poll(f, 2, left <= 0 ? 0 : left > SLICE ? (int)(SLICE * 1000) : (int)(left * 1000) + 1);
		if (rc > 0)
			return 1;
		if (told_to_stop(p))
			return stopped(p, e);
		if (rc < 0 && errno != EINTR)
			return err_errno(e, "poll");
		if (rc == 0 && cli_now() >= until)
			return 0;
	}
}

/* Sends what can be sent; a program that has closed its input gets no more. */
static size_t
send_some(struct reward_program *p, const char *lines, size_t size)
{
	ssize_t n = write(p->to, lines, size);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		close_end(&p->to);
	return n < 0 ? 0 : (size_t)n;
}

/* 1: something came, 0: nothing now, -2: the end, -1. */
static int
receive_some(struct reward_program *p, struct err *e)
{
	if (mem_grow(&p->buf, &p->cap, p->n + CHUNK, 1, "rewards", e))
		return -1;
	ssize_t n = read(p->from, p->buf + p->n, CHUNK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -2;
	p->n += (size_t)n;
	return 1;
}

static int
ended_early(const struct reward_program *p, size_t got, size_t n, struct err *e)
{
	char how[40];
	if (!has_ended(p, cli_now() + 1, how, sizeof how))
		snprintf(how, sizeof how, "by closing its output");
	return err_set(e, ERR_UPSTREAM, "the reward program `%.200s' ended %s after %zu of %zu answers", p->command, how, got, n);
}

/* Takes whole lines off the buffer. */
static int
take_lines(struct reward_program *p, double *scores, size_t *got, size_t n, struct err *e)
{
	size_t at = 0;
	for (char *end; *got < n && (end = memchr(p->buf + at, '\n', p->n - at)); at = (size_t)(end - p->buf) + 1)
		if (program_parse(p->buf + at, (size_t)(end - p->buf) - at, &scores[(*got)++], e))
			return err_prefix(e, "the reward program `%.200s': answer %zu of %zu", p->command, *got, n);
	if (at)
		memmove(p->buf, p->buf + at, p->n - at);
	p->n -= at;
	if (*got < n && p->n > LONGEST_LINE)
		return err_set(e, ERR_DATA, "the reward program `%.200s' writes a line that does not end", p->command);
	return 0;
}

static int
said_too_much(const struct reward_program *p, struct err *e)
{
	return err_set(e, ERR_DATA, "the reward program `%.200s' wrote more answers than it was asked for", p->command);
}

int
program_ask(struct reward_program *p, const char *lines, size_t size, size_t n, double *scores, struct err *e)
{
	size_t sent = 0, got = 0;
	double until = cli_now() + p->timeout;
	int rc = receive_some(p, e);
	if (rc == -1)
		return -1;
	if (p->n)
		return said_too_much(p, e);
	while (got < n) {
		rc = wait_for(p, sent < size && p->to >= 0, until, e);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return err_set(e, ERR_UPSTREAM, "the reward program `%.200s' said nothing for %g seconds, after %zu of %zu"
			    " answers (does it flush each line?)", p->command, p->timeout, got, n);
		size_t before = sent;
		if (sent < size && p->to >= 0)
			sent += send_some(p, lines + sent, size - sent);
		rc = receive_some(p, e);
		if (rc == -1 || take_lines(p, scores, &got, n, e))
			return -1;
		if (rc == -2 && got < n)
			return ended_early(p, got, n, e);
		if (rc == 1 || sent > before)
			until = cli_now() + p->timeout;
	}
	return p->n || sent < size ? said_too_much(p, e) : 0;
}

int
program_finish(struct reward_program *p, struct err *e)
{
	double until = cli_now() + p->timeout;
	char how[40];
	int rc = 1;
	close_end(&p->to);
	while (p->n == 0 && rc > 0 && (rc = wait_for(p, false, until, e)) > 0)
		if ((rc = receive_some(p, e)) == 0)
			rc = 1;
	if (rc == -1)
		return -1;
	if (p->n)
		return said_too_much(p, e);
	if (!has_ended(p, until, how, sizeof how))
		return told_to_stop(p) ? stopped(p, e) : err_set(e, ERR_UPSTREAM, "the reward program `%.200s' did not end within %g seconds of its input's end",
		    p->command, p->timeout);
	if (strcmp(how, "with status 0") != 0)
		return err_set(e, ERR_UPSTREAM, "the reward program `%.200s' ended %s", p->command, how);
	return 0;
}

/* ---- lines ---- */

static int
parse_object(const char *line, size_t n, double *score, struct err *e)
{
	json_error_t je;
	json_t *j = load_json(line, n, JSON_REJECT_DUPLICATES, &je, e), *s = json_object_get(j, "score");
	if (!j && e->code != ERR_DATA)
		return -1;
	bool good = json_is_number(s);
	if (good)
		*score = json_number_value(s);
	json_decref(j);
	if (good)
		return 0;
	/* JSON has no such numbers, but programs write them */
	bool nonfinite = !j && (memmem(line, n, "NaN", 3) || memmem(line, n, "Infinity", 8));
	return err_set(e, nonfinite ? ERR_NONFINITE : ERR_DATA, "`%.*s' %s", n < 80 ? (int)n : 80, line,
	    nonfinite ? "is not finite" : j ? "has no number `score'" : "is not JSON");
}

int
program_parse(const char *line, size_t n, double *score, struct err *e)
{
	char text[80], *end;
	while (n && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r'))
		n--;
	while (n && (*line == ' ' || *line == '\t')) {
		line++;
		n--;
	}
	if (n && *line == '{')
		return parse_object(line, n, score, e);
	snprintf(text, sizeof text, "%.*s", n < 79 ? (int)n : 79, line);
	*score = strtod(text, &end);
	if (!n || n > 79 || end != text + n || strpbrk(text, "xXpP"))
		return err_set(e, ERR_DATA, "`%s' is not a number", text);
	return isfinite(*score) ? 0 : err_set(e, ERR_NONFINITE, "`%s' is not finite", text);
}

static int
put(struct ten_membuf *to, const char *bytes, size_t n, struct err *e)
{
	if (mem_grow(&to->data, &to->cap, to->size + n, 1, "a text", e))
		return -1;
	memcpy(to->data + to->size, bytes, n);
	to->size += n;
	return 0;
}

int
program_json_string(struct ten_membuf *to, const char *text, size_t n, struct err *e)
{
	int rc = put(to, "\"", 1, e);
	for (size_t at = 0, size; at < n && rc == 0; at += size) {
		char code[8];
		int32_t cp;
		size = utf8_next((const uint8_t *)text + at, n - at, &cp);
		if (cp < 0)
			rc = put(to, "\xef\xbf\xbd", 3, e);
		else if (cp < 0x20 || cp == 0x7f || cp == '"' || cp == '\\')
			rc = put(to, code, (size_t)snprintf(code, sizeof code, "\\u%04x", (unsigned)cp), e);
		else
			rc = put(to, text + at, size, e);
	}
	return rc ? -1 : put(to, "\"", 1, e);
}
