#include "common/keymap.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static size_t
slot_of(const struct keymap *m, XXH128_hash_t key)
{
	size_t i = (size_t)key.low64 & m->mask;
	while (m->slots[i] && !XXH128_isEqual(m->keys[m->slots[i] - 1], key))
		i = (i + 1) & m->mask;
	return i;
}

/* A table at most half full. */
static int
grow(struct keymap *m, struct err *e)
{
	if (m->slots && 2 * (m->n + 1) <= m->mask + 1)
		return 0;
	size_t size = m->slots ? 2 * (m->mask + 1) : 64;
	uint32_t *slots = mem_zalloc(size, sizeof *slots, "keys", e);
	if (!slots)
		return -1;
	free(m->slots);
	m->slots = slots;
	m->mask = size - 1;
	for (size_t i = 0; i < m->n; i++)
		m->slots[slot_of(m, m->keys[i])] = (uint32_t)i + 1;
	return 0;
}

bool
keymap_find(const struct keymap *m, XXH128_hash_t key, uint32_t *number)
{
	uint32_t slot = m->slots ? m->slots[slot_of(m, key)] : 0;
	if (slot)
		*number = slot - 1;
	return slot > 0;
}

int
keymap_add(struct keymap *m, XXH128_hash_t key, uint32_t *number, bool *added, struct err *e)
{
	bool known = keymap_find(m, key, number);
	if (added)
		*added = !known;
	if (known)
		return 0;
	if (m->n >= UINT32_MAX - 1)
		return err_set(e, ERR_DATA, "more than %zu different ones", m->n);
	if (mem_grow(&m->keys, &m->cap, m->n + 1, sizeof *m->keys, "keys", e) || grow(m, e))
		return -1;
	*number = (uint32_t)m->n;
	m->slots[slot_of(m, key)] = *number + 1;
	m->keys[m->n++] = key;
	return 0;
}

void
keymap_free(struct keymap *m)
{
	free(m->keys);
	free(m->slots);
	memset(m, 0, sizeof *m);
}
