/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fewer descriptors than objects in use (the tree option test-fds): what is
 * closed meanwhile is the same object afterwards, whatever happened to its
 * name or its layers.
 */
#include "layers-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NR 30

static unsigned
nr_open(void)
{
	unsigned nr = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

static struct node *
walk(struct fixture *f, const char *path)
{
	struct node *n;
	int r;

	n = fixture_walk(f, path, &r);
	if (!n)
		fail_msg("%s: errno %d", path, r);
	return n;
}

static struct handle *
open_file(struct node *n, int flags)
{
	struct handle *h;

	assert_int_equal(0, tree_open_node(n, &fixture_call, flags, &h, NULL));
	return h;
}

static const char *
read_file(struct handle *h)
{
	static char buf[64];
	struct iovec iov = { buf, sizeof(buf) - 1 };
	ssize_t n = tree_read(h, &fixture_call, &iov, 1, 0);

	if (n < 0)
		(void)snprintf(buf, sizeof(buf), "errno %d", (int)-n);
	else
		buf[n] = '\0';
	return buf;
}

/* So much else is used that everything idle is closed. */
static void
use_others(struct fixture *f)
{
	char path[32];
	/* The root keeps one for each lower. */
	const char *between = getenv("VENEER_TEST_BETWEEN");
	unsigned most = 35 + (between ? (unsigned)atoi(between) * 2 : 0);
	int i;

	for (i = 0; i < NR; i++) {
		(void)snprintf(path, sizeof(path), "other%d/file", i);
		assert_string_equal("other\n", fixture_read(f, path));
	}
	assert_true(nr_open() < f->nr_fds + most);
}

static void
start(struct fixture *f, const char *cmd, const char *options)
{
	fixture_layers(f, "for i in $(seq 0 29); do mkdir lower2/other$i; "
			  "echo other >lower2/other$i/file; done");
	fixture_sh(f, cmd);
	f->options = options;
	fixture_open(f, true);
}

static int
ino_of(struct node *n, uint64_t *ret)
{
	struct attr attr;
	int r = tree_getattr(n, NULL, &fixture_call, &attr);

	if (r == 0)
		*ret = attr.ident.path;
	return r;
}

/* Directories above it get other names; it is copied up, merged, removed. */
static void
directories(void **state)
{
	struct fixture *f = *state;
	struct node *merged, *deep, *gone;
	uint64_t before, after;
	struct attr attr;
	struct ident id;

	start(f,
	      "mkdir -p lower1/a/b/c lower2/a/b/c/d lower2/gone; "
	      "echo 1 >lower1/a/b/c/one; echo 2 >lower2/a/b/c/two",
	      "test-fds=4");
	merged = walk(f, "a/b/c");
	deep = walk(f, "a/b/c/d");
	gone = walk(f, "gone");
	assert_int_equal(0, ino_of(merged, &before));
	use_others(f);
	assert_int_equal(0, ino_of(merged, &after));
	assert_int_equal(before, after);
	use_others(f);
	assert_string_equal("d one two", fixture_list(f, "a/b/c"));
	use_others(f);
	/* A directory that is not in the upper yet. */
	assert_int_equal(0, tree_mkdir(deep, &fixture_call, fixture_name("new"),
				       0755, &id));
	assert_int_equal(0, fixture_do(f, "rename", "a", "x"));
	use_others(f);
	assert_int_equal(0, fixture_do(f, "mkdir", "z", NULL));
	assert_int_equal(0, fixture_do(f, "rename", "x/b", "z/y"));
	use_others(f);
	assert_int_equal(0, ino_of(merged, &after));
	assert_int_equal(before, after);
	assert_int_equal(-EEXIST, tree_mkdir(deep, &fixture_call,
					     fixture_name("new"), 0755, &id));
	assert_string_equal("d one two", fixture_list(f, "z/y/c"));

	/* Without its name it stays open. */
	assert_int_equal(0, fixture_do(f, "rmdir", "gone", NULL));
	use_others(f);
	assert_int_equal(0, tree_getattr(gone, NULL, &fixture_call, &attr));
	assert_int_equal(0, attr.nlink);
	assert_int_equal(-ENOENT, tree_mkdir(gone, &fixture_call,
					     fixture_name("new"), 0755, &id));
	node_unref(merged);
	node_unref(deep);
	node_unref(gone);
}

/* Somebody edits a lower while its directories are closed. */
static void
edited(void **state)
{
	struct fixture *f = *state;
	struct node *swapped, *gone, *less;
	uint64_t ino;

	start(f,
	      "mkdir -p lower2/swapped lower2/gone lower1/less lower2/less/x",
	      "test-fds=4");
	swapped = walk(f, "swapped");
	gone = walk(f, "gone");
	less = walk(f, "less");
	use_others(f);
	fixture_sh(f, "mkdir lower2/new; mv lower2/swapped lower2/old; "
		      "mv lower2/new lower2/swapped; rmdir lower2/gone; "
		      "rm -r lower2/less");
	assert_int_equal(-ESTALE, ino_of(swapped, &ino));
	assert_int_equal(-ESTALE, ino_of(gone, &ino));
	/* What is on top is still the same. */
	assert_int_equal(0, ino_of(less, &ino));
	assert_string_equal("", fixture_list(f, "less"));
	assert_string_equal("", fixture_list(f, "swapped"));
	assert_string_equal("errno 2", fixture_read(f, "gone/x"));
	node_unref(swapped);
	node_unref(gone);
	node_unref(less);
}

static ssize_t
write_file(struct handle *h, const char *text)
{
	struct iovec iov = { (char *)text, strlen(text) };

	return tree_write(h, &fixture_call, &iov, 1, 0);
}

/* Open files: written, copied up, renamed, unlinked, replaced. */
static void
files(void **state)
{
	const struct attr_set closed = { .mask = ATTR_SET_MODE, .mode = 0 };
	struct fixture *f = *state;
	struct node *n[4], *lower;
	struct handle *h[4], *low;
	char path[8];
	unsigned i;

	start(f,
	      "for i in 0 1 2 3; do echo file$i >upper/f$i; done; "
	      "echo low >lower2/low",
	      "test-fds=4");
	for (i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "f%u", i);
		n[i] = walk(f, path);
		h[i] = open_file(n[i], O_RDWR);
	}
	lower = walk(f, "low");
	low = open_file(lower, O_RDONLY);
	use_others(f);
	assert_int_equal(0, fixture_do(f, "unlink", "f1", NULL));
	assert_int_equal(0, fixture_do(f, "rename", "f2", "moved"));
	assert_int_equal(0, fixture_do(f, "rename", "moved", "f3"));
	use_others(f);
	assert_string_equal("file0\n", read_file(h[0]));
	assert_string_equal("file1\n", read_file(h[1]));
	assert_string_equal("file2\n", read_file(h[2]));
	assert_string_equal("file3\n", read_file(h[3]));
	use_others(f);
	for (i = 0; i < 4; i++)
		assert_int_equal(3, write_file(h[i], "new"));
	use_others(f);
	assert_string_equal("newe1\n", read_file(h[1]));
	assert_string_equal("newe2\n", fixture_read(f, "f3"));
	/* The data moves to the upper; nobody may open it afterwards. */
	assert_int_equal(0, fixture_write(f, "low", "LOW"));
	use_others(f);
	assert_string_equal("LOW\n", read_file(low));
	use_others(f);
	assert_int_equal(0, tree_setattr(n[2], h[2], &fixture_call, &closed));
	use_others(f);
	assert_string_equal("newe2\n", read_file(h[2]));
	for (i = 0; i < 4; i++) {
		handle_unref(h[i]);
		node_unref(n[i]);
	}
	handle_unref(low);
	node_unref(lower);
}

struct listed {
	unsigned nr, max;
	uint64_t cookie;
};

static bool
count(void *ctx, const struct dirent_info *e)
{
	struct listed *l = ctx;

	if (l->nr == l->max)
		return false;
	l->nr++;
	l->cookie = e->cookie;
	return true;
}

/* A listing goes on where it was, entry by entry. */
static void
listings(void **state)
{
	struct fixture *f = *state;
	struct listed l = { 0 };
	struct node *n;
	struct handle *h;

	start(f, "mkdir upper/d; cd upper/d; seq 100 | xargs touch",
	      "test-fds=4");
	n = walk(f, "d");
	h = open_file(n, O_RDONLY | O_DIRECTORY);
	do {
		l.max = l.nr + 7;
		assert_int_equal(
			0, tree_readdir(h, &fixture_call, l.cookie, count, &l));
		use_others(f);
	} while (l.nr == l.max);
	assert_int_equal(102, l.nr);
	handle_unref(h);
	node_unref(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(directories, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(edited, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(files, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(listings, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
