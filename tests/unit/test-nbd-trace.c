/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line of each option and command, with what the client sent escaped and
 * cut.
 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

static struct fake_nbd c;

static void
test_options(void **state)
{
	char name[90] = { 0 }, line[200];

	(void)state;
	fake_nbd_hello(&c);
	(void)fake_nbd_ask(&c, 1234, NULL, 0);
	assert_string_equal("NBD_OPT_1234 -> unsup", c.line);
	(void)fake_nbd_info(&c, NBD_OPT_INFO, "a\n\"\x80", 0);
	assert_string_equal(
		"NBD_OPT_INFO export=\"a\\x0a\\x22\\x80\" -> unknown", c.line);
	memset(name, 'f', sizeof(name) - 1);
	(void)fake_nbd_info(&c, NBD_OPT_GO, name, 0);
	(void)snprintf(line, sizeof(line),
		       "NBD_OPT_GO export=\"%.64s\"... -> ack", name);
	assert_string_equal(line, c.line);
	assert_true(fake_nbd_fini(&c));
}

static void
test_commands(void **state)
{
	static const struct {
		uint16_t type, flags;
		int err;
		const char *line;
	} cases[] = {
		{ NBD_CMD_READ, 0, 0,
		  "NBD_CMD_READ cookie=7 off=3 len=5 -> ok" },
		{ NBD_CMD_TRIM, 1, -ENOSPC,
		  "NBD_CMD_TRIM cookie=7 flags=0x1 off=3 len=5 -> ENOSPC" },
		{ NBD_CMD_READ, 0, -9999,
		  "NBD_CMD_READ cookie=7 off=3 len=5 -> errno 9999" },
		{ 55, 0, 0, "NBD_CMD_55 cookie=7 off=3 len=5 -> EINVAL" },
		{ NBD_CMD_BLOCK_STATUS, 0, 0,
		  "NBD_CMD_BLOCK_STATUS cookie=7 off=3 len=5 -> ok" },
		{ NBD_CMD_DISC, 0, 0,
		  "NBD_CMD_DISC cookie=7 off=3 len=5 -> dropped" },
	};
	struct nbd_header h = { .cookie = 7, .off = 3, .len = 5 };
	size_t i;

	(void)state;
	fake_nbd_start(&c, NBD_STRUCTURED);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		h.type = cases[i].type;
		h.flags = cases[i].flags;
		c.backend.error = cases[i].err;
		(void)fake_nbd_send(&c, h, NULL, 0);
		assert_string_equal(cases[i].line, c.line);
	}
	assert_true(fake_nbd_fini(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
