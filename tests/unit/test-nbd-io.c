/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * READ and WRITE (nbd.md 6 and 15): the data is right in every mode and
 * however memory is cut; large reads come in pieces where they may; what the
 * file no longer has reads as zeros; an error in the middle is told.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

#define MIB ((uint64_t)1 << 20)
#define PIECE NBD_READ_PIECE

static struct fake_nbd c;

static void
begin(enum nbd_mode mode)
{
	fake_nbd_init(&c, NULL);
	c.backend.image.size = 8 * MIB;
	c.backend.file_size = 8 * MIB;
	fake_nbd_start(&c, mode);
}

static void
test_pieces(void **state)
{
	static const struct {
		uint64_t off, len;
		unsigned flags, nr; /* chunks, if there are any */
	} cases[] = {
		{ 0, 1, 0, 1 },
		{ 5, 4096, 0, 1 },
		{ 0, PIECE, 0, 1 },
		{ 0, PIECE + 1, 0, 2 },
		{ 1, PIECE, 0, 2 },
		{ 4096, PIECE, 0, 1 },
		{ 4095, 2 * PIECE, 0, 3 },
		{ 3 * MIB, 5 * MIB, 0, 20 },
		{ 3, 5 * MIB, NBD_FLAG_DF, 1 },
	};
	enum nbd_mode mode;
	unsigned pieces;
	size_t i;

	(void)state;
	for (mode = NBD_SIMPLE; mode <= NBD_EXTENDED; mode++)
		for (pieces = 0; pieces < 2; pieces++) {
			begin(mode);
			c.in_pieces = pieces;
			for (i = mode == NBD_SIMPLE; i < ARRAY_SIZE(cases);
			     i++) {
				print_message("mode %d case %zu\n", mode, i);
				if (mode == NBD_SIMPLE && cases[i].flags)
					continue;
				assert_int_equal(
					0, fake_nbd_call(
						   &c, NBD_CMD_READ,
						   (uint16_t)cases[i].flags,
						   cases[i].off, cases[i].len));
				assert_true(fake_nbd_data_is_right(&c, c.cmds));
				assert_int_equal(
					mode == NBD_SIMPLE ? 1 : cases[i].nr,
					c.cmds->nr_data);
			}
			assert_true(fake_nbd_fini(&c));
		}
}

/* The file was cut short: the export was not. */
static void
test_truncated(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 4096, PIECE + 5, MIB };
	enum nbd_mode mode;
	size_t i;

	(void)state;
	for (mode = NBD_SIMPLE; mode <= NBD_EXTENDED; mode++) {
		begin(mode);
		c.in_pieces = true;
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			c.backend.file_size = sizes[i];
			assert_int_equal(
				0, fake_nbd_call(&c, NBD_CMD_READ, 0, 0, MIB));
			assert_true(fake_nbd_data_is_right(&c, c.cmds));
		}
		assert_true(fake_nbd_fini(&c));
	}
}

/* Each piece is sent before the next is read; an error ends it. */
static void
test_error_between(void **state)
{
	struct fake_nbd_cmd *cmd;

	(void)state;
	begin(NBD_STRUCTURED);
	c.backend.is_deferred = true;
	cmd = fake_nbd_command(&c, NBD_CMD_READ, 0, 0, MIB);
	assert_int_equal(1, c.backend.nr_pending);
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(1, cmd->nr_data);
	assert_false(cmd->is_answered);
	assert_int_equal(1, c.backend.nr_pending);
	c.backend.error = -EIO;
	fake_backend_finish(&c.backend, 0);
	assert_true(cmd->is_answered);
	assert_int_equal(NBD_EIO, cmd->error);
	assert_int_equal(1, cmd->nr_data);
	assert_true(fake_nbd_fini(&c));
}

/* Without memory for a piece: an error; without any for that: the end. */
static void
test_no_memory(void **state)
{
	(void)state;
	begin(NBD_STRUCTURED);
	c.no_part = true;
	assert_int_equal(NBD_ENOMEM,
			 fake_nbd_call(&c, NBD_CMD_READ, 0, 0, MIB));
	assert_int_equal(0, fake_nbd_call(&c, NBD_CMD_READ, 0, 0, PIECE));
	c.no_room = true;
	assert_int_equal(1000, fake_nbd_call(&c, NBD_CMD_READ, 0, 0, PIECE));
	assert_non_null(c.fatal);
	assert_true(fake_nbd_fini(&c));
}

static void
test_write(void **state)
{
	enum nbd_mode mode;
	unsigned pieces, i;

	(void)state;
	for (mode = NBD_SIMPLE; mode <= NBD_EXTENDED; mode++)
		for (pieces = 0; pieces < 2; pieces++) {
			begin(mode);
			c.in_pieces = pieces;
			assert_int_equal(0, fake_nbd_call(&c, NBD_CMD_WRITE, 0,
							  77, MIB + 3));
			assert_int_equal(MIB + 3, c.backend.last.u.io.count);
			assert_int_equal(77, c.backend.last.u.io.off);
			for (i = 0; i < 64; i++)
				assert_int_equal((uint8_t)(i * 7 + 1),
						 c.backend.last_data[i]);
			assert_true(fake_nbd_fini(&c));
		}
}

/* A write that is cut short goes on, to learn why. */
static void
test_short_write(void **state)
{
	(void)state;
	begin(NBD_SIMPLE);
	c.backend.write_max = 1000;
	assert_int_equal(0, fake_nbd_call(&c, NBD_CMD_WRITE, 0, 50, 2500));
	assert_int_equal(500, c.backend.last.u.io.count);
	assert_int_equal(2050, c.backend.last.u.io.off);
	assert_int_equal((uint8_t)(2000 * 7 + 1), c.backend.last_data[0]);
	c.backend.is_deferred = true;
	(void)fake_nbd_command(&c, NBD_CMD_WRITE, 0, 50, 2500);
	fake_backend_finish(&c.backend, 0);
	c.backend.error = -ENOSPC;
	fake_backend_finish(&c.backend, 0);
	assert_true(c.cmds->is_answered);
	assert_int_equal(NBD_ENOSPC, c.cmds->error);
	assert_true(fake_nbd_fini(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_error_between),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_short_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
