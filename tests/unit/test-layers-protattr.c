/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Immutable and append-only lower objects stay so in the merged tree, before
 * and after copy-up, while the upper has no such flags (overlay.md 8).
 */
#include "layers-fixture.h"

#include <errno.h>
#include <fcntl.h>

#define NO (-EPERM)

static const struct {
	const char *op, *a, *b;
	int r;
} steps[] = {
	{ "truncate", "i", "0", NO },
	{ "chmod", "i", "600", NO },
	{ "unlink", "i", NULL, NO },
	{ "rename", "i", "x", NO },
	{ "rename", "f", "i", NO },
	{ "link", "i", "x", NO },
	{ "truncate", "a", "0", NO },
	{ "unlink", "a", NULL, NO },
	{ "chmod", "a", "600", NO },
	{ "create", "di/x", NULL, NO },
	{ "mkdir", "di/x", NULL, NO },
	{ "unlink", "di/f", NULL, NO },
	{ "create", "di/f", NULL, -EEXIST },
	{ "unlink", "di/x", NULL, -ENOENT },
	{ "rmdir", "di", NULL, NO },
	{ "rename", "di/f", "x", NO },
	{ "rename", "f", "di/x", NO },
	{ "create", "da/x", NULL, 0 },
	{ "unlink", "da/x", NULL, NO },
	{ "unlink", "da/f", NULL, NO },
	{ "chmod", "da/f", "640", 0 },
};

static int
open_append(struct fixture *f, const char *path, int flags)
{
	struct iovec iov = { (char *)"+", 1 };
	struct handle *h = NULL;
	struct node *n;
	int r;

	n = fixture_walk(f, path, &r);
	if (r == 0)
		r = tree_open_node(n, &fixture_call, O_WRONLY | flags, &h,
				   NULL);
	if (r == 0)
		r = (int)tree_write(h, &fixture_call, &iov, 1, 0);
	handle_unref(h);
	node_unref(n);
	return r;
}

static void
kept(void **state)
{
	struct fixture *f = *state;
	size_t i;

	SKIP_UNLESS_ROOT();
	fixture_sh(f, "mkdir lower2/di lower2/da; touch lower2/f lower2/i "
		      "lower2/di/f lower2/da/f; echo a >lower2/a");
	if (!fixture_holds(f, "chattr +i lower2/i lower2/di && chattr +a "
			      "lower2/a lower2/da")) {
		print_message("no such flags here: skipped\n");
		skip();
	}
	fixture_open(f, true);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		print_message("%s %s\n", steps[i].op, steps[i].a);
		assert_int_equal(
			steps[i].r,
			fixture_do(f, steps[i].op, steps[i].a, steps[i].b));
	}
	assert_int_equal(NO, open_append(f, "a", 0));
	assert_int_equal(NO, open_append(f, "i", O_APPEND));
	assert_int_equal(1, open_append(f, "a", O_APPEND));
	/* It is in the upper now, with the mark, and no less guarded. */
	fixture_restart(f);
	assert_int_equal(NO, fixture_do(f, "unlink", "a", NULL));
	assert_int_equal(NO, fixture_do(f, "unlink", "da/f", NULL));
	assert_int_equal(0, fixture_do(f, "create", "da/y", NULL));
	assert_int_equal(1, open_append(f, "a", O_APPEND));
	assert_true(fixture_holds(
		f,
		"[ \"$(getfattr --only-values -n trusted.overlay.protattr "
		"upper/a)\" = a ] && [ -z \"$(lsattr -d upper/a upper/da | "
		"cut -d' ' -f1 | tr -d 'e\\n-')\" ] && [ \"$(cat upper/a)\" = "
		"'a\n++' ]"));
	fixture_close(f);
	fixture_sh(f, "chattr -i lower2/i lower2/di; chattr -a lower2/a "
		      "lower2/da");
}

/* A value with any other letter is none (ovl_check_protattr()). */
static void
malformed(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	fixture_layers(f, "touch upper/f upper/g; setfattr -n "
			  "trusted.overlay.protattr -v iz upper/f; setfattr -n "
			  "trusted.overlay.protattr -v i upper/g");
	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "chmod", "f", "600"));
	assert_int_equal(-EPERM, fixture_do(f, "chmod", "g", "600"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kept, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(malformed, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
