/* How fast the record stream is: token records, raw, on one core. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/outfile.h"
#include "ten.h"

enum { RUNS = 7, RECORDS = 65536, MOST = 2048 };

static double
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int
die(const struct err *e)
{
	fprintf(stderr, "bench_records: %s\n", e->msg);
	exit(1);
}

/* Records of 1 to 2047 ids, 256 MB in all. */
static void
write_all(struct ten_sink sink)
{
	static int32_t ids[MOST];
	struct ten_head h = {.kind = "tokens"};
	struct ten_writer *w;
	struct err e;
	if (ten_head_add(&h, "ids", TEN_INT, 32, 1, (const uint64_t[]){TEN_RAGGED}, &e) ||
	    ten_writer_open(&w, sink, &h, NULL, &e))
		die(&e);
	for (uint64_t i = 0; i < RECORDS; i++) {
		struct ten_value v = ten_vector(ids, 1 + i * 977 % (MOST - 1));
		ids[i % MOST] = (int32_t)i;
		if (ten_write(w, &v, &e))
			die(&e);
	}
	if (ten_writer_end(w, &e))
		die(&e);
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
	if (rc || n != RECORDS)
		die(&e);
	ten_reader_free(r);
}

/* Writes into memory that is there already: what remains is the stream's own work. */
struct fixed {
	char *p;
	size_t n, cap;
};

static int
fixed_write(void *ctx, struct iovec *iov, int n, struct err *e)
{
	struct fixed *m = ctx;
	for (int i = 0; i < n; i++) {
		if (iov[i].iov_len > m->cap - m->n)
			return err_set(e, ERR_RUNTIME, "the buffer is full");
		memcpy(m->p + m->n, iov[i].iov_base, iov[i].iov_len);
		m->n += iov[i].iov_len;
	}
	return 0;
}

static int
file_write(void *ctx, struct iovec *iov, int n, struct err *e)
{
	return outfile_writev(ctx, iov, n, e);
}

/* Seconds from the first byte to the last through a pipe. */
static double
through_pipe(void)
{
	int fd[2];
	struct err e;
	struct ten_reader *r;
	struct outfile o;
	if (pipe(fd))
		exit(1);
	double start = now();
	pid_t pid = fork();
	if (pid == 0) {
		close(fd[0]);
		if (dup2(fd[1], 1) < 0 || outfile_open(&o, NULL, 0666, &e))
			die(&e);
		write_all((struct ten_sink){file_write, &o});
		if (outfile_commit(&o, &e))
			die(&e);
		_exit(0);
	}
	close(fd[1]);
	if (ten_reader_open(&r, fd[0], "pipe", &e))
		die(&e);
	read_all(r);
	double seconds = now() - start;
	close(fd[0]);
	waitpid(pid, NULL, 0);
	return seconds;
}

static void
report(const char *what, size_t bytes, double seconds)
{
	printf("records/%s GB/s %.2f\n", what, (double)bytes / seconds / 1e9);
	fflush(stdout);
}

int
main(void)
{
	struct fixed m = {malloc((size_t)300 << 20), 0, (size_t)300 << 20};
	double best[4] = {1e9, 1e9, 1e9, 1e9};
	cpu_set_t all, one;
	struct err e;
	if (!m.p || sched_getaffinity(0, sizeof all, &all))
		return 1;
	for (int i = 0; i < RUNS; i++) {
		struct ten_reader *r;
		double t = now();
		m.n = 0;
		write_all((struct ten_sink){fixed_write, &m});
		best[1] = now() - t < best[1] ? now() - t : best[1];
		t = now();
		if (ten_reader_open_mem(&r, m.p, m.n, "memory", &e))
			die(&e);
		read_all(r);
		best[0] = now() - t < best[0] ? now() - t : best[0];
	}
	for (int i = 0; i < RUNS; i++) {
		double t = through_pipe();
		best[2] = t < best[2] ? t : best[2];
		CPU_ZERO(&one);
		CPU_SET(0, &one);
		sched_setaffinity(0, sizeof one, &one);
		t = through_pipe();
		best[3] = t < best[3] ? t : best[3];
		sched_setaffinity(0, sizeof all, &all);
	}
	report("read_verify", m.n, best[0]);
	report("write", m.n, best[1]);
	report("pipe_two_cores", m.n, best[2]);
	report("pipe_one_core", m.n, best[3]);
	free(m.p);
	return 0;
}
