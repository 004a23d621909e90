/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many threads at one tree: creates, renames across directories, unlinks,
 * copy-ups of the same files, listings, reads, locks; some with a waiter, which is
 * woken or taken back. For TSan; and nobody may see an error that this
 * mixture does not explain.
 */
#include "layers-fixture.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "waiter.h"

#define NR_THREADS 8
#define ROUNDS 150
#define TREES 10

struct worker {
	struct fixture *f;
	pthread_t thread;
	unsigned seed;
	struct waiter waiter;
	sem_t woken; /* once for each time it was parked and not taken back */
	unsigned nr_parked;
	int bad; /* an errno that should not have been */
};

static unsigned
dice(struct worker *w, unsigned sides)
{
	w->seed = w->seed * 1103515245u + 12345u;
	return (w->seed >> 16) % sides;
}

static void
post_woken(struct waiter *waiter)
{
	(void)sem_post(waiter->ctx);
}

/* How @w calls: it may wait in its thread, not at all, or by a waiter. */
static struct call
any_call(struct worker *w)
{
	struct call c = { .gid = UINT32_MAX, .nowait = dice(w, 2) };

	if (c.nowait || dice(w, 2))
		return c;
	c.waiter = &w->waiter;
	w->waiter.is_parked = false;
	atomic_store(&w->waiter.is_unwanted, dice(w, 4) == 0);
	return c;
}

/* After a call that may have parked the waiter: have it back. */
static void
end_call(struct worker *w, const struct call *c)
{
	if (!c->waiter || !w->waiter.is_parked)
		return;
	w->nr_parked++;
	if (dice(w, 2) && tree_unpark(&w->waiter))
		return;
	while (sem_wait(&w->woken) < 0)
		continue; /* a signal */
}

static struct name
pick(struct worker *w, char buf[16])
{
	(void)snprintf(buf, 16, "f%u", dice(w, 6));
	return fixture_name(buf);
}

static bool
ignore_entry(void *ctx, const struct dirent_info *e)
{
	(void)ctx;
	return e->name.len > 0;
}

static int
use_file(struct worker *w, const struct call *c, struct node *dir,
	 struct name name)
{
	char text[8] = "text";
	struct iovec iov = { text, 4 };
	struct handle *h = NULL;
	struct ident id;
	struct attr attr;
	struct node *n = NULL;
	unsigned nr;
	int r;

	r = tree_walk(dir, c, &name, 1, &id, &nr, &n);
	if (r == 0)
		r = tree_open_node(n, c, (int)dice(w, 3), &h, &id);
	if (r == 0)
		(void)tree_write(h, c, &iov, 1, 0);
	if (r == 0)
		(void)tree_read(h, c, &iov, 1, 0);
	if (r == 0)
		r = tree_getattr(n, dice(w, 2) ? h : NULL, c, &attr);
	handle_unref(h);
	node_unref(n);
	return r;
}

static int
list(struct node *dir)
{
	struct handle *h;
	int r;

	r = tree_open_node(dir, &fixture_call, 0, &h, NULL);
	if (r < 0)
		return r;
	r = tree_readdir(h, &fixture_call, 0, ignore_entry, NULL);
	handle_unref(h);
	return r;
}

static int
one(struct worker *w, const struct call *c, struct node *a, struct node *b)
{
	char bx[16], by[16];
	struct name x = pick(w, bx), y = pick(w, by);
	struct handle *h;
	struct node *n;
	struct ident id;
	int r;

	switch (dice(w, 7)) {
	case 0:
		r = tree_create(a, c, x, 2, 0644, &n, &h, &id);
		if (r == 0) {
			handle_unref(h);
			node_unref(n);
		}
		return r;
	case 1:
		return tree_unlink(a, c, x, false);
	case 2:
		return tree_rename(a, x, b, y, c);
	case 3:
		return list(a);
	case 4:
		return tree_mkdir(a, c, fixture_name("sub"), 0755, &id);
	case 5:
		return tree_unlink(a, c, fixture_name("sub"), true);
	default:
		return use_file(w, c, a, x);
	}
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct node *a, *b;
	struct call c;
	int i, r, ra, rb;

	for (i = 0; i < ROUNDS; i++) {
		a = fixture_walk(w->f, dice(w, 2) ? "d" : "e", &ra);
		b = fixture_walk(w->f, dice(w, 2) ? "d" : "e", &rb);
		if (ra < 0 || rb < 0) {
			w->bad = ra < 0 ? ra : rb;
		} else {
			c = any_call(w);
			r = one(w, &c, a, b);
			end_call(w, &c);
			if (r < 0 && r != -ENOENT && r != -EEXIST &&
			    r != -EAGAIN && r != -ESTALE && r != -EISDIR &&
			    r != -EINPROGRESS && r != -ECANCELED)
				w->bad = r;
		}
		node_unref(a);
		node_unref(b);
	}
	return NULL;
}

