#include "common/project.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int
add_field(struct project *p, size_t *cap, const struct ten_head *h, const char *name, struct err *e)
{
	int at = ten_head_find(h, name);
	if (at < 0)
		return err_set(e, ERR_DATA, "there is no field `%s' (tdump --schema lists them)", name);
	for (size_t i = 0; i < p->n; i++)
		if (p->index[i] == (size_t)at)
			return err_set(e, ERR_USAGE, "field `%s' is asked for twice", name);
	if (mem_grow(&p->index, cap, p->n + 1, sizeof *p->index, "fields", e))
		return -1;
	p->index[p->n++] = (size_t)at;
	return 0;
}

int
project_open(struct project *p, const struct ten_head *h, const char *const *lists, size_t nlists,
    struct err *e)
{
	size_t cap = 0;
	*p = (struct project){0};
	if (!nlists && mem_grow(&p->index, &cap, h->nfields, sizeof *p->index, "fields", e))
		return -1;
	while (!nlists && p->n < h->nfields) {
		p->index[p->n] = p->n;
		p->n++;
	}
	for (size_t i = 0; i < nlists; i++) {
		char *list = strdup(lists[i]), *rest = list, *name;
		int rc = list ? 0 : err_nomem(e, strlen(lists[i]), "field names");
		while (rc == 0 && (name = strsep(&rest, ",")))
			rc = add_field(p, &cap, h, name, e);
		free(list);
		if (rc)
			goto fail;
	}
	return 0;
fail:
	project_close(p);
	return -1;
}

void
project_values(const struct project *p, struct ten_value *out, const struct ten_value *in)
{
	for (size_t i = 0; i < p->n; i++)
		out[i] = in[p->index[i]];
}

void
project_close(struct project *p)
{
	free(p->index);
	*p = (struct project){0};
}

static bool
same_kv(const struct ten_head *a, const struct ten_head *b, const char *key)
{
	const struct ten_kv *x = ten_head_kv(a, key), *y = ten_head_kv(b, key);
	if (!x || !y)
		return !x && !y;
	return x->size == y->size && memcmp(x->value, y->value, x->size) == 0;
}

static const char *
kv_text(const struct ten_head *h, const char *key)
{
	const struct ten_kv *kv = ten_head_kv(h, key);
	return kv ? kv->value : "(none)";
}

int
project_same(const struct ten_head *a, const struct ten_head *b, struct err *e)
{
	static const char *const keys[] = {"tokenizer", "template", "vocab_size"};
	if (strcmp(a->kind, b->kind))
		return err_set(e, ERR_DATA, "kind `%s' differs from the first stream's `%s'", b->kind, a->kind);
	if (!ten_same_schema(a, b))
		return err_set(e, ERR_DATA, "fields differ from the first stream's (tdump --schema lists them)");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (!same_kv(a, b, keys[i]))
			return err_set(e, ERR_DATA, "%s %s differs from the first stream's %s", keys[i],
			    kv_text(b, keys[i]), kv_text(a, keys[i]));
	return 0;
}

int
project_head(struct ten_head *out, const struct project *p, const struct ten_head *const *inputs,
    size_t n, struct err *e)
{
	const struct ten_head *first = inputs[0];
	memcpy(out->kind, first->kind, sizeof out->kind);
	for (size_t i = 0; i < p->n; i++) {
		/* of one head, each once: names that are looked for again would cost the square of their number */
		if (ten_head_add_field(out, &first->fields[p->index[i]], e))
			return -1;
	}
	for (size_t i = 0; i < first->nkvs; i++) {
		const struct ten_kv *kv = &first->kvs[i];
		bool all = true;
		for (size_t k = 1; k < n && all; k++)
			all = same_kv(first, inputs[k], kv->key);
		if (all && ten_head_set_kv(out, kv->key, kv->value, kv->size, e))
			return -1;
	}
	return 0;
}
