/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The open flags of Tlopen and Tlcreate (9p.md 2, 5.9): which ones reach the
 * tree, as this host's numbers, and when O_APPEND does.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>

#include "fake-client.h"
#include "macros.h"

static void
test_flags(void **state)
{
	static const struct {
		uint32_t dotl;
		int open, create; /* negative: an errno */
	} cases[] = {
		{ 0, O_RDONLY, O_RDONLY },
		{ 01, O_WRONLY, O_WRONLY },
		{ 02, O_RDWR, O_RDWR },
		{ 03, -EINVAL, -EINVAL },
		{ 0100101, O_WRONLY, O_WRONLY }, /* CREATE, LARGEFILE */
		{ 0302, O_RDWR, O_RDWR | O_EXCL },
		{ 01002, O_RDWR | O_TRUNC, O_RDWR | O_TRUNC },
		{ 0140002, O_RDWR, O_RDWR }, /* DIRECT */
		{ 0304000, O_DIRECTORY, -EINVAL }, /* opendir of 6.1 */
		{ 010001, O_WRONLY | O_DSYNC, O_WRONLY | O_DSYNC },
		{ 04000001, O_WRONLY | O_SYNC, O_WRONLY | O_SYNC },
		{ 03460400, O_RDONLY, O_RDONLY }, /* all that is dropped */
	};
	struct fake_client c;
	size_t i;

	(void)state;
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct p9_fields m = { .fid = 1, .flags = cases[i].dotl };
		int expected = cases[i].create;

		print_message("0%o\n", cases[i].dotl);
		assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
		assert_int_equal(cases[i].open < 0 ? cases[i].open : 0,
				 fake_open(&c, 1, cases[i].dotl));
		if (cases[i].open >= 0)
			assert_int_equal(cases[i].open,
					 c.backend.last.u.open.flags);
		assert_int_equal(0, fake_clunk(&c, 1));
		m.name = fake_name("fnew");
		assert_int_equal(0, fake_walk(&c, 0, 1, NULL));
		assert_int_equal(expected < 0 ? expected : 0,
				 fake_call(&c, P9_TLCREATE, &m, NULL));
		if (expected >= 0)
			assert_int_equal(expected, c.backend.last.u.open.flags);
		assert_int_equal(0, fake_clunk(&c, 1));
	}
	assert_true(fake_client_fini(&c));
}

enum { AUTO, STRICT, POSITIONAL };

static void
test_append(void **state)
{
	static const struct {
		int policy;
		uint32_t dotl;
		bool appends;
	} cases[] = {
		{ AUTO, 02000, false },       { AUTO, 02001, true },
		{ AUTO, 02002, false },       { STRICT, 02000, false },
		{ STRICT, 02001, true },      { STRICT, 02002, true },
		{ POSITIONAL, 02001, false }, { POSITIONAL, 02002, false },
	};
	struct session_config config = fake_config();
	struct fake_client c;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		config.append_strict = cases[i].policy == STRICT;
		config.append_positional = cases[i].policy == POSITIONAL;
		fake_client_init(&c, &config);
		fake_client_start(&c);
		assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
		assert_int_equal(0, fake_open(&c, 1, cases[i].dotl));
		assert_int_equal(cases[i].appends,
				 !!(c.backend.last.u.open.flags & O_APPEND));
		assert_true(fake_client_fini(&c));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_append),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
