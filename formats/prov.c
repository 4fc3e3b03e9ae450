#include "layout.h"

#include <stdlib.h>
#include <xxhash.h>

/* A node as bytes: u8 id[16], then what the id is the XXH3-128 of:
 * u32 parents, arguments, inputs, flags (1: seeded); u64 seed; u8 parents[][16];
 * strings (u32 length, bytes): tool, version, arguments; inputs: u64 size, u8 digest[16], string. */
enum { PROV_FIXED = 16 + 4 * 4 + 8, PROV_SEEDED = 1 };

void
prov_free(struct ten_prov *p)
{
	free(p->parents);
	free(p->tool);
	free(p->version);
	for (size_t i = 0; i < p->nargv; i++)
		free(p->argv[i]);
	free(p->argv);
	for (size_t i = 0; i < p->ninputs; i++)
		free(p->inputs[i].name);
	free(p->inputs);
	memset(p, 0, sizeof *p);
}

static void
prov_hash(uint8_t id[16], const uint8_t *p, size_t n)
{
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, XXH3_128bits(p, n));
	memcpy(id, c.digest, 16);
}

static int
put_string(struct buf *b, const char *s, struct err *e)
{
	uint8_t n[4];
	put32(n, (uint32_t)strlen(s));
	return buf_append(b, n, sizeof n, "provenance", e) || buf_append(b, s, strlen(s), "provenance", e) ? -1 : 0;
}

int
prov_encode(struct buf *b, const struct ten_prov *p, struct err *e)
{
	uint8_t fixed[PROV_FIXED] = {0};
	b->n = 0;
	put32(fixed + 16, (uint32_t)p->nparents);
	put32(fixed + 20, (uint32_t)p->nargv);
	put32(fixed + 24, (uint32_t)p->ninputs);
	put32(fixed + 28, p->seeded ? PROV_SEEDED : 0);
	put64(fixed + 32, p->seeded ? p->seed : 0);
	if (buf_append(b, fixed, sizeof fixed, "provenance", e) ||
	    buf_append(b, p->parents, 16 * p->nparents, "provenance", e) ||
	    put_string(b, p->tool ? p->tool : "", e) || put_string(b, p->version ? p->version : "", e))
		return -1;
	for (size_t i = 0; i < p->nargv; i++)
		if (put_string(b, p->argv[i], e))
			return -1;
	for (size_t i = 0; i < p->ninputs; i++) {
		uint8_t lead[24];
		put64(lead, p->inputs[i].size);
		memcpy(lead + 8, p->inputs[i].digest, 16);
		if (buf_append(b, lead, sizeof lead, "provenance", e) || put_string(b, p->inputs[i].name, e))
			return -1;
	}
	if (b->n > TEN_MAX_PROV)
		return err_set(e, ERR_DATA, "provenance of %zu bytes, at most %d", b->n, TEN_MAX_PROV);
	prov_hash(b->own, b->own + 16, b->n - 16);
	return 0;
}

/* A cursor over a node's bytes. */
struct cursor {
	const uint8_t *p;
	size_t n;
};

static char *
take_string(struct cursor *c, struct err *e)
{
	size_t n = c->n < 4 ? SIZE_MAX : get32(c->p);
	if (c->n < 4 || n > c->n - 4 || memchr(c->p + 4, 0, n)) {
		err_set(e, ERR_DATA, "a text of the provenance is malformed");
		return NULL;
	}
	char *s = malloc(n + 1);
	if (!s) {
		err_nomem(e, n + 1, "provenance");
		return NULL;
	}
	memcpy(s, c->p + 4, n);
	s[n] = '\0';
	c->p += 4 + n;
	c->n -= 4 + n;
	return s;
}

