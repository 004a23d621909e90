/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests in flight that name the same fid: what changes it runs alone, in
 * order of arrival, so that a pipelining client need not wait; what does not
 * runs side by side; a clunk frees the number at once and the fid when its
 * last user is done (9p.md 4.2).
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
send2(uint8_t type, uint16_t tag, uint32_t fid, uint32_t fid2, const char *name)
{
	struct p9_fields m = { .fid = fid, .fid2 = fid2, .count = 10 };

	m.name = fake_name("fx");
	if (name) {
		m.names.nr = 1;
		m.names.v[0] = fake_name(name);
	}
	return fake_send(&c, type, tag, &m);
}

/* Walk, open, read and clunk sent at once, as Go's client may. */
static void
test_pipeline(void **state)
{
	struct fake_msg *m[5];
	int i;

	(void)state;
	m[0] = send2(P9_TWALK, 0, 0, 1, "f");
	m[1] = send2(P9_TLOPEN, 1, 1, 0, NULL);
	m[2] = send2(P9_TREAD, 2, 1, 0, NULL);
	m[3] = send2(P9_TCLUNK, 3, 1, 0, NULL);
	m[4] = send2(P9_TGETATTR, 4, 1, 0, NULL);
	for (i = 0; i < 4; i++) {
		assert_int_equal(1, c.backend.nr_pending);
		assert_int_equal(1, fake_result(m[i], NULL));
		fake_backend_finish(&c.backend, 0);
		assert_int_equal(0, fake_result(m[i], NULL));
	}
	assert_int_equal(-EBADF, fake_result(m[4], NULL));
}

/* A newfid that fails: who waited for it finds nothing. */
static void
test_failed_newfid(void **state)
{
	struct fake_msg *walk, *open, *again;

	(void)state;
	walk = send2(P9_TWALK, 1, 0, 1, "nothing");
	open = send2(P9_TLOPEN, 2, 1, 0, NULL);
	again = send2(P9_TWALK, 3, 0, 1, "f");
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(-ENOENT, fake_result(walk, NULL));
	assert_int_equal(-EBADF, fake_result(open, NULL));
	fake_backend_finish_all(&c.backend);
	assert_int_equal(0, fake_result(again, NULL));
}

static void
open_file(uint32_t fid)
{
	c.backend.is_deferred = false;
	assert_int_equal(0, fake_walk(&c, 0, fid, "f"));
	assert_int_equal(0, fake_open(&c, fid, 2));
	c.backend.is_deferred = true;
}

static void
test_reads_side_by_side(void **state)
{
	struct fake_msg *a, *b;

	(void)state;
	open_file(1);
	a = send2(P9_TREAD, 1, 1, 0, NULL);
	b = send2(P9_TREAD, 2, 1, 0, NULL);
	assert_int_equal(2, c.backend.nr_pending);
	fake_backend_finish(&c.backend, 1);
	assert_int_equal(0, fake_result(b, NULL));
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(0, fake_result(a, NULL));
}

static void
test_clunk_while_reading(void **state)
{
	struct fake_msg *read, *clunk, *walk;

	(void)state;
	open_file(1);
	read = send2(P9_TREAD, 1, 1, 0, NULL);
	clunk = send2(P9_TCLUNK, 2, 1, 0, NULL);
	/* The number is free: a walk may take it, and runs. */
	walk = send2(P9_TWALK, 3, 0, 1, "d");
	assert_int_equal(2, c.backend.nr_pending);
	fake_backend_finish(&c.backend, 1);
	assert_int_equal(0, fake_result(walk, NULL));
	assert_int_equal(1, fake_result(clunk, NULL));
	assert_int_equal(1, c.backend.nr_handles);
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(0, fake_result(read, NULL));
	/* Only now is the handle closed. */
	assert_int_equal(1, fake_result(clunk, NULL));
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(0, fake_result(clunk, NULL));
	assert_int_equal(1, c.backend.nr_closed);
	c.backend.is_deferred = false;
	assert_int_equal(0, fake_clunk(&c, 1));
}

