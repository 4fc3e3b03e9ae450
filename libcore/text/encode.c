#include "text/encode.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/normalise.h"
#include "text/utf8.h"
#include "text/wordpiece.h"

/* A cache line: pieces of up to SHORT bytes that become up to IDS tokens. Most pieces of a text are words that
 * came before, so this look-up is most of the work. */
enum { SHORT = 24, IDS = 9, WORDS = SHORT / 8, SLOTS = 1 << 16 };

struct slot {
	uint64_t key[WORDS]; /* the piece, zeros after it */
	int32_t ids[IDS];
	uint8_t size, n;
};
_Static_assert(sizeof(struct slot) == 64, "a slot is a cache line");

/* A symbol of a long piece that is being merged: a doubly linked list. */
struct symbol {
	int32_t id, prev, next;
};

struct candidate {
	int32_t rank, at, left, right; /* at: the left symbol; left and right: ids when it was queued */
};

struct encoder {
	const struct vocab *v;
	struct slot *cache;
	struct symbol *symbols;
	size_t cap_symbols;
	struct candidate *heap;
	size_t nheap, cap_heap;
	struct text text; /* normalised */
};

struct encoder *
encoder_new(const struct vocab *v, struct err *e)
{
	struct encoder *x = mem_zalloc(1, sizeof *x, "encoder", e);
	if (!x)
		return NULL;
	x->v = v;
	x->cache = mem_zalloc(SLOTS, sizeof *x->cache, "encoder", e);
	if (!x->cache) {
		free(x);
		return NULL;
	}
	return x;
}

void
encoder_free(struct encoder *x)
{
	if (!x)
		return;
	free(x->cache);
	free(x->symbols);
	free(x->heap);
	free(x->text.p);
	free(x);
}

static int
reserve(struct ids *out, size_t n, struct err *e)
{
	return mem_grow(&out->v, &out->cap, out->n + n, sizeof *out->v, "token ids", e);
}

/* ---- byte-pair merges ---- */

/* A piece of at most SHORT bytes: looks for the best merge anew each time. */
static size_t
merge_short(const struct vocab *v, const uint8_t *p, size_t n, int32_t *ids)
{
	const struct merge *m[SHORT];
	for (size_t i = 0; i < n; i++)
		ids[i] = v->byte_ids[p[i]];
	for (size_t i = 0; i + 1 < n; i++)
		m[i] = vocab_merge(v, ids[i], ids[i + 1]);
	for (;;) {
		size_t best = n;
		for (size_t i = 0; i + 1 < n; i++)
			if (m[i] && (best == n || m[i]->rank < m[best]->rank))
				best = i;
		if (best == n)
			return n;
		ids[best] = m[best]->id;
		memmove(ids + best + 1, ids + best + 2, (n - best - 2) * sizeof *ids);
		n--;
		memmove(m + best, m + best + 1, (n - best - (best < n)) * sizeof *m);
		if (best + 1 < n)
			m[best] = vocab_merge(v, ids[best], ids[best + 1]);
		if (best > 0)
			m[best - 1] = vocab_merge(v, ids[best - 1], ids[best]);
	}
}

static int
before(const struct candidate *a, const struct candidate *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static int
push(struct encoder *x, int32_t at, struct err *e)
{
	const struct symbol *s = &x->symbols[at];
	if (at < 0 || s->next < 0)
		return 0;
	const struct merge *m = vocab_merge(x->v, s->id, x->symbols[s->next].id);
	if (!m)
		return 0;
	if (mem_grow(&x->heap, &x->cap_heap, x->nheap + 1, sizeof *x->heap, "merging", e))
		return -1;
	struct candidate c = {m->rank, at, s->id, x->symbols[s->next].id};
	size_t i = x->nheap++;
	for (; i > 0 && before(&c, &x->heap[(i - 1) / 2]); i = (i - 1) / 2)
		x->heap[i] = x->heap[(i - 1) / 2];
	x->heap[i] = c;
	return 0;
}

static struct candidate
pop(struct encoder *x)
{
	struct candidate top = x->heap[0], last = x->heap[--x->nheap];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < x->nheap; i = child) {
		if (child + 1 < x->nheap && before(&x->heap[child + 1], &x->heap[child]))
			child++;
		if (!before(&x->heap[child], &last))
			break;
		x->heap[i] = x->heap[child];
	}
	x->heap[i] = last;
	return top;
}

