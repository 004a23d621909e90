/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Renaming merged directories: with redirects, as redirect_dir=on of the
 * kernel writes them (overlay.md 5 and 5.1); and without, by making the
 * directory purely upper, so that any kernel reads it.
 */
#include "layers-fixture.h"

#include <errno.h>

/* Shell functions for the conditions. */
#define SH                                                                \
	"x() { getfattr -h --only-values -n trusted.overlay.$1 upper/$2 " \
	"2>/dev/null; }; w() { for i; do [ \"$(stat -c %t:%T "            \
	"upper/$i)\" = 0:0 ] || return 1; done; }; "

static const struct golden_case with_redirects[] = {
	{ "twice within one directory",
	  "mkdir lower2/x1; touch lower2/x1/f",
	  { { "rename", "x1", "y1", 0 }, { "rename", "y1", "z1", 0 } },
	  SH "[ $(x redirect z1) = x1 ] && w x1 && [ ! -e upper/y1 ] && [ -n "
	     "\"$(x origin z1 | od -c)\" ]" },
	{ "there and back",
	  "mkdir lower2/x2 lower2/p",
	  { { "rename", "x2", "p/x2", 0 }, { "rename", "p/x2", "x2", 0 } },
	  SH "[ $(x redirect x2) = /x2 ] && [ $(x impure p) = y ] && [ -z "
	     "\"$(find upper -type c)\" ]" },
	{ "out of, and into, what is renamed",
	  "mkdir -p lower2/a/b/c",
	  { { "rename", "a/b", "bb", 0 },
	    { "rename", "a", "aa", 0 },
	    { "rename", "bb/c", "aa/c", 0 } },
	  SH "[ $(x redirect bb) = /a/b ] && [ $(x redirect aa) = a ] && [ "
	     "$(x redirect aa/c) = /a/b/c ] && w a aa/b bb/c" },
	{ "a pure directory beside a merged one becomes opaque",
	  "mkdir lower2/a",
	  { { "mkdir", "n", NULL, 0 }, { "rename", "n", "m", 0 } },
	  SH "[ $(x opaque m) = y ] && [ -z \"$(x redirect m)\" ]" },
	{ "a new directory in a merged one is opaque",
	  "mkdir lower2/a",
	  { { "mkdir", "a/n", NULL, 0 } },
	  SH "[ $(x opaque a/n) = y ]" },
	{ "onto an emptied merged directory",
	  "mkdir lower2/a lower2/b; touch lower2/a/f lower2/b/g",
	  { { "rename", "a", "b", -ENOTEMPTY },
	    { "unlink", "b/g", NULL, 0 },
	    { "rename", "a", "b", 0 } },
	  SH "[ $(x redirect b) = a ] && w a && [ -z \"$(ls upper/b)\" ]" },
	{ "into itself",
	  "mkdir -p lower2/a/b",
	  { { "rename", "a", "a/b/c", -EINVAL } },
	  "[ -z \"$(ls -A upper)\" ]" },
};

static const struct golden_case without[] = {
	{ "the whole tree is copied",
	  "mkdir -p lower2/d/s lower1/d/s; echo 2 >lower2/d/f; echo 2s "
	  ">lower2/d/s/f; echo 1s >lower1/d/s/g; ln -s f lower2/d/l",
	  { { "rename", "d", "e", 0 } },
	  SH "w d && [ $(x opaque e) = y ] && [ -z \"$(x redirect e)\" ] && [ "
	     "$(cat upper/e/f) = 2 ] && [ $(cat upper/e/s/f upper/e/s/g | tr "
	     "-d '\\n') = 2s1s ] && [ $(readlink upper/e/l) = f ]" },
	{ "whiteouts in it go",
	  "mkdir -p lower2/d/s; touch lower2/d/f lower2/d/s/f",
	  { { "unlink", "d/f", NULL, 0 },
	    { "unlink", "d/s/f", NULL, 0 },
	    { "rename", "d", "e", 0 },
	    { "rmdir", "e/s", NULL, 0 },
	    { "rmdir", "e", NULL, 0 } },
	  SH "w d && [ -z \"$(ls upper/e 2>/dev/null)\" ]" },
	{ "into a merged directory that has such a name below",
	  "mkdir -p lower2/d lower2/p/d; touch lower2/d/f lower2/p/d/g",
	  { { "unlink", "p/d/g", NULL, 0 }, { "rename", "d", "p/d", 0 } },
	  SH
	  "w d && [ \"$(ls -A upper/p/d)\" = f ] && [ $(x opaque p/d) = y ]" },
};

