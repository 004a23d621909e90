/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ranges, lengths of nothing, and how much data at once (nbd.md 5 and 8), at
 * each limit and one past it. After what was refused the next command is
 * found.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

#define SIZE FAKE_FILE_SIZE
#define PAYLOAD NBD_FLAG_PAYLOAD_LEN

static struct fake_nbd c;

static const uint16_t ranged[] = { NBD_CMD_READ,         NBD_CMD_WRITE,
				   NBD_CMD_TRIM,         NBD_CMD_CACHE,
				   NBD_CMD_WRITE_ZEROES, NBD_CMD_BLOCK_STATUS };

static void
test_range(void **state)
{
	static const struct {
		uint64_t off, len;
		bool is_inside;
	} cases[] = {
		{ 0, SIZE, true },
		{ SIZE - 1, 1, true },
		{ SIZE, 0, true },
		{ 0, SIZE + 1, false },
		{ SIZE, 1, false },
		{ SIZE + 1, 0, false },
		{ SIZE - 1, 2, false },
		{ UINT64_MAX, 1, false },
		{ UINT64_MAX - 5, 6, false },
		{ UINT64_MAX, 0, false },
		{ (uint64_t)1 << 63, SIZE, false },
	};
	enum nbd_mode mode;
	uint32_t error;
	size_t i, j;

	(void)state;
	for (mode = NBD_STRUCTURED; mode <= NBD_EXTENDED; mode++) {
		fake_nbd_start(&c, mode);
		for (i = 0; i < ARRAY_SIZE(cases); i++)
			for (j = 0; j < ARRAY_SIZE(ranged); j++) {
				error = cases[i].is_inside ? 0 : NBD_EINVAL;
				if (error &&
				    (ranged[j] == NBD_CMD_WRITE ||
				     ranged[j] == NBD_CMD_WRITE_ZEROES))
					error = NBD_ENOSPC;
				/* Of no bytes there is no status. */
				if (ranged[j] == NBD_CMD_BLOCK_STATUS &&
				    cases[i].len == 0)
					error = NBD_EINVAL;
				print_message("case %zu type %u\n", i,
					      ranged[j]);
				assert_int_equal(error,
						 fake_nbd_call(&c, ranged[j], 0,
							       cases[i].off,
							       cases[i].len));
			}
		assert_true(fake_nbd_fini(&c));
	}
}

/* Of no bytes: success, and nobody is asked for it. */
static void
test_zero_length(void **state)
{
	enum nbd_mode mode;
	unsigned before;
	size_t j;

	(void)state;
	for (mode = NBD_SIMPLE; mode <= NBD_EXTENDED; mode++) {
		fake_nbd_start(&c, mode);
		before = c.backend.nr_submitted;
		for (j = 0; j < ARRAY_SIZE(ranged) - 1; j++) {
			assert_int_equal(0,
					 fake_nbd_call(&c, ranged[j], 0, 5, 0));
			assert_int_equal(mode == NBD_EXTENDED ||
						 (mode == NBD_STRUCTURED &&
						  ranged[j] == NBD_CMD_READ),
					 c.cmds->nr_chunks);
		}
		assert_int_equal(before, c.backend.nr_submitted);
		assert_true(fake_nbd_fini(&c));
	}
}

/* The ends of a FLUSH are not looked at; lengths of 64 bits are. */
static void
test_odd(void **state)
{
	(void)state;
	fake_nbd_init(&c, NULL);
	c.backend.image.size = (uint64_t)1 << 40;
	fake_nbd_start(&c, NBD_EXTENDED);
	assert_int_equal(
		0, fake_nbd_call(&c, NBD_CMD_FLUSH, 0, UINT64_MAX, UINT64_MAX));
	assert_int_equal(0, fake_nbd_call(&c, NBD_CMD_TRIM, 0, 1,
					  ((uint64_t)1 << 40) - 1));
	assert_true(c.backend.last.u.zero.len == ((uint64_t)1 << 40) - 1);
	assert_int_equal(NBD_EINVAL, fake_nbd_call(&c, NBD_CMD_TRIM, 0, 2,
						   ((uint64_t)1 << 40) - 1));
	assert_true(fake_nbd_fini(&c));
}

static void
test_sizes(void **state)
{
	static const struct {
		uint16_t type, flags;
		uint64_t len;
		uint32_t error; /* 1001: the connection ends */
	} cases[] = {
		{ NBD_CMD_READ, 0, 64u << 20, 0 },
		{ NBD_CMD_READ, 0, (64u << 20) + 1, NBD_EINVAL },
		{ NBD_CMD_READ, 0, 200u << 20, NBD_EINVAL },
		{ NBD_CMD_READ, PAYLOAD, 100, NBD_EINVAL },
		{ NBD_CMD_TRIM, PAYLOAD, 128u << 20, NBD_EINVAL },
		{ NBD_CMD_TRIM, PAYLOAD, (128u << 20) + 1, 1001 },
		{ NBD_CMD_WRITE, PAYLOAD, 64u << 20, 0 },
		{ NBD_CMD_WRITE, PAYLOAD, (64u << 20) + 1, NBD_EINVAL },
		{ NBD_CMD_WRITE, PAYLOAD, 128u << 20, NBD_EINVAL },
		{ NBD_CMD_WRITE, PAYLOAD, (128u << 20) + 1, 1001 },
		{ NBD_CMD_WRITE, 0, 1000, NBD_EINVAL },
		{ NBD_CMD_BLOCK_STATUS, PAYLOAD, 4097, NBD_EINVAL },
		{ 77, PAYLOAD, 5, NBD_EINVAL },
	};
	uint8_t *data = calloc(1, (128u << 20) + 1);
	struct nbd_header h = { .cookie = 5 };
	struct fake_nbd_cmd *cmd;
	size_t i, len;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("case %zu\n", i);
		fake_nbd_init(&c, NULL);
		c.backend.image.size = (uint64_t)1 << 40;
		fake_nbd_start(&c, NBD_EXTENDED);
		h.type = cases[i].type;
		h.flags = cases[i].flags;
		h.len = cases[i].len;
		len = h.flags & PAYLOAD || h.type == NBD_CMD_WRITE
			      ? (size_t)h.len
			      : 0;
		cmd = fake_nbd_send(&c, h, data, len);
		assert_int_equal(cases[i].error == 1001, c.fatal != NULL);
		if (!c.fatal) {
			assert_true(cmd->is_answered);
			assert_int_equal(cases[i].error, cmd->error);
			assert_int_equal(
				0, fake_nbd_call(&c, NBD_CMD_READ, 0, 9, 9));
		}
		assert_true(fake_nbd_fini(&c));
	}
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_zero_length),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
