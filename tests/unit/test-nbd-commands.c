/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which commands and flags are taken, in each mode (nbd.md 5), and what is
 * asked of the tree for them. What is refused never ends the connection.
 */
#include "unit.h"

#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

static struct fake_nbd c;

/* Bits of enum nbd_command_flag, and one that is no flag. */
#define ALL_FLAGS 7u

static void
test_flags(void **state)
{
	static const struct {
		uint16_t type, flags; /* allowed: FUA is 1 */
	} rows[] = {
		{ NBD_CMD_READ, 1 | NBD_FLAG_DF },
		{ NBD_CMD_WRITE, 1 | NBD_FLAG_PAYLOAD_LEN },
		{ NBD_CMD_FLUSH, 1 },
		{ NBD_CMD_TRIM, 1 },
		{ NBD_CMD_CACHE, 1 },
		{ NBD_CMD_WRITE_ZEROES,
		  1 | NBD_FLAG_NO_HOLE | NBD_FLAG_FAST_ZERO },
		{ NBD_CMD_BLOCK_STATUS, 1 | NBD_FLAG_REQ_ONE },
		{ 8, 0 }, /* RESIZE */
		{ 9, 0 },
		{ 0xffff, 0 },
	};
	enum nbd_mode mode;
	unsigned bit;
	size_t i;

	(void)state;
	for (mode = NBD_SIMPLE; mode <= NBD_EXTENDED; mode++) {
		fake_nbd_start(&c, mode);
		for (i = 0; i < ARRAY_SIZE(rows); i++)
			for (bit = 0; bit < ALL_FLAGS; bit++) {
				uint16_t flag = (uint16_t)(1u << bit);
				bool ok = flag & rows[i].flags;

				/* Its data would follow: test-nbd-range.c. */
				if (mode == NBD_EXTENDED &&
				    flag == NBD_FLAG_PAYLOAD_LEN &&
				    rows[i].type != NBD_CMD_WRITE)
					continue;
				if (mode == NBD_SIMPLE &&
				    (flag == NBD_FLAG_DF ||
				     rows[i].type == NBD_CMD_BLOCK_STATUS))
					ok = false;
				if (mode != NBD_EXTENDED &&
				    flag == NBD_FLAG_PAYLOAD_LEN)
					ok = false;
				print_message("mode %d type %u flag %u\n", mode,
					      rows[i].type, flag);
				assert_int_equal(ok ? 0 : NBD_EINVAL,
						 fake_nbd_call(&c, rows[i].type,
							       flag, 0, 64));
			}
		assert_null(c.fatal);
		assert_true(fake_nbd_fini(&c));
	}
}

/* A read-only export, before anything else is looked at. */
static void
test_read_only(void **state)
{
	static const struct {
		uint16_t type, flags;
		uint64_t off;
		uint32_t error;
	} cases[] = {
		{ NBD_CMD_READ, 0, 0, 0 },
		{ NBD_CMD_WRITE, 0, 0, NBD_EPERM },
		{ NBD_CMD_WRITE, 0x80, UINT64_MAX, NBD_EPERM },
		{ NBD_CMD_FLUSH, 0, 0, 0 },
		{ NBD_CMD_TRIM, 0, 0, NBD_EPERM },
		{ NBD_CMD_TRIM, 0, 1 << 20, NBD_EPERM },
		{ NBD_CMD_CACHE, 0, 0, 0 },
		{ NBD_CMD_WRITE_ZEROES, 0x80, 0, NBD_EPERM },
		{ NBD_CMD_BLOCK_STATUS, 0, 0, 0 },
	};
	size_t i;

	(void)state;
	fake_nbd_init(&c, NULL);
	c.backend.image.is_read_only = true;
	fake_nbd_start(&c, NBD_STRUCTURED);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("case %zu\n", i);
		assert_int_equal(cases[i].error,
				 fake_nbd_call(&c, cases[i].type,
					       cases[i].flags, cases[i].off,
					       10));
		assert_int_not_equal(REQUEST_FSYNC, c.backend.last.op);
	}
	assert_true(fake_nbd_fini(&c));
}

static void
test_magic(void **state)
{
	static const uint8_t reply_magic[28] = { 0x67, 0x44, 0x66, 0x98 };
	enum nbd_mode mode;

	(void)state;
	for (mode = NBD_SIMPLE; mode <= NBD_EXTENDED; mode++) {
		fake_nbd_start(&c, mode);
		fake_nbd_feed(&c, reply_magic, 4);
		assert_string_equal("a wrong magic number", c.fatal);
		assert_true(fake_nbd_fini(&c));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_read_only),

		cmocka_unit_test(test_magic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
