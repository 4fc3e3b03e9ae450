/* The answers of updates as record streams of kind rollouts. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/kinds.h"
#include "ppo/ppo.h"

enum { ARRAYS = ROLLOUT_ARRAYS };

static void
segment_path(const struct ppo_run *r, uint64_t update, char *buf, size_t n)
{
	snprintf(buf, n, "%s/rollouts-%08" PRIu64 ".ten", r->train.checkpoint.folder, update);
}

static void
make_head(const struct ppo_run *r, struct ten_head *h)
{
	struct err e;
	uint64_t ragged = TEN_RAGGED;
	char size[24];
	snprintf(h->kind, sizeof h->kind, "rollouts");
	snprintf(size, sizeof size, "%zu", r->vocab.vocab.n);
	if (ten_head_add(h, "step", TEN_UINT, 64, 0, NULL, &e) || ten_head_add(h, "ids", TEN_INT, 32, 1, &ragged, &e) ||
	    ten_head_add(h, "prompt_length", TEN_INT, 32, 0, NULL, &e))
		cli_fail(&e);
	for (int i = 0; i < ARRAYS; i++)
		if (ten_head_add(h, rollout_arrays[i], TEN_FLOAT, 32, 1, &ragged, &e))
			cli_fail(&e);
	for (int i = 0; i < ROLLOUT_NUMBERS; i++)
		if (ten_head_add(h, rollout_numbers[i], TEN_FLOAT, 64, 0, NULL, &e))
			cli_fail(&e);
	if (ten_head_add(h, "ended", TEN_UINT, 8, 0, NULL, &e) ||
	    ten_head_add(h, "text", TEN_TEXT, 8, 1, &ragged, &e) || ten_head_set_text(h, "tokenizer", r->vocab.id, &e) ||
	    ten_head_set_text(h, "vocab_size", size, &e) || ten_head_merge_prov(h, &r->train.own, &e))
		cli_fail(&e);
}

static void
write_answer(const struct ppo_run *r, struct cli_out *out, size_t i, float *numbers)
{
	const struct rollouts *ro = &r->ppo.r;
	const double *of[ARRAYS] = {ro->logp, ro->reference, ro->values, ro->entropy, ro->rewards, ro->advantages, ro->returns};
	const struct answer *a = &r->answers[i];
	uint64_t step = r->updates + 1;
	int32_t prompt = (int32_t)a->prompt;
	uint8_t ended = a->ended;
	size_t from = i ? ro->ends[i - 1] : 0, n = ro->ends[i] - from, k = 3;
	struct ten_value v[3 + ARRAYS + 5] = {ten_vector(&step, 1), ten_vector(a->ids, a->n), ten_vector(&prompt, 1)};
	for (int j = 0; j < ARRAYS; j++) {
		float *to = numbers + (size_t)j * r->max_new;
		for (size_t t = 0; t < n; t++)
			to[t] = (float)of[j][from + t];
		v[k++] = ten_vector(to, n);
	}
	v[k++] = ten_vector(&r->ppo.kl_coefficient, 1);
	v[k++] = ten_vector(&r->raw[i], 1);
	v[k++] = ten_vector(&ro->score[i], 1);
	v[k++] = ten_vector(&ended, 1);
	v[k++] = ten_vector(r->text.data + a->text, a->size);
	cli_write(out, v);
}

void
rollouts_save(const struct ppo_run *r)
{
	struct ten_head h = {0};
	struct cli_out out;
	char path[4200];
	float *numbers = cli_zalloc(ARRAYS * r->max_new, sizeof *numbers, "rollouts");
	make_head(r, &h);
	segment_path(r, r->updates + 1, path, sizeof path);
	cli_open_raw(&out, path, &h, NULL);
	for (size_t i = 0; i < r->n; i++)
		write_answer(r, &out, i, numbers);
	cli_close_out(&out);
	ten_head_free(&h);
	free(numbers);
}

void
rollouts_check(const struct ppo_run *r)
{
	char path[4200];
	for (uint64_t u = 1; u <= r->updates; u++) {
		segment_path(r, u, path, sizeof path);
		if (access(path, R_OK))
			cli_die(ERR_DATA, "%s: cannot be read: %s; was the training begun without --rollouts? Go on without, or remove %s to"
			    " start afresh", path, strerror(errno), r->train.checkpoint.folder);
	}
}

static void
copy(struct outfile *to, const char *path)
{
	struct err e;
	static char buf[1 << 16];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		cli_die(ERR_RUNTIME, "%s: cannot open: %s", path, strerror(errno));
	while ((n = read(fd, buf, sizeof buf)) != 0) {
		if (n < 0 && errno != EINTR)
			cli_die(ERR_RUNTIME, "%s: cannot read: %s", path, strerror(errno));
		if (n > 0 && outfile_write(to, buf, (size_t)n, &e))
			cli_fail(&e);
	}
	close(fd);
}

/* A stream may have several segments, so that files one behind the other are one. */
void
rollouts_join(const struct ppo_run *r)
{
	struct err e;
	struct outfile out;
	char path[4200];
	if (outfile_open(&out, r->rollouts, 0666, &e))
		cli_fail(&e);
	for (uint64_t u = 1; u <= r->updates; u++) {
		segment_path(r, u, path, sizeof path);
		copy(&out, path);
	}
	if (outfile_commit(&out, &e))
		cli_fail(&e);
}

void
rollouts_remove(const struct ppo_run *r)
{
	char path[4200];
	for (uint64_t u = 1; u <= r->updates; u++) {
		segment_path(r, u, path, sizeof path);
		unlink(path);
	}
}