/* A piece of any length, by a queue of candidate merges; stale ones are skipped. */
static int
merge_long(struct encoder *x, const uint8_t *p, size_t n, struct ids *out, struct err *e)
{
	if (n > INT32_MAX)
		return err_set(e, ERR_DATA, "a piece of %zu bytes without a break is too long", n);
	if (mem_grow(&x->symbols, &x->cap_symbols, n, sizeof *x->symbols, "merging", e) || reserve(out, n, e))
		return -1;
	for (size_t i = 0; i < n; i++)
		x->symbols[i] = (struct symbol){x->v->byte_ids[p[i]], (int32_t)i - 1,
		    i + 1 < n ? (int32_t)i + 1 : -1};
	x->nheap = 0;
	for (size_t i = 0; i + 1 < n; i++)
		if (push(x, (int32_t)i, e))
			return -1;
	while (x->nheap) {
		struct candidate c = pop(x);
		struct symbol *l = &x->symbols[c.at];
		if (l->id != c.left || l->next < 0 || x->symbols[l->next].id != c.right)
			continue;
		struct symbol *r = &x->symbols[l->next];
		l->id = vocab_merge(x->v, c.left, c.right)->id;
		r->id = -1; /* no candidate has this id */
		l->next = r->next;
		if (l->next >= 0)
			x->symbols[l->next].prev = c.at;
		if ((l->prev >= 0 && push(x, l->prev, e)) || push(x, c.at, e))
			return -1;
	}
	for (int32_t i = 0; i >= 0; i = x->symbols[i].next)
		out->v[out->n++] = x->symbols[i].id;
	return 0;
}

/* The piece itself as a token, where that comes before merges. */
static int32_t
whole(const struct vocab *v, const uint8_t *p, size_t n)
{
	return v->options & VOCAB_WHOLE && n <= v->longest ? vocab_find(v, p, n) : -1;
}

/* A piece of at most SHORT bytes. */
static size_t
encode_short(const struct vocab *v, const uint8_t *p, size_t n, int32_t *ids)
{
	return (ids[0] = whole(v, p, n)) >= 0 ? 1 : merge_short(v, p, n, ids);
}

static int
encode_long(struct encoder *x, const uint8_t *p, size_t n, struct ids *out, struct err *e)
{
	int32_t id = whole(x->v, p, n);
	if (id < 0)
		return merge_long(x, p, n, out, e);
	if (reserve(out, 1, e))
		return -1;
	out->v[out->n++] = id;
	return 0;
}

/* The n bytes at p, of which `left` can be read, with zeros after them. */
static inline void
load_key(uint64_t key[WORDS], const uint8_t *p, size_t n, size_t left)
{
	static const uint8_t masks[2 * SHORT] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	    255, 255, 255, 255, 255, 255, 255, 255, 255};
	uint64_t mask[WORDS];
	if (left < SHORT) {
		memset(key, 0, SHORT);
		memcpy(key, p, n);
		return;
	}
	memcpy(key, p, SHORT);
	memcpy(mask, masks + SHORT - n, SHORT);
	for (int i = 0; i < WORDS; i++)
		key[i] &= mask[i];
}

static inline size_t
slot_of(const uint64_t key[WORDS])
{
	uint64_t h = key[0] * 0x9e3779b97f4a7c15u ^ key[1] * 0xc2b2ae3d27d4eb4fu ^ key[2] * 0x165667b19e3779f9u;
	h ^= h >> 32;
	return h * 0x9e3779b97f4a7c15u >> 48 & (SLOTS - 1);
}

/* The piece of n bytes at p, of which `left` can be read. */
static inline int
encode_piece(struct encoder *x, const uint8_t *p, size_t n, size_t left, struct ids *out, struct err *e)
{
	if (n > SHORT)
		return encode_long(x, p, n, out, e);
	if (out->cap - out->n < SHORT && reserve(out, SHORT, e))
		return -1;
	if (n == 1) {
		out->v[out->n++] = x->v->byte_ids[*p];
		return 0;
	}
	int32_t *to = out->v + out->n;
	uint64_t key[WORDS];
	load_key(key, p, n, left);
	struct slot *s = &x->cache[slot_of(key)];
	if (s->size == n && s->key[0] == key[0] && s->key[1] == key[1] && s->key[2] == key[2]) {
		memcpy(to, s->ids, sizeof s->ids);
		out->n += s->n;
		return 0;
	}
	size_t count = encode_short(x->v, p, n, to);
	if (count <= IDS) {
		s->size = (uint8_t)n;
		s->n = (uint8_t)count;
		memcpy(s->key, key, sizeof key);
		memcpy(s->ids, to, count * sizeof *to);
	}
	out->n += count;
	return 0;
}

/* The text as the vocabulary's options have it. */
static int
prepare(struct encoder *x, const uint8_t **p, size_t *n, struct err *e)
{
	struct text *t = &x->text;
	if (x->v->options & VOCAB_NFC) {
		if (normalise_nfc(t, *p, *n, e))
			return -1;
		*p = t->p;
		*n = t->n;
	}
	if (!(x->v->options & VOCAB_SPACE) || *n == 0 || **p == ' ')
		return 0;
	if (mem_grow(&t->p, &t->cap, *n + 1, 1, "text", e))
		return -1;
	memmove(t->p + 1, x->v->options & VOCAB_NFC ? t->p : *p, *n);
	t->p[0] = ' ';
	*p = t->p;
	++*n;
	return 0;
}

