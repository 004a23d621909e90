/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EXPORT_NAME (nbd.md 2): the old way into an export, which cannot say no.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

static struct fake_nbd c;

static void
test_answer(void **state)
{
	uint8_t flags[4] = { 0, 0, 0, 0 };
	unsigned i;

	(void)state;
	for (i = 0; i < 4; i++) {
		fake_nbd_init(&c, NULL);
		flags[3] = (uint8_t)i;
		fake_nbd_feed(&c, flags, 4);
		fake_nbd_option(&c, NBD_OPT_EXPORT_NAME, "file", 4);
		assert_int_equal(i & NBD_NO_ZEROES ? 10 : 134, c.raw_len);
		assert_true(c.size == FAKE_FILE_SIZE);
		assert_int_equal(0xd6d, c.flags);
		assert_string_equal("file", c.backend.last_name);
		assert_int_equal(0, fake_nbd_call(&c, NBD_CMD_READ, 0, 5, 9));
		assert_true(fake_nbd_data_is_right(&c, c.cmds));
		assert_true(fake_nbd_fini(&c));
	}
}

static void
test_refused(void **state)
{
	static const size_t lens[] = { 0, 1, 4097, 65537 };
	uint8_t *data = calloc(1, 65537);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		fake_nbd_hello(&c);
		fake_nbd_option(&c, NBD_OPT_EXPORT_NAME, data, lens[i]);
		assert_non_null(c.fatal);
		assert_int_equal(0, c.nr_sent);
		assert_true(fake_nbd_fini(&c));
	}
	/* The longest name that there can be. */
	memset(data, 'f', 4096);
	fake_nbd_hello(&c);
	fake_nbd_option(&c, NBD_OPT_EXPORT_NAME, data, 4096);
	assert_true(c.is_begun);
	assert_true(fake_nbd_fini(&c));
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
