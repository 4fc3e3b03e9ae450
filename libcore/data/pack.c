#include "data/pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
pack_open(struct packer *p, size_t length,
    int (*emit)(void *ctx, const struct pack_row *row, struct err *e), void *ctx)
{
	*p = (struct packer){.length = length, .emit = emit, .ctx = ctx};
}

void
pack_close(struct packer *p)
{
	for (size_t i = 0; i < PACK_OPEN; i++)
		free(p->open[i].ids);
	memset(p, 0, sizeof *p);
}

/* Room for `need` tokens: the columns live in one allocation, `cap` apart. */
static int
grow(struct pack_row *r, size_t need, struct err *e)
{
	if (need <= r->cap)
		return 0;
	size_t cap = r->cap ? r->cap : 64;
	while (cap < need)
		cap *= 2;
	int32_t *to = mem_zalloc(5 * cap, sizeof *to, "a row", e);
	if (!to)
		return -1;
	for (size_t c = 0; c < 5 && r->n; c++)
		memcpy(to + c * cap, r->ids + c * r->cap, r->n * sizeof *to);
	free(r->ids);
	r->cap = cap;
	r->ids = to;
	r->targets = to + cap;
	r->positions = to + 2 * cap;
	r->documents = to + 3 * cap;
	r->words = to + 4 * cap;
	return 0;
}

static int
append(struct pack_row *r, const int32_t *ids, const int32_t *targets, const int32_t *words, size_t n, struct err *e)
{
	if (grow(r, r->n + n, e))
		return -1;
	memcpy(r->ids + r->n, ids, n * sizeof *ids);
	memcpy(r->targets + r->n, targets, n * sizeof *ids);
	if (words)
		memcpy(r->words + r->n, words, n * sizeof *words);
	for (size_t i = 0; i < n; i++) {
		r->positions[r->n + i] = (int32_t)i;
		r->documents[r->n + i] = r->pieces;
	}
	r->n += n;
	r->pieces++;
	return 0;
}

/* Emits open row i; its memory goes to the free places at the end. */
static int
emit(struct packer *p, size_t i, struct err *e)
{
	struct pack_row r = p->open[i];
	int rc = p->emit(p->ctx, &r, e);
	p->rows++;
	memmove(&p->open[i], &p->open[i + 1], (p->nopen - i - 1) * sizeof r);
	p->nopen--;
	r.n = 0;
	r.pieces = 0;
	p->open[p->nopen] = r;
	return rc;
}

static size_t
fullest(const struct packer *p, size_t room)
{
	size_t best = SIZE_MAX;
	for (size_t i = 0; i < p->nopen; i++)
		if (p->open[i].n + room <= p->length && (best == SIZE_MAX || p->open[i].n > p->open[best].n))
			best = i;
	return best;
}

static int
place(struct packer *p, const int32_t *ids, const int32_t *targets, const int32_t *words, size_t n, struct err *e)
{
	size_t at = fullest(p, n);
	if (at == SIZE_MAX) {
		if (p->nopen == PACK_OPEN && emit(p, fullest(p, 0), e))
			return -1;
		at = p->nopen++;
	}
	if (append(&p->open[at], ids, targets, words, n, e))
		return -1;
	return p->open[at].n == p->length ? emit(p, at, e) : 0;
}

int
pack_document(struct packer *p, const int32_t *ids, const int32_t *words, size_t n, struct err *e)
{
	for (size_t i = 0; i + 1 < n; i += p->length) {
		size_t left = n - 1 - i;
		if (place(p, ids + i, ids + i + 1, words ? words + i : NULL, left < p->length ? left : p->length, e))
			return -1;
	}
	return 0;
}

int
pack_targets(struct packer *p, const int32_t *ids, const int32_t *targets, const int32_t *words, size_t n, struct err *e)
{
	if (n > p->length)
		return err_set(e, ERR_DATA, "%zu tokens with targets, rows have at most %zu", n, p->length);
	return n ? place(p, ids, targets, words, n, e) : 0;
}

int
pack_row(struct packer *p, const int32_t *ids, const int32_t *words, size_t n, struct err *e)
{
	size_t at = p->nopen++;
	return append(&p->open[at], ids, ids + 1, words, n - 1, e) || emit(p, at, e) ? -1 : 0;
}

int
pack_finish(struct packer *p, struct err *e)
{
	while (p->nopen)
		if (emit(p, 0, e))
			return -1;
	return 0;
}
