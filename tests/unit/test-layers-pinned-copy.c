/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file whose name is gone, or one of its names, is reached by what was
 * pinned when that went. When it is copied up the pin is the copy's before
 * anybody takes the file for one of the upper: nobody may ever write the
 * lower one. Not when both happen at once, nor when no descriptor is free.
 */
#include "layers-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define NR_FILES 300
#define MOST_FREE 24

static int
write_x(struct handle *h)
{
	struct iovec iov = { "x", 1 };
	ssize_t n = tree_write(h, &fixture_call, &iov, 1, 0);

	handle_unref(h);
	return n == 1 ? 0 : (int)n;
}

/* --- Who opens it at the moment of the copy-up -------------------------- */

struct opener {
	pthread_t thread;
	struct node **files;
	atomic_uint *at; /* the file that is the turn's */
	int r;
};

/* The first that sees the file in the upper: a copy-up would wait. */
static void *
open_copied(void *arg)
{
	const struct call nowait = { .gid = UINT32_MAX, .nowait = true };
	struct opener *o = arg;
	struct handle *h;
	unsigned i;

	for (i = 0; i < NR_FILES && o->r == 0; i++) {
		while (atomic_load(o->at) < i)
			;
		do
			o->r = tree_open_node(o->files[i], &nowait, O_WRONLY,
					      &h, NULL);
		while (o->r == -EAGAIN);
		if (o->r == 0)
			o->r = write_x(h);
	}
	return NULL;
}

static void
at_once(void **state)
{
	struct fixture *f = *state;
	struct node *files[NR_FILES];
	struct handle *h;
	atomic_uint at = 0;
	struct opener o = { .files = files, .at = &at };
	char name[16];
	unsigned i;
	int r;

	fixture_layers(f, "cd lower1 && for i in $(seq 0 299); do "
			  "echo lower >f$i; done");
	fixture_open(f, true);
	for (i = 0; i < NR_FILES; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		files[i] = fixture_walk(f, name, &r);
		assert_int_equal(0, fixture_do(f, "unlink", name, NULL));
	}
	assert_int_equal(0, pthread_create(&o.thread, NULL, open_copied, &o));
	for (i = 0; i < NR_FILES; i++) {
		atomic_store(&at, i);
		assert_int_equal(0, tree_open_node(files[i], &fixture_call,
						   O_RDWR, &h, NULL));
		handle_unref(h);
	}
	assert_int_equal(0, pthread_join(o.thread, NULL));
	assert_int_equal(0, o.r);
	for (i = 0; i < NR_FILES; i++)
		node_unref(files[i]);
	assert_true(fixture_holds(f, "! grep -qv '^lower$' lower1/*"));
}

/* --- No descriptor for the pin ------------------------------------------ */

static int fds[1024];
static unsigned nr_fds;

static void
take_all_but(unsigned nr)
{
	while ((fds[nr_fds] = dup(STDIN_FILENO)) >= 0)
		nr_fds++;
	while (nr-- > 0)
		(void)close(fds[--nr_fds]);
}

static void
give_back(void)
{
	while (nr_fds > 0)
		(void)close(fds[--nr_fds]);
}

static void
few_descriptors(void **state)
{
	struct fixture *f = *state;
	struct attr_set set = { .mask = ATTR_SET_MODE, .mode = 0600 };
	struct rlimit old, few;
	struct node *gone, *other;
	struct handle *h;
	unsigned nr;
	int r;

	SKIP_UNLESS_ROOT();
	assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &old));
	few = (struct rlimit){ 512, old.rlim_max };
	assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
	f->options = "metacopy=on";
	for (nr = 0; nr <= MOST_FREE; nr++) {
		fixture_layers(f, "cd lower1; echo lower >gone; ln gone other; "
				  "echo 1 >first; ln first second");
		fixture_open(f, true);
		/* Where names of links are is known after that. */
		assert_int_equal(0, fixture_do(f, "chmod", "first", "600"));
		gone = fixture_walk(f, "gone", &r);
		other = fixture_walk(f, "other", &r);
		assert_int_equal(0, fixture_do(f, "unlink", "gone", NULL));
		take_all_but(nr);
		r = tree_setattr(other, NULL, &fixture_call, &set);
		give_back();
		assert_int_equal(0, tree_open_node(gone, &fixture_call,
						   O_WRONLY, &h, NULL));
		assert_int_equal(0, write_x(h));
		node_unref(gone);
		node_unref(other);
		if (!fixture_holds(f, "test \"$(cat lower1/other)\" = lower"))
			fail_msg("%u free: a lower was written", nr);
		if (nr == MOST_FREE)
			assert_int_equal(0, r); /* enough to see all */
		fixture_close(f);
		fixture_check(f);
	}
	assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &old));
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(at_once),
		TEST(few_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
