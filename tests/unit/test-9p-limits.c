/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client may have at once: at each limit all is well, one past it
 * gets an error or waits, and the session says when it can go on
 * (9p.md 4.2: back-pressure, but a Tflush is still seen).
 */
#include "unit.h"

#include <errno.h>

#include "fake-client.h"

static struct fake_msg *
getattr(struct fake_client *c, uint16_t tag)
{
	struct p9_fields m = { .fid = 0 };

	return fake_send(c, P9_TGETATTR, tag, &m);
}

static void
test_fids(void **state)
{
	struct session_config config = fake_config();
	struct fake_client c;
	uint32_t i;

	(void)state;
	config.max_fids = 10;
	fake_client_init(&c, &config);
	fake_client_start(&c); /* one */
	for (i = 1; i < 10; i++)
		assert_int_equal(0, fake_walk(&c, 0, i, NULL));
	assert_int_equal(-ENOMEM, fake_walk(&c, 0, 10, NULL));
	assert_int_equal(-ENOMEM, fake_walk(&c, 0, 10, "d"));
	assert_int_equal(0, fake_clunk(&c, 3));
	assert_int_equal(0, fake_walk(&c, 0, 10, NULL));
	assert_true(fake_client_fini(&c));
}

static void
test_inflight(void **state)
{
	struct session_config config = fake_config();
	struct p9_fields m = { .oldtag = 2 };
	struct fake_client c;
	struct fake_msg *msg[100], *f;
	unsigned i;

	(void)state;
	config.max_inflight = 2;
	fake_client_init(&c, &config);
	fake_client_start(&c);
	c.backend.is_deferred = true;
	for (i = 0; i < 2 + P9_PARKED_MAX; i++) {
		assert_false(protocol_9p.session_is_full(c.s));
		msg[i] = getattr(&c, (uint16_t)i);
	}
	assert_int_equal(2, c.backend.nr_pending);
	assert_true(protocol_9p.session_is_full(c.s));
	/* A transport that had read it already hands over a Tflush. */
	f = fake_send(&c, P9_TFLUSH, 500, &m);
	assert_int_equal(2, fake_result(msg[2], NULL));
	assert_int_equal(0, fake_result(f, NULL));
	assert_false(protocol_9p.session_is_full(c.s));
	msg[2] = getattr(&c, 600);
	assert_true(protocol_9p.session_is_full(c.s));
	assert_int_equal(0, c.nr_ready);
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(1, c.nr_ready);
	assert_int_equal(2, c.backend.nr_pending);
	fake_backend_finish_all(&c.backend);
	for (i = 0; i < 2 + P9_PARKED_MAX; i++)
		assert_int_equal(0, fake_result(msg[i], NULL));
	/* In order of arrival. */
	assert_true(msg[5]->order < msg[6]->order);
	assert_true(fake_client_fini(&c));
}

static void
test_inflight_bytes(void **state)
{
	struct p9_fields m = { .fid = 1, .count = 100000 };
	struct fake_client c;
	unsigned i;

	(void)state;
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	/* A Tread is 23 bytes, Rread's header 11. */
	c.max_bytes = 2 * (23 + 11 + 100000);
	assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
	assert_int_equal(0, fake_open(&c, 1, 0));
	c.backend.is_deferred = true;
	for (i = 0; i < 5; i++)
		(void)fake_send(&c, P9_TREAD, (uint16_t)i, &m);
	assert_int_equal(2, c.backend.nr_pending);
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(2, c.backend.nr_pending);
	fake_backend_finish_all(&c.backend);
	assert_true(fake_all_answered(&c));
	c.max_bytes--;
	for (i = 0; i < 2; i++)
		(void)fake_send(&c, P9_TREAD, (uint16_t)i, &m);
	assert_int_equal(1, c.backend.nr_pending);
	fake_backend_finish_all(&c.backend);
	/* One alone may be larger than the limit. */
	c.max_bytes = 1;
	(void)fake_send(&c, P9_TREAD, 0, &m);
	assert_int_equal(1, c.backend.nr_pending);
	assert_true(fake_client_fini(&c));
}

