/* keymap.h - numbers for 128-bit hashes, in the order in which they come. */
#ifndef TENON_TOOLS_KEYMAP_H
#define TENON_TOOLS_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

#include "base/err.h"

struct keymap {
	XXH128_hash_t *keys;
	uint32_t *slots; /* numbers + 1, 0 = free */
	size_t n, cap, mask;
};

/* Sets *number to that of the key, which is added when it is new (*added, may be NULL). 0, or -1: no memory, too many. */
int keymap_add(struct keymap *m, XXH128_hash_t key, uint32_t *number, bool *added, struct err *e);
/* Whether the key is known, and its number. */
bool keymap_find(const struct keymap *m, XXH128_hash_t key, uint32_t *number);
void keymap_free(struct keymap *m); /* a zeroed struct is fine */

#endif
