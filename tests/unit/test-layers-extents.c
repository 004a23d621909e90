/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which layer holds what of a file (nbd.md 7 and 14): extents without gaps,
 * alike ones as one, and each with the depth of the layer that has the data.
 */
#include "layers-blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layers-calls.h"

#define DATA " bs=64k count=1 conv=notrunc status=none if=/dev/urandom "

static const struct telling {
	const char *name, *options; /* of the tree, or NULL */
	const char *layers; /* a shell command */
	const char *op, *a, *b; /* before it is opened, or NULL */
	uint64_t off, len;
	bool has_no_holes; /* the file system knows none */
	const char *want; /* KiB: "off+len@depth"; depth 0: a hole */
} tellings[] = {
	{ "lower", NULL, "dd" DATA "of=lower2/f", NULL, NULL, NULL, 0, 64 << 10,
	  0, " 0+64@3" },
	{ "upper lower", NULL, "dd" DATA "of=lower1/f", NULL, NULL, NULL, 0,
	  64 << 10, 0, " 0+64@2" },
	{ "upper", NULL, "dd" DATA "of=upper/f", NULL, NULL, NULL, 0, 64 << 10,
	  0, " 0+64@1" },
	{ "holes", NULL,
	  "dd" DATA "of=upper/f seek=1; dd" DATA "of=upper/f seek=3", NULL,
	  NULL, NULL, 0, 256 << 10, 0, " 0+64@0 64+64@1 128+64@0 192+64@1" },
	{ "a part of it", NULL,
	  "dd" DATA "of=upper/f seek=1; dd" DATA "of=upper/f seek=3", NULL,
	  NULL, NULL, 80 << 10, 128 << 10, 0, " 80+48@1 128+64@0 192+16@1" },
	{ "past the end", NULL, "dd" DATA "of=upper/f", NULL, NULL, NULL, 0,
	  1 << 20, 0, " 0+64@1 64+960@0" },
	{ "a hole, then the end", NULL,
	  "dd" DATA "of=upper/f; truncate -s 128K upper/f", NULL, NULL, NULL, 0,
	  1 << 20, 0, " 0+64@1 64+960@0" },
	{ "only past the end", NULL, "dd" DATA "of=upper/f", NULL, NULL, NULL,
	  256 << 10, 64 << 10, 0, " 256+64@0" },
	{ "empty", NULL, "touch upper/f", NULL, NULL, NULL, 0, 64 << 10, 0,
	  " 0+64@0" },
	{ "nothing", NULL, "dd" DATA "of=upper/f", NULL, NULL, NULL, 0, 0, 0,
	  "" },
	{ "knows no holes", NULL,
	  "dd" DATA "of=upper/f; truncate -s 128K upper/f", NULL, NULL, NULL, 0,
	  1 << 20, true, " 0+128@1 128+896@0" },
	{ "knows no holes, past the end", NULL, "touch upper/f", NULL, NULL,
	  NULL, 64 << 10, 64 << 10, true, " 64+64@0" },
	/* Metadata only: who has the data is told. */
	{ "metacopy", "redirect_dir=on,metacopy=on", "dd" DATA "of=lower2/f",
	  "chmod", "f", "600", 0, 64 << 10, 0, " 0+64@3" },
	{ "metacopy of a hole", "redirect_dir=on,metacopy=on",
	  "dd" DATA "of=lower2/f seek=1", "chmod", "f", "600", 0, 128 << 10, 0,
	  " 0+64@0 64+64@3" },
};

struct told {
	char text[256];
	uint64_t next; /* where the next one is to begin */
	unsigned max; /* how many are wanted */
};

