/* Outputs that appear whole or not at all. Each test works in an empty folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/outfile.h"

static char dir[256];

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	(void)state;
	snprintf(dir, sizeof dir, "%s/outfile-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	char cmd[300];
	(void)state;
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
	return chdir("/") || system(cmd);
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const char *
get(const char *name)
{
	static char buf[256];
	FILE *f = fopen(name, "r");
	if (!f)
		return NULL;
	buf[fread(buf, 1, sizeof buf - 1, f)] = '\0';
	fclose(f);
	return buf;
}

/* Names in the current folder, sorted. */
static const char *
names(void)
{
	static char out[1024];
	struct dirent **list;
	int n = scandir(".", &list, NULL, alphasort);
	out[0] = '\0';
	for (int i = 0; i < n; i++) {
		if (strcmp(list[i]->d_name, ".") && strcmp(list[i]->d_name, "..")) {
			strcat(out, list[i]->d_name);
			strcat(out, " ");
		}
		free(list[i]);
	}
	free(list);
	return out;
}

static void
whole(void **state)
{
	struct outfile o;
	struct err e;
	(void)state;
	put("a", "old");
	assert_int_equal(outfile_open(&o, "a", 0666, &e), 0);
	assert_string_equal(names(), ".a.lock .a.tmp a ");
	assert_int_equal(outfile_write(&o, "new", 3, &e), 0);
	assert_string_equal(get("a"), "old");
	assert_int_equal(outfile_commit(&o, &e), 0);
	assert_string_equal(get("a"), "new");
	assert_string_equal(names(), "a ");
	outfile_discard(&o);
}

static void
discarded(void **state)
{
	struct outfile o, zero = {0};
	struct err e;
	(void)state;
	put("a", "old");
	assert_int_equal(outfile_open(&o, "./a", 0666, &e), 0);
	assert_int_equal(outfile_write(&o, "new", 3, &e), 0);
	outfile_discard(&o);
	outfile_discard(&o);
	outfile_discard(&zero);
	assert_string_equal(get("a"), "old");
	assert_string_equal(names(), "a ");
}

/* More pieces than one writev takes, empty ones among them. */
static void
many_pieces(void **state)
{
	enum { N = 3000 };
	static struct iovec iov[N];
	struct outfile o;
	struct err e;
	struct stat st;
	(void)state;
	for (int i = 0; i < N; i++)
		iov[i] = (struct iovec){"xyz", (size_t)(i % 4)};
	assert_int_equal(outfile_open(&o, "a", 0600, &e), 0);
	assert_int_equal(outfile_writev(&o, iov, N, &e), 0);
	assert_int_equal(outfile_commit(&o, &e), 0);
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_size, N / 4 * 6);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void
keeps_permissions(void **state)
{
	struct outfile o;
	struct err e;
	struct stat st;
	(void)state;
	put("a", "secret");
	chmod("a", 0600);
	assert_int_equal(outfile_open(&o, "a", 0666, &e), 0);
	assert_int_equal(outfile_commit(&o, &e), 0);
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* A new file is made under the umask, a replaced one is as it was. */
static void
umask_is_for_new_files(void **state)
{
	struct outfile o;
	struct err e;
	struct stat st;
	const char *name[] = {"a", "b"};
	const mode_t want[] = {0664, 0600};
	(void)state;
	put("a", "shared");
	chmod("a", 0775);
	mode_t old = umask(077);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(outfile_open(&o, name[i], 0666, &e), 0);
		assert_int_equal(outfile_commit(&o, &e), 0);
		assert_int_equal(stat(name[i], &st), 0);
		assert_int_equal(st.st_mode & 0777, want[i]);
	}
	umask(old);
}

static void
second_writer(void **state)
{
	struct outfile o, p;
	struct err e;
	(void)state;
	assert_int_equal(outfile_open(&o, "a", 0666, &e), 0);
	assert_int_equal(outfile_open(&p, "a", 0666, &e), -1);
	assert_int_equal(e.code, ERR_RUNTIME);
	assert_string_equal(e.msg, "a: another process is writing it (.a.lock is locked)");
	assert_string_equal(names(), ".a.lock .a.tmp ");
	assert_int_equal(outfile_commit(&o, &e), 0);
	assert_int_equal(outfile_open(&p, "a", 0666, &e), 0);
	outfile_discard(&p);
}

/* What a killed writer left is taken over. */
static void
leftovers(void **state)
{
	struct outfile o;
	struct err e;
	(void)state;
	put(".a.tmp", "half");
	put(".a.lock", "");
	assert_int_equal(outfile_open(&o, "a", 0666, &e), 0);
	assert_int_equal(outfile_commit(&o, &e), 0);
	assert_string_equal(get("a"), "");
	assert_string_equal(names(), "a ");
}

/* A link put at the temporary name must not lead the output elsewhere. */
static void
symlink_at_temporary(void **state)
{
	struct outfile o;
	struct err e;
	(void)state;
	put("victim", "precious");
	assert_int_equal(symlink("victim", ".a.tmp"), 0);
	assert_int_equal(outfile_open(&o, "a", 0666, &e), 0);
	assert_int_equal(outfile_write(&o, "new", 3, &e), 0);
	assert_int_equal(outfile_commit(&o, &e), 0);
	assert_string_equal(get("victim"), "precious");
	assert_string_equal(get("a"), "new");

	assert_int_equal(symlink("victim", ".b.lock"), 0);
	assert_int_equal(outfile_open(&o, "b", 0666, &e), -1);
	assert_int_equal(mkdir(".c.tmp", 0700), 0);
	assert_int_equal(outfile_open(&o, "c", 0666, &e), -1);
	assert_string_equal(get("victim"), "precious");
	assert_string_equal(names(), ".b.lock .c.tmp a victim ");
}