/* Returns how often a waiter was parked. */
static unsigned
run_threads(struct fixture *f, unsigned seed)
{
	struct worker w[NR_THREADS];
	unsigned i, nr_parked = 0;

	for (i = 0; i < NR_THREADS; i++) {
		w[i] = (struct worker){ .f = f, .seed = seed + i };
		(void)sem_init(&w[i].woken, 0, 0);
		waiter_init(&w[i].waiter, post_woken, &w[i].woken);
		assert_int_equal(
			0, pthread_create(&w[i].thread, NULL, work, &w[i]));
	}
	for (i = 0; i < NR_THREADS; i++)
		assert_int_equal(0, pthread_join(w[i].thread, NULL));
	for (i = 0; i < NR_THREADS; i++) {
		assert_int_equal(0, w[i].bad);
		nr_parked += w[i].nr_parked;
	}
	return nr_parked;
}

static void
threads(void **state)
{
	struct fixture *f = *state;
	unsigned i, nr_parked = 0;

	f->options = "test-slow=1";
	for (i = 0; i < TREES; i++) {
		fixture_layers(f, "mkdir lower1/d lower2/d lower2/e; "
				  "for i in 0 1 2 3 4 5; do echo $i "
				  ">lower2/d/f$i; echo $i >lower2/e/f$i; done");
		fixture_open(f, true);
		nr_parked += run_threads(f, i * NR_THREADS + 1);
		fixture_close(f);
		assert_true(fixture_holds(f, "[ -z \"$(ls -A work/work)\" ]"));
	}
	print_message("%u times parked\n", nr_parked);
	assert_true(nr_parked > 0);
}

/* Each changes a name of its own of one file, looks at all, moves it. */
static void *
work_links(void *arg)
{
	struct worker *w = arg;
	char name[16], other[16];
	int i, r;

	(void)snprintf(name, sizeof(name), "d/h%u", w->seed);
	(void)snprintf(other, sizeof(other), "e/m%u", w->seed);
	for (i = 0; i < 4; i++)
		(void)fixture_path(w->f, i < 2 ? "e/h" : name);
	r = w->seed % 3 == 0   ? fixture_do(w->f, "rename", name, other)
	    : w->seed % 3 == 1 ? fixture_do(w->f, "chmod", name, "600")
			       : fixture_write(w->f, name, "new");
	if (r < 0)
		w->bad = r;
	return NULL;
}

static void
links(void **state)
{
	struct worker w[NR_THREADS];
	struct fixture *f = *state;
	int i, round;

	for (round = 0; round < 20; round++) {
		fixture_layers(f,
			       "mkdir lower2/d lower2/e; echo x >lower2/e/h; "
			       "for i in $(seq 16); do "
			       "ln lower2/e/h lower2/d/h$i; done");
		fixture_open(f, true);
		for (i = 0; i < NR_THREADS; i++) {
			w[i] = (struct worker){ .f = f,
						.seed = (unsigned)i + 1 };
			assert_int_equal(0, pthread_create(&w[i].thread, NULL,
							   work_links, &w[i]));
		}
		for (i = 0; i < NR_THREADS; i++)
			assert_int_equal(0, pthread_join(w[i].thread, NULL));
		for (i = 0; i < NR_THREADS; i++)
			assert_int_equal(0, w[i].bad);
		fixture_close(f);
		assert_true(fixture_holds(
			f, "[ $(find upper -type f -links 17 | wc -l) = 17 ]"));
	}
}

/* Locks of its own part of the file, and shared ones; then it is copied up. */
static int
lock_some(struct worker *w, struct handle *h)
{
	struct call c = any_call(w);
	struct lock_range range = { .owner = (uintptr_t)w,
				    .proc_id = 1,
				    .client_id = { "guest", 5 } };
	unsigned type = dice(w, 3);

	c.waiter = NULL;
	range.type = type == 0   ? LOCK_RANGE_NONE
		     : type == 1 ? LOCK_RANGE_READ
				 : LOCK_RANGE_WRITE;
	range.start = dice(w, 50);
	range.end = range.start + dice(w, 10);
	return tree_lock(h, &c, &range);
}

static void *
work_locks(void *arg)
{
	struct worker *w = arg;
	struct handle *h;
	struct node *n;
	int i, r;

	for (i = 0; i < 30 && !w->bad; i++) {
		n = fixture_walk(w->f, "f", &r);
		h = NULL;
		if (r == 0)
			r = tree_open_node(n, &fixture_call, 0, &h, NULL);
		if (r == 0)
			r = lock_some(w, h);
		if (r == 0 && dice(w, 20) == 0)
			r = fixture_do(w->f, "chmod", "f", "600");
		if (r == 0)
			r = lock_some(w, h);
		if (r < 0 && r != -EBUSY && r != -EAGAIN)
			w->bad = r;
		handle_unref(h);
		node_unref(n);
	}
	return NULL;
}

static void
locks(void **state)
{
	struct worker w[NR_THREADS];
	struct fixture *f = *state;
	int i, round;

	f->options = "locks=host";
	for (round = 0; round < 20; round++) {
		fixture_layers(f, "echo x >lower2/f");
		fixture_open(f, true);
		for (i = 0; i < NR_THREADS; i++) {
			w[i] = (struct worker){
				.f = f,
				.seed = (unsigned)(round * NR_THREADS + i)
			};
			assert_int_equal(0, pthread_create(&w[i].thread, NULL,
							   work_locks, &w[i]));
		}
		for (i = 0; i < NR_THREADS; i++)
			assert_int_equal(0, pthread_join(w[i].thread, NULL));
		for (i = 0; i < NR_THREADS; i++)
			assert_int_equal(0, w[i].bad);
		fixture_close(f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(threads, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(links, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(locks, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
