/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open files follow their object: through copy-up, rename and unlink
 * (design.md 5; the kernel's ovl_real_fdget()).
 */
#include "layers-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct handle *
open_path(struct fixture *f, const char *path, int flags, struct node **ret)
{
	struct handle *h = NULL;
	int r;

	*ret = fixture_walk(f, path, &r);
	assert_int_equal(0, r);
	assert_int_equal(0,
			 tree_open_node(*ret, &fixture_call, flags, &h, NULL));
	return h;
}

static void
assert_reads(struct handle *h, const char *want)
{
	char buf[64];
	struct iovec iov = { buf, sizeof(buf) };
	ssize_t n = tree_read(h, &fixture_call, &iov, 1, 0);

	assert_int_equal(strlen(want), n);
	assert_memory_equal(want, buf, (size_t)n);
}

static void
read_only_follows_copyup(void **state)
{
	struct fixture *f = *state;
	struct handle *h;
	struct node *n;

	fixture_sh(f, "printf old >lower2/f");
	fixture_open(f, true);
	h = open_path(f, "f", O_RDONLY, &n);
	assert_reads(h, "old");
	assert_int_equal(0, fixture_write(f, "f", "new"));
	assert_reads(h, "new");
	handle_unref(h);
	node_unref(n);
}

/* Read, write, getattr, setattr, open again, of what has no name any more. */
static void
check_unlinked(struct fixture *f, const char *layer_cmd)
{
	struct attr_set set = { .mask = ATTR_SET_MODE, .mode = 0600 };
	struct iovec iov = { (char *)"more", 4 };
	struct handle *h, *again;
	struct attr attr;
	struct node *n;

	fixture_sh(f, layer_cmd);
	fixture_open(f, true);
	h = open_path(f, "f", O_RDONLY, &n);
	assert_int_equal(0, fixture_do(f, "unlink", "f", NULL));
	assert_reads(h, "data");
	assert_int_equal(0, tree_getattr(n, h, &fixture_call, &attr));
	assert_int_equal(0, attr.nlink);
	assert_int_equal(0, tree_getattr(n, NULL, &fixture_call, &attr));
	assert_int_equal(4, attr.size);
	assert_int_equal(0, tree_setattr(n, h, &fixture_call, &set));
	assert_int_equal(0, tree_getattr(n, NULL, &fixture_call, &attr));
	assert_int_equal(S_IFREG | 0600, attr.mode);
	assert_int_equal(
		0, tree_open_node(n, &fixture_call, O_RDWR, &again, NULL));
	assert_int_equal(4, tree_write(again, &fixture_call, &iov, 1, 0));
	assert_reads(h, "more");
	assert_string_equal("errno 2", fixture_read(f, "f"));
	handle_unref(again);
	handle_unref(h);
	node_unref(n);
}

static void
unlinked_lower(void **state)
{
	check_unlinked(*state, "printf data >lower2/f");
}

static void
unlinked_upper(void **state)
{
	check_unlinked(*state, "printf data >upper/f");
}

static void
follows_renames(void **state)
{
	struct fixture *f = *state;
	struct handle *h;
	struct attr attr;
	struct node *n;

	fixture_sh(f, "mkdir -p upper/a/b; printf x >upper/a/b/f");
	fixture_open(f, true);
	h = open_path(f, "a/b/f", O_RDWR, &n);
	assert_int_equal(0, fixture_do(f, "rename", "a", "c"));
	assert_int_equal(0, tree_getattr(n, NULL, &fixture_call, &attr));
	assert_int_equal(0, fixture_do(f, "rename", "c/b/f", "g"));
	assert_int_equal(0, tree_getattr(n, NULL, &fixture_call, &attr));
	assert_int_equal(1, attr.size);
	assert_reads(h, "x");
	assert_int_equal(0, tree_remove(n, &fixture_call));
	assert_int_equal(-ENOENT, tree_remove(n, &fixture_call));
	handle_unref(h);
	node_unref(n);
}

static void
writes_drop_suid(void **state)
{
	struct call alice = { .uid = 1000, .gid = 1000 };
	struct iovec iov = { (char *)"x", 1 };
	struct fixture *f = *state;
	struct handle *h;
	struct attr attr;
	struct node *n;

	fixture_sh(f, "touch upper/f; chmod 6755 upper/f");
	fixture_open(f, true);
	h = open_path(f, "f", O_RDWR, &n);
	assert_int_equal(1, tree_write(h, &fixture_call, &iov, 1, 0));
	assert_int_equal(0, tree_getattr(n, h, &fixture_call, &attr));
	assert_int_equal(geteuid() == 0 ? 06755 : 0755, attr.mode & 07777);
	assert_int_equal(1, tree_write(h, &alice, &iov, 1, 0));
	assert_int_equal(0, tree_getattr(n, h, &fixture_call, &attr));
	assert_int_equal(0755, attr.mode & 07777);
	/* Without group execute: dropped for all but the owner. */
	assert_int_equal(0, fixture_do(f, "chmod", "f", "2644"));
	assert_int_equal(1, tree_write(h, &alice, &iov, 1, 0));
	assert_int_equal(0, tree_getattr(n, h, &fixture_call, &attr));
	assert_int_equal(0644, attr.mode & 07777);
	handle_unref(h);
	node_unref(n);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(read_only_follows_copyup), TEST(unlinked_lower),
		TEST(unlinked_upper),           TEST(follows_renames),
		TEST(writes_drop_suid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
