/* The team over MPI (Message Passing Interface 3.1). Only the thread that opened it may call. */
#include "train/team.h"

#ifndef TENON_MPI

int
team_join(struct team **t, struct err *e)
{
	size_t n = team_started();
	*t = NULL;
	return n == 1 ? 0 : err_set(e, ERR_USAGE, "started as one of %zu ranks, but built without MPI: start it alone, or"
	    " build with libopenmpi-dev installed", n);
}

#else

#include <mpi.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MANY = 1 << 30 }; /* bytes of a message: counts are int */

struct over_mpi {
	MPI_Comm all;
	MPI_Request *started;
	size_t n, cap;
	double *sums; /* (size, TEAM_SUMS) */
};

/* ---- waiting ---- */

static double
now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static int
failed(struct err *e, const char *what, int rc)
{
	char text[MPI_MAX_ERROR_STRING] = "";
	int n;
	MPI_Error_string(rc, text, &n);
	return err_set(e, ERR_RUNTIME, "the other ranks: %s: %s", what, text);
}

static bool
all_done(struct over_mpi *m, int *rc)
{
	int done = 1;
	*rc = m->n ? MPI_Testall((int)m->n, m->started, &done, MPI_STATUSES_IGNORE) : MPI_SUCCESS;
	return done || *rc != MPI_SUCCESS;
}

/* The other ranks may need this processor: waiting gives way at once, and sleeps when it takes long. */
static int
finish(struct team *t, struct err *e)
{
	struct over_mpi *m = t->own;
	double start = now(), waited = 0;
	int rc;
	while (!all_done(m, &rc)) {
		if (t->limit > 0 && waited > t->limit)
			return err_set(e, ERR_RUNTIME, "another rank has not answered for %.0f seconds", waited);
		if (waited < 0.01)
			sched_yield();
		else
			nanosleep(&(struct timespec){0, 50000}, NULL);
		waited = now() - start;
	}
	m->n = 0;
	return rc == MPI_SUCCESS ? 0 : failed(e, "cannot exchange", rc);
}

static void
progress(struct team *t)
{
	int rc;
	if (all_done(t->own, &rc) && rc == MPI_SUCCESS)
		((struct over_mpi *)t->own)->n = 0;
}

static MPI_Request *
another(struct over_mpi *m, struct err *e)
{
	return mem_grow(&m->started, &m->cap, m->n + 1, sizeof *m->started, "messages", e) ? NULL : &m->started[m->n];
}

static int
begun(struct over_mpi *m, int rc, struct err *e)
{
	m->n += rc == MPI_SUCCESS;
	return rc == MPI_SUCCESS ? 0 : failed(e, "cannot start an exchange", rc);
}

/* ---- calls ---- */

static int
sum(struct team *t, double *x, size_t n, struct err *e)
{
	struct over_mpi *m = t->own;
	MPI_Request *r = another(m, e);
	if (!r || begun(m, MPI_Iallgather(x, (int)n, MPI_DOUBLE, m->sums, (int)n, MPI_DOUBLE, m->all, r), e) || finish(t, e))
		return -1;
	for (size_t i = 0; i < n; i++) {
		x[i] = m->sums[i];
		for (size_t k = 1; k < t->size; k++)
			x[i] += m->sums[k * n + i];
	}
	return 0;
}

static int
send(struct team *t, size_t to, const real *x, size_t n, struct err *e)
{
	struct over_mpi *m = t->own;
	MPI_Request *r = another(m, e);
	return r ? begun(m, MPI_Isend(x, (int)(n * sizeof *x), MPI_BYTE, (int)to, 0, m->all, r), e) : -1;
}

static int
receive(struct team *t, size_t from, real *x, size_t n, struct err *e)
{
	struct over_mpi *m = t->own;
	MPI_Request *r = another(m, e);
	return r ? begun(m, MPI_Irecv(x, (int)(n * sizeof *x), MPI_BYTE, (int)from, 0, m->all, r), e) : -1;
}

static int
share(struct team *t, size_t from, void *p, size_t bytes, struct err *e)
{
	struct over_mpi *m = t->own;
	for (size_t at = 0; at < bytes; at += MANY) {
		size_t n = bytes - at < MANY ? bytes - at : MANY;
		MPI_Request *r = another(m, e);
		if (!r || begun(m, MPI_Ibcast((char *)p + at, (int)n, MPI_BYTE, (int)from, m->all, r), e))
			return -1;
	}
	return 0;
}

static void
leave(struct team *t, int status)
{
	struct over_mpi *m = t->own;
	if (status != 0 && status != ERR_SAVED)
		MPI_Abort(m->all, status);
	MPI_Finalize();
	free(m->started);
	free(m->sums);
	free(m);
	free(t);
}

/* ---- joining ---- */

static int
meet(struct team *t, struct over_mpi *m, struct err *e)
{
	int rank, size, near, given, rc = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given);
	MPI_Comm machine;
	if (rc != MPI_SUCCESS)
		return err_set(e, ERR_RUNTIME, "MPI cannot be started");
	m->all = MPI_COMM_WORLD;
	MPI_Comm_set_errhandler(m->all, MPI_ERRORS_RETURN);
	MPI_Comm_rank(m->all, &rank);
	MPI_Comm_size(m->all, &size);
	if ((rc = MPI_Comm_split_type(m->all, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &machine)) != MPI_SUCCESS)
		return failed(e, "cannot meet", rc);
	MPI_Comm_size(machine, &near);
	MPI_Comm_free(&machine);
	t->rank = (size_t)rank;
	t->size = (size_t)size;
	t->neighbours = (size_t)near;
	m->sums = mem_zalloc(t->size * TEAM_SUMS, sizeof *m->sums, "sums", e);
	return m->sums ? 0 : -1;
}

int
team_join(struct team **t, struct err *e)
{
	static const struct team_calls calls = {sum, send, receive, share, progress, finish, leave};
	*t = NULL;
	if (team_started() == 1)
		return 0;
	struct team *new = mem_zalloc(1, sizeof *new, "team", e);
	struct over_mpi *m = mem_zalloc(1, sizeof *m, "team", e);
	if (new && m && meet(new, m, e) == 0) {
		new->calls = &calls;
		new->own = m;
		*t = new;
		return 0;
	}
	free(new);
	free(m);
	return -1;
}

#endif
