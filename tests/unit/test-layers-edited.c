/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lowers that change while they are served: edited by their owner, unmounted;
 * and a lower that is an overlay itself. An error is for that entry alone, and
 * what is open stays readable.
 */
#include "layers-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct handle *
hold(struct fixture *f, const char *path, struct node **ret)
{
	struct handle *h;
	int r;

	*ret = fixture_walk(f, path, &r);
	assert_int_equal(0, r);
	assert_int_equal(
		0, tree_open_node(*ret, &fixture_call, O_RDONLY, &h, NULL));
	return h;
}

static const char *
read_held(struct handle *h)
{
	static char buf[64];
	struct iovec iov = { buf, sizeof(buf) - 1 };
	ssize_t n = tree_read(h, &fixture_call, &iov, 1, 0);

	buf[n < 0 ? 0 : n] = '\0';
	return buf;
}

static void
edited(void **state)
{
	struct fixture *f = *state;
	struct node *file, *gone;
	struct handle *h, *hg;
	struct attr attr;
	int r;

	fixture_layers(f, "mkdir -p lower2/d/e lower2/x; echo old >lower2/f; "
			  "echo gone >lower2/gone; echo in >lower2/d/e/in; "
			  "echo ok >lower2/ok");
	fixture_open(f, true);
	h = hold(f, "f", &file);
	hg = hold(f, "gone", &gone);
	assert_string_equal("in\n", fixture_read(f, "d/e/in"));

	/* Written in place; removed; replaced by other types; renamed. */
	fixture_sh(f, "echo newer >lower2/f; rm lower2/gone; "
		      "mv lower2/d lower2/moved; echo file >lower2/d; "
		      "rmdir lower2/x; mkfifo lower2/x");
	assert_string_equal("newer\n", read_held(h));
	assert_string_equal("newer\n", fixture_read(f, "f"));
	/* While it is open: without a name there is no way back to it. */
	if (!getenv("VENEER_TEST_FDS"))
		assert_string_equal("gone\n", read_held(hg));
	r = tree_getattr(gone, NULL, &fixture_call, &attr);
	assert_int_equal(-ESTALE, r);
	assert_string_equal("errno 2", fixture_read(f, "gone"));
	assert_string_equal("file\n", fixture_read(f, "d"));
	assert_string_equal("errno 20", fixture_read(f, "d/e/in"));
	assert_string_equal("in\n", fixture_read(f, "moved/e/in"));
	assert_string_equal("d f moved ok x", fixture_list(f, ""));

	/* What is gone cannot be changed; the rest can. */
	assert_int_not_equal(0, fixture_write(f, "gone", "x"));
	assert_int_equal(0, fixture_write(f, "ok", "OK"));
	assert_int_equal(0, fixture_do(f, "rename", "moved", "back"));
	assert_string_equal("in\n", fixture_read(f, "back/e/in"));
	assert_int_equal(0, fixture_do(f, "unlink", "d", NULL));
	handle_unref(h);
	handle_unref(hg);
	node_unref(file);
	node_unref(gone);
}

/* A lower gets a name that hides what another one had. */
static void
hidden(void **state)
{
	struct fixture *f = *state;

	fixture_layers(f, "echo below >lower2/f; mkdir lower2/d; touch "
			  "lower2/d/a");
	fixture_open(f, true);
	assert_string_equal("below\n", fixture_read(f, "f"));
	assert_string_equal("a", fixture_list(f, "d"));
	fixture_sh(f, "echo above >lower1/f; mkdir lower1/n");
	assert_string_equal("", fixture_list(f, "n"));
	/* tree.h and NODE_FOUND_MS: at the latest. */
	(void)usleep(1100000);
	assert_string_equal("above\n", fixture_read(f, "f"));
}

static void
unmounted(void **state)
{
	struct fixture *f = *state;
	struct node *n;
	struct handle *h;

	SKIP_UNLESS_ROOT();
	fixture_layers(f, "mount -t tmpfs veneer-test lower1; mkdir lower1/d; "
			  "echo 1 >lower1/f; echo 2 >lower2/g; mkdir lower2/d; "
			  "echo 3 >lower2/d/h");
	fixture_open(f, true);
	h = hold(f, "f", &n);
	/* Nothing is under its path any more, but the server holds it. */
	fixture_sh(f, "umount -l lower1; echo other >lower1/f");
	assert_string_equal("1\n", read_held(h));
	assert_string_equal("1\n", fixture_read(f, "f"));
	assert_string_equal("3\n", fixture_read(f, "d/h"));
	assert_string_equal("d f g", fixture_list(f, ""));
	assert_int_equal(0, fixture_write(f, "f", "9"));
	assert_string_equal("9\n", fixture_read(f, "f"));
	handle_unref(h);
	node_unref(n);
}

/* An overlay as a lower: marks set through it are its own, escaped, and count
 * one level up (overlay.md 2.4). A kernel mount over it must show the same. */
static void
nested(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	fixture_layers(f,
		       "mkdir -p base/d up wk inner; echo b >base/d/f; echo w "
		       ">base/d/w; mount -t overlay veneer-test -o "
		       "lowerdir=base,upperdir=up,workdir=wk inner || "
		       "touch none");
	if (fixture_holds(f, "test -e none")) {
		print_message("no overlay here: skipped\n");
		fixture_sh(f, "rm -rf none base up wk inner");
		return;
	}
	fixture_sh(f, "mount --bind inner lower1; : >inner/d/w; "
		      "setfattr -n trusted.overlay.whiteout -v y inner/d/w; "
		      "setfattr -n trusted.overlay.opaque -v x inner/d; "
		      "mkdir inner/o lower2/o lower2/d; "
		      "setfattr -n trusted.overlay.opaque -v y inner/o; "
		      "touch lower2/o/hidden; echo 2 >lower2/d/w");
	assert_true(fixture_holds(
		f,
		"getfattr -n trusted.overlay.overlay.opaque up/o >/dev/null"));
	fixture_open(f, true);
	assert_string_equal("f", fixture_list(f, "d"));
	assert_string_equal("", fixture_list(f, "o"));
	assert_string_equal("errno 2", fixture_read(f, "d/w"));
	assert_int_equal(0, fixture_write(f, "d/f", "B"));
	assert_string_equal("B\n", fixture_read(f, "d/f"));
	fixture_close(f);
	fixture_sh(f,
		   "mkdir -p merged && mount -t overlay veneer-test -o "
		   "lowerdir=lower1:lower2,upperdir=upper,workdir=work merged; "
		   "ls merged/d merged/o >seen; cat merged/d/f >>seen; "
		   "umount merged; [ \"$(paste -sd' ' seen)\" = "
		   "'merged/d: f  merged/o: B' ] || { cat seen; false; }");
	fixture_sh(f, "umount lower1; umount inner; rm -rf base up wk inner");
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(edited), TEST(hidden),
					    TEST(unmounted), TEST(nested) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
