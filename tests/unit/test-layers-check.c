/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tree_check(): each kind of damage is found, nothing is written without
 * repair, and what can be mended is clean afterwards.
 */
#include "layers-fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SET "setfattr -h -n trusted.overlay."
/* A handle of the right form for nothing: version 0, magic, 29 bytes, ... */
#define HANDLE                             \
	"0x00fb1d0001"                     \
	"00000000000000000000000000000000" \
	"0102030405060708"
#define REDIRECTED                                                 \
	"mkdir -p lower2/d; touch lower2/d/f; mkdir upper/e; " SET \
	"redirect -v d upper/e; " SET "origin upper/e; " SET       \
	"impure -v y upper; mknod upper/d c 0 0; "

static const struct damage {
	enum { CLEAN, MENDED, LEFT, NOTE } kind;
	const char *name;
	const char *layers; /* a shell command */
	const char *found; /* "PATH: WHAT" of each, with a newline */
} cases[] = {
	{ CLEAN, "nothing",
	  "touch lower2/f; touch upper/g; mknod upper/f c 0 0", "" },
	{ MENDED, "a whiteout in a pure directory",
	  "mkdir upper/d; mknod upper/d/w c 0 0",
	  "d/w: a whiteout where nothing is below it\n" },
	{ MENDED, "a whiteout in an opaque directory",
	  "mkdir -p lower2/d upper/d; " SET "opaque -v y upper/d; "
	  "mknod upper/d/w c 0 0",
	  "d/w: a whiteout where nothing is below it\n" },
	{ MENDED, "opaque with another value",
	  "mkdir upper/d; " SET "opaque -v z upper/d",
	  "d: opaque is neither y nor x, and means nothing\n" },
	{ MENDED, "opaque on a file",
	  "touch upper/f; " SET "opaque -v y upper/f",
	  "f: opaque, but no directory\n" },
	{ MENDED, "impure on a file",
	  "touch upper/f; " SET "impure -v y upper/f",
	  "f: impure, but no directory\n" },
	{ MENDED, "metacopy on a directory",
	  "mkdir upper/d; " SET "metacopy upper/d",
	  "d: metacopy, but no regular file\n" },
	{ MENDED, "a redirect on a symbolic link",
	  "ln -s x upper/l; " SET "redirect -v x upper/l",
	  "l: a redirect, but neither a directory nor a file\n" },
	{ MENDED, "uuid not on the root",
	  "touch upper/f; " SET "uuid -v 0123456789abcdef upper/f",
	  "f: uuid, but not the upper's root\n" },
	{ MENDED, "uuid of another size", SET "uuid -v 0123 upper",
	  ".: uuid is malformed\n" },
	{ MENDED, "protattr", "touch upper/f; " SET "protattr -v ix upper/f",
	  "f: protattr is malformed\n" },
	{ MENDED, "ident", "touch upper/f; " SET "veneer.ident -v 1 upper/f",
	  "f: veneer.ident is malformed\n" },
	{ MENDED, "nlink", "touch upper/f; " SET "nlink -v U+x upper/f",
	  "f: nlink is malformed\n" },
	{ MENDED, "no impure mark",
	  "mkdir -p lower2/d upper/d; touch upper/d/f; " SET
	  "origin upper/d; " SET "origin upper/d/f; " SET "impure -v y upper",
	  "d: no impure mark, though it holds what was copied up\n" },
	{ MENDED, "no impure mark on the root",
	  "touch upper/f; " SET "origin upper/f",
	  ".: no impure mark, though it holds what was copied up\n" },
	{ MENDED, "a malformed origin",
	  "touch upper/f; " SET "origin -v 0x00fc upper/f",
	  "f: origin is malformed\n" },
	{ NOTE, "an origin of another machine",
	  "touch upper/f; " SET "impure -v y upper; " SET
	  "origin -v 0x00fb1d0101"
	  "00000000000000000000000000000000"
	  "0102030405060708 upper/f",
	  "f: its origin is of another kind of machine\n" },
	{ NOTE, "an origin of other lowers",
	  "touch upper/f; " SET "impure -v y upper; " SET "origin -v " HANDLE
	  " upper/f",
	  "f: its origin is in none of these lowers\n" },
	{ CLEAN, "a redirect is nothing wrong", REDIRECTED "true", "" },
	{ LEFT, "a malformed redirect",
	  REDIRECTED SET "redirect -v a/b upper/e",
	  "e: its redirect is malformed\n" },
	{ LEFT, "a redirect to nowhere",
	  REDIRECTED SET "redirect -v none upper/e",
	  "e: its redirect leads nowhere in these lowers\n" },
	{ CLEAN, "metadata only",
	  "echo x >lower2/f; truncate -s 2 upper/f; " SET "metacopy upper/f",
	  "" },
	{ LEFT, "metadata only, without data",
	  "truncate -s 2 upper/f; " SET "metacopy upper/f",
	  "f: its data is in none of these lowers\n" },
	{ LEFT, "metacopy of a wrong size",
	  "echo x >lower2/f; truncate -s 2 upper/f; " SET
	  "metacopy -v 12 upper/f",
	  "f: metacopy is malformed\n" },
	{ MENDED, "junk in the staging area",
	  "mkdir -p work/work/#1/x; touch work/work/#1/x/y work/work/#2; "
	  "mknod work/work/#3 c 0 0",
	  "WORK/work/#1: left by a change that did not end\n"
	  "WORK/work/#2: left by a change that did not end\n" },
	{ LEFT, "a volatile mount",
	  "mkdir -p work/work/incompat/volatile/dirty",
	  "WORK/work/incompat/volatile: a volatile mount of this upper was not "
	  "closed\n" },
	{ MENDED, "junk in the index",
	  "mkdir -p work/index/dir; touch work/index/junk work/index/#1 "
	  "work/index/00fb",
	  "WORK/index/#1: no name leads to this entry\n"
	  "WORK/index/00fb: this is no entry of an index\n"
	  "WORK/index/dir: this is no entry of an index\n"
	  "WORK/index/junk: this is no entry of an index\n" },
	{ LEFT, "one bad entry does not end it",
	  "touch upper/a upper/z; mkdir upper/m; " SET
	  "opaque -v y upper/a; " SET "redirect -v ../.. upper/m; " SET
	  "opaque -v y upper/z",
	  "a: opaque, but no directory\n"
	  "m: its redirect is malformed\n"
	  "z: opaque, but no directory\n" },
};

