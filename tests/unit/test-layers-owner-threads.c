/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * owner=mapped: of a chown and a chmod of one object at once none is lost,
 * though both write the same mark (setattr holds the inode's lock in the
 * kernel: notify_change()). Nor where a file has to take the place of what
 * cannot have a mark. For TSan, too.
 */
#include "layers-fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 200

struct changer {
	pthread_t thread;
	pthread_barrier_t *start;
	struct node *n;
	struct attr_set set;
	int r;
};

static void *
change(void *arg)
{
	struct changer *ch = arg;

	(void)pthread_barrier_wait(ch->start);
	ch->r = tree_setattr(ch->n, NULL, &fixture_call, &ch->set);
	return NULL;
}

/* Both at once, and then both are to be seen. */
static void
change_both(struct node *n, unsigned round)
{
	pthread_barrier_t start;
	struct changer ch[] = {
		{ .set = { .mask = ATTR_SET_UID, .uid = round + 1 } },
		{ .set = { .mask = ATTR_SET_MODE, .mode = round + 1 } },
	};
	struct attr a;
	int i;

	assert_int_equal(0, pthread_barrier_init(&start, NULL, 2));
	for (i = 0; i < 2; i++) {
		ch[i].n = n;
		ch[i].start = &start;
		assert_int_equal(
			0, pthread_create(&ch[i].thread, NULL, change, &ch[i]));
	}
	for (i = 0; i < 2; i++) {
		assert_int_equal(0, pthread_join(ch[i].thread, NULL));
		assert_int_equal(0, ch[i].r);
	}
	(void)pthread_barrier_destroy(&start);
	assert_int_equal(0, tree_getattr(n, NULL, &fixture_call, &a));
	if (a.uid != round + 1 || (a.mode & 07777) != round + 1)
		fail_msg("round %u: owner %u, mode %o", round, a.uid, a.mode);
}

/* The only one to change that: nobody else may bring back what it was. */
static void *
change_often(void *arg)
{
	struct changer *ch = arg;
	struct attr a;
	unsigned i;

	for (i = 1; i <= 20 * ROUNDS && ch->r == 0; i++) {
		ch->set.uid = ch->set.mode = i & 0777;
		ch->r = tree_setattr(ch->n, NULL, &fixture_call, &ch->set);
		if (ch->r == 0)
			ch->r = tree_getattr(ch->n, NULL, &fixture_call, &a);
		if (ch->r == 0 && ch->set.mask & ATTR_SET_UID)
			ch->r = a.uid != ch->set.uid;
		else if (ch->r == 0)
			ch->r = (a.mode & 07777) != ch->set.mode;
	}
	return NULL;
}

static void
marked(void **state)
{
	struct changer ch[] = {
		{ .set = { .mask = ATTR_SET_UID } },
		{ .set = { .mask = ATTR_SET_MODE } },
	};
	struct fixture *f = *state;
	int i, r;

	f->options = "owner=mapped";
	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "create", "file", NULL));
	for (i = 0; i < 2; i++) {
		ch[i].n = fixture_walk(f, "file", &r);
		assert_int_equal(0, pthread_create(&ch[i].thread, NULL,
						   change_often, &ch[i]));
	}
	for (i = 0; i < 2; i++) {
		assert_int_equal(0, pthread_join(ch[i].thread, NULL));
		assert_int_equal(0, ch[i].r);
		node_unref(ch[i].n);
	}
}

/* A fifo of the host has none, and gets a stand-in at the first change. */
static void
stood_for(void **state)
{
	struct fixture *f = *state;
	struct node *n;
	char name[16];
	unsigned i;
	int r;

	fixture_layers(f, "cd upper && seq -f 'fifo%.0f' 0 199 | xargs mkfifo");
	f->options = "owner=mapped";
	fixture_open(f, true);
	for (i = 0; i < ROUNDS; i++) {
		(void)snprintf(name, sizeof(name), "fifo%u", i);
		n = fixture_walk(f, name, &r);
		change_both(n, i);
		node_unref(n);
	}
	fixture_close(f);
	fixture_check(f);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(marked),
		TEST(stood_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
