/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The n-th change of the upper fails, or the process dies there, for every n
 * of every kind of operation: what is seen afterwards is the old tree or the
 * new one, the staging area is clean after a start, the lowers are as they
 * were.
 */
#include "layers-fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *op, *a, *b;
} ops[] = {
	{ "write", "d/f", NULL },     { "chmod", "d/f", "600" },
	{ "create", "d/new", NULL },  { "create", "white", NULL },
	{ "mkdir", "white", NULL },   { "symlink", "white", "x" },
	{ "unlink", "d/f", NULL },    { "unlink", "pure", NULL },
	{ "rmdir", "emptied", NULL }, { "rename", "d/f", "n" },
	{ "rename", "d/f", "white" }, { "rename", "puredir", "white" },
	{ "rename", "pure", "d/f" },  { "rename", "puredir", "emptied" },
	{ "link", "d/f", "l" },       { "link", "d/f", "white" },
	{ "truncate", "d/f", "0" },
};

static const char layers[] =
	"rm -rf lower1 lower2 upper work; "
	"mkdir -p lower1 lower2/d lower2/emptied upper/emptied work "
	"upper/puredir; printf data >lower2/d/f; touch lower2/emptied/x "
	"upper/puredir/p; printf pure >upper/pure; touch lower2/white; "
	"mknod upper/white c 0 0; mknod upper/emptied/x c 0 0; "
	"setfattr -n trusted.overlay.origin upper/emptied";

static void
open_failing(struct fixture *f, int at, int err)
{
	struct tree_config *c = tree_config_new();
	static const char *const keys[] = { "lower", "lower", "upper", "work" };
	static const char *const dirs[] = { "lower1", "lower2", "upper",
					    "work" };
	char value[128], *why;
	int i;

	for (i = 0; i < 4; i++) {
		(void)snprintf(value, sizeof(value), "%s/%s", f->root, dirs[i]);
		assert_int_equal(0, tree_config_set(c, keys[i], value, &why));
	}
	(void)snprintf(value, sizeof(value), "%d:%d", at, err);
	assert_int_equal(0, tree_config_set(c, "test-fail", value, &why));
	assert_int_equal(0, tree_open(c, NULL, NULL, &f->tree, &why));
	tree_config_free(c);
	f->top = tree_root(f->tree);
}

static void
close_now(struct fixture *f)
{
	node_unref(f->top);
	tree_close(f->tree);
	f->top = NULL;
	f->tree = NULL;
}

static int
do_op(struct fixture *f, size_t i)
{
	if (strcmp(ops[i].op, "write") == 0)
		return fixture_write(f, ops[i].a, "DATA");
	return fixture_do(f, ops[i].op, ops[i].a, ops[i].b);
}

/* All that can be seen: names, and contents of the files of interest. */
static void
snapshot(struct fixture *f, char *buf, size_t size)
{
	static const char *const dirs[] = { "", "d", "emptied", "puredir",
					    "white" };
	static const char *const files[] = { "d/f", "pure", "n", "white", "l" };
	size_t i, len = 0;

	for (i = 0; i < 5; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s: %s\n",
					dirs[i], fixture_list(f, dirs[i]));
	for (i = 0; i < 5; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s=%s\n",
					files[i], fixture_read(f, files[i]));
}

static void
fresh_snapshot(struct fixture *f, char *buf, size_t size)
{
	fixture_open(f, true);
	snapshot(f, buf, size);
	close_now(f);
	fixture_sh(f, "test -z \"$(ls -A work/work)\"");
	fixture_sh(f, "test \"$(cat lower2/d/f)\" = data");
}

static void
assert_old_or_new(const char *now, const char *old, const char *new, size_t i,
		  int n)
{
	if (strcmp(now, old) != 0 && strcmp(now, new) != 0)
		fail_msg("%s %s, change %d: neither old nor new:\n%s\nold:\n%s",
			 ops[i].op, ops[i].a, n, now, old);
}

/* Returns whether the operation still went through. */
static bool
one_failure(struct fixture *f, size_t i, int n, int err, const char *old,
	    const char *new)
{
	char now[4096];
	int status, r;
	pid_t pid;

	fixture_sh(f, layers);
	if (err == 0) {
		pid = fork();
		if (pid == 0) {
			open_failing(f, n, 0);
			_exit(do_op(f, i) == 0 ? 0 : 1);
		}
		assert_int_equal(pid, waitpid(pid, &status, 0));
		r = WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
	} else {
		open_failing(f, n, err);
		r = do_op(f, i);
		snapshot(f, now, sizeof(now));
		assert_old_or_new(now, old, new, i, n);
		close_now(f);
	}
	fresh_snapshot(f, now, sizeof(now));
	assert_old_or_new(now, old, new, i, n);
	return r == 0;
}

static void
every_change(struct fixture *f, int err)
{
	char old[4096], new[4096];
	size_t i;
	int n, ok;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		fixture_sh(f, layers);
		fresh_snapshot(f, old, sizeof(old));
		fixture_open(f, true);
		assert_int_equal(0, do_op(f, i));
		close_now(f);
		fresh_snapshot(f, new, sizeof(new));
		/* Best-effort steps may fail without failing the whole. */
		for (n = 1, ok = 0; ok < 4; n++)
			ok = one_failure(f, i, n, err, old, new) ? ok + 1 : 0;
		print_message("%s %s: %d changes\n", ops[i].op, ops[i].a,
			      n - 5);
	}
}

static void
fails(void **state)
{
	SKIP_UNLESS_ROOT();
	every_change(*state, EIO);
}

static void
dies(void **state)
{
	SKIP_UNLESS_ROOT();
	every_change(*state, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fails, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(dies, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