/* A walk to itself waits for a getattr; the getattr after it waits for it. */
static void
test_walk_self_is_exclusive(void **state)
{
	struct fake_msg *before, *walk, *after;

	(void)state;
	before = send2(P9_TGETATTR, 1, 0, 0, NULL);
	walk = send2(P9_TWALK, 2, 0, 0, "f");
	after = send2(P9_TGETATTR, 3, 0, 0, NULL);
	assert_int_equal(1, c.backend.nr_pending);
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(0, fake_result(before, NULL));
	assert_int_equal(1, c.backend.nr_pending);
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(0, fake_result(walk, NULL));
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(0, fake_result(after, NULL));
}

/* A link that waits for its second fid keeps its place on the first one. */
static void
test_two_fids_keep_order(void **state)
{
	struct fake_msg *walk, *link, *clunk;

	(void)state;
	c.backend.is_deferred = false;
	assert_int_equal(0, fake_walk(&c, 0, 5, "d"));
	c.backend.is_deferred = true;
	walk = send2(P9_TWALK, 1, 0, 1, "f");
	link = send2(P9_TLINK, 2, 5, 1, NULL);
	clunk = send2(P9_TCLUNK, 3, 5, 0, NULL);
	assert_int_equal(1, fake_result(clunk, NULL));
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(0, fake_result(walk, NULL));
	assert_int_equal(1, fake_result(clunk, NULL));
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(0, fake_result(link, NULL));
	assert_int_equal(0, fake_result(clunk, NULL));
}

/* A walk that waits for its fid: its newfid is what later messages mean. */
static void
test_newfid_of_waiting_walk(void **state)
{
	struct fake_msg *m[5];
	int i;

	(void)state;
	m[0] = send2(P9_TWALK, 0, 0, 1, "f");
	m[1] = send2(P9_TWALK, 1, 1, 2, NULL);
	m[2] = send2(P9_TLOPEN, 2, 2, 0, NULL);
	m[3] = send2(P9_TWALK, 3, 0, 2, "d");
	m[4] = send2(P9_TREAD, 4, 2, 0, NULL);
	for (i = 1; i < 5; i++)
		assert_int_equal(1, fake_result(m[i], NULL));
	assert_int_equal(1, c.backend.nr_pending);
	fake_backend_finish_all(&c.backend);
	for (i = 0; i < 5; i++)
		assert_int_equal(i == 3 ? -EBUSY : 0, fake_result(m[i], NULL));
}

/* The same when nothing comes of it: flushed, or the fid is not made. */
static void
test_newfid_of_no_walk(void **state)
{
	struct p9_fields flush = { .oldtag = 1 };
	struct fake_msg *m[5];
	bool is_flushed;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		is_flushed = i == 0;
		m[0] = send2(P9_TWALK, 0, 0, 1, is_flushed ? "f" : "absent");
		m[1] = send2(P9_TWALK, 1, 1, 2, NULL);
		m[2] = send2(P9_TGETATTR, 2, 2, 0, NULL);
		m[3] = send2(P9_TWALK, 3, 0, 2, "f");
		if (is_flushed) {
			(void)fake_send(&c, P9_TFLUSH, 5, &flush);
			assert_int_equal(2, fake_result(m[1], NULL));
		}
		fake_backend_finish_all(&c.backend);
		assert_int_equal(is_flushed ? 2 : -EBADF,
				 fake_result(m[1], NULL));
		assert_int_equal(-EBADF, fake_result(m[2], NULL));
		assert_int_equal(0, fake_result(m[3], NULL));
		m[4] = send2(P9_TCLUNK, 4, 2, 0, NULL);
		assert_int_equal(0, fake_result(m[4], NULL));
		m[4] = send2(P9_TCLUNK, 6, 1, 0, NULL);
		assert_int_equal(is_flushed ? 0 : -EBADF,
				 fake_result(m[4], NULL));
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pipeline),
		TEST(test_newfid_of_waiting_walk),
		TEST(test_newfid_of_no_walk),
		TEST(test_failed_newfid),
		TEST(test_reads_side_by_side),
		TEST(test_clunk_while_reading),
		TEST(test_walk_self_is_exclusive),
		TEST(test_two_fids_keep_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
