#include "eval/entities.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int32_t
type_of(struct entity_types *t, const char *name)
{
	for (size_t i = 0; i < t->ntypes; i++)
		if (strcmp(t->names[i], name) == 0)
			return (int32_t)i;
	t->names[t->ntypes] = name;
	return (int32_t)t->ntypes++;
}

int
entity_types_open(struct entity_types *t, char *const *tags, size_t n, struct err *e)
{
	*t = (struct entity_types){.n = n};
	t->kinds = mem_zalloc(n, sizeof *t->kinds, "tags", e);
	t->names = mem_zalloc(n, sizeof *t->names, "types", e);
	if (!t->kinds || !t->names)
		goto fail;
	for (size_t i = 0; i < n; i++) {
		const char *s = tags[i];
		if (strcmp(s, "O") == 0) {
			t->kinds[i] = (struct tag_kind){'O', -1};
		} else if (*s && strchr("BIES", *s) && s[1] == '-' && s[2]) {
			t->kinds[i] = (struct tag_kind){*s, type_of(t, s + 2)};
		} else {
			err_set(e, ERR_DATA, "tag `%.60s' is neither O nor B-, I-, E- or S- and a type", s);
			goto fail;
		}
	}
	return 0;
fail:
	entity_types_close(t);
	return -1;
}

void
entity_types_close(struct entity_types *t)
{
	free(t->kinds);
	free(t->names);
	memset(t, 0, sizeof *t);
}

static bool
begins(struct tag_kind before, struct tag_kind k)
{
	return k.letter != 'O' && (strchr("BS", k.letter) || strchr("OES", before.letter) || before.type != k.type);
}

static bool
ends(struct tag_kind k, struct tag_kind after)
{
	return k.letter != 'O' && (strchr("ES", k.letter) || strchr("OBS", after.letter) || after.type != k.type);
}

static struct tag_kind
kind(const struct entity_types *t, const int32_t *tags, size_t n, size_t i)
{
	return i < n ? t->kinds[tags[i]] : (struct tag_kind){'O', -1};
}

/* Whether an entity begins at word i, and the word behind its end. */
static bool
entity_at(const struct entity_types *t, const int32_t *tags, size_t n, size_t i, size_t *end)
{
	if (!begins(i ? kind(t, tags, n, i - 1) : (struct tag_kind){'O', -1}, kind(t, tags, n, i)))
		return false;
	for (*end = i + 1; !ends(kind(t, tags, n, *end - 1), kind(t, tags, n, *end));)
		++*end;
	return true;
}

void
entities_count(struct entity_counts *counts, const struct entity_types *t, const int32_t *is,
    const int32_t *said, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t a = 0, b = 0;
		bool is_one = entity_at(t, is, n, i, &a), says_one = entity_at(t, said, n, i, &b);
		int32_t x = t->kinds[is[i]].type, y = t->kinds[said[i]].type;
		if (is_one)
			counts[x].is++;
		if (says_one)
			counts[y].said++;
		if (is_one && says_one && a == b && x == y)
			counts[x].right++;
	}
}
