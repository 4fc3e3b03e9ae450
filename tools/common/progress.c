/* Progress on stderr: a live line on a terminal, key=value lines elsewhere. */
#include <stdio.h>
#include <string.h>
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

void
cli_progress_tick(struct cli_progress *p, uint64_t done, const char *extra)
{
	if (!p->on)
		return;
	double now = cli_now();
	if (now - p->last < (p->tty ? 0.2 : 10))
		return;
	p->last = now;
	double rate = now > p->start ? (double)done / (now - p->start) : 0;
	double eta = p->total > done && rate > 0 ? (double)(p->total - done) / rate : 0;
	const char *gap = *extra ? " " : "";
	char line[512];
	if (p->tty && p->total)
		snprintf(line, sizeof line, "\r%s: %llu/%llu %s, %.4g/s, ETA %.0f s%s%s\033[K", cli_name(),
		    (unsigned long long)done, (unsigned long long)p->total, p->unit, rate, eta, gap, extra);
	else if (p->tty)
		snprintf(line, sizeof line, "\r%s: %llu %s, %.4g/s%s%s\033[K", cli_name(),
		    (unsigned long long)done, p->unit, rate, gap, extra);
	else
		snprintf(line, sizeof line, "%s: %s=%llu rate=%.4g%s%s\n", cli_name(), p->unit,
		    (unsigned long long)done, rate, gap, extra);
	fputs(line, stderr);
	if (p->tty)
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
