/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ident.version: the same wherever it is reported, another one after each
 * change of content, though the clock stands still, the same as long as there
 * is none, and no old one for new content after a restart (9p.md 5.2, 13:
 * cache=readahead, mmap, loose and fscache drop or keep pages by it). That the
 * clock stands still is had by setting the times back.
 */
#include "layers-fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define CALL (&fixture_call)

static struct ident
ident_of(struct fixture *f, const char *path)
{
	struct ident id;
	struct node *n;
	int r;

	n = fixture_walk(f, path, &r);
	assert_int_equal(0, r);
	assert_int_equal(0, tree_ident(n, CALL, &id));
	node_unref(n);
	assert_int_not_equal(0, id.version);
	return id;
}

static uint32_t
version_of(struct fixture *f, const char *path)
{
	return ident_of(f, path).version;
}

static void
set_times_back(struct fixture *f, const char *path)
{
	struct attr_set set = { .mask = ATTR_SET_MTIME,
				.mtime = { .tv_sec = 1000000000 } };
	struct node *n;
	int r;

	n = fixture_walk(f, path, &r);
	assert_int_equal(0, tree_setattr(n, NULL, CALL, &set));
	node_unref(n);
}

static void
same_everywhere(void **state)
{
	static const char *const paths[] = { "low", "up", "dir", "updir",
					     "link" };
	struct fixture *f = *state;
	struct name name;
	struct handle *h;
	struct ident walked, opened;
	struct attr attr;
	struct node *n;
	unsigned nr;
	size_t i;

	fixture_sh(f, "echo x >lower2/low; echo x >upper/up; mkdir lower1/dir "
		      "upper/updir; ln -s x lower1/link");
	fixture_open(f, true);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		name = fixture_name(paths[i]);
		assert_int_equal(
			0, tree_walk(f->top, CALL, &name, 1, &walked, &nr, &n));
		assert_int_equal(walked.version, version_of(f, paths[i]));
		assert_int_equal(0, tree_getattr(n, NULL, CALL, &attr));
		assert_int_equal(walked.version, attr.ident.version);
		assert_int_equal(0, attr.gen);
		if (tree_open_node(n, CALL, O_RDONLY, &h, &opened) == 0) {
			assert_int_equal(walked.version, opened.version);
			assert_int_equal(0, tree_getattr(n, h, CALL, &attr));
			assert_int_equal(walked.version, attr.ident.version);
			handle_unref(h);
		}
		node_unref(n);
	}
}

static void
same_when_made(void **state)
{
	struct fixture *f = *state;
	struct ident made;
	struct handle *h;
	struct node *n;

	fixture_sh(f, "echo x >lower2/hidden; mkdir lower2/hidden2");
	fixture_open(f, true);
	assert_int_equal(0, tree_create(f->top, CALL, fixture_name("new"),
					O_RDWR | O_EXCL, 0644, &n, &h, &made));
	assert_int_equal(made.version, version_of(f, "new"));
	handle_unref(h);
	node_unref(n);
	assert_int_equal(0, tree_mkdir(f->top, CALL, fixture_name("newdir"),
				       0755, &made));
	assert_int_equal(made.version, version_of(f, "newdir"));
	assert_int_equal(0, tree_symlink(f->top, CALL, fixture_name("l"),
					 fixture_name("target"), &made));
	assert_int_equal(made.version, version_of(f, "l"));
	/* Over whiteouts. */
	assert_int_equal(0, fixture_do(f, "unlink", "hidden", NULL));
	assert_int_equal(0, fixture_do(f, "rmdir", "hidden2", NULL));
	assert_int_equal(0, tree_mknod(f->top, CALL, fixture_name("hidden"),
				       S_IFIFO | 0644, 0, 0, &made));
	assert_int_equal(made.version, version_of(f, "hidden"));
	assert_int_equal(0, tree_mkdir(f->top, CALL, fixture_name("hidden2"),
				       0755, &made));
	assert_int_equal(made.version, version_of(f, "hidden2"));
}

/* Ways to change what is in "f" without changing its size. */
static void
change(struct fixture *f, unsigned how, struct handle *h)
{
	struct iovec iov = { (char *)"abcd", 4 };
	struct attr_set cut = { .mask = ATTR_SET_SIZE, .size = 0 };
	struct handle *again;

	switch (how % 5) {
	case 0:
		assert_int_equal(4, tree_write(h, CALL, &iov, 1, 0));
		break;
	case 1: /* by another fid, and path */
		assert_int_equal(0, fixture_write(f, "f", "efgh"));
		break;
	case 2: /* by another name */
		assert_int_equal(0, fixture_write(f, "g", "ijkl"));
		break;
	case 3:
		assert_int_equal(
			0, tree_setattr(handle_node(h), NULL, CALL, &cut));
		cut.size = 4;
		assert_int_equal(0,
				 tree_setattr(handle_node(h), h, CALL, &cut));
		break;
	case 4:
		assert_int_equal(0, tree_open_node(handle_node(h), CALL,
						   O_RDWR | O_TRUNC, &again,
						   NULL));
		handle_unref(again);
		assert_int_equal(0, fixture_do(f, "truncate", "f", "4"));
		break;
	}
}

#define NR_CHANGES 20

