/* machine.h - what memory there is. */
#ifndef TENON_TOOLS_MACHINE_H
#define TENON_TOOLS_MACHINE_H

#include <stddef.h>

/* Bytes that this process may still take, and in *what the name of the limit that says so: the system's available
 * memory with what is free of the swap space, or less by the limit of a control group (version 2 or 1). SIZE_MAX where nothing is known. */
size_t machine_memory(const char **what);

/* Bytes of address space that it may still ask for (RLIMIT_AS); SIZE_MAX: no limit. */
size_t machine_address_space(void);

#endif
