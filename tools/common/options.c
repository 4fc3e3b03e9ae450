/* Options: one table makes the parser, --help and provenance's arguments. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "common/state.h"

struct cli_state cli_state;

enum { OPT_HELP = 0x10000, OPT_VERSION, OPT_FIRST };

static void
print_option(int brief, const char *name, const char *metavar, bool optional, const char *help)
{
	char left[128];
	char letter[8] = "    ";
	if (brief)
		snprintf(letter, sizeof letter, "-%c, ", brief);
	if (optional)
		snprintf(left, sizeof left, "%s--%s[=%s]", letter, name, metavar);
	else
		snprintf(left, sizeof left, "%s--%s%s%s", letter, name, metavar ? " " : "",
		    metavar ? metavar : "");
	if (strlen(left) > 25)
		printf("  %s\n  %25s  %s\n", left, "", help);
	else
		printf("  %-25s  %s\n", left, help);
}

noreturn static void
print_help(const struct cli_tool *t)
{
	printf("usage: %s [options]%s%s\n%s\n\n", t->name, *t->operands ? " " : "", t->operands,
	    t->summary);
	for (size_t i = 0; i < t->nopts; i++) {
		const struct cli_opt *o = &t->opts[i];
		print_option(o->brief, o->name, o->metavar, o->type == CLI_LEVEL, o->help);
	}
	print_option(0, "help", NULL, false, "print the options and exit");
	print_option(0, "version", NULL, false, "print the version and exit");
	printf("\nexamples:\n");
	for (const char *p = t->examples; *p;) {
		size_t n = strcspn(p, "\n");
		printf("  %.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
	cli_close_stdout();
	exit(0);
}

static void
check_range(const struct cli_opt *o, const char *arg, double v, double min, double max)
{
	if ((min != 0 || max != 0) && (v < min || v > max))
		cli_usage("--%s: %s is not within %.15g to %.15g", o->name, arg, min, max);
}

static int
choice(const struct cli_opt *o, const char *arg)
{
	char all[512] = "";
	size_t used = 0;
	for (int i = 0; o->choices[i]; i++) {
		if (strcmp(o->choices[i], arg) == 0)
			return i;
		int n = snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", o->choices[i]);
		if (n > 0 && used + (size_t)n < sizeof all)
			used += (size_t)n;
	}
	cli_usage("--%s: '%s' is none of %s", o->name, arg, all);
}

static void
add_to_list(const struct cli_opt *o, const char *arg)
{
	struct cli_list *l = o->dst;
	const char **items = realloc(l->items, (l->n + 1) * sizeof *items);
	if (!items)
		cli_die(ERR_RUNTIME, "out of memory");
	items[l->n++] = arg;
	l->items = items;
}

static void
set_option(const struct cli_opt *o, const char *arg)
{
	const char *why;
	uint64_t u;
	double d;
	switch (o->type) {
	case CLI_FLAG:
		*(bool *)o->dst = true;
		break;
	case CLI_TEXT:
		*(const char **)o->dst = arg;
		break;
	case CLI_U64:
		if (cli_parse_u64(arg, &u, &why))
			cli_usage("--%s: '%s' %s", o->name, arg, why);
		check_range(o, arg, (double)u, o->min, o->max);
		*(uint64_t *)o->dst = u;
		break;
	case CLI_REAL:
		if (cli_parse_real(arg, &d, &why))
			cli_usage("--%s: '%s' %s", o->name, arg, why);
		check_range(o, arg, d, o->min, o->max);
		*(double *)o->dst = d;
		break;
	case CLI_CHOICE:
		*(int *)o->dst = choice(o, arg);
		break;
	case CLI_LIST:
		add_to_list(o, arg);
		break;
	case CLI_LEVEL:
		u = 3;
		if (arg && cli_parse_u64(arg, &u, &why))
			cli_usage("--%s: '%s' %s", o->name, arg, why);
		check_range(o, arg ? arg : "3", (double)u, 1, 19);
		*(int *)o->dst = (int)u;
		break;
	}
}

/* ":" first: a missing argument is told apart from an unknown option. */
static struct option *
getopt_table(const struct cli_tool *t, char *brief)
{
	struct option *longs = calloc(t->nopts + 3, sizeof *longs);
	if (!longs)
		cli_die(ERR_RUNTIME, "out of memory");
	*brief++ = ':';
	for (size_t i = 0; i < t->nopts; i++) {
		const struct cli_opt *o = &t->opts[i];
		int arg = o->type == CLI_FLAG ? no_argument
		    : o->type == CLI_LEVEL ? optional_argument : required_argument;
		longs[i] = (struct option){o->name, arg, NULL, OPT_FIRST + (int)i};
		if (!o->brief)
			continue;
		*brief++ = (char)o->brief;
		for (int k = 0; k < arg; k++)
			*brief++ = ':';
	}
	*brief = '\0';
	longs[t->nopts] = (struct option){"help", no_argument, NULL, OPT_HELP};
	longs[t->nopts + 1] = (struct option){"version", no_argument, NULL, OPT_VERSION};
	return longs;
}

static size_t
option_index(const struct cli_tool *t, int c)
{
	if (c >= OPT_FIRST)
		return (size_t)(c - OPT_FIRST);
	size_t i = 0;
	while (t->opts[i].brief != c)
		i++;
	return i;
}

