/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking the staging area and the index (overlay.md 1.4, 4.4, 7).
 */
#include "layers-check.h"

/* $E: the entry of h1, h2 and h3, of which h1 is in the upper. */
#define INDEX                                                                 \
	"echo h >lower1/h1; ln lower1/h1 lower1/h2; ln lower1/h1 lower2/h3; " \
	"K index=on 'chmod 600 h1'; E=work/index/$(ls work/index | grep -v "  \
	"\"#\"); "

static const struct check_case cases[] = {
	{ "what a crash leaves in the staging area",
	  "mknod 'work/work/#0' c 0 0; touch 'work/work/#1'; mkdir -p "
	  "'work/work/#2/a/b/c/d'; touch 'work/work/#2/a/b/c/d/e' work/mine",
	  NULL, "W/work/#1 staging-junk r, W/work/#2 staging-junk r",
	  "[ -e ../work/mine ]" },
	{ "a volatile mount", "K volatile 'touch f'; rm upper/f", NULL,
	  "W/work/incompat/volatile staging-volatile l", NULL },
	{ "a server that was killed", "mkdir -p work/work/incompat/veneer-live",
	  NULL, "W/work/incompat/veneer-live staging-live r", NULL },
	{ "somebody else's", "mkdir -p work/work/incompat/tape", NULL,
	  "W/work/incompat/tape staging-incompat l", NULL },
	{ "an index",
	  "echo h >lower1/h1; ln lower1/h1 lower1/h2; ln lower1/h1 lower2/h3; "
	  "K index=on 'chmod 600 h1'; K index=on 'ln h1 h4; rm h2; mv h3 h5; "
	  "chmod 640 h5'",
	  NULL, "", "[ $(stat -c %h h1) = 3 ] && [ $(stat -c %h h5) = 3 ]" },
	{ "of nfs_export, with directories and whiteouts",
	  "mkdir -p lower1/d/e; echo >lower1/d/f; echo >lower1/g; echo "
	  ">lower1/h1; ln lower1/h1 lower1/h2; K nfs_export=on,index=on "
	  "'chmod 700 d/e; chmod 600 d/f h1; rm g; rm d/f; echo >>h2'",
	  NULL, "", "[ $(stat -c %h h1) = 2 ]" },
	{ "an entry without its number of links",
	  INDEX "setfattr -x trusted.overlay.nlink $E", NULL,
	  "W/index/HEX nlink-malformed r", "[ $(stat -c %h h2) = 3 ]" },
	{ "with a malformed one", INDEX "mark nlink U1 $E", NULL,
	  "W/index/HEX nlink-malformed r", "[ $(stat -c %h h2) = 3 ]" },
	{ "with one that is too small", INDEX "mark nlink U-2 $E", NULL,
	  "W/index/HEX nlink-wrong r", "[ $(stat -c %h h2) = 3 ]" },
	{ "too large", INDEX "mark nlink L+9 $E", NULL,
	  "W/index/HEX nlink-wrong r", "[ $(stat -c %h h2) = 3 ]" },
	{ "junk",
	  INDEX "touch work/index/junk 'work/index/#5'; mkdir -p "
		"work/index/abc work/index/d/e; "
		"echo 1 >work/index/data",
	  NULL,
	  "W/index/#5 index-junk r, W/index/abc index-junk r, W/index/d "
	  "index-data l, W/index/data index-data l, W/index/junk index-junk r",
	  NULL },
	{ "an entry with another name", INDEX "mv $E work/index/00ff", NULL,
	  ". impure-stale n, W/index/00ff index-junk r",
	  "[ $(stat -c %a h1) = 600 ]" },
	{ "that nobody has", INDEX "rm upper/h1; mark nlink U-1 $E", NULL,
	  ". impure-stale n, W/index/HEX index-stale r",
	  "[ $(stat -c %a h1) != 600 ]" },
	{ "with another origin", INDEX "mark origin '' $E", NULL,
	  ". impure-stale n, W/index/HEX index-stale r", NULL },
	{ "of another lower", INDEX "mark origin 0x${E##*/} upper", NULL,
	  ". index-lower l, . origin-lost n", NULL },
	{ "of another upper", INDEX "mark upper 0x${E##*/} work/index", NULL,
	  "W/index index-upper l", NULL },
	{ "another work directory", INDEX "rm -r work/index", NULL,
	  ". impure-stale n, . index-missing l", NULL },
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
