/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a server leaves on an upper and its work directory while it runs and
 * for good: uuid, interlock, volatile (overlay.md 1.3, 1.4, 10).
 */
#include "layers-fixture.h"

#include <errno.h>
#include <stdio.h>

#define MOUNT(options)                                                      \
	"mkdir -p merged; mount -t overlay none -o lowerdir=lower1:lower2," \
	"upperdir=$PWD/upper,workdir=$PWD/work" options                     \
	" merged 2>/dev/null && umount merged"

static uint64_t
fsid(struct fixture *f)
{
	struct fs_info info;

	assert_int_equal(0, tree_statfs(f->top, &fixture_call, &info));
	return info.fsid;
}

static void
uuid(void **state)
{
	struct fixture *f = *state;
	uint64_t plain, first;

	SKIP_UNLESS_ROOT();
	f->options = "uuid=null";
	fixture_open(f, true);
	plain = fsid(f);
	assert_false(fixture_holds(f, "getfattr -n trusted.overlay.uuid upper "
				      "2>/dev/null"));
	fixture_close(f);
	f->options = NULL;
	fixture_open(f, true);
	first = fsid(f);
	assert_true(first != plain);
	fixture_restart(f);
	assert_true(first == fsid(f));
	/* An upper in use before keeps the number it had; unless asked. */
	fixture_close(f);
	fixture_sh(f, "setfattr -x trusted.overlay.uuid upper; setfattr -n "
		      "trusted.overlay.impure -v y upper");
	fixture_open(f, true);
	assert_true(plain == fsid(f));
	f->options = "uuid=on";
	fixture_restart(f);
	assert_true(plain != fsid(f));
}

/* The kernel shows the same number for the same upper. */
static void
uuid_of_the_kernel(void **state)
{
	struct fixture *f = *state;
	unsigned long long want;
	char cmd[256];

	SKIP_UNLESS_ROOT();
	fixture_open(f, true);
	want = fsid(f);
	fixture_close(f);
	/* stat prints the halves the other way round. */
	(void)snprintf(cmd, sizeof(cmd),
		       "mkdir -p merged; mount -t overlay none -o "
		       "lowerdir=lower1,upperdir=upper,workdir=work merged && "
		       "stat -f -c %%i merged >id; umount merged; grep -qx "
		       "\"$(printf %%x%%08x 0x%llx 0x%llx)\" id",
		       want & 0xffffffff, want >> 32);
	fixture_sh(f, cmd);
}

static void
interlock(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	f->options = "interlock=on";
	fixture_open(f, true);
	assert_true(fixture_holds(f, "[ -d work/work/incompat/veneer-live ]"));
	assert_false(fixture_holds(f, MOUNT("")));
	fixture_close(f);
	assert_true(fixture_holds(f, "[ ! -e work/work/incompat ]"));
	assert_true(fixture_holds(f, MOUNT("")));
	/* Of a server that was killed. */
	fixture_sh(f, "mkdir -p work/work/incompat/veneer-live");
	assert_false(fixture_holds(f, MOUNT("")));
	f->options = NULL;
	fixture_open(f, true);
	fixture_close(f);
	assert_true(fixture_holds(f, MOUNT("")));
}

static void
volatile_upper(void **state)
{
	static const char *const options[] = { "volatile", "fsync=volatile" };
	struct fixture *f = *state;
	size_t i;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < 2; i++) {
		fixture_layers(f, ":");
		f->options = options[i];
		fixture_open(f, true);
		fixture_close(f);
		assert_false(fixture_holds(f, MOUNT("")));
		assert_int_equal(-EINVAL, fixture_try_open(f));
		fixture_sh(f, "rm -r work/work/incompat/volatile");
		f->options = NULL;
		fixture_open(f, true);
		fixture_close(f);
	}
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(uuid),
					    TEST(uuid_of_the_kernel),
					    TEST(interlock),
					    TEST(volatile_upper) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
