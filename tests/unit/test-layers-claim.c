/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copy-ups that several ask for (design.md 3, rule 4): one copy, however
 * many ask; who brings a waiter is parked without any effect and woken at
 * the end, or taken back; a copy that nobody wants any more is given up and
 * leaves nothing; one that ran out of space fails all who asked for it.
 */
#include "layers-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#include "claim.h"

#define NR_THREADS 16
/* Six pieces of data with holes between: six slices. */
#define PIECES                                                          \
	"for i in 0 1 2 3 4 5; do printf data | dd of=lower1/f bs=64k " \
	"seek=$i conv=notrunc status=none; done; cp --sparse=always "   \
	"lower1/f lower1/g"

static void
count_wake(struct waiter *w)
{
	(*(unsigned *)w->ctx)++;
}

static int
open_for_writing(struct node *n, struct waiter *w)
{
	const struct call c = { .gid = UINT32_MAX, .waiter = w };
	struct handle *h;
	int r = tree_open_node(n, &c, O_RDWR, &h, NULL);

	if (r == 0)
		handle_unref(h);
	return r;
}

static struct node *
open_tree(struct fixture *f, const char *options)
{
	struct node *n;
	int r;

	fixture_layers(f, PIECES);
	f->options = options;
	fixture_open(f, true);
	n = fixture_walk(f, "f", &r);
	assert_non_null(n);
	return n;
}

static void
assert_untouched(struct fixture *f)
{
	assert_true(fixture_holds(f, "! [ -e upper/f ]"));
	assert_true(fixture_holds(f, "[ -z \"$(ls -A work/work)\" ]"));
}

/* --- One copy -------------------------------------------------------------- */

static void *
open_in_thread(void *arg)
{
	return (void *)(intptr_t)open_for_writing(arg, NULL);
}

static long
nr_changes(const struct fixture *f)
{
	return atomic_load(&f->tree->layers.upper->nr_changes);
}

static void
many_threads_one_copy(void **state)
{
	struct fixture *f = *state;
	/* Changes are counted where one is to fail. */
	struct node *n = open_tree(f, "test-fail=1000000:5,test-slow=5"), *g;
	pthread_t threads[NR_THREADS];
	long alone;
	void *r;
	int i, err;

	g = fixture_walk(f, "g", &err);
	assert_int_equal(0, open_for_writing(g, NULL));
	alone = nr_changes(f);
	assert_true(alone > 6);
	for (i = 0; i < NR_THREADS; i++)
		assert_int_equal(0, pthread_create(&threads[i], NULL,
						   open_in_thread, n));
	for (i = 0; i < NR_THREADS; i++) {
		assert_int_equal(0, pthread_join(threads[i], &r));
		assert_null(r);
	}
	/* The first had more to do: the parent's mark. */
	assert_in_range(nr_changes(f) - alone, 6, alone);
	assert_true(fixture_holds(f, "cmp lower1/f upper/f"));
	node_unref(g);
	node_unref(n);
}

/* --- Waiting without a thread --------------------------------------------- */

static void
parked_and_woken(void **state)
{
	struct fixture *f = *state;
	struct node *n = open_tree(f, NULL);
	struct waiter w[3];
	struct claim cl;
	unsigned nr_woken = 0;
	int i;

	assert_int_equal(1, claim_take(&cl, n, &fixture_call, COPYUP_DATA));
	for (i = 0; i < 3; i++) {
		waiter_init(&w[i], count_wake, &nr_woken);
		assert_int_equal(-EINPROGRESS, open_for_writing(n, &w[i]));
		assert_true(w[i].is_parked);
	}
	assert_untouched(f);
	assert_true(tree_unpark(&w[1]));
	assert_false(tree_unpark(&w[1]));
	claim_release(&cl, 0);
	assert_int_equal(2, nr_woken);
	assert_false(tree_unpark(&w[0]));
	for (i = 0; i < 3; i++)
		assert_int_equal(0, open_for_writing(n, &w[i]));
	assert_int_equal(2, nr_woken);
	node_unref(n);
}

/* What a request does before its copy-up has no effect, or none is seen. */
static void
parked_has_done_nothing(void **state)
{
	static const struct name to = { "new", 3 }, from = { "f", 1 };
	struct fixture *f = *state;
	struct node *n = open_tree(f, NULL);
	struct attr_set set = { .mask = ATTR_SET_SIZE | ATTR_SET_MODE };
	unsigned nr_woken = 0;
	struct waiter w;
	struct call c = { .gid = UINT32_MAX, .waiter = &w };
	struct claim cl;

	waiter_init(&w, count_wake, &nr_woken);
	assert_int_equal(1, claim_take(&cl, n, &fixture_call, COPYUP_DATA));
	assert_int_equal(-EINPROGRESS, tree_setattr(n, NULL, &c, &set));
	assert_true(tree_unpark(&w));
	assert_int_equal(-EINPROGRESS, tree_link(n, &c, f->top, to));
	assert_true(tree_unpark(&w));
	assert_int_equal(-EINPROGRESS,
			 tree_rename(f->top, from, f->top, to, &c));
	assert_true(tree_unpark(&w));
	assert_int_equal(
		-EINPROGRESS,
		tree_setxattr(n, NULL, &c, fixture_name("user.a"), "b", 1, 0));
	assert_true(tree_unpark(&w));
	assert_untouched(f);
	assert_string_equal("f g", fixture_list(f, ""));
	claim_release(&cl, 0);
	assert_int_equal(0, nr_woken);
	node_unref(n);
}