static bool
add(void *ctx, const struct extent *e)
{
	const char *between = getenv("VENEER_TEST_BETWEEN");
	struct told *t = ctx;
	size_t len = strlen(t->text);
	unsigned depth = e->depth;

	/* lower2 is the third without those. */
	if (depth > 2 && between)
		depth -= (unsigned)atoi(between);

	assert_int_equal(t->next, e->off);
	assert_int_equal(e->is_hole, e->depth == 0);
	assert_true(e->len > 0);
	t->next += e->len;
	(void)snprintf(t->text + len, sizeof(t->text) - len, " %d+%d@%u",
		       (int)(e->off >> 10), (int)(e->len >> 10), depth);
	return --t->max > 0;
}

static void
told(void **state)
{
	struct fixture *f = *state;
	const struct telling *c;
	struct handle *h;
	struct node *n;
	struct told t;
	size_t i;

	for (i = 0; i < sizeof(tellings) / sizeof(tellings[0]); i++) {
		c = &tellings[i];
		print_message("%s\n", c->name);
		if (c->options && geteuid() != 0)
			continue; /* it needs trusted xattrs */
		fixture_layers(f, c->layers);
		f->options = c->options;
		fixture_open(f, true);
		if (c->op)
			assert_int_equal(0, fixture_do(f, c->op, c->a, c->b));
		n = blocks_walk(f, "f");
		h = blocks_open(n);
		t = (struct told){ .next = c->off, .max = 99 };
		calls = (struct calls){ .has_no_holes = c->has_no_holes };
		assert_int_equal(0, tree_extents(h, &fixture_call, c->off,
						 c->len, add, &t));
		calls = (struct calls){ 0 };
		assert_string_equal(c->want, t.text);
		handle_unref(h);
		node_unref(n);
		fixture_close(f);
	}
}

/* Nobody looks for more than is wanted; nor for ever. */
static void
bounded(void **state)
{
	struct fixture *f = *state;
	struct told t = { .max = 2 };
	struct handle *h;
	struct node *n;

	fixture_layers(f, "dd" DATA "of=upper/f seek=1; dd" DATA
			  "of=upper/f seek=3; dd" DATA "of=upper/f seek=5");
	fixture_open(f, true);
	n = blocks_walk(f, "f");
	h = blocks_open(n);
	calls = (struct calls){ 0 };
	assert_int_equal(0,
			 tree_extents(h, &fixture_call, 0, 1 << 20, add, &t));
	assert_string_equal(" 0+64@0 64+64@1", t.text);
	assert_in_range(calls.nr_seeks, 3, 6);
	/* However the file system cuts them. */
	t = (struct told){ .max = 99 };
	calls.splits = true;
	assert_int_equal(0,
			 tree_extents(h, &fixture_call, 0, 192 << 10, add, &t));
	assert_string_equal(" 0+64@0 64+64@1 128+64@0", t.text);
	calls.splits = false;
	assert_int_equal(-EINVAL, tree_extents(h, &fixture_call, UINT64_MAX, 2,
					       add, &t));
	assert_int_equal(-EINVAL,
			 tree_extents(h, &fixture_call, INT64_MAX, 1, add, &t));
	handle_unref(h);
	node_unref(n);
}

/* As much as is asked, and that is little; "all of it" is not asked. */
static void
prefetch(void **state)
{
	struct fixture *f = *state;
	struct handle *h;
	struct node *n;

	fixture_layers(f, "echo data >lower2/f");
	fixture_open(f, true);
	n = blocks_walk(f, "f");
	h = blocks_open(n);
	calls = (struct calls){ 0 };
	assert_int_equal(0, tree_prefetch(h, &fixture_call, 0, 0));
	assert_int_equal(0, tree_prefetch(h, &fixture_call, UINT64_MAX, 1));
	assert_int_equal(0, calls.nr_willneed);
	assert_int_equal(0, tree_prefetch(h, &fixture_call, 0, UINT64_MAX));
	assert_int_equal(1, calls.nr_willneed);
	assert_int_equal(8 << 20, calls.willneed_len);
	assert_true(fixture_holds(f, "! [ -e upper/f ]"));
	handle_unref(h);
	node_unref(n);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(told),
		TEST(bounded),
		TEST(prefetch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
