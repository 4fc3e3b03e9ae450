#include "common/labels.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"

static size_t
slot_of(const struct label_set *s, const char *name, size_t n)
{
	size_t i = (size_t)XXH3_64bits(name, n) & s->mask;
	while (s->table[i] >= 0) {
		const char *other = s->names[s->table[i]];
		if (strlen(other) == n && memcmp(other, name, n) == 0)
			break;
		i = (i + 1) & s->mask;
	}
	return i;
}

int32_t
label_set_find(const struct label_set *s, const char *name, size_t n)
{
	return s->n && !memchr(name, 0, n) ? s->table[slot_of(s, name, n)] : -1;
}

/* A table at most half full. */
static int
grow_table(struct label_set *s, struct err *e)
{
	if (s->table && 2 * (s->n + 1) <= s->mask + 1)
		return 0;
	size_t size = s->table ? 2 * (s->mask + 1) : 64;
	int32_t *t = mem_zalloc(size, sizeof *t, "labels", e);
	if (!t)
		return -1;
	memset(t, -1, size * sizeof *t);
	free(s->table);
	s->table = t;
	s->mask = size - 1;
	for (size_t i = 0; i < s->n; i++)
		s->table[slot_of(s, s->names[i], strlen(s->names[i]))] = (int32_t)i;
	return 0;
}

int32_t
label_set_add(struct label_set *s, const char *name, size_t n, struct err *e)
{
	if (n == 0 || memchr(name, 0, n) || memchr(name, '\n', n))
		return err_set(e, ERR_DATA, "%s", n ? "a label has a line end or a NUL in it" : "a label is empty");
	int32_t known = label_set_find(s, name, n);
	if (known >= 0)
		return known;
	if (s->n == LABELS_MAX)
		return err_set(e, ERR_DATA, "more than %d different labels", LABELS_MAX);
	if (mem_grow(&s->names, &s->cap, s->n + 1, sizeof *s->names, "labels", e) || grow_table(s, e))
		return -1;
	char *copy = strndup(name, n);
	if (!copy)
		return err_nomem(e, n, "a label");
	s->table[slot_of(s, name, n)] = (int32_t)s->n;
	s->names[s->n] = copy;
	return (int32_t)s->n++;
}

int
label_set_parse(struct label_set *s, const char *text, size_t n, char separator, struct err *e)
{
	while (n) {
		const char *end = memchr(text, separator, n);
		size_t m = end ? (size_t)(end - text) : n, before = s->n;
		if (label_set_add(s, text, m, e) < 0)
			return -1;
		if (s->n == before)
			return err_set(e, ERR_DATA, "label `%.*s' is named twice", m < 60 ? (int)m : 60, text);
		text += m + (end != NULL);
		n -= m + (end != NULL);
	}
	return 0;
}

int
label_set_read(struct label_set *s, const struct ten_head *h, const char *stream, struct err *e)
{
	const struct ten_kv *kv = ten_head_kv(h, "classes");
	return kv && label_set_parse(s, kv->value, kv->size, '\n', e) ? err_prefix(e, "%s", stream) : 0;
}

int
label_set_write(const struct label_set *s, struct ten_head *h, struct err *e)
{
	struct ten_membuf m = {0};
	struct ten_sink sink = ten_mem_sink(&m);
	int rc = 0;
	for (size_t i = 0; i < s->n && rc == 0; i++) {
		struct iovec v[2] = {{(char[]){"\n"}, i > 0}, {s->names[i], strlen(s->names[i])}};
		rc = sink.write(sink.ctx, v, 2, e);
	}
	if (rc == 0 && s->n)
		rc = ten_head_set_kv(h, "classes", m.data, m.size, e);
	free(m.data);
	return rc;
}

void
label_set_free(struct label_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->names[i]);
	free(s->names);
	free(s->table);
	memset(s, 0, sizeof *s);
}
