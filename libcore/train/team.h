/* team.h - the ranks that train one model together: several processes, each with a part of every step's rows.
 *
 * NULL is a team of one, which is what every trainer is by itself. All ranks make the same calls in the same order. What a
 * call moves must stay where it is until team_finish. Results do not depend on the order in which messages arrive. */
#ifndef TENON_TRAIN_TEAM_H
#define TENON_TRAIN_TEAM_H

#include <stddef.h>

#include "base/mem.h"

enum { TEAM_SUMS = 64 }; /* numbers that one sum may have */

struct team;

struct team_calls {
	int (*sum)(struct team *t, double *x, size_t n, struct err *e);
	int (*send)(struct team *t, size_t to, const real *x, size_t n, struct err *e);
	int (*receive)(struct team *t, size_t from, real *x, size_t n, struct err *e);
	int (*share)(struct team *t, size_t from, void *p, size_t bytes, struct err *e);
	void (*progress)(struct team *t);
	int (*finish)(struct team *t, struct err *e);
	void (*leave)(struct team *t, int status);
};

struct team {
	size_t rank, size;
	size_t neighbours;  /* ranks on this machine, this one included */
	double limit;       /* seconds that waiting may take, 0: any time; the caller's to set */
	const struct team_calls *calls;
	void *own;
};

static inline size_t
team_rank(const struct team *t)
{
	return t ? t->rank : 0;
}

static inline size_t
team_size(const struct team *t)
{
	return t ? t->size : 1;
}

/* Of n things in a row: the first that rank r has; those of rank r end where those of r + 1 begin. */
static inline size_t
team_share_of(size_t n, size_t rank, size_t size)
{
	return n / size * rank + n % size * rank / size;
}

/* x[i] becomes the sum over the ranks, added in their order: the same bits everywhere. n <= TEAM_SUMS. */
static inline int
team_sum(struct team *t, double *x, size_t n, struct err *e)
{
	return t ? t->calls->sum(t, x, n, e) : 0;
}

/* Start: sending to and receiving from a rank, in the order of its calls; p of rank `from` becomes everybody's. */
static inline int
team_send(struct team *t, size_t to, const real *x, size_t n, struct err *e)
{
	return t->calls->send(t, to, x, n, e);
}

static inline int
team_receive(struct team *t, size_t from, real *x, size_t n, struct err *e)
{
	return t->calls->receive(t, from, x, n, e);
}

static inline int
team_share(struct team *t, size_t from, void *p, size_t bytes, struct err *e)
{
	return t && bytes ? t->calls->share(t, from, p, bytes, e) : 0;
}

/* Moves on what has been started, without waiting. */
static inline void
team_progress(struct team *t)
{
	t->calls->progress(t);
}

/* Waits until all that has been started is done. ERR_RUNTIME when a rank does not answer within the limit. */
static inline int
team_finish(struct team *t, struct err *e)
{
	return t ? t->calls->finish(t, e) : 0;
}

/* The end of this rank. A status other than 0 and ERR_SAVED ends all others, too, and may not return. */
static inline void
team_leave(struct team *t, int status)
{
	if (t)
		t->calls->leave(t, status);
}

/* How many ranks the launcher that started this process (mpirun, srun) says there are; 1 when there is none. */
size_t team_started(void);
/* Joins the ranks that have been started together: *t NULL when there is one. The team lives until the process ends. */
int team_join(struct team **t, struct err *e);

#endif
