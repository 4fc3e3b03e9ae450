/* Ends: messages, exit statuses, signals. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/outfolder.h"
#include "common/state.h"
#include "text/utf8.h"

const char *
cli_name(void)
{
	return cli_state.tool ? cli_state.tool->name : "tenon";
}

/* One line to stderr in one write, control characters and what is not UTF-8 escaped: a file's name or an upstream
 * message must not reach the terminal as commands. */
static void
complain(const char *msg)
{
	char line[4096];
	size_t n = (size_t)snprintf(line, 256, "%s: ", cli_name());
	if (cli_state.rank)
		n += (size_t)snprintf(line + n, 64, "rank %zu: ", cli_state.rank);
	if (cli_state.live)
		cli_progress_end(cli_state.live);
	const unsigned char *p = (const unsigned char *)msg, *end = p + strlen(msg);
	for (int32_t cp; p < end && n < sizeof line - 20;) {
		size_t len = utf8_next(p, (size_t)(end - p), &cp);
		bool control = cp < 0x20 || (cp >= 0x7f && cp < 0xa0); /* -1: not UTF-8 */
		for (size_t i = 0; i < len; i++)
			n += (size_t)snprintf(line + n, 8, control ? "\\x%02x" : "%c", *p++);
	}
	line[n++] = '\n';
	fflush(stdout);
	if (write(STDERR_FILENO, line, n) < 0)
		return; /* nowhere to say it */
}

/* Async-signal-safe. */
static void
remove_unfinished(void)
{
	outfile_signal_cleanup();
	outfolder_signal_cleanup();
	if (cli_state.folder)
		rmdir(cli_state.folder);
}

void
cli_made_folder(const char *path)
{
	cli_state.folder = path;
}

/* A reader downstream of standard output learns why; a file just disappears. */
static void
abandon_outputs(const char *msg)
{
	signal(SIGPIPE, SIG_IGN);
	for (struct cli_out *o = cli_state.outs; o; o = o->next)
		if (o->w && !o->file.atomic)
			ten_writer_abort(o->w, cli_name(), msg);
	remove_unfinished();
}

void
cli_set_rank(size_t rank, void (*leave)(int status))
{
	cli_state.rank = rank;
	cli_state.leave = leave;
}

noreturn void
cli_fail(const struct err *e)
{
	if (cli_state.rank)
		nanosleep(&(struct timespec){0, 500000000}, NULL);
	complain(e->msg);
	abandon_outputs(e->msg);
	if (cli_state.leave)
		cli_state.leave(e->code);
	exit(e->code);
}

noreturn void
cli_die(int code, const char *fmt, ...)
{
	struct err e = {.code = code};
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e.msg, sizeof e.msg, fmt, ap);
	va_end(ap);
	cli_fail(&e);
}

void *
cli_zalloc(size_t n, size_t size, const char *what)
{
	struct err e;
	void *p = mem_zalloc(n, size, what, &e);
	if (!p)
		cli_fail(&e);
	return p;
}

noreturn void
cli_usage(const char *fmt, ...)
{
	struct err e = {.code = ERR_USAGE};
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e.msg, sizeof e.msg - 64, fmt, ap);
	va_end(ap);
	size_t n = strlen(e.msg);
	snprintf(e.msg + n, sizeof e.msg - n, " (%s --help)", cli_name());
	cli_fail(&e);
}

void
cli_warn(const char *fmt, ...)
{
	char msg[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	complain(msg);
}

void
cli_close_stdout(void)
{
	struct err e;
	if (ferror(stdout) | fflush(stdout)) {
		err_errno(&e, "standard output: cannot write");
		cli_fail(&e);
	}
	int fd = dup(STDOUT_FILENO);
	if (fd < 0 || close(fd)) {
		err_errno(&e, "standard output: cannot close");
		cli_fail(&e);
	}
}

/* ---- signals ---- */

/* SA_RESETHAND: the second delivery, after the handler, is the default action. */
static void
on_signal(int sig)
{
	int saved = errno;
	remove_unfinished();
	raise(sig);
	errno = saved;
}

/* A closed descriptor 0 to 2 would be given to the next file opened, and messages would land in
 * it. What is put there instead still fails when used. */
static void
occupy_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			_exit(ERR_RUNTIME);
}

void
cli_process_setup(void)
{
	static const int sigs[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
	occupy_descriptors();
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < sizeof sigs / sizeof sigs[0]; i++) {
		struct sigaction sa = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, old;
		sigaction(sigs[i], NULL, &old);
		if (sigs[i] == SIGPIPE || old.sa_handler != SIG_IGN) /* nohup ignores HUP: let it */
			sigaction(sigs[i], &sa, NULL);
	}
}
