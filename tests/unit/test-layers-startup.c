/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The checks at start (overlay.md 1.3): the errno, and a message that names
 * the path. And options: unknown ones, escapes, what is not there yet.
 */
#include "layers-fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "@" in a value stands for the temporary directory. */
struct option_case {
	const char *key, *value;
};

static const struct {
	const char *name, *prepare;
	struct option_case options[4];
	int want;
	const char *says; /* in the message */
} cases[] = {
	{ "all is well",
	  ":",
	  { { "lowerdir", "@/lower1:@/lower2" },
	    { "upperdir", "@/upper" },
	    { "workdir", "@/work" } },
	  0,
	  NULL },
	{ "read-only with one lower",
	  ":",
	  { { "lower", "@/lower1" } },
	  0,
	  NULL },
	{ "the default work directory is made",
	  ":",
	  { { "lower", "@/lower1" }, { "upper", "@/upper" } },
	  0,
	  NULL },
	{ "a missing lower", ":", { { "lower", "@/none" } }, -ENOENT, "/none" },
	{ "a lower that is a file",
	  "touch file",
	  { { "lower", "@/file" } },
	  -EINVAL,
	  "not a directory" },
	{ "a missing upper",
	  ":",
	  { { "lower", "@/lower1" }, { "upper", "@/none" } },
	  -ENOENT,
	  "/none" },
	{ "upper is work",
	  ":",
	  { { "lower", "@/lower1" },
	    { "upper", "@/upper" },
	    { "work", "@/upper" } },
	  -EINVAL,
	  "the same" },
	{ "work inside upper",
	  "mkdir upper/w",
	  { { "lower", "@/lower1" },
	    { "upper", "@/upper" },
	    { "work", "@/upper/w" } },
	  -EINVAL,
	  "inside upper" },
	{ "upper inside work",
	  "mkdir work/u",
	  { { "lower", "@/lower1" },
	    { "upper", "@/work/u" },
	    { "work", "@/work" } },
	  -EINVAL,
	  "inside work" },
	{ "work on another file system",
	  ":",
	  { { "lower", "@/lower1" },
	    { "upper", "@/upper" },
	    { "work", "/dev/shm" } },
	  -EINVAL,
	  "same file system" },
	{ "lower is upper",
	  ":",
	  { { "lower", "@/upper" },
	    { "upper", "@/upper" },
	    { "work", "@/work" } },
	  -ELOOP,
	  "/upper" },
	{ "lower is work",
	  ":",
	  { { "lower", "@/work" },
	    { "upper", "@/upper" },
	    { "work", "@/work" } },
	  -ELOOP,
	  "/work" },
	{ "a lower twice",
	  ":",
	  { { "lower", "@/lower1" }, { "lower", "@/lower1" } },
	  -ELOOP,
	  "same directory" },
	{ "a lower inside a lower",
	  "mkdir lower1/in",
	  { { "lower", "@/lower1" }, { "lower", "@/lower1/in" } },
	  -ELOOP,
	  "inside lower" },
	{ "a lower inside the upper",
	  "mkdir upper/in",
	  { { "lower", "@/upper/in" },
	    { "upper", "@/upper" },
	    { "work", "@/work" } },
	  -ELOOP,
	  "inside the upper" },
	{ "the upper inside a lower is allowed",
	  "mkdir lower1/u",
	  { { "lower", "@/lower1" },
	    { "upper", "@/lower1/u" },
	    { "work", "@/work" } },
	  0,
	  NULL },
	{ "leftovers two levels deep are cleaned",
	  "mkdir -p work/work/a; touch work/work/a/b work/keep",
	  { { "lower", "@/lower1" },
	    { "upper", "@/upper" },
	    { "work", "@/work" } },
	  0,
	  NULL },
	{ "deeper ones are not ours",
	  "mkdir -p work/work/a/b/c; touch work/work/a/b/c/d",
	  { { "lower", "@/lower1" },
	    { "upper", "@/upper" },
	    { "work", "@/work" } },
	  -EROFS,
	  "/work/work" },
	{ "an entry in incompat",
	  "mkdir -p work/work/incompat/volatile",
	  { { "lower", "@/lower1" },
	    { "upper", "@/upper" },
	    { "work", "@/work" } },
	  -EINVAL,
	  "incompat/volatile" },
	{ "no lower at all",
	  ":",
	  { { "upper", "@/upper" } },
	  -EINVAL,
	  "no lower" },
	{ "work without upper",
	  ":",
	  { { "lower", "@/lower1" }, { "work", "@/work" } },
	  -EINVAL,
	  "without an upper" },
	{ "an unknown option",
	  ":",
	  { { "lowrdir", "x" } },
	  -EINVAL,
	  "\"lowerdir\"" },
	{ "an option without its value",
	  ":",
	  { { "lower", "" } },
	  -EINVAL,
	  "needs a value" },
	{ "too many colons",
	  ":",
	  { { "lowerdir", ":@/lower1" } },
	  -EINVAL,
	  "colons" },
	{ "data-only layers",
	  ":",
	  { { "lowerdir", "@/lower1::@/lower2" } },
	  0,
	  NULL },
	{ "an ordinary lower after a data-only one",
	  ":",
	  { { "lowerdir", "@/lower1::@/lower2:@/upper" } },
	  -EINVAL,
	  "data-only" },
	{ "only data-only layers",
	  ":",
	  { { "datadir+", "@/lower1" } },
	  -EINVAL,
	  "no lower" },
	{ "too many colons for data-only layers",
	  ":",
	  { { "lowerdir", "@/lower1:::@/lower2" } },
	  -EINVAL,
	  "colons" },
	{ "metacopy without redirects",
	  ":",
	  { { "lower", "@/lower1" },
	    { "metacopy", "on" },
	    { "redirect_dir", "off" } },
	  -EINVAL,
	  "needs redirect_dir" },
	{ "metacopy with userxattr",
	  ":",
	  { { "lower", "@/lower1" },
	    { "userxattr", "on" },
	    { "metacopy", "on" } },
	  -EINVAL,
	  "userxattr" },
	{ "redirects with userxattr",
	  ":",
	  { { "lower", "@/lower1" },
	    { "userxattr", "on" },
	    { "redirect_dir", "on" } },
	  -EINVAL,
	  "nofollow" },
	{ "whiteouts before the lower they are of",
	  ":",
	  { { "whiteouts", "oci" } },
	  -EINVAL,
	  "after the lower" },
	{ "a value that there is not",
	  ":",
	  { { "redirect_dir", "maybe" } },
	  -EINVAL,
	  "nofollow" },
	{ "an escaped colon",
	  "mkdir a:b",
	  { { "lowerdir", "@/a\\:b:@/lower1" } },
	  0,
	  NULL },
	{ "a feature that is not there",
	  ":",
	  { { "nfs_export", "on" } },
	  -EINVAL,
	  "not supported" },
	{ "its default is accepted",
	  ":",
	  { { "metacopy", "off" }, { "lower", "@/lower1" } },
	  0,
	  NULL },
	{ "an upper given twice",
	  ":",
	  { { "upper", "@/upper" }, { "upperdir", "@/upper" } },
	  -EINVAL,
	  "twice" },
};

