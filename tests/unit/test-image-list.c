/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which images are listed (--nbd-list, nbd.md 2): regular files that the
 * pattern has, sorted, by names that can be asked for; in bounds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-fixture.h"
#include "image.h"
#include "run.h"
#include "unit.h"

static const char layers[] =
	"mkdir -p L/d/e L/z L/many U/d two\n"
	"for f in b.img a.img d/x.img d/e/y.img z/q; do echo 1 >L/$f; done\n"
	"echo 22 >U/d/up.img; : >L/empty; ln -s a.img L/link; mkfifo L/fifo\n"
	"echo 3 >L/$(printf 'bad\\377'); echo 4 >L/.hidden; echo 5 >two/t\n"
	"seq -f L/many/%05g 1005 | while read f; do echo 1 >$f; done\n";

static struct images t;
static char got[40000];
static unsigned nr, max; /* taken; at most */

static bool
take(void *ctx, struct name name, struct name description)
{
	size_t len = strlen(got);

	(void)ctx;
	assert_true(description.len > 0);
	(void)snprintf(got + len, sizeof(got) - len, "%.*s ", (int)name.len,
		       name.ptr);
	return ++nr < max;
}

static int
list(const char *pattern)
{
	struct request r = { .op = REQUEST_IMAGE_LIST,
			     .uid = NO_ID,
			     .gid = NO_ID,
			     .u.list.emit = take };

	t.cfg.nbd_list = pattern;
	got[0] = '\0';
	nr = 0;
	assert_true(run(&t.server, &r, true) || run(&t.server, &r, false));
	return r.error;
}

static void
patterns(void **state)
{
	static const struct {
		const char *pattern, *want;
	} rows[] = {
		{ "*", ".hidden a.img b.img two:t " },
		{ "*.img", "a.img b.img " },
		{ "d/*", "d/up.img d/x.img " },
		{ "*/*.img", "d/up.img d/x.img " },
		{ "*/*/*", "d/e/y.img " },
		{ "[dz]/*", "d/up.img d/x.img z/q " },
		{ "d/e/y.img", "d/e/y.img " },
		{ "link/*", "" },
		{ "none", "" },
		{ "empty", "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].pattern);
		assert_int_equal(0, list(rows[i].pattern));
		assert_string_equal(rows[i].want, got);
	}
	assert_int_equal(-EPERM, list(NULL));
}

static void
bounds(void **state)
{
	(void)state;
	assert_int_equal(0, list("many/*"));
	assert_int_equal(1000, nr);
	max = 3;
	assert_int_equal(0, list("many/*"));
	assert_int_equal(3, nr);
}

static void
which_patterns(void **state)
{
	(void)state;
	assert_true(image_pattern_is_ok("*"));
	assert_true(image_pattern_is_ok("a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p"));
	assert_false(image_pattern_is_ok("a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q"));
	assert_false(image_pattern_is_ok(""));
	assert_false(image_pattern_is_ok("/a"));
	assert_false(image_pattern_is_ok("a/"));
	assert_false(image_pattern_is_ok("a//b"));
}

static int
setup(void **state)
{
	(void)state;
	if (images_setup(&t, layers) < 0)
		return -1;
	max = 5000;
	images_open(&t, "", "L", "U");
	images_open(&t, "two", "two", NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return images_teardown(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(patterns, setup, teardown),
		cmocka_unit_test_setup_teardown(bounds, setup, teardown),
		cmocka_unit_test(which_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
