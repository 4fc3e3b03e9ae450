#include "base/mapfile.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int
mapfile_open(const char *path, size_t least, const char *kind, void **p, size_t *size, struct err *e)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		err_errno(e, "%s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (!S_ISREG(st.st_mode) || (size_t)st.st_size < least) {
		close(fd);
		return err_set(e, ERR_DATA, "%s: not a %s file", path, kind);
	}
	*size = (size_t)st.st_size;
	*p = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return *p == MAP_FAILED ? err_errno(e, "%s", path) : 0;
}
