/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lower hard links stay together without an index: whoever changes one name
 * changes all, in the same server, in the next, and in a kernel.
 */
#include "layers-fixture.h"

#include <fcntl.h>
#include <string.h>

static const struct golden_case cases[] = {
	{ "in one directory, in others, below others",
	  "mkdir -p lower2/d/e lower1/d; echo x >lower2/a; "
	  "ln lower2/a lower2/b; ln lower2/a lower2/d/e/c",
	  { { "chmod", "a", "600", 0 } },
	  "[ upper/a -ef upper/b ] && [ upper/a -ef upper/d/e/c ] && "
	  "[ $(stat -c %h:%a upper/a) = 3:600 ] && "
	  "getfattr -n trusted.overlay.origin upper/b >/dev/null && "
	  "getfattr -n trusted.overlay.impure upper/d/e >/dev/null" },
	{ "special files and symbolic links",
	  "mkdir lower2/d; mkfifo lower2/p; ln lower2/p lower2/d/p; "
	  "ln -s x lower2/l; ln lower2/l lower2/d/l",
	  { { "chmod", "p", "600", 0 }, { "rename", "l", "m", 0 } },
	  "[ upper/p -ef upper/d/p ] && [ $(stat -c %i upper/m) = "
	  "$(stat -c %i upper/d/l) ]" },
	{ "a name that is hidden stays so",
	  "mkdir lower2/d; echo x >lower2/a; ln lower2/a lower2/b; "
	  "ln lower2/a lower2/d/c",
	  { { "unlink", "b", NULL, 0 }, { "chmod", "a", "600", 0 } },
	  "[ upper/a -ef upper/d/c ] && [ $(stat -c %h upper/a) = 2 ] && "
	  "test -c upper/b" },
	{ "a name that is another file by now stays that",
	  "echo x >lower2/a; ln lower2/a lower2/b; echo y >lower1/b",
	  { { "chmod", "a", "600", 0 } },
	  "test ! -e upper/b && [ $(stat -c %h upper/a) = 1 ]" },
	{ "names of other layers are others",
	  "echo x >lower2/a; ln lower2/a lower1/b; ln lower2/a lower2/c",
	  { { "chmod", "a", "600", 0 } },
	  "[ upper/a -ef upper/c ] && test ! -e upper/b" },
	{ "links from outside of the layers",
	  "echo x >lower2/a; ln lower2/a outside",
	  { { "chmod", "a", "600", 0 } },
	  "[ $(stat -c %h:%a upper/a) = 1:600 ] && "
	  "! getfattr -n trusted.overlay.origin upper/a 2>/dev/null" },
};

static void
golden(void **state)
{
	golden_run(*state, NULL, cases, sizeof(cases) / sizeof(cases[0]));
}

static const struct golden_case off[] = {
	{ "index=off: as the kernel",
	  "echo x >lower2/a; ln lower2/a lower2/b",
	  { { "chmod", "a", "600", 0 } },
	  "test -e upper/a && test ! -e upper/b && "
	  "! getfattr -n trusted.overlay.origin upper/a 2>/dev/null" },
};

static void
without(void **state)
{
	golden_run(*state, "index=off", off, 1);
}

static void
fill(struct fixture *f)
{
	fixture_layers(f, "mkdir lower2/d lower2/e; echo old >lower2/a; "
			  "ln lower2/a lower2/d/b; ln lower2/a lower2/e/c");
	fixture_open(f, true);
}

