/* tcheck - verify every hash and every rule of record streams. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/kinds.h"
#include "common/show.h"

static bool quiet;

static const struct cli_opt opts[] = {CLI_QUIET(&quiet)};

static const struct cli_tool tool = {"tcheck", "[file ...]",
    "Verifies every hash and every rule of record streams.", opts, sizeof opts / sizeof opts[0],
    "tcheck train.ten\n"
    "tcheck *.ten\n"
    "tcat -z train.ten | tcheck"};

struct totals {
	uint64_t records, bytes;
	char kind[64];
};

/* Every byte is read and hashed, every record looked at. */
static int
check_stream(int fd, const char *name, struct totals *t, struct err *e)
{
	struct ten_reader *r = NULL;
	struct ten_value *values = NULL;
	struct kind_check k;
	int rc = -1;
	if (ten_reader_open(&r, fd, name, e))
		return -1;
	const struct ten_head *h = ten_reader_head(r);
	values = mem_zalloc(h->nfields, sizeof *values, "fields", e);
	if (!values || kind_check_open(&k, h, name, e))
		goto out;
	while ((rc = ten_read(r, values, e)) == 1) {
		t->records++;
		if (kind_check_record(&k, values, e)) {
			rc = err_prefix(e, "%s: record %" PRIu64 " (in the block at offset %" PRIu64 ")", name,
			    t->records - 1, ten_reader_offset(r));
			break;
		}
	}
	if (rc == 0 && (rc = kind_check_end(&k, t->records, e)))
		err_prefix(e, "%s", name);
	memcpy(t->kind, h->kind, sizeof t->kind);
	t->bytes = ten_reader_offset(r);
out:
	free(values);
	ten_reader_free(r);
	return rc;
}

static int
check(const char *path, struct totals *t, const char **name, struct err *e)
{
	*name = path && strcmp(path, "-") ? path : "standard input";
	if (*name != path)
		return check_stream(cli_input(path, name), *name, t, e);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "%s: cannot open", path);
	int rc = check_stream(fd, path, t, e);
	close(fd);
	return rc;
}

int
main(int argc, char **argv)
{
	size_t n;
	int status = 0;
	char **operands = cli_parse(&tool, argc, argv, &n);
	for (size_t i = 0; i < (n ? n : 1); i++) {
		struct totals t = {0};
		struct err e;
		const char *name;
		if (check(n ? operands[i] : NULL, &t, &name, &e)) {
			fflush(stdout);
			cli_warn("%s", e.msg);
			status = status ? status : e.code;
			continue;
		}
		if (quiet)
			continue;
		show_text(stdout, name, strlen(name), 0);
		fputs(": ok: ", stdout);
		show_text(stdout, t.kind, strlen(t.kind), 0);
		printf(", %" PRIu64 " records, %" PRIu64 " bytes\n", t.records, t.bytes);
	}
	cli_close_stdout();
	return status;
}
