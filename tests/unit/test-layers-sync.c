/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a sync brings to the disk beside the file (nbd.md 9): after a copy-up
 * the directories that lead to it, once.
 */
#include "layers-blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "layers-calls.h"

static bool
was_synced(struct fixture *f, const char *path)
{
	char name[128];
	struct stat st;
	unsigned i;

	(void)snprintf(name, sizeof(name), "%s/%s", f->root, path);
	assert_int_equal(0, stat(name, &st));
	for (i = 0; i < calls.nr_synced; i++)
		if (calls.synced[i] == st.st_ino)
			return true;
	return false;
}

static void
check_names(struct fixture *f, enum sync_how how)
{
	/* A synchronous write, and only that, says so with the write itself. */
	unsigned own = how != SYNC_WRITE;
	struct handle *h, *other;
	struct node *n, *g;

	fixture_layers(f, "mkdir -p lower2/a/b upper/a; echo f >lower2/a/b/f; "
			  "echo g >lower2/a/b/g");
	fixture_open(f, true);
	n = blocks_walk(f, "a/b/f");
	h = blocks_open(n);
	assert_int_equal(0, blocks_write(h, "x", 0));
	calls = (struct calls){ 0 };
	assert_int_equal(0, blocks_sync(h, how));
	assert_true(how == SYNC_WRITE || was_synced(f, "upper/a/b/f"));
	assert_true(was_synced(f, "upper/a/b"));
	assert_true(was_synced(f, "upper/a"));
	/* What was there before has its name on disk already. */
	assert_false(was_synced(f, "upper"));
	assert_int_equal(2 + own, calls.nr_synced);
	/* Once, and not a system call more after that. */
	calls = (struct calls){ 0 };
	assert_int_equal(0, blocks_sync(h, how));
	assert_int_equal(own, calls.nr_synced);
	/* The next copy is below a directory that is known by now. */
	g = blocks_walk(f, "a/b/g");
	other = blocks_open(g);
	assert_int_equal(0, blocks_write(other, "x", 0));
	calls = (struct calls){ 0 };
	assert_int_equal(0, blocks_sync(other, how));
	assert_true(was_synced(f, "upper/a/b"));
	assert_int_equal(1 + own, calls.nr_synced);
	handle_unref(other);
	handle_unref(h);
	node_unref(g);
	node_unref(n);
	fixture_close(f);
}

static void
names_after_copyup(void **state)
{
	enum sync_how how;

	for (how = SYNC_ALL; how <= SYNC_ZERO; how++)
		check_names(*state, how);
}

/* Of hard links all names that are known. */
static void
all_names(void **state)
{
	struct fixture *f = *state;
	struct node *n, *g;
	struct handle *h;

	fixture_layers(f, "mkdir lower2/a lower2/b; echo f >lower2/a/f; "
			  "ln lower2/a/f lower2/b/g");
	fixture_open(f, true);
	n = blocks_walk(f, "a/f");
	g = blocks_walk(f, "b/g");
	h = blocks_open(n);
	assert_int_equal(0, blocks_write(h, "x", 0));
	calls = (struct calls){ 0 };
	assert_int_equal(0, blocks_sync(h, SYNC_DATA));
	assert_true(was_synced(f, "upper/a"));
	assert_true(was_synced(f, "upper/b"));
	assert_true(was_synced(f, "upper"));
	handle_unref(h);
	node_unref(g);
	node_unref(n);
}

/* Who makes a file syncs its directory; but who has blocks only cannot. */
static void
new_file(void **state)
{
	struct fixture *f = *state;
	struct handle *h, *late;
	struct ident ident;
	struct node *n;

	fixture_layers(f, ":");
	fixture_open(f, true);
	assert_int_equal(0,
			 tree_create(f->top, &fixture_call, fixture_name("f"),
				     O_RDWR, 0644, &n, &h, &ident));
	calls = (struct calls){ 0 };
	assert_int_equal(0, blocks_sync(h, SYNC_ALL));
	assert_int_equal(1, calls.nr_synced);
	late = blocks_open(n);
	assert_int_equal(0, blocks_sync(late, SYNC_DATA));
	assert_int_equal(3, calls.nr_synced);
	assert_true(was_synced(f, "upper"));
	assert_int_equal(0, blocks_sync(late, SYNC_DATA));
	assert_int_equal(4, calls.nr_synced);
	handle_unref(late);
	handle_unref(h);
	node_unref(n);
}

/* On the loop only where nothing is to be waited for: in memory. */
static void
on_the_loop(void **state)
{
	struct fixture *f = *state;
	struct call nowait = fixture_call;
	struct statfs st;
	struct handle *h;
	struct node *n;

	nowait.nowait = true;
	assert_int_equal(0, statfs(f->root, &st));
	fixture_layers(f, "mkdir lower2/a; echo f >lower2/a/f");
	fixture_open(f, true);
	n = blocks_walk(f, "a/f");
	h = blocks_open(n);
	assert_int_equal(0, blocks_write(h, "x", 0));
	/* The names of a copy are synced, too. */
	assert_int_equal(-EAGAIN, tree_fsync(n, h, &nowait, false));
	assert_int_equal(0, blocks_sync(h, SYNC_ALL));
	calls = (struct calls){ 0 };
	assert_int_equal(st.f_type == TMPFS_MAGIC ? 0 : -EAGAIN,
			 tree_fsync(n, h, &nowait, false));
	assert_int_equal(st.f_type == TMPFS_MAGIC, calls.nr_synced);
	handle_unref(h);
	node_unref(n);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_after_copyup),
		TEST(all_names),
		TEST(new_file),
		TEST(on_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
