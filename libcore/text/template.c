#include "text/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"

static const struct { const char *name, *text; } builtin[] = {
    {"chatml",
     "special <|im_start|> <|im_end|>\n"
     "system <|im_start|>system\\n{content}<|im_end|>\\n\n"
     "user <|im_start|>user\\n{content}<|im_end|>\\n\n"
     "assistant <|im_start|>assistant\\n{content}<|im_end|>\\n\n"
     "tool <|im_start|>tool\\n{content}<|im_end|>\\n\n"
     "stop <|im_end|>\n"},
    {"llama3",
     "special <|begin_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|>\n"
     "begin <|begin_of_text|>\n"
     "system <|start_header_id|>system<|end_header_id|>\\n\\n{content}<|eot_id|>\n"
     "user <|start_header_id|>user<|end_header_id|>\\n\\n{content}<|eot_id|>\n"
     "assistant <|start_header_id|>assistant<|end_header_id|>\\n\\n{content}<|eot_id|>\n"
     "tool <|start_header_id|>ipython<|end_header_id|>\\n\\n{content}<|eot_id|>\n"
     "stop <|eot_id|>\n"},
    {"plain",
     "special <|endoftext|>\n"
     "system {content}\\n\\n\n"
     "user User: {content}\\n\n"
     "assistant Assistant: {content}<|endoftext|>\\n\n"
     "stop <|endoftext|>\n"},
    {"completion",
     "special <|endoftext|>\n"
     "system {content}\n"
     "user {content}\n"
     "assistant {content}<|endoftext|>\n"
     "stop <|endoftext|>\n"},
};

const char *
template_builtin(const char *name)
{
	for (size_t i = 0; i < sizeof builtin / sizeof *builtin; i++)
		if (strcmp(builtin[i].name, name) == 0)
			return builtin[i].text;
	return NULL;
}

void
template_id(const char *text, char hex[33])
{
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, XXH3_128bits(text, strlen(text)));
	for (int i = 0; i < 16; i++)
		sprintf(hex + 2 * i, "%02x", c.digest[i]);
}

/* ---- reading ---- */

/* The value of n bytes with its escapes resolved, owned; NULL with *e filled. */
static char *
unescape(const char *s, size_t n, struct err *e)
{
	char *out = mem_zalloc(n + 1, 1, "a template", e), *to = out;
	for (size_t i = 0; out && i < n; i++) {
		if (s[i] != '\\') {
			*to++ = s[i];
			continue;
		}
		char c = i + 1 < n ? s[++i] : 0;
		if (c != 'n' && c != 't' && c != '\\') {
			err_set(e, ERR_DATA, "a backslash is followed by neither n, t nor a backslash");
			free(out);
			return NULL;
		}
		*to++ = c == 'n' ? '\n' : c == 't' ? '\t' : c;
	}
	return out;
}

static int
set_turn(struct chat_template *t, enum chat_role role, char *value, struct err *e)
{
	static const char mark[] = "{content}";
	char *at = strstr(value, mark);
	if (!at || strstr(at + 1, mark))
		return err_set(e, ERR_DATA, "a turn has {content} once");
	t->after[role] = strdup(at + strlen(mark));
	*at = 0;
	t->before[role] = strdup(value);
	return t->after[role] && t->before[role] ? 0 : err_nomem(e, 1, "a template");
}

