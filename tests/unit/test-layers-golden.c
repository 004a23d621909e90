/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is in the upper after each operation: the golden results of
 * overlay.md 5.1 (seen on Linux 6.18), and that the lowers stay as they are.
 */
#include "layers-fixture.h"

#include <errno.h>

static const struct golden_case cases[] = {
	{ "write to a lower file copies it and its directory up",
	  "mkdir lower2/d; echo x >lower2/d/f",
	  { { "truncate", "d/f", "1", 0 } },
	  "test \"$(cat upper/d/f)\" = x" },
	{ "chmod copies a directory up, not what is in it",
	  "mkdir -p lower2/d/sub; touch lower2/d/sub/f",
	  { { "chmod", "d/sub", "700", 0 } },
	  "test -z \"$(ls upper/d/sub)\" && test $(stat -c %a upper/d/sub) = "
	  "700" },
	{ "unlink leaves a whiteout of mode 0",
	  "touch lower2/f",
	  { { "unlink", "f", NULL, 0 } },
	  "test \"$(stat -c %F:%t:%T:%a upper/f)\" = 'character special "
	  "file:0:0:0'" },
	{ "a new file replaces the whiteout",
	  "touch lower2/f",
	  { { "unlink", "f", NULL, 0 }, { "create", "f", NULL, 0 } },
	  "test -f upper/f && test ! -s upper/f" },
	{ "removing a pure file leaves nothing",
	  "touch lower2/other",
	  { { "create", "f", NULL, 0 }, { "unlink", "f", NULL, 0 } },
	  "test -z \"$(ls -A upper)\"" },
	{ "a directory over a whiteout is empty",
	  "mkdir lower2/d; touch lower2/d/f",
	  { { "unlink", "d/f", NULL, 0 },
	    { "rmdir", "d", NULL, 0 },
	    { "mkdir", "d", NULL, 0 } },
	  "test -d upper/d && test -z \"$(ls -A upper/d)\"" },
	{ "rmdir of a merged directory with whiteouts in it",
	  "mkdir lower1/d lower2/d; touch lower1/d/a lower2/d/b",
	  { { "rmdir", "d", NULL, -ENOTEMPTY },
	    { "unlink", "d/a", NULL, 0 },
	    { "unlink", "d/b", NULL, 0 },
	    { "rmdir", "d", NULL, 0 } },
	  "test -c upper/d" },
	{ "rename of a lower file leaves a whiteout",
	  "echo x >lower2/f",
	  { { "rename", "f", "n", 0 } },
	  "test -c upper/f && test \"$(cat upper/n)\" = x" },
	{ "rename over a whiteout moves it to the old name",
	  "touch lower2/a; echo b >lower2/b",
	  { { "unlink", "a", NULL, 0 }, { "rename", "b", "a", 0 } },
	  "test -c upper/b && test \"$(cat upper/a)\" = b" },
	{ "rename there and back leaves no whiteout",
	  "echo t >lower2/t",
	  { { "create", "a", NULL, 0 },
	    { "rename", "t", "a", 0 },
	    { "rename", "a", "t", 0 } },
	  "test -f upper/t && test ! -e upper/a" },
	{ "a pure directory is",
	  "touch lower2/f",
	  { { "mkdir", "d", NULL, 0 },
	    { "create", "d/x", NULL, 0 },
	    { "rename", "d", "e", 0 } },
	  "test -f upper/e/x && test ! -e upper/d" },
	{ "a pure directory onto a whiteout",
	  "touch lower2/f",
	  { { "unlink", "f", NULL, 0 },
	    { "mkdir", "d", NULL, 0 },
	    { "rename", "d", "f", 0 } },
	  "test -d upper/f && test ! -e upper/d" },
	{ "truncation to the same size copies nothing",
	  "echo x >lower2/f; echo x >lower2/g; chmod u+s lower2/g",
	  { { "truncate", "f", "2", 0 }, { "truncate", "g", "2", 0 } },
	  "test ! -e upper/f && test -f upper/g" },
	{ "truncation changes mtime as truncate(2) does here",
	  "echo x >upper/f; touch -d @9 upper/f; cp -p upper/f .; "
	  "perl -e 'truncate \"f\", 2'; echo x >upper/g; touch -d @9 upper/g",
	  { { "truncate", "f", "2", 0 }, { "truncate", "g", "0", 0 } },
	  "test $(($(stat -c %Y f) > 9)) = $(($(stat -c %Y upper/f) > 9)) && "
	  "test $(stat -c %Y upper/g) -gt 9" },
	{ "a hard link of a lower file",
	  "echo x >lower2/f",
	  { { "link", "f", "g", 0 }, { "truncate", "g", "0", 0 } },
	  "test upper/f -ef upper/g && test ! -s upper/f" },
	{ "refused changes copy nothing up",
	  "mkdir lower2/d; touch lower2/d/f",
	  { { "create", "d/f", NULL, -EEXIST },
	    { "mkdir", "d/f", NULL, -EEXIST },
	    { "unlink", "d/none", NULL, -ENOENT },
	    { "rmdir", "d/f", NULL, -ENOTDIR },
	    { "unlink", "d", NULL, -EISDIR },
	    { "rename", "d/none", "x", -ENOENT } },
	  "test -z \"$(ls -A upper)\"" },
};

static void
golden(void **state)
{
	golden_run(*state, NULL, cases, sizeof(cases) / sizeof(cases[0]));
}

/* As the kernel has it, who goes by what it remembers. */
static const struct golden_case user[] = {
	{ "what cannot have an origin, moved",
	  "mkdir -p lower1/d/d lower2/e; mkfifo lower2/e/fifo",
	  { { "rename", "e/fifo", "d/d/n", 0 } },
	  "getfattr --only-values -n user.overlay.impure upper/d/d | grep -q "
	  "y" },
};

static void
with_userxattr(void **state)
{
	golden_run(*state, "userxattr", user, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(with_userxattr, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(golden, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
