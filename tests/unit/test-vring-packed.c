/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packed queue by itself (virtio 1.2, 2.8): lists that go round the ring's
 * end, what is used in another order, calls and kicks, how much may be in
 * flight, and where another device goes on (vhost-user.rst).
 */
#include "unit.h"

#include <errno.h>

#include "packed-fixture.h"

static void
check_used(const struct fixture *f, unsigned at, uint16_t id, uint32_t len)
{
	const struct desc *d = &f->ring[at % SIZE];

	assert_int_equal(id, d->id);
	assert_int_equal(len, d->len);
	assert_int_equal((at / SIZE % 2 ? 0 : AVAIL | USED) |
				 (len > 0 ? WRITE : 0),
			 d->flags);
}

/* Two lists, put back in the other order; then one over the ring's end. */
static void
rounds(void **state)
{
	struct vring_token first, second;
	struct fixture f;
	unsigned i, at;

	(void)state;
	setup(&f);
	open_at(&f, FIRST);
	assert_false(vring_has_next(&f.q));
	assert_int_equal(0, vring_take(&f.q, &f.chain));
	for (i = 0; i < 20; i++) {
		at = f.at;
		offer(&f, 3, 3);
		offer(&f, 0xfffe, 2);
		assert_true(vring_has_next(&f.q));
		first = take(&f, 3, 3);
		second = take(&f, 0xfffe, 2);
		assert_false(vring_has_next(&f.q));
		vring_put(&f.q, second, 9);
		check_used(&f, at, 0xfffe, 9);
		/* Where the next one would be if they were in order. */
		vring_put(&f.q, first, 0);
		check_used(&f, at + 2, 3, 0);
		assert_int_equal(pos(f.at) | pos(f.at) << 16, vring_base(&f.q));
	}
	/* Another device goes on there. */
	open_at(&f, vring_base(&f.q));
	offer(&f, 1, 1);
	(void)take(&f, 1, 1);
	teardown(&f);
}

static void
bases(void **state)
{
	static const struct {
		uint32_t base;
		int want;
	} rows[] = {
		{ FIRST, 0 },
		{ 0, 0 },
		{ 0x80068006, 0 },
		{ 0x80068007, -EINVAL },
		{ 0x80078006, -EINVAL },
		{ 0x80000000, 0 }, /* all of it in flight */
		{ 0x80000001, -EINVAL }, /* and one more */
		{ 0x80028001, -EINVAL }, /* less than nothing */
	};
	struct fixture f;
	size_t i;

	(void)state;
	setup(&f);
	assert_int_equal(FIRST, vring_first_base(true));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (open_queue(&f, rows[i].base) != rows[i].want)
			fail_msg("base %x", rows[i].base);
	teardown(&f);
}

static void
events(struct fixture *f, uint32_t how, uint32_t at)
{
	*f->driver = how << 16 | at;
}

static void
put_one(struct fixture *f)
{
	offer(f, 1, 2);
	vring_put(&f->q, take(f, 1, 2), 1);
}

static void
calls(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	f.q.has_event_idx = true;
	open_at(&f, FIRST);
	assert_true(vring_wants_call(&f.q)); /* what was lost before */
	assert_false(vring_wants_call(&f.q));
	put_one(&f);
	assert_true(vring_wants_call(&f.q));
	assert_false(vring_wants_call(&f.q)); /* of nothing */
	events(&f, DISABLE, 0);
	put_one(&f);
	assert_false(vring_wants_call(&f.q));
	/* 4 were put. For what is at 6, and then at 1 of the next round. */
	events(&f, DESC, pos(6));
	put_one(&f);
	assert_false(vring_wants_call(&f.q));
	put_one(&f); /* 6, 0 */
	assert_true(vring_wants_call(&f.q));
	events(&f, DESC, pos(SIZE + 1));
	put_one(&f); /* 1, 2 */
	assert_true(vring_wants_call(&f.q));
	events(&f, DESC, pos(SIZE + 2)); /* has been */
	put_one(&f);
	assert_false(vring_wants_call(&f.q));
	/* More than one since the last question. */
	events(&f, DESC, pos(SIZE + 5));
	put_one(&f);
	put_one(&f);
	assert_true(vring_wants_call(&f.q));
	teardown(&f);
}

static void
kicks(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	f.q.has_event_idx = true;
	open_at(&f, FIRST);
	offer(&f, 0, 2);
	assert_true(vring_ask_kicks(&f.q, true)); /* one came meanwhile */
	(void)take(&f, 0, 2);
	assert_false(vring_ask_kicks(&f.q, true));
	assert_int_equal(DESC << 16 | pos(2), *f.device);
	assert_false(vring_ask_kicks(&f.q, false));
	assert_int_equal(DISABLE, *f.device >> 16);
	vring_close(&f.q);
	f.q.is_packed = true;
	open_at(&f, pos(2) | pos(2) << 16);
	assert_false(vring_ask_kicks(&f.q, true));
	assert_int_equal(ENABLE, *f.device >> 16);
	teardown(&f);
}

/* What is in flight looks available again; so does more than all of it. */
static void
too_many(void **state)
{
	struct vring_token token;
	struct fixture f;
	unsigned i;

	(void)state;
	setup(&f);
	open_at(&f, FIRST);
	offer(&f, 0, 5);
	token = take(&f, 0, 5);
	offer(&f, 1, 3);
	assert_int_equal(-EPROTO, vring_take(&f.q, &f.chain));
	assert_non_null(f.q.why);
	/* Broken: nothing is put any more. */
	i = f.ring[0].flags;
	vring_put(&f.q, token, 1);
	assert_int_equal(i, f.ring[0].flags);
	assert_false(vring_has_next(&f.q));
	teardown(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rounds),   cmocka_unit_test(bases),
		cmocka_unit_test(calls),    cmocka_unit_test(kicks),
		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
