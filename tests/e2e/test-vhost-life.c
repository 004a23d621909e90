/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device while requests run: a VMM that pauses it waits for them, one that
 * replaces the memory does not, one that is killed takes nobody along; what was
 * in flight when the server ended is answered by the next one, once. A guest
 * that boots again has a session of its own.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "vhost-front.h"

/* A copy-up takes long enough to be met. */
#define SLOW "--loops 1 --workers 1 -o test-slow=500"

static char path[128];
static unsigned nr_files;
static unsigned form; /* of the queues: FRONT_PACKED, or 0 */

/* Have a Topen under way that copies up; its slot. */
static unsigned
begin_slow(struct vhost_front *f, uint32_t fid)
{
	uint8_t open[15] = { 15, 0, 0, 0, 12, 0xee, 0, 0, 0, 0, 0, 2 };
	struct p9_stat st;
	unsigned slot;
	char name[16];

	(void)snprintf(name, sizeof(name), "big%u", nr_files++);
	CHECK_EQ(0, p9_walk(&f->p9, 0, fid, name));
	open[7] = (uint8_t)fid;
	open[5] = (uint8_t)(0x80 + fid); /* a tag of its own */
	slot = front_put_message(f, open, sizeof(open), 4096);
	/* What is answered behind it shows that it was taken. */
	CHECK_EQ(0, p9_getattr(&f->p9, 0, &st));
	return slot;
}

static void
check_answer(struct vhost_front *f, unsigned slot, struct front_used e)
{
	const uint8_t *p = front_take_reply(f, slot);

	CHECK_EQ(slot * FRONT_SLOT_DESCS, e.id);
	CHECK_EQ(24, e.len);
	CHECK_EQ(13, p[4]);
}

/* Pause and go on: what runs ends first, and the session stays. */
static void
paused(void)
{
	struct vhost_front f;
	struct p9_stat st;
	uint32_t base;
	unsigned slot;

	front_open(&f, path, FRONT_EVENT_IDX | form);
	slot = begin_slow(&f, 1);
	base = front_stop_queue(&f);
	CHECK(front_has_used(&f));
	check_answer(&f, slot, front_wait(&f));
	CHECK_EQ(front_base(&f), base);
	/* Stopped: a kick does nothing. */
	front_kick(&f);
	front_start_queue(&f, base);
	CHECK_EQ(0, p9_getattr(&f.p9, 1, &st));
	/* A reset instead: nothing is known of fid 1. */
	(void)front_stop_queue(&f);
	front_clear_rings(&f);
	front_start_queue(&f, front_base(&f));
	CHECK_EQ(0, p9_version(&f.p9, 131072, "9P2000.L"));
	CHECK_EQ(0, p9_attach(&f.p9, 0, "", 0));
	CHECK_EQ(-EBADF, p9_getattr(&f.p9, 1, &st));
	front_close(&f);
}

/* A request that is flushed comes back empty, and before Rflush (9p.md 4.4). */
static void
flushed(void)
{
	static const uint8_t flush[9] = { 9, 0, 0, 0, 108, 0x55, 0, 0x82, 0 };
	unsigned runs, waits, slot;
	struct vhost_front f;
	struct front_used e;

	front_open(&f, path, form);
	runs = begin_slow(&f, 1);
	waits = begin_slow(&f, 2); /* there is one worker */
	slot = front_put_message(&f, flush, sizeof(flush), 4096);
	e = front_wait(&f);
	CHECK_EQ(waits * FRONT_SLOT_DESCS, e.id);
	CHECK_EQ(0, e.len);
	(void)front_take_reply(&f, waits);
	e = front_wait(&f);
	CHECK_EQ(slot * FRONT_SLOT_DESCS, e.id);
	CHECK_EQ(7, e.len);
	CHECK_EQ(109, front_take_reply(&f, slot)[4]);
	check_answer(&f, runs, front_wait(&f));
	front_close(&f);
}

/* Reset without a Tversion: the session is not the old one. */
static void
rebooted(void)
{
	struct vhost_front f;
	struct p9_stat st;

	front_open(&f, path, form);
	(void)front_stop_queue(&f);
	front_clear_rings(&f);
	front_start_queue(&f, front_base(&f));
	CHECK_EQ(-EPROTO, p9_getattr(&f.p9, 0, &st));
	front_close(&f);
}

/* RESET_DEVICE with something in flight. */
static void
reset(void)
{
	struct vhost_front f;
	struct p9_stat st;
	unsigned slot;

	front_open(&f, path, form);
	slot = begin_slow(&f, 1);
	CHECK_EQ(0, front_ask(&f, FRONT_MESSAGE(.request = 34)));
	check_answer(&f, slot, front_wait(&f));
	front_clear_rings(&f);
	front_setup(&f);
	CHECK_EQ(-EPROTO, p9_getattr(&f.p9, 0, &st));
	front_close(&f);
}