static int
decode_node(struct ten_prov *p, struct cursor c, struct err *e)
{
	size_t nparents = get32(c.p + 16), nargv = get32(c.p + 20), ninputs = get32(c.p + 24);
	uint32_t flags = get32(c.p + 28);
	memcpy(p->id, c.p, 16);
	p->seeded = flags & PROV_SEEDED;
	p->seed = get64(c.p + 32);
	c.p += PROV_FIXED;
	c.n -= PROV_FIXED;
	/* every count is held against the bytes that are there before it is allocated */
	if (flags > PROV_SEEDED || (!p->seeded && p->seed) || nparents > c.n / 16 || nargv > c.n / 4 || ninputs > c.n / 28)
		return err_set(e, ERR_DATA, "a node of the provenance is malformed");
	if (!(p->parents = mem_zalloc(nparents, 16, "provenance", e)) ||
	    !(p->argv = mem_zalloc(nargv, sizeof *p->argv, "provenance", e)) ||
	    !(p->inputs = mem_zalloc(ninputs, sizeof *p->inputs, "provenance", e)))
		return -1;
	memcpy(p->parents, c.p, 16 * nparents);
	p->nparents = nparents;
	c.p += 16 * nparents;
	c.n -= 16 * nparents;
	if (!(p->tool = take_string(&c, e)) || !(p->version = take_string(&c, e)))
		return -1;
	for (; p->nargv < nargv; p->nargv++)
		if (!(p->argv[p->nargv] = take_string(&c, e)))
			return -1;
	for (; p->ninputs < ninputs; p->ninputs++) {
		struct ten_input *in = &p->inputs[p->ninputs];
		if (c.n < 24)
			return err_set(e, ERR_DATA, "an input of the provenance is cut off");
		in->size = get64(c.p);
		memcpy(in->digest, c.p + 8, 16);
		c.p += 24;
		c.n -= 24;
		if (!(in->name = take_string(&c, e)))
			return -1;
	}
	return c.n ? err_set(e, ERR_DATA, "bytes are left over in the provenance") : 0;
}

static bool
has_node(const struct ten_head *h, const uint8_t id[16])
{
	for (size_t i = 0; i < h->nprovs; i++)
		if (!memcmp(h->provs[i].id, id, 16))
			return true;
	return false;
}

int
prov_decode(struct ten_head *h, const uint8_t *p, size_t n, struct err *e)
{
	uint8_t id[16];
	if (n < PROV_FIXED)
		return err_set(e, ERR_DATA, "a node of the provenance is cut off");
	prov_hash(id, p + 16, n - 16);
	if (memcmp(id, p, 16))
		return err_set(e, ERR_DATA, "a node of the provenance does not match its id");
	if (has_node(h, id))
		return err_set(e, ERR_DATA, "a node of the provenance appears twice");
	struct ten_prov *node = ten_array_push(&h->provs, h->nprovs, sizeof *node, "provenance", e);
	if (!node)
		return -1;
	h->nprovs++;
	if (decode_node(node, (struct cursor){p, n}, e))
		return -1;
	for (size_t i = 0; i < node->nparents; i++) {
		h->nprovs--; /* a node is no parent of itself */
		bool known = has_node(h, node->parents[i]);
		h->nprovs++;
		if (!known)
			return err_set(e, ERR_DATA, "a node of the provenance has a parent that does not precede it");
	}
	return 0;
}

int
ten_head_merge_prov(struct ten_head *h, const struct ten_head *from, struct err *e)
{
	for (size_t i = 0; i < from->nprovs; i++) {
		if (has_node(h, from->provs[i].id))
			continue;
		if (ten_head_add_prov(h, &from->provs[i], NULL, e))
			return -1;
	}
	return 0;
}

int
ten_head_add_prov(struct ten_head *h, const struct ten_prov *p, uint8_t out_id[16], struct err *e)
{
	struct buf b = {0};
	int rc = prov_encode(&b, p, e);
	/* through the bytes: what is stored is by construction what a reader will accept */
	if (!rc && !has_node(h, b.p)) {
		size_t n = h->nprovs;
		rc = prov_decode(h, b.p, b.n, e);
		if (rc && h->nprovs > n)
			prov_free(&h->provs[--h->nprovs]);
	}
	if (!rc && out_id)
		memcpy(out_id, b.p, 16);
	buf_free(&b);
	return rc;
}