/* Who wants the same meets the same; who wants less tries for itself. */
static void
no_space_is_for_all(void **state)
{
	struct fixture *f = *state;
	struct node *n = open_tree(f, NULL);
	const struct attr_set set = { .mask = ATTR_SET_SIZE };
	struct waiter w, less;
	struct call c = { .gid = UINT32_MAX, .waiter = &less };
	unsigned nr_woken = 0;
	struct claim cl;

	waiter_init(&w, count_wake, &nr_woken);
	waiter_init(&less, count_wake, &nr_woken);
	assert_int_equal(1, claim_take(&cl, n, &fixture_call, COPYUP_WRITE));
	assert_int_equal(-EINPROGRESS, open_for_writing(n, &w));
	assert_int_equal(-EINPROGRESS, tree_setattr(n, NULL, &c, &set));
	claim_release(&cl, -ENOSPC);
	assert_int_equal(2, nr_woken);
	assert_int_equal(-ENOSPC, open_for_writing(n, &w));
	assert_untouched(f);
	/* Once. */
	assert_int_equal(0, open_for_writing(n, &w));
	assert_int_equal(0, tree_setattr(n, NULL, &c, &set));
	node_unref(n);
}

/* --- Cancelling -------------------------------------------------------------- */

static void
unwanted_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct node *n = open_tree(f, "test-slow=1");
	struct waiter w;

	waiter_init(&w, count_wake, NULL);
	atomic_store(&w.is_unwanted, true);
	assert_int_equal(-ECANCELED, open_for_writing(n, &w));
	assert_untouched(f);
	atomic_store(&w.is_unwanted, false);
	assert_int_equal(0, open_for_writing(n, &w));
	assert_true(fixture_holds(f, "cmp lower1/f upper/f"));
	node_unref(n);
}

static void
goes_on_while_another_waits(void **state)
{
	struct fixture *f = *state;
	struct node *n = open_tree(f, NULL);
	struct waiter mine, other;
	const struct call c = { .gid = UINT32_MAX, .waiter = &mine };
	unsigned nr_woken = 0;
	struct claim cl;

	waiter_init(&mine, count_wake, &nr_woken);
	waiter_init(&other, count_wake, &nr_woken);
	assert_int_equal(1, claim_take(&cl, n, &c, COPYUP_DATA));
	assert_int_equal(-EINPROGRESS, open_for_writing(n, &other));
	assert_int_equal(0, claim_step(&cl, 1, 2));
	atomic_store(&mine.is_unwanted, true);
	assert_int_equal(0, claim_step(&cl, 1, 2));
	assert_true(tree_unpark(&other));
	assert_int_equal(-ECANCELED, claim_step(&cl, 1, 2));
	claim_release(&cl, -ECANCELED);
	assert_int_equal(0, nr_woken);
	node_unref(n);
}

/* In place: the mark stays, and what was written is given back. */
static void
late_data_is_given_back(void **state)
{
	struct fixture *f = *state;
	struct node *n;
	struct waiter w;

	SKIP_UNLESS_ROOT();
	n = open_tree(f, "metacopy=on,test-slow=1");
	assert_int_equal(0, fixture_do(f, "chmod", "f", "600"));
	fixture_sh(f, "stat -c '%s %Y %b' upper/f >before");
	waiter_init(&w, count_wake, NULL);
	atomic_store(&w.is_unwanted, true);
	assert_int_equal(-ECANCELED, open_for_writing(n, &w));
	assert_true(fixture_holds(
		f, "stat -c '%s %Y %b' upper/f | cmp - before && getfattr -n "
		   "trusted.overlay.metacopy upper/f >/dev/null 2>&1"));
	assert_int_equal(0, open_for_writing(n, NULL));
	assert_true(fixture_holds(f, "cmp lower1/f upper/f"));
	node_unref(n);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(many_threads_one_copy),
		TEST(parked_and_woken),
		TEST(parked_has_done_nothing),
		TEST(no_space_is_for_all),
		TEST(unwanted_leaves_nothing),
		TEST(goes_on_while_another_waits),
		TEST(late_data_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
