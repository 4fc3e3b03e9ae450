/* Arrays of NumPy into records. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/infile.h"
#include "base/mem.h"
#include "common/cli.h"
#include "import/arrays.h"
#include "npy.h"

enum { AT_ONCE = 1 << 20 };

struct rows {
	struct infile in;
	struct npy shape;
	struct cli_out out;
	bool open;          /* the output */
	struct npy first;   /* of the first file */
	char *buf;
	size_t cap;
	uint64_t records;
};

static void
read_header(struct rows *r)
{
	struct err e;
	size_t have = 0, got, size = NPY_BEGIN;
	int rc;
	do {
		if (mem_grow(&r->buf, &r->cap, size, 1, "a header", &e) || infile_read_all(&r->in, r->buf + have, size - have, &got, &e))
			cli_fail(&e);
		if (got < size - have && have + got > 0 && npy_parse(&r->shape, (uint8_t *)r->buf, have + got, &(size_t){0}, &e) < 0)
			cli_die(e.code, "%s: %s", r->in.name, e.msg);
		if (got < size - have)
			cli_die(ERR_DATA, "%s: %s", r->in.name, have + got ? "is cut short within its header" : "is empty");
		have = size;
		rc = npy_parse(&r->shape, (uint8_t *)r->buf, have, &size, &e);
	} while (rc == 0);
	if (rc < 0)
		cli_die(e.code, "%s: %s", r->in.name, e.msg);
}

/* n bytes, for which memory grows as they arrive. */
static void
read_rows(struct rows *r, size_t n, uint64_t row)
{
	struct err e;
	for (size_t have = 0, got; have < n; have += got) {
		size_t want = n - have < AT_ONCE ? n - have : AT_ONCE;
		if (mem_grow(&r->buf, &r->cap, have + want, 1, "a row", &e) || infile_read_all(&r->in, r->buf + have, want, &got, &e))
			cli_fail(&e);
		if (got < want)
			cli_die(ERR_DATA, "%s: is cut short within row %" PRIu64 " of %" PRIu64, r->in.name, row + (have + got) / r->shape.row,
			    r->shape.rank ? r->shape.dims[0] : 1);
	}
}

static void
open_output(struct rows *r, const struct arrays *a)
{
	struct err e;
	struct ten_head h = {.kind = "arrays"};
	struct ten_writer_opts o = {.zstd_level = a->zstd, .byte_split = a->zstd > 0};
	const struct npy *s = &r->shape;
	if (r->open) {
		bool same = s->cls == r->first.cls && s->bits == r->first.bits && s->rank == r->first.rank;
		for (unsigned i = 1; i < s->rank && same; i++)
			same = s->dims[i] == r->first.dims[i];
		if (!same)
			cli_die(ERR_DATA, "%s: its rows are of another type or shape than those of the first file", r->in.name);
		return;
	}
	if (ten_head_add(&h, a->name, s->cls, s->bits, s->rank ? s->rank - 1 : 0, s->dims + 1, &e))
		cli_fail(&e);
	cli_open_out(&r->out, a->output, &h, NULL, 0, NULL, &o);
	ten_head_free(&h);
	r->first = *s;
	r->open = true;
}

static void
import_file(struct rows *r, const struct arrays *a)
{
	struct err e;
	size_t more;
	read_header(r);
	open_output(r, a);
	const struct npy *s = &r->shape;
	uint64_t rows = s->rank ? s->dims[0] : 1, at_once = s->row < AT_ONCE ? AT_ONCE / s->row : 1;
	struct ten_value v = {.count = s->row / (s->bits / 8)};
	for (unsigned i = 1; i < s->rank; i++)
		v.dims[i - 1] = s->dims[i];
	for (uint64_t done = 0, n; done < rows; done += n) {
		n = rows - done < at_once ? rows - done : at_once;
		read_rows(r, (size_t)(n * s->row), done);
		for (uint64_t i = 0; i < n; i++) {
			v.data = r->buf + i * s->row;
			cli_write(&r->out, &v);
		}
	}
	r->records += rows;
	if (infile_read(&r->in, &(char){0}, 1, &more, &e))
		cli_fail(&e);
	if (more)
		cli_die(ERR_DATA, "%s: goes on behind the %" PRIu64 " rows of its header", r->in.name, rows);
}

void
import_npy(const struct arrays *a)
{
	struct rows r = {0};
	for (size_t i = 0; i < a->n; i++) {
		const char *name;
		int fd = cli_input(a->files[i], &name);
		infile_open(&r.in, fd, name);
		import_file(&r, a);
		infile_close(&r.in);
		if (fd != STDIN_FILENO)
			close(fd);
	}
	if (!r.records)
		cli_die(ERR_DATA, "the arrays have no rows");
	cli_close_out(&r.out);
	cli_account(a->quiet, "records_out=%" PRIu64, r.records);
	free(r.buf);
}
