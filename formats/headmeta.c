#include "layout.h"

int
tlv_append(struct buf *b, unsigned tag, const void *p, size_t n, struct err *e)
{
	static const uint8_t zero[8];
	uint8_t lead[8] = {0};
	if (n > TEN_MAX_META)
		return err_set(e, ERR_DATA, "a head of more than %d bytes", TEN_MAX_META);
	put16(lead, (uint16_t)tag);
	put32(lead + 4, (uint32_t)n);
	if (buf_append(b, lead, sizeof lead, "a head", e) || buf_append(b, p, n, "a head", e))
		return -1;
	return buf_append(b, zero, -n & 7, "a head", e);
}

int
tlv_next(const uint8_t *meta, size_t n, size_t *pos, struct tlv *t, struct err *e)
{
	if (*pos == n)
		return 0;
	if (n - *pos < 8)
		return err_set(e, ERR_DATA, "a tag of the meta is cut off");
	const uint8_t *p = meta + *pos;
	t->tag = get16(p);
	t->n = get32(p + 4);
	t->p = p + 8;
	if (t->tag == 0) {
		if (!ten_all_zero(p, n - *pos))
			return err_set(e, ERR_DATA, "the padding of the meta is not zero");
		*pos = n;
		return 0;
	}
	size_t left = n - *pos - 8;
	if (get16(p + 2) || t->n > left || (-t->n & 7) > left - t->n)
		return err_set(e, ERR_DATA, "tag 0x%04x of the meta has a wrong length", t->tag);
	if (!ten_all_zero(t->p + t->n, -t->n & 7))
		return err_set(e, ERR_DATA, "the padding of tag 0x%04x is not zero", t->tag);
	*pos += 8 + t->n + (-t->n & 7);
	return 1;
}

static int
pad_meta(struct buf *b, struct err *e)
{
	static const uint8_t zero[TEN_ALIGN];
	if (buf_append(b, zero, -b->n & (TEN_ALIGN - 1), "a head", e))
		return -1;
	if (b->n > TEN_MAX_META)
		return err_set(e, ERR_DATA, "a head of %zu bytes, at most %d", b->n, TEN_MAX_META);
	return 0;
}

/* FIELD: u8 class, bits, rank, 0; u32 bytes of the name; u64 dims[rank]; the name. */
static int
field_encode(struct buf *b, const struct ten_field *f, struct err *e)
{
	uint8_t bytes[8 + 8 * TEN_MAX_RANK + TEN_MAX_NAME] = {f->cls, f->bits, f->rank, 0};
	size_t n = strlen(f->name), at = 8;
	put32(bytes + 4, (uint32_t)n);
	for (unsigned i = 0; i < f->rank; i++, at += 8)
		put64(bytes + at, f->dims[i]);
	memcpy(bytes + at, f->name, n);
	return tlv_append(b, TAG_FIELD, bytes, at + n, e);
}

static int
field_decode(struct ten_head *h, const uint8_t *p, size_t n, struct err *e)
{
	struct ten_field f = {0};
	if (n < 8)
		return err_set(e, ERR_DATA, "the description of a field is cut off");
	f.cls = p[0];
	f.bits = p[1];
	f.rank = p[2];
	size_t len = get32(p + 4);
	if (p[3] || f.rank > TEN_MAX_RANK || len > TEN_MAX_NAME || n != 8 + 8 * (size_t)f.rank + len)
		return err_set(e, ERR_DATA, "the description of a field has a wrong length, or rank above %d", TEN_MAX_RANK);
	for (unsigned i = 0; i < f.rank; i++)
		f.dims[i] = get64(p + 8 + 8 * (size_t)i);
	memcpy(f.name, p + 8 + 8 * (size_t)f.rank, len);
	if (strlen(f.name) != len)
		return err_set(e, ERR_DATA, "a field's name contains a NUL");
	return ten_head_add_field(h, &f, e);
}

/* KV: u32 bytes of the key; the key; the value. */
static int
kv_encode(struct buf *b, const struct ten_kv *kv, struct err *e)
{
	struct buf tmp = {0};
	uint8_t lead[4];
	size_t n = strlen(kv->key);
	put32(lead, (uint32_t)n);
	int rc = buf_append(&tmp, lead, sizeof lead, "a key", e) || buf_append(&tmp, kv->key, n, "a key", e) ||
	    buf_append(&tmp, kv->value, kv->size, "a value", e) || tlv_append(b, TAG_KV, tmp.p, tmp.n, e);
	buf_free(&tmp);
	return rc ? -1 : 0;
}

static int
kv_decode(struct ten_head *h, const uint8_t *p, size_t n, struct err *e)
{
	size_t len = n < 4 ? SIZE_MAX : get32(p);
	if (n < 4 || len > n - 4)
		return err_set(e, ERR_DATA, "a key of the head is cut off");
	return head_push_kv(h, p + 4, len, p + 4 + len, n - 4 - len, e);
}

