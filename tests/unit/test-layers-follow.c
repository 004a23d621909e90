/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Following redirects, metadata-only files, data-only layers and the other
 * forms of whiteouts (overlay.md 1.5, 1.6, 3.1). Whatever the kernel can
 * mount, the kernel must show too.
 */
#include "layers-fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SET "setfattr -n trusted.overlay."
#define FOLLOW "redirect_dir=follow"
#define META "redirect_dir=on,metacopy=on"

static const struct {
	const char *name;
	const char *options; /* of both */
	const char *layers, *path, *listed;
	const char *read, *content;
	bool is_ours; /* the kernel cannot do that */
} cases[] = {
	{ "a relative redirect", FOLLOW,
	  "mkdir upper/new lower1/old lower2/new; touch lower1/old/a "
	  "lower2/new/b upper/new/c; " SET "redirect -v old upper/new",
	  "new", "a c", "new/b", "errno 2", false },
	{ "an absolute redirect", FOLLOW,
	  "mkdir -p upper/new lower2/x/old; echo a >lower2/x/old/a; " SET
	  "redirect -v /x/old upper/new",
	  "new", "a", "new/a", "a\n", false },
	{ "a redirect in a lower changes the name for those below", FOLLOW,
	  "mkdir -p lower1/new lower2/old; touch lower1/new/a; echo b "
	  ">lower2/old/b; " SET "redirect -v old lower1/new",
	  "new", "a b", "new/b", "b\n", false },
	{ "an absolute one overrides an opaque ancestor", FOLLOW,
	  "mkdir -p upper/o/new lower2/x; echo b >lower2/x/b; " SET
	  "opaque -v y upper/o; " SET "redirect -v /x upper/o/new",
	  "o/new", "b", "o/new/b", "b\n", false },
	{ "a whiteout on the way of a redirect", FOLLOW,
	  "mkdir -p upper/new lower2/x/old; touch lower2/x/old/a upper/new/c; "
	  "mknod lower1/x c 0 0; " SET "redirect -v /x/old upper/new",
	  "new", "c", NULL, NULL, false },
	{ "redirects not to be followed", "redirect_dir=nofollow",
	  "mkdir upper/new lower1/old; touch lower1/old/a; " SET
	  "redirect -v old upper/new",
	  "new", "errno 1", NULL, NULL, false },
	{ "metadata above its data", META,
	  "echo data >lower2/m; truncate -s 5 upper/m; " SET "metacopy upper/m",
	  "", "m", "m", "data\n", false },
	{ "metadata with a redirect", META,
	  "echo data >lower2/old; truncate -s 5 upper/m; " SET
	  "metacopy upper/m; " SET "redirect -v old upper/m; "
	  "mknod upper/old c 0 0",
	  "", "m", "m", "data\n", false },
	{ "a chain of metadata", META,
	  "mkdir -p lower2/d; echo data >lower2/d/x; truncate -s 5 upper/m "
	  "lower1/n; " SET "metacopy upper/m; " SET
	  "redirect -v /n upper/m; " SET "metacopy lower1/n; " SET
	  "redirect -v /d/x lower1/n",
	  "", "d m n", "m", "data\n", false },
	{ "metadata in a lower", META,
	  "echo data >lower2/m; truncate -s 5 lower1/m; " SET
	  "metacopy lower1/m",
	  "", "m", "m", "data\n", false },
	{ "metadata above a directory", META,
	  "mkdir lower2/m; truncate -s 5 upper/m; " SET "metacopy upper/m", "",
	  "m", "m", "errno 5", false },
	{ "a malformed metacopy mark", META,
	  "echo data >lower2/m; truncate -s 5 upper/m; " SET
	  "metacopy -v ab upper/m",
	  "", "m", "m", "errno 5", false },
	{ "data in a data-only layer", META ",datadir+=@/data",
	  "mkdir -p data/x; echo data >data/x/f; truncate -s 5 lower2/m; " SET
	  "metacopy lower2/m; " SET "redirect -v /x/f lower2/m",
	  "", "m", "m", "data\n", false },
	{ "a data-only layer that lacks it", META ",datadir+=@/data",
	  "mkdir -p data; truncate -s 5 lower2/m; " SET
	  "metacopy lower2/m; " SET "redirect -v /x/f lower2/m",
	  "", "m", "m", "errno 2", false },
	{ "a way out of a data-only layer", META ",datadir+=@/data",
	  "mkdir -p data; echo secret >secret; truncate -s 7 lower2/m; " SET
	  "metacopy lower2/m; " SET "redirect -v /../secret lower2/m",
	  "", "m", "m", "errno 18", false },
	{ "redirects in a loop", FOLLOW,
	  "mkdir upper/a lower1/b lower2/a lower2/b; touch lower2/b/x; " SET
	  "redirect -v b upper/a; " SET "redirect -v a lower1/b",
	  "a", "", NULL, NULL, false },
	{ "a redirect into itself", FOLLOW,
	  "mkdir -p upper/a lower1/a/a lower2/a/a/a; touch lower2/a/a/x; " SET
	  "redirect -v /a/a upper/a; " SET "redirect -v /a lower1/a/a",
	  "a", "a", NULL, NULL, false },
	{ "a link on the way in a data-only layer", META ",datadir+=@/data",
	  "mkdir -p data/y; echo data >data/y/f; ln -s y data/x; truncate -s 5 "
	  "lower2/m; " SET "metacopy lower2/m; " SET
	  "redirect -v /x/f lower2/m",
	  "", "m", "m", "errno 20", true },
	{ "a marked directory with xattr whiteouts", FOLLOW,
	  "mkdir lower1/d lower2/d; touch lower1/d/w lower1/d/e; echo 2 "
	  ">lower2/d/w; " SET "opaque -v x lower1/d; " SET
	  "whiteout -v y lower1/d/w",
	  "d", "e", "d/w", "errno 2", false },
	{ "whiteouts of an unpacked container layer",
	  "whiteouts=oci,lower=@/lower3",
	  "mkdir lower2/d lower3 lower3/d lower3/o lower2/o; touch "
	  "lower2/.wh.f lower3/f lower2/d/.wh.g lower2/d/h lower3/d/g "
	  "lower3/d/k lower2/o/.wh..wh..opq lower3/o/hidden; touch lower2/g "
	  "lower2/.wh.g lower3/g",
	  "", "d g o", "o/hidden", "errno 2", true },
	{ "the same, in a directory", "whiteouts=oci,lower=@/lower3",
	  "mkdir lower2/d lower3/d -p; touch lower2/d/.wh.g lower2/d/h "
	  "lower3/d/g lower3/d/k",
	  "d", "h k", "d/g", "errno 2", true },
	{ "unless asked for they are files", "lower=@/lower3",
	  "mkdir -p lower3; touch lower2/.wh.f lower3/f", "", ".wh.f f", "f",
	  "", true },
	{ "the upper inside a lower", FOLLOW,
	  "mkdir lower1/u; rm -r upper; ln -s lower1/u upper", "", "u", "u/x",
	  "errno 40", false },
};