static int
encode_bpe(struct encoder *x, const uint8_t *p, size_t n, struct ids *out, struct err *e)
{
	if (x->v->options & (VOCAB_NFC | VOCAB_SPACE) && prepare(x, &p, &n, e))
		return -1;
	for (size_t i = 0; i < n;) {
		size_t piece = pretoken_next(x->v->rule, p + i, n - i);
		if (encode_piece(x, p + i, piece, n - i, out, e))
			return -1;
		i += piece;
	}
	return 0;
}

/* ---- characters ---- */

static int
encode_chars(const struct vocab *v, const uint8_t *p, size_t n, struct ids *out, struct err *e)
{
	if (reserve(out, n, e))
		return -1;
	for (size_t i = 0, length; i < n; i += length) {
		int32_t cp;
		length = utf8_next(p + i, n - i, &cp);
		int32_t id = vocab_find(v, p + i, length);
		if (id >= 0) {
			out->v[out->n++] = id;
			continue;
		}
		for (size_t b = 0; b < length; b++)
			if ((out->v[out->n++] = v->byte_ids[p[i + b]]) < 0)
				return err_set(e, ERR_DATA, "byte %zu begins a character that the vocabulary has not", i);
	}
	return 0;
}

/* ---- words ---- */

static int
encode_words(struct encoder *x, const uint8_t *p, size_t n, struct ids *out, struct err *e)
{
	if (normalise_words(&x->text, x->v->options, p, n, e))
		return -1;
	const struct text *t = &x->text;
	for (size_t i = 0, size; i < t->n; i += size + 1) {
		const uint8_t *space = memchr(t->p + i, ' ', t->n - i);
		size = space ? (size_t)(space - t->p) - i : t->n - i;
		if (reserve(out, WORDPIECE_MAX, e))
			return -1;
		out->n += wordpiece_word(x->v, t->p + i, size, out->v + out->n);
	}
	return 0;
}

/* Text without special tokens. */
static int
encode_plain(struct encoder *x, const uint8_t *p, size_t n, struct ids *out, struct err *e)
{
	switch (x->v->type) {
	case VOCAB_BPE: return encode_bpe(x, p, n, out, e);
	case VOCAB_CHAR: return encode_chars(x->v, p, n, out, e);
	case VOCAB_WORDPIECE: return encode_words(x, p, n, out, e);
	default: break;
	}
	if (reserve(out, n, e))
		return -1;
	for (size_t i = 0; i < n; i++)
		out->v[out->n++] = x->v->byte_ids[p[i]];
	return 0;
}

/* ---- special tokens ---- */

/* The longest special token at p, or -1; `always`: of those that any text has. */
static int32_t
special_at(const struct vocab *v, const uint8_t *p, size_t n, bool always)
{
	for (size_t i = 0; i < v->nspecials; i++) {
		const struct token *t = &v->tokens[v->specials[i]];
		if ((!always || t->match & MATCH_ALWAYS) && t->size <= n && memcmp(v->bytes + t->at, p, t->size) == 0)
			return v->specials[i];
	}
	return -1;
}

static size_t
spaces_before(const uint8_t *p, size_t from, size_t i)
{
	while (i > from) {
		size_t at = i - 1;
		int32_t cp;
		while (at > from && i - at < 4 && (p[at] & 0xc0) == 0x80)
			at--;
		if (utf8_next(p + at, i - at, &cp) != i - at || !char_is_space(cp))
			break;
		i = at;
	}
	return i;
}

static size_t
spaces_after(const uint8_t *p, size_t n, size_t i)
{
	while (i < n) {
		int32_t cp;
		size_t length = utf8_next(p + i, n - i, &cp);
		if (!char_is_space(cp))
			break;
		i += length;
	}
	return i;
}

static int
encode_around(struct encoder *x, const uint8_t *p, size_t n, bool always, struct ids *out, struct err *e)
{
	const struct vocab *v = x->v;
	size_t from = 0;
	for (size_t i = 0; i < n;) {
		int32_t id = v->starts[p[i]] & (always ? 2 : 1) ? special_at(v, p + i, n - i, always) : -1;
		if (id < 0) {
			i++;
			continue;
		}
		const struct token *t = &v->tokens[id];
		size_t end = t->match & MATCH_LEFT ? spaces_before(p, from, i) : i;
		if (encode_plain(x, p + from, end - from, out, e) || reserve(out, 1, e))
			return -1;
		out->v[out->n++] = id;
		i += t->size;
		from = i = t->match & MATCH_RIGHT ? spaces_after(p, n, i) : i;
	}
	return encode_plain(x, p + from, n - from, out, e);
}

int
encode_text(struct encoder *x, const void *text, size_t n, struct ids *out, struct err *e)
{
	bool always = false;
	for (size_t i = 0; i < x->v->nspecials; i++)
		always |= (x->v->tokens[x->v->specials[i]].match & MATCH_ALWAYS) != 0;
	return always ? encode_around(x, text, n, true, out, e) : encode_plain(x, text, n, out, e);
}

int
encode_with_special(struct encoder *x, const void *text, size_t n, struct ids *out, struct err *e)
{
	return encode_around(x, text, n, false, out, e);
}
