/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names that must not reach a tree: empty ones, with '/' or NUL, too long
 * ones, "." and ".." where the operation forbids them (9p.md 3.2;
 * CVE-2016-7116). None of them submits a request.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "fake-client.h"
#include "macros.h"

static char long_name[5000];

#define TEXT(s)                  \
	{                        \
		s, sizeof(s) - 1 \
	}
#define LENGTH(n)            \
	{                    \
		long_name, n \
	}

/* What each kind of name is answered; 0: goes to the backend. */
static const struct {
	struct name name;
	int walk, create, unlink, rename;
} cases[] = {
	{ TEXT(""), -ENOENT, -EINVAL, -EINVAL, -EINVAL },
	{ TEXT("/"), -ENOENT, -EINVAL, -EINVAL, -EINVAL },
	{ TEXT("d/x"), -ENOENT, -EINVAL, -EINVAL, -EINVAL },
	{ TEXT("../x"), -ENOENT, -EINVAL, -EINVAL, -EINVAL },
	{ TEXT("d\0"), -ENOENT, -EINVAL, -EINVAL, -EINVAL },
	{ TEXT("d\0x"), -ENOENT, -EINVAL, -EINVAL, -EINVAL },
	{ TEXT("."), 0, -EEXIST, -EINVAL, -EBUSY },
	{ TEXT(".."), 0, -EEXIST, -ENOTEMPTY, -EBUSY },
	{ TEXT("..."), 0, 0, 0, 0 },
	{ TEXT(".d"), 0, 0, 0, 0 },
	{ TEXT("d "), 0, 0, 0, 0 },
	{ TEXT("d\n\xff"), 0, 0, 0, 0 },
	{ LENGTH(255), 0, 0, 0, 0 },
	{ LENGTH(256), -ENAMETOOLONG, -ENAMETOOLONG, -ENAMETOOLONG,
	  -ENAMETOOLONG },
	{ LENGTH(5000), -ENAMETOOLONG, -ENAMETOOLONG, -ENAMETOOLONG,
	  -ENAMETOOLONG },
};

static void
check(struct fake_client *c, uint8_t type, struct name name, struct name name2,
      int expected)
{
	struct p9_fields m = { .fid = 0, .fid2 = 0 };
	unsigned before = c->backend.nr_submitted;

	m.name = name;
	m.name2 = name2;
	m.names.nr = 2;
	m.names.v[0] = fake_name("d");
	m.names.v[1] = name;
	if (type == P9_TWALK || type == P9_TLCREATE) {
		assert_int_equal(0, fake_walk(c, 0, 1, NULL));
		m.fid = type == P9_TLCREATE ? 1 : 0;
		m.fid2 = 2;
	}
	print_message("  %s\n", p9_message_find(type)->name);
	assert_int_equal(expected, fake_call(c, type, &m, NULL));
	assert_int_equal(expected == 0, c->backend.nr_submitted - before);
	if (type == P9_TWALK)
		assert_int_equal(expected ? -EBADF : 0, fake_clunk(c, 2));
	if (type == P9_TWALK || type == P9_TLCREATE)
		assert_int_equal(0, fake_clunk(c, 1));
}

static void
test_names(void **state)
{
	struct name ok = TEXT("fine");
	struct fake_client c;
	size_t i;

	(void)state;
	memset(long_name, 'd', sizeof(long_name));
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct name n = cases[i].name;

		print_message("case %zu\n", i);
		check(&c, P9_TWALK, n, ok, cases[i].walk);
		check(&c, P9_TLCREATE, n, ok, cases[i].create);
		check(&c, P9_TMKDIR, n, ok, cases[i].create);
		check(&c, P9_TMKNOD, n, ok, cases[i].create);
		check(&c, P9_TSYMLINK, n, ok, cases[i].create);
		check(&c, P9_TLINK, n, ok, cases[i].create);
		check(&c, P9_TUNLINKAT, n, ok, cases[i].unlink);
		check(&c, P9_TRENAME, ok, n, cases[i].rename);
		check(&c, P9_TRENAMEAT, n, ok, cases[i].rename);
		check(&c, P9_TRENAMEAT, ok, n, cases[i].rename);
	}
	assert_true(fake_client_fini(&c));
}

/* A symbolic link's target may hold anything but NUL. */
static void
test_targets(void **state)
{
	static const struct {
		struct name target;
		int err;
	} targets[] = {
		{ TEXT(""), -ENOENT },           { TEXT("/etc/../x"), 0 },
		{ TEXT("x\0y"), -EINVAL },       { LENGTH(4095), 0 },
		{ LENGTH(4096), -ENAMETOOLONG },
	};
	struct name ok = TEXT("fine");
	struct fake_client c;
	size_t i;

	(void)state;
	memset(long_name, 'd', sizeof(long_name));
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	for (i = 0; i < ARRAY_SIZE(targets); i++)
		check(&c, P9_TSYMLINK, ok, targets[i].target, targets[i].err);
	assert_true(fake_client_fini(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
