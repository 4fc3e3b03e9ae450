/* Any bytes as a JSON text: what is accepted is one tree of nodes that lies within the text, and so is what it says when it is
 * written without blanks. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/jsonread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
walk(const struct jnode *j)
{
	size_t nodes = 1;
	const struct jnode *v = j + 1;
	bool object = j->type == JNODE_OBJECT;
	for (uint32_t i = 0; i < j->count; i++, v = jnode_next(v)) {
		if (object && (v->type != JNODE_STRING || v->span != 1))
			abort();
		v += object;
		nodes += walk(v) + object;
	}
	if (nodes != j->span)
		abort();
	return nodes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	struct jread r = {0}, again = {0};
	if (jread_parse(&r, (const char *)data, size, &e) == 0) {
		if (walk(r.nodes) != r.n)
			abort();
		char *text = malloc(r.nodes->n + 1);
		if (text && r.nodes->type != JNODE_STRING) {
			size_t n = jnode_compact(r.nodes, text);
			if (jread_parse(&again, text, n, &e) || again.n != r.n || again.nodes->n != n)
				abort();
		}
		free(text);
	}
	jread_free(&r);
	jread_free(&again);
	return 0;
}

#include "fuzz/main.inc"