/* What the kernel shows: "errno N" as by fixture_list() and _read(). */
static const char kernel_script[] =
	"mkdir -p merged; mount -t overlay none -o "
	"lowerdir+=$PWD/lower1,lowerdir+=$PWD/lower2,"
	"$(echo \"$OPTIONS\" | sed \"s,@,$PWD,g\"),"
	"upperdir=$PWD/upper,workdir=$PWD/work merged || exit 77; "
	"code() { perl -e '$! = 0; opendir(D, $ARGV[0]) or printf(\"errno "
	"%%d\", $!+0)' \"$1\"; }; "
	"l=$(code merged/$DIR); [ -n \"$l\" ] || l=$(ls -A merged/$DIR | "
	"paste -sd' '); "
	"c=$(perl -e 'open(F, \"<\", $ARGV[0]) ? print <F> : printf(\"errno "
	"%%d\", $!+0)' merged/$FILE; echo .); umount merged; "
	"[ \"$l\" = \"$LISTED\" ] || { echo \"kernel lists: $l\"; exit 1; }; "
	"[ -z \"$FILE\" ] || [ \"$c\" = \"$CONTENT.\" ] || { echo \"kernel "
	"reads: $c\"; exit 1; }";

static void
check_kernel(struct fixture *f, size_t i)
{
	char cmd[4096];
	int r;

	if (cases[i].is_ours)
		return;
	setenv("OPTIONS", cases[i].options, 1);
	setenv("DIR", cases[i].path, 1);
	setenv("LISTED", cases[i].listed, 1);
	setenv("FILE", cases[i].read ? cases[i].read : "", 1);
	setenv("CONTENT", cases[i].content ? cases[i].content : "", 1);
	(void)snprintf(cmd, sizeof(cmd), "cd %s && { ", f->root);
	(void)snprintf(cmd + strlen(cmd), sizeof(cmd) - strlen(cmd),
		       kernel_script);
	strcat(cmd, "; }");
	r = system(cmd);
	if (WEXITSTATUS(r) == 77)
		print_message("the kernel does not mount that: not compared\n");
	else
		assert_int_equal(0, r);
}

static void
follow(void **state)
{
	struct fixture *f = *state;
	size_t i;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		fixture_layers(f, cases[i].layers);
		f->options = cases[i].options;
		fixture_open(f, true);
		assert_string_equal(cases[i].listed,
				    fixture_list(f, cases[i].path));
		if (cases[i].read)
			assert_string_equal(cases[i].content,
					    fixture_read(f, cases[i].read));
		fixture_close(f);
		check_kernel(f, i);
		fixture_sh(f, "rm -rf data lower3 upper");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(follow, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
