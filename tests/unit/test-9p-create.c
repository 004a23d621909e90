/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the messages that make and remove names ask of the tree: types, modes
 * and groups (9p.md 3.3, 6.1), which node is which in those with two fids,
 * flags of Tunlinkat, and the errnos that must not reach a guest.
 */
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "fake-client.h"
#include "macros.h"

static struct fake_client c;

static int
setup(void **state)
{
	(void)state;
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	assert_int_equal(0, fake_walk(&c, 0, 1, "d"));
	return fake_walk(&c, 0, 2, "f");
}

static int
teardown(void **state)
{
	(void)state;
	return fake_client_fini(&c) ? 0 : -1;
}

static void
test_mknod(void **state)
{
	static const struct {
		uint32_t mode;
		int err;
		mode_t ret;
	} cases[] = {
		{ 0644, 0, S_IFREG | 0644 },
		{ S_IFREG | 0644, 0, S_IFREG | 0644 },
		{ S_IFIFO | 0600, 0, S_IFIFO | 0600 },
		{ S_IFSOCK | 0777, 0, S_IFSOCK | 0777 },
		{ S_IFCHR | 04755, 0, S_IFCHR | 04755 },
		{ S_IFBLK, 0, S_IFBLK },
		{ S_IFDIR | 0755, -EPERM, 0 },
		{ S_IFLNK | 0777, -EINVAL, 0 },
		{ 0xfff00000u | S_IFREG | 01, 0, S_IFREG | 01 },
	};
	struct p9_fields m = { .fid = 1, .gid = 6, .major = 4, .minor = 70000 };
	size_t i;

	(void)state;
	m.name = fake_name("x");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		m.mode = cases[i].mode;
		assert_int_equal(cases[i].err,
				 fake_call(&c, P9_TMKNOD, &m, NULL));
		if (cases[i].err)
			continue;
		assert_int_equal(cases[i].ret, c.backend.last.u.mknod.mode);
		assert_int_equal(4, c.backend.last.u.mknod.major);
		assert_int_equal(70000, c.backend.last.u.mknod.minor);
		assert_int_equal(6, c.backend.last.gid);
		assert_int_equal(1000, c.backend.last.uid);
	}
}

static void
test_mkdir_and_symlink(void **state)
{
	struct p9_fields m = { .fid = 1, .mode = 042755, .gid = NO_ID };

	(void)state;
	m.name = fake_name("new");
	m.name2 = fake_name("../to");
	assert_int_equal(0, fake_call(&c, P9_TMKDIR, &m, NULL));
	assert_int_equal(02755, c.backend.last.u.open.mode);
	assert_int_equal(NO_ID, c.backend.last.gid);
	assert_int_equal(0, fake_call(&c, P9_TSYMLINK, &m, NULL));
	assert_string_equal("new", c.backend.last_name);
	assert_string_equal("../to", c.backend.last_name2);
}

/* Tlink is (dfid, fid), Trename (fid, dfid). */
static void
test_two_fids(void **state)
{
	struct p9_fields m = { .fid = 1, .fid2 = 2 };
	struct node *dir, *file;

	(void)state;
	m.name = fake_name("a");
	m.name2 = fake_name("b");
	assert_int_equal(0, fake_call(&c, P9_TLINK, &m, NULL));
	dir = c.backend.last.node;
	file = c.backend.last.node2;
	assert_ptr_not_equal(dir, file);
	assert_string_equal("a", c.backend.last_name);
	m.fid = 2;
	m.fid2 = 1;
	assert_int_equal(0, fake_call(&c, P9_TRENAME, &m, NULL));
	assert_ptr_equal(file, c.backend.last.node);
	assert_ptr_equal(dir, c.backend.last.node2);
	assert_string_equal("b", c.backend.last_name2);
	m.fid = 1;
	m.fid2 = 0;
	assert_int_equal(0, fake_call(&c, P9_TRENAMEAT, &m, NULL));
	assert_ptr_equal(dir, c.backend.last.node);
	assert_string_equal("a", c.backend.last_name);
	assert_string_equal("b", c.backend.last_name2);
	m.fid2 = 1;
	assert_int_equal(0, fake_call(&c, P9_TRENAMEAT, &m, NULL));
	assert_ptr_equal(dir, c.backend.last.node2);
	m.fid2 = 99;
	assert_int_equal(-EBADF, fake_call(&c, P9_TRENAMEAT, &m, NULL));
}

static void
test_unlinkat_flags(void **state)
{
	static const struct {
		uint32_t flags;
		int err;
		bool is_dir;
	} cases[] = { { 0, 0, false },
		      { 0x200, 0, true },
		      { 0x100, -EINVAL, false },
		      { 0x201, -EINVAL, false } };
	struct p9_fields m = { .fid = 1 };
	size_t i;

	(void)state;
	m.name = fake_name("x");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		m.flags = cases[i].flags;
		assert_int_equal(cases[i].err,
				 fake_call(&c, P9_TUNLINKAT, &m, NULL));
		if (!cases[i].err)
			assert_int_equal(cases[i].is_dir,
					 c.backend.last.u.unlink.is_dir);
	}
}

static void
test_errnos(void **state)
{
	static const int cases[][2] = {
		{ -EPERM, -EPERM },
		{ -EMFILE, -ENOMEM },
		{ -ENFILE, -ENOMEM },
		{ -524, -EOPNOTSUPP },
		{ -EOPNOTSUPP, -EOPNOTSUPP },
		{ -4095, -4095 },
		{ -4096, -EIO },
		{ 5, -EIO },
	};
	struct p9_fields m = { .fid = 1 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		c.backend.error = cases[i][0];
		assert_int_equal(cases[i][1],
				 fake_call(&c, P9_TGETATTR, &m, NULL));
	}
	c.backend.error = 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mknod),    TEST(test_mkdir_and_symlink),
		TEST(test_two_fids), TEST(test_unlinkat_flags),
		TEST(test_errnos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