/* Other memory while a request runs in the old one. */
static void
memory_replaced(void)
{
	struct vhost_front f;
	struct p9_stat st;
	unsigned slot;

	front_open(&f, path, form);
	slot = begin_slow(&f, 1);
	front_set_memory(&f);
	CHECK_EQ(0, p9_getattr(&f.p9, 0, &st));
	check_answer(&f, slot, front_wait(&f));
	/* None of it: the device is broken, and that is all. */
	(void)begin_slow(&f, 2);
	f.flags |= FRONT_MEM_SLOTS;
	CHECK_EQ(0,
		 front_ask(
			 &f,
			 FRONT_MESSAGE(.request = 38,
				       .payload = (uint64_t[]){ 0, FRONT_GUEST,
								FRONT_MEMORY,
								FRONT_USER, 0 },
				       .len = 40)));
	CHECK(front_is_hung_up(&f));
	front_close(&f);
}

/*
 * Cut off the queue, of which zeros make no sense; but they do of a packed
 * one, and then a request.
 */
static void
cut_memory(struct vhost_front *f)
{
	const unsigned head = (FRONT_SLOTS - 1) * FRONT_SLOT_DESCS;
	const size_t off = (size_t)(front_slot(f, FRONT_SLOTS - 1) - f->mem);

	CHECK_EQ(0, ftruncate(f->mem_fd, form ? FRONT_RINGS_SIZE : 4096));
	if (!form) {
		front_kick(f);
		return;
	}
	front_set_desc(f, head, FRONT_DESC(front_addr(off), 11, 1, head + 1));
	front_set_desc(f, head + 1,
		       FRONT_DESC(front_addr(off + 4096), 4096, 2, 0));
	front_offer(f, head);
}

/* A VMM that dies with requests in flight; and one that cuts its memory off. */
static void
killed(void)
{
	struct vhost_front f;

	front_open(&f, path, form);
	(void)begin_slow(&f, 1);
	(void)begin_slow(&f, 2);
	front_close(&f);
	/* While it waits for the queue to stand still. */
	front_open(&f, path, form);
	(void)begin_slow(&f, 1);
	front_send(&f,
		   FRONT_MESSAGE(.request = 11, .payload = (uint32_t[]){ 0, 0 },
				 .len = 8));
	front_close(&f);
	front_open(&f, path, form);
	(void)begin_slow(&f, 1);
	cut_memory(&f);
	CHECK(front_is_hung_up(&f));
	f.used_seen = f.avail_idx = 0;
	front_close(&f);
}

/* The server ends with a request in flight; the next one answers it. */
static void
server_killed(struct harness *h)
{
	struct vhost_front f;
	struct p9_stat st;
	unsigned slot;
	const uint8_t *p;
	struct front_used e;

	front_open(&f, path, FRONT_INFLIGHT | FRONT_EVENT_IDX | form);
	CHECK_EQ(0, p9_getattr(&f.p9, 0, &st));
	slot = begin_slow(&f, 1);
	harness_kill(h);
	CHECK(!front_has_used(&f));
	harness_restart(h, SLOW);
	front_reconnect(&f, path);
	e = front_wait(&f);
	CHECK_EQ(slot * FRONT_SLOT_DESCS, e.id);
	CHECK_EQ(11, e.len);
	p = front_take_reply(&f, slot);
	CHECK(p[4] == 7 && p9_get32(p + 7) == EPROTO);
	/* Once only; and a session can begin. */
	CHECK_EQ(0, p9_version(&f.p9, 131072, "9P2000.L"));
	CHECK_EQ(0, p9_attach(&f.p9, 0, "", 0));
	CHECK(!front_has_used(&f));
	front_close(&f);
}

int
main(void)
{
	struct harness h;
	unsigned nr_fds, i;

	harness_start(&h, "for i in $(seq 0 59); do echo $i >big$i; done",
		      SLOW);
	(void)snprintf(path, sizeof(path), "%s/vhost", h.root);
	harness_check_alive(&h);
	nr_fds = harness_nr_fds(&h);
	for (i = 0; i < 4; i++) {
		form = i % 2 ? FRONT_PACKED : 0;
		paused();
		flushed();
		rebooted();
		reset();
		memory_replaced();
		killed();
	}
	harness_check_alive(&h);
	harness_wait_fds(&h, nr_fds);
	for (i = 0; i < 2; i++) {
		form = i % 2 ? FRONT_PACKED : 0;
		server_killed(&h);
	}
	harness_check_alive(&h);
	harness_end(&h);
	return 0;
}
