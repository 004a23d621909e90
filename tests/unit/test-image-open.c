/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is behind a name becomes an image, or is refused with a sentence
 * (nbd.md 12): links stay inside the tree, and only regular files are served.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-fixture.h"
#include "run.h"
#include "tree.h"
#include "unit.h"

static const char layers[] =
	"umask 022; mkdir -p L/d/e U\n"
	"printf 12345 >L/f; truncate -s 8192 L/d/e/x.img; echo host >outside\n"
	"mkfifo L/fifo; ln -s d/e/x.img L/rel; ln -s /d/e/x.img L/abs\n"
	"ln -s ../../../../outside L/d/e/out; ln -s ../../f L/d/e/up; ln -s /f "
	"L/d/e/abs\n"
	"ln -s loop L/loop; ln -s ../../../../f L/far; ln -s gone L/dangling\n"
	"ln -s e L/d/dir; printf secret >L/private; chmod 0600 L/private\n"
	"printf ro >L/ro; chmod 0444 L/ro\n"
	"ln -s f L/l1; for i in $(seq 2 41); do ln -s l$((i - 1)) L/l$i; "
	"done\n";

static struct images t;

static int
ask(const char *name, struct request *r)
{
	*r = (struct request){ .op = REQUEST_IMAGE,
			       .uid = NO_ID,
			       .gid = NO_ID,
			       .name = { name, strlen(name) },
			       .u.image.wants_write = true };
	assert_false(run(&t.server, r, true)); /* never on a loop */
	assert_true(run(&t.server, r, false));
	return r->error;
}

/* What came with it. */
static void
give_back(struct request *r)
{
	handle_unref(r->ret_handle);
	node_unref(r->ret_node);
	free(r->u.image.name);
	free(r->u.image.description);
	free(r->u.image.why);
}

static void
names(void **state)
{
	static const struct {
		const char *name;
		int want;
		uint64_t size;
		const char *text; /* the canonical name, or in the sentence */
	} rows[] = {
		{ "f", 0, 5, "f" },
		{ "//d/./e//x.img", 0, 8192, "d/e/x.img" },
		{ "rel", 0, 8192, "rel" },
		{ "abs", 0, 8192, "abs" },
		{ "d/dir/x.img", 0, 8192, "d/dir/x.img" },
		{ "d/dir/up", 0, 5, "d/dir/up" },
		{ "d/dir/abs", 0, 5, "d/dir/abs" },
		{ "far", 0, 5, "far" }, /* ".." of the root is the root */
		{ "d/e/out", -ENOENT, 0, "no such file" },
		{ "dangling", -ENOENT, 0, "no such file" },
		{ "loop", -ENOENT, 0, "too many symbolic" },
		{ "l40", 0, 5, "l40" },
		{ "d", -ENOENT, 0, "directory" },
		{ "", -ENOENT, 0, "no default" },
		{ ".", -ENOENT, 0, "directory" },
		{ "f/x", -ENOENT, 0, "not a directory" },
		{ "fifo", -ENOENT, 0, "regular" },
		{ "d/../f", -ENOENT, 0, "\"..\"" },
	};
	struct request r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].name);
		assert_int_equal(rows[i].want, ask(rows[i].name, &r));
		if (rows[i].want == 0) {
			assert_string_equal(rows[i].text, r.u.image.name);
			assert_int_equal(rows[i].size, r.u.image.size);
			assert_int_equal(4096, r.u.image.block_size);
			assert_false(r.u.image.is_read_only);
			assert_non_null(
				strstr(r.u.image.description, "lower 1, "));
		} else {
			assert_non_null(strstr(r.u.image.why, rows[i].text));
		}
		give_back(&r);
	}
}

static void
links_at_the_limit(void **state)
{
	struct request r;

	(void)state;
	assert_int_equal(0, ask("l40", &r));
	give_back(&r);
	assert_int_equal(-ENOENT, ask("l41", &r));
	assert_non_null(strstr(r.u.image.why, "too many symbolic"));
	give_back(&r);
}

/* Whether @name can be had, and written, by whom the configuration says. */
static void
check(const char *name, int want, bool is_read_only)
{
	struct request r;

	print_message("%s\n", name);
	assert_int_equal(want, ask(name, &r));
	if (want == 0)
		assert_int_equal(is_read_only, r.u.image.is_read_only);
	give_back(&r);
}

static void
rights(void **state)
{
	(void)state;
	check("private", 0, false);
	t.cfg.nbd_read_only = true;
	check("f", 0, true);
	t.cfg.nbd_read_only = false;
	if (geteuid() != 0)
		skip();
	t.cfg.nbd_uid = 1234;
	check("private", -EACCES, true);
	check("f", 0, true);
	t.cfg.nbd_uid = 0;
	check("private", 0, false);
	/* Nobody is who is asked where clients are not trusted. */
	t.cfg.nbd_uid = NO_ID;
	t.access.mode = ACCESS_SERVER;
	check("private", -EACCES, true);
	check("ro", 0, true);
	t.access.mode = ACCESS_CLIENT;
	check("ro", 0, false);
}

static void
without_an_upper(void **state)
{
	struct request r;

	(void)state;
	images_close(&t);
	images_open(&t, "", "L", NULL);
	check("f", 0, true);
	t.cfg.default_export = "d/e/x.img";
	assert_int_equal(0, ask("", &r));
	assert_string_equal("d/e/x.img", r.u.image.name);
	give_back(&r);
}

static int
setup(void **state)
{
	(void)state;
	if (images_setup(&t, layers) < 0)
		return -1;
	images_open(&t, "", "L", "U");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return images_teardown(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(links_at_the_limit, setup,
						teardown),
		cmocka_unit_test_setup_teardown(rights, setup, teardown),
		cmocka_unit_test_setup_teardown(without_an_upper, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
