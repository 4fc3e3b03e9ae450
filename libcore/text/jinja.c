#include "text/jinja.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct text {
	char *p;
	size_t n, cap;
};

static int
put(struct text *t, const char *s, size_t n, struct err *e)
{
	if (mem_grow(&t->p, &t->cap, t->n + n + 1, 1, "a template", e))
		return -1;
	memcpy(t->p + t->n, s, n);
	t->n += n;
	t->p[t->n] = 0;
	return 0;
}

static int
put_words(struct text *t, const char *s, struct err *e)
{
	return put(t, s, strlen(s), e);
}

/* A string of Jinja. */
static int
put_string(struct text *t, const char *s, struct err *e)
{
	if (put_words(t, "'", e))
		return -1;
	for (; *s; s++) {
		const char *as = *s == '\n' ? "\\n" : *s == '\t' ? "\\t" : *s == '\r' ? "\\r" : *s == '\\' ? "\\\\" : *s == '\'' ? "\\'" : NULL;
		if (as ? put_words(t, as, e) : put(t, s, 1, e))
			return -1;
	}
	return put_words(t, "'", e);
}

/* What shows `before`, and if there is a content it and `after`; empty strings are left out. */
static int
put_output(struct text *t, const char *before, const char *after, struct err *e)
{
	if (!after && !*before)
		return 0;
	if (put_words(t, "{{ ", e) || (*before && put_string(t, before, e)))
		return -1;
	if (after && ((*before && put_words(t, " + ", e)) || put_words(t, "message['content']", e)))
		return -1;
	if (after && *after && (put_words(t, " + ", e) || put_string(t, after, e)))
		return -1;
	return put_words(t, " }}", e);
}

static int
put_turns(struct text *t, const struct chat_template *c, struct err *e)
{
	static const char *const roles[ROLES] = {"system", "user", "assistant", "tool"};
	const char *open = "{% if message['role'] == ";
	for (int r = 0; r < ROLES; r++) {
		if (!c->before[r])
			continue;
		if (put_words(t, open, e) || put_string(t, roles[r], e) || put_words(t, " %}", e) ||
		    put_output(t, c->before[r], c->after[r], e))
			return -1;
		open = "{% elif message['role'] == ";
	}
	return put_words(t, "{% else %}{{ raise_exception('the template has no such role') }}{% endif %}", e);
}

char *
template_jinja(const struct chat_template *c, struct err *e)
{
	struct text t = {0};
	if ((c->begin && put_output(&t, c->begin, NULL, e)) || put_words(&t, "{% for message in messages %}", e) ||
	    put_turns(&t, c, e) || put_words(&t, "{% endfor %}{% if add_generation_prompt %}", e) ||
	    put_output(&t, c->before[ROLE_ASSISTANT], NULL, e) || put_words(&t, "{% endif %}", e)) {
		free(t.p);
		return NULL;
	}
	return t.p;
}
