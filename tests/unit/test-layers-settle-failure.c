/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The n-th change that settling makes fails, or the process dies there, for
 * every n: the tree that is to be seen is the same, with the options that it
 * needed before, and settling again finishes. What may be lost are times: of
 * the directory that was being worked on, or of a file with several names
 * that was being given its data.
 */
#include "layers-settle.h"
#include "layers-snapshot.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define ALL "redirect_dir=on,metacopy=on,index=on"
#define NONE "redirect_dir=nofollow,metacopy=off,index=off"

static const struct settle_case cases[] = {
	{ "all of it",
	  "mkdir -p lower2/a/s lower1/a lower2/p lower2/z; touch lower2/z/q; "
	  "echo 1 >lower1/a/one; echo 2 "
	  ">lower2/a/two; echo 3 >lower2/a/s/three; setfattr -n user.mine -v v "
	  "lower2/a/two; echo data >lower2/h1; ln lower2/h1 lower2/a/h2; ln "
	  "lower2/h1 lower2/p/h3; ln -s t lower2/s1; ln lower2/s1 "
	  "lower2/p/s2; chown 7:8 lower2/a/two",
	  ALL,
	  ALL,
	  { { "unlink", "z/q", NULL },
	    { "rename", "a", "z" },
	    { "chmod", "p/h3", "640" },
	    { "rename", "z/s", "p/s" },
	    { "rename", "p/s/three", "t" },
	    { "link", "t", "p/t2" },
	    { "unlink", "z/one", NULL },
	    { "chmod", "z/two", "4711" },
	    { "unlink", "s1", NULL } } },
	{ "links in what is flattened, no index so far",
	  "mkdir lower2/a; echo data >lower2/a/h2; ln lower2/a/h2 lower2/h1; "
	  "ln lower2/h1 lower2/h3",
	  "redirect_dir=on",
	  "redirect_dir=on,index=on",
	  { { "rename", "a", "z" } } },
};

/* Die at change @n. Returns whether it went through. */
static bool
settle_dying(struct fixture *f, int n)
{
	struct settle_result res;
	char option[64];
	int status;
	pid_t pid;

	(void)snprintf(option, sizeof(option), "test-fail=%d", n);
	pid = fork();
	if (pid == 0)
		_exit(settle_run(f, option, true, &res) == 0 ? 0 : 1);
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Best-effort steps may fail without failing the whole. */
static bool
settle_failing(struct fixture *f, int n)
{
	struct settle_result res;
	char option[64];

	(void)snprintf(option, sizeof(option), "test-fail=%d:%d", n, EIO);
	return settle_run(f, option, false, &res) == 0;
}

/* One run was cut short: is all as it was, and does the next one finish? */
static void
check_rest(struct fixture *f, const struct settle_case *sc, int n, bool looks)
{
	static char upper[SNAPSHOT_MAX];
	struct settle_result res;

	/* A look is a mount, which may change the upper, too. */
	if (looks && !settle_shows(f, sc->kernel, true))
		fail_msg("another tree after change %d", n);
	assert_int_equal(0, settle_run(f, NULL, true, &res));
	if (!settle_shows(f, NONE, true))
		fail_msg("another tree at last, %d", n);
	snapshot_dir(f, "upper", upper);
	assert_null(strstr(upper, "trusted.overlay.redirect"));
	assert_null(strstr(upper, "trusted.overlay.metacopy"));
	assert_null(strstr(upper, "trusted.overlay.nlink"));
}

static void
every_change(void **state)
{
	struct fixture *f = *state;
	bool is_through;
	size_t i;
	int n;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		settle_lowers(f, &cases[i]);
		for (n = 1, is_through = false; !is_through; n++) {
			settle_upper(f, &cases[i]);
			is_through = settle_dying(f, n);
			check_rest(f, &cases[i], n, !is_through);
			settle_upper(f, &cases[i]);
			check_rest(f, &cases[i], n,
				   !settle_failing(f, n) && n % 2);
		}
		print_message("%s: %d changes\n", cases[i].name, n - 2);
	}
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(every_change) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
