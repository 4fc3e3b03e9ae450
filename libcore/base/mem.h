/* mem.h - sizes that cannot overflow, and arenas that measure before they commit. */
#ifndef TENON_BASE_MEM_H
#define TENON_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The number the project computes with; tests compile libcore with double. */
#ifdef TENON_DOUBLE
typedef double real;
#else
typedef float real;
#endif

/* *out = a * b, a + b; true on overflow (then *out is not to be used). */
static inline bool
mul_overflows(size_t a, size_t b, size_t *out)
{
	return __builtin_mul_overflow(a, b, out);
}

static inline bool
add_overflows(size_t a, size_t b, size_t *out)
{
	return __builtin_add_overflow(a, b, out);
}

/* Zeroed array of n elements; NULL and *e filled when out of memory or n * size overflows.
 * Returns owned memory: free(). n = 0 gives a unique pointer. */
void *mem_zalloc(size_t n, size_t size, const char *what, struct err *e);

/* Doubles *cap until it holds `need` elements and reallocates *p (a pointer to a pointer).
 * 0, or -1 with *p and *cap unchanged. New elements are not initialised. */
int mem_grow(void *p, size_t *cap, size_t need, size_t size, const char *what, struct err *e);

/* An arena is carved by one function that runs twice: with base NULL it only measures,
 * then, after arena_commit, the same calls give addresses. Pieces are 64-byte aligned and
 * separated by 64 bytes that AddressSanitizer poisons. */
struct arena {
	char *base;
	size_t used, size;
	bool overflow; /* a size was absurd: arena_commit refuses */
	bool huge;     /* transparent huge pages asked for */
};

/* n elements of `size` bytes; NULL while measuring. */
void *arena_carve(struct arena *a, size_t n, size_t size);

/* Allocates what was measured (a->used), zero-filled, and rewinds. 0 or -1. */
int arena_commit(struct arena *a, const char *what, struct err *e);

/* Closing a zeroed arena is fine. */
void arena_close(struct arena *a);

#endif
