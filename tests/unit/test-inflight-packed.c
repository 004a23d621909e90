/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of a packed queue is in flight (vhost-user.rst, QueueRegionPacked):
 * wherever a server ends, the next one takes again what was taken and not put
 * back, in order and once; and whatever is in that memory, it does no harm.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "packed-fixture.h"

/* The specification's, by its offsets. */
struct entry {
	uint8_t inflight, padding;
	uint16_t next, last, num;
	uint64_t counter;
	uint16_t id, flags;
	uint32_t len;
	uint64_t addr;
};

struct region {
	uint64_t features;
	uint16_t version, desc_num, free_head, old_free_head;
	uint16_t used_idx, old_used_idx;
	uint8_t used_wrap, old_used_wrap, padding[7];
	struct entry desc[SIZE];
};

static struct region *
region(struct fixture *f)
{
	return f->inflight.map;
}

static void
begin(struct fixture *f)
{
	int fd;

	setup(f);
	f->inflight = (struct inflight){ .nr_queues = 1,
					 .queue_size = SIZE,
					 .is_packed = true };
	assert_int_equal(0, inflight_new(&f->inflight, &fd));
	(void)close(fd);
	assert_null(inflight_queue(&f->inflight, 0, SIZE, false));
	f->q.inflight = inflight_queue(&f->inflight, 0, SIZE, true);
	open_at(f, FIRST);
}

static int
restart(struct fixture *f)
{
	vring_close(&f->q);
	f->q.is_packed = true;
	f->q.inflight = inflight_queue(&f->inflight, 0, SIZE, true);
	/* A VMM does not know better than this. */
	return open_queue(f, FIRST);
}

/* And where its data is. */
static struct vring_token
take_at(struct fixture *f, uint16_t id, unsigned nr, unsigned at)
{
	struct vring_token token = take(f, id, nr);
	size_t len = 16;

	assert_ptr_equal(guest_memory_at(f->mem, DATA_AT(at), &len),
			 f->chain.iov[0].iov_base);
	return token;
}

/* Again and again, over the ring's end, with one of them put back each time. */
static void
taken_again(void **state)
{
	struct vring_token second;
	struct fixture f;
	unsigned i, k, at;

	(void)state;
	begin(&f);
	for (i = 0; i < 30; i++) {
		at = f.at;
		offer(&f, 5, 2);
		offer(&f, 6, 1);
		offer(&f, 7, 3);
		(void)take(&f, 5, 2);
		second = take(&f, 6, 1);
		(void)take(&f, 7, 3);
		vring_put(&f.q, second, 1); /* over the first of them */
		offer(&f, 8, 1);
		offer(&f, 9, 1); /* its last unused entry */
		(void)take(&f, 8, 1);
		(void)take(&f, 9, 1);
		/* All of the ring is in flight: none of it is looked at. */
		for (k = 0; k < SIZE; k++)
			f.ring[k].addr = f.ring[k].len = f.ring[k].id = 77;
		assert_int_equal(0, restart(&f));
		vring_put(&f.q, take_at(&f, 5, 2, at), 1);
		assert_int_equal(0, restart(&f));
		vring_put(&f.q, take_at(&f, 7, 3, at + 3), 1);
		vring_put(&f.q, take_at(&f, 8, 1, at + 6), 1);
		vring_put(&f.q, take_at(&f, 9, 1, at + 7), 1);
		assert_int_equal(0, vring_take(&f.q, &f.chain));
	}
	assert_int_equal(0, restart(&f));
	assert_int_equal(0, vring_take(&f.q, &f.chain));
	assert_int_equal(pos(f.at) | pos(f.at) << 16, vring_base(&f.q));
	teardown(&f);
}

