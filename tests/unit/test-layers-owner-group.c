/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * owner=mapped: the group of what is made in a setgid directory is the
 * directory's, and a directory made there is setgid, too (inode_init_owner()
 * of Linux); but of a group that the client names it is that one. Whether
 * the mark is on the object or on a file that stands for it.
 */
#include "layers-fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DIR_GROUP 77

static int
make(struct node *dir, const struct call *c, mode_t mode)
{
	struct name name = fixture_name("new");
	struct ident id;

	if (S_ISDIR(mode))
		return tree_mkdir(dir, c, name, mode, &id);
	if (S_ISLNK(mode))
		return tree_symlink(dir, c, name, fixture_name("to"), &id);
	return tree_mknod(dir, c, name, mode, 4, 5, &id);
}

static void
made_in(struct fixture *f, struct node *dir, const struct call *c, mode_t mode,
	uint32_t gid)
{
	struct node *n;
	struct attr a;
	int r;

	assert_int_equal(0, make(dir, c, mode));
	n = fixture_walk(f, "d/new", &r);
	assert_int_equal(0, tree_getattr(n, NULL, &fixture_call, &a));
	node_unref(n);
	if (a.uid != c->uid || a.gid != gid || a.mode != mode)
		fail_msg("%o: %u:%u %o", mode, a.uid, a.gid, a.mode);
	assert_int_equal(0, fixture_do(f, S_ISDIR(mode) ? "rmdir" : "unlink",
				       "d/new", NULL));
}

static void
of_the_directory(void **state)
{
	static const mode_t modes[] = {
		S_IFREG | 0640,  S_IFDIR | S_ISGID | 0750, S_IFLNK | 0777,
		S_IFIFO | 0600,  S_IFCHR | 0660,           S_IFBLK | 0660,
		S_IFSOCK | 0755,
	};
	static const uint32_t uids[] = { 0, 1000 };
	struct attr_set set = { .mask = ATTR_SET_GID | ATTR_SET_MODE,
				.gid = DIR_GROUP,
				.mode = S_ISGID | 0777 };
	struct fixture *f = *state;
	struct node *dir;
	size_t i, j;
	int r;

	f->options = "owner=mapped";
	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "mkdir", "d", NULL));
	dir = fixture_walk(f, "d", &r);
	assert_int_equal(0, tree_setattr(dir, NULL, &fixture_call, &set));
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		for (j = 0; j < 2; j++) {
			struct call c = { .uid = uids[j], .gid = UINT32_MAX };

			made_in(f, dir, &c, modes[i], DIR_GROUP);
			c.gid = 50;
			made_in(f, dir, &c, modes[i], 50);
			c.gid = 0;
			made_in(f, dir, &c, modes[i], 0);
		}
	node_unref(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(of_the_directory, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
