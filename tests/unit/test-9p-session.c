/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ordinary life of a session: what a Linux client sends for a mount, a
 * lookup, an open, reads, writes and a directory (9p.md 5.3) is answered
 * with what the backend says, with the message in one piece and in many.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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
	return 0;
}

static int
setup_pieces(void **state)
{
	(void)state;
	fake_client_init(&c, NULL);
	c.in_pieces = true;
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
test_lookup(void **state)
{
	struct p9_fields m = { .fid = 1, .mask = 0x17ff }, r;

	(void)state;
	assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
	assert_int_equal(0, fake_call(&c, P9_TGETATTR, &m, &r));
	assert_int_equal(0x7ff, r.mask);
	assert_int_equal(P9_QTFILE, r.qid.type);
	assert_int_equal(S_IFREG | 0644, r.attr.mode);
	assert_int_equal(31 * 4096, r.attr.blksize);
	assert_int_equal(1000, c.backend.last.uid);
	assert_int_equal(0, fake_clunk(&c, 1));
	assert_int_equal(-EBADF, fake_clunk(&c, 1));
	assert_int_equal(-ENOENT, fake_walk(&c, 0, 1, "nothing"));
	assert_int_equal(-EBADF, fake_clunk(&c, 1));
}

static void
test_walk_partial(void **state)
{
	struct p9_fields m = { .fid = 0, .fid2 = 1 }, r;

	(void)state;
	m.names.nr = 3;
	m.names.v[0] = fake_name("d1");
	m.names.v[1] = fake_name("d2");
	m.names.v[2] = fake_name("nothing");
	assert_int_equal(0, fake_call(&c, P9_TWALK, &m, &r));
	assert_int_equal(2, r.qids.nr);
	assert_int_equal(P9_QTDIR, r.qids.v[1].type);
	/* Linux clunks the newfid that was never made. */
	assert_int_equal(-EBADF, fake_clunk(&c, 1));
}

static void
test_read(void **state)
{
	struct p9_fields m = { .fid = 1, .offset = 3, .count = 5000 }, r;
	size_t i;

	(void)state;
	assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
	assert_int_equal(0, fake_open(&c, 1, 0));
	assert_int_equal(0, fake_call(&c, P9_TREAD, &m, &r));
	assert_int_equal(5000, r.data.len);
	for (i = 0; i < r.data.len; i++)
		assert_int_equal((uint8_t)(3 + i), (uint8_t)r.data.ptr[i]);
	m.offset = FAKE_FILE_SIZE - 7;
	assert_int_equal(0, fake_call(&c, P9_TREAD, &m, &r));
	assert_int_equal(7, r.data.len);
	m.offset = FAKE_FILE_SIZE;
	assert_int_equal(0, fake_call(&c, P9_TREAD, &m, &r));
	assert_int_equal(0, r.data.len);
	assert_int_equal(0, fake_clunk(&c, 1));
	assert_int_equal(1, c.backend.nr_closed);
}

static void
test_create_write(void **state)
{
	struct p9_fields m = { .fid = 1,
			       .flags = 0100102,
			       .mode = 0100640,
			       .gid = 7 },
			 r;
	char buf[1000];

	(void)state;
	memset(buf, 'w', sizeof(buf));
	assert_int_equal(0, fake_walk(&c, 0, 1, NULL));
	m.name = fake_name("fnew");
	assert_int_equal(0, fake_call(&c, P9_TLCREATE, &m, &r));
	assert_string_equal("fnew", c.backend.last_name);
	assert_int_equal(7, c.backend.last.gid);
	assert_int_equal(0640, c.backend.last.u.open.mode);
	assert_int_equal(O_RDWR, c.backend.last.u.open.flags);
	m = (struct p9_fields){ .fid = 1, .offset = 9 };
	m.data = (struct name){ buf, sizeof(buf) };
	assert_int_equal(0, fake_call(&c, P9_TWRITE, &m, &r));
	assert_int_equal(sizeof(buf), r.count);
	assert_int_equal(9, c.backend.last.u.io.off);
	assert_memory_equal(buf, c.backend.last_data, 64);
	/* The fid is the file now, no longer the directory. */
	assert_int_equal(-ENOTDIR, fake_walk(&c, 1, 2, "f"));
}

static void
test_readlink(void **state)
{
	struct p9_fields m = { .fid = 1 }, r;

	(void)state;
	assert_int_equal(0, fake_walk(&c, 0, 1, "l"));
	assert_int_equal(0, fake_call(&c, P9_TREADLINK, &m, &r));
	assert_int_equal(1, r.name2.len);
	assert_int_equal('t', r.name2.ptr[0]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST_PIECES(f)                                           \
	{                                                        \
#f " in pieces", f, setup_pieces, teardown, NULL \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lookup),
		TEST(test_walk_partial),
		TEST(test_read),
		TEST(test_create_write),
		TEST(test_readlink),
		TEST_PIECES(test_lookup),
		TEST_PIECES(test_walk_partial),
		TEST_PIECES(test_read),
		TEST_PIECES(test_create_write),
		TEST_PIECES(test_readlink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
