/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ident.path is the same before and after copy-up, rename and a restart, and
 * in listings; ident.version moves with the content (9p.md 5.2, 5.5).
 */
#include "layers-fixture.h"

#include <fcntl.h>
#include <string.h>

static struct ident
ident_of(struct fixture *f, const char *path)
{
	struct ident id;
	struct node *n;
	int r;

	n = fixture_walk(f, path, &r);
	assert_int_equal(0, r);
	assert_int_equal(0, tree_ident(n, &fixture_call, &id));
	node_unref(n);
	return id;
}

struct wanted {
	struct name name;
	uint64_t path;
};

static bool
pick(void *ctx, const struct dirent_info *e)
{
	struct wanted *w = ctx;

	if (e->name.len == w->name.len &&
	    memcmp(e->name.ptr, w->name.ptr, e->name.len) == 0)
		w->path = e->path;
	return true;
}

static uint64_t
listed_path(struct fixture *f, const char *name)
{
	struct wanted w = { fixture_name(name), 0 };
	struct handle *h;

	assert_int_equal(
		0, tree_open_node(f->top, &fixture_call, O_RDONLY, &h, NULL));
	assert_int_equal(0, tree_readdir(h, &fixture_call, 0, pick, &w));
	handle_unref(h);
	return w.path;
}

static void
path_is_stable(void **state)
{
	struct fixture *f = *state;
	uint64_t file, dir;

	fixture_sh(f, "echo x >lower2/f; mkdir lower1/d; touch lower1/d/x");
	fixture_open(f, true);
	file = ident_of(f, "f").path;
	dir = ident_of(f, "d").path;
	assert_int_equal(file, listed_path(f, "f"));
	assert_int_equal(0, fixture_write(f, "f", "y"));
	assert_int_equal(0, fixture_do(f, "create", "d/new", NULL));
	assert_int_equal(file, ident_of(f, "f").path);
	assert_int_equal(file, listed_path(f, "f"));
	assert_int_equal(0, fixture_do(f, "rename", "f", "g"));
	assert_int_equal(file, ident_of(f, "g").path);
	fixture_restart(f);
	assert_int_equal(file, ident_of(f, "g").path);
	assert_int_equal(file, listed_path(f, "g"));
	assert_int_equal(dir, ident_of(f, "d").path);
	assert_int_equal(dir, listed_path(f, "d"));
}

static void
hard_links_share_it(void **state)
{
	struct fixture *f = *state;

	fixture_sh(f, "echo x >upper/a; ln upper/a upper/b; echo y >upper/c");
	fixture_open(f, true);
	assert_int_equal(ident_of(f, "a").path, ident_of(f, "b").path);
	assert_int_not_equal(ident_of(f, "a").path, ident_of(f, "c").path);
	assert_int_equal(0, fixture_do(f, "link", "c", "d"));
	assert_int_equal(ident_of(f, "c").path, ident_of(f, "d").path);
}

static void
version_moves(void **state)
{
	struct fixture *f = *state;
	struct node *n;
	struct ident a, b, c;
	int r;

	fixture_sh(f, "echo x >lower1/f");
	fixture_open(f, true);
	n = fixture_walk(f, "f", &r);
	a = ident_of(f, "f");
	assert_int_not_equal(0, a.version);
	assert_int_equal(a.version, ident_of(f, "f").version);
	/* A copy-up of metadata leaves the content as it is. */
	assert_int_equal(0, fixture_do(f, "chmod", "f", "600"));
	assert_int_equal(a.version, ident_of(f, "f").version);
	/* Two writes of one size within one tick of the clock. */
	assert_int_equal(0, fixture_write(f, "f", "1"));
	b = ident_of(f, "f");
	assert_int_equal(0, fixture_write(f, "f", "2"));
	c = ident_of(f, "f");
	assert_int_not_equal(a.version, b.version);
	assert_int_not_equal(b.version, c.version);
	node_unref(n);
}

/* Objects with one origin, or one lower directory: each is served. */
static void
duplicates(void **state)
{
	static const char *const names[] = { "f", "g", "e", "e2" };
	struct fixture *f = *state;
	struct node *n[4];
	uint64_t path[4];
	int i, j, r, order;

	SKIP_UNLESS_ROOT();
	f->options = "redirect_dir=on";
	fixture_sh(f, "echo x >lower2/f; mkdir lower2/d; echo y >lower2/d/h");
	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "chmod", "f", "600"));
	assert_int_equal(0, fixture_do(f, "rename", "d", "e"));
	fixture_close(f);
	fixture_sh(f, "cp -a upper/f upper/g; cp -a upper/e upper/e2; "
		      "echo z >upper/g");
	for (order = 0; order < 2; order++) {
		fixture_open(f, true);
		for (i = 0; i < 4; i++) {
			j = order ? 3 - i : i;
			n[j] = fixture_walk(f, names[j], &r);
			path[j] = ident_of(f, names[j]).path;
		}
		for (i = 0; i < 4; i++)
			for (j = 0; j < i; j++)
				assert_int_not_equal(path[i], path[j]);
		assert_string_equal("e e2 f g", fixture_list(f, ""));
		assert_string_equal("x\n", fixture_read(f, "f"));
		assert_string_equal("z\n", fixture_read(f, "g"));
		assert_string_equal("y\n", fixture_read(f, "e/h"));
		assert_string_equal("y\n", fixture_read(f, "e2/h"));
		for (i = 0; i < 4; i++)
			node_unref(n[i]);
		fixture_close(f);
	}
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(path_is_stable),
					    TEST(hard_links_share_it),
					    TEST(version_moves),
					    TEST(duplicates) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
