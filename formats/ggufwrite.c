/* Writing GGUF. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gguf.h"
#include "layout.h" /* that the machine is little-endian */

enum { VERSION = 3, ALIGNMENT = 32, CHUNK = 1 << 14 }; /* numbers converted at a time */

static int
put(struct gguf_writer *w, const void *p, size_t n, struct err *e)
{
	if (mem_grow(&w->head, &w->cap, w->nhead + n, 1, "metadata", e))
		return -1;
	if (n)
		memcpy(w->head + w->nhead, p, n);
	w->nhead += n;
	return 0;
}

static int
put_u32(struct gguf_writer *w, uint32_t x, struct err *e)
{
	return put(w, &x, sizeof x, e);
}

static int
put_u64(struct gguf_writer *w, uint64_t x, struct err *e)
{
	return put(w, &x, sizeof x, e);
}

static int
put_string(struct gguf_writer *w, const void *s, size_t n, struct err *e)
{
	return put_u64(w, n, e) || put(w, s, n, e) ? -1 : 0;
}

static int
put_key(struct gguf_writer *w, const char *key, enum gguf_kind kind, struct err *e)
{
	w->nkvs++;
	return put_string(w, key, strlen(key), e) || put_u32(w, kind, e) ? -1 : 0;
}

int
gguf_put_u32(struct gguf_writer *w, const char *key, uint32_t x, struct err *e)
{
	return put_key(w, key, GGUF_U32, e) || put_u32(w, x, e) ? -1 : 0;
}

int
gguf_put_float(struct gguf_writer *w, const char *key, float x, struct err *e)
{
	return put_key(w, key, GGUF_FLOAT32, e) || put(w, &x, sizeof x, e) ? -1 : 0;
}

int
gguf_put_bool(struct gguf_writer *w, const char *key, bool x, struct err *e)
{
	uint8_t b = x;
	return put_key(w, key, GGUF_BOOL, e) || put(w, &b, sizeof b, e) ? -1 : 0;
}

int
gguf_put_text(struct gguf_writer *w, const char *key, const char *text, struct err *e)
{
	return put_key(w, key, GGUF_STRING, e) || put_string(w, text, strlen(text), e) ? -1 : 0;
}

int
gguf_put_array(struct gguf_writer *w, const char *key, enum gguf_kind item, uint64_t n, struct err *e)
{
	return put_key(w, key, GGUF_ARRAY, e) || put_u32(w, item, e) || put_u64(w, n, e) ? -1 : 0;
}

int
gguf_item_i32(struct gguf_writer *w, int32_t x, struct err *e)
{
	return put(w, &x, sizeof x, e);
}

int
gguf_item_text(struct gguf_writer *w, const void *text, size_t n, struct err *e)
{
	return put_string(w, text, n, e);
}

static uint64_t
aligned(uint64_t n)
{
	return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int
gguf_add_tensor(struct gguf_writer *w, const char *name, unsigned rank, const uint64_t *dims, enum gguf_type type,
    struct err *e)
{
	size_t n = strlen(name);
	assert(n <= GGUF_MAX_NAME && rank >= 1 && rank <= GGUF_MAX_RANK && !w->out);
	assert(type != GGUF_Q8_0 || dims[0] % GGUF_BLOCK == 0);
	if (mem_grow(&w->tensors, &w->cap_tensors, w->n + 1, sizeof *w->tensors, "tensors", e))
		return -1;
	struct gguf_announced *t = &w->tensors[w->n++];
	*t = (struct gguf_announced){.rank = rank, .type = type, .count = 1, .offset = w->end};
	memcpy(t->name, name, n);
	for (unsigned i = 0; i < rank; i++) {
		t->dims[i] = dims[i];
		t->count *= dims[i];
	}
	w->end += aligned(gguf_size(type, t->count));
	return 0;
}

int
gguf_begin(struct gguf_writer *w, struct outfile *out, struct err *e)
{
	static const uint8_t zeros[ALIGNMENT];
	uint8_t start[24] = "GGUF";
	uint32_t version = VERSION;
	uint64_t n = w->n;
	memcpy(start + 4, &version, 4);
	memcpy(start + 8, &n, 8);
	memcpy(start + 16, &w->nkvs, 8);
	for (size_t i = 0; i < w->n; i++) {
		const struct gguf_announced *t = &w->tensors[i];
		if (put_string(w, t->name, strlen(t->name), e) || put_u32(w, t->rank, e) ||
		    put(w, t->dims, t->rank * sizeof *t->dims, e) || put_u32(w, t->type, e) || put_u64(w, t->offset, e))
			return -1;
	}
	uint64_t size = sizeof start + w->nhead;
	w->buffer = mem_zalloc(CHUNK, sizeof(float), "numbers", e);
	if (!w->buffer || put(w, zeros, aligned(size) - size, e))
		return -1;
	w->out = out;
	struct iovec iov[2] = {{start, sizeof start}, {w->head, w->nhead}};
	return outfile_writev(out, iov, 2, e);
}

int
gguf_write(struct gguf_writer *w, const float *x, size_t n, struct err *e)
{
	static const uint8_t zeros[ALIGNMENT];
	assert(w->out && w->current < w->n);
	const struct gguf_announced *t = &w->tensors[w->current];
	assert(n <= t->count - w->written);
	for (size_t i = 0, some; i < n; i += some) {
		some = n - i < CHUNK ? n - i : CHUNK;
		if (!gguf_encode(t->type, x + i, some, w->buffer))
			return err_set(e, ERR_NONFINITE, "tensor %s has a number that is too large for %s", t->name,
			    gguf_type_name(t->type));
		if (outfile_write(w->out, w->buffer, gguf_size(t->type, some), e))
			return -1;
	}
	w->written += n;
	if (w->written < t->count)
		return 0;
	uint64_t bytes = gguf_size(t->type, t->count);
	w->current++;
	w->written = 0;
	return outfile_write(w->out, zeros, aligned(bytes) - bytes, e);
}

void
gguf_end(const struct gguf_writer *w)
{
	assert(w->current == w->n && w->written == 0);
	(void)w;
}

void
gguf_writer_free(struct gguf_writer *w)
{
	free(w->head);
	free(w->tensors);
	free(w->buffer);
	memset(w, 0, sizeof *w);
}
