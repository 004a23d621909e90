/* SPDX-License-Identifier: BSD-3-Clause */
/* What a merged directory shows (overlay.md 1.5 and 6). */
#include "layers-fixture.h"

static const struct {
	const char *name, *layers, *path, *listed;
	const char *read, *content; /* a file, and what is in it */
} cases[] = {
	{ "the upper layers' names come once",
	  "touch lower1/a lower2/a lower2/b upper/c", "", "a b c", NULL, NULL },
	{ "the topmost file is read", "echo 1 >lower1/f; echo 2 >lower2/f", "",
	  "f", "f", "1\n" },
	{ "directories merge",
	  "mkdir lower1/d lower2/d; touch lower1/d/a; echo b >lower2/d/b", "d",
	  "a b", "d/b", "b\n" },
	{ "a file hides a directory",
	  "echo f >lower1/d; mkdir lower2/d; touch lower2/d/x", "", "d", "d",
	  "f\n" },
	{ "a file between directories ends the merge",
	  "mkdir upper/d lower2/d; touch upper/d/a lower1/d lower2/d/b", "d",
	  "a", NULL, NULL },
	{ "a whiteout hides",
	  "touch lower2/f; mknod lower1/f c 0 0; touch lower2/g", "", "g", "f",
	  "errno 2" },
	{ "a whiteout between directories ends the merge",
	  "mkdir upper/d lower2/d; touch upper/d/a lower2/d/b; mknod lower1/d "
	  "c 0 0",
	  "d", "a", NULL, NULL },
	{ "an opaque directory hides what is below",
	  "mkdir upper/d lower1/d; touch upper/d/a lower1/d/b; "
	  "setfattr -n trusted.overlay.opaque -v y upper/d",
	  "d", "a", "d/b", "errno 2" },
	{ "opaque is exactly one byte",
	  "mkdir upper/d lower1/d; touch upper/d/a lower1/d/b; "
	  "setfattr -n trusted.overlay.opaque -v yes upper/d",
	  "d", "a b", NULL, NULL },
	{ "a misplaced whiteout is hidden",
	  "mkdir upper/d; mknod upper/d/w c 0 0", "d", "", "d/w", "errno 2" },
	{ "a whiteout in the lowest layer is nothing", "mknod lower2/w c 0 0",
	  "", "", "w", "errno 2" },
	{ "other devices are not whiteouts", "mknod lower2/n c 1 3", "", "n",
	  "n", "errno 6" },
	{ "an xattr whiteout in an unmarked directory is listed, as by the "
	  "kernel",
	  "touch lower1/f lower2/f; "
	  "setfattr -n trusted.overlay.whiteout -v y lower1/f",
	  "", "f", "f", "errno 2" },
	{ "a malformed redirect is refused, not its directory",
	  "mkdir upper/r; touch lower1/ok; "
	  "setfattr -n trusted.overlay.redirect -v x/y upper/r",
	  "", "ok r", "r/x", "errno 22" },
	{ "metadata that is not to be followed",
	  "truncate -s 9000 upper/m lower1/m; touch lower1/ok; "
	  "setfattr -n trusted.overlay.metacopy upper/m",
	  "", "m ok", "m", "errno 1" },
	{ "metadata without data",
	  "truncate -s 9000 upper/m; touch lower1/ok; "
	  "setfattr -n trusted.overlay.metacopy upper/m",
	  "", "m ok", "m", "errno 5" },
};

static void
merge(void **state)
{
	struct fixture *f = *state;
	size_t i;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		fixture_layers(f, cases[i].layers);
		fixture_open(f, true);
		assert_string_equal(cases[i].listed,
				    fixture_list(f, cases[i].path));
		if (cases[i].read)
			assert_string_equal(cases[i].content,
					    fixture_read(f, cases[i].read));
		fixture_close(f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(merge, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
