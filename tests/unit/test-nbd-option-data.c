/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Of each option: how much data it may have (nbd.md 1 and 2), and how those
 * without any agree on the form of replies.
 */
#include "unit.h"

#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

static struct fake_nbd c;

static int
setup(void **state)
{
	(void)state;
	fake_nbd_hello(&c);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return fake_nbd_fini(&c) ? 0 : -1;
}

/* Of each option: no data where there is to be none, and how much at most. */
static void
test_data(void **state)
{
	static const struct {
		uint32_t number;
		size_t len;
		uint32_t answer;
	} cases[] = {
		{ NBD_OPT_LIST, 1, NBD_REP_ERR_INVALID },
		{ NBD_OPT_STARTTLS, 1, NBD_REP_ERR_INVALID },
		{ NBD_OPT_STRUCTURED_REPLY, 4, NBD_REP_ERR_INVALID },
		{ NBD_OPT_EXTENDED_HEADERS, 65536, NBD_REP_ERR_INVALID },
		{ NBD_OPT_INFO, 65536, NBD_REP_ERR_INVALID },
		{ NBD_OPT_INFO, 65537, NBD_REP_ERR_TOO_BIG },
		{ NBD_OPT_GO, 65537, NBD_REP_ERR_TOO_BIG },
		{ NBD_OPT_LIST_META_CONTEXT, 1 << 20, NBD_REP_ERR_INVALID },
		{ NBD_OPT_LIST_META_CONTEXT, (1 << 20) + 1,
		  NBD_REP_ERR_TOO_BIG },
		{ NBD_OPT_SET_META_CONTEXT, (1 << 20) + 1,
		  NBD_REP_ERR_TOO_BIG },
	};
	static uint8_t data[(1 << 20) + 1];
	size_t i;

	(void)state;
	memset(data, 0xff, sizeof(data));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("case %zu\n", i);
		assert_int_equal(
			cases[i].answer,
			fake_nbd_ask(&c, cases[i].number, data, cases[i].len));
	}
	assert_null(c.fatal);
	assert_int_equal(NBD_REP_ACK, fake_nbd_info(&c, NBD_OPT_GO, "f", 0));
}

/* Which replies are used is agreed on once, and the larger headers win. */
static void
test_modes(void **state)
{
	static const struct {
		uint32_t options[3], answers[3];
	} cases[] = {
		{ { 8, 8, 11 }, { NBD_REP_ACK, NBD_REP_ERR_INVALID, 1 } },
		{ { 11, 8, 11 },
		  { NBD_REP_ACK, NBD_REP_ERR_EXT_HEADER_REQD,
		    NBD_REP_ERR_INVALID } },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_nbd_hello(&c);
		for (j = 0; j < 3; j++)
			assert_int_equal(
				cases[i].answers[j],
				fake_nbd_ask(&c, cases[i].options[j], NULL, 0));
		/* EXPORT_NAME has no place after that. */
		fake_nbd_option(&c, NBD_OPT_EXPORT_NAME, "f", 1);
		assert_non_null(c.fatal);
		assert_false(c.is_begun);
		assert_true(fake_nbd_fini(&c));
		fake_nbd_hello(&c);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_data),
		TEST(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