static int
set_special(struct chat_template *t, char *value, struct err *e)
{
	char *save;
	for (char *name = strtok_r(value, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		if (t->nspecial == 64)
			return err_set(e, ERR_DATA, "more than 64 special tokens");
		if (!(t->special[t->nspecial] = strdup(name)))
			return err_nomem(e, 1, "a template");
		t->nspecial++;
	}
	return 0;
}

static int
set_line(struct chat_template *t, const char *name, size_t n, char *value, struct err *e)
{
	static const char *const roles[ROLES] = {"system", "user", "assistant", "tool"};
	char **to = NULL;
	if (n == 7 && memcmp(name, "special", n) == 0)
		return t->nspecial ? err_set(e, ERR_DATA, "is there twice") : set_special(t, value, e);
	for (int r = 0; r < ROLES; r++)
		if (strlen(roles[r]) == n && memcmp(name, roles[r], n) == 0)
			return t->before[r] ? err_set(e, ERR_DATA, "is there twice") : set_turn(t, (enum chat_role)r, value, e);
	if (n == 5 && memcmp(name, "begin", n) == 0)
		to = &t->begin;
	if (n == 4 && memcmp(name, "stop", n) == 0)
		to = &t->stop;
	if (!to || *to)
		return err_set(e, ERR_DATA, to ? "is there twice" : "is not special, begin, system, user, assistant, tool or stop");
	return (*to = strdup(value)) ? 0 : err_nomem(e, 1, "a template");
}

static int
check_whole(const struct chat_template *t, struct err *e)
{
	if (!t->before[ROLE_USER] || !t->before[ROLE_ASSISTANT] || !t->stop || !*t->stop)
		return err_set(e, ERR_DATA, "a template needs user, assistant and stop");
	if (strncmp(t->after[ROLE_ASSISTANT], t->stop, strlen(t->stop)) != 0)
		return err_set(e, ERR_DATA, "the assistant's {content} is not followed by the stop token `%.60s'", t->stop);
	for (size_t i = 0; i < t->nspecial; i++)
		if (strcmp(t->special[i], t->stop) == 0)
			return 0;
	return err_set(e, ERR_DATA, "the stop token `%.60s' is not among the special ones", t->stop);
}

int
template_parse(struct chat_template *t, const char *text, size_t n, struct err *e)
{
	memset(t, 0, sizeof *t);
	if (memchr(text, 0, n))
		return err_set(e, ERR_DATA, "a template has no NUL");
	t->text = strndup(text, n);
	t->special = mem_zalloc(64, sizeof *t->special, "a template", e);
	int rc = !t->special ? -1 : t->text ? 0 : err_nomem(e, n, "a template");
	size_t number = 1;
	for (const char *line = t->text; rc == 0 && *line; number++) {
		size_t size = strcspn(line, "\n"), name = strcspn(line, " \n");
		char *value = name < size ? unescape(line + name + 1, size - name - 1, e) : unescape("", 0, e);
		rc = value ? set_line(t, line, name, value, e) : -1;
		free(value);
		if (rc && e->code == ERR_DATA)
			err_prefix(e, "line %zu of the template", number);
		line += size + (line[size] == '\n');
	}
	if (rc || check_whole(t, e)) {
		template_free(t);
		return -1;
	}
	return 0;
}

void
template_free(struct chat_template *t)
{
	for (size_t i = 0; i < t->nspecial; i++)
		free(t->special[i]);
	for (int r = 0; r < ROLES; r++) {
		free(t->before[r]);
		free(t->after[r]);
	}
	free(t->special);
	free(t->text);
	free(t->begin);
	free(t->stop);
	memset(t, 0, sizeof *t);
}

int
template_check(const struct chat_template *t, const struct vocab *v, struct err *e)
{
	for (size_t i = 0; i < t->nspecial; i++)
		if (vocab_special(v, t->special[i], strlen(t->special[i])) < 0)
			return err_set(e, ERR_DATA, "the vocabulary has no special token `%.60s', which the chat template uses; tgraft"
			    " --template adds it", t->special[i]);
	return 0;
}

/* ---- rendering ---- */

bool
ends_fit(const uint32_t *ends, size_t count, uint64_t n)
{
	for (size_t i = 1; i < count; i++)
		if (ends[i] < ends[i - 1])
			return false;
	return (count ? ends[count - 1] : 0) == n;
}

int
chat_check(const struct chat *c, uint64_t n, struct err *e)
{
	if (!ends_fit(c->ends, c->turns, n))
		return err_set(e, ERR_DATA, "turns, roles and text do not fit together");
	for (size_t i = 0; i < c->turns; i++)
		if (c->roles[i] >= ROLES)
			return err_set(e, ERR_DATA, "turn %zu has role %u, which nobody has", i + 1, c->roles[i]);
	return 0;
}

/* Appends a piece; its tokens are trained or not. */
static int
add(struct chat_tokens *to, struct encoder *x, const char *text, size_t n, bool content, bool trained, struct err *e)
{
	size_t from = to->ids.n;
	if (content ? encode_text(x, text, n, &to->ids, e) : encode_with_special(x, text, n, &to->ids, e))
		return -1;
	if (mem_grow(&to->trained, &to->cap, to->ids.n, sizeof *to->trained, "tokens", e))
		return -1;
	for (size_t i = from; i < to->ids.n; i++)
		to->trained[i] = trained;
	return 0;
}

static int
add_turn(const struct chat_template *t, struct chat_tokens *to, struct encoder *x, const struct vocab *v, size_t role,
    const char *text, size_t n, bool trained, struct err *e)
{
	if (!t->before[role])
		return err_set(e, ERR_DATA, "the chat template has no turn of that role");
	if (add(to, x, t->before[role], strlen(t->before[role]), false, false, e) || add(to, x, text, n, true, trained, e))
		return -1;
	size_t from = to->ids.n;
	if (add(to, x, t->after[role], strlen(t->after[role]), false, false, e))
		return -1;
	if (from < to->ids.n && to->ids.v[from] == vocab_special(v, t->stop, strlen(t->stop)))
		to->trained[from] = trained;
	return 0;
}

int
template_render(const struct chat_template *t, struct encoder *x, const struct vocab *v, const struct chat *c,
    enum train_on on, bool ask, struct chat_tokens *to, struct err *e)
{
	size_t last = c->turns;
	for (size_t i = 0; i < c->turns; i++)
		if (c->roles[i] == ROLE_ASSISTANT)
			last = i;
	to->ids.n = 0;
	if (t->begin && add(to, x, t->begin, strlen(t->begin), false, false, e))
		return -1;
	to->begin = to->ids.n;
	for (size_t i = 0, from = 0; i < c->turns; from = c->ends[i++]) {
		bool trained = on == TRAIN_ALL || (c->roles[i] == ROLE_ASSISTANT && (on == TRAIN_ASSISTANT || i == last));
		if (add_turn(t, to, x, v, c->roles[i], c->text + from, c->ends[i] - from, trained, e))
			return err_prefix(e, "turn %zu", i + 1);
	}
	return ask ? add(to, x, t->before[ROLE_ASSISTANT], strlen(t->before[ROLE_ASSISTANT]), false, false, e) : 0;
}

void
chat_tokens_free(struct chat_tokens *c)
{
	free(c->ids.v);
	free(c->trained);
	memset(c, 0, sizeof *c);
}
