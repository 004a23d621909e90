/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many threads at directories and files that are closed all the time (the
 * tree option test-fds), while others rename what is above them: nobody may
 * see anything of that. For TSan, too.
 */
#include "layers-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR_TOPS 3
#define NR_DIRS 4
#define NR_USERS 5
#define ROUNDS 600

/* A directory and an open file in it, below t<top>/s. */
struct held {
	struct node *dir, *file;
	struct handle *h;
	uint64_t path;
	char text[16];
};

struct shared {
	struct fixture *f;
	struct held held[NR_TOPS * NR_DIRS];
};

struct worker {
	struct shared *s;
	pthread_t thread;
	unsigned nr, seed;
	int bad; /* an errno, or 1: something else was there */
};

static unsigned
dice(struct worker *w, unsigned sides)
{
	w->seed = w->seed * 1103515245u + 12345u;
	return (w->seed >> 16) % sides;
}

static int
look(struct held *d, const struct call *c)
{
	struct attr attr;
	int r = tree_getattr(d->dir, NULL, c, &attr);

	return r == 0 && attr.ident.path != d->path ? 1 : r;
}

static int
walk_below(struct held *d, const struct call *c)
{
	struct name name = fixture_name("file");
	struct ident id;
	struct node *n;
	unsigned nr;
	int r = tree_walk(d->dir, c, &name, 1, &id, &nr, &n);

	if (r < 0)
		return r;
	r = n == d->file ? 0 : 1;
	node_unref(n);
	return r;
}

static int
read_held(struct held *d, const struct call *c)
{
	char buf[16] = "";
	struct iovec iov = { buf, sizeof(buf) - 1 };
	ssize_t n = tree_read(d->h, c, &iov, 1, 0);

	if (n < 0)
		return (int)n;
	return strcmp(buf, d->text) == 0 ? 0 : 1;
}

static int
make_below(struct worker *w, struct held *d, const struct call *c)
{
	char buf[16];
	struct name name;
	struct ident id;
	int r;

	(void)snprintf(buf, sizeof(buf), "n%u", w->nr);
	name = fixture_name(buf);
	r = tree_mkdir(d->dir, c, name, 0755, &id);
	return r < 0 ? r : tree_unlink(d->dir, &fixture_call, name, true);
}

static void *
use(void *arg)
{
	struct worker *w = arg;
	int i, r;

	for (i = 0; i < ROUNDS && !w->bad; i++) {
		struct call c = { .gid = UINT32_MAX, .nowait = dice(w, 2) };
		struct held *d = &w->s->held[dice(w, NR_TOPS * NR_DIRS)];

		switch (dice(w, 4)) {
		case 0:
			r = look(d, &c);
			break;
		case 1:
			r = walk_below(d, &c);
			break;
		case 2:
			r = make_below(w, d, &c);
			break;
		default:
			r = read_held(d, &c);
		}
		w->bad = r == -EAGAIN ? 0 : r;
	}
	return NULL;
}

/* What is above moves within its directory, out of it, and back. */
static void *
move(void *arg)
{
	struct worker *w = arg;
	char t[8], u[8], us[16], ts[16], v[8];
	unsigned i;
	int r = 0;

	for (i = 0; i < ROUNDS / 4 && r == 0; i++) {
		unsigned top = w->nr * 2 + dice(w, w->nr ? 1 : 2);

		(void)snprintf(t, sizeof(t), "t%u", top);
		(void)snprintf(u, sizeof(u), "u%u", top);
		(void)snprintf(v, sizeof(v), "v%u", top);
		(void)snprintf(ts, sizeof(ts), "t%u/s", top);
		(void)snprintf(us, sizeof(us), "u%u/s", top);
		r = fixture_do(w->s->f, "rename", t, u);
		if (r == 0)
			r = fixture_do(w->s->f, "rename", us, v);
		if (r == 0)
			r = fixture_do(w->s->f, "rename", u, t);
		if (r == 0)
			r = fixture_do(w->s->f, "rename", v, ts);
	}
	w->bad = r;
	return NULL;
}

static void
hold(struct shared *s, struct held *d, unsigned top, unsigned dir)
{
	char path[32];
	int r;

	(void)snprintf(path, sizeof(path), "t%u/s/%u", top, dir);
	d->dir = fixture_walk(s->f, path, &r);
	assert_int_equal(0, r);
	d->path = fixture_path(s->f, path);
	(void)snprintf(path, sizeof(path), "t%u/s/%u/file", top, dir);
	d->file = fixture_walk(s->f, path, &r);
	assert_int_equal(0, r);
	(void)snprintf(d->text, sizeof(d->text), "%u-%u\n", top, dir);
	/* Every other one is brought to the upper by that. */
	assert_int_equal(0, tree_open_node(d->file, &fixture_call,
					   dir % 2 ? O_RDWR : O_RDONLY, &d->h,
					   NULL));
}

static void
run(struct shared *s)
{
	struct worker w[NR_USERS + 2];
	unsigned i;

	for (i = 0; i < NR_USERS + 2; i++) {
		bool moves = i >= NR_USERS;

		w[i] = (struct worker){ .s = s,
					.nr = moves ? i - NR_USERS : i,
					.seed = i + 1 };
		assert_int_equal(0, pthread_create(&w[i].thread, NULL,
						   moves ? move : use, &w[i]));
	}
	for (i = 0; i < NR_USERS + 2; i++)
		assert_int_equal(0, pthread_join(w[i].thread, NULL));
	for (i = 0; i < NR_USERS + 2; i++)
		assert_int_equal(0, w[i].bad);
}

static void
closed_all_the_time(void **state)
{
	struct shared s = { .f = *state };
	unsigned i;

	fixture_layers(s.f, "for t in 0 1 2; do for d in 0 1 2 3; do "
			    "mkdir -p lower1/t$t/s/$d lower2/t$t/s/$d; "
			    "echo $t-$d >lower2/t$t/s/$d/file; done; done");
	s.f->options = "test-fds=5";
	fixture_open(s.f, true);
	for (i = 0; i < NR_TOPS * NR_DIRS; i++)
		hold(&s, &s.held[i], i / NR_DIRS, i % NR_DIRS);
	run(&s);
	for (i = 0; i < NR_TOPS * NR_DIRS; i++) {
		handle_unref(s.held[i].h);
		node_unref(s.held[i].file);
		node_unref(s.held[i].dir);
	}
	fixture_close(s.f);
	fixture_check(s.f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			closed_all_the_time, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
