/* Record streams in and out, and their provenance. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/mem.h"
#include "common/state.h"

bool
cli_is_standard(const char *path)
{
	return !path || strcmp(path, "-") == 0;
}

/* A pipe of 1 MiB instead of 64 KiB moves three times as many bytes a second. Best effort. */
static void
widen_pipe(int fd)
{
	fcntl(fd, F_SETPIPE_SZ, 1 << 20);
}

int
cli_input(const char *path, const char **name)
{
	struct err e;
	struct stat st;
	int fd = STDIN_FILENO;
	*name = cli_is_standard(path) ? "standard input" : path;
	if (cli_is_standard(path) && isatty(STDIN_FILENO))
		cli_usage("standard input is a terminal; usage: %s [options] %s", cli_name(),
		    cli_state.tool->operands);
	if (!cli_is_standard(path) && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
		err_errno(&e, "%s: cannot open", path);
		cli_fail(&e);
	}
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		cli_die(ERR_DATA, "%s: is a directory", *name);
	widen_pipe(fd);
	return fd;
}

struct ten_reader *
cli_reader(const char *path)
{
	struct err e;
	struct ten_reader *r;
	const char *name;
	int fd = cli_input(path, &name);
	if (ten_reader_open(&r, fd, name, &e))
		cli_fail(&e);
	if (fd != STDIN_FILENO)
		ten_reader_own(r);
	return r;
}

int
cli_field(const struct ten_reader *r, const char *name, enum ten_class cls, unsigned bits, unsigned rank)
{
	struct err e;
	if (ten_head_find(ten_reader_head(r), name) < 0)
		return -1;
	int at = ten_head_need(ten_reader_head(r), ten_reader_name(r), name, cls, bits, rank, &e);
	if (at < 0)
		cli_fail(&e);
	return at;
}

const int32_t *
cli_column(const struct ten_reader *r, const struct ten_value *record, int ids, int field)
{
	if (field < 0)
		return NULL;
	if (record[field].count != record[ids].count)
		cli_die(ERR_DATA, "%s: record %" PRIu64 ": %" PRIu64 " ids but %" PRIu64 " %s", ten_reader_name(r),
		    ten_reader_record(r) - 1, record[ids].count, record[field].count,
		    ten_reader_head(r)->fields[field].name);
	return record[field].data;
}

uint64_t
cli_head_number(const struct ten_reader *r, const char *key, uint64_t absent)
{
	uint64_t v;
	const char *why;
	const struct ten_kv *kv = ten_head_kv(ten_reader_head(r), key);
	if (!kv)
		return absent;
	if (cli_parse_u64(kv->value, &v, &why))
		cli_die(ERR_DATA, "%s: `%s' is `%.40s', which %s", ten_reader_name(r), key,
		    (const char *)kv->value, why);
	return v;
}

/* ---- provenance ---- */

static int
hash_file(int fd, struct ten_input *in, struct err *e)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	size_t room = 1 << 20;
	char *buf = malloc(room);
	XXH3_state_t *state = XXH3_createState();
	int rc = -1;
	if (!buf || !state) {
		err_nomem(e, room, "a read buffer");
		goto out;
	}
	XXH3_128bits_reset(state);
	for (;;) {
		ssize_t n = pread(fd, buf, room, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_errno(e, "%s: cannot read", in->name);
			goto out;
		}
		if (n == 0)
			break;
		XXH3_128bits_update(state, buf, (size_t)n);
		in->size += (uint64_t)n;
		at += n;
	}
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, XXH3_128bits_digest(state));
	memcpy(in->digest, c.digest, sizeof in->digest);
	rc = 0;
out:
	free(buf);
	XXH3_freeState(state);
	return rc;
}

void
cli_note_input(int fd, const char *name)
{
	struct err e;
	struct stat st;
	struct cli_state *s = &cli_state;
	const char *slash = strrchr(name, '/');
	struct ten_input in = {.name = strdup(slash ? slash + 1 : name)};
	if (mem_grow(&s->noted, &s->noted_cap, s->nnoted + 1, sizeof in, "provenance", &e))
		cli_fail(&e);
	if (!in.name)
		cli_die(ERR_RUNTIME, "out of memory");
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && hash_file(fd, &in, &e))
		cli_fail(&e);
	s->noted[s->nnoted++] = in;
}

