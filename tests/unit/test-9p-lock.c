/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tlock and Tgetlock (9p.md 5.10): ranges and owners as the tree sees them,
 * a conflict is BLOCKED and never an Rlerror, Tgetlock with UNLCK asks for a
 * write lock, and what is free comes back as it was asked.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "fake-client.h"
#include "macros.h"

static struct fake_client c;
static char long_id[LOCK_CLIENT_ID_MAX + 1];

static int
setup(void **state)
{
	(void)state;
	memset(long_id, 'i', sizeof(long_id));
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
	return fake_open(&c, 1, 2);
}

static int
teardown(void **state)
{
	(void)state;
	return fake_client_fini(&c) ? 0 : -1;
}

static void
test_arguments(void **state)
{
	static const struct {
		uint8_t type;
		uint32_t flags;
		uint64_t start, length;
		size_t id_len;
		int err;
		uint64_t end;
	} cases[] = {
		{ 0, 0, 0, 0, 4, 0, UINT64_MAX },
		{ 1, 3, 5, 0, 64, 0, UINT64_MAX },
		{ 2, 0, 5, 1, 0, 0, 5 },
		{ 1, 1, 0, INT64_MAX, 4, 0, INT64_MAX - 1 },
		{ 1, 1, 1, INT64_MAX, 4, -EINVAL, 0 },
		{ 1, 1, (uint64_t)INT64_MAX + 1, 0, 4, -EINVAL, 0 },
		{ 1, 1, UINT64_MAX, UINT64_MAX, 4, -EINVAL, 0 },
		{ 3, 0, 0, 0, 4, -EINVAL, 0 },
		{ 1, 4, 0, 0, 4, -EINVAL, 0 },
		{ 1, 0, 0, 0, 65, -EINVAL, 0 },
	};
	static const enum lock_type types[] = { LOCK_RANGE_READ,
						LOCK_RANGE_WRITE,
						LOCK_RANGE_NONE };
	const struct lock_range *range = &c.backend.last.u.lock.range;
	struct p9_fields r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct p9_fields m = { .fid = 1,
				       .lock_type = cases[i].type,
				       .flags = cases[i].flags,
				       .start = cases[i].start,
				       .length = cases[i].length,
				       .proc_id = 55 };

		print_message("case %zu\n", i);
		m.client_id = (struct name){ long_id, cases[i].id_len };
		assert_int_equal(cases[i].err, fake_call(&c, P9_TLOCK, &m, &r));
		if (cases[i].err)
			continue;
		assert_int_equal(0, r.status);
		assert_int_equal(types[cases[i].type], range->type);
		assert_int_equal(cases[i].start, range->start);
		assert_int_equal(cases[i].end, range->end);
		assert_int_equal(55, range->proc_id);
		assert_int_equal(77, range->owner);
		assert_int_equal(cases[i].id_len, range->client_id.len);
	}
}

static void
test_status(void **state)
{
	static const struct {
		int err;
		uint8_t status;
	} cases[] = { { 0, 0 }, { -EBUSY, 1 }, { -ENOLCK, 2 }, { -EIO, 2 } };
	struct p9_fields m = { .fid = 1, .lock_type = 1 }, r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		c.backend.error = cases[i].err;
		assert_int_equal(0, fake_call(&c, P9_TLOCK, &m, &r));
		assert_int_equal(cases[i].status, r.status);
	}
	c.backend.error = 0;
}

/* Free: the request comes back, with type UNLCK. */
static void
test_getlock_free(void **state)
{
	struct p9_fields m = { .fid = 1,
			       .lock_type = 2,
			       .start = 3,
			       .length = 4,
			       .proc_id = 5 },
			 r;

	(void)state;
	m.client_id = fake_name("host");
	c.backend.is_deferred = true;
	(void)fake_send(&c, P9_TGETLOCK, 1, &m);
	assert_int_equal(LOCK_RANGE_WRITE,
			 STAILQ_FIRST(&c.backend.pending)->u.lock.range.type);
	fake_backend_finish_all(&c.backend);
	c.backend.is_deferred = false;
	assert_int_equal(0, fake_call(&c, P9_TGETLOCK, &m, &r));
	assert_int_equal(2, r.lock_type);
	assert_int_equal(3, r.start);
	assert_int_equal(4, r.length);
	assert_int_equal(5, r.proc_id);
	assert_int_equal(4, r.client_id.len);
	assert_memory_equal("host", r.client_id.ptr, 4);
}

static void
test_getlock_conflict(void **state)
{
	struct p9_fields m = { .fid = 1, .lock_type = 2 }, r;
	struct request *req;
	struct fake_msg *msg;

	(void)state;
	c.backend.is_deferred = true;
	msg = fake_send(&c, P9_TGETLOCK, 1, &m);
	req = STAILQ_FIRST(&c.backend.pending);
	STAILQ_REMOVE_HEAD(&c.backend.pending, by_queue);
	c.backend.nr_pending--;
	memcpy(req->u.lock.client_id, "them", 4);
	req->u.lock.range = (struct lock_range){
		.type = LOCK_RANGE_READ,
		.start = 10,
		.end = UINT64_MAX,
		.proc_id = 9,
		.client_id = { req->u.lock.client_id, 4 },
	};
	req->done(req);
	assert_int_equal(0, fake_result(msg, &r));
	assert_int_equal(0, r.lock_type);
	assert_int_equal(10, r.start);
	assert_int_equal(0, r.length);
	assert_int_equal(9, r.proc_id);
	assert_memory_equal("them", r.client_id.ptr, 4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_arguments),
		TEST(test_status),
		TEST(test_getlock_free),
		TEST(test_getlock_conflict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
