/* machine.c - what the figures were measured on. */
#include <cblas.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"

#ifdef __clang__
#define COMPILER __VERSION__ /* with its name */
#else
#define COMPILER "gcc " __VERSION__
#endif

static void
processor(char *name, size_t n)
{
	char line[512];
	FILE *f = fopen("/proc/cpuinfo", "r");
	snprintf(name, n, "processor not known");
	while (f && fgets(line, sizeof line, f)) {
		const char *colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) == 0 && colon) {
			snprintf(name, n, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
			break;
		}
	}
	if (f)
		fclose(f);
}

void
machine_print(FILE *f, int threads)
{
	char cpu[256], day[32] = "";
	struct utsname u;
	time_t t = time(NULL);
	processor(cpu, sizeof cpu);
	if (uname(&u))
		memset(&u, 0, sizeof u);
	strftime(day, sizeof day, "%Y-%m-%d", localtime(&t));
	double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
	/* OpenBLAS names the kernels that it chose for this processor, too */
	fprintf(f, "%s: %s, %d cores, %.0f GB of memory, %s %s; %s (%s); %s.\n\n", day, cpu, threads, memory / 1e9,
	    u.sysname, u.release, openblas_get_config(), openblas_get_corename(), COMPILER);
}
