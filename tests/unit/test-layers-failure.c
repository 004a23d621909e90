/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The n-th change of the upper fails, or the process dies there, for every n of
 * every kind of operation, without options and with those that change the
 * format. What is to be seen then, after a restart, and through a kernel mount,
 * is the old tree or the new one; nothing is left in the staging area, and the
 * lowers are as they were.
 */
#include "layers-blocks.h"
#include "layers-snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static const struct failing {
	const char *options; /* the kernel's, too. "": names may part */
	const char *layers; /* a shell command */
	const char *before; /* operations, "chmod f 600; ...", or NULL */
	const char *op; /* whose changes fail */
} cases[] = {
#define PLAIN                                                            \
	"mkdir lower2/d lower2/emptied; printf data >lower2/d/f; touch " \
	"lower2/emptied/x lower2/white"
#define UPPER                                                               \
	"unlink white; unlink emptied/x; mkdir puredir; create puredir/p; " \
	"create pure"
	{ "", PLAIN, UPPER, "write d/f" },
	{ "", PLAIN, UPPER, "chmod d/f 600" },
	{ "", PLAIN, UPPER, "create d/new" },
	{ "", PLAIN, UPPER, "create white" },
	{ "", PLAIN, UPPER, "mkdir white" },
	{ "", PLAIN, UPPER, "symlink white x" },
	{ "", PLAIN, UPPER, "unlink d/f" },
	{ "", PLAIN, UPPER, "unlink pure" },
	{ "", PLAIN, UPPER, "rmdir emptied" },
	{ "", PLAIN, UPPER, "rename d/f n" },
	{ "", PLAIN, UPPER, "rename d/f white" },
	{ "", PLAIN, UPPER, "rename puredir white" },
	{ "", PLAIN, UPPER, "rename pure d/f" },
	{ "", PLAIN, UPPER, "rename puredir emptied" },
	{ "", PLAIN, UPPER, "link d/f l" },
	{ "", PLAIN, UPPER, "link d/f white" },
	{ "", PLAIN, UPPER, "truncate d/f 0" },
#define DIRS                                                                   \
	"mkdir -p lower2/d/s lower1/d lower2/e; echo 1 >lower1/d/one; echo 2 " \
	">lower2/d/two; echo 3 >lower2/d/s/three; setfattr -n user.mine -v v " \
	"lower2/d/two; chown 7:8 lower2/d/two; touch -d @999 lower*/d/*"
#define ON "redirect_dir=on"
#define OFF "redirect_dir=off"
	{ ON, DIRS, NULL, "rename d n" },
	{ ON, DIRS, NULL, "rename d e/n" },
	{ ON, DIRS, NULL, "rename d/s n" },
	{ ON, DIRS, "unlink d/two", "rename d e/n" },
	{ ON, DIRS, "rename d n", "rename n d" },
	{ ON, DIRS, "rename d/s n", "rename n e" },
	{ OFF, DIRS, NULL, "rename d n" },
	{ OFF, DIRS, NULL, "rename d e" },
	{ OFF, DIRS, "unlink d/two", "rename d e/n" },
#define META "redirect_dir=on,metacopy=on"
#define FILE                                                            \
	"mkdir lower2/d; echo data >lower2/f; touch -d @999 lower2/f; " \
	"setfattr -n user.mine -v v lower2/f; chown 7:8 lower2/f"
	{ META, FILE, NULL, "chmod f 600" },
	{ META, FILE, NULL, "rename f g" },
	{ META, FILE, NULL, "rename f d/g" },
	{ META, FILE, NULL, "link f d/g" },
	{ META, FILE, "chmod f 600", "link f d/g" },
	{ META, FILE, "chmod f 600", "write f" },
	{ META, FILE, "chmod f 600", "truncate f 0" },
	{ META, FILE, "rename f d/g", "write d/g" },
	{ META, FILE, NULL, "write-late f" },
	{ META, FILE, "chmod f 600", "write-flush f" },
	{ META, FILE, NULL, "write-zeros f free" },
	{ META, FILE, NULL, "write-zeros f keep" },
	{ META, FILE, "link f d/g", "unlink f" },
#define INDEX "index=on"
#define LINKS                                                                \
	"mkdir lower2/d; echo data >lower2/f; ln lower2/f lower2/d/g; ln "   \
	"lower2/f lower2/h; mkfifo lower2/p; ln lower2/p lower2/d/q; touch " \
	"-d @999 lower2/f lower2/p"
	{ INDEX, LINKS, NULL, "chmod f 600" },
	{ INDEX, LINKS, NULL, "write d/g" },
	{ INDEX, LINKS, NULL, "write-flush d/g" },
	{ INDEX, LINKS, NULL, "unlink d/g" },
	{ INDEX, LINKS, NULL, "rename f d/n" },
	{ INDEX, LINKS, NULL, "link f d/n" },
	{ INDEX, LINKS, NULL, "chmod p 600" },
	{ INDEX, LINKS, "chmod f 600", "write d/g" },
	{ INDEX, LINKS, "chmod f 600", "unlink h" },
	{ INDEX, LINKS, "unlink f; unlink h", "unlink d/g" },
	{ INDEX, LINKS, "unlink d/q", "rename h d/n" },
#define ALL "redirect_dir=on,metacopy=on,index=on"
	{ ALL, LINKS, NULL, "chmod f 600" },
	{ ALL, LINKS, "chmod f 600", "write d/g" },
	{ ALL, LINKS, "rename f n", "write d/g" },
	{ ALL, LINKS, "rename d n", "write n/g" },
	/* Without any: all names of a lower file are given to the copy. */
	{ "", LINKS, NULL, "chmod f 600" },
	{ "", LINKS, NULL, "write d/g" },
	{ "", LINKS, NULL, "write-flush d/g" },
	{ "", LINKS, NULL, "rename p d/n" },
	{ "", LINKS, "unlink h", "chmod f 600" },
	{ "userxattr", DIRS, NULL, "rename d n" },
	{ "userxattr", DIRS, NULL, "write d/two" },
#define MAPPED "owner=mapped"
#define OWNED                                                             \
	"mkdir lower2/d; echo data >lower2/f; ln -s to lower2/l; mkfifo " \
	"lower2/p; chown -h 7:8 lower2/d lower2/f lower2/p; chmod 6755 "  \
	"lower2/f; touch -hd @999 lower2/*"
	{ MAPPED, OWNED, NULL, "chown f 33" },
	{ MAPPED, OWNED, "chown f 33", "chown f 34" },
	{ MAPPED, OWNED, NULL, "chmod f 4711" },
	{ MAPPED, OWNED, NULL, "chmod d 700" },
	{ MAPPED, OWNED, NULL, "chown l 33" },
	{ MAPPED, OWNED, "chown l 0", "chown l 33" },
	{ MAPPED, OWNED, "chown l 0", "link l d/l" },
	{ MAPPED, OWNED, NULL, "rename p d/q" },
	{ MAPPED, OWNED, NULL, "mkfifo d/new" },
	{ MAPPED, OWNED, "unlink p", "mkfifo p" },
	{ "volatile", DIRS, NULL, "write d/two" },
	{ "volatile", DIRS, NULL, "unlink d/two" },
	{ "volatile", DIRS, NULL, "write-flush d/two" },
	{ "fsync=strict", DIRS, NULL, "write-flush d/s/three" },
};

