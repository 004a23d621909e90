/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest that changes everything while the device looks at it: descriptors,
 * indices, requests, lengths. Each device breaks sooner or later; the server
 * and its other clients never notice.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#include "harness.h"
#include "vhost-front.h"

#define NR_DEVICES 30
#define NR_OFFERS 400
#define PATIENCE_YIELDS 20000

static atomic_bool is_over;

/* Small numbers mostly: they are the ones that get far. */
static uint32_t
some(uint32_t *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 16;
}

/* Both threads of the test write there: that the server races is the point,
 * and that the test does is for no sanitizer to tell. */
static void
set(uint8_t *byte, uint8_t value)
{
	__atomic_store_n(byte, value, __ATOMIC_RELAXED);
}

static void *
scribble(void *arg)
{
	struct vhost_front *f = arg;
	volatile struct front_desc *d = f->desc;
	uint8_t *message = front_slot(f, 0);
	uint32_t state = (uint32_t)f->fd + 1, r;

	while (!atomic_load(&is_over)) {
		r = some(&state);
		switch (some(&state) % 8) {
		case 0:
			d[r % 4].len = r % 64;
			break;
		case 1:
			d[r % 4].flags = (uint16_t)(r % 8);
			break;
		case 2:
			d[r % 4].next = (uint16_t)(r % 5);
			break;
		case 3:
			d[r % 4].addr = front_addr(FRONT_RINGS_SIZE + r % 64);
			break;
		default:
			set(&message[r % 32], (uint8_t)some(&state));
			break;
		}
		/* Right again, for most of the time. */
		front_set_desc(
			f, 0,
			FRONT_DESC(front_addr(FRONT_RINGS_SIZE), 32, 1, 1));
		front_set_desc(f, 1,
			       FRONT_DESC(front_addr(FRONT_RINGS_SIZE + 4096),
					  4096, 2, 0));
	}
	return NULL;
}

static bool
has_ended(struct vhost_front *f)
{
	char byte;

	return recv(f->backend, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* The same for a packed queue, whose descriptors are all over the ring. */
static void *
scribble_packed(void *arg)
{
	struct vhost_front *f = arg;
	struct front_packed_desc *d;
	uint8_t *message = front_slot(f, 0);
	uint32_t state = (uint32_t)f->fd + 1, r;

	while (!atomic_load(&is_over)) {
		r = some(&state);
		d = &f->packed.ring[some(&state) % FRONT_PACKED_QUEUE];
		switch (some(&state) % 2048) {
		case 0:
			PACKED_STORE(&d->len, r % 64);
			break;
		case 1:
			PACKED_STORE(&d->flags,
				     (uint16_t)(r % 8 | (r & 0x8080)));
			break;
		case 2:
			PACKED_STORE(&d->id, (uint16_t)(r % 64));
			break;
		case 3:
			PACKED_STORE(&d->addr,
				     front_addr(FRONT_RINGS_SIZE + r % 64));
			break;
		default:
			set(&message[r % 32], (uint8_t)some(&state));
			break;
		}
	}
	return NULL;
}

/*
 * Wait for room in the queue. False: it is broken, or what was available in a
 * packed one is not, and nothing will ever come back.
 */
static bool
wait_for_room(struct vhost_front *f)
{
	unsigned nr_yields = 0;

	while (front_nr_free(f) < FRONT_PACKED_QUEUE / 2) {
		if (has_ended(f) ||
		    (f->flags & FRONT_PACKED && nr_yields++ == PATIENCE_YIELDS))
			return false;
		if (!(f->flags & FRONT_PACKED) || !front_has_used(f))
			(void)sched_yield();
		else if (packed_take_used(f).id == UINT32_MAX)
			return false;
	}
	return true;
}

/* Requests of two descriptors, from head 0 on. */
static void
make_tables(struct vhost_front *f)
{
	unsigned i;

	for (i = 0; i < FRONT_QUEUE; i += 2) {
		front_set_desc(f, i,
			       FRONT_DESC(front_addr(FRONT_RINGS_SIZE), 32, 1,
					  (uint16_t)(i + 1)));
		front_set_desc(f, i + 1,
			       FRONT_DESC(front_addr(FRONT_RINGS_SIZE + 4096),
					  4096, 2, 0));
	}
}

static void
race(const char *path, unsigned form)
{
	static const uint8_t walk[] = { 20, 0, 0, 0, 110, 1, 0, 0, 0, 0,
					0,  9, 0, 0, 0,   1, 0, 1, 0, 'x' };
	struct vhost_front f;
	pthread_t thread;
	unsigned i, k;

	front_open(&f, path, FRONT_INDIRECT | FRONT_STATUS | form);
	make_tables(&f);
	atomic_store(&is_over, false);
	CHECK_EQ(0, pthread_create(&thread, NULL,
				   form ? scribble_packed : scribble, &f));
	for (i = 0; i < NR_OFFERS && !has_ended(&f); i++) {
		for (k = 0; k < sizeof(walk); k++)
			set(front_slot(&f, 0) + k, walk[k]);
		/* The names of a packed queue's are to be told apart. */
		front_offer(&f, form ? i * 2 % FRONT_QUEUE : 0);
		if (!wait_for_room(&f))
			break;
	}
	atomic_store(&is_over, true);
	CHECK_EQ(0, pthread_join(thread, NULL));
	/* It answers the VMM, whatever its guest did. */
	(void)front_get(&f, 40);
	CHECK_EQ(0, front_ask(&f, FRONT_MESSAGE(.request = 34)));
	front_close(&f);
}

int
main(void)
{
	struct harness h;
	char path[128];
	unsigned nr_fds, i;

	harness_start(&h, "echo hi >hello", "--loops 1");
	(void)snprintf(path, sizeof(path), "%s/vhost", h.root);
	harness_check_alive(&h);
	nr_fds = harness_nr_fds(&h);
	for (i = 0; i < NR_DEVICES; i++) {
		race(path, 0);
		race(path, FRONT_PACKED);
	}
	harness_check_alive(&h);
	harness_wait_fds(&h, nr_fds);
	harness_end(&h);
	return 0;
}
