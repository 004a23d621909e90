/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a new object inherits from a default ACL, also over a whiteout, is
 * what the kernel gives it in the directory itself; and bad bytes are refused.
 */
#include "layers-fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "acl.h"

static void
bad_bytes(void **state)
{
	static const struct {
		const char *name;
		size_t size;
		uint8_t bytes[20];
	} cases[] = {
		{ "too short", 3, { 2, 0, 0 } },
		{ "version 3", 12, { 3, 0, 0, 0, 1, 0, 7, 0 } },
		{ "half an entry", 11, { 2, 0, 0, 0, 1, 0, 7, 0 } },
		{ "an unknown tag", 12, { 2, 0, 0, 0, 0x40, 0, 7, 0 } },
		{ "no group", 12, { 2, 0, 0, 0, 1, 0, 7, 0 } },
		{ "no entries", 4, { 2, 0, 0, 0 } },
	};
	struct acl in, out;
	mode_t mode;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		in.size = cases[i].size;
		memcpy(in.bytes, cases[i].bytes, sizeof(cases[i].bytes));
		mode = 0644;
		assert_int_equal(-EINVAL, acl_create(&in, &mode, &out));
		assert_int_equal(0644, mode);
	}
}

/* The same names made by us over whiteouts and by the kernel beside. */
static void
as_the_kernel(void **state)
{
	static const char *const acls[] = { "u:1000:rwx,g:50:r-x,m:rwx",
					    "u::rwx,g::r-x,o::---",
					    "g:7:rwx,o::r--" };
	struct fixture *f = *state;
	char cmd[512];
	size_t i;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < sizeof(acls) / sizeof(acls[0]); i++) {
		fixture_sh(f, "rm -rf lower1 lower2 upper work kernel; "
			      "mkdir -p lower1 lower2/d upper/d work kernel/d; "
			      "chown 0:50 upper/d kernel/d; "
			      "chmod 2775 upper/d kernel/d; "
			      "touch lower2/d/file lower2/d/dir; "
			      "mknod upper/d/file c 0 0; "
			      "mknod upper/d/dir c 0 0; "
			      "setfattr -n trusted.overlay.origin upper/d");
		(void)snprintf(cmd, sizeof(cmd),
			       "setfacl -d -m %s upper/d kernel/d 2>/dev/null",
			       acls[i]);
		if (!fixture_holds(f, cmd)) {
			print_message("no setfacl here: skipped\n");
			skip();
		}
		fixture_open(f, true);
		assert_int_equal(0, fixture_do(f, "create", "d/file", NULL));
		assert_int_equal(0, fixture_do(f, "mkdir", "d/dir", NULL));
		node_unref(f->top);
		tree_close(f->tree);
		f->top = NULL;
		f->tree = NULL;
		/* The same mode as asked for there: 0644 and 0755. */
		fixture_sh(f,
			   "(umask 022; : >kernel/d/file; mkdir kernel/d/dir)");
		fixture_sh(f, "cd upper/d; getfacl -n file dir >../../got; "
			      "cd ../../kernel/d; chmod g-w,o-w file dir "
			      "2>/dev/null; getfacl -n file dir >../../want");
		fixture_sh(f, "grep -v '^mask\\|effective' got >g; "
			      "grep -v '^mask\\|effective' want >w; diff w g");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_bytes),
		cmocka_unit_test_setup_teardown(as_the_kernel, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