static void
expand(const struct fixture *f, const char *value, char *buf, size_t size)
{
	size_t len = 0;

	for (; *value && len + 1 < size; value++) {
		if (*value == '@')
			len += (size_t)snprintf(buf + len, size - len, "%s",
						f->root);
		else
			buf[len++] = *value;
	}
	buf[len] = '\0';
}

static int
try(struct fixture *f, const struct option_case *options, char **why)
{
	struct tree_config *c = tree_config_new();
	struct tree *t = NULL;
	char value[512];
	int r = 0, i;

	for (i = 0; i < 4 && options[i].key && r == 0; i++) {
		expand(f, options[i].value, value, sizeof(value));
		r = tree_config_set(c, options[i].key, value, why);
	}
	if (r == 0)
		r = tree_open(c, NULL, NULL, &t, why);
	tree_close(t);
	tree_config_free(c);
	return r;
}

static void
startup(void **state)
{
	struct fixture *f = *state;
	char *why;
	size_t i;
	int r;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		fixture_sh(f, "rm -rf *; mkdir lower1 lower2 upper work");
		fixture_sh(f, cases[i].prepare);
		why = NULL;
		r = try(f, cases[i].options, &why);
		if (r != cases[i].want)
			fail_msg("%d, not %d: %s", r, cases[i].want,
				 why ? why : "");
		if (cases[i].says && (!why || !strstr(why, cases[i].says)))
			fail_msg("the message lacks \"%s\": %s", cases[i].says,
				 why ? why : "none");
		free(why);
	}
}

/* Two trees on one upper, in one process as in two: flock sees both. */
static void
one_upper_twice(void **state)
{
	static const struct option_case options[4] = { { "lower", "@/lower1" },
						       { "upper", "@/upper" },
						       { "work", "@/work" } };
	struct fixture *f = *state;
	char *why = NULL, pid[32];

	fixture_open(f, true);
	assert_int_equal(-EBUSY, try(f, options, &why));
	(void)snprintf(pid, sizeof(pid), "pid %d", getpid());
	assert_non_null(strstr(why, pid));
	free(why);
}

static void
kernel_mount(void **state)
{
	static const struct option_case options[4] = { { "lower", "@/lower1" },
						       { "upper", "@/upper" },
						       { "work", "@/work" } };
	struct fixture *f = *state;
	char *why = NULL;
	int r;

	SKIP_UNLESS_ROOT();
	fixture_sh(f, "mkdir merged");
	if (!fixture_holds(f, "mount -t overlay none -o lowerdir=lower1,"
			      "upperdir=$PWD/upper,workdir=$PWD/work merged")) {
		print_message("cannot mount overlayfs: skipped\n");
		skip();
	}
	r = try(f, options, &why);
	fixture_sh(f, "umount merged");
	assert_int_equal(-EBUSY, r);
	assert_non_null(strstr(why, "/merged"));
	free(why);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(startup),
					    TEST(one_upper_twice),
					    TEST(kernel_mount) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
