/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A close gives its handle up whoever asks (request.h, REQUEST_CLOSE): also
 * one whom the tree's access options refuse, or about whom nothing can be
 * found out. Else its file would stay open, and locked, for ever.
 */
#include "layers-fixture.h"

#include <errno.h>
#include <fcntl.h>

#include "groups.h"
#include "run.h"

/* Whom no map-uid has, and whose groups would have to be asked for. */
#define STRANGER 99999u

static int
run_one(const struct server *s, struct request *r)
{
	r->uid = STRANGER;
	r->gid = UINT32_MAX;
	assert_true(run(s, r, false));
	return r->error;
}

static int
lock(struct handle *h, unsigned owner)
{
	struct lock_range range = { .type = LOCK_RANGE_WRITE,
				    .owner = owner,
				    .end = UINT64_MAX,
				    .client_id = { "c", 1 } };

	return tree_lock(h, &fixture_call, &range);
}

/* @key=@value: options with which @refused is the answer to a getattr. */
static void
closed_with(struct fixture *f, const char *key, const char *value, int refused)
{
	struct access a = ACCESS_INIT;
	struct export e = { .access = &a };
	struct server s = { .exports = &e, .nr_exports = 1 };
	struct request getattr = { .op = REQUEST_GETATTR };
	struct request close = { .op = REQUEST_CLOSE };
	struct handle *other;
	struct node *n;
	char *why;
	int r;

	assert_int_equal(0, access_set(&a, key, value, &why));
	s.groups = groups_new();
	e.tree = f->tree;
	tree_set_user(f->tree, &e);
	n = fixture_walk(f, "file", &r);
	assert_int_equal(0, tree_open_node(n, &fixture_call, O_RDWR,
					   &close.handle, NULL));
	assert_int_equal(
		0, tree_open_node(n, &fixture_call, O_RDWR, &other, NULL));
	assert_int_equal(0, lock(close.handle, 1));
	assert_int_equal(-EBUSY, lock(other, 2));
	getattr.node = n;
	getattr.handle = close.handle;
	assert_int_equal(refused, run_one(&s, &getattr));
	assert_int_equal(0, run_one(&s, &close));
	assert_int_equal(0, lock(other, 2));
	handle_unref(other);
	node_unref(n);
	groups_free(s.groups);
}

static void
closed(void **state)
{
	struct fixture *f = *state;

	fixture_sh(f, "echo x >upper/file");
	fixture_open(f, true);
	closed_with(f, "access", "server", 0);
	closed_with(f, "map-uid", "0:100000:1000", -EPERM);
}

/* Of what has to be asked for, nothing is asked: a close never leaves a loop. */
static void
closed_at_once(void **state)
{
	struct access a = { .mode = ACCESS_SERVER };
	struct export e = { .access = &a };
	struct server s = { .exports = &e, .nr_exports = 1 };
	struct request close = { .op = REQUEST_CLOSE, .uid = STRANGER };
	struct fixture *f = *state;
	struct node *n;
	int r;

	fixture_sh(f, "echo x >upper/file");
	fixture_open(f, true);
	s.groups = groups_new();
	e.tree = f->tree;
	tree_set_user(f->tree, &e);
	n = fixture_walk(f, "file", &r);
	assert_int_equal(0, tree_open_node(n, &fixture_call, O_RDWR,
					   &close.handle, NULL));
	assert_true(run(&s, &close, true));
	assert_int_equal(0, close.error);
	node_unref(n);
	groups_free(s.groups);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(closed),
		TEST(closed_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
