/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking directories of an upper: whiteouts, opaque, impure, redirects
 * (overlay.md 1.5, 2.1, 3.6, 12.3).
 */
#include "layers-check.h"

static const struct check_case cases[] = {
	{ "what the kernel leaves",
	  "mkdir -p lower1/a/b lower2/a/c; echo 1 >lower1/a/f; echo 2 "
	  ">lower2/a/b2; echo h >lower1/h1; ln lower1/h1 lower1/h2; K "
	  "redirect_dir=on,metacopy=on,index=on 'mv a z; chmod 600 z/f h1; rm "
	  "z/b2; mv z/b bb; mkdir a; touch a/n; ln z/f g; mkdir -p p/q; mv bb "
	  "p/q; rm -r z/c; mkdir z/c; touch z/c/n; ln h2 p/h3'",
	  NULL, "", "[ $(stat -c %h h2) = 3 ] && [ -d p/q/bb ]" },
	{ "a whiteout in a new directory",
	  "mkdir upper/d; mknod upper/d/w c 0 0", NULL, "d/w whiteout-stray r",
	  "[ -z \"$(ls -A d)\" ] && rmdir d" },
	{ "in an opaque directory",
	  "mkdir -p lower1/d upper/d; touch lower1/d/w; mark opaque y upper/d; "
	  "mknod upper/d/w c 0 0; touch -d 2001-01-01 "
	  "upper/d",
	  NULL, "d/w whiteout-opaque r",
	  "[ -z \"$(ls -A d)\" ] && [ $(date -r d +%Y) = 2001 ] && rmdir d" },
	{ "the same, with an origin, which hides it",
	  "mkdir -p lower1/d upper/d; touch lower1/d/w; mark opaque y upper/d; "
	  "mknod upper/d/w c 0 0; mark origin '' upper/d",
	  NULL, "d/w whiteout-idle n", "[ -z \"$(ls -A d)\" ] && rmdir d" },
	{ "hiding nothing",
	  "mkdir lower1/d upper/d; mknod upper/d/w c 0 0; mknod lower1/v c 0 "
	  "0; mknod upper/v c 0 0; touch lower2/v",
	  NULL, "d/w whiteout-idle n, v whiteout-idle n", NULL },
	{ "in what was merged once",
	  "mkdir lower1/d; touch lower1/d/f; K '' 'rm d/f'; rm -r lower1/d",
	  NULL, ". impure-stale n, d origin-lost n, d/f whiteout-idle n",
	  "[ -z \"$(ls -A d)\" ]" },
	{ "xattr whiteouts",
	  "mkdir upper/d; touch lower1/f upper/f upper/g upper/d/h; for i in f "
	  "g d/h; do mark whiteout y upper/$i; done",
	  NULL, "d/h whiteout-xattr r, f whiteout-xattr r, g whiteout-xattr r",
	  "[ \"$(ls -A . d | paste -sd:)\" = '.::d::d:' ]" },
	{ "the same, and an empty work directory",
	  "echo >lower1/f; touch upper/f; mark whiteout y upper/f; rmdir "
	  "work/work",
	  NULL, "f whiteout-xattr r", "[ -z \"$(ls)\" ]" },
	{ "opaque, but how?",
	  "mkdir lower1/d upper/d lower2/e upper/e upper/n; touch lower1/d/f "
	  "lower2/e/f; mark opaque yes upper/d; mark opaque '' upper/e; mark "
	  "opaque x upper/n",
	  NULL, "d opaque-value r, e opaque-value r, n opaque-x n",
	  "[ -e d/f ] && [ -e e/f ]" },
	{ "opaque and impure files",
	  "touch upper/f; ln -s f upper/l; mark opaque y upper/f; mark impure "
	  "y upper/l",
	  NULL, "f opaque-file r, l impure-file r", NULL },
	{ "impure is missing",
	  "mkdir lower1/d; touch lower1/d/f; K '' 'touch d/f'; setfattr -x "
	  "trusted.overlay.impure upper/d; mark impure x upper",
	  NULL, ". impure-missing r, . impure-value r, d impure-missing r",
	  "getfattr -d -m . ../upper | grep -q impure=.y && [ $(ls -i d/f | "
	  "cut -d' ' -f1) = $(stat -c %i ../lower1/d/f) ]" },
	{ "impure for nothing",
	  "mkdir lower1/d; touch lower1/d/f; K '' 'touch d/f; rm d/f'", NULL,
	  "d impure-stale n", NULL },
	{ "malformed redirects",
	  "mkdir lower1/a; for i in 1 2 3 4 5 6 7; do mkdir -p upper/$i; done; "
	  "mark redirect a//b upper/1; mark redirect .. upper/2; mark redirect "
	  "/../a upper/3; mark redirect 0x610062 upper/4; mark redirect a/b "
	  "upper/5; mark redirect '' upper/6; mark redirect / upper/7; mkdir "
	  "upper/1/d; mknod upper/1/d/w c 0 0; mark opaque yes upper/1/d",
	  NULL,
	  "1 redirect-malformed l, 1/d opaque-value r, 2 redirect-malformed l, "
	  "3 redirect-malformed l, 4 redirect-twin l, 5 "
	  "redirect-malformed l, 6 redirect-malformed l, 7 redirect-malformed "
	  "l",
	  NULL },
	{ "a redirect to nothing",
	  "mkdir upper/z; mark redirect nowhere upper/z; mknod upper/z/w c 0 0",
	  NULL, "z redirect-lost l", NULL },
	{ "to what was moved away",
	  "mkdir lower1/a; touch lower1/a/f; K redirect_dir=on 'mv a z; touch "
	  "z/own'; mv lower1/a lower1/q",
	  NULL, "a whiteout-idle n, z redirect-lost l", NULL },
	{ "to what was removed",
	  "mkdir lower1/a; touch lower1/a/f; K redirect_dir=on 'mv a z; touch "
	  "z/own'; rm -r lower1/a; mkdir lower1/z; touch lower1/z/alien",
	  NULL,
	  ". impure-stale n, a whiteout-idle n, z origin-lost n, z "
	  "redirect-gone r",
	  "[ \"$(ls z)\" = own ] && ! getfattr -n trusted.overlay.redirect "
	  "../upper/z 2>/dev/null" },
	{ "two for one directory",
	  "mkdir lower1/d upper/d upper/z; mark redirect d upper/z", NULL,
	  "z redirect-twin l", NULL },
	{ "to what is shown by its own name, too",
	  "mkdir -p lower1/a lower2/p/b; K redirect_dir=on 'mv a z; mv p/b "
	  "bb'; "
	  "rm upper/a upper/p/b",
	  NULL, "bb redirect-twin l, p impure-stale n, z redirect-twin l",
	  NULL },
	{ "into a layer",
	  "mkdir lower1/in; rm -r upper; ln -s lower1/in upper; mkdir "
	  "lower1/in/z; mark redirect in lower1/in/z",
	  NULL, "z redirect-loop l", NULL },
	{ "redirects of files",
	  "echo >upper/f; ln -s f upper/l; echo >upper/g; echo >upper/h; mark "
	  "redirect /a/b upper/h; mark redirect a//b "
	  "upper/f; mark redirect a upper/l; mark redirect a upper/g",
	  NULL, "f redirect-file r, l redirect-file r", NULL },
	{ "user.overlay.* marks",
	  "mkdir lower1/d lower1/old upper/d upper/n upper/z; touch "
	  "lower1/d/f; mknod upper/n/w c 0 0; setfattr -n user.overlay.opaque "
	  "-v yes upper/d; setfattr -n user.overlay.redirect -v old upper/z",
	  "userxattr=on",
	  "d opaque-value r, n/w whiteout-stray r, z redirect-user l", NULL },
	{ "the only ones there are",
	  "mkdir lower1/d upper/d; touch lower1/d/f; mknod upper/d/f c 0 0; "
	  "setfattr -n user.overlay.opaque -v y upper/d",
	  NULL, "d/f whiteout-opaque r", "[ -z \"$(ls d)\" ]" },
};

static void
table(void **state)
{
	SKIP_UNLESS_ROOT();
	check_run(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(table) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
