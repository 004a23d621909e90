/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tflush (9p.md 4.4): one Rflush each, after the final decision on its
 * oldtag; what has not begun is withdrawn without an answer and without an
 * effect on the fids; what runs is answered first.
 */
#include "unit.h"

#include <errno.h>

#include "fake-client.h"

static struct fake_client c;

static int
setup(void **state)
{
	(void)state;
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	c.backend.is_deferred = true;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return fake_client_fini(&c) ? 0 : -1;
}

static struct fake_msg *
flush(uint16_t tag, uint16_t oldtag)
{
	struct p9_fields m = { .oldtag = oldtag };

	return fake_send(&c, P9_TFLUSH, tag, &m);
}

static struct fake_msg *
walk(uint16_t tag, uint32_t newfid)
{
	struct p9_fields m = { .fid = 0, .fid2 = newfid };

	m.names.nr = 1;
	m.names.v[0] = fake_name("d");
	return fake_send(&c, P9_TWALK, tag, &m);
}

static void
test_unknown_and_self(void **state)
{
	(void)state;
	assert_int_equal(0, fake_result(flush(1, 99), NULL));
	assert_int_equal(0, fake_result(flush(2, 2), NULL));
	assert_null(c.fatal);
}

static void
test_running(void **state)
{
	struct fake_msg *w = walk(1, 1), *f[3];
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		f[i] = flush((uint16_t)(10 + i), 1);
		assert_int_equal(1, fake_result(f[i], NULL));
	}
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(0, fake_result(w, NULL));
	for (i = 0; i < 3; i++) {
		assert_int_equal(0, fake_result(f[i], NULL));
		assert_int_equal(w->order + 1 + (unsigned)i, f[i]->order);
	}
	/* It was answered, so it has happened. */
	c.backend.is_deferred = false;
	assert_int_equal(0, fake_clunk(&c, 1));
}

static void
test_withdrawn(void **state)
{
	struct fake_msg *w = walk(1, 1), *f;

	(void)state;
	c.backend.can_cancel = true;
	f = flush(2, 1);
	assert_int_equal(2, fake_result(w, NULL));
	assert_int_equal(0, fake_result(f, NULL));
	assert_int_equal(w->order + 1, f->order);
	assert_int_equal(1, c.backend.nr_cancelled);
	c.backend.is_deferred = false;
	/* newfid was never made, and its number and the tag are free. */
	assert_int_equal(-EBADF, fake_clunk(&c, 1));
	assert_int_equal(0, fake_result(walk(1, 1), NULL));
}

/* A request that waits for a fid has not begun. */
static void
test_parked(void **state)
{
	struct p9_fields m = { .fid = 1 };
	struct fake_msg *w = walk(1, 1), *open, *f;

	(void)state;
	open = fake_send(&c, P9_TLOPEN, 2, &m);
	assert_int_equal(1, c.backend.nr_pending);
	f = flush(3, 2);
	assert_int_equal(2, fake_result(open, NULL));
	assert_int_equal(0, fake_result(f, NULL));
	fake_backend_finish_all(&c.backend);
	assert_int_equal(0, fake_result(w, NULL));
	assert_int_equal(1 + 1, c.backend.nr_submitted); /* attach, walk */
}

static void
test_flush_of_flush(void **state)
{
	struct fake_msg *w = walk(1, 1), *f = flush(2, 1), *f2 = flush(3, 2);

	(void)state;
	assert_int_equal(1, fake_result(f2, NULL));
	fake_backend_finish_all(&c.backend);
	assert_int_equal(0, fake_result(w, NULL));
	assert_int_equal(w->order + 1, f->order);
	assert_int_equal(f->order + 1, f2->order);
}

/* The number of a clunked fid is free at once: no way back. */
static void
test_clunk_is_not_withdrawn(void **state)
{
	struct p9_fields m = { .fid = 1 };
	struct fake_msg *clunk, *f;

	(void)state;
	c.backend.is_deferred = false;
	assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
	assert_int_equal(0, fake_open(&c, 1, 0));
	c.backend.is_deferred = true;
	c.backend.can_cancel = true;
	clunk = fake_send(&c, P9_TCLUNK, 1, &m);
	f = flush(2, 1);
	assert_int_equal(1, fake_result(f, NULL));
	fake_backend_finish_all(&c.backend);
	assert_int_equal(0, fake_result(clunk, NULL));
	assert_int_equal(clunk->order + 1, f->order);
}

/* After an unsuccessful attempt to withdraw, no second one is made. */
static void
test_second_flush_does_not_overtake(void **state)
{
	struct fake_msg *w = walk(1, 1), *f = flush(2, 1), *f2;

	(void)state;
	c.backend.can_cancel = true;
	f2 = flush(3, 1);
	assert_int_equal(1, fake_result(f2, NULL));
	assert_int_equal(1, fake_result(w, NULL));
	fake_backend_finish_all(&c.backend);
	assert_int_equal(0, fake_result(w, NULL));
	assert_int_equal(f->order + 1, f2->order);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unknown_and_self),
		TEST(test_running),
		TEST(test_withdrawn),
		TEST(test_parked),
		TEST(test_flush_of_flush),
		TEST(test_clunk_is_not_withdrawn),
		TEST(test_second_flush_does_not_overtake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
