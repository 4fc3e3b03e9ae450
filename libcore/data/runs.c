#include "data/runs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/tempfile.h"

/* A run that is being read or written has a buffer; one that waits is a descriptor alone. */
enum { RUN_BUFFER = 1 << 16, FEWEST_RUNS = 2, MOST_RUNS = 256 };

/* An item in memory: its bytes are at room + at. */
struct entry {
	struct run_item item;
	size_t at;
};

void
sorter_open(struct sorter *s, size_t limit)
{
	*s = (struct sorter){.limit = limit};
}

static void
close_run(struct run *r)
{
	if (r->f)
		fclose(r->f);
	if (r->fd >= 0)
		close(r->fd);
	free(r->bytes);
	*r = (struct run){.fd = -1};
}

void
sorter_close(struct sorter *s)
{
	for (size_t i = 0; i < s->nruns; i++)
		close_run(&s->runs[i]);
	free(s->runs);
	free(s->room);
	free(s->heap);
	memset(s, 0, sizeof *s);
}

static int
before(const struct run_item *a, const struct run_item *b)
{
	return a->key != b->key ? a->key < b->key : a->number < b->number;
}

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	return before(&x->item, &y->item) ? -1 : 1;
}

/* ---- runs ---- */

static int
open_run(struct run *r, struct err *e)
{
	*r = (struct run){.fd = tempfile_open(e)};
	return r->fd < 0 ? -1 : 0;
}

/* A buffered stream over the run from its start. */
static int
attach(struct run *r, const char *mode, struct err *e)
{
	int fd = dup(r->fd);
	r->f = fd < 0 || lseek(fd, 0, SEEK_SET) < 0 ? NULL : fdopen(fd, mode);
	if (!r->f) {
		if (fd >= 0)
			close(fd);
		return err_errno(e, TEMPFILE_NAME);
	}
	setvbuf(r->f, NULL, _IOFBF, RUN_BUFFER);
	return 0;
}

static int
detach(struct run *r, struct err *e)
{
	int rc = fclose(r->f);
	r->f = NULL;
	return rc ? err_errno(e, TEMPFILE_NAME) : 0;
}

static int
put(struct run *r, const struct run_item *it, const void *bytes, struct err *e)
{
	if (fwrite(it, sizeof *it, 1, r->f) != 1 || (it->size && fwrite(bytes, it->size, 1, r->f) != 1))
		return err_errno(e, TEMPFILE_NAME);
	return 0;
}

/* A buffer for `size` bytes and no more. */
static int
hold(struct run *r, size_t size, struct err *e)
{
	if (size <= r->cap)
		return 0;
	free(r->bytes);
	r->cap = 0;
	r->bytes = malloc(size);
	if (!r->bytes)
		return err_nomem(e, size, "a record");
	r->cap = size;
	return 0;
}

/* The next item of a run into r->item and r->bytes: 1, 0 at its end, -1. */
static int
get(struct run *r, struct err *e)
{
	size_t got = fread(&r->item, 1, sizeof r->item, r->f);
	if (got == 0 && !ferror(r->f))
		return 0;
	if (got != sizeof r->item)
		return err_errno(e, TEMPFILE_NAME);
	if (hold(r, r->item.size, e))
		return -1;
	if (r->item.size && fread(r->bytes, r->item.size, 1, r->f) != 1)
		return err_errno(e, TEMPFILE_NAME);
	return 1;
}

/* ---- the items in memory: bytes from the front of the room, entries from its back ---- */

/* What n entries take: sorting them needs as much again. */
static size_t
entries_size(size_t n)
{
	return 2 * n * sizeof(struct entry);
}

static struct entry *
entries(const struct sorter *s)
{
	return (struct entry *)(s->room + s->cap) - s->n;
}

static void
drop_room(struct sorter *s)
{
	free(s->room);
	s->room = NULL;
	s->cap = s->n = s->nbytes = 0;
}

/* A room of the limit, or of what one item alone needs. Pages that nothing touches take no memory. */
static int
make_room(struct sorter *s, size_t need, struct err *e)
{
	size_t cap = (need < s->limit ? s->limit : need) & ~(sizeof(struct entry) - 1);
	cap += sizeof(struct entry);
	drop_room(s);
	s->room = malloc(cap);
	if (!s->room)
		return err_nomem(e, cap, "records");
	s->cap = cap;
	return 0;
}

static int
spill(struct sorter *s, struct err *e)
{
	if (mem_grow(&s->runs, &s->cap_runs, s->nruns + 1, sizeof *s->runs, "runs", e))
		return -1;
	struct run *r = &s->runs[s->nruns++];
	if (open_run(r, e) || attach(r, "w", e))
		return -1;
	struct entry *first = entries(s);
	qsort(first, s->n, sizeof *first, compare);
	int rc = 0;
	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = put(r, &first[i].item, s->room + first[i].at, e);
	s->n = s->nbytes = 0;
	return rc || detach(r, e) ? -1 : 0;
}

