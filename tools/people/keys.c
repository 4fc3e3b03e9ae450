#include "people/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* What a handler has to know: how the terminal was, and what is to be removed. */
static struct termios before, keyed;
static volatile int terminal_fd = -1;
static const char *volatile to_remove;

static void
restore(void)
{
	if (terminal_fd >= 0)
		tcsetattr(terminal_fd, TCSADRAIN, &before);
}

/* SA_RESETHAND: the second delivery is the default action. */
static void
on_signal(int sig)
{
	if (terminal_fd >= 0)
		tcsetattr(terminal_fd, TCSANOW, &before);
	if (to_remove)
		unlink(to_remove);
	raise(sig);
}

static void
catch_signals(void)
{
	static const int sigs[] = {SIGHUP, SIGINT, SIGTERM};
	for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
		struct sigaction sa = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, old;
		sigaction(sigs[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &sa, NULL);
	}
}

void
keys_remove_at_end(const char *path)
{
	to_remove = path;
}

int
keys_open(struct keys *k, bool terminal, struct err *e)
{
	*k = (struct keys){.fd = STDIN_FILENO};
	if (terminal && (k->fd = open("/dev/tty", O_RDWR | O_CLOEXEC)) < 0)
		return err_errno(e, "/dev/tty: the items come from standard input and there is no terminal to read keys from");
	k->tty = isatty(k->fd) && tcgetattr(k->fd, &before) == 0;
	catch_signals();
	if (!k->tty)
		return 0;
	keyed = before;
	keyed.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	keyed.c_cc[VMIN] = 1;
	keyed.c_cc[VTIME] = 0;
	keyed.c_cc[VSUSP] = _POSIX_VDISABLE; /* stopped, it would leave the terminal as it is */
	terminal_fd = k->fd;
	atexit(restore);
	tcsetattr(k->fd, TCSADRAIN, &keyed);
	return 0;
}

void
keys_lend(struct keys *k, bool lent)
{
	if (k->tty)
		tcsetattr(k->fd, TCSADRAIN, lent ? &before : &keyed);
}

void
keys_forget(struct keys *k)
{
	if (!k->tty)
		return;
	tcflush(k->fd, TCIFLUSH);
	k->at = k->n = 0;
}

/* A byte, or -1 at the end, -2 on failure. */
static int
next_byte(struct keys *k, struct err *e)
{
	while (k->at == k->n) {
		ssize_t n = read(k->fd, k->buf, sizeof k->buf);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EIO) { /* EIO: the terminal is gone */
			err_errno(e, "keys: cannot read");
			return -2;
		}
		if (n <= 0)
			return -1;
		k->at = 0;
		k->n = (size_t)n;
	}
	return (unsigned char)k->buf[k->at++];
}

int
keys_next(struct keys *k, struct err *e)
{
	for (;;) {
		int c = next_byte(k, e);
		if (k->tty && c == 4)
			return -1; /* ^D */
		if (k->tty && c == 27)
			k->at = k->n;
		else if (c < 0 || !strchr(" \t\r\n", c))
			return c;
	}
}

const char *
keys_line(struct keys *k, struct err *e)
{
	size_t n = 0;
	bool blank = true;
	struct termios echoing = before;
	echoing.c_cc[VSUSP] = _POSIX_VDISABLE;
	if (k->tty)
		tcsetattr(k->fd, TCSADRAIN, &echoing);
	for (;;) {
		int c = next_byte(k, e);
		if (c == -2 || (c == -1 && blank)) {
			n = SIZE_MAX;
			break;
		}
		if ((c == '\n' || c == -1) && !blank)
			break;
		if (c != '\n' && n + 1 < sizeof k->line)
			k->line[n++] = (char)c;
		blank = blank && strchr(" \t\r\n", c);
		n = c == '\n' ? 0 : n;
	}
	if (k->tty)
		tcsetattr(k->fd, TCSADRAIN, &keyed);
	if (n == SIZE_MAX)
		return NULL;
	k->line[n] = 0;
	return k->line;
}
