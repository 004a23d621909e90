/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Extended attributes (9p.md 3.3, CVE-2016-9103, -9104, 2017-15038): the
 * value of Txattrwalk is a snapshot, that of Txattrcreate is set at the
 * clunk, whole or not at all; size 0 removes or empties; both are limited.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "fake-client.h"
#include "macros.h"

static struct fake_client c;
static char bytes[P9_XATTR_MAX];

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

static int
create(uint32_t fid, uint64_t size, uint32_t flags)
{
	struct p9_fields m = { .fid = fid, .size = size, .flags = flags };

	m.name = fake_name("user.x");
	assert_int_equal(0, fake_walk(&c, 0, fid, "f"));
	return fake_call(&c, P9_TXATTRCREATE, &m, NULL);
}

static int
put(uint32_t fid, uint64_t offset, size_t len)
{
	struct p9_fields m = { .fid = fid, .offset = offset };

	m.data = (struct name){ bytes, len };
	return fake_call(&c, P9_TWRITE, &m, NULL);
}

static void
test_walk_and_read(void **state)
{
	struct p9_fields m = { .fid = 0, .fid2 = 1 }, r;

	(void)state;
	m.name = fake_name("user.x");
	c.backend.error = -ENODATA;
	assert_int_equal(-ENODATA, fake_call(&c, P9_TXATTRWALK, &m, NULL));
	assert_int_equal(-EBADF, fake_clunk(&c, 1));
	c.backend.error = 0;
	assert_int_equal(0, fake_call(&c, P9_TXATTRWALK, &m, &r));
	assert_int_equal(5, r.size);
	m = (struct p9_fields){ .fid = 1, .offset = 3, .count = 100 };
	assert_int_equal(0, fake_call(&c, P9_TREAD, &m, &r));
	assert_int_equal(2, r.data.len);
	assert_memory_equal("xx", r.data.ptr, 2);
	m.offset = UINT64_MAX;
	m.count = UINT32_MAX;
	assert_int_equal(0, fake_call(&c, P9_TREAD, &m, &r));
	assert_int_equal(0, r.data.len);
	assert_int_equal(0, fake_clunk(&c, 1));
}

static void
test_value_limit(void **state)
{
	struct p9_fields m = { .fid = 0, .fid2 = 1 }, r;

	(void)state;
	c.backend.xattr_size = P9_XATTR_MAX + 1;
	assert_int_equal(-E2BIG, fake_call(&c, P9_TXATTRWALK, &m, NULL));
	c.backend.xattr_size = P9_XATTR_MAX;
	for (m.fid2 = 1; m.fid2 <= 64; m.fid2++)
		assert_int_equal(0, fake_call(&c, P9_TXATTRWALK, &m, &r));
	assert_int_equal(P9_XATTR_MAX, r.size);
	/* 64 times 64 KiB is all that a session may hold. */
	assert_int_equal(-ENOMEM, fake_call(&c, P9_TXATTRWALK, &m, NULL));
	assert_int_equal(0, create(100, 1, 0));
	assert_int_equal(-ENOSPC, put(100, 0, 1));
	assert_int_equal(0, fake_clunk(&c, 1));
	assert_int_equal(0, put(100, 0, 1));
	assert_int_equal(0, fake_clunk(&c, 100));
}

static void
test_create_arguments(void **state)
{
	(void)state;
	assert_int_equal(-E2BIG, create(1, P9_XATTR_MAX + 1, 0));
	assert_int_equal(-E2BIG, create(2, UINT64_MAX, 0));
	assert_int_equal(-EINVAL, create(3, 1, 3));
	assert_int_equal(-EINVAL, create(4, 1, 4));
	assert_int_equal(0, create(5, 1, XATTR_CREATE));
	assert_int_equal(0, create(6, P9_XATTR_MAX, XATTR_REPLACE));
	/* Their objects are kept for the clunk; and the root. */
	assert_int_equal(6 + 1, c.backend.nr_nodes);
}

static void
test_commit(void **state)
{
	(void)state;
	assert_int_equal(0, create(1, P9_XATTR_MAX, XATTR_CREATE));
	assert_int_equal(0, put(1, 0, 40000));
	assert_int_equal(-EINVAL, put(1, 40001, 1)); /* a hole */
	assert_int_equal(-ENOSPC, put(1, 40000, P9_XATTR_MAX - 39999));
	assert_int_equal(-EINVAL, put(1, UINT64_MAX, 2));
	assert_int_equal(0, put(1, 40000, P9_XATTR_MAX - 40000));
	assert_int_equal(0, put(1, 7, 100)); /* again */
	assert_int_equal(0, fake_clunk(&c, 1));
	assert_int_equal(REQUEST_SETXATTR, c.backend.last.op);
	assert_int_equal(P9_XATTR_MAX, c.backend.last.u.xattr.size);
	assert_int_equal(XATTR_CREATE, c.backend.last.u.xattr.flags);
	assert_string_equal("user.x", c.backend.last_name);
	/* Too few bytes: nothing is asked of the backend. */
	assert_int_equal(0, create(1, 10, 0));
	assert_int_equal(0, put(1, 0, 9));
	c.backend.last.op = REQUEST_ATTACH;
	assert_int_equal(-EINVAL, fake_clunk(&c, 1));
	assert_int_equal(REQUEST_ATTACH, c.backend.last.op);
	assert_int_equal(-EBADF, fake_clunk(&c, 1));
	/* The backend's error comes at the clunk, and the fid is gone. */
	assert_int_equal(0, create(1, 1, 0));
	assert_int_equal(0, put(1, 0, 1));
	c.backend.error = -EDQUOT;
	assert_int_equal(-EDQUOT, fake_clunk(&c, 1));
	c.backend.error = 0;
	assert_int_equal(-EBADF, fake_clunk(&c, 1));
}

static void
test_size_zero(void **state)
{
	static const struct {
		uint32_t flags;
		bool removes;
	} cases[] = { { 0, false },
		      { XATTR_CREATE, false },
		      { XATTR_REPLACE, true } };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(0, create(1, 0, cases[i].flags));
		assert_int_equal(0, put(1, 0, 0));
		assert_int_equal(-ENOSPC, put(1, 0, 1));
		assert_int_equal(0, fake_clunk(&c, 1));
		assert_int_equal(REQUEST_SETXATTR, c.backend.last.op);
		assert_int_equal(0, c.backend.last.u.xattr.size);
		assert_int_equal(cases[i].removes,
				 c.backend.last_value_is_null);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_walk_and_read),    TEST(test_value_limit),
		TEST(test_create_arguments), TEST(test_commit),
		TEST(test_size_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
