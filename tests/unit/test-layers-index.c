/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * index=on: the names of a lower file with several links stay one file, on
 * disk as the kernel keeps them (overlay.md 4.4, 5.1, 7), over restarts.
 */
#include "layers-fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINKS                                                               \
	"echo data >lower2/h1; ln lower2/h1 lower2/h2; mkdir lower2/d; ln " \
	"lower2/h1 lower2/d/h3"
/* i: the only entry of the index; n: its nlink mark. */
#define SH                                                                   \
	"i=$(ls work/index/* 2>/dev/null); n() { getfattr -h --only-values " \
	"-n trusted.overlay.nlink $i; }; x() { getfattr -h -n "              \
	"trusted.overlay.$1 $2 >/dev/null 2>&1; }; "

static const struct golden_case cases[] = {
	{ "a write to one of three names",
	  LINKS,
	  { { "truncate", "h1", "3", 0 } },
	  SH "[ $(n) = U+1 ] && [ $i -ef upper/h1 ] && x origin $i && [ ! -e "
	     "upper/h2 ] && [ $(stat -c %h $i) = 2 ]" },
	{ "and a change of the second",
	  LINKS,
	  { { "truncate", "h1", "3", 0 }, { "chmod", "h2", "600", 0 } },
	  SH "[ $(n) = U+0 ] && [ $i -ef upper/h2 ] && [ $(stat -c %a:%s "
	     "upper/h1) = 600:3 ]" },
	{ "the third is removed, a fourth made",
	  LINKS,
	  { { "chmod", "h2", "600", 0 },
	    { "truncate", "h1", "3", 0 },
	    { "unlink", "d/h3", NULL, 0 },
	    { "link", "h1", "h4", 0 } },
	  SH
	  "[ $(n) = U-1 ] && [ $(stat -c %h $i) = 4 ] && [ -c upper/d/h3 ]" },
	{ "a name that was never changed is removed",
	  LINKS,
	  { { "unlink", "h2", NULL, 0 } },
	  SH "[ $(n) = U+1 ] && [ $(stat -c %h $i) = 1 ] && [ -c upper/h2 ]" },
	{ "all are",
	  LINKS,
	  { { "unlink", "h2", NULL, 0 },
	    { "unlink", "h1", NULL, 0 },
	    { "unlink", "d/h3", NULL, 0 } },
	  "[ -z \"$(ls work/index)\" ]" },
	{ "a rename over one",
	  LINKS "; touch lower2/f",
	  { { "rename", "f", "h2", 0 } },
	  SH "[ $(n) = U+1 ] && [ $(stat -c %h $i) = 1 ]" },
	{ "a rename of one",
	  LINKS,
	  { { "rename", "h1", "d/g", 0 } },
	  SH "[ $(n) = U+1 ] && [ $i -ef upper/d/g ] && [ -c upper/h1 ]" },
	{ "a file with one name is not in it",
	  "touch lower2/f",
	  { { "chmod", "f", "600", 0 } },
	  "[ -z \"$(ls work/index)\" ]" },
	{ "symbolic links have several names too",
	  "ln -s to lower2/s1; ln lower2/s1 lower2/s2",
	  { { "unlink", "s1", NULL, 0 }, { "rename", "s2", "s3", 0 } },
	  SH
	  "[ $(n) = U-1 ] && [ $(stat -c %i $i) = $(stat -c %i upper/s3) ]" },
};

/* What is staged under a name has that link, too, for a while. */
static const struct golden_case flattened[] = {
	{ "a symbolic link in a directory that is copied",
	  "ln -s to lower2/s1; mkdir lower2/d; ln lower2/s1 lower2/d/s2",
	  { { "rename", "d", "e", 0 } },
	  SH "[ $(n) = U+0 ] && [ $(stat -c %h $i) = 2 ]" },
};

static void
golden(void **state)
{
	golden_run(*state, "index=on", cases, sizeof(cases) / sizeof(cases[0]));
	golden_run(*state, "index=on,redirect_dir=off", flattened, 1);
}

static uint64_t
nlink_of(struct fixture *f, const char *path)
{
	struct attr attr;
	struct node *n;
	int r;

	n = fixture_walk(f, path, &r);
	assert_int_equal(0, r);
	assert_int_equal(0, tree_getattr(n, NULL, &fixture_call, &attr));
	node_unref(n);
	return attr.nlink;
}

static void
assert_one_file(struct fixture *f, const char *content)
{
	uint64_t path = fixture_path(f, "h1");

	assert_string_equal(content, fixture_read(f, "h1"));
	assert_string_equal(content, fixture_read(f, "h2"));
	assert_string_equal(content, fixture_read(f, "d/h3"));
	assert_true(path == fixture_path(f, "h2"));
	assert_true(path == fixture_path(f, "d/h3"));
	assert_int_equal(3, nlink_of(f, "h1"));
	assert_int_equal(3, nlink_of(f, "d/h3"));
}