static const struct golden_case around_redirects[] = {
	{ "a redirect in it leads nowhere any more; times stay",
	  "mkdir -p lower2/d lower2/a/s upper/d/s; touch lower2/a/s/f "
	  "lower2/a/s/g; mknod upper/d/s/f c 0 0; setfattr -n "
	  "trusted.overlay.redirect -v /a/s upper/d/s; setfattr -n "
	  "trusted.overlay.origin upper/d; setfattr -n trusted.overlay.origin "
	  "upper/d/s; setfattr -n trusted.overlay.impure -v y upper upper/d; "
	  "touch -d 2001-01-01 upper/d/s",
	  { { "rename", "d", "e", 0 } },
	  SH "[ \"$(ls -A upper/e/s)\" = g ] && [ $(x opaque e/s) = y ] && [ "
	     "$(date -r upper/e/s +%Y) = 2001 ]" },
};

/* A path of more than 256 bytes is no redirect: copied instead. */
#define LONG                                                                  \
	"0123456789012345678901234567890123456789012345678901234567890123456" \
	"78901234567890123456789"
static const struct golden_case too_long[] = {
	{ "a path too long for a redirect",
	  "mkdir -p lower2/" LONG "/" LONG "/" LONG
	  "/d; for d in lower2/*/*/*/d; do touch $d/f; done",
	  { { "rename", LONG "/" LONG "/" LONG "/d", "e", 0 } },
	  SH "[ $(x opaque e) = y ] && [ -f upper/e/f ] && [ -z \"$(x redirect "
	     "e)\" ]" },
};

#define NR(a) (sizeof(a) / sizeof((a)[0]))

static void
redirects(void **state)
{
	golden_run(*state, "redirect_dir=on", with_redirects,
		   NR(with_redirects));
	golden_run(*state, "redirect_dir=on", too_long, NR(too_long));
}

/* By default they are written as well, for the kernel reads them. */
static void
by_default(void **state)
{
	golden_run(*state, NULL, with_redirects, 3);
}

static void
flattening(void **state)
{
	golden_run(*state, "redirect_dir=off", without, NR(without));
	golden_run(*state, "redirect_dir=nofollow", without, NR(without));
	golden_run(*state, "redirect_dir=off", around_redirects,
		   NR(around_redirects));
}

/* A directory renamed, and a file in it, keep their numbers for ever. */
static void
identity(void **state)
{
	static const char *const options[] = { "redirect_dir=on",
					       "redirect_dir=off" };
	struct fixture *f = *state;
	uint64_t before[2], after[2];
	size_t i;

	for (i = 0; i < 2; i++) {
		f->options = geteuid() == 0 ? options[i] : NULL;
		fixture_layers(f, "mkdir lower2/d lower1/d; touch lower2/d/f");
		fixture_open(f, true);
		before[0] = fixture_path(f, "d");
		before[1] = fixture_path(f, "d/f");
		assert_int_equal(0, fixture_do(f, "rename", "d", "e"));
		after[0] = fixture_path(f, "e");
		after[1] = fixture_path(f, "e/f");
		assert_memory_equal(before, after, sizeof(before));
		fixture_restart(f);
		after[0] = fixture_path(f, "e");
		after[1] = fixture_path(f, "e/f");
		assert_memory_equal(before, after, sizeof(before));
		fixture_close(f);
	}
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(redirects), TEST(by_default),
					    TEST(flattening), TEST(identity) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
