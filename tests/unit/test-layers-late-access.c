/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may open a file late, and for what: as open(2) with the same access mode
 * would have it, though nothing is copied up by that. And that with owners in
 * marks, or with locks in the layers, a late first change is a copy-up like
 * any other.
 */
#include "layers-blocks.h"

#include <errno.h>
#include <fcntl.h>

static int
open_as(struct node *n, uint32_t uid, int flags)
{
	const struct cred cred = { .uid = uid, .gid = uid };
	struct call c = fixture_call;
	struct handle *h;
	int r;

	c.cred = &cred;
	r = tree_open_late(n, &c, flags, &h);
	if (r == 0)
		handle_unref(h);
	return r;
}

/* Also where the flags are a mark of the copy. */
static void
protected_files(void **state)
{
	static const char *const names[] = { "i", "a" };
	struct fixture *f = *state;
	struct node *n;
	int i, pass;

	SKIP_UNLESS_ROOT();
	fixture_layers(f, "echo x >lower2/i; echo x >lower2/a");
	if (!fixture_holds(f, "chattr +i lower2/i && chattr +a lower2/a")) {
		print_message("no such flags here: skipped\n");
		skip();
	}
	for (pass = 0; pass < 2; pass++) {
		fixture_open(f, true);
		for (i = 0; i < 2; i++) {
			n = blocks_walk(f, names[i]);
			assert_int_equal(0, open_as(n, 0, O_RDONLY));
			assert_int_equal(-EPERM, open_as(n, 0, O_RDWR));
			node_unref(n);
		}
		fixture_close(f);
		/* The second time they are in the upper. */
		fixture_sh(f, "cp lower2/? upper; setfattr -n "
			      "trusted.overlay.protattr -v i upper/i; setfattr "
			      "-n trusted.overlay.protattr -v a upper/a");
	}
	fixture_sh(f, "chattr -i lower2/i; chattr -a lower2/a");
}

static void
mapped_owner(void **state)
{
	struct call owner = { .uid = 1000, .gid = 1000 };
	struct iovec iov = { (char *)"new", 3 };
	struct fixture *f = *state;
	struct handle *h;
	struct attr attr;
	struct node *n;

	fixture_layers(f, "printf old >lower2/f");
	f->options = "owner=mapped";
	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "chown", "f", "1000"));
	assert_int_equal(0, fixture_do(f, "chmod", "f", "4600"));
	n = blocks_walk(f, "f");
	assert_int_equal(0, open_as(n, 1000, O_RDWR));
	assert_int_equal(-EACCES, open_as(n, 1001, O_RDONLY));
	assert_int_equal(-EACCES, open_as(n, 1001, O_RDWR));
	/* A write by others than root clears setuid, as by 9P. */
	h = blocks_open(n);
	assert_int_equal(3, tree_write(h, &owner, &iov, 1, 0));
	assert_int_equal(0, tree_getattr(n, h, &fixture_call, &attr));
	assert_int_equal(0600, attr.mode & 07777);
	assert_int_equal(1000, attr.uid);
	handle_unref(h);
	node_unref(n);
}

/* Locks on the lower file are on the copy when others can see that. */
static void
locks_at_host(void **state)
{
	struct fixture *f = *state;
	struct lock_range range = { .type = LOCK_RANGE_READ,
				    .end = UINT64_MAX,
				    .proc_id = 1,
				    .owner = 1,
				    .client_id = { "c", 1 } };
	struct handle *h, *late;
	struct node *n;

	fixture_layers(f, "printf old >lower2/f");
	f->options = "locks=host";
	fixture_open(f, true);
	n = blocks_walk(f, "f");
	h = blocks_open_9p(n, O_RDONLY);
	assert_int_equal(0, tree_lock(h, &fixture_call, &range));
	late = blocks_open(n);
	assert_int_equal(0, blocks_write(late, "new", 0));
	blocks_assert_reads(h, "new");
	assert_true(fixture_holds(f, "grep -q \":$(stat -c %i upper/f) \" "
				     "/proc/locks"));
	handle_unref(late);
	handle_unref(h);
	node_unref(n);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(protected_files),
		TEST(mapped_owner),
		TEST(locks_at_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