/* One file, whichever name was looked at before, and after a restart. */
static void
one_file(void **state)
{
	static const char *const options[] = { "index=on",
					       "index=on,metacopy=on",
					       "index=on,redirect_dir=off" };
	struct fixture *f = *state;
	struct node *held;
	uint64_t path;
	size_t i;
	int r;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < 3; i++) {
		fixture_layers(f, LINKS);
		f->options = options[i];
		fixture_open(f, true);
		held = fixture_walk(f, "h2", &r);
		path = fixture_path(f, "h1");
		assert_int_equal(0, fixture_do(f, "chmod", "h1", "600"));
		assert_one_file(f, "data\n");
		assert_int_equal(0, fixture_write(f, "d/h3", "DA"));
		assert_one_file(f, "DAta\n");
		node_unref(held);
		fixture_restart(f);
		assert_one_file(f, "DAta\n");
		assert_true(path == fixture_path(f, "h1"));
		fixture_close(f);
		fixture_sh(f, "mkdir -p merged; mount -t overlay none -o "
			      "lowerdir=lower1:lower2,upperdir=$PWD/upper,"
			      "workdir=$PWD/work,index=on,metacopy=on merged "
			      "&& (cd merged && [ h1 -ef h2 ] && [ h1 -ef d/h3 "
			      "] && [ $(stat -c %h h2) = 3 ] && [ $(cat h2) = "
			      "DAta ]); r=$?; umount merged; [ $r = 0 ]");
	}
}

/* What must not be taken for an index, and what is stale in one. */
static void
start(void **state)
{
	static const struct {
		const char *prepare;
		int want;
		const char *holds;
	} cases_[] = {
		{ "touch work/index/junk", -EINVAL, NULL },
		{ "touch work/index/00fb", -EINVAL, NULL },
		{ "touch work/index/#12", 0, "[ ! -e work/index/#12 ]" },
		{ "i=$(ls work/index); setfattr -x trusted.overlay.origin "
		  "work/index/$i",
		  0, "[ -z \"$(ls work/index)\" ]" },
		{ "rm upper/h1; setfattr -n trusted.overlay.nlink -v U-1 "
		  "work/index/*",
		  0, "[ -z \"$(ls work/index)\" ]" },
		{ "rm upper/h1", 0, "[ -n \"$(ls work/index)\" ]" },
		{ "setfattr -n trusted.overlay.upper -v 0x00fb16 work/index",
		  -ESTALE, NULL },
		{ "setfattr -n trusted.overlay.origin -v 0x00fb16 upper",
		  -ESTALE, NULL },
	};
	struct fixture *f = *state;
	size_t i;
	int r;

	SKIP_UNLESS_ROOT();
	f->options = "index=on";
	for (i = 0; i < sizeof(cases_) / sizeof(cases_[0]); i++) {
		print_message("%s\n", cases_[i].prepare);
		fixture_layers(f, LINKS);
		fixture_open(f, true);
		assert_int_equal(0, fixture_do(f, "truncate", "h1", "1"));
		fixture_close(f);
		fixture_sh(f, cases_[i].prepare);
		r = fixture_try_open(f);
		assert_int_equal(cases_[i].want, r);
		if (r == 0)
			fixture_close(f);
		if (cases_[i].holds)
			assert_true(fixture_holds(f, cases_[i].holds));
	}
}

#define EXPORTED                                 \
	"mount -t overlay veneer-test -o "       \
	"lowerdir=lower1:lower2,upperdir=upper," \
	"workdir=work,index=on,nfs_export=on,redirect_dir=on merged"

/* What a mount with nfs_export=on left is read, and such a mount reads on. */
static void
exported(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	fixture_layers(f, "mkdir -p lower2/d/s lower2/e; echo f >lower2/d/f; "
			  "echo g >lower2/d/g; ln lower2/d/g lower2/h; echo s "
			  ">lower2/d/s/x; touch lower2/e/gone lower2/w; "
			  "mkdir -p merged; " EXPORTED " || touch none");
	if (fixture_holds(f, "test -e none")) {
		print_message("no nfs_export here: skipped\n");
		return;
	}
	fixture_sh(f,
		   "cd merged && chmod 600 d/f && echo G >d/g && rm w && "
		   "rm -r e && mv d n && touch n/s/new && mkdir m && cd .. && "
		   "umount merged && [ $(ls work/index | wc -l) -gt 4 ]");
	f->options = "index=on";
	fixture_open(f, true);
	assert_string_equal("h m n", fixture_list(f, ""));
	assert_string_equal("f g s", fixture_list(f, "n"));
	assert_string_equal("new x", fixture_list(f, "n/s"));
	assert_string_equal("G\n", fixture_read(f, "h"));
	assert_int_equal(0, fixture_write(f, "h", "H"));
	assert_string_equal("H\n", fixture_read(f, "n/g"));
	assert_int_equal(0, fixture_do(f, "unlink", "n/f", NULL));
	fixture_close(f);
	fixture_check(f);
	f->options = "index=off";
	fixture_open(f, true);
	assert_string_equal("g s", fixture_list(f, "n"));
	assert_string_equal("H\n", fixture_read(f, "n/g"));
	fixture_close(f);
	fixture_sh(f,
		   EXPORTED " && cd merged && [ \"$(ls -A | paste -sd' ')\" = "
			    "'h m n' ] && grep -q H h && grep -q H n/g && "
			    "[ n/g -ef h ] && ! test -e n/f; r=$?; cd ..; "
			    "umount merged; [ $r = 0 ]");
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(golden), TEST(one_file),
					    TEST(start), TEST(exported) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
