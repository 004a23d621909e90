/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which fids Twalk, Tattach and Txattrwalk may make (9p.md 3.1, 3.2): newfid
 * in use, newfid == fid, NOFID, sixteen names and seventeen, clones of open
 * fids, and who acts through a fid.
 */
#include "unit.h"

#include <errno.h>

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
teardown(void **state)
{
	(void)state;
	return fake_client_fini(&c) ? 0 : -1;
}

static void
test_newfid(void **state)
{
	(void)state;
	assert_int_equal(0, fake_walk(&c, 0, 1, "d"));
	assert_int_equal(-EBUSY, fake_walk(&c, 0, 1, "d"));
	assert_int_equal(-EBUSY, fake_walk(&c, 0, 1, NULL));
	assert_int_equal(-EBUSY, fake_walk(&c, 1, 0, NULL));
	assert_int_equal(-EINVAL, fake_walk(&c, 0, P9_NOFID, "d"));
	assert_int_equal(-EBADF, fake_walk(&c, P9_NOFID, 2, "d"));
	assert_int_equal(-EBADF, fake_walk(&c, 7, 8, "nothing"));
}

static void
test_self(void **state)
{
	struct p9_fields m = { .fid = 1 }, r;

	(void)state;
	assert_int_equal(0, fake_walk(&c, 0, 1, "d"));
	assert_int_equal(0, fake_walk(&c, 1, 1, NULL));
	assert_int_equal(-ENOENT, fake_walk(&c, 1, 1, "nothing"));
	assert_int_equal(0, fake_walk(&c, 1, 1, "f"));
	assert_int_equal(0, fake_call(&c, P9_TGETATTR, &m, &r));
	assert_int_equal(P9_QTFILE, r.qid.type);
	assert_int_equal(0, fake_open(&c, 1, 0));
	assert_int_equal(-EBUSY, fake_walk(&c, 1, 1, NULL));
	m.fid2 = 1;
	assert_int_equal(-EINVAL, fake_call(&c, P9_TXATTRWALK, &m, NULL));
}

static void
test_clone_of_open_fid(void **state)
{
	(void)state;
	assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
	assert_int_equal(0, fake_open(&c, 1, 2));
	assert_int_equal(0, fake_walk(&c, 1, 2, NULL));
	/* It starts un-opened. */
	assert_int_equal(0, fake_open(&c, 2, 0));
	assert_int_equal(0, fake_clunk(&c, 1));
	assert_int_equal(0, fake_clunk(&c, 2));
	assert_int_equal(2, c.backend.nr_closed);
}

static void
test_number_of_names(void **state)
{
	uint8_t frame[17 + 17 * 3] = { 0, 0, 0, 0, P9_TWALK, 3, 0 };
	struct p9_fields r;
	struct fake_msg *m;
	unsigned i, nr;

	(void)state;
	for (nr = 16; nr <= 17; nr++) {
		frame[0] = (uint8_t)(17 + nr * 3);
		frame[11] = 1;
		frame[15] = (uint8_t)nr;
		for (i = 0; i < nr; i++) {
			frame[17 + i * 3] = 1;
			frame[17 + i * 3 + 2] = 'd';
		}
		m = fake_send_raw(&c, frame, frame[0]);
		assert_int_equal(nr == 16 ? 0 : -EINVAL, fake_result(m, &r));
		if (nr == 16)
			assert_int_equal(16, r.qids.nr);
	}
}

static void
test_users(void **state)
{
	static const struct {
		const char *uname;
		uint32_t n_uname, uid;
	} cases[] = {
		{ "root", 7, 7 },
		{ "", 0, 0 },
		{ "root", NO_ID, 0 },
		{ "", NO_ID, 65534 },
		{ "nobody", NO_ID, 65534 },
		{ "1234", NO_ID, 1234 },
		{ "12a", NO_ID, 65534 },
		{ "4294967295", NO_ID, 65534 },
		{ "4294967294", NO_ID, UINT32_MAX - 1 },
		{ "99999999999", NO_ID, 65534 },
	};
	struct p9_fields m = { .fid = 1, .afid = P9_NOFID };
	size_t i;

	(void)state;
	m.aname = fake_name("tree");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("%s\n", cases[i].uname);
		m.uname = fake_name(cases[i].uname);
		m.n_uname = cases[i].n_uname;
		assert_int_equal(0, fake_call(&c, P9_TATTACH, &m, NULL));
		assert_string_equal("tree", c.backend.last_name);
		assert_int_equal(0, fake_walk(&c, 1, 2, "d"));
		assert_int_equal(0, fake_walk(&c, 2, 3, "f"));
		assert_int_equal(cases[i].uid, c.backend.last.uid);
		assert_int_equal(NO_ID, c.backend.last.gid);
		assert_int_equal(0, fake_clunk(&c, 1));
		assert_int_equal(0, fake_clunk(&c, 2));
		assert_int_equal(0, fake_clunk(&c, 3));
	}
}

static void
test_attach_errors(void **state)
{
	struct p9_fields m = { .fid = 0, .afid = P9_NOFID };

	(void)state;
	assert_int_equal(-EBUSY, fake_call(&c, P9_TATTACH, &m, NULL));
	m.fid = 1;
	m.afid = 3;
	assert_int_equal(-EINVAL, fake_call(&c, P9_TATTACH, &m, NULL));
	assert_int_equal(-ENOENT, fake_call(&c, P9_TAUTH, &m, NULL));
	m.afid = P9_NOFID;
	c.backend.error = -EACCES;
	assert_int_equal(-EACCES, fake_call(&c, P9_TATTACH, &m, NULL));
	assert_int_equal(-EBADF, fake_clunk(&c, 1));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_newfid),
		TEST(test_self),
		TEST(test_clone_of_open_fid),
		TEST(test_number_of_names),
		TEST(test_users),
		TEST(test_attach_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
