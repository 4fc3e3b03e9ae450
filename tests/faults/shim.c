/* shim.c - preloaded into a tool, makes one call fail: SHIM_CALL names the kind (alloc, read,
 * write, fsync, close, rename), SHIM_NTH counts from 1 from main on. When it has fired, a byte is
 * written to descriptor 9. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static int (*real_main)(int, char **, char **);
static const char *kind;
static long nth, count;

static int
fires(const char *call, int error)
{
	if (!kind || strcmp(kind, call) || __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) != nth)
		return 0;
	syscall(SYS_write, 9, "!", 1);
	errno = error;
	return 1;
}

/* What the libraries do before main, with their own ways of failing, is not counted. */
static int
armed_main(int argc, char **argv, char **env)
{
	const char *n = getenv("SHIM_NTH");
	nth = n ? strtol(n, NULL, 10) : 0;
	kind = getenv("SHIM_CALL");
	return real_main(argc, argv, env);
}

int
__libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
    void (*fini)(void), void (*rtld_fini)(void), void *stack)
{
	int (*real)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
	    void (*)(void), void *);
	void *symbol = dlsym(RTLD_NEXT, "__libc_start_main");
	memcpy(&real, &symbol, sizeof real);
	real_main = main;
	return real(armed_main, argc, argv, init, fini, rtld_fini, stack);
}

void *
malloc(size_t n)
{
	return fires("alloc", ENOMEM) ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return fires("alloc", ENOMEM) ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	return fires("alloc", ENOMEM) ? NULL : __libc_realloc(p, n);
}

ssize_t
read(int fd, void *p, size_t n)
{
	return fires("read", EIO) ? -1 : syscall(SYS_read, fd, p, n);
}

ssize_t
readv(int fd, const struct iovec *iov, int n)
{
	return fires("read", EIO) ? -1 : syscall(SYS_readv, fd, iov, n);
}

ssize_t
pread(int fd, void *p, size_t n, off_t at)
{
	return fires("read", EIO) ? -1 : syscall(SYS_pread64, fd, p, n, at);
}

/* Messages get through. */
ssize_t
write(int fd, const void *p, size_t n)
{
	return fd != 2 && fires("write", ENOSPC) ? -1 : syscall(SYS_write, fd, p, n);
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	return fires("write", ENOSPC) ? -1 : syscall(SYS_writev, fd, iov, n);
}

int
fsync(int fd)
{
	return fires("fsync", EIO) ? -1 : (int)syscall(SYS_fsync, fd);
}

/* As with the real one, the descriptor is gone even so. */
int
close(int fd)
{
	int rc = (int)syscall(SYS_close, fd);
	return fires("close", EIO) ? -1 : rc;
}

int
rename(const char *from, const char *to)
{
	return fires("rename", EIO) ? -1 : (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int
renameat(int dir, const char *from, int todir, const char *to)
{
	return fires("rename", EIO) ? -1 : (int)syscall(SYS_renameat, dir, from, todir, to);
}
