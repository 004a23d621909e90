/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A split queue by itself (virtio 1.2, 2.7): when a driver is called, when it
 * is asked for kicks, how much it may have in flight, and what is taken again
 * of what an earlier device had taken (vhost-user.rst, inflight).
 */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inflight.h"
#include "vring.h"

#define SIZE 8
#define MEMORY 0x10000
#define USER UINT64_C(0x500000)

struct fixture {
	struct guest_memory *mem;
	uint8_t *bytes;
	uint16_t *avail, *used; /* flags, idx, ring... */
	struct vring q;
	struct vring_chain chain;
	struct inflight inflight;
};

static const struct vring_place place = { USER, USER + 0x1000, USER + 0x2000,
					  SIZE };

static void
setup(struct fixture *f)
{
	const struct guest_range range = { 0, MEMORY, USER, 0 };
	int fd = memfd_create("vring", MFD_CLOEXEC);

	*f = (struct fixture){ .mem = NULL };
	assert_int_equal(0, ftruncate(fd, MEMORY));
	assert_int_equal(0, guest_memory_new(&range, &fd, 1, &f->mem));
	(void)close(fd);
	f->bytes = guest_memory_at_user(f->mem, USER, MEMORY);
	f->avail = (uint16_t *)(f->bytes + 0x1000);
	f->used = (uint16_t *)(f->bytes + 0x2000);
}

static void
teardown(struct fixture *f)
{
	vring_close(&f->q);
	inflight_unmap(&f->inflight);
	guest_memory_unref(f->mem);
}

/* Descriptor @i is a chain of its own. */
static void
offer(struct fixture *f, uint16_t i)
{
	const struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} d = { 0x4000, 16, 0, 0 };

	memcpy(f->bytes + i * 16, &d, sizeof(d));
	f->avail[2 + f->avail[1] % SIZE] = i;
	f->avail[1]++;
}

static uint16_t
take(struct fixture *f)
{
	assert_int_equal(1, vring_take(&f->q, &f->chain));
	return f->chain.token.id;
}

static void
put(struct fixture *f)
{
	(void)take(f);
	vring_put(&f->q, f->chain.token, 1);
}

static void
calls(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	f.q.has_event_idx = true;
	assert_int_equal(0, vring_open(&f.q, f.mem, &place, 0));
	assert_true(vring_wants_call(&f.q)); /* what was lost before */
	assert_false(vring_wants_call(&f.q));
	offer(&f, 0);
	offer(&f, 1);
	offer(&f, 2);
	f.avail[2 + SIZE] = 1; /* for the second one */
	put(&f);
	assert_false(vring_wants_call(&f.q));
	put(&f);
	assert_true(vring_wants_call(&f.q));
	put(&f);
	assert_false(vring_wants_call(&f.q));
	vring_close(&f.q);
	/* By the flag where that was not negotiated. */
	assert_int_equal(0, vring_open(&f.q, f.mem, &place, 3));
	assert_true(vring_wants_call(&f.q));
	f.avail[0] = 1;
	offer(&f, 0);
	put(&f);
	assert_false(vring_wants_call(&f.q));
	f.avail[0] = 0;
	offer(&f, 0);
	put(&f);
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
	assert_int_equal(0, vring_open(&f.q, f.mem, &place, 0));
	offer(&f, 0);
	assert_true(vring_ask_kicks(&f.q, true)); /* one came meanwhile */
	(void)take(&f);
	assert_false(vring_ask_kicks(&f.q, true));
	assert_int_equal(1, f.used[2 + 4 * SIZE]);
	vring_close(&f.q);
	assert_int_equal(0, vring_open(&f.q, f.mem, &place, 1));
	assert_false(vring_ask_kicks(&f.q, false));
	assert_int_equal(1, f.used[0]);
	assert_false(vring_ask_kicks(&f.q, true));
	assert_int_equal(0, f.used[0]);
	teardown(&f);
}

/* The same head again and again, none of them put back. */
static void
too_many(void **state)
{
	struct fixture f;
	unsigned i;

	(void)state;
	setup(&f);
	assert_int_equal(0, vring_open(&f.q, f.mem, &place, 0));
	for (i = 0; i < SIZE; i++) {
		offer(&f, 0);
		(void)take(&f);
	}
	offer(&f, 0);
	assert_int_equal(-EPROTO, vring_take(&f.q, &f.chain));
	assert_non_null(f.q.why);
	/* Broken: nothing is put any more. */
	vring_put(&f.q, (struct vring_token){ .id = 0 }, 1);
	assert_int_equal(0, f.used[1]);
	teardown(&f);
}

/* Three are taken, one is put back: the two others come again, in order. */
static void
taken_again(void **state)
{
	const struct inflight one = { .nr_queues = 1, .queue_size = SIZE };
	struct inflight again = one;
	struct fixture f;
	int fd;

	(void)state;
	setup(&f);
	f.inflight = one;
	assert_int_equal(0, inflight_new(&f.inflight, &fd));
	f.q.inflight = inflight_queue(&f.inflight, 0, SIZE, false);
	assert_null(inflight_queue(&f.inflight, 1, SIZE, false));
	assert_null(inflight_queue(&f.inflight, 0, SIZE + 1, false));
	assert_null(inflight_queue(&f.inflight, 0, SIZE, true));
	assert_int_equal(0, vring_open(&f.q, f.mem, &place, 0));
	offer(&f, 5);
	offer(&f, 2);
	offer(&f, 3);
	assert_int_equal(5, take(&f));
	assert_int_equal(2, take(&f));
	assert_int_equal(3, take(&f));
	vring_put(&f.q, (struct vring_token){ .id = 2 }, 1);
	offer(&f, 7); /* not taken */
	vring_close(&f.q);
	/* It ended just before it marked that one as done. */
	((uint16_t *)f.inflight.map)[7] = 0;
	((uint8_t *)f.inflight.map)[16 + 2 * 16] = 1;
	assert_int_equal(0, inflight_map(&again, fd, 0, f.inflight.len));
	(void)close(fd);
	f.q.inflight = inflight_queue(&again, 0, SIZE, false);
	assert_int_equal(0, vring_open(&f.q, f.mem, &place, 77));
	assert_int_equal(5, take(&f));
	assert_int_equal(3, take(&f));
	assert_int_equal(7, take(&f));
	assert_int_equal(0, vring_take(&f.q, &f.chain));
	inflight_unmap(&again);
	teardown(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls),
		cmocka_unit_test(kicks),
		cmocka_unit_test(too_many),
		cmocka_unit_test(taken_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
