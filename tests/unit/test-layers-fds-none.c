/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No descriptor is free: what the tree keeps open only to be faster is closed
 * then, and nothing that a client asks fails for that (fds_shrink()).
 */
#include "layers-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NR_OTHERS 60

static struct node *file, *dir;
static struct handle *handle, *dir_handle;

static int
lock(struct fixture *f)
{
	struct lock_range range = { .type = LOCK_RANGE_WRITE,
				    .end = 5,
				    .client_id = { "c", 1 } };

	(void)f;
	return tree_lock(handle, &fixture_call, &range);
}

static int
getlock(struct fixture *f)
{
	struct lock_range range = { .type = LOCK_RANGE_WRITE,
				    .end = 5,
				    .client_id = { "c", 1 } };
	char client_id[LOCK_CLIENT_ID_MAX];

	(void)f;
	return tree_getlock(handle, &fixture_call, &range, client_id);
}

/* A copy-up, with a lock that goes along. */
static int
open_to_write(struct fixture *f)
{
	struct handle *h;
	int r = lock(f);

	if (r == 0)
		r = tree_open_node(file, &fixture_call, O_RDWR, &h, NULL);
	if (r == 0)
		handle_unref(h);
	return r;
}

static int
truncated(struct fixture *f)
{
	struct attr_set set = { .mask = ATTR_SET_SIZE, .size = 1 };

	(void)f;
	return tree_setattr(file, NULL, &fixture_call, &set);
}

static int
fsynced(struct fixture *f)
{
	int r = truncated(f);

	return r < 0 ? r : tree_fsync(file, NULL, &fixture_call, false);
}

static int
dir_synced(struct fixture *f)
{
	(void)f;
	return tree_fsync(dir, NULL, &fixture_call, false);
}

static int
xattr_set(struct fixture *f)
{
	(void)f;
	return tree_setxattr(file, NULL, &fixture_call, fixture_name("user.x"),
			     "y", 1, 0);
}

static bool
any(void *ctx, const struct dirent_info *e)
{
	(void)ctx;
	(void)e;
	return true;
}

static int
listed(struct fixture *f)
{
	(void)f;
	return tree_readdir(dir_handle, &fixture_call, 0, any, NULL);
}

static int
created(struct fixture *f)
{
	return fixture_do(f, "create", "dir/new", NULL);
}

static int
made(struct fixture *f)
{
	return fixture_do(f, "mkdir", "dir/new", NULL);
}

static int
linked(struct fixture *f)
{
	return fixture_do(f, "link", "dir/file", "dir/other");
}

static int
removed(struct fixture *f)
{
	return fixture_do(f, "unlink", "dir/file", NULL);
}

static int
emptied(struct fixture *f)
{
	int r = removed(f);

	if (r == 0)
		r = fixture_do(f, "unlink", "dir/second", NULL);
	return r < 0 ? r : fixture_do(f, "rmdir", "dir", NULL);
}

static int
renamed(struct fixture *f)
{
	return fixture_do(f, "rename", "dir/file", "up/file");
}

static int
dir_renamed(struct fixture *f)
{
	return fixture_do(f, "rename", "dir", "up/dir");
}

static const struct {
	const char *name;
	int (*op)(struct fixture *f);
} cases[] = {
	{ "lock", lock },
	{ "getlock", getlock },
	{ "open to write", open_to_write },
	{ "truncate", truncated },
	{ "fsync", fsynced },
	{ "fsync of a directory", dir_synced },
	{ "setxattr", xattr_set },
	{ "readdir", listed },
	{ "create", created },
	{ "mkdir", made },
	{ "link", linked },
	{ "unlink", removed },
	{ "rmdir", emptied },
	{ "rename", renamed },
	{ "rename of a directory", dir_renamed },
};

static void
hold_much(struct fixture *f)
{
	char path[32];
	int i, r;

	for (i = 0; i < NR_OTHERS; i++) {
		(void)snprintf(path, sizeof(path), "other%d/file", i);
		assert_string_equal("other\n", fixture_read(f, path));
	}
	file = fixture_walk(f, "dir/file", &r);
	dir = fixture_walk(f, "dir", &r);
	assert_int_equal(0, tree_open_node(file, &fixture_call, O_RDONLY,
					   &handle, NULL));
	assert_int_equal(0, tree_open_node(dir, &fixture_call,
					   O_RDONLY | O_DIRECTORY, &dir_handle,
					   NULL));
}

/* Do it with all descriptors in use; what it says. */
static int
with_none(struct fixture *f, int (*op)(struct fixture *f))
{
	static int fds[1024];
	unsigned nr = 0;
	int r;

	while ((fds[nr] = dup(STDIN_FILENO)) >= 0)
		nr++;
	assert_int_equal(EMFILE, errno);
	r = op(f);
	while (nr > 0)
		(void)close(fds[--nr]);
	return r;
}

static void
none_free(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, few = { 512, 512 };
	unsigned bad = 0;
	size_t i;
	int r;

	assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &old));
	few.rlim_max = old.rlim_max;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_layers(f,
			       "for i in $(seq 0 59); do mkdir "
			       "lower2/other$i; echo other "
			       ">lower2/other$i/file; done; mkdir lower1/dir "
			       "lower2/dir upper/up; echo 1 >lower1/dir/file;"
			       "echo 2 >lower2/dir/second");
		f->options = "locks=host";
		fixture_open(f, true);
		hold_much(f);
		assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
		r = with_none(f, cases[i].op);
		assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &old));
		if (r < 0)
			print_message("%s: errno %d\n", cases[i].name, -r);
		bad += r < 0;
		handle_unref(handle);
		handle_unref(dir_handle);
		node_unref(file);
		node_unref(dir);
		fixture_close(f);
		fixture_check(f);
	}
	assert_int_equal(0, bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(none_free, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