bool
cli_is_stream(const char *path)
{
	struct stat st;
	return cli_is_standard(path) || (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

void
cli_note_files(char *const *paths)
{
	for (size_t i = 0; i == 0 || paths[i]; i++) {
		const char *name = paths[i];
		int fd = !cli_is_standard(name) && cli_is_stream(name) ? -1 : cli_input(name, &name);
		cli_note_input(fd, name);
		if (fd > STDIN_FILENO)
			close(fd);
		if (!paths[i])
			break;
	}
}

void
cli_need_file(const char *path, const char *what)
{
	if (cli_is_stream(path))
		cli_die(ERR_USAGE, "%s reads its input several times: it needs a file, which %s is not", what,
		    cli_is_standard(path) ? "standard input" : path);
}

void
cli_note_part(const char *name)
{
	cli_state.part = name;
}

void
cli_note_words(char *const *words, size_t n)
{
	cli_state.words = words;
	cli_state.nwords = n;
}

/* The last nodes of the inputs, each once. */
static size_t
parents_of(uint8_t (*parents)[16], const struct ten_head *const *inputs, size_t n)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		if (!inputs[i]->nprovs)
			continue;
		const uint8_t *id = inputs[i]->provs[inputs[i]->nprovs - 1].id;
		bool known = false;
		for (size_t k = 0; k < count && !known; k++)
			known = memcmp(parents[k], id, 16) == 0;
		if (!known)
			memcpy(parents[count++], id, 16);
	}
	return count;
}

void
cli_add_provenance(struct ten_head *head, const struct ten_head *const *inputs, size_t n,
    const uint64_t *seed)
{
	struct err e;
	struct ten_prov p = {.tool = (char *)(uintptr_t)cli_name(),
	    .version = (char *)(uintptr_t)TENON_VERSION, .inputs = cli_state.noted,
	    .ninputs = cli_state.nnoted, .seeded = seed != NULL, .seed = seed ? *seed : 0};
	for (size_t i = 0; i < n; i++)
		if (ten_head_merge_prov(head, inputs[i], &e))
			cli_fail(&e);
	p.parents = cli_zalloc(n, sizeof *p.parents, "provenance");
	p.nparents = parents_of(p.parents, inputs, n);
	p.argv = cli_canonical(&p.nargv, &e);
	if (!p.argv)
		cli_fail(&e);
	if (ten_head_add_prov(head, &p, NULL, &e)) {
		if (p.ninputs > 1 && e.code == ERR_DATA)
			err_prefix(&e, "the names of %zu files are too much for the output's head, give them as one (cat FILE ... | %s)",
			    p.ninputs, cli_name());
		cli_fail(&e);
	}
	for (size_t i = 0; i < p.nargv; i++)
		free(p.argv[i]);
	free(p.argv);
	free(p.parents);
}

/* ---- outputs ---- */

static int
sink_write(void *ctx, struct iovec *iov, int n, struct err *e)
{
	return outfile_writev(ctx, iov, n, e);
}

void
cli_open_raw(struct cli_out *o, const char *path, const struct ten_head *head,
    const struct ten_writer_opts *wopts)
{
	struct err e;
	memset(o, 0, sizeof *o);
	if (cli_is_standard(path) && isatty(STDOUT_FILENO))
		cli_usage("standard output is a terminal and records are binary: use -o FILE or a pipe");
	if (outfile_open(&o->file, path, 0666, &e))
		cli_fail(&e);
	widen_pipe(o->file.fd);
	o->next = cli_state.outs;
	cli_state.outs = o;
	if (ten_writer_open(&o->w, (struct ten_sink){sink_write, &o->file}, head, wopts, &e))
		cli_fail(&e);
}

void
cli_open_out(struct cli_out *o, const char *path, struct ten_head *head,
    const struct ten_head *const *inputs, size_t n, const uint64_t *seed,
    const struct ten_writer_opts *wopts)
{
	cli_add_provenance(head, inputs, n, seed);
	cli_open_raw(o, path, head, wopts);
}

void
cli_write(struct cli_out *o, const struct ten_value *values)
{
	struct err e;
	if (ten_write(o->w, values, &e))
		cli_fail(&e);
}

void
cli_close_out(struct cli_out *o)
{
	struct err e;
	if (ten_writer_end(o->w, &e))
		cli_fail(&e);
	struct cli_out **p = &cli_state.outs;
	while (*p != o)
		p = &(*p)->next;
	*p = o->next;
	ten_writer_free(o->w);
	o->w = NULL;
	if (outfile_commit(&o->file, &e))
		cli_fail(&e);
}
