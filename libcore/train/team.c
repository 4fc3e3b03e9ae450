#include "train/team.h"

#include <stdlib.h>

size_t
team_started(void)
{
	/* Open MPI; launchers that speak PMI, as Slurm's; Slurm's own name where PMIx gives only the rank */
	static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
	const char *ranked = getenv("PMIX_RANK"), *tasks = getenv("SLURM_STEP_NUM_TASKS");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *v = getenv(names[i]);
		long n = v ? strtol(v, NULL, 10) : 0;
		if (n > 0)
			return (size_t)n;
	}
	long n = ranked && tasks ? strtol(tasks, NULL, 10) : 0;
	return n > 0 ? (size_t)n : 1;
}