static size_t fan_in(const struct sorter *s);
static int merge_first(struct sorter *s, size_t n, struct err *e);

/* Writes what is in memory, and merges runs where they have become many. */
static int
make_way(struct sorter *s, struct err *e)
{
	if (spill(s, e))
		return -1;
	if (s->nruns < MOST_RUNS)
		return 0;
	drop_room(s);
	for (size_t n = fan_in(s); s->nruns > MOST_RUNS / 2;)
		if (merge_first(s, n, e))
			return -1;
	return 0;
}

int
sorter_add(struct sorter *s, uint64_t key, const void *bytes, size_t size, struct err *e)
{
	size_t need;
	if (add_overflows(entries_size(s->n + 1) + s->nbytes, size, &need))
		return err_nomem(e, size, "a record");
	if (s->n && need > s->cap) {
		if (make_way(s, e))
			return -1;
		need = entries_size(1) + size;
	}
	if (need > s->cap && make_room(s, need, e))
		return -1;
	if (size)
		memcpy(s->room + s->nbytes, bytes, size);
	s->n++;
	*entries(s) = (struct entry){{key, s->count++, size}, s->nbytes};
	s->nbytes += size;
	s->largest = size > s->largest ? size : s->largest;
	return 0;
}

/* ---- merging ---- */

static void
sift(struct sorter *s, size_t i)
{
	size_t moving = s->heap[i];
	for (size_t child; (child = 2 * i + 1) < s->nheap; i = child) {
		if (child + 1 < s->nheap &&
		    before(&s->runs[s->heap[child + 1]].item, &s->runs[s->heap[child]].item))
			child++;
		if (!before(&s->runs[s->heap[child]].item, &s->runs[moving].item))
			break;
		s->heap[i] = s->heap[child];
	}
	s->heap[i] = moving;
}

/* How many runs the memory can hold open, each with a buffer and its next record. */
static size_t
fan_in(const struct sorter *s)
{
	size_t n = s->limit / (RUN_BUFFER + s->largest);
	return n < FEWEST_RUNS ? FEWEST_RUNS : n > MOST_RUNS ? MOST_RUNS : n;
}

/* Makes a heap of the first n runs. */
static int
start_merge(struct sorter *s, size_t n, struct err *e)
{
	free(s->heap);
	s->nheap = 0;
	s->heap = mem_zalloc(n, sizeof *s->heap, "runs", e);
	if (!s->heap)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int got = attach(&s->runs[i], "r", e) ? -1 : get(&s->runs[i], e);
		if (got < 0)
			return -1;
		if (got)
			s->heap[s->nheap++] = i;
	}
	for (size_t i = s->nheap / 2; i-- > 0;)
		sift(s, i);
	return 0;
}

/* Moves on past the smallest item. */
static int
advance(struct sorter *s, struct err *e)
{
	int got = get(&s->runs[s->heap[0]], e);
	if (got < 0)
		return -1;
	if (!got)
		s->heap[0] = s->heap[--s->nheap];
	if (s->nheap)
		sift(s, 0);
	return 0;
}

/* Merges the first n runs into one at the end. */
static int
merge_first(struct sorter *s, size_t n, struct err *e)
{
	struct run to = {.fd = -1};
	int rc = start_merge(s, n, e) || open_run(&to, e) || attach(&to, "w", e) ? -1 : 0;
	while (s->nheap && rc == 0) {
		const struct run *r = &s->runs[s->heap[0]];
		rc = put(&to, &r->item, r->bytes, e) || advance(s, e) ? -1 : 0;
	}
	for (size_t i = 0; i < n; i++)
		close_run(&s->runs[i]);
	memmove(s->runs, s->runs + n, (s->nruns - n) * sizeof *s->runs);
	s->nruns -= n;
	s->runs[s->nruns++] = to;
	return rc || detach(&s->runs[s->nruns - 1], e) ? -1 : 0;
}

int
sorter_finish(struct sorter *s, struct err *e)
{
	if (s->nruns == 0) { /* all in memory */
		if (s->n)
			qsort(entries(s), s->n, sizeof(struct entry), compare);
		return 0;
	}
	if (s->n && spill(s, e))
		return -1;
	drop_room(s);
	size_t most = fan_in(s);
	while (s->nruns > most)
		if (merge_first(s, s->nruns - most + 1 < most ? s->nruns - most + 1 : most, e))
			return -1;
	return start_merge(s, s->nruns, e);
}

int
sorter_next(struct sorter *s, const void **bytes, size_t *size, struct err *e)
{
	if (s->nruns == 0) {
		if (s->next == s->n)
			return 0;
		const struct entry *it = &entries(s)[s->next++];
		*bytes = s->room + it->at;
		*size = it->item.size;
		return 1;
	}
	/* the run whose item was given last moves on only now: the bytes are its own */
	if (s->next && s->nheap && advance(s, e))
		return -1;
	s->next = 1;
	if (!s->nheap)
		return 0;
	*bytes = s->runs[s->heap[0]].bytes;
	*size = s->runs[s->heap[0]].item.size;
	return 1;
}
