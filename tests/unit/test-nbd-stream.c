/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * However a conversation is cut on its way, the answers are the same: byte by
 * byte, in pieces of any size, all at once (nbd.md 1).
 */
#include "unit.h"

#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

static struct fake_nbd c;

static void
test_steps(void **state)
{
	static const size_t steps[] = { 0, 1, 2, 3, 7, 27, 28, 29, 1000 };
	static const char *const base[] = { "base:allocation", NULL };
	static const uint8_t large[70000];
	enum nbd_mode mode;
	size_t i;

	(void)state;
	for (mode = NBD_STRUCTURED; mode <= NBD_EXTENDED; mode++)
		for (i = 0; i < ARRAY_SIZE(steps); i++) {
			print_message("step %zu\n", steps[i]);
			fake_nbd_init(&c, NULL);
			c.step = steps[i];
			fake_nbd_hello(&c);
			assert_int_equal((uint32_t)NBD_REP_ERR_TOO_BIG,
					 fake_nbd_ask(&c, NBD_OPT_INFO, large,
						      sizeof(large)));
			assert_int_equal(
				(uint32_t)NBD_REP_ERR_UNKNOWN,
				fake_nbd_meta(&c, NBD_OPT_LIST_META_CONTEXT,
					      "x", base));
			fake_nbd_start(&c, mode);
			assert_int_equal(0, fake_nbd_call(&c, NBD_CMD_WRITE, 0,
							  5, 3000));
			assert_int_equal(
				0, fake_nbd_call(&c, NBD_CMD_READ, 0, 5, 3000));
			assert_int_equal(0,
					 fake_nbd_call(&c, NBD_CMD_BLOCK_STATUS,
						       0, 0, 3000));
			(void)fake_nbd_command(&c, NBD_CMD_DISC, 0, 0, 0);
			assert_int_equal(1, c.nr_bye);
			assert_true(fake_nbd_fini(&c));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
