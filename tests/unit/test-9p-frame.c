/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames before they are messages (9p.md 1.1, 1.2): lengths a stream can be
 * followed with, numbers nobody knows, bodies too short, Tfsync in its old
 * form.
 */
#include "unit.h"

#include <errno.h>

#include "fake-client.h"
#include "macros.h"

static void
test_frame_len(void **state)
{
	static const struct {
		uint8_t head[7];
		ssize_t before, after; /* Tversion, msize 128 KiB */
	} cases[] = {
		{ { 6 }, -EPROTO, -EPROTO },
		{ { 0 }, -EPROTO, -EPROTO },
		{ { 7 }, 7, 7 },
		{ { 0, 0x20 }, 8192, 8192 },
		{ { 1, 0x20 }, -EPROTO, 8193 },
		{ { 0, 0, 2 }, -EPROTO, 131072 },
		{ { 1, 0, 2 }, -EPROTO, -EPROTO },
		{ { 255, 255, 255, 255 }, -EPROTO, -EPROTO },
	};
	struct fake_client c;
	size_t i;

	(void)state;
	fake_client_init(&c, NULL);
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(cases[i].before,
				 protocol_9p.frame_len(c.s, cases[i].head, 7));
	fake_client_start(&c);
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(cases[i].after,
				 protocol_9p.frame_len(c.s, cases[i].head, 7));
	assert_true(fake_client_fini(&c));
}

/* A virtqueue does not ask for the length: it is checked again. */
static void
test_impossible_length(void **state)
{
	static const size_t lens[] = { 6, (128 << 10) + 1 };
	static uint8_t frame[(128 << 10) + 1];
	struct fake_client c;
	size_t i;

	(void)state;
	frame[4] = 99;
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		fake_client_init(&c, NULL);
		fake_client_start(&c);
		(void)fake_send_raw(&c, frame, 128 << 10);
		assert_null(c.fatal);
		assert_int_equal(
			2,
			fake_result(fake_send_raw(&c, frame, lens[i]), NULL));
		assert_non_null(c.fatal);
		assert_true(fake_client_fini(&c));
	}
}

static void
test_head_len(void **state)
{
	uint8_t head[7] = { 0, 0, 0, 0, P9_TWRITE };

	(void)state;
	assert_int_equal(23, protocol_9p.head_len(head, 5000));
	assert_int_equal(23, protocol_9p.head_len(head, 23));
	assert_int_equal(9, protocol_9p.head_len(head, 9));
	head[4] = P9_TWALK;
	assert_int_equal(5000, protocol_9p.head_len(head, 5000));
}

/* Unknown numbers and R-messages get an error; the connection lives. */
static void
test_types(void **state)
{
	uint8_t frame[60] = { 60 };
	struct fake_client c;
	unsigned type;

	(void)state;
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	for (type = 0; type < 256; type++) {
		if (p9_message_find((uint8_t)type))
			continue;
		frame[4] = (uint8_t)type;
		assert_int_equal(
			-EOPNOTSUPP,
			fake_result(fake_send_raw(&c, frame, 60), NULL));
	}
	assert_null(c.fatal);
	assert_true(fake_client_fini(&c));
}

/* Every message without its last byte: EINVAL; without a body as well. */
static void
test_short(void **state)
{
	struct p9_fields m;
	struct fake_client c;
	uint8_t frame[512];
	unsigned type;
	ssize_t len;

	(void)state;
	fake_fields(&m);
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	for (type = 0; type < 256; type += 2) {
		const struct p9_message *row = p9_message_find((uint8_t)type);

		if (!row || type == P9_TVERSION)
			continue;
		len = p9_encode((uint8_t)type, 5, row->t, &m, frame,
				sizeof(frame));
		assert_int_equal(
			-EINVAL,
			fake_result(fake_send_raw(&c, frame, (size_t)len - 1),
				    NULL));
		assert_int_equal(
			-EINVAL,
			fake_result(fake_send_raw(&c, frame, 7), NULL));
	}
	assert_null(c.fatal);
	assert_true(fake_client_fini(&c));
}

static void
test_old_fsync_and_trailing(void **state)
{
	uint8_t frame[20] = { 20, 0, 0, 0, P9_TFSYNC, 5, 0, 0, 0, 0, 0, 1 };
	struct fake_client c;

	(void)state;
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	assert_int_equal(0, fake_result(fake_send_raw(&c, frame, 11), NULL));
	assert_false(c.backend.last.u.datasync);
	assert_int_equal(0, fake_result(fake_send_raw(&c, frame, 15), NULL));
	assert_true(c.backend.last.u.datasync);
	assert_int_equal(0, fake_result(fake_send_raw(&c, frame, 20), NULL));
	assert_int_equal(-EINVAL,
			 fake_result(fake_send_raw(&c, frame, 13), NULL));
	assert_true(fake_client_fini(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame_len),
		cmocka_unit_test(test_impossible_length),
		cmocka_unit_test(test_head_len),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_old_fsync_and_trailing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
