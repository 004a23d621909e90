/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking origins: well formed, and one upper object's alone (overlay.md 2.2).
 */
#include "layers-check.h"

static const struct check_case cases[] = {
	{ "malformed on a file",
	  "touch lower1/f lower1/g lower1/h; K '' 'touch f g h'; mark origin "
	  "0x00 upper/f; mark origin $(printf 0x; head -c 200 /dev/zero | xxd "
	  "-p | tr -d '\\n') upper/g",
	  NULL, "f origin-malformed r, g origin-malformed r", "[ -e f ]" },
	{ "on a merged directory",
	  "mkdir lower1/d; touch lower1/d/f; K '' 'rm d/f'; mark origin abc "
	  "upper/d",
	  NULL, ". impure-stale n, d origin-malformed r",
	  "[ -z \"$(ls d)\" ] && getfattr -n trusted.overlay.origin ../upper/d "
	  ">/dev/null" },
	{ "on one that was",
	  "mkdir lower1/d; touch lower1/d/f; K '' 'rm d/f'; mark origin abc "
	  "upper/d; rm -r lower1/d",
	  NULL, ". impure-stale n, d origin-malformed r, d/f whiteout-idle n",
	  "[ -z \"$(ls d)\" ]" },
	{ "forged",
	  "touch lower1/f; K '' 'touch f'; v=$(getfattr -e hex -n "
	  "trusted.overlay.origin upper/f | sed -n 's/.*=0x//p'); n() { touch "
	  "upper/$1; mark origin 0x$2 upper/$1; }; n magic 00fc${v#00fb}; n "
	  "upper $(echo $v | sed 's/^\\(......\\)../\\104/'); n long ${v}00; n "
	  "short ${v%??}",
	  NULL,
	  "long origin-malformed r, magic origin-malformed r, short "
	  "origin-malformed r, upper origin-malformed r",
	  NULL },
	{ "of another machine",
	  "touch lower1/f; K '' 'touch f'; v=$(getfattr -e hex -n "
	  "trusted.overlay.origin upper/f | sed -n 's/.*=0x//p'); n() { touch "
	  "upper/$1; mark origin 0x$2 upper/$1; }; n endian $(echo $v | sed "
	  "'s/^\\(......\\)../\\101/'); n version 01${v#00}; n uuid $(echo $v "
	  "| sed 's/^\\(..........\\)..../\\1a5a5/'); n flags $(echo $v | sed "
	  "'s/^\\(......\\)../\\180/')",
	  NULL,
	  "endian origin-foreign n, flags origin-foreign n, uuid origin-lost "
	  "n, version origin-foreign n",
	  NULL },
	{ "stale",
	  "mkdir -p lower1/d; touch lower1/d/f lower1/d/g; K '' 'touch d/f "
	  "d/g'; rm lower1/d/f",
	  NULL, "d/f origin-lost n", NULL },
	{ "of two",
	  "touch lower1/f; K '' 'touch f'; cp --preserve=all upper/f upper/a; "
	  "cp --preserve=all upper/f upper/z",
	  NULL, "a origin-twin r, z origin-twin r",
	  "[ $(stat -c %i f) = $(stat -c %i ../lower1/f) ]" },
	{ "of one with two names",
	  "touch lower1/f; K '' 'touch f; ln f g; ln g a'", NULL, "", NULL },
	{ "of two, one of which is renamed",
	  "touch lower1/f; K '' 'mv f m'; cp --preserve=all upper/m upper/n; "
	  "rm upper/n; ln upper/m upper/o",
	  NULL, "", NULL },
	{ "of what is shown by its own name, too",
	  "echo f >lower1/f; echo g >lower2/g; touch lower1/k; K '' 'mv f m; "
	  "mv g n; "
	  "echo new >m; touch k'; rm upper/f upper/g",
	  NULL, "m origin-twin r, n origin-twin r",
	  "[ $(cat f g m n | paste -sd:) = f:g:new:g ]" },
	{ "of two, one of which is in the index",
	  "echo h >lower1/h1; ln lower1/h1 lower1/h2; ln lower1/h1 lower2/h3; "
	  "K index=on 'chmod 600 h1'; cp --preserve=all upper/h1 upper/a",
	  NULL, "a origin-twin r", NULL },
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
