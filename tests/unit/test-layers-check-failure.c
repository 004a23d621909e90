/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking with repairs that fail: each one that does is told, the others are
 * made, and the next run makes the rest.
 */
#include "layers-check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char damage[] =
	"mkdir -p lower1/d work/work; touch lower1/d/f lower1/x; mkdir -p "
	"merged && mount -t overlay overlay -o lowerdir=$PWD/lower1,upperdir="
	"$PWD/upper,workdir=$PWD/work,redirect_dir=on merged && (cd merged; mv "
	"d z; touch x); umount merged; rm -r lower1/d; touch work/work/j; "
	"mkdir "
	"upper/n; mknod upper/n/w c 0 0; cp --preserve=all upper/x upper/n/x; "
	"setfattr -n trusted.overlay.protattr -v q upper/x; touch upper/w; "
	"setfattr -n trusted.overlay.whiteout -v y upper/w; touch lower1/w; "
	"setfattr -n trusted.overlay.impure -v q upper";

/* How many of the findings have that state? */
static unsigned
count(const char *found, char state)
{
	unsigned nr = 0;
	size_t len;

	for (; *found; found += len + strspn(found + len, ", ")) {
		len = strcspn(found, ",");
		nr += found[len - 1] == state;
	}
	return nr;
}

static void
each_fails(void **state)
{
	struct fixture *f = *state;
	char options[64], *mount;
	unsigned nr_errors, nr_failed, sum = 0, i;
	const char *found;

	SKIP_UNLESS_ROOT();
	/* Restoring the times of a directory may fail, and is no repair. */
	for (i = 1; i <= 16; i++) {
		fixture_layers(f, damage);
		found = check_found(f, NULL, false, &mount);
		free(mount);
		nr_errors = count(found, 'r');
		assert_int_equal(9, nr_errors);
		(void)snprintf(options, sizeof(options), "test-fail=%u:28", i);
		found = check_found(f, options, true, &mount);
		free(mount);
		nr_failed = count(found, 'f');
		assert_true(nr_failed <= 1);
		sum += nr_failed;
		assert_int_equal(nr_errors, nr_failed + count(found, 'R'));
		found = check_found(f, NULL, true, &mount);
		free(mount);
		assert_in_range(count(found, 'R'), 0, nr_failed);
		found = check_found(f, NULL, false, &mount);
		free(mount);
		assert_int_equal(0, count(found, 'r') + count(found, 'l') +
					    count(found, 'f'));
	}
	/* Two changes make a directory opaque; two a whiteout and its name. */
	assert_in_range(sum, 11, 14);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(each_fails) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
