#include "score/request.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/loadjson.h"
#include "base/mem.h"

/* ---- requests ---- */

static int
append(struct ten_membuf *m, const json_t *text, const char *what, struct err *e)
{
	size_t n = json_string_length(text);
	if (!json_is_string(text))
		return err_set(e, ERR_DATA, "has no text in `%s'", what);
	if (m->size + n > UINT32_MAX)
		return err_set(e, ERR_DATA, "the text is too long");
	if (mem_grow(&m->data, &m->cap, m->size + n + 1, 1, "a request", e))
		return -1;
	memcpy(m->data + m->size, json_string_value(text), n);
	m->size += n;
	return 0;
}

static int
add_turn(struct request *q, enum chat_role role, const json_t *content, const char *what, struct err *e)
{
	size_t n = q->answers.prompt.turns;
	if (append(&q->text, content, what, e) ||
	    mem_grow(&q->ends, &q->cap_ends, n + 1, sizeof *q->ends, "a request", e) ||
	    mem_grow(&q->roles, &q->cap_roles, n + 1, sizeof *q->roles, "a request", e))
		return -1;
	q->ends[n] = (uint32_t)q->text.size;
	q->roles[n] = (uint8_t)role;
	q->answers.prompt.turns++;
	return 0;
}

static int
role_of(const json_t *name)
{
	static const char *const roles[ROLES] = {"system", "user", "assistant", "tool"};
	for (int r = 0; json_is_string(name) && r < ROLES; r++)
		if (strcmp(json_string_value(name), roles[r]) == 0)
			return r;
	return -1;
}

static int
add_messages(struct request *q, const json_t *messages, struct err *e)
{
	size_t i;
	json_t *m;
	if (!json_is_array(messages))
		return err_set(e, ERR_DATA, "`messages' is not an array");
	json_array_foreach(messages, i, m) {
		int role = role_of(json_object_get(m, "role"));
		if (role < 0)
			return err_set(e, ERR_DATA, "message %zu: the role is not system, user, assistant or tool", i + 1);
		if (add_turn(q, (enum chat_role)role, json_object_get(m, "content"), "content", e))
			return err_prefix(e, "message %zu", i + 1);
	}
	return 0;
}

static int
fill(struct request *q, const json_t *j, struct err *e)
{
	const json_t *messages = json_object_get(j, "messages"), *ended = json_object_get(j, "ended");
	if (!json_is_object(j))
		return err_set(e, ERR_DATA, "is not a JSON object");
	if (ended && !json_is_boolean(ended))
		return err_set(e, ERR_DATA, "`ended' is neither true nor false");
	if (messages ? add_messages(q, messages, e) : add_turn(q, ROLE_USER, json_object_get(j, "prompt"), "prompt", e))
		return -1;
	if (append(&q->completion, json_object_get(j, "completion"), "completion", e))
		return -1;
	q->end = (uint32_t)q->completion.size;
	struct chat prompt = {q->text.data, q->ends, q->roles, q->answers.prompt.turns};
	q->answers = (struct answers){prompt, q->completion.data, &q->end, 1, ended && json_is_false(ended)};
	return 0;
}

int
request_parse(struct request *q, const char *line, size_t n, struct err *e)
{
	json_error_t error;
	q->text.size = q->completion.size = 0;
	q->answers = (struct answers){0};
	json_t *j = load_json(line, n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error, e);
	int rc = j ? fill(q, j, e) : -1;
	json_decref(j);
	return rc;
}

void
request_free(struct request *q)
{
	free(q->text.data);
	free(q->completion.data);
	free(q->ends);
	free(q->roles);
	memset(q, 0, sizeof *q);
}

/* ---- lines ---- */

/* More bytes: 1, 0 at the end of the input, 2 when there are none yet, -1. */
static int
read_more(struct lines *l, bool wait, struct err *e)
{
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	if (!wait && poll(&p, 1, 0) == 0)
		return 2;
	if (l->start) {
		memmove(l->buf, l->buf + l->start, l->end - l->start);
		l->end -= l->start;
		l->start = 0;
	}
	if (mem_grow(&l->buf, &l->cap, l->end + (64 << 10), 1, "a line", e))
		return -1;
	for (;;) {
		ssize_t got = read(l->fd, l->buf + l->end, l->cap - l->end);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(e, "%s: cannot read", l->name);
		l->end += (size_t)got;
		l->eof = got == 0;
		return got > 0;
	}
}

int
lines_next(struct lines *l, bool wait, const char **line, size_t *n, struct err *e)
{
	for (;;) {
		size_t from = l->start + l->scanned;
		const char *end = l->end > from ? memchr(l->buf + from, '\n', l->end - from) : NULL;
		if (end || (l->eof && l->end > l->start)) {
			*line = l->buf + l->start;
			*n = (end ? (size_t)(end - l->buf) : l->end) - l->start;
			l->start += *n + (end != NULL);
			l->scanned = 0;
			return 1;
		}
		l->scanned = l->end - l->start;
		if (l->eof)
			return 0;
		int got = read_more(l, wait, e);
		if (got < 0 || got == 2)
			return got;
	}
}

void
lines_free(struct lines *l)
{
	free(l->buf);
	memset(l, 0, sizeof *l);
}

/* ---- the first byte ---- */

int
first_byte(int fd)
{
	unsigned char c;
	int pipes[2];
	struct stat st;
	if (fstat(fd, &st))
		return -1;
	if (S_ISREG(st.st_mode))
		return pread(fd, &c, 1, lseek(fd, 0, SEEK_CUR)) == 1 ? c : -1;
	if (S_ISSOCK(st.st_mode))
		return recv(fd, &c, 1, MSG_PEEK) == 1 ? c : -1;
	if (!S_ISFIFO(st.st_mode) || pipe(pipes))
		return -1;
	/* a copy of it, into a pipe of our own */
	ssize_t n;
	while ((n = tee(fd, pipes[1], 1, 0)) < 0 && errno == EINTR)
		;
	if (n == 1)
		n = read(pipes[0], &c, 1);
	close(pipes[0]);
	close(pipes[1]);
	return n == 1 ? c : -1;
}
