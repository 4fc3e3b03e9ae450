/* How idle threads wait. libgomp's threads spin for milliseconds at each barrier before they sleep;
 * on a machine that has other work they take its processors from the very threads they wait for,
 * and a step takes several times as long. On an idle machine waiting 10,000 turns is as fast
 * (measured on training steps of 26 ms). The library reads the setting when it is loaded, so
 * the tool starts itself anew with it, unless the user chose. */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/state.h"

void
cli_patient_threads(char **argv)
{
	if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
		return;

	/* by the path and not through the link, whose name, exe, is what ps, top and pkill would know the tool by */
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n > 0 && setenv("GOMP_SPINCOUNT", "10000", 1) == 0) {
		path[n] = '\0';
		execv(path, argv); /* where that fails, things are slower, not wrong */
	}
}
