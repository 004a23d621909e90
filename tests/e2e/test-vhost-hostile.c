/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a driver may put into a queue that makes no sense: the device needs a
 * reset then, of which the VMM is told (virtio 1.2, 2.1.1) or else is hung up
 * on; a reset makes it work again; the server lives on and loses nothing.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "vhost-front.h"

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };
#define NEEDS_RESET 0x40u
#define SLOT FRONT_RINGS_SIZE /* of slot 0, in the memory */
#define REPLY (SLOT + FRONT_SLOT_SIZE / 2)
#define TABLE (SLOT + 4096)

/* A Tclunk of a fid that is not there, as it should be; bad rows spoil it. */
static void
good_chain(struct vhost_front *f)
{
	static const uint8_t clunk[11] = { 11, 0, 0, 0, 120, 1, 0, 99 };

	memcpy(f->mem + SLOT, clunk, sizeof(clunk));
	front_set_desc(f, 0,
		       FRONT_DESC(front_addr(SLOT), sizeof(clunk), NEXT, 1));
	front_set_desc(f, 1, FRONT_DESC(front_addr(REPLY), 4096, WRITE, 0));
}

static void
offer(struct vhost_front *f)
{
	front_offer(f, 0);
}

static void
head_beyond(struct vhost_front *f)
{
	front_offer(f, FRONT_QUEUE);
}

static void
index_jumps(struct vhost_front *f)
{
	f->avail[1] = (uint16_t)(f->avail_idx + FRONT_QUEUE + 1);
	front_kick(f);
}

static void
index_goes_back(struct vhost_front *f)
{
	f->avail[1] = (uint16_t)(f->avail_idx - 1);
	front_kick(f);
}

/* The first descriptor is replaced by these. */
static const struct row {
	const char *name;
	void (*put)(struct vhost_front *f);
	struct front_desc first;
	struct front_desc table; /* at TABLE, if it has a length */
	uint8_t size; /* of the message, if not 0 */
} rows[] = {
	{ "head beyond the table", head_beyond, { 0 }, { 0 }, 0 },
	{ "available index jumps", index_jumps, { 0 }, { 0 }, 0 },
	{ "available index goes back", index_goes_back, { 0 }, { 0 }, 0 },
	{ "address 0", offer, { 0, 11, NEXT, 1 }, { 0 }, 0 },
	{ "address that wraps", offer, { -10, 100, NEXT, 1 }, { 0 }, 0 },
	{ "length over the end",
	  offer,
	  { FRONT_GUEST + FRONT_MEMORY - 5, 11, NEXT, 1 },
	  { 0 },
	  0 },
	{ "length that wraps",
	  offer,
	  { FRONT_GUEST + SLOT, 0xffffffff, NEXT, 1 },
	  { 0 },
	  0 },
	{ "loop", offer, { FRONT_GUEST + SLOT, 11, NEXT, 0 }, { 0 }, 0 },
	{ "loop of nothing",
	  offer,
	  { FRONT_GUEST + SLOT, 0, NEXT, 0 },
	  { 0 },
	  0 },
	{ "next beyond the table",
	  offer,
	  { FRONT_GUEST + SLOT, 11, NEXT, FRONT_QUEUE },
	  { 0 },
	  0 },
	{ "request behind reply",
	  offer,
	  { FRONT_GUEST + SLOT, 11, NEXT | WRITE, 2 },
	  { 0 },
	  0 },
	{ "no reply", offer, { FRONT_GUEST + SLOT, 11, 0, 0 }, { 0 }, 0 },
	{ "no request", offer, { FRONT_GUEST + SLOT, 11, WRITE, 0 }, { 0 }, 0 },
	{ "request of 3 bytes",
	  offer,
	  { FRONT_GUEST + SLOT, 3, NEXT, 1 },
	  { 0 },
	  0 },
	{ "request of 6 bytes",
	  offer,
	  { FRONT_GUEST + SLOT, 6, NEXT, 1 },
	  { 0 },
	  0 },
	{ "message of 6 bytes",
	  offer,
	  { FRONT_GUEST + SLOT, 11, NEXT, 1 },
	  { 0 },
	  6 },
	{ "indirect goes on",
	  offer,
	  { FRONT_GUEST + TABLE, 16, INDIRECT | NEXT, 1 },
	  { FRONT_GUEST + SLOT, 11, 0, 0 },
	  0 },
	{ "indirect twice",
	  offer,
	  { FRONT_GUEST + TABLE, 16, INDIRECT, 0 },
	  { FRONT_GUEST + TABLE, 16, INDIRECT, 0 },
	  0 },
	{ "indirect loop",
	  offer,
	  { FRONT_GUEST + TABLE, 16, INDIRECT, 0 },
	  { FRONT_GUEST + SLOT, 11, NEXT, 0 },
	  0 },
	{ "indirect beyond",
	  offer,
	  { FRONT_GUEST + TABLE, 16, INDIRECT, 0 },
	  { FRONT_GUEST + SLOT, 11, NEXT, 1 },
	  0 },
	{ "indirect of 0 bytes",
	  offer,
	  { FRONT_GUEST + TABLE, 0, INDIRECT, 0 },
	  { FRONT_GUEST + SLOT, 11, NEXT, 1 },
	  0 },
	{ "indirect of 17 bytes",
	  offer,
	  { FRONT_GUEST + TABLE, 17, INDIRECT, 0 },
	  { 0 },
	  0 },
	{ "indirect of 1 GiB",
	  offer,
	  { FRONT_GUEST + TABLE, 1 << 30, INDIRECT, 0 },
	  { 0 },
	  0 },
	{ "indirect nowhere", offer, { 16, 16, INDIRECT, 0 }, { 0 }, 0 },
	{ "indirect over the end",
	  offer,
	  { FRONT_GUEST + FRONT_MEMORY - 16, 32, INDIRECT, 0 },
	  { 0 },
	  0 },
	{ "indirect at an odd address",
	  offer,
	  { FRONT_GUEST + TABLE + 1, 16, INDIRECT, 0 },
	  { 0 },
	  0 },
};

