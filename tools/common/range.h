/* range.h - ranges of shares on the command line: "0.5" or "0.5..0.9". */
#ifndef TENON_TOOLS_RANGE_H
#define TENON_TOOLS_RANGE_H

/* Both within [0, 1], low <= high; exit 2 naming `what` otherwise. */
void cli_range(const char *what, const char *text, double *low, double *high);

#endif
