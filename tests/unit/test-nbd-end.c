/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a session ends (nbd.md 10): after DISC what came before is done and
 * the image closed; a client that is gone has its reads withdrawn, but not
 * its changes.
 */
#include "unit.h"

#include "fake-nbd-client.h"
#include "macros.h"

static struct fake_nbd c;

static int
setup(void **state)
{
	(void)state;
	fake_nbd_start(&c, NBD_STRUCTURED);
	c.backend.is_deferred = true;
	c.backend.can_cancel = true;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return fake_nbd_fini(&c) ? 0 : -1;
}

static void
test_disc(void **state)
{
	struct fake_nbd_cmd *one, *two;
	unsigned sent;

	(void)state;
	one = fake_nbd_command(&c, NBD_CMD_WRITE, 0, 0, 9);
	two = fake_nbd_command(&c, NBD_CMD_READ, 0, 0, 9);
	sent = c.nr_sent;
	/* Any flags, offset and length. */
	(void)fake_nbd_command(&c, NBD_CMD_DISC, 0xffff, 7, 5);
	assert_true(protocol_nbd.session_is_full(c.s));
	assert_int_equal(2, c.backend.nr_pending);
	fake_backend_finish(&c.backend, 1);
	assert_int_equal(1, c.backend.nr_pending);
	fake_backend_finish(&c.backend, 0);
	assert_true(one->is_answered && two->is_answered);
	assert_int_equal(sent + 2, c.nr_sent);
	assert_int_equal(0, c.nr_bye);
	assert_int_equal(REQUEST_CLOSE, c.backend.last.op);
	fake_backend_finish_all(&c.backend);
	assert_int_equal(1, c.nr_bye);
	assert_int_equal(1, c.backend.nr_closed);
	assert_int_equal(0, c.backend.nr_handles);
	assert_int_equal(0, c.backend.nr_nodes);
	assert_int_equal(sent + 2, c.nr_sent);
}

static void
test_disc_at_once(void **state)
{
	(void)state;
	c.backend.is_deferred = false;
	(void)fake_nbd_command(&c, NBD_CMD_DISC, 0, 0, 0);
	assert_int_equal(1, c.nr_bye);
	assert_int_equal(1, c.backend.nr_closed);
}

/* Gone while DISC closes the image: it is closed once. */
static void
test_gone_in_disc(void **state)
{
	(void)state;
	(void)fake_nbd_command(&c, NBD_CMD_DISC, 0, 0, 0);
	protocol_nbd.session_close(c.s);
	assert_false(protocol_nbd.session_is_idle(c.s));
	fake_backend_finish_all(&c.backend);
	assert_int_equal(1, c.backend.nr_closed);
	assert_int_equal(0, c.nr_bye);
}

static void
test_gone(void **state)
{
	static const struct {
		uint16_t type;
		bool is_withdrawn;
	} cases[] = {
		{ NBD_CMD_READ, true },         { NBD_CMD_WRITE, false },
		{ NBD_CMD_FLUSH, true },        { NBD_CMD_TRIM, false },
		{ NBD_CMD_CACHE, true },        { NBD_CMD_WRITE_ZEROES, false },
		{ NBD_CMD_BLOCK_STATUS, true },
	};
	unsigned nr_dropped, sent;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("case %zu\n", i);
		(void)fake_nbd_command(&c, cases[i].type, 0, 0, 9);
		nr_dropped = c.nr_dropped;
		sent = c.nr_sent;
		protocol_nbd.session_close(c.s);
		assert_int_equal(cases[i].is_withdrawn, c.backend.nr_cancelled);
		assert_int_equal(cases[i].is_withdrawn,
				 protocol_nbd.session_is_idle(c.s));
		fake_backend_finish_all(&c.backend);
		assert_int_equal(nr_dropped + 1, c.nr_dropped);
		assert_int_equal(sent, c.nr_sent);
		assert_true(fake_nbd_fini(&c));
		(void)setup(NULL);
	}
}

/* In the middle of a large read, of which a piece runs or waits. */
static void
test_gone_between(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 4; i++) {
		assert_true(fake_nbd_fini(&c));
		fake_nbd_init(&c, NULL);
		c.backend.image.size = 1 << 20;
		(void)setup(NULL);
		c.backend.can_cancel = i & 1;
		c.keeps = i & 2;
		(void)fake_nbd_command(&c, NBD_CMD_READ, 0, 0, 1 << 20);
		fake_backend_finish(&c.backend, 0);
		assert_int_equal(!(i & 2), c.backend.nr_pending);
	}
}

static void
test_gone_in_option(void **state)
{
	static const uint32_t options[] = { NBD_OPT_GO, NBD_OPT_LIST,
					    NBD_OPT_EXPORT_NAME };
	unsigned cancel;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(options); i++)
		for (cancel = 0; cancel < 2; cancel++) {
			assert_true(fake_nbd_fini(&c));
			fake_nbd_hello(&c);
			c.backend.is_deferred = true;
			c.backend.can_cancel = cancel;
			c.backend.image.description = "to be freed";
			if (options[i] == NBD_OPT_GO)
				(void)fake_nbd_info(&c, NBD_OPT_GO, "f", 0);
			else
				fake_nbd_option(&c, options[i], "f", i == 2);
			assert_int_equal(1, c.backend.nr_pending);
			protocol_nbd.session_close(c.s);
			assert_int_equal(cancel, c.backend.nr_cancelled);
			assert_int_equal(cancel,
					 protocol_nbd.session_is_idle(c.s));
		}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_disc),         TEST(test_disc_at_once),
		TEST(test_gone_in_disc), TEST(test_gone),
		TEST(test_gone_between), TEST(test_gone_in_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