int
head_encode(struct buf *b, const struct ten_head *h, struct err *e)
{
	b->n = 0;
	if (h->nfields == 0)
		return err_set(e, ERR_DATA, "a stream must have at least one field");
	if (!ten_name_ok(h->kind, strnlen(h->kind, sizeof h->kind), sizeof h->kind - 1))
		return err_set(e, ERR_DATA, "a stream must have a kind");
	if (head_check_unique(h, e) || tlv_append(b, TAG_KIND, h->kind, strlen(h->kind), e))
		return -1;
	for (size_t i = 0; i < h->nfields; i++)
		if (field_encode(b, &h->fields[i], e))
			return -1;
	for (size_t i = 0; i < h->nkvs; i++)
		if (kv_encode(b, &h->kvs[i], e))
			return -1;
	size_t before = b->n;
	for (size_t i = 0; i < h->nprovs; i++) {
		struct buf tmp = {0};
		int rc = prov_encode(&tmp, &h->provs[i], e) || tlv_append(b, TAG_PROV, tmp.p, tmp.n, e);
		buf_free(&tmp);
		if (rc)
			return -1;
	}
	if (b->n - before > TEN_MAX_PROV)
		return err_set(e, ERR_DATA, "provenance of %zu bytes, at most %d", b->n - before, TEN_MAX_PROV);
	return pad_meta(b, e);
}

static int
head_tag(struct ten_head *h, const struct tlv *t, size_t *prov, struct err *e)
{
	switch (t->tag) {
	case TAG_KIND:
		if (h->kind[0])
			return err_set(e, ERR_DATA, "two kinds in a head");
		return head_set_kind(h, t->p, t->n, e);
	case TAG_FIELD:
		return field_decode(h, t->p, t->n, e);
	case TAG_KV:
		return kv_decode(h, t->p, t->n, e);
	case TAG_PROV:
		*prov += 8 + t->n + (-t->n & 7);
		if (*prov > TEN_MAX_PROV)
			return err_set(e, ERR_DATA, "provenance of more than %d bytes", TEN_MAX_PROV);
		return prov_decode(h, t->p, t->n, e);
	default:
		if (t->tag & TAG_CRITICAL)
			return err_set(e, ERR_DATA, "the head has tag 0x%04x, which this program does not know", t->tag);
		return 0;
	}
}

int
head_decode(struct ten_head *h, const uint8_t *meta, size_t n, struct err *e)
{
	struct tlv t = {0};
	size_t pos = 0, prov = 0;
	int rc;
	memset(h, 0, sizeof *h);
	while ((rc = tlv_next(meta, n, &pos, &t, e)) > 0)
		if (head_tag(h, &t, &prov, e)) {
			rc = -1;
			break;
		}
	if (!rc && (!h->kind[0] || !h->nfields))
		rc = err_set(e, ERR_DATA, "the head names no kind or no fields");
	if (!rc)
		rc = head_check_unique(h, e);
	if (rc)
		ten_head_free(h);
	return rc;
}

int
abort_encode(struct buf *b, const char *tool, const char *message, struct err *e)
{
	b->n = 0;
	if (tlv_append(b, TAG_TOOL, tool, strnlen(tool, 255), e) ||
	    tlv_append(b, TAG_MESSAGE, message, strnlen(message, 4096), e))
		return -1;
	return pad_meta(b, e);
}

/* Text of a stream that will be printed: no control characters, and nothing that a terminal may take for one. */
static void
copy_printable(char *out, size_t cap, const struct tlv *t)
{
	size_t n = t->n < cap - 1 ? t->n : cap - 1;
	for (size_t i = 0, len; i < n; i += len) {
		len = ten_printable(t->p + i, n - i);
		if (len)
			memcpy(out + i, t->p + i, len);
		else
			out[i] = '?';
		len += !len;
	}
	out[n] = '\0';
}

int
abort_decode(const uint8_t *meta, size_t n, struct err *e)
{
	char tool[256] = "?", message[700] = "no message";
	struct tlv t = {0};
	size_t pos = 0;
	int rc;
	while ((rc = tlv_next(meta, n, &pos, &t, e)) > 0) {
		if (t.tag == TAG_TOOL)
			copy_printable(tool, sizeof tool, &t);
		else if (t.tag == TAG_MESSAGE)
			copy_printable(message, sizeof message, &t);
		else if (t.tag & TAG_CRITICAL)
			return err_set(e, ERR_DATA, "ABORT has tag 0x%04x, which this program does not know", t.tag);
	}
	if (rc)
		return -1;
	return err_set(e, ERR_UPSTREAM, "%s, upstream, failed: %s", tool, message);
}