/* One file for everybody, before and after, with one number. */
static void
one_file(void **state)
{
	struct fixture *f = *state;
	uint64_t path;

	fill(f);
	path = fixture_path(f, "a");
	assert_true(path == fixture_path(f, "d/b"));
	assert_int_equal(0, fixture_write(f, "d/b", "new"));
	assert_string_equal("new\n", fixture_read(f, "a"));
	assert_string_equal("new\n", fixture_read(f, "e/c"));
	fixture_restart(f);
	assert_int_equal(0, fixture_write(f, "e/c", "NEW"));
	assert_string_equal("NEW\n", fixture_read(f, "a"));
	if (geteuid() == 0) {
		assert_true(path == fixture_path(f, "a"));
		assert_true(path == fixture_path(f, "e/c"));
	}
	fixture_close(f);
	/* Where overlayfs can be mounted it sees the same. */
	if (geteuid() == 0)
		assert_true(fixture_holds(
			f, "mkdir m kwork; mount -t overlay t -o lowerdir="
			   "lower1:lower2,upperdir=upper,workdir=kwork m "
			   "2>/dev/null || exit 0; grep -q NEW m/d/b && "
			   "[ m/a -ef m/e/c ]; r=$?; umount m; exit $r"));
}

/* Who holds a name that is in memory only under a directory that moved. */
static void
moved_directory(void **state)
{
	struct fixture *f = *state;
	struct node *n;
	int err;

	fill(f);
	n = fixture_walk(f, "d/b", &err);
	assert_int_equal(0, fixture_do(f, "rename", "d", "e/d"));
	assert_int_equal(0, fixture_write(f, "a", "new"));
	assert_string_equal("new\n", fixture_read(f, "e/d/b"));
	node_unref(n);
}

/* A name that went while it was held follows its file. */
static void
unlinked(void **state)
{
	struct fixture *f = *state;
	struct handle *h;
	struct node *n;
	char buf[8];
	struct iovec iov = { buf, sizeof(buf) };
	struct attr attr;
	int err;

	fill(f);
	n = fixture_walk(f, "d/b", &err);
	assert_int_equal(0,
			 tree_open_node(n, &fixture_call, O_RDONLY, &h, NULL));
	assert_int_equal(0, fixture_do(f, "unlink", "d/b", NULL));
	assert_int_equal(0, fixture_write(f, "a", "NEW"));
	assert_int_equal(4, tree_read(h, &fixture_call, &iov, 1, 0));
	assert_memory_equal("NEW\n", buf, 4);
	assert_int_equal(0, tree_getattr(n, NULL, &fixture_call, &attr));
	/* And the other way: by the one without a name. */
	handle_unref(h);
	assert_int_equal(0, tree_open_node(n, &fixture_call, O_RDWR, &h, NULL));
	iov.iov_len = 3;
	(void)memcpy(buf, "own", 3);
	assert_int_equal(3, tree_write(h, &fixture_call, &iov, 1, 0));
	assert_string_equal("own\n", fixture_read(f, "e/c"));
	handle_unref(h);
	node_unref(n);
	/* The first write through the name that is gone. */
	fixture_close(f);
	fill(f);
	n = fixture_walk(f, "d/b", &err);
	assert_int_equal(0, fixture_do(f, "unlink", "d/b", NULL));
	assert_int_equal(0, tree_open_node(n, &fixture_call, O_RDWR, &h, NULL));
	assert_int_equal(3, tree_write(h, &fixture_call, &iov, 1, 0));
	assert_string_equal("own\n", fixture_read(f, "a"));
	assert_string_equal("own\n", fixture_read(f, "e/c"));
	handle_unref(h);
	node_unref(n);
}

/* A rename of one name over another is nothing. */
static void
renamed(void **state)
{
	struct fixture *f = *state;

	fill(f);
	assert_int_equal(0, fixture_do(f, "rename", "a", "d/b"));
	assert_string_equal("a d e", fixture_list(f, ""));
	assert_int_equal(0, fixture_do(f, "link", "e/c", "n"));
	assert_int_equal(0, fixture_write(f, "d/b", "new"));
	assert_string_equal("new\n", fixture_read(f, "n"));
	assert_true(fixture_holds(f, "[ $(stat -c %h upper/n) = 4 ]"));
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(golden),          TEST(without),  TEST(one_file),
		TEST(moved_directory), TEST(unlinked), TEST(renamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