static void
spoil(struct vhost_front *f, const struct row *row)
{
	good_chain(f);
	if (row->size)
		f->mem[SLOT] = row->size;
	if (row->first.flags || row->first.len)
		f->desc[0] = row->first;
	/* What goes on from there would do. */
	front_set_desc(f, 2, FRONT_DESC(front_addr(SLOT), 11, 0, 0));
	memcpy(f->mem + TABLE, &row->table, sizeof(row->table));
	row->put(f);
}

/* The VMM is told, asks, resets: and the device works. */
static void
check_told(struct vhost_front *f)
{
	struct pollfd p = { f->backend, POLLIN, 0 };
	uint32_t head[3];
	struct p9_stat st;

	CHECK_EQ(1, poll(&p, 1, 10000));
	CHECK_EQ(sizeof(head), read(f->backend, head, sizeof(head)));
	CHECK_EQ(2, head[0]);
	CHECK_EQ(NEEDS_RESET, front_get(f, 40));
	CHECK_EQ(0, front_ask(f, FRONT_MESSAGE(.request = 34)));
	CHECK_EQ(0, front_get(f, 40));
	(void)close(f->backend);
	front_clear_rings(f);
	front_setup(f);
	CHECK_EQ(0, p9_version(&f->p9, 131072, "9P2000.L"));
	CHECK_EQ(0, p9_attach(&f->p9, 0, "", 0));
	CHECK_EQ(0, p9_getattr(&f->p9, 0, &st));
}

/* What is odd, and yet has an answer. */
static void
check_answered(struct vhost_front *f)
{
	static const uint8_t getattr[19] = { 19, 0, 0, 0, 24, 1, 0 };
	struct front_used e;
	const uint8_t *p;

	/* A message that is longer than its chain. */
	good_chain(f);
	f->mem[SLOT] = 100;
	front_set_desc(f, 0, FRONT_DESC(front_addr(SLOT), 9, NEXT, 1));
	front_offer(f, 0);
	e = front_wait(f);
	p = f->mem + REPLY;
	CHECK_EQ(11, e.len);
	CHECK(p[4] == 7 && p9_get32(p + 7) == EINVAL);
	/* Room for Rlerror alone. */
	memcpy(f->mem + SLOT, getattr, sizeof(getattr));
	front_set_desc(f, 0,
		       FRONT_DESC(front_addr(SLOT), sizeof(getattr), NEXT, 1));
	front_set_desc(f, 1, FRONT_DESC(front_addr(REPLY), 11, WRITE, 0));
	front_offer(f, 0);
	e = front_wait(f);
	CHECK_EQ(11, e.len);
	CHECK(p[4] == 7 && p9_get32(p + 7) == EMSGSIZE);
	/* Empty descriptors, and a request in single bytes. */
	good_chain(f);
	front_set_desc(f, 0, FRONT_DESC(front_addr(SLOT), 0, NEXT, 3));
	front_set_desc(f, 3, FRONT_DESC(front_addr(SLOT), 1, NEXT, 4));
	front_set_desc(f, 4, FRONT_DESC(front_addr(SLOT + 1), 10, NEXT, 1));
	front_offer(f, 0);
	e = front_wait(f);
	CHECK_EQ(11, e.len);
	CHECK(p[4] == 7 && p9_get32(p + 7) == EBADF);
}

int
main(void)
{
	struct vhost_front f;
	struct harness h;
	char path[128];
	unsigned nr_fds;
	size_t i;

	harness_start(&h, "echo hi >hello", "--loops 1");
	(void)snprintf(path, sizeof(path), "%s/vhost", h.root);
	harness_check_alive(&h);
	nr_fds = harness_nr_fds(&h);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		printf("%s\n", rows[i].name);
		(void)fflush(stdout);
		front_open(&f, path, FRONT_INDIRECT | FRONT_STATUS);
		spoil(&f, &rows[i]);
		check_told(&f);
		front_close(&f);
		front_open(&f, path, FRONT_INDIRECT);
		spoil(&f, &rows[i]);
		CHECK(front_is_hung_up(&f));
		front_close(&f);
	}
	front_open(&f, path, 0);
	check_answered(&f);
	/* Not negotiated here. */
	front_set_desc(&f, 0, FRONT_DESC(front_addr(TABLE), 16, INDIRECT, 0));
	front_offer(&f, 0);
	CHECK(front_is_hung_up(&f));
	front_close(&f);
	harness_check_alive(&h);
	harness_wait_fds(&h, nr_fds);
	harness_end(&h);
	return 0;
}