static void
moves(void **state)
{
	uint32_t seen[NR_CHANGES + 1];
	struct fixture *f = *state;
	struct handle *h;
	struct node *n;
	unsigned i, j;
	int r;

	fixture_sh(f, "printf data >upper/f; ln upper/f upper/g");
	fixture_open(f, true);
	n = fixture_walk(f, "f", &r);
	assert_int_equal(0, tree_open_node(n, CALL, O_RDWR, &h, NULL));
	set_times_back(f, "f");
	seen[0] = version_of(f, "f");
	for (i = 1; i <= NR_CHANGES; i++) {
		change(f, i, h);
		set_times_back(f, "f");
		seen[i] = version_of(f, "f");
		assert_int_equal(seen[i], version_of(f, "g"));
		for (j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
	handle_unref(h);
	node_unref(n);
}

/* Names come and go. */
static void
moves_of_directories(void **state)
{
	static const char *const ops[][3] = {
		{ "create", "d/a", NULL },   { "rename", "d/a", "d/b" },
		{ "link", "d/b", "d/c" },    { "rename", "d/b", "e/b" },
		{ "rename", "e/b", "d/a" },  { "unlink", "d/a", NULL },
		{ "mkdir", "d/sub", NULL },  { "rmdir", "d/sub", NULL },
		{ "symlink", "d/s", "x" },   { "unlink", "d/low", NULL },
		{ "create", "d/low", NULL },
	};
	uint32_t seen[sizeof(ops) / sizeof(ops[0]) + 1];
	struct fixture *f = *state;
	struct node *n;
	unsigned i, j;
	int r;

	fixture_sh(f, "mkdir lower1/d upper/e; touch lower1/d/low");
	fixture_open(f, true);
	n = fixture_walk(f, "d", &r);
	set_times_back(f, "d");
	seen[0] = version_of(f, "d");
	for (i = 1; i <= sizeof(ops) / sizeof(ops[0]); i++) {
		assert_int_equal(0, fixture_do(f, ops[i - 1][0], ops[i - 1][1],
					       ops[i - 1][2]));
		set_times_back(f, "d");
		seen[i] = version_of(f, "d");
		for (j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
	node_unref(n);
}

/* What changes beside the content: also where that is copied up meanwhile. */
static void
check_stays(struct fixture *f)
{
	struct handle *h;
	struct node *n;
	uint32_t v;
	int r;

	n = fixture_walk(f, "d/f", &r);
	v = version_of(f, "d/f");
	assert_int_equal(0, fixture_do(f, "chmod", "d/f", "600"));
	assert_int_equal(v, version_of(f, "d/f"));
	assert_int_equal(0, tree_setxattr(n, NULL, CALL, fixture_name("user.a"),
					  "1", 1, 0));
	assert_int_equal(v, version_of(f, "d/f"));
	assert_int_equal(0, fixture_do(f, "link", "d/f", "g"));
	assert_int_equal(0, fixture_do(f, "rename", "d/f", "d/h"));
	assert_int_equal(v, version_of(f, "d/h"));
	/* The data comes up, too; nothing is written. */
	assert_int_equal(0, tree_open_node(n, CALL, O_RDWR, &h, NULL));
	assert_int_equal(v, version_of(f, "d/h"));
	assert_int_equal(v, version_of(f, "g"));
	handle_unref(h);
	node_unref(n);
	fixture_restart(f);
	assert_int_equal(v, version_of(f, "d/h"));
}

static void
stays(void **state)
{
	struct fixture *f = *state;

	fixture_sh(f, "mkdir lower1/d; printf data >lower1/d/f");
	fixture_open(f, true);
	check_stays(f);
	fixture_close(f);
	fixture_layers(f, "mkdir upper/d; printf data >upper/d/f");
	fixture_open(f, true);
	check_stays(f);
	fixture_close(f);
	if (geteuid() != 0)
		return;
	fixture_layers(f, "mkdir lower1/d; printf data >lower1/d/f");
	f->options = "metacopy=on";
	fixture_open(f, true);
	check_stays(f);
}

/* Times and size as before, and as many writes: but another server. */
static void
never_again(void **state)
{
	struct fixture *f = *state;
	uint32_t seen[4];
	int i, j;

	fixture_sh(f, "printf data >upper/f");
	fixture_open(f, true);
	for (i = 0; i < 4; i++) {
		assert_int_equal(0, fixture_write(f, "f", i % 2 ? "A" : "B"));
		set_times_back(f, "f");
		seen[i] = version_of(f, "f");
		for (j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
		fixture_restart(f);
	}
}

/* Until files that are made have other times than those made so far. */
static void
next_tick(void)
{
	struct timespec a, b;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &a);
	do
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &b);
	while (a.tv_nsec == b.tv_nsec);
}

/* A file that gets the inode number of one that is gone is another one. */
static void
reborn(void **state)
{
	struct fixture *f = *state;
	struct ident old, new = { 0 };
	int i;

	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "create", "f", NULL));
	set_times_back(f, "f");
	old = ident_of(f, "f");
	for (i = 0; i < 20 && new.path != old.path; i++) {
		assert_int_equal(0, fixture_do(f, "unlink", "f", NULL));
		next_tick();
		assert_int_equal(0, fixture_do(f, "create", "f", NULL));
		set_times_back(f, "f");
		new = ident_of(f, "f");
	}
	if (new.path != old.path) {
		print_message("this file system uses no number again\n");
		skip();
	}
	assert_int_not_equal(old.version, new.version);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(same_everywhere), TEST(same_when_made),
		TEST(moves),           TEST(moves_of_directories),
		TEST(stays),           TEST(never_again),
		TEST(reborn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
