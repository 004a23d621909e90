/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Settling: afterwards a kernel mount that follows no redirect, reads no
 * metadata-only file and has no index shows what one with all of that showed
 * before; the lowers are as they were.
 */
#include "layers-settle.h"

#include <errno.h>
#include <string.h>

#define FILES                                                                  \
	"mkdir -p lower2/a/b/c lower1/a lower2/p; echo 1 >lower1/a/one; echo " \
	"2 >lower2/a/two; echo 3 >lower2/a/b/three; echo 4 >lower2/a/b/c/"     \
	"four; ln -s two lower2/a/link; echo x >lower2/p/x; setfattr -n "      \
	"user.mine -v v lower2/a/two; chown 7:8 lower2/a/b; find lower? "      \
	"-exec touch -h -d 2001-01-01 {} +"
#define LINKS                                                             \
	"; echo data >lower2/h1; ln lower2/h1 lower2/h2; ln lower2/h1 "   \
	"lower2/a/b/h3; ln lower2/h1 lower2/p/h4; ln -s t lower2/s1; ln " \
	"lower2/s1 lower2/p/s2; touch -d 2002-02-02 lower2/h1"
#define ALL "redirect_dir=on,metacopy=on,index=on"
#define NONE "redirect_dir=nofollow,metacopy=off,index=off"

static const struct settle_case cases[] = {
	{ "nothing to do", FILES, NULL, "", { { "chmod", "a/two", "600" } } },
	{ "a renamed directory",
	  FILES,
	  "redirect_dir=on",
	  "redirect_dir=on",
	  { { "rename", "a", "z" }, { "unlink", "z/b/three", NULL } } },
	{ "redirects out of, and into, what is renamed",
	  FILES,
	  "redirect_dir=on",
	  "redirect_dir=on",
	  { { "rename", "a/b", "bb" },
	    { "rename", "a", "aa" },
	    { "unlink", "bb/three", NULL },
	    { "rename", "bb/c", "aa/c" },
	    { "mkdir", "a", NULL },
	    { "create", "a/two", NULL },
	    { "rename", "bb", "aa/c/bb" },
	    { "rename", "aa/c/four", "aa/f" } } },
	{ "a redirect in a lower",
	  FILES "; mkdir lower1/q; setfattr -n trusted.overlay.redirect -v "
		"/a/b lower1/q; echo q >lower1/q/three; mknod lower1/a/b c 0 "
		"0",
	  NULL,
	  "",
	  { { "create", "q/new", NULL } } },
	{ "metadata-only files",
	  FILES,
	  "metacopy=on",
	  "metacopy=on",
	  { { "chmod", "a/two", "640" },
	    { "chmod", "p/x", "4711" },
	    { "rename", "p/x", "y" },
	    { "link", "y", "a/y2" },
	    { "chmod", "a/b", "700" } } },
	{ "one in a lower",
	  FILES
	  "; truncate -s 2 lower1/m; setfattr -n trusted.overlay.metacopy "
	  "lower1/m; setfattr -n trusted.overlay.redirect -v /a/two "
	  "lower1/m",
	  "metacopy=on",
	  "metacopy=on",
	  { { NULL, NULL, NULL } } },
	{ "names that the index keeps together",
	  FILES LINKS,
	  "index=on",
	  "index=on",
	  { { "chmod", "h2", "600" },
	    { "unlink", "p/h4", NULL },
	    { "link", "h1", "p/h5" },
	    { "link", "p/s2", "s3" } } },
	{ "links in what is flattened, no index so far",
	  FILES LINKS,
	  "redirect_dir=on",
	  "redirect_dir=on",
	  { { "rename", "a", "z" } } },
	{ "all of it",
	  FILES LINKS,
	  ALL,
	  ALL,
	  { { "rename", "a", "z" },
	    { "chmod", "z/b/h3", "640" },
	    { "chmod", "z/b/three", "640" },
	    { "rename", "z/b", "p/b" },
	    { "rename", "p/b/three", "t" },
	    { "link", "t", "p/t2" },
	    { "unlink", "z/one", NULL },
	    { "rename", "h2", "z/h2" },
	    { "unlink", "s1", NULL } } },
};

static void
table(void **state)
{
	struct fixture *f = *state;
	struct settle_result res;
	size_t i;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		settle_prepare(f, &cases[i]);
		assert_int_equal(0, settle_run(f, NULL, true, &res));
		assert_true(settle_shows(f, NONE, false));
		assert_true(settle_shows(f, "", false));
		/* And the same again finds nothing to do. */
		assert_int_equal(0, settle_run(f, NULL, true, &res));
		assert_int_equal(0, res.nr_flattened + res.nr_completed +
					    res.nr_copied + res.nr_linked);
		assert_true(settle_shows(f, NONE, false));
		assert_true(fixture_holds(
			f, "[ ! -e work/index ] && ! getfattr -R -h -d -m "
			   "'trusted.overlay.(redirect|metacopy|nlink|veneer)' "
			   "upper | grep . && ! getfattr -n trusted.overlay."
			   "origin upper 2>/dev/null"));
	}
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(table) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
