/* What a training takes, before it takes it. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/machine.h"
#include "common/trainloop.h"

/* The program itself with its libraries, and the matrices of a measured product. */
enum { PROGRAM = 24 << 20, THREAD = 2 << 20 };

/* ---- what is trained ---- */

/* Numbers that get gradients and moments: what r->trainer.how says, but the head of this objective for that of another. */
static size_t
count_trained(const struct train_run *r)
{
	size_t n = 0;
	for (size_t i = 0; i < r->table.n; i++) {
		const struct param *p = &r->table.items[i];
		bool trained = r->trainer.how[i].since != UINT64_MAX;
		if (p->slot >= SLOT_TRANSFORM && p->slot <= SLOT_HEAD_B)
			trained = trained && train_has_logits(r);
		if (p->slot >= SLOT_PROJECT1 && p->slot <= SLOT_VALUE_B)
			trained = !train_has_logits(r);
		n += trained ? p->size : 0;
	}
	return n;
}

static size_t
trained_numbers(struct train_run *r, const struct train_opts *o)
{
	struct trainer *t = &r->trainer;
	*t = (struct trainer){.cfg = &r->cfg, .table = &r->table, .opts = *o};
	t->how = cli_zalloc(r->table.n, sizeof *t->how, "tensors");
	t->skip = cli_zalloc(r->cfg.layers * SLOT_COUNT, sizeof *t->skip, "tensors");
	trainer_how(t);
	train_freeze_as_told(r);
	if (r->fine)
		finetune_how(r);
	size_t n = count_trained(r);
	free(t->how);
	free(t->skip);
	*t = (struct trainer){0};
	return n;
}

/* ---- the plan ---- */

struct plan {
	struct train_memory m;
	size_t other, total, reserved;
};

static size_t
sum(size_t a, size_t b)
{
	size_t s;
	return a == SIZE_MAX || b == SIZE_MAX || add_overflows(a, b, &s) ? SIZE_MAX : s;
}

static struct plan
plan(const struct train_run *r, const struct train_opts *o, size_t trained)
{
	struct plan p;
	size_t objective = 0;
	if (train_contrasts(r)) {
		struct contrast_opts c = train_contrast_opts(r);
		objective = contrast_memory(&r->cfg, &r->table, &c);
	}
	trainer_memory(&p.m, &r->cfg, &r->table, o, trained, team_size(r->team));
	p.other = sum(objective, PROGRAM + (size_t)omp_get_max_threads() * THREAD);
	p.total = sum(p.m.total, p.other);
	p.reserved = sum(p.m.reserved, objective);
	return p;
}

static void
line(const char *name, size_t bytes, const char *why)
{
	if (bytes == SIZE_MAX)
		printf("%-12s %12s%s\n", name, "-", why);
	else
		printf("%-12s %12.1f MiB%s\n", name, (double)bytes / 0x1p20, why);
}

static void
print(const struct plan *p, size_t available, const char *what)
{
	char why[80];
	line("weights", p->m.weights, "");
	line("gradients", p->m.gradients, "");
	line("moments", p->m.moments, "");
	line("activations", p->m.activations, "");
	line("logits", p->m.logits, "");
	if (p->m.exchanged)
		line("exchanged", p->m.exchanged, "");
	line("other", p->other, "");
	line("total", p->total, "");
	snprintf(why, sizeof why, " (%s)", what);
	line("available", available, why);
	cli_close_stdout();
}

/* ---- too much ---- */

static double
gib(size_t bytes)
{
	return (double)bytes / 0x1p30;
}

/* The options that would need less, each with how much that is. */
static void
advise(const struct train_run *r, const struct train_opts *o, size_t trained, bool reserved, char *text, size_t size)
{
	struct train_opts with = *o;
	size_t rows = r->micro && r->micro < r->batch ? r->micro : r->batch, n = 0;
	static const char *const names[] = {"--recompute", "--micro 1", "--recompute --micro 1"};
	text[0] = 0;
	for (int k = 1; k <= 3; k++) {
		bool recompute = k & 1, micro = k & 2;
		if ((recompute && o->recompute) || (micro && rows == 1))
			continue;
		with.recompute = o->recompute || recompute;
		with.max_tokens = micro ? o->max_tokens / rows : o->max_tokens;
		struct plan p = plan(r, &with, trained);
		n += (size_t)snprintf(text + n, size - n, "%s %s would take %.2f GiB", n ? "," : ";", names[k - 1],
		    gib(reserved ? p.reserved : p.total));
	}
}

void
train_plan(struct train_run *r, const struct train_opts *o)
{
	char advice[300];
	const char *what;
	size_t trained = trained_numbers(r, o), available = machine_memory(&what), space = machine_address_space();
	struct plan p = plan(r, o, trained);
	if (r->team) /* the ranks of a machine share its memory, of which none takes any before all have looked */
		available /= r->team->neighbours;
	train_sum(r, &(double){0}, 1);
	bool known = r->data.map || r->data.stated; /* else rows may be far shorter than what is planned for */
	bool too_much = known && p.total > available, too_wide = p.reserved > space;
	if (r->plan && train_leads(r))
		print(&p, space < available ? space : available, space < available ? "RLIMIT_AS" : what);
	if (too_much || too_wide) {
		advise(r, o, trained, !too_much, advice, sizeof advice);
		cli_die(ERR_RUNTIME, "the training takes %.2f GiB of memory, but there are %.2f (%s)%s", gib(too_much ? p.total : p.reserved),
		    gib(too_much ? available : space), too_much ? what : "RLIMIT_AS", advice);
	}
	if (r->plan) {
		train_leave(r);
		exit(0);
	}
}
