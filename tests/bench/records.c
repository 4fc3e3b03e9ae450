/* records.c - the record stream: token records, raw; what remains beside memory and a pipe is its own work. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/outfile.h"
#include "bench/bench.h"
#include "ten.h"

enum { MOST = 2048 }; /* ids of a record, and one more; half of that on average */

static size_t records, bytes;
static char *memory;

static void
write_all(struct ten_sink sink)
{
	static int32_t ids[MOST];
	struct ten_head h = {.kind = "tokens"};
	struct ten_writer *w;
	struct err e;
	if (ten_head_add(&h, "ids", TEN_INT, 32, 1, (const uint64_t[]){TEN_RAGGED}, &e) ||
	    ten_writer_open(&w, sink, &h, NULL, &e))
		worker_fail(&e);
	for (uint64_t i = 0; i < records; i++) {
		struct ten_value v = ten_vector(ids, 1 + i * 977 % (MOST - 1));
		ids[i % MOST] = (int32_t)i;
		if (ten_write(w, &v, &e))
			worker_fail(&e);
	}
	if (ten_writer_end(w, &e))
		worker_fail(&e);
	ten_writer_free(w);
	ten_head_free(&h);
}

static void
read_all(struct ten_reader *r)
{
	struct ten_value v;
	struct err e;
	int rc;
	uint64_t n = 0;
	while ((rc = ten_read(r, &v, &e)) > 0)
		n++;
	if (rc)
		worker_fail(&e);
	if (n != records)
		abort();
	ten_reader_free(r);
}

/* Into memory that is there already. */
static int
to_memory(void *ctx, struct iovec *iov, int n, struct err *e)
{
	(void)ctx, (void)e;
	for (int i = 0; i < n; i++) {
		memcpy(memory + bytes, iov[i].iov_base, iov[i].iov_len);
		bytes += iov[i].iov_len;
	}
	return 0;
}

static double
run_write(void)
{
	bytes = 0;
	double t = bench_now();
	write_all((struct ten_sink){to_memory, NULL});
	return (double)bytes / (bench_now() - t);
}

static double
run_read(void)
{
	struct ten_reader *r;
	struct err e;
	double t = bench_now();
	if (ten_reader_open_mem(&r, memory, bytes, "memory", &e))
		worker_fail(&e);
	read_all(r);
	return (double)bytes / (bench_now() - t);
}

static int
to_file(void *ctx, struct iovec *iov, int n, struct err *e)
{
	return outfile_writev(ctx, iov, n, e);
}

static void
send_records(void)
{
	struct err e;
	struct outfile o;
	if (outfile_open(&o, NULL, 0666, &e))
		worker_fail(&e);
	write_all((struct ten_sink){to_file, &o});
	if (outfile_commit(&o, &e))
		worker_fail(&e);
}

static void
receive_records(int fd)
{
	struct err e;
	struct ten_reader *r;
	if (ten_reader_open(&r, fd, "pipe", &e))
		worker_fail(&e);
	read_all(r);
}

enum { PIECE = 1 << 20 };

static void
send_bytes(void)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = write(1, memory, bytes - done < PIECE ? bytes - done : PIECE);
		if (n < 0)
			exit(1);
		done += (size_t)n;
	}
}

static void
receive_bytes(int fd)
{
	while (read(fd, memory, PIECE) > 0)
		;
}

/* From the first byte to the last, from a process to this one. */
static double
through_pipe(void (*send)(void), void (*receive)(int))
{
	int fd[2], status;
	if (pipe(fd))
		exit(1);
	double t = bench_now();
	pid_t pid = fork();
	if (pid == 0) {
		close(fd[0]);
		if (dup2(fd[1], 1) < 0)
			_exit(1);
		send();
		_exit(0);
	}
	close(fd[1]);
	receive(fd[0]);
	t = bench_now() - t;
	close(fd[0]);
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		exit(1);
	return (double)bytes / t;
}

static double
run_pipe(void)
{
	return through_pipe(send_records, receive_records);
}

static double
run_plain_pipe(void)
{
	return through_pipe(send_bytes, receive_bytes);
}

/* worker: records read|write|pipe|plain-pipe RECORDS; bytes a second */
worker_run *
worker_records(char **operands, int n)
{
	static const struct {
		const char *name;
		worker_run *run;
	} ways[] = {{"read", run_read}, {"write", run_write}, {"pipe", run_pipe}, {"plain-pipe", run_plain_pipe}};
	records = worker_number(operands, n, 1);
	/* ids, their counts and checksums, the last block and the ends of the stream */
	memory = malloc(records * (MOST / 2 + 64) * sizeof(int32_t) + ((size_t)8 << 20));
	if (!records || !memory)
		return NULL;
	run_write();
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (strcmp(operands[0], ways[i].name) == 0)
			return ways[i].run;
	return NULL;
}

void
bench_records(struct bench *b)
{
	static const char *const ways[][3] = {{"records/read and verify", "read", "reading memory, one core"},
	    {"records/write", "write", "copying memory, one core"}, {"records/pipe", "pipe", "a pipe of bytes"}};
	int n = b->tiny ? 100 : 65536;
	size_t size = (size_t)n * MOST / 2 * sizeof(int32_t);
	for (int i = 0; i < 3; i++) {
		bench_begin(b);
		int ours = bench_worker(b, "ours", "records %s %d", ways[i][1], n);
		int roof = i < 2 ? bench_worker(b, ways[i][2], "%s %zu 1", i ? "copy" : "read", size)
		                 : bench_worker(b, ways[i][2], "records plain-pipe %d", n);
		bench_measure(b);
		/* a copy counts what is read and what is written; the writer what is written */
		bench_line(b, &(struct line){.what = ways[i][0], .ours = ours, .beside = roof, .scale = i == 1 ? 2e-9 : 1e-9,
		    .scale_beside = 1e-9, .unit = "GB/s"});
	}
}
