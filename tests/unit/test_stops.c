/* Stop strings and unfinished characters at the end of a growing text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "text/stops.h"

static const char *const two[] = {"END", "\n\n"};
static const struct stops stops = {two, 2}, none = {NULL, 0};

static void
test_find(void **state)
{
	(void)state;
	assert_int_equal(stops_find(&stops, "abcEND", 6, 0), 3);
	assert_int_equal(stops_find(&stops, "abcEND", 6, 5), 3); /* it began before `known` */
	assert_int_equal(stops_find(&stops, "a\n\nEND", 6, 0), 1); /* the earliest, not the first named */
	assert_int_equal(stops_find(&stops, "abEN", 4, 0), 4);
	assert_int_equal(stops_find(&stops, "", 0, 0), 0);
	assert_int_equal(stops_find(&none, "END", 3, 0), 3);
	assert_int_equal(stops_find(&stops, "a\0END", 5, 0), 2);
}

static void
test_settled(void **state)
{
	(void)state;
	assert_int_equal(stops_settled(&stops, "abc", 3), 3);
	assert_int_equal(stops_settled(&stops, "abcE", 4), 3);
	assert_int_equal(stops_settled(&stops, "abcEN", 5), 3);
	assert_int_equal(stops_settled(&stops, "abcENx", 6), 6);
	assert_int_equal(stops_settled(&stops, "EN", 2), 0);
	assert_int_equal(stops_settled(&stops, "ab\n", 3), 2);
	assert_int_equal(stops_settled(&none, "ab\n", 3), 3);
	assert_int_equal(stops_settled(&none, "", 0), 0);
}

static void
test_utf8(void **state)
{
	(void)state;
	const char *text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"; /* characters of 1, 2, 3, 4 bytes */
	const size_t settled[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
	for (size_t n = 0; n <= 10; n++)
		assert_int_equal(stops_settled(&none, text, n), settled[n]);
	assert_int_equal(stops_settled(&none, "a\x80\x80\x80\x80", 5), 5); /* no beginning: no UTF-8 */
	assert_int_equal(stops_settled(&none, "a\xff", 2), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_find), cmocka_unit_test(test_settled),
	    cmocka_unit_test(test_utf8)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