/* Replies that the client does not read count, until it does. */
static void
test_unsent_bytes(void **state)
{
	struct p9_fields m = { .fid = 1, .count = 1000 };
	struct fake_client c;
	struct fake_msg *a, *b;

	(void)state;
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
	assert_int_equal(0, fake_open(&c, 1, 0));
	c.max_bytes = 5000;
	c.unsent = 5000 - (23 + 11 + 1000);
	a = fake_send(&c, P9_TREAD, 1, &m);
	assert_int_equal(0, fake_result(a, NULL));
	c.unsent++;
	a = fake_send(&c, P9_TREAD, 1, &m);
	b = getattr(&c, 2); /* in order, although it would fit */
	protocol_9p.session_resume(c.s);
	assert_int_equal(1, fake_result(a, NULL));
	assert_int_equal(1, fake_result(b, NULL));
	c.unsent--;
	protocol_9p.session_resume(c.s);
	assert_int_equal(0, fake_result(a, NULL));
	assert_int_equal(0, fake_result(b, NULL));
	assert_true(fake_client_fini(&c));
}

/* What waits is bounded by its size, too: one message of msize. */
static void
test_parked_bytes(void **state)
{
	static uint8_t data[60000];
	struct p9_fields m = { .fid = 1, .data = { (char *)data, 60000 } };
	struct session_config config = fake_config();
	struct fake_client c;
	unsigned i;

	(void)state;
	config.max_inflight = 1;
	fake_client_init(&c, &config);
	fake_client_start(&c);
	assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
	assert_int_equal(0, fake_open(&c, 1, 1));
	c.backend.is_deferred = true;
	/* msize is 128 KiB: one runs, two fit, the third is too much. */
	for (i = 0; i < 4; i++) {
		assert_false(protocol_9p.session_is_full(c.s));
		(void)fake_send(&c, P9_TWRITE, (uint16_t)i, &m);
	}
	assert_true(protocol_9p.session_is_full(c.s));
	fake_backend_finish(&c.backend, 0);
	assert_int_equal(1, c.nr_ready);
	assert_true(fake_client_fini(&c));
}

static void
test_xattr_bytes(void **state)
{
	struct p9_fields m = { .fid = 0, .fid2 = 1 };
	struct session_config config = fake_config();
	struct fake_client c;

	(void)state;
	config.max_xattr_bytes = 100000;
	fake_client_init(&c, &config);
	fake_client_start(&c);
	c.backend.xattr_size = 60000;
	assert_int_equal(0, fake_call(&c, P9_TXATTRWALK, &m, NULL));
	m.fid2 = 2;
	c.backend.xattr_size = 40001;
	assert_int_equal(-ENOMEM, fake_call(&c, P9_TXATTRWALK, &m, NULL));
	c.backend.xattr_size = 40000;
	assert_int_equal(0, fake_call(&c, P9_TXATTRWALK, &m, NULL));
	assert_int_equal(0, fake_clunk(&c, 1));
	m.fid2 = 1;
	assert_int_equal(0, fake_call(&c, P9_TXATTRWALK, &m, NULL));
	assert_true(fake_client_fini(&c));
}

static void
test_duplicate_tag(void **state)
{
	struct fake_client c;
	struct fake_msg *a, *b;

	(void)state;
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	a = getattr(&c, 7);
	assert_int_equal(0, fake_result(a, NULL));
	c.backend.is_deferred = true;
	a = getattr(&c, 7); /* the first one is over */
	assert_null(c.fatal);
	b = getattr(&c, 7);
	assert_non_null(c.fatal);
	assert_int_equal(2, fake_result(b, NULL));
	assert_int_equal(1, fake_result(a, NULL));
	/* Nothing more is taken. */
	assert_int_equal(2, fake_result(getattr(&c, 8), NULL));
	assert_true(fake_client_fini(&c));
}

static void
test_no_room(void **state)
{
	struct fake_client c;

	(void)state;
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	c.no_room = true;
	assert_int_equal(2, fake_result(getattr(&c, 7), NULL));
	assert_non_null(c.fatal);
	assert_true(fake_client_fini(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fids),
		cmocka_unit_test(test_inflight),
		cmocka_unit_test(test_inflight_bytes),
		cmocka_unit_test(test_unsent_bytes),
		cmocka_unit_test(test_parked_bytes),
		cmocka_unit_test(test_xattr_bytes),
		cmocka_unit_test(test_duplicate_tag),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
