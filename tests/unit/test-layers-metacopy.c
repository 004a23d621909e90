/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * metacopy=on: what changes metadata moves no data; what needs the data
 * brings it, and removes the mark last (overlay.md 4.3, 5.1).
 */
#include "layers-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SH                                                                \
	"x() { getfattr -h --only-values -n trusted.overlay.$1 upper/$2 " \
	"2>/dev/null; }; m() { getfattr -h -n trusted.overlay.metacopy "  \
	"upper/$1 >/dev/null 2>&1; }; "
#define DATA "head -c 300000 /dev/urandom >lower2/f"
#define SAME " && head -c 299999 lower2/f | cmp - upper/"

static const struct golden_case cases[] = {
	{ "chmod",
	  DATA,
	  { { "chmod", "f", "600", 0 } },
	  SH "m f && [ $(stat -c %a:%s upper/f) = 600:300000 ] && [ $(stat -c "
	     "%b upper/f) -lt 20 ] && x origin f | grep -q ." },
	{ "rename in its directory",
	  DATA,
	  { { "rename", "f", "g", 0 } },
	  SH "m g && [ $(x redirect g) = f ]" },
	{ "rename into another, after one",
	  DATA "; mkdir lower2/d",
	  { { "chmod", "f", "600", 0 },
	    { "rename", "f", "g", 0 },
	    { "rename", "g", "d/g", 0 } },
	  SH "m d/g && [ $(x redirect d/g) = /f ]" },
	{ "a hard link",
	  DATA,
	  { { "link", "f", "g", 0 } },
	  SH "m g && [ $(x redirect f) = /f ] && [ upper/f -ef upper/g ]" },
	{ "an empty file",
	  ": >lower2/f",
	  { { "chmod", "f", "600", 0 } },
	  SH "m f" },
	{ "truncation to nothing",
	  DATA,
	  { { "chmod", "f", "600", 0 }, { "truncate", "f", "0", 0 } },
	  SH "! m f && [ $(stat -c %s upper/f) = 0 ]" },
	{ "truncation to something brings the data",
	  DATA,
	  { { "chmod", "f", "600", 0 }, { "truncate", "f", "200000", 0 } },
	  SH "! m f && head -c 200000 lower2/f | cmp - upper/f" },
	{ "a write to a lower file brings it at once",
	  DATA,
	  { { "truncate", "f", "299999", 0 } },
	  SH "! m f" SAME "f" },
	{ "one of several lower links has an absolute redirect",
	  DATA "; ln lower2/f lower2/h",
	  { { "chmod", "f", "600", 0 }, { "rename", "f", "g", 0 } },
	  SH "m g && [ $(x redirect g) = /f ] && [ upper/g -ef upper/h ]" },
	{ "data comes late, after a rename",
	  DATA "; mkdir lower2/d",
	  { { "chmod", "f", "600", 0 },
	    { "rename", "f", "d/g", 0 },
	    { "truncate", "d/g", "299999", 0 } },
	  SH "! m d/g && [ $(x redirect d/g) = /f ]" SAME "d/g" },
};

static void
golden(void **state)
{
	golden_run(*state, "redirect_dir=on,metacopy=on", cases,
		   sizeof(cases) / sizeof(cases[0]));
}

/* Capabilities and times survive the data; an open fid reads on. */
static void
late_data(void **state)
{
	struct fixture *f = *state;
	char buf[16];
	struct iovec iov = { buf, sizeof(buf) };
	struct handle *h;
	struct node *n;
	int r;

	SKIP_UNLESS_ROOT();
	f->options = "metacopy=on";
	fixture_sh(f, "printf data >lower2/f; setcap cap_net_raw+ep lower2/f "
		      "2>/dev/null; touch -d 2001-01-01 lower2/f");
	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "chmod", "f", "755"));
	assert_string_equal("data", fixture_read(f, "f"));
	n = fixture_walk(f, "f", &r);
	assert_int_equal(0,
			 tree_open_node(n, &fixture_call, O_RDONLY, &h, NULL));
	assert_int_equal(4, tree_read(h, &fixture_call, &iov, 1, 0));
	/* Opened for writing, and nothing written. */
	assert_int_equal(0, fixture_write(f, "f", ""));
	fixture_sh(f,
		   "[ \"$(getcap lower2/f)\" = \"$(getcap upper/f | sed "
		   "s/upper/lower2/)\" ] && [ $(stat -c %Y lower2/f) = $(stat "
		   "-c %Y upper/f) ]");
	assert_int_equal(0, fixture_write(f, "f", "DATA"));
	assert_int_equal(4, tree_read(h, &fixture_call, &iov, 1, 0));
	assert_memory_equal("DATA", buf, 4);
	handle_unref(h);
	node_unref(n);
}

/* Unlinked while it is metadata only: its data is still to be had. */
static void
unlinked(void **state)
{
	struct fixture *f = *state;
	char buf[16];
	struct iovec iov = { buf, sizeof(buf) };
	struct iovec put = { (char *)"D", 1 };
	struct handle *h, *w;
	struct node *n;
	int r;

	SKIP_UNLESS_ROOT();
	f->options = "metacopy=on";
	fixture_sh(f, "printf data >lower2/f");
	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "chmod", "f", "755"));
	n = fixture_walk(f, "f", &r);
	assert_int_equal(0,
			 tree_open_node(n, &fixture_call, O_RDONLY, &h, NULL));
	assert_int_equal(0, fixture_do(f, "unlink", "f", NULL));
	assert_int_equal(4, tree_read(h, &fixture_call, &iov, 1, 0));
	assert_int_equal(0, tree_open_node(n, &fixture_call, O_RDWR, &w, NULL));
	assert_int_equal(1, tree_write(w, &fixture_call, &put, 1, 0));
	assert_int_equal(4, tree_read(h, &fixture_call, &iov, 1, 0));
	assert_memory_equal("Data", buf, 4);
	handle_unref(h);
	handle_unref(w);
	node_unref(n);
}

/* In the index without data, and so are its names in the layer below. */
static void
indexed(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	f->options = "metacopy=on,index=on";
	fixture_sh(f, "printf data >lower2/h1; truncate -s 4 lower1/h1; ln "
		      "lower1/h1 lower1/h2; setfattr -n "
		      "trusted.overlay.metacopy lower1/h1; setfattr -n "
		      "trusted.overlay.redirect -v /h1 lower1/h1");
	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "chmod", "h1", "600"));
	fixture_restart(f);
	assert_string_equal("data", fixture_read(f, "h2"));
	assert_string_equal("data", fixture_read(f, "h1"));
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(golden), TEST(late_data),
					    TEST(unlinked), TEST(indexed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