static bool dying; /* the process, that is; else its changes fail */
static char old[SNAPSHOT_MAX], new[SNAPSHOT_MAX], now[SNAPSHOT_MAX];
static char kernel_old[SNAPSHOT_MAX], kernel_new[SNAPSHOT_MAX];
static char lower[2][SNAPSHOT_MAX];

/* "write-late", "write-flush", "write-zeros" of what is opened late. */
static int
do_late(struct fixture *f, const char *op, const char *path, const char *how)
{
	struct node *n = blocks_walk(f, path);
	struct handle *h = blocks_open(n);
	int r;

	if (strcmp(op, "write-zeros") == 0)
		r = tree_zero(h, &fixture_call, 0, 4,
			      strcmp(how, "keep") ? ZERO_FREE : ZERO_KEEP,
			      false);
	else
		r = blocks_write(h, "DATA", 0);
	if (r == 0 && strcmp(op, "write-flush") == 0)
		r = blocks_sync(h, SYNC_DATA);
	handle_unref(h);
	node_unref(n);
	return r;
}

static int
do_op(struct fixture *f, const char *op)
{
	char word[3][32] = { "", "", "" };

	assert_true(sscanf(op, " %31[^; ] %31[^; ] %31[^; ]", word[0], word[1],
			   word[2]) > 1);
	if (strncmp(word[0], "write-", 6) == 0)
		return do_late(f, word[0], word[1], word[2]);
	return strcmp(word[0], "write") == 0
		       ? fixture_write(f, word[1], "DATA")
		       : fixture_do(f, word[0], word[1],
				    *word[2] ? word[2] : NULL);
}

/*
 * Does a crash lose the mtime of a file, as in the kernel? While data comes to
 * a metadata-only file it is that of the writing.
 */
static bool
loses_mtime(const struct failing *c)
{
	return dying && c->before && strstr(c->options, "metacopy") &&
	       strcspn(c->op, "wt") == 0;
}

static struct snapshot_how
how(const struct failing *c)
{
	return (struct snapshot_how){ .has_links = *c->options != 0,
				      .times = loses_mtime(c)
						       ? SNAPSHOT_NO_TIMES
						       : SNAPSHOT_SET };
}

static bool
is_volatile(const struct failing *c)
{
	return strcmp(c->options, "volatile") == 0;
}

/* A kernel refuses what a volatile mount left; so does veneer. */
static void
forget_volatile(struct fixture *f, const struct failing *c)
{
	if (is_volatile(c))
		fixture_sh(f, "rm -rf work/work/incompat");
}

