/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much one connection may have under way: requests, bytes, and what was
 * not sent yet. What finds no place waits, and is done later; a session that
 * lets too much wait takes no more.
 */
#include "unit.h"

#include "fake-nbd-client.h"
#include "macros.h"

#define MIB (1u << 20)

static struct fake_nbd c;

static void
begin(unsigned max_inflight)
{
	struct session_config config = fake_nbd_config();

	config.max_inflight = max_inflight;
	fake_nbd_init(&c, &config);
	c.backend.image.size = 64 * MIB;
	fake_nbd_start(&c, NBD_STRUCTURED);
	c.backend.is_deferred = true;
}

static void
test_inflight(void **state)
{
	unsigned i, max = 4;

	(void)state;
	begin(max);
	for (i = 0; i < max + NBD_PARKED_MAX; i++) {
		assert_false(protocol_nbd.session_is_full(c.s));
		(void)fake_nbd_command(&c, NBD_CMD_READ, 0, i, 9);
	}
	assert_int_equal(max, c.backend.nr_pending);
	assert_true(protocol_nbd.session_is_full(c.s));
	assert_int_equal(0, c.nr_ready);
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(max, c.backend.nr_pending);
	assert_int_equal(1, c.nr_ready);
	fake_backend_finish_all(&c.backend);
	assert_int_equal(max + NBD_PARKED_MAX, c.nr_answered);
	/* In the order of coming. */
	assert_int_equal(max + NBD_PARKED_MAX, c.cmds->order);
	assert_true(fake_nbd_fini(&c));
}

/* By bytes; but whoever holds nothing may always have one. */
static void
test_bytes(void **state)
{
	(void)state;
	begin(64);
	c.max_bytes = MIB;
	(void)fake_nbd_command(&c, NBD_CMD_WRITE, 0, 0, 2 * MIB);
	(void)fake_nbd_command(&c, NBD_CMD_WRITE, 0, 0, MIB / 4);
	(void)fake_nbd_command(&c, NBD_CMD_WRITE, 0, 0, MIB / 4);
	assert_int_equal(1, c.backend.nr_pending);
	assert_true(protocol_nbd.session_is_full(c.s));
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(1, c.backend.nr_pending);
	fake_nbd_pump(&c);
	assert_int_equal(2, c.backend.nr_pending);
	fake_backend_finish_all(&c.backend);
	assert_int_equal(3, c.nr_answered);
	assert_true(fake_nbd_fini(&c));
}

/* A read goes on only when what it sent has left. */
static void
test_unsent(void **state)
{
	struct fake_nbd_cmd *cmd;
	unsigned i;

	(void)state;
	begin(64);
	c.backend.is_deferred = false;
	c.keeps = true;
	cmd = fake_nbd_command(&c, NBD_CMD_READ, 0, 0, 4 * MIB);
	assert_int_equal(1, cmd->nr_data);
	/* Others that send little are not held up, but by those before. */
	(void)fake_nbd_command(&c, NBD_CMD_READ, 0, 0, 9);
	assert_false(c.cmds->is_answered);
	protocol_nbd.session_resume(c.s);
	assert_int_equal(1, cmd->nr_data);
	for (i = 2; i <= 16; i++) {
		c.unsent = 0;
		protocol_nbd.session_resume(c.s);
		assert_int_equal(i, cmd->nr_data);
		assert_int_equal(i == 16, cmd->is_answered);
	}
	c.unsent = 0;
	protocol_nbd.session_resume(c.s);
	assert_true(c.cmds->is_answered);
	assert_true(fake_nbd_fini(&c));
}

/* The pieces of a read are one at a time. */
static void
test_pieces(void **state)
{
	unsigned i;

	(void)state;
	begin(64);
	(void)fake_nbd_command(&c, NBD_CMD_READ, 0, 0, 16 * MIB);
	for (i = 0; i < 64; i++) {
		assert_int_equal(1, c.backend.nr_pending);
		assert_int_equal(NBD_READ_PIECE, c.backend.last.u.io.count);
		fake_backend_finish(&c.backend, 0);
	}
	assert_true(c.cmds->is_answered);
	assert_int_equal(63, c.nr_parts);
	assert_true(fake_nbd_fini(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inflight),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_unsent),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
