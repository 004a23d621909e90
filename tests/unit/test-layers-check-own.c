/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking uppers that veneer wrote: there is nothing to be found, with any
 * options, and the mount options are those that it needs.
 */
#include "layers-check.h"
#include "layers-settle.h"

#include <stdlib.h>
#include <string.h>

#define FILES                                                                \
	"mkdir -p lower2/a/b/c lower1/a lower2/p; echo 1 >lower1/a/one; "    \
	"echo 2 >lower2/a/two; echo 3 >lower2/a/b/three; echo 4 >lower2/a/b" \
	"/c/four; echo h >lower2/h1; ln lower2/h1 lower2/h2; ln lower2/h1 "  \
	"lower2/a/h3"

static const struct {
	struct settle_case made;
	const char *options; /* for mount(8), after the layers */
} cases[] = {
	{ { "without options",
	    FILES,
	    NULL,
	    "",
	    { { "chmod", "a/two", "600" },
	      { "unlink", "a/one", NULL },
	      { "create", "a/one", NULL },
	      { "rename", "a/b/three", "t" },
	      { "link", "a/two", "p/two" },
	      { "unlink", "a/b/c/four", NULL },
	      { "rmdir", "a/b/c", NULL },
	      { "mkdir", "a/b/c", NULL },
	      { "chmod", "h1", "600" } } },
	  "" },
	{ { "directories moved by copying, without redirects",
	    FILES,
	    "redirect_dir=off",
	    "",
	    { { "unlink", "a/one", NULL },
	      { "chmod", "a/b/three", "600" },
	      { "unlink", "a/b/c/four", NULL } } },
	  "" },
	{ { "redirects",
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
	  ",redirect_dir=on" },
	{ { "metadata only",
	    FILES,
	    "metacopy=on",
	    "metacopy=on",
	    { { "chmod", "a/two", "640" },
	      { "rename", "a/two", "y" },
	      { "link", "y", "a/y2" },
	      { "chmod", "a/b", "700" } } },
	  ",redirect_dir=on,metacopy=on" },
	{ { "an index",
	    FILES,
	    "index=on",
	    "index=on",
	    { { "chmod", "h2", "600" },
	      { "unlink", "a/h3", NULL },
	      { "link", "h1", "p/h5" },
	      { "rename", "h1", "p/h1" },
	      { "create", "h1", NULL } } },
	  ",index=on" },
	{ { "an index that is empty again",
	    FILES,
	    "index=on",
	    "index=on",
	    { { "chmod", "h2", "600" },
	      { "unlink", "a/h3", NULL },
	      { "unlink", "h1", NULL },
	      { "unlink", "h2", NULL } } },
	  "" },
	{ { "all of it",
	    FILES,
	    "redirect_dir=on,metacopy=on,index=on",
	    "redirect_dir=on,metacopy=on,index=on",
	    { { "rename", "a", "z" },
	      { "chmod", "z/h3", "640" },
	      { "chmod", "z/b/three", "640" },
	      { "rename", "z/b", "p/b" },
	      { "rename", "p/b/three", "t" },
	      { "link", "t", "p/t2" },
	      { "unlink", "z/one", NULL },
	      { "rename", "h2", "z/h2" } } },
	  ",redirect_dir=on,metacopy=on,index=on" },
};

static void
table(void **state)
{
	struct fixture *f = *state;
	const char *found;
	char *options;
	size_t i;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].made.name);
		settle_prepare(f, &cases[i].made);
		found = check_found(f, NULL, false, &options);
		/* The kernel leaves that one, too. */
		if (strcmp(found, "") != 0 && !strstr(found, "impure-stale n"))
			fail_msg("found: %s", found);
		assert_null(strstr(found, " r"));
		assert_null(strstr(found, " l"));
		assert_string_equal(cases[i].options,
				    strstr(options, "/work") + 5);
		free(options);
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
