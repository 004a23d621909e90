/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handshake (nbd.md 1 and 2): the client's flags, options in any order
 * and of any kind, and what ends the connection instead of being answered.
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
	fake_nbd_init(&c, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return fake_nbd_fini(&c) ? 0 : -1;
}

static void
test_greeting(void **state)
{
	(void)state;
	assert_int_equal(18, protocol_nbd.greeting_len);
	assert_memory_equal("NBDMAGICIHAVEOPT\0\3", protocol_nbd.greeting, 18);
}

static void
test_client_flags(void **state)
{
	static const struct {
		uint8_t flags[4];
		bool is_fatal;
		uint32_t structured; /* the answer to STRUCTURED_REPLY */
	} cases[] = {
		{ { 0, 0, 0, 3 }, false, NBD_REP_ACK },
		{ { 0, 0, 0, 1 }, false, NBD_REP_ACK },
		{ { 0, 0, 0, 2 }, false, NBD_REP_ERR_INVALID },
		{ { 0, 0, 0, 0 }, false, NBD_REP_ERR_INVALID },
		{ { 0, 0, 0, 4 }, true, 0 },
		{ { 0, 0, 1, 1 }, true, 0 },
		{ { 0x80, 0, 0, 3 }, true, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("case %zu\n", i);
		fake_nbd_feed(&c, cases[i].flags, 4);
		assert_int_equal(cases[i].is_fatal, c.fatal != NULL);
		assert_int_equal(
			cases[i].structured,
			fake_nbd_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0));
		/* Who knows no fixed newstyle may still enter an export. */
		if (!cases[i].is_fatal)
			fake_nbd_option(&c, NBD_OPT_EXPORT_NAME, "f", 1);
		assert_int_equal(!cases[i].is_fatal, c.is_begun);
		assert_true(fake_nbd_fini(&c));
		fake_nbd_init(&c, NULL);
	}
}

/* What is not known is skipped by its length, and the next one found. */
static void
test_unknown(void **state)
{
	static const uint32_t numbers[] = { 0, 4, 12, 13, 1000, UINT32_MAX };
	static const uint8_t data[(64 << 10) + 1];
	size_t i;

	(void)state;
	fake_nbd_hello(&c);
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		assert_int_equal((uint32_t)NBD_REP_ERR_UNSUP,
				 fake_nbd_ask(&c, numbers[i], data, i * 3));
		assert_int_equal(
			(uint32_t)NBD_REP_ERR_UNSUP,
			fake_nbd_ask(&c, numbers[i], data, sizeof(data)));
	}
	assert_int_equal(NBD_REP_ACK,
			 fake_nbd_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0));
}

static void
test_magic(void **state)
{
	static const uint8_t bad[16] = "IHAVEOPS\0\0\0\2";

	(void)state;
	fake_nbd_hello(&c);
	fake_nbd_feed(&c, bad, sizeof(bad));
	assert_string_equal("a wrong magic number", c.fatal);
	assert_int_equal(0, c.nr_sent);
}

static void
test_abort(void **state)
{
	(void)state;
	fake_nbd_hello(&c);
	assert_false(protocol_nbd.session_is_begun(c.s));
	assert_int_equal(NBD_REP_ACK,
			 fake_nbd_ask(&c, NBD_OPT_ABORT, "whatever", 8));
	assert_int_equal(1, c.nr_bye);
	assert_true(protocol_nbd.session_is_full(c.s));
}

static void
test_endless(void **state)
{
	unsigned i;

	(void)state;
	fake_nbd_hello(&c);
	for (i = 0; i < NBD_OPTIONS_MAX; i++)
		assert_int_equal((uint32_t)NBD_REP_ERR_UNSUP,
				 fake_nbd_ask(&c, 99, NULL, 0));
	assert_null(c.fatal);
	assert_int_equal(0, fake_nbd_ask(&c, 99, NULL, 0));
	assert_non_null(c.fatal);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_greeting), TEST(test_client_flags),
		TEST(test_unknown),  TEST(test_magic),

		TEST(test_abort),    TEST(test_endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
