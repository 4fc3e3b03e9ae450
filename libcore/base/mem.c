#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif

#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)0)
#define UNPOISON(p, n) ((void)0)
#endif

enum { ALIGN = 64, GAP = 64 };

void *
mem_zalloc(size_t n, size_t size, const char *what, struct err *e)
{
	size_t bytes;
	void *p = NULL;
	if (mul_overflows(n, size, &bytes))
		bytes = SIZE_MAX;
	else
		p = calloc(n ? n : 1, size);
	if (!p)
		err_nomem(e, bytes, what);
	return p;
}

int
mem_grow(void *p, size_t *cap, size_t need, size_t size, const char *what, struct err *e)
{
	void **pp = p;
	if (need <= *cap)
		return 0;
	size_t n = *cap ? *cap : 16, bytes;
	while (n < need)
		if (mul_overflows(n, 2, &n))
			return err_nomem(e, need, what);
	if (mul_overflows(n, size, &bytes))
		return err_nomem(e, need, what);
	void *q = realloc(*pp, bytes);
	if (!q)
		return err_nomem(e, bytes, what);
	*pp = q;
	*cap = n;
	return 0;
}

void *
arena_carve(struct arena *a, size_t n, size_t size)
{
	size_t bytes, next;
	if (mul_overflows(n, size, &bytes) || add_overflows(bytes, ALIGN - 1, &bytes)) {
		a->overflow = true;
		return NULL;
	}
	bytes &= ~(size_t)(ALIGN - 1);
	if (add_overflows(a->used, bytes, &next) || add_overflows(next, GAP, &next)) {
		a->overflow = true;
		return NULL;
	}
	char *p = a->base ? a->base + a->used : NULL;
	a->used = next;
	if (p) {
		UNPOISON(p, n * size);
		POISON(p + n * size, bytes - n * size + GAP);
	}
	return p;
}

int
arena_commit(struct arena *a, const char *what, struct err *e)
{
	if (a->overflow)
		return err_set(e, ERR_RUNTIME, "%s: the sizes asked for exceed the address space", what);
	size_t size = a->used ? a->used : ALIGN;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return err_nomem(e, size, what);
	if (a->huge)
		madvise(p, size, MADV_HUGEPAGE);
	a->base = p;
	a->size = size;
	a->used = 0;
	return 0;
}

void
arena_close(struct arena *a)
{
	if (a->base) {
		UNPOISON(a->base, a->size);
		munmap(a->base, a->size);
	}
	memset(a, 0, sizeof *a);
}
