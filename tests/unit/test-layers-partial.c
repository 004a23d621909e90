/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Partial files (issue 5, "Instant copy-up"): the first write to a large lower
 * file copies the blocks that it touches and no more; whatever is done then,
 * everybody sees the whole file; it is completed, and then an ordinary one.
 */
#include "layers-partial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define OPTIONS "metacopy=on,copyup=lazy,partial-above=16K,test-slow=0"
#define SIZE (10 * BLOCK + 1234)

static void
start(struct fixture *f, const char *options)
{
	f->options = options;
	partial_lower(f, "f", SIZE);
	fixture_open(f, true);
}

/* Blocks are copied that a write touches in part; the rest is read below. */
static void
write_and_read(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	start(f, OPTIONS);
	partial_write_at(f, "f", 2 * BLOCK - 10, 20);
	fixture_sh(f, PARTIAL("f") " && [ $(ls work/partial | wc -l) = 1 ]"
				   " && [ -d work/work/incompat/veneer-partial"
				   " ] && [ $(du -k upper/f | cut -f1) -lt "
				   "300 ]");
	partial_assert_same(f, "f");
	partial_write_at(f, "f", SIZE - 100, 100);
	partial_write_at(f, "f", 5 * BLOCK, BLOCK);
	partial_assert_same(f, "f");
	fixture_restart(f);
	partial_assert_same(f, "f");
	fixture_sh(f, PARTIAL("f"));
	partial_assert_check(f);
}

/* Beyond the end of what is below; and what was cut off is zeros afterwards. */
static void
sizes(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	start(f, OPTIONS);
	partial_write_at(f, "f", SIZE + BLOCK, 10);
	partial_assert_same(f, "f");
	partial_truncate_to(f, "f", 4 * BLOCK + 99);
	partial_assert_same(f, "f");
	fixture_restart(f);
	partial_assert_same(f, "f");
	partial_truncate_to(f, "f", 8 * BLOCK);
	partial_assert_same(f, "f");
	partial_write_at(f, "f", 4 * BLOCK + 200, 50);
	fixture_restart(f);
	partial_assert_same(f, "f");
	fixture_sh(f, PARTIAL("f"));
	partial_truncate_to(f, "f", 0);
	fixture_sh(f, WHOLE("f") " && [ -z \"$(ls work/partial)\" ] && "
				 "[ ! -e work/work/incompat ]");
	partial_assert_same(f, "f");
}

/* A sync of a file with nothing missing makes it an ordinary one. */
static void
completed(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	SKIP_UNLESS_ROOT();
	start(f, OPTIONS);
	for (i = 0; i < 11; i++)
		partial_write_at(f, "f", i * BLOCK,
				 i == 10 ? SIZE - 10 * BLOCK : BLOCK);
	fixture_sh(f, PARTIAL("f"));
	partial_fsync(f, "f");
	fixture_sh(f, WHOLE("f") " && [ -z \"$(ls work/partial)\" ]");
	partial_assert_same(f, "f");
	partial_write_at(f, "f", 77, 10);
	partial_assert_same(f, "f");
}

/* Names come and go; the map goes with the last one. */
static void
names(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	f->options = OPTIONS;
	fixture_sh(f, "mkdir lower2/d");
	start(f, OPTIONS);
	partial_write_at(f, "f", 100, 20);
	assert_int_equal(0, fixture_do(f, "rename", "f", "d/g"));
	partial_write_at(f, "d/g", 3 * BLOCK + 100, 20);
	assert_int_equal(0, fixture_do(f, "link", "d/g", "h"));
	assert_int_equal(0, fixture_do(f, "chmod", "h", "640"));
	partial_assert_same(f, "h");
	fixture_restart(f);
	partial_assert_same(f, "d/g");
	assert_int_equal(0, fixture_do(f, "unlink", "h", NULL));
	partial_assert_same(f, "d/g");
	fixture_sh(f, "[ $(ls work/partial | wc -l) = 1 ]");
	assert_int_equal(0, fixture_do(f, "create", "n", NULL));
	assert_int_equal(0, fixture_do(f, "rename", "n", "d/g"));
	fixture_sh(f, "[ -z \"$(ls work/partial)\" ] && [ ! -e "
		      "work/work/incompat ]");
}

/* What needs all of the data takes it from where it is. */
static void
copied_by_copier(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	start(f, "metacopy=on,copyup=background,partial-above=16K,"
		 "test-slow=0");
	fixture_sh(f, "touch -d @999 lower2/f");
	partial_write_at(f, "f", 3 * BLOCK + 100, 20);
	fixture_restart(f);
	fixture_sh(f, "touch -d @1234567 upper/f");
	partial_copy_all(f);
	fixture_sh(f, WHOLE("f") " && [ $(stat -c %Y upper/f) = "
				 "1234567 ]");
	partial_assert_same(f, "f");
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(write_and_read), TEST(sizes),
					    TEST(completed), TEST(names),
					    TEST(copied_by_copier) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
