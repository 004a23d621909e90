/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * First changes by several handles at a time (nbd.md 15): one copy-up, after
 * which all of them are made; who brings a waiter is parked meanwhile, without
 * any effect. Reads and FLUSH go on.
 */
#include "layers-blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "claim.h"

#define NR_THREADS 8

struct writer {
	pthread_t thread;
	struct handle *h;
	uint64_t off;
	int r;
};

static void *
write_one(void *arg)
{
	struct writer *w = arg;

	w->r = blocks_write(w->h, "W", w->off);
	return NULL;
}

static long
nr_changes(const struct fixture *f)
{
	return atomic_load(&f->tree->layers.upper->nr_changes);
}

/* A second copy would lose what was written to the first. */
static void
one_copy(void **state)
{
	struct fixture *f = *state;
	struct writer w[NR_THREADS];
	struct node *n, *g;
	long alone;
	int i;

	fixture_layers(f, "printf aaaaaaaa >lower2/f; cp lower2/f lower2/g");
	f->options = BLOCKS_CAN_FAIL ",test-slow=20";
	fixture_open(f, true);
	g = blocks_walk(f, "g");
	w[0].h = blocks_open(g);
	assert_int_equal(0, blocks_write(w[0].h, "W", 0));
	handle_unref(w[0].h);
	alone = nr_changes(f);
	n = blocks_walk(f, "f");
	for (i = 0; i < NR_THREADS; i++) {
		w[i] = (struct writer){ .h = blocks_open(n),
					.off = (uint64_t)i };
		assert_int_equal(0, pthread_create(&w[i].thread, NULL,
						   write_one, &w[i]));
	}
	for (i = 0; i < NR_THREADS; i++) {
		assert_int_equal(0, pthread_join(w[i].thread, NULL));
		assert_int_equal(0, w[i].r);
	}
	blocks_assert_reads(w[0].h, "WWWWWWWW");
	/* One copy and a change each; the first had the parent's mark, too. */
	assert_in_range(nr_changes(f) - alone, NR_THREADS,
			alone + NR_THREADS - 1);
	for (i = 0; i < NR_THREADS; i++)
		handle_unref(w[i].h);
	node_unref(n);
	node_unref(g);
}

static void
count_wake(struct waiter *w)
{
	(*(unsigned *)w->ctx)++;
}

static void
parked(void **state)
{
	struct fixture *f = *state;
	struct iovec iov = { (char *)"new", 3 };
	unsigned nr_woken = 0;
	struct call c = fixture_call;
	struct waiter w, z;
	struct handle *h;
	struct claim cl;
	struct node *n;

	fixture_layers(f, "printf old >lower2/f");
	fixture_open(f, true);
	n = blocks_walk(f, "f");
	h = blocks_open(n);
	assert_int_equal(1, claim_take(&cl, n, &fixture_call, COPYUP_DATA));
	waiter_init(&w, count_wake, &nr_woken);
	waiter_init(&z, count_wake, &nr_woken);
	c.waiter = &w;
	assert_int_equal(-EINPROGRESS, tree_write(h, &c, &iov, 1, 0));
	c.waiter = &z;
	assert_int_equal(-EINPROGRESS,
			 tree_zero(h, &c, 0, 3, ZERO_KEEP, false));
	/* What needs no copy does not wait for it. */
	assert_int_equal(0, tree_zero(h, &c, 0, 3, ZERO_TRIM, false));
	assert_int_equal(0, tree_fsync(n, h, &c, true));
	blocks_assert_reads(h, "old");
	assert_true(fixture_holds(f, "! [ -e upper/f ]"));
	claim_release(&cl, 0);
	assert_int_equal(2, nr_woken);
	assert_int_equal(3, tree_write(h, &c, &iov, 1, 0));
	blocks_assert_reads(h, "new");
	handle_unref(h);
	node_unref(n);
}

/* On a loop: nothing has happened, or all. */
static void
without_waiting(void **state)
{
	struct fixture *f = *state;
	struct iovec iov = { (char *)"new", 3 };
	struct call c = fixture_call;
	struct handle *h;
	struct node *n;

	fixture_layers(f, "printf old >lower2/f");
	fixture_open(f, true);
	n = blocks_walk(f, "f");
	h = blocks_open(n);
	c.nowait = true;
	assert_int_equal(-EAGAIN, tree_write(h, &c, &iov, 1, 0));
	assert_int_equal(-EAGAIN, tree_zero(h, &c, 0, 3, ZERO_FREE, false));
	assert_int_equal(0, tree_fsync(n, h, &c, true));
	assert_true(fixture_holds(f, "! [ -e upper/f ]"));
	assert_int_equal(0, blocks_write(h, "New", 0));
	assert_int_equal(3, tree_write(h, &c, &iov, 1, 0));
	assert_int_equal(-EAGAIN, tree_zero(h, &c, 0, 3, ZERO_FREE, false));
	c.is_sync = true;
	assert_int_equal(-EAGAIN, tree_write(h, &c, &iov, 1, 0));
	assert_int_equal(-EAGAIN, tree_fsync(n, h, &c, true));
	handle_unref(h);
	node_unref(n);
}

/* A copy that finds no room leaves all as it was, and can be tried again. */
static void
no_room(void **state)
{
	struct fixture *f = *state;
	struct handle *h;
	struct node *n;

	fixture_layers(f, "printf old >lower2/f");
	f->options = BLOCKS_CAN_FAIL;
	fixture_open(f, true);
	n = blocks_walk(f, "f");
	h = blocks_open(n);
	blocks_fail_next(f, ENOSPC);
	assert_int_equal(-ENOSPC, blocks_write(h, "new", 0));
	blocks_assert_reads(h, "old");
	assert_int_equal(0, blocks_sync(h, SYNC_DATA));
	assert_int_equal(0, blocks_write(h, "new", 0));
	blocks_assert_reads(h, "new");
	handle_unref(h);
	node_unref(n);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_copy),
		TEST(parked),
		TEST(without_waiting),
		TEST(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
