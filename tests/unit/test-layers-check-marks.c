/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking the marks of single objects (overlay.md 2.1, 2.3).
 */
#include "layers-check.h"

static const struct check_case cases[] = {
	{ "metadata with its data",
	  "echo data >lower1/m; mkdir -p lower2/d; echo more >lower2/d/n; K "
	  "metacopy=on 'chmod 600 m; mv d/n n; chmod 640 n; ln n d/n2'",
	  NULL, "", "[ \"$(cat m n d/n2 | paste -sd:)\" = data:more:more ]" },
	{ "in a data-only layer",
	  "D=::$PWD/data; mkdir -p data/x; echo data >data/x/f; truncate -s 5 "
	  "lower2/m; mark "
	  "metacopy '' lower2/m; mark redirect /x/f lower2/m; K metacopy=on "
	  "'chmod 600 m'",
	  "datadir+=@/data", "", "[ $(cat m) = data ]" },
	{ "without",
	  "truncate -s 5 upper/m upper/n upper/o; mkdir lower1/n; for i in m n "
	  "o; do mark metacopy '' upper/$i; done; mark redirect a//b upper/o",
	  NULL,
	  "m metacopy-no-data l, n metacopy-no-data l, o redirect-malformed l",
	  NULL },
	{ "a malformed mark",
	  "for i in a b c d e; do echo data >lower1/$i; truncate -s 5 "
	  "upper/$i; done; mark metacopy 0x0003 upper/a; mark metacopy "
	  "0x01040000 upper/b; mark metacopy 0x00050000 upper/c; mark metacopy "
	  "0x00040001 upper/d; mark metacopy 0x00040000 upper/e",
	  NULL,
	  "a metacopy-malformed l, b metacopy-malformed l, c "
	  "metacopy-malformed l, d metacopy-malformed l",
	  NULL },
	{ "on what is no file",
	  "mkdir upper/d; ln -s x upper/l; mkfifo upper/p; for i in d l p; do "
	  "mark metacopy '' upper/$i; done",
	  NULL, "d metacopy-file r, l metacopy-file r, p metacopy-file r",
	  NULL },
	{ "in user.overlay.*",
	  "echo data >lower1/m; truncate -s 5 upper/m; setfattr -n "
	  "user.overlay.metacopy upper/m",
	  "userxattr=on", "m metacopy-user l", NULL },
	{ "protattr",
	  "touch upper/a upper/b upper/c; mkdir upper/d; mark protattr ia "
	  "upper/a; mark protattr ix upper/b; mark protattr '' upper/c; mark "
	  "protattr a upper/d",
	  NULL, "b protattr-malformed r, c protattr-malformed r",
	  "echo >b && ! rm a 2>/dev/null" },
	{ "uuid, ident",
	  "touch upper/f upper/g; mark uuid abc upper; mark veneer.ident abc "
	  "upper/f; mark veneer.ident 01234567 upper/g",
	  NULL, ". uuid-malformed r, f ident-malformed r", NULL },
	{ "nlink of what is not indexed",
	  "touch upper/f upper/g upper/h; mark nlink U+ upper/f; mark nlink "
	  "U+1 upper/g; mark nlink 1 upper/h",
	  NULL, "f nlink-malformed r, h nlink-malformed r", NULL },
	{ "of nobody",
	  "touch upper/f upper/g; mark future 1 upper/f; mark overlay.opaque 1 "
	  "upper/g; setfattr -n trusted.overlayx -v 1 upper/g",
	  NULL, "f marks-unknown n", NULL },
	{ "of both kinds",
	  "mkdir upper/d upper/e; mark opaque y upper/d; setfattr -n "
	  "user.overlay.opaque -v yes upper/e",
	  "userxattr=off", ". marks-other n", NULL },
	{ "settling was interrupted",
	  "mkdir upper/d; mark veneer.settle 2 upper; mark opaque y upper/d",
	  NULL, ". settle-unfinished l", NULL },
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
