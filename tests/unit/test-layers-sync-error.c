/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sync that failed (nbd.md 9): Linux says so once and forgets the pages, so
 * it is said again to everybody, until the last writer is gone; of a volatile
 * upper for good (ovl_sync_status()).
 */
#include "layers-blocks.h"

#include <errno.h>
#include <fcntl.h>

#include "layers-calls.h"

static const struct failing {
	enum sync_how how;
	int err;
	bool stays;
} failing[] = {
	{ SYNC_ALL, EIO, true },
	{ SYNC_DATA, EIO, true },
	{ SYNC_DATA, ENOSPC, true },
	{ SYNC_DATA, EDQUOT, true },
	{ SYNC_WRITE, EIO, true },
	/* That it can be written says that it was others who found no room. */
	{ SYNC_WRITE, ENOSPC, true },
	/* Says nothing about what was written. */
	{ SYNC_DATA, EINTR, false },
};

static void
error_stays(void **state)
{
	struct fixture *f = *state;
	struct handle *h, *other, *reader;
	const struct failing *c;
	struct node *n;
	enum sync_how how;
	size_t i;

	for (i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
		c = &failing[i];
		print_message("%d: %d\n", c->how, c->err);
		fixture_layers(f, "echo data >upper/f");
		f->options = BLOCKS_CAN_FAIL;
		fixture_open(f, true);
		n = blocks_walk(f, "f");
		h = blocks_open(n);
		other = blocks_open_9p(n, O_RDWR);
		blocks_fail_next(f, c->err);
		assert_int_equal(-c->err, blocks_sync(h, c->how));
		/* To whoever syncs from now on, however; writing goes on. */
		for (how = SYNC_ALL; how <= SYNC_ZERO; how++) {
			assert_int_equal(c->stays ? -c->err : 0,
					 blocks_sync(h, how));
			assert_int_equal(c->stays ? -c->err : 0,
					 blocks_sync(other, how));
		}
		assert_int_equal(0, blocks_write(other, "x", 0));
		handle_unref(h);
		assert_int_equal(c->stays ? -c->err : 0,
				 blocks_sync(other, SYNC_DATA));
		/* Until the last who might have written is gone. */
		reader = blocks_open_9p(n, O_RDONLY);
		handle_unref(other);
		assert_int_equal(0, tree_fsync(n, reader, &fixture_call, true));
		handle_unref(reader);
		node_unref(n);
		fixture_close(f);
	}
}

/* A volatile upper: nothing is synced; an error is there for good. */
static void
volatile_upper(void **state)
{
	struct fixture *f = *state;
	struct handle *h;
	struct node *n;
	enum sync_how how;

	fixture_layers(f, "echo data >lower2/f");
	f->options = "volatile," BLOCKS_CAN_FAIL;
	fixture_open(f, true);
	n = blocks_walk(f, "f");
	h = blocks_open(n);
	calls = (struct calls){ 0 };
	assert_int_equal(0, blocks_write(h, "x", 0));
	for (how = SYNC_ALL; how <= SYNC_ZERO; how++)
		assert_int_equal(0, blocks_sync(h, how));
	blocks_fail_next(f, EIO);
	assert_int_equal(-EIO, blocks_sync(h, SYNC_DATA));
	assert_int_equal(0, calls.nr_synced);
	handle_unref(h);
	h = blocks_open(n);
	for (how = SYNC_ALL; how <= SYNC_ZERO; how++)
		assert_int_equal(-EIO, blocks_sync(h, how));
	handle_unref(h);
	node_unref(n);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(error_stays),
		TEST(volatile_upper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
