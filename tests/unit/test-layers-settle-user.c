/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Settling an upper with user.overlay.* marks: afterwards the kernel shows
 * without userxattr what it showed with it, xattrs of clients that look like
 * marks included (overlay.md 2.4), and at each moment with one of the two.
 */
#include "layers-settle.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define NONE "redirect_dir=nofollow,metacopy=off,index=off"
#define FILES                                                                \
	"mkdir -p lower2/d/s lower2/e lower2/k; echo 1 >lower2/d/f; echo 2 " \
	">lower2/d/g; echo 3 >lower2/e/h; ln -s t lower2/d/l; mkfifo "       \
	"lower2/p"
/* Changes by clients of a kernel mount. */
#define CLIENT(cmd)                                                           \
	"; mkdir -p merged; mount -t overlay none -o lowerdir=$PWD/lower1:"   \
	"$PWD/lower2,upperdir=$PWD/upper,workdir=$PWD/work,userxattr merged " \
	"&& (cd merged && " cmd "); umount merged"
#define NAMES                                                                \
	"chmod 600 d/f && chmod 700 e && rm -r k && mkdir k && touch k/new " \
	"&& rm d/g && chown -h 3:4 d/l p && for n in user.overlay.opaque "   \
	"user.overlay.overlay.x user.overlay.overlay.overlay.x "             \
	"user.overlay.x trusted.overlay.opaque trusted.overlay.overlay.x "   \
	"trusted.overlay.x user.mine; do setfattr -n $n -v y$n k d/f e || "  \
	"exit; done; setfattr -h -n trusted.overlay.y -v 1 d/l; ln d/f d/f2"

static const struct settle_case cases[] = {
	{ "names of clients",
	  FILES CLIENT(NAMES),
	  "userxattr",
	  "userxattr",
	  { { "chmod", "d/s", "700" }, { "rename", "d/f", "k/f" } } },
	{ "marks in lowers, of both kinds",
	  FILES
	  "; for k in user trusted; do mkdir -p lower1/$k/s lower2/$k/s; echo "
	  "1 >lower1/$k/s/one; echo 2 >lower2/$k/s/two; setfattr -n "
	  "$k.overlay.opaque -v y lower1/$k/s; setfattr -n $k.overlay.metacopy "
	  "-v '' lower2/$k/s/two; setfattr -n $k.overlay.some -v 1 lower2/e; "
	  "done; setfattr -x user.overlay.metacopy lower2/user/s/two",
	  "userxattr",
	  "userxattr",
	  { { "chmod", "d/f", "600" } } },
};

static void
table(void **state)
{
	struct fixture *f = *state;
	struct settle_result res;
	size_t i;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		settle_prepare(f, &cases[i]);
		assert_int_equal(0, settle_run(f, "userxattr=on", true, &res));
		assert_true(settle_shows(f, NONE, false));
		assert_true(settle_shows(f, "", false));
		assert_true(res.nr_rewritten > 0);
		assert_true(fixture_holds(
			f, "! getfattr -R -h -d -m overlay.veneer.m upper | "
			   "grep ."));
	}
}

/* Both kinds: nobody but the caller knows. */
static void
ambiguous(void **state)
{
	struct fixture *f = *state;
	struct settle_result res;

	SKIP_UNLESS_ROOT();
	settle_prepare(f, &cases[0]);
	fixture_sh(f, "setfattr -n trusted.overlay.opaque -v y upper/e");
	assert_int_equal(-EINVAL, settle_run(f, NULL, true, &res));
	assert_int_equal(0, settle_run(f, "userxattr=off", true, &res));
	assert_int_equal(0, res.nr_rewritten);
	assert_int_equal(0, settle_run(f, "userxattr=on", true, &res));
	assert_true(res.nr_rewritten > 0);
}

static void
dies(void **state)
{
	struct fixture *f = *state;
	struct settle_result res;
	bool is_through = false;
	char option[64];
	int n, status;
	pid_t pid;

	SKIP_UNLESS_ROOT();
	for (n = 1; !is_through; n++) {
		settle_prepare(f, &cases[0]);
		(void)snprintf(option, sizeof(option),
			       "userxattr=on,test-fail=%d", n);
		pid = fork();
		if (pid == 0)
			_exit(settle_run(f, option, true, &res) < 0);
		assert_int_equal(pid, waitpid(pid, &status, 0));
		is_through = WIFEXITED(status);
		if (is_through)
			assert_int_equal(0, WEXITSTATUS(status));
		else if (!settle_shows(f,
				       fixture_holds(f, "[ \"$(getfattr -n "
							"trusted.overlay."
							"veneer.settle --only-"
							"values upper "
							"2>/dev/null)\" = 2 ]")
					       ? ""
					       : "userxattr",
				       true))
			fail_msg("another tree after change %d", n);
		assert_int_equal(0, settle_run(f, "userxattr=on", true, &res));
		if (!settle_shows(f, NONE, false))
			fail_msg("another tree at last, %d", n);
	}
	print_message("%d changes\n", n - 2);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(table), TEST(ambiguous),
					    TEST(dies) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
