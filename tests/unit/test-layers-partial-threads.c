/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Partial files under threads: writers, each in its own bytes of shared
 * blocks, readers, flushes, attributes, the copier. Each writer finds what it
 * wrote, nobody sees bytes that were never there, and so it is at the end.
 */
#include "layers-partial.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR_WRITERS 3
#define NR_BLOCKS 24
#define PIECE 50 /* of each writer, of each block */
#define NR_ROUNDS 150

struct thread {
	pthread_t id;
	struct fixture *f; /* borrowed */
	struct handle *h; /* borrowed */
	struct node *n; /* borrowed */
	unsigned number;
	unsigned char *is; /* borrowed: the model; its pieces are its own */
	atomic_bool *is_over; /* borrowed */
};

static void *
writer(void *ctx)
{
	struct thread *t = ctx;
	unsigned seed = t->number, i;
	unsigned char buf[PIECE];

	for (i = 0; i < NR_ROUNDS; i++) {
		uint64_t block = (unsigned)rand_r(&seed) % NR_BLOCKS;
		uint64_t off = block * BLOCK + 100 * t->number + 77;
		struct iovec iov = { t->is + off, PIECE };

		memset(t->is + off, (int)(i + t->number), PIECE);
		assert_int_equal(PIECE,
				 tree_write(t->h, &fixture_call, &iov, 1, off));
		iov.iov_base = buf;
		assert_int_equal(PIECE,
				 tree_read(t->h, &fixture_call, &iov, 1, off));
		assert_memory_equal(t->is + off, buf, PIECE);
	}
	return NULL;
}

/* What no writer writes is as it was, all the time. */
static void *
reader(void *ctx)
{
	struct thread *t = ctx;
	unsigned char *buf = malloc(BLOCK);
	struct attr attr;
	uint64_t block;

	for (block = 0; !atomic_load(t->is_over);
	     block = (block + 1) % NR_BLOCKS) {
		struct iovec iov = { buf, 3000 };
		uint64_t off = block * BLOCK + 500;

		assert_int_equal(3000,
				 tree_read(t->h, &fixture_call, &iov, 1, off));
		assert_memory_equal(t->is + off, buf, 3000);
		assert_int_equal(
			0, tree_getattr(t->n, t->h, &fixture_call, &attr));
		assert_int_equal(NR_BLOCKS * BLOCK, attr.size);
	}
	free(buf);
	return NULL;
}

static void *
flusher(void *ctx)
{
	const struct attr_set set = { .mask = ATTR_SET_MODE, .mode = 0640 };
	struct thread *t = ctx;

	while (!atomic_load(t->is_over)) {
		assert_int_equal(0,
				 tree_fsync(t->n, t->h, &fixture_call, true));
		assert_int_equal(0,
				 tree_setattr(t->n, NULL, &fixture_call, &set));
	}
	return NULL;
}

static void *
copier(void *ctx)
{
	struct thread *t = ctx;
	uint64_t bytes;

	while (!atomic_load(t->is_over))
		assert_true(tree_copy_some(t->f->tree, BLOCK, &bytes) >= 0);
	return NULL;
}

static void
together(void **state)
{
	void *(*const others[])(void *) = { reader, reader, flusher, copier };
	struct fixture *f = *state;
	struct thread t[NR_WRITERS + 4];
	atomic_bool is_over = false;
	struct handle *h;
	struct node *n;
	unsigned i;

	SKIP_UNLESS_ROOT();
	f->options = "metacopy=on,copyup=background,partial-above=16K,"
		     "test-slow=0";
	partial_lower(f, "f", NR_BLOCKS * BLOCK);
	fixture_open(f, true);
	h = partial_open(f, "f", O_RDWR, &n);
	for (i = 0; i < NR_WRITERS + 4; i++) {
		t[i] = (struct thread){ .f = f,
					.h = h,
					.n = n,
					.number = i,
					.is = partial_model.data,
					.is_over = &is_over };
		assert_int_equal(
			0,
			pthread_create(&t[i].id, NULL,
				       i < NR_WRITERS ? writer
						      : others[i - NR_WRITERS],
				       &t[i]));
	}
	for (i = 0; i < NR_WRITERS + 4; i++) {
		assert_int_equal(0, pthread_join(t[i].id, NULL));
		if (i == NR_WRITERS - 1)
			atomic_store(&is_over, true);
	}
	handle_unref(h);
	node_unref(n);
	partial_assert_same(f, "f");
	partial_copy_all(f);
	fixture_sh(f, WHOLE("f"));
	partial_assert_same(f, "f");
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(together) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
