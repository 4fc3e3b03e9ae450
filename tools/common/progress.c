/* Progress on stderr: a live line on a terminal, key=value lines elsewhere. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/state.h"

double
cli_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

void
cli_progress_start(struct cli_progress *p, bool quiet, const char *unit, uint64_t total)
{
	*p = (struct cli_progress){.on = !quiet, .tty = isatty(STDERR_FILENO) == 1, .unit = unit,
	    .total = total};
	p->start = p->last = cli_now();
}

uint64_t
cli_input_bytes(char *const *paths)
{
	uint64_t sum = 0;
	struct stat st;
	for (size_t i = 0; i == 0 || paths[i]; i++) {
		if ((cli_is_standard(paths[i]) ? fstat(STDIN_FILENO, &st) : stat(paths[i], &st)) || !S_ISREG(st.st_mode))
			return 0;
		sum += (uint64_t)st.st_size;
		if (!paths[i])
			break;
	}
	return sum;
}

void
cli_progress_filter(struct cli_progress *p, bool quiet, const char *output, char *const *paths, uint64_t passes)
{
	cli_progress_through(p, quiet, output, "MB", passes * cli_input_bytes(paths) / 1000000);
}

void
cli_progress_through(struct cli_progress *p, bool quiet, const char *output, const char *unit, uint64_t total)
{
	struct stat st;
	cli_progress_start(p, quiet, unit, total);
	p->on = p->on && p->tty && !(cli_is_standard(output) && fstat(STDOUT_FILENO, &st) == 0 && S_ISFIFO(st.st_mode));
}

/* "95 s", "1:40:05" */
static void
show_time(char *buf, size_t n, double seconds)
{
	uint64_t s = (uint64_t)(seconds + 0.5);
	if (s < 100)
		snprintf(buf, n, "%u s", (unsigned)s);
	else if (s < 3600)
		snprintf(buf, n, "%u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
	else
		snprintf(buf, n, "%llu:%02u:%02u", (unsigned long long)(s / 3600), (unsigned)(s / 60 % 60), (unsigned)(s % 60));
}

/* A line that does not fit is cut: one that the terminal breaks could not be drawn over. */
static void
draw(char *line)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 && strlen(line) >= size.ws_col)
		line[size.ws_col - 1] = 0;
	fprintf(stderr, "\r%s\033[K", line);
}

void
cli_progress_tick(struct cli_progress *p, uint64_t done, const char *extra)
{
	if (!p->on)
		return;
	double now = cli_now();
	if (now - p->last < (p->tty ? 0.2 : 10))
		return;
	p->last = now;
	double rate = now > p->start ? (double)(done - p->first) / (now - p->start) : 0;
	double eta = p->total > done && rate > 0 ? (double)(p->total - done) / rate : 0;
	const char *gap = *extra ? " " : "";
	char line[512], left[40], speed[40];
	snprintf(speed, sizeof speed, rate < 1000 ? "%.4g" : "%.0f", rate);
	if (!p->tty) {
		fprintf(stderr, "%s: %s=%llu rate=%s%s%s\n", cli_name(), p->unit, (unsigned long long)done, speed, gap, extra);
		return;
	}
	show_time(left, sizeof left, eta);
	if (p->total)
		snprintf(line, sizeof line, "%s: %llu/%llu %s, %s/s, ETA %s%s%s", cli_name(), (unsigned long long)done,
		    (unsigned long long)p->total, p->unit, speed, left, gap, extra);
	else
		snprintf(line, sizeof line, "%s: %llu %s, %s/s%s%s", cli_name(), (unsigned long long)done, p->unit, speed, gap, extra);
	draw(line);
	cli_state.live = p;
}

void
cli_progress_end(struct cli_progress *p)
{
	if (cli_state.live == p) {
		fputs("\r\033[K", stderr);
		cli_state.live = NULL;
	}
}

void
cli_account(bool quiet, const char *fmt, ...)
{
	char msg[1024];
	va_list ap;
	if (quiet)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: %s\n", cli_name(), msg);
}
