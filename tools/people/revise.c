#include "people/revise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

/* Through the shell, as editors may have options. Signals of the terminal are the editor's while it runs. */
static int
run_editor(const char *path, const struct keys *k, struct err *e)
{
	const char *editor = getenv("VISUAL");
	char *command;
	int status = 0;
	editor = editor && *editor ? editor : getenv("EDITOR");
	editor = editor && *editor ? editor : "vi";
	if (asprintf(&command, "%s \"$@\"", editor) < 0)
		return err_nomem(e, strlen(editor), "a command");
	pid_t child = fork();
	if (child == 0) {
		dup2(k->fd, STDIN_FILENO);
		execl("/bin/sh", "sh", "-c", command, editor, path, (char *)NULL);
		_exit(127);
	}
	free(command);
	void (*interrupt)(int) = signal(SIGINT, SIG_IGN), (*quit)(int) = signal(SIGQUIT, SIG_IGN);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	signal(SIGINT, interrupt);
	signal(SIGQUIT, quit);
	if (child < 0)
		return err_errno(e, "cannot start %s", editor);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(e, ERR_RUNTIME, "%s: failed (%s %d)", editor, WIFEXITED(status) ? "exit status" : "signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static int
read_back(char **to, size_t *m, const char *path, struct err *e)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -1; /* editors may have put another file in its place */
	*m = 0;
	*to = NULL;
	if (fd < 0 || fstat(fd, &st)) {
		err_errno(e, "%s: cannot read what was edited", path);
	} else if ((*to = mem_zalloc((size_t)st.st_size, 1, "a text", e))) {
		ssize_t n = 1;
		while (*m < (size_t)st.st_size && (n = read(fd, *to + *m, (size_t)st.st_size - *m)) > 0)
			*m += (size_t)n;
		rc = n < 0 ? err_errno(e, "%s: cannot read what was edited", path) : 0;
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

int
revise(char **to, size_t *m, const char *text, size_t n, struct keys *k, struct err *e)
{
	const char *folder = getenv("TMPDIR");
	char *path;
	if (asprintf(&path, "%s/trate-XXXXXX", folder && *folder ? folder : "/tmp") < 0)
		return err_nomem(e, 64, "a name");
	int fd = mkostemp(path, O_CLOEXEC), rc = -1; /* mode 0600 */
	if (fd < 0) {
		err_errno(e, "%s: cannot make a temporary file", path);
		free(path);
		return -1;
	}
	keys_remove_at_end(path);
	ssize_t written = write(fd, text, n);
	if (close(fd) || written < 0 || (size_t)written < n) {
		err_errno(e, "%s: cannot write", path);
	} else {
		keys_lend(k, true);
		rc = run_editor(path, k, e) || read_back(to, m, path, e) ? -1 : 0;
		keys_lend(k, false);
	}
	if (rc == 0 && *m && (*to)[*m - 1] == '\n' && (n == 0 || text[n - 1] != '\n'))
		--*m;
	unlink(path);
	keys_remove_at_end(NULL);
	free(path);
	return rc;
}