/* It ended while it put 2 back, the ring's last one: published, or not. */
static void
ended_putting(void **state)
{
	struct vring_token token;
	struct region before;
	struct fixture f;
	struct desc was;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		begin(&f);
		offer(&f, 1, 6);
		vring_put(&f.q, take(&f, 1, 6), 1);
		offer(&f, 2, 1);
		offer(&f, 3, 2);
		token = take(&f, 2, 1);
		(void)take(&f, 3, 2);
		before = *region(&f);
		was = f.ring[6];
		vring_put(&f.q, token, 1);
		region(&f)->desc[token.first_entry].inflight = 1;
		region(&f)->old_free_head = before.old_free_head;
		region(&f)->old_used_idx = before.old_used_idx;
		region(&f)->old_used_wrap = before.old_used_wrap;
		if (i == 0)
			f.ring[6] = was;
		assert_int_equal(0, restart(&f));
		if (i == 0)
			vring_put(&f.q, take_at(&f, 2, 1, 6), 1);
		vring_put(&f.q, take_at(&f, 3, 2, 7), 1);
		assert_int_equal(0, vring_take(&f.q, &f.chain));
		assert_int_equal(pos(9) | pos(9) << 16, vring_base(&f.q));
		teardown(&f);
	}
}

/* It ended while it took one: that one is in the ring still. */
static void
ended_taking(void **state)
{
	struct region before;
	struct fixture f;

	(void)state;
	begin(&f);
	offer(&f, 1, 2);
	offer(&f, 2, 3);
	(void)take(&f, 1, 2);
	before = *region(&f);
	(void)take(&f, 2, 3);
	region(&f)->old_free_head = before.old_free_head;
	assert_int_equal(0, restart(&f));
	(void)take_at(&f, 1, 2, 0);
	(void)take_at(&f, 2, 3, 2);
	assert_int_equal(0, vring_take(&f.q, &f.chain));
	teardown(&f);
}

/* A queue that stopped leaves nothing behind: another begins at its start. */
static void
forgotten(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	offer(&f, 1, 2);
	vring_put(&f.q, take(&f, 1, 2), 1);
	inflight_forget(f.q.inflight);
	memset(f.ring, 0, SIZE * sizeof(*f.ring));
	f.at = 0;
	assert_int_equal(0, restart(&f));
	offer(&f, 2, 1);
	vring_put(&f.q, take_at(&f, 2, 1, 0), 1);
	teardown(&f);
}

/* What a VMM may have written there, over what was noted of 1 and 2. */
static void
nonsense(void **state)
{
	static const struct {
		const char *name;
		size_t off;
		uint16_t value;
		int want;
	} rows[] = {
#define AT(field) offsetof(struct region, field)
		{ "used index", AT(used_idx), SIZE, -EINVAL },
		{ "old used index", AT(old_used_idx), 0xffff, -EINVAL },
		{ "descriptors", AT(desc[0].num), 0, -EINVAL },
		{ "more of them", AT(desc[0].num), SIZE, -EINVAL },
		{ "last one", AT(desc[2].last), SIZE, -EINVAL },
		{ "unused ones", AT(old_free_head), 0xffff, 0 },
		{ "a loop of them", AT(desc[5].next), 5, 0 },
		{ "the list", AT(desc[0].next), 0xffff, 0 },
		{ "a loop in it", AT(desc[0].next), 0, 0 },
		{ "address", AT(desc[0].addr) + 6, 0xffff, 0 },
		{ "flags", AT(desc[2].flags), INDIRECT, 0 },
	};
	struct fixture f;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&f);
		offer(&f, 1, 2);
		offer(&f, 2, 3);
		(void)take(&f, 1, 2);
		(void)take(&f, 2, 3);
		memcpy((uint8_t *)f.inflight.map + rows[i].off, &rows[i].value,
		       sizeof(uint16_t));
		r = restart(&f);
		if (r != rows[i].want)
			fail_msg("%s: %d", rows[i].name, r);
		/* What comes is in the memory, or the queue is broken. */
		offer(&f, 3, 2);
		while (r == 0 && vring_take(&f.q, &f.chain) == 1)
			vring_put(&f.q, f.chain.token, 1);
		teardown(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_again),  cmocka_unit_test(ended_putting),
		cmocka_unit_test(ended_taking), cmocka_unit_test(forgotten),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
