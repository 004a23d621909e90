/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What waits until something is on disk, and so has its own line at the
 * workers: an fsync, what is written through by its own words (FUA), and what
 * is written by a handle opened for that.
 */
#include "layers-fixture.h"

#include <fcntl.h>

#include "run.h"

static bool
syncs(enum request_op op, struct handle *h, bool is_fua)
{
	struct request r = { .op = op, .handle = h };

	if (op == REQUEST_WRITE)
		r.u.io.is_sync = is_fua;
	if (op == REQUEST_ZERO)
		r.u.zero.is_sync = is_fua;
	return run_syncs(&r);
}

static void
what_waits_for_the_disk(void **state)
{
	static const int through[] = { O_DSYNC, O_SYNC };
	struct fixture *f = *state;
	struct handle *plain, *h;
	struct node *n;
	unsigned i;
	int r;

	fixture_sh(f, "echo x >upper/file");
	fixture_open(f, true);
	n = fixture_walk(f, "file", &r);
	assert_non_null(n);
	assert_int_equal(
		0, tree_open_node(n, &fixture_call, O_RDWR, &plain, NULL));
	assert_true(syncs(REQUEST_FSYNC, plain, false));
	assert_true(syncs(REQUEST_FSYNC, NULL, false));
	assert_true(syncs(REQUEST_WRITE, plain, true));
	assert_true(syncs(REQUEST_ZERO, plain, true));
	assert_false(syncs(REQUEST_WRITE, plain, false));
	assert_false(syncs(REQUEST_ZERO, plain, false));
	assert_false(syncs(REQUEST_READ, plain, false));
	assert_false(syncs(REQUEST_GETATTR, NULL, false));
	handle_unref(plain);
	for (i = 0; i < 2; i++) {
		assert_int_equal(0,
				 tree_open_node(n, &fixture_call,
						O_RDWR | through[i], &h, NULL));
		assert_true(syncs(REQUEST_WRITE, h, false));
		assert_true(syncs(REQUEST_ZERO, h, false));
		assert_false(syncs(REQUEST_READ, h, false));
		handle_unref(h);
	}
	node_unref(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_waits_for_the_disk,
						fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