noreturn static void
bad_option(const struct cli_tool *t, int c, char **argv)
{
	const char *what = c == ':' ? "needs an argument" : "is unknown";
	if (optopt >= OPT_FIRST && c == ':')
		cli_usage("option --%s %s", t->opts[optopt - OPT_FIRST].name, what);
	if (optopt >= OPT_HELP)
		cli_usage("option %s takes no argument", argv[optind - 1]);
	if (optopt)
		cli_usage("option -%c %s", optopt, what);
	cli_usage("option %s is unknown or ambiguous", argv[optind - 1]);
}

char **
cli_parse(const struct cli_tool *tool, int argc, char **argv, size_t *noperands)
{
	int c;
	char brief[3 * 128 + 2];
	cli_state.tool = tool;
	for (size_t i = 0; i < tool->nopts; i++)
		if (strcmp(tool->opts[i].name, "threads") == 0)
			cli_patient_threads(argv);
	cli_process_setup();
	struct option *longs = getopt_table(tool, brief);
	cli_state.given = calloc(tool->nopts + 1, sizeof *cli_state.given);
	if (!cli_state.given)
		cli_die(ERR_RUNTIME, "out of memory");
	opterr = 0;
	while ((c = getopt_long(argc, argv, brief, longs, NULL)) != -1) {
		if (c == OPT_HELP)
			print_help(tool);
		if (c == OPT_VERSION) {
			printf("%s (tenon) %s\n", tool->name, TENON_VERSION);
			cli_close_stdout();
			exit(0);
		}
		if (c == '?' || c == ':')
			bad_option(tool, c, argv);
		size_t i = option_index(tool, c);
		set_option(&tool->opts[i], optarg);
		cli_state.given[i] = true;
	}
	free(longs);
	*noperands = (size_t)(argc - optind);
	return argv + optind;
}

static const struct cli_opt *
given_option(const void *dst)
{
	const struct cli_tool *t = cli_state.tool;
	for (size_t i = 0; i < t->nopts; i++)
		if (t->opts[i].dst == dst && cli_state.given[i])
			return &t->opts[i];
	return NULL;
}

bool
cli_given(const void *dst)
{
	return given_option(dst) != NULL;
}

void
cli_misplaced(const void *dst, const char *what, const char *here)
{
	const struct cli_opt *o = given_option(dst);
	if (o)
		cli_die(ERR_USAGE, "--%s is for %s%s%s", o->name, what, here ? ", not for " : "", here ? here : "");
}

/* ---- the arguments that decide the result ---- */

/* Folders say nothing about the result and much about a machine. */
static const char *
base_name(const char *s)
{
	const char *slash = strrchr(s, '/');
	return slash && slash[1] ? slash + 1 : s;
}

static bool
names_file(const char *metavar)
{
	static const char *const names[] = {"FILE", "MODEL", "VOCAB", "FOLDER", "PREFIX"};
	for (size_t i = 0; metavar && i < sizeof names / sizeof names[0]; i++)
		if (strcmp(metavar, names[i]) == 0)
			return true;
	return false;
}

static char *
option_text(const struct cli_opt *o, size_t item)
{
	char *s = NULL;
	int n = -1;
	const char *text;
	switch (o->type) {
	case CLI_FLAG:
		n = asprintf(&s, "--%s", o->name);
		break;
	case CLI_TEXT:
	case CLI_LIST:
		text = o->type == CLI_TEXT ? *(const char **)o->dst
		    : ((struct cli_list *)o->dst)->items[item];
		n = asprintf(&s, "--%s=%s", o->name, names_file(o->metavar) ? base_name(text) : text);
		break;
	case CLI_U64:
		n = asprintf(&s, "--%s=%llu", o->name, (unsigned long long)*(uint64_t *)o->dst);
		break;
	case CLI_REAL:
		n = asprintf(&s, "--%s=%.17g", o->name, *(double *)o->dst);
		break;
	case CLI_CHOICE:
		n = asprintf(&s, "--%s=%s", o->name, o->choices[*(int *)o->dst]);
		break;
	case CLI_LEVEL:
		n = asprintf(&s, "--%s=%d", o->name, *(int *)o->dst);
		break;
	}
	return n < 0 ? NULL : s;
}

char **
cli_canonical(size_t *n, struct err *e)
{
	const struct cli_tool *t = cli_state.tool;
	char **out = NULL;
	size_t cap = 0;
	*n = 0;
	for (size_t i = 0; i < t->nopts; i++) {
		const struct cli_opt *o = &t->opts[i];
		size_t items = o->type == CLI_LIST ? ((struct cli_list *)o->dst)->n : 1;
		for (size_t k = 0; cli_state.given[i] && !o->silent && k < items; k++) {
			if (mem_grow(&out, &cap, *n + 1, sizeof *out, "provenance", e))
				goto fail;
			if (!(out[(*n)++] = option_text(o, k)))
				goto nomem;
		}
	}
	for (size_t i = 0; i < cli_state.nwords; i++) {
		if (mem_grow(&out, &cap, *n + 1, sizeof *out, "provenance", e))
			goto fail;
		if (!(out[(*n)++] = strdup(cli_state.words[i])))
			goto nomem;
	}
	if (mem_grow(&out, &cap, *n + 2, sizeof *out, "provenance", e))
		goto fail;
	if (cli_state.part && asprintf(&out[(*n)++], "part=%s", cli_state.part) < 0) {
		--*n;
		goto nomem;
	}
	out[*n] = NULL;
	return out;
nomem:
	err_nomem(e, *n, "provenance");
fail:
	for (size_t i = 0; i < *n; i++)
		free(out[i]);
	free(out);
	return NULL;
}