/* The lowers, once for each case: nothing ever changes them. */
static void
prepare_lowers(struct fixture *f, const struct failing *c)
{
	fixture_layers(f, c->layers);
	snapshot_dir(f, "lower1", lower[0]);
	snapshot_dir(f, "lower2", lower[1]);
}

static void
assert_lowers(struct fixture *f)
{
	static char is[SNAPSHOT_MAX];

	snapshot_dir(f, "lower1", is);
	assert_string_equal(is, lower[0]);
	snapshot_dir(f, "lower2", is);
	assert_string_equal(is, lower[1]);
}

/* The upper as it is before the operation. */
static void
prepare(struct fixture *f, const struct failing *c)
{
	const char *op = c->before;

	fixture_fresh(f, "upper");
	fixture_fresh(f, "work");
	f->options = *c->options ? c->options : NULL;
	fixture_open(f, true);
	for (; op; op = strchr(op, ';') ? strchr(op, ';') + 1 : NULL)
		assert_int_equal(0, do_op(f, op));
	fixture_close(f);
	forget_volatile(f, c);
}

static void
assert_nothing_staged(struct fixture *f)
{
	char path[128];
	const struct dirent *e;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/work/work", f->root);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && strcmp(e->d_name, "incompat") != 0)
			fail_msg("%s/%s is left", path, e->d_name);
	(void)closedir(d);
}

static void
look(struct fixture *f, const struct failing *c, char buf[SNAPSHOT_MAX],
     char kernel[SNAPSHOT_MAX])
{
	char options[128] = "";

	forget_volatile(f, c);
	fixture_open(f, true);
	snapshot_tree(f, how(c), buf);
	fixture_close(f);
	if (!is_volatile(c))
		fixture_check(f);
	assert_nothing_staged(f);
	forget_volatile(f, c);
	/* The kernel sees the marks as xattrs, and no owners. */
	if (strcmp(c->options, MAPPED) == 0) {
		strcpy(kernel, buf);
		return;
	}
	if (*c->options)
		(void)snprintf(options, sizeof(options), ",%s", c->options);
	assert_true(snapshot_kernel(f, options, how(c), kernel));
}

static void
assert_old_or_new(const struct failing *c, const char *is, const char *a,
		  const char *b, int n, const char *when)
{
	if (strcmp(is, a) != 0 && strcmp(is, b) != 0)
		fail_msg("%s: %s, change %d, %s: neither old nor new:\n%s\n"
			 "old:\n%s\nnew:\n%s",
			 c->options, c->op, n, when, is, a, b);
}

static void
set_options(struct fixture *f, const struct failing *c, char buf[static 256],
	    int n, int err)
{
	(void)snprintf(buf, 256, "%s%stest-fail=%d:%d", c->options,
		       *c->options ? "," : "", n, err);
	f->options = buf;
}

/* Whether the operation still went through. */
static bool
fail_at(struct fixture *f, const struct failing *c, int n, int err)
{
	char options[256];
	int status, r;
	pid_t pid;

	set_options(f, c, options, n, err);
	if (err) {
		r = fixture_try_open(f);
		if (r == 0) {
			r = do_op(f, c->op);
			snapshot_tree(f, how(c), now);
			fixture_close(f);
			assert_old_or_new(c, now, old, new, n, "at once");
		}
	} else {
		pid = fork();
		if (pid == 0) {
			_exit(fixture_try_open(f) == 0 && do_op(f, c->op) == 0
				      ? 0
				      : 1);
		}
		assert_int_equal(pid, waitpid(pid, &status, 0));
		assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
		r = WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
	}
	f->options = *c->options ? c->options : NULL;
	return r == 0;
}

static void
one_case(struct fixture *f, const struct failing *c)
{
	static char kernel[SNAPSHOT_MAX];
	int n, ok;

	prepare_lowers(f, c);
	prepare(f, c);
	look(f, c, old, kernel_old);
	assert_string_equal(old, kernel_old);
	prepare(f, c);
	fixture_open(f, true);
	assert_int_equal(0, do_op(f, c->op));
	fixture_close(f);
	look(f, c, new, kernel_new);
	assert_string_equal(new, kernel_new);
	/* Best-effort steps may fail without failing the whole. */
	for (n = 1, ok = 0; ok < 3; n++) {
		prepare(f, c);
		ok = fail_at(f, c, n,
			     dying   ? 0
			     : n % 2 ? EIO
				     : ENOSPC)
			     ? ok + 1
			     : 0;
		look(f, c, now, kernel);
		assert_old_or_new(c, now, old, new, n, "restarted");
		assert_old_or_new(c, kernel, old, new, n, "in the kernel");
		assert_lowers(f);
	}
	print_message("%s: %s: %d changes\n", c->options, c->op, n - 4);
}

static void
every_change(struct fixture *f, bool dies)
{
	size_t i;

	dying = dies;
	SKIP_UNLESS_ROOT();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		one_case(f, &cases[i]);
}

static void
fails(void **state)
{
	every_change(*state, false);
}

static void
dies(void **state)
{
	every_change(*state, true);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(fails), TEST(dies) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