struct found {
	char *lines[16]; /* owned */
	unsigned nr;
};

static void
take(void *ctx, const struct check_finding *f)
{
	struct found *found = ctx;

	assert_true(found->nr < 16);
	assert_true(asprintf(&found->lines[found->nr++], "%s: %s\n", f->path,
			     f->what) > 0);
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The findings, sorted, in @buf. */
static void
run_check(struct fixture *f, bool repairs, char buf[2048],
	  struct check_result *ret)
{
	static const char *const keys[] = { "lower", "lower", "upper", "work" };
	static const char *const dirs[] = { "lower1", "lower2", "upper",
					    "work" };
	struct tree_config *c = tree_config_new();
	struct found found = { .nr = 0 };
	struct check_options o = { repairs, take, NULL, &found };
	char path[96], *why;
	size_t len = 0;
	unsigned i;

	for (i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->root, dirs[i]);
		assert_int_equal(0, tree_config_set(c, keys[i], path, &why));
	}
	if (tree_check(c, &o, ret, &why) < 0)
		fail_msg("tree_check: %s", why);
	qsort(found.lines, found.nr, sizeof(found.lines[0]), compare);
	buf[0] = '\0';
	for (i = 0; i < found.nr; i++) {
		len += (size_t)snprintf(buf + len, 2048 - len, "%s",
					found.lines[i]);
		free(found.lines[i]);
	}
	free(ret->mount_options);
	tree_config_free(c);
}

#define LOOK                                                            \
	"{ find upper work lower1 lower2 -printf '%p %y %m %s %T@ %C@ " \
	"%n\\n'; "                                                      \
	"getfattr -Rhdm - -e hex upper work lower1 lower2; }"

static void
damage(void **state)
{
	struct fixture *f = *state;
	struct check_result res;
	const struct damage *d;
	char buf[2048];
	size_t i;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		d = &cases[i];
		print_message("%s\n", d->name);
		fixture_layers(f, d->layers);
		fixture_sh(f, LOOK " >before");
		run_check(f, false, buf, &res);
		assert_string_equal(d->found, buf);
		assert_int_equal(d->kind == MENDED || d->kind == LEFT,
				 res.nr_left > 0);
		fixture_sh(f, LOOK " | diff before -");
		run_check(f, true, buf, &res);
		assert_string_equal(d->found, buf);
		assert_int_equal(d->kind == LEFT, res.nr_left > 0);
		run_check(f, true, buf, &res);
		assert_int_equal(0, res.nr_repaired);
		if (d->kind == MENDED)
			assert_string_equal("", buf);
	}
}

/* Two files with one origin: the index says whose it is, else the first. */
static void
duplicates(void **state)
{
	struct fixture *f = *state;
	struct check_result res;
	char buf[2048];

	SKIP_UNLESS_ROOT();
	fixture_layers(f, "echo x >lower2/f; echo y >lower2/g; "
			  "ln lower2/g lower2/h");
	f->options = "index=on";
	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "chmod", "f", "600"));
	assert_int_equal(0, fixture_do(f, "chmod", "g", "600"));
	assert_int_equal(0, fixture_do(f, "chmod", "h", "600"));
	fixture_close(f);
	run_check(f, false, buf, &res);
	assert_string_equal("", buf);
	fixture_sh(f, "cp -a upper/f upper/copy; cp -a upper/g upper/copy2");
	run_check(f, true, buf, &res);
	assert_int_equal(2, res.nr_left + res.nr_repaired);
	assert_non_null(strstr(buf, "has the origin of"));
	assert_true(fixture_holds(
		f, "[ $(getfattr -d -m origin upper/f upper/copy | grep -c "
		   "origin=) = 1 ]"));
}

/* Two directories over one: which is told of depends on the listing. */
static void
merged_twice(void **state)
{
	struct fixture *f = *state;
	struct check_result res;
	char buf[2048];

	SKIP_UNLESS_ROOT();
	fixture_layers(f, REDIRECTED "cp -a upper/e upper/z");
	run_check(f, true, buf, &res);
	assert_int_equal(1, res.nr_left);
	assert_non_null(strstr(buf, "it is merged with the directory that"));
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(damage), TEST(duplicates),
					    TEST(merged_twice) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