static void
through_symlink(void **state)
{
	struct outfile o;
	struct err e;
	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	put("d/real", "old");
	assert_int_equal(symlink("d/real", "link"), 0);
	assert_int_equal(outfile_open(&o, "link", 0666, &e), 0);
	assert_int_equal(outfile_write(&o, "new", 3, &e), 0);
	assert_int_equal(outfile_commit(&o, &e), 0);
	assert_string_equal(get("d/real"), "new");
	assert_string_equal(names(), "d link ");
}

static void
through_dangling_symlink(void **state)
{
	struct outfile o;
	struct err e;
	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(symlink("d/middle", "link"), 0);
	assert_int_equal(symlink("new", "d/middle"), 0);
	assert_int_equal(outfile_open(&o, "link", 0666, &e), 0);
	assert_int_equal(outfile_write(&o, "new", 3, &e), 0);
	assert_int_equal(outfile_commit(&o, &e), 0);
	assert_string_equal(get("d/new"), "new");
	assert_string_equal(get("link"), "new");
	assert_string_equal(names(), "d link ");

	assert_int_equal(symlink("round", "round"), 0);
	assert_int_equal(outfile_open(&o, "round", 0666, &e), -1);
	assert_string_equal(e.msg, "round: cannot write: Too many levels of symbolic links");
	assert_int_equal(symlink("nowhere/new", "astray"), 0);
	assert_int_equal(outfile_open(&o, "astray", 0666, &e), -1);
	assert_string_equal(names(), "astray d link round ");
}

static void
devices(void **state)
{
	struct outfile o;
	struct err e;
	(void)state;
	assert_int_equal(outfile_open(&o, "/dev/null", 0666, &e), 0);
	assert_false(o.atomic);
	assert_int_equal(outfile_write(&o, "x", 1, &e), 0);
	assert_int_equal(outfile_commit(&o, &e), 0);
	assert_int_equal(outfile_open(&o, "/dev/full", 0666, &e), 0);
	assert_int_equal(outfile_write(&o, "x", 1, &e), -1);
	assert_int_equal(e.code, ERR_RUNTIME);
	assert_string_equal(e.msg, "/dev/full: cannot write: No space left on device");
	outfile_discard(&o);
	assert_int_equal(access("/dev/full", F_OK), 0);
}

static void
bad_names(void **state)
{
	struct outfile o;
	struct err e;
	char name[300];
	(void)state;
	assert_int_equal(outfile_open(&o, "none/a", 0666, &e), -1);
	assert_string_equal(e.msg, "none/a: cannot open the folder none: No such file or directory");
	assert_int_equal(outfile_open(&o, ".", 0666, &e), -1);
	assert_int_equal(outfile_open(&o, "a/", 0666, &e), -1);
	assert_int_equal(outfile_open(&o, "", 0666, &e), -1);
	memset(name, 'n', sizeof name - 1);
	name[254] = '\0'; /* a name of its own, but not with .lock */
	assert_int_equal(outfile_open(&o, name, 0666, &e), -1);
	assert_int_equal(e.code, ERR_RUNTIME);
	assert_string_equal(names(), "");
}

/* The file is gone when the name cannot be taken. */
static void
rename_fails(void **state)
{
	struct outfile o;
	struct err e;
	(void)state;
	assert_int_equal(outfile_open(&o, "a", 0666, &e), 0);
	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(outfile_commit(&o, &e), -1);
	assert_int_equal(e.code, ERR_RUNTIME);
	assert_string_equal(names(), "a ");
}

static void
standard_output(void **state)
{
	struct outfile o;
	struct err e;
	int fds[2];
	char buf[4] = "";
	(void)state;
	fflush(stdout);
	int saved = dup(1);
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], 1);
	int rc = outfile_open(&o, "-", 0666, &e) || outfile_write(&o, "abc", 3, &e) ||
	    outfile_commit(&o, &e) || fcntl(1, F_GETFD) < 0;
	dup2(saved, 1);
	close(saved);
	close(fds[1]);
	assert_int_equal(rc, 0);
	assert_int_equal(read(fds[0], buf, 4), 3);
	assert_string_equal(buf, "abc");
	close(fds[0]);
}

static void
file_size_limit(void **state)
{
	(void)state;
	put("a", "old");
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct outfile o;
		struct err e;
		static char block[8192];
		signal(SIGXFSZ, SIG_IGN);
		struct rlimit limit = {4096, 4096};
		setrlimit(RLIMIT_FSIZE, &limit);
		int rc = outfile_open(&o, "a", 0666, &e) == 0 &&
		    outfile_write(&o, block, sizeof block, &e) == -1 &&
		    strcmp(e.msg, "a: cannot write: File too large") == 0;
		outfile_discard(&o);
		_exit(!rc);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_string_equal(get("a"), "old");
	assert_string_equal(names(), "a ");
}

static void
signal_cleanup(void **state)
{
	struct outfile o, p;
	struct err e;
	(void)state;
	put("a", "old");
	assert_int_equal(outfile_open(&o, "a", 0666, &e), 0);
	assert_int_equal(outfile_open(&p, "b", 0666, &e), 0);
	outfile_signal_cleanup();
	assert_string_equal(names(), "a ");
	outfile_discard(&o);
	outfile_discard(&p);
	outfile_signal_cleanup();
	assert_string_equal(get("a"), "old");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {T(whole), T(discarded), T(many_pieces),
	    T(keeps_permissions), T(umask_is_for_new_files), T(second_writer), T(leftovers), T(symlink_at_temporary),
	    T(through_symlink), T(through_dangling_symlink), T(devices), T(bad_names), T(rename_fails), T(standard_output),
	    T(file_size_limit), T(signal_cleanup)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
