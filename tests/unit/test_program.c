/* The reward program: what counts as an answer, texts as JSON, and pipes that fill up in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ppo/program.h"

static void
test_parse(void **state)
{
	(void)state;
	static const struct { const char *line; int code; double score; } cases[] = {
	    {"1", 0, 1}, {" -2.5e-3\t\r", 0, -0.0025}, {"0", 0, 0}, {"{\"score\": 3}", 0, 3}, {" {\"a\": [], \"score\": -0.5} ", 0, -0.5},
	    {"", ERR_DATA, 0}, {" ", ERR_DATA, 0}, {"one", ERR_DATA, 0}, {"1 2", ERR_DATA, 0}, {"0x10", ERR_DATA, 0},
	    {"true", ERR_DATA, 0}, {"[1]", ERR_DATA, 0}, {"{}", ERR_DATA, 0}, {"{\"score\": null}", ERR_DATA, 0},
	    {"{\"score\": 1", ERR_DATA, 0}, {"{\"score\": 1, \"score\": 2}", ERR_DATA, 0}, {"\x01\xff", ERR_DATA, 0},
	    {"nan", ERR_NONFINITE, 0}, {"-Infinity", ERR_NONFINITE, 0}, {"1e400", ERR_NONFINITE, 0},
	    {"{\"score\": NaN}", ERR_NONFINITE, 0}, {"{\"score\": -Infinity}", ERR_NONFINITE, 0}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err e = {0};
		double score = 77;
		int rc = program_parse(cases[i].line, strlen(cases[i].line), &score, &e);
		if (rc != (cases[i].code ? -1 : 0) || e.code != cases[i].code || (!rc && fabs(score - cases[i].score) > 0))
			fail_msg("`%s': %d, code %d, %g: %s", cases[i].line, rc, e.code, score, e.msg);
	}
	char line[400];
	struct err e;
	double score;
	memset(line, '1', sizeof line);
	assert_int_equal(program_parse(line, sizeof line, &score, &e), -1);
	assert_int_equal(program_parse("1\0", 2, &score, &e), -1);
}

static void
check_string(const char *text, size_t n, const char *want)
{
	struct err e;
	struct ten_membuf m = {0};
	assert_int_equal(program_json_string(&m, text, n, &e), 0);
	json_t *j = json_loadb(m.data, m.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	assert_non_null(j);
	assert_int_equal(json_string_length(j), strlen(want) + (n == 1 && !*text));
	assert_memory_equal(json_string_value(j), want, strlen(want));
	assert_null(memchr(m.data, '\n', m.size));
	json_decref(j);
	free(m.data);
}

static void
test_string(void **state)
{
	(void)state;
	check_string("", 0, "");
	check_string("a \"b\" \\ \n\t\x7f", 11, "a \"b\" \\ \n\t\x7f");
	check_string("\0", 1, "");
	check_string("na\xc3\xafve \xf0\x9f\x98\x80", 11, "na\xc3\xafve \xf0\x9f\x98\x80");
	check_string("a\xff" "b\xc3", 4, "a\xef\xbf\xbd" "b\xef\xbf\xbd");           /* no text; cut */
	check_string("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
}

/* n lines of 1 KB, numbered. */
static char *
many_lines(size_t n)
{
	char *lines = malloc(n * 1024 + 1);
	for (size_t i = 0; i < n; i++)
		sprintf(lines + i * 1024, "%-1023zu\n", i);
	return lines;
}

/* More than both pipes hold, of a program that answers each line at length, and of one that reads all before. */
static void
test_full_pipes(void **state)
{
	(void)state;
	enum { N = 1500 };
	static const char *const commands[] = {"while read -r n; do printf '%800s\\n' \"$n\"; done",
	    "while read -r n; do a=\"$a$n\n\"; [ $n = 1499 ] && { printf %s \"$a\"; a=; }; done"};
	char *lines = many_lines(N);
	double *scores = malloc(N * sizeof *scores);
	for (int c = 0; c < 2; c++) {
		struct err e = {0};
		struct reward_program p;
		assert_int_equal(program_open(&p, commands[c], 20, &e), 0);
		pid_t group = p.pid;
		for (int step = 0; step < 2; step++) {
			if (program_ask(&p, lines, (size_t)N * 1024, N, scores, &e))
				fail_msg("%s: %s", commands[c], e.msg);
			for (int i = 0; i < N; i++)
				assert_true(fabs(scores[i] - i) <= 0);
		}
		if (program_finish(&p, &e))
			fail_msg("%s: %s", commands[c], e.msg);
		program_close(&p);
		assert_true(kill(-group, 0) < 0 && errno == ESRCH);
	}
	free(lines);
	free(scores);
}

/* What it does not read it cannot have scored. */
static void
test_unread(void **state)
{
	(void)state;
	enum { N = 1500 };
	char *lines = many_lines(N);
	double *scores = malloc(N * sizeof *scores);
	struct err e = {0};
	struct reward_program p;
	assert_int_equal(program_open(&p, "read -r n; i=0; while [ $i -lt 1500 ]; do echo 1; i=$((i + 1)); done; sleep 100", 20, &e), 0);
	assert_int_equal(program_ask(&p, lines, (size_t)N * 1024, N, scores, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	program_close(&p);
	program_close(&p);
	free(lines);
	free(scores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_string),
	    cmocka_unit_test(test_full_pipes), cmocka_unit_test(test_unread)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
