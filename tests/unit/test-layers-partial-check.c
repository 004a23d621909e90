/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Partial files whose map is lost, damaged or another's cannot be read: never
 * is old data shown for new. tree_check() says so, and mends what is harmless
 * (veneer-check(8)).
 */
#include "layers-check.h"
#include "layers-partial.h"
#include "layers-settle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS "metacopy=on,copyup=lazy,partial-above=16K,test-slow=0"
#define SIZE (6 * BLOCK)

static const struct damage {
	const char *name;
	const char *cmd; /* in the temporary directory, at rest */
	const char *found; /* as in check_case, of repairs */
	bool is_unreadable;
} cases[] = {
	{ "none", "true", "f partial-file n", false },
	{ "no map", "rm work/partial/*", "f partial-lost l", true },
	{ "a short map", "truncate -s 100 work/partial/*",
	  "f partial-damaged l", true },
	{ "a map cut in its bits", "truncate -s 8200 work/partial/*",
	  "f partial-damaged l", true },
	{ "both headers damaged",
	  "for o in 20 4116; do printf XX | dd of=$(ls work/partial/*) bs=1 "
	  "seek=$o conv=notrunc 2>/dev/null; done",
	  "f partial-damaged l", true },
	{ "a directory for a map", "m=$(ls work/partial/*); rm $m; mkdir $m",
	  "f partial-damaged l", true },
	{ "another's map", "cp -a upper/f g && mv g upper/f",
	  "f partial-lost l", true },
	{ "a malformed mark",
	  "setfattr -n trusted.overlay.veneer.partial -v x upper/f",
	  "W/partial/KEY partial-stray R, W/work/incompat/veneer-partial "
	  "staging-partial R, f partial-damaged l",
	  true },
	{ "a map of nobody",
	  "cp work/partial/* work/partial/00112233445566778899aabbccddeeff",
	  "W/partial/KEY partial-stray R, f partial-file n", false },
	{ "no entry", "rmdir work/work/incompat/veneer-partial",
	  "W/work staging-unguarded R, f partial-file n", false },
	{ "whole, with the mark",
	  "setfattr -x trusted.overlay.metacopy upper/f",
	  "W/partial/KEY partial-stray R, W/work/incompat/veneer-partial "
	  "staging-partial R, f partial-done R",
	  false },
};

/* Keys are random. */
static void
hide_keys(char *text)
{
	static const char before[] = "W/partial/";
	char *p = strstr(text, before), *end;

	for (; p; p = strstr(p + 1, before)) {
		p += sizeof(before) - 1;
		end = p + strcspn(p, " ");
		memcpy(p, "KEY", 3);
		memmove(p + 3, end, strlen(end) + 1);
	}
}

static void
one_case(struct fixture *f, const struct damage *d)
{
	char found[1024], *mount = NULL;

	print_message("%s\n", d->name);
	fixture_layers(f, "true");
	f->options = OPTIONS;
	partial_lower(f, "f", SIZE);
	fixture_open(f, true);
	partial_write_at(f, "f", BLOCK + 5, 10);
	partial_fsync(f, "f");
	fixture_close(f);
	fixture_sh(f, d->cmd);
	if (d->is_unreadable) {
		fixture_sh(f, "rm -rf saved && cp -a work saved");
		fixture_open(f, true);
		assert_string_equal("errno 5", fixture_read(f, "f"));
		fixture_close(f);
		fixture_sh(f, "rm -rf work && mv saved work");
	}
	(void)snprintf(found, sizeof(found), "%s",
		       check_found(f, NULL, true, &mount));
	free(mount);
	hide_keys(found);
	assert_string_equal(d->found, found);
}

static void
damaged(void **state)
{
	struct fixture *f = *state;
	size_t i;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		one_case(f, &cases[i]);
}

/* An upper with partial files as a lower: nobody knows which blocks count. */
static void
in_a_lower(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	f->options = OPTIONS;
	partial_lower(f, "f", SIZE);
	fixture_open(f, true);
	partial_write_at(f, "f", BLOCK + 5, 10);
	fixture_close(f);
	fixture_sh(f, "cp -a upper/f lower1/f && rm -rf upper work && mkdir "
		      "upper work");
	fixture_open(f, true);
	assert_string_equal("errno 5", fixture_read(f, "f"));
	assert_int_equal(-EIO, fixture_write(f, "f", "x"));
}

/* Without metacopy=on a start is refused, and leaves the guard where it is. */
static void
refused(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	f->options = OPTIONS;
	partial_lower(f, "f", SIZE);
	fixture_open(f, true);
	partial_write_at(f, "f", BLOCK + 5, 10);
	fixture_close(f);
	f->options = NULL;
	assert_int_equal(-EINVAL, fixture_try_open(f));
	fixture_close(f);
	fixture_sh(f, "[ -d work/work/incompat/veneer-partial ]");
	f->options = OPTIONS;
	fixture_open(f, true);
	partial_assert_same(f, "f");
}

/*
 * With index=on a file that has lost its names in the upper is still what its
 * names in the lower show: its map is not a stray one, and to settle is to
 * complete it. What no name leads to any more is not in the way of that.
 */
static void
only_in_index(void **state)
{
	static const char *const hides[] = { "true", "echo x >lower1/g" };
	struct fixture *f = *state;
	struct settle_result res;
	char found[1024], *mount;
	size_t i;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < 2; i++) {
		fixture_layers(f, hides[i]);
		f->options = OPTIONS ",index=on";
		partial_lower(f, "f", SIZE);
		fixture_sh(f, "ln lower2/f lower2/g");
		fixture_open(f, true);
		partial_write_at(f, "f", BLOCK + 5, 10);
		partial_fsync(f, "f");
		assert_int_equal(0, fixture_do(f, "unlink", "f", NULL));
		fixture_close(f);
		(void)snprintf(found, sizeof(found), "%s",
			       check_found(f, NULL, true, &mount));
		free(mount);
		assert_non_null(strstr(found, " partial-file n"));
		assert_null(strstr(found, " R"));
		if (i == 0) {
			f->options = OPTIONS ",index=on";
			fixture_open(f, true);
			partial_assert_same(f, "g");
			fixture_close(f);
		}
		f->options = NULL;
		assert_int_equal(0, settle_run(f, NULL, true, &res));
		assert_true(fixture_holds(f, "! [ -e work/partial ]"));
		fixture_open(f, true);
		if (i == 0)
			partial_assert_same(f, "g");
		fixture_close(f);
	}
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(damaged), TEST(in_a_lower),
					    TEST(refused),
					    TEST(only_in_index) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
