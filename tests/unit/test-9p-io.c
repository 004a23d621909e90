/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Offsets and counts of Tread and Twrite (9p.md 3.3): clamped below msize,
 * never past 2^63-1, never more than asked (diod #136, CVE-2016-9104), and
 * only through a fid opened for it.
 */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#include "fake-client.h"
#include "macros.h"

#define MSIZE (128u << 10)
#define OFF_MAX ((uint64_t)INT64_MAX)

static struct fake_client c;

static int
setup(void **state)
{
	(void)state;
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
	assert_int_equal(0, fake_open(&c, 1, 2));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return fake_client_fini(&c) ? 0 : -1;
}

static void
test_read(void **state)
{
	static const struct {
		uint64_t offset;
		uint32_t count;
		int err;
		uint32_t asked; /* of the backend; 0: not asked */
	} cases[] = {
		{ 0, 0, 0, 0 },
		{ 0, MSIZE - 24, 0, MSIZE - 24 },
		{ 0, MSIZE - 23, 0, MSIZE - 24 },
		{ 0, UINT32_MAX, 0, MSIZE - 24 },
		{ OFF_MAX, 0, 0, 0 },
		{ OFF_MAX - 5, 5, 0, 5 },
		{ OFF_MAX - 5, 6, -EINVAL, 0 },
		{ OFF_MAX + 1, 0, -EINVAL, 0 },
		{ UINT64_MAX, UINT32_MAX, -EINVAL, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct p9_fields m = { .fid = 1,
				       .offset = cases[i].offset,
				       .count = cases[i].count };
		unsigned before = c.backend.nr_submitted;

		print_message("case %zu\n", i);
		assert_int_equal(cases[i].err,
				 fake_call(&c, P9_TREAD, &m, NULL));
		assert_int_equal(cases[i].asked != 0,
				 c.backend.nr_submitted - before);
		if (cases[i].asked)
			assert_int_equal(cases[i].asked,
					 c.backend.last.u.io.count);
	}
}

static void
test_write_offsets(void **state)
{
	static const struct {
		uint64_t offset;
		size_t len;
		int err;
	} cases[] = {
		{ 0, 0, 0 },
		{ 5, 1000, 0 },
		{ OFF_MAX - 5, 5, 0 },
		{ OFF_MAX - 5, 6, -EINVAL },
		{ OFF_MAX + 1, 0, -EINVAL },
		{ UINT64_MAX, 9, -EINVAL },
	};
	static const char data[1000];
	struct p9_fields r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct p9_fields m = { .fid = 1, .offset = cases[i].offset };

		m.data = (struct name){ data, cases[i].len };
		assert_int_equal(cases[i].err,
				 fake_call(&c, P9_TWRITE, &m, &r));
		if (!cases[i].err)
			assert_int_equal(cases[i].len, r.count);
	}
}

/* The count is of bytes that are there; more of them are ignored. */
static void
test_write_count(void **state)
{
	uint8_t frame[33] = { 33, 0, 0, 0, P9_TWRITE, 5, 0, 1 };
	struct p9_fields r;

	(void)state;
	frame[19] = 11;
	assert_int_equal(-EINVAL,
			 fake_result(fake_send_raw(&c, frame, 33), NULL));
	frame[19] = 10;
	assert_int_equal(0, fake_result(fake_send_raw(&c, frame, 33), &r));
	assert_int_equal(10, r.count);
	frame[19] = 4;
	assert_int_equal(0, fake_result(fake_send_raw(&c, frame, 33), &r));
	assert_int_equal(4, r.count);
	assert_int_equal(4, c.backend.last.u.io.count);
	frame[22] = 0xff;
	assert_int_equal(-EINVAL,
			 fake_result(fake_send_raw(&c, frame, 33), NULL));
}

static void
test_access_modes(void **state)
{
	static const struct {
		uint32_t flags;
		int read, write;
	} cases[] = { { 0, 0, -EBADF }, { 1, -EBADF, 0 }, { 2, 0, 0 } };
	struct p9_fields m = { .fid = 2, .count = 5 };
	size_t i;

	(void)state;
	m.data = fake_name("text");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(0, fake_walk(&c, 0, 2, "f"));
		assert_int_equal(0, fake_open(&c, 2, cases[i].flags));
		assert_int_equal(cases[i].read,
				 fake_call(&c, P9_TREAD, &m, NULL));
		assert_int_equal(cases[i].write,
				 fake_call(&c, P9_TWRITE, &m, NULL));
		assert_int_equal(0, fake_clunk(&c, 2));
	}
}

/* A tree that claims more than it was asked for is not believed. */
static void
test_count_of_backend(void **state)
{
	static const uint8_t types[] = { P9_TREAD, P9_TWRITE };
	size_t i;

	(void)state;
	c.backend.is_deferred = true;
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		struct p9_fields m = { .fid = 1, .count = 10 }, r;
		struct fake_msg *msg;
		struct request *req;

		m.data = fake_name("ten bytes!");
		msg = fake_send(&c, types[i], 1, &m);
		req = STAILQ_FIRST(&c.backend.pending);
		STAILQ_REMOVE_HEAD(&c.backend.pending, by_queue);
		c.backend.nr_pending--;
		req->ret_count = 11;
		req->done(req);
		assert_int_equal(0, fake_result(msg, &r));
		assert_int_equal(10, i ? r.count : r.data.len);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read),
		TEST(test_write_offsets),
		TEST(test_write_count),
		TEST(test_access_modes),
		TEST(test_count_of_backend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
