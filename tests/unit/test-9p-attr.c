/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tgetattr, Tsetattr and Tstatfs (9p.md 2, 3.3, 4.1): a truthful valid mask,
 * device numbers as Linux decodes them, blksize just below msize, and times
 * and masks translated for the tree.
 */
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "fake-client.h"
#include "macros.h"
#include "session.h"

static struct fake_client c;

static int
setup(void **state)
{
	(void)state;
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return fake_client_fini(&c) ? 0 : -1;
}

static void
test_setattr(void **state)
{
	static const struct {
		uint32_t valid;
		uint64_t size, nsec;
		int err;
		unsigned mask; /* what the backend gets */
		bool atime_now, mtime_now;
	} cases[] = {
		{ 0x41, 0, 0, 0, ATTR_SET_MODE | ATTR_SET_CTIME, 0, 0 },
		{ 0x46, 0, 0, 0, ATTR_SET_UID | ATTR_SET_GID | ATTR_SET_CTIME,
		  0, 0 },
		{ 0x8, INT64_MAX, 0, 0, ATTR_SET_SIZE, 0, 0 },
		{ 0x8, (uint64_t)INT64_MAX + 1, 0, -EINVAL, 0, 0, 0 },
		{ 0x1, UINT64_MAX, 0, 0, ATTR_SET_MODE, 0, 0 },
		{ 0x30, 0, 5000000000, 0, ATTR_SET_ATIME | ATTR_SET_MTIME, 1,
		  1 },
		{ 0x1b0, 0, 999999999, 0, ATTR_SET_ATIME | ATTR_SET_MTIME, 0,
		  0 },
		{ 0xb0, 0, 999999999, 0, ATTR_SET_ATIME | ATTR_SET_MTIME, 0,
		  1 },
		{ 0x90, 0, 1000000000, -EINVAL, 0, 0, 0 },
		{ 0x120, 0, 1000000000, -EINVAL, 0, 0, 0 },
		{ 0x180, 0, 1000000000, 0, 0, 0, 0 }, /* _SET alone */
		{ 0x40, 0, 0, 0, ATTR_SET_CTIME, 0, 0 },
		{ 0x0, 0, 0, 0, 0, 0, 0 },
	};
	const struct attr_set *set = &c.backend.last.u.set;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct p9_fields m = { .fid = 0,
				       .valid = cases[i].valid,
				       .mode = 0104755,
				       .size = cases[i].size,
				       .atime_s = 5,
				       .atime_ns = cases[i].nsec,
				       .mtime_s = 6,
				       .mtime_ns = cases[i].nsec };

		print_message("case %zu\n", i);
		assert_int_equal(cases[i].err,
				 fake_call(&c, P9_TSETATTR, &m, NULL));
		if (cases[i].err)
			continue;
		assert_int_equal(cases[i].mask, set->mask);
		assert_int_equal(04755, set->mode);
		if (set->mask & ATTR_SET_ATIME)
			assert_int_equal(cases[i].atime_now,
					 set->atime.tv_nsec == UTIME_NOW);
		if (set->mask & ATTR_SET_MTIME)
			assert_int_equal(cases[i].mtime_now,
					 set->mtime.tv_nsec == UTIME_NOW);
		if (set->mask & ATTR_SET_SIZE)
			assert_int_equal(cases[i].size, set->size);
	}
}

/* Complete a deferred Tgetattr with attributes of the test's choice. */
static void
getattr(const struct attr *a, struct p9_fields *ret)
{
	struct p9_fields m = { .fid = 0 };
	struct request *req;
	struct fake_msg *msg;

	c.backend.is_deferred = true;
	msg = fake_send(&c, P9_TGETATTR, 1, &m);
	req = STAILQ_FIRST(&c.backend.pending);
	STAILQ_REMOVE_HEAD(&c.backend.pending, by_queue);
	c.backend.nr_pending--;
	req->ret_attr = *a;
	req->done(req);
	assert_int_equal(0, fake_result(msg, ret));
}

static void
test_getattr(void **state)
{
	static const struct {
		uint32_t major, minor;
		uint64_t rdev;
	} devices[] = { { 8, 1, 0x801 },
			{ 1, 3, 0x103 },
			{ 259, 256, 0x110300 },
			{ 0xfff, 0xfffff, 0xffffffff } };
	struct attr a = { .ident = { 99, 7, S_IFLNK },
			  .mode = S_IFCHR | 04644,
			  .nlink = 3,
			  .blocks_512 = 11,
			  .blksize = 512 };
	struct p9_fields r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		a.rdev_major = devices[i].major;
		a.rdev_minor = devices[i].minor;
		getattr(&a, &r);
		assert_int_equal(devices[i].rdev, r.attr.rdev);
	}
	assert_int_equal(0x7ff, r.mask);
	assert_int_equal(P9_QTSYMLINK, r.qid.type);
	assert_int_equal(99, r.qid.path);
	assert_int_equal(7, r.qid.version);
	assert_int_equal(S_IFCHR | 04644, r.attr.mode);
	assert_int_equal(3, r.attr.nlink);
	assert_int_equal(11, r.attr.blocks_512);
	assert_int_equal(31 * 4096, r.attr.blksize);
	a.btime.tv_nsec = 1;
	a.gen = 5;
	getattr(&a, &r);
	assert_int_equal(0x7ff | 0x800 | 0x1000, r.mask);
	assert_int_equal(5, r.attr.gen);
}

static void
test_statfs(void **state)
{
	struct p9_fields m = { .fid = 0 }, r;

	(void)state;
	assert_int_equal(0, fake_call(&c, P9_TSTATFS, &m, &r));
	assert_int_equal(0x01021997, r.fs_type);
	assert_int_equal(4096, r.bsize);
	assert_int_equal(7, r.fs.blocks);
}

/* 100,000 idle fids must fit in 40 MiB, nodes included. */
static void
test_fid_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct fid) <= 112);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_setattr),
		TEST(test_getattr),
		TEST(test_statfs),
		TEST(test_fid_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
