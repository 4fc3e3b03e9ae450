#include "common/machine.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number behind the word `key` in a file, or its first one when key is NULL; `absent` when it is not there. */
static size_t
number_in(const char *path, const char *key, size_t absent)
{
	char line[256];
	size_t value = absent;
	unsigned long long n;
	FILE *f = fopen(path, "r");
	if (!f)
		return absent;
	while (value == absent && fgets(line, sizeof line, f)) {
		size_t skip = key ? strlen(key) : 0;
		if ((!key || strncmp(line, key, skip) == 0) && sscanf(line + skip, " %llu", &n) == 1)
			value = (size_t)n;
	}
	fclose(f);
	return value;
}

static size_t
less(size_t a, size_t b)
{
	return a < b ? 0 : a - b;
}

/* What a group leaves: its limit less what it has, of which pages of files that nobody uses can be given up. */
static size_t
group_room(const char *folder, const char *limit, const char *usage, const char *inactive)
{
	char path[PATH_MAX + 128];
	snprintf(path, sizeof path, "%s/%s", folder, limit);
	size_t most = number_in(path, NULL, SIZE_MAX);
	if (most >= SIZE_MAX / 4) /* `max', or the largest number, which version 1 has for none */
		return SIZE_MAX;
	snprintf(path, sizeof path, "%s/%s", folder, usage);
	size_t used = number_in(path, NULL, 0);
	snprintf(path, sizeof path, "%s/memory.stat", folder);
	return less(most, less(used, number_in(path, inactive, 0)));
}

/* The least room of the group of this process and those above it. A line of /proc/self/cgroup is number:controllers:path;
 * version 2 has no controllers. */
static size_t
groups_room(void)
{
	char line[PATH_MAX], folder[PATH_MAX + 64];
	size_t room = SIZE_MAX;
	FILE *f = fopen("/proc/self/cgroup", "r");
	while (f && fgets(line, sizeof line, f)) {
		char *which = strchr(line, ':'), *path = which ? strchr(which + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = 0;
		path[strcspn(path, "\n")] = 0;
		bool second = !which[1], first = strcmp(which + 1, "memory") == 0;
		for (bool more = first || second; more; ) {
			snprintf(folder, sizeof folder, "/sys/fs/cgroup%s%s", first ? "/memory" : "", path);
			size_t r = first ? group_room(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file") :
			    group_room(folder, "memory.max", "memory.current", "inactive_file");
			room = r < room ? r : room;
			more = *path != 0;
			char *up = strrchr(path, '/');
			*(up ? up : path) = 0;
		}
	}
	if (f)
		fclose(f);
	return room;
}

size_t
machine_memory(const char **what)
{
	size_t system = number_in("/proc/meminfo", "MemAvailable:", SIZE_MAX), group = groups_room();
	if (system != SIZE_MAX)
		system = (system + number_in("/proc/meminfo", "SwapFree:", 0)) * 1024;
	*what = group < system ? "control group" : "MemAvailable";
	return group < system ? group : system;
}

size_t
machine_address_space(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return SIZE_MAX;
	return less(limit.rlim_cur, number_in("/proc/self/statm", NULL, 0) * (size_t)sysconf(_SC_PAGESIZE));
}
