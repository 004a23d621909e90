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

enum { NEXT = 1, WRITE = 2, INDIRECT = 4, AVAIL = 1 << 7 };
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

/* What is available goes round and round. */
static void
list_without_end(struct vhost_front *f)
{
	unsigned i;

	for (i = 0; i < FRONT_PACKED_QUEUE; i++)
		f->packed.ring[i].flags = NEXT | AVAIL;
	front_kick(f);
}

/* It has an end, in what was used in the last round. */
static void
list_too_long(struct vhost_front *f)
{
	unsigned i;

	list_without_end(f);
	for (i = 0; i < f->packed.avail.idx; i++)
		f->packed.ring[i].flags = AVAIL;
	front_kick(f);
}

/* A list of a packed queue is of one kind of descriptors. */
static void
indirect_in_list(struct vhost_front *f)
{
	f->desc[0].len = 5;
	f->desc[0].next = 3;
	front_set_desc(f, 3, FRONT_DESC(front_addr(TABLE), 16, INDIRECT, 0));
	front_offer(f, 0);
}

enum { SPLIT = 1, PACKED = 2, BOTH = SPLIT | PACKED };

/* The first descriptor is replaced by these. */
static const struct row {
	const char *name;
	void (*put)(struct vhost_front *f);
	struct front_desc first;
	struct front_desc table; /* at TABLE, if it has a length */
	uint8_t size; /* of the message, if not 0 */
	unsigned forms; /* of queues that can have it */
} rows[] = {
	{ "head beyond the table", head_beyond, { 0 }, { 0 }, 0, SPLIT },
	{ "available index jumps", index_jumps, { 0 }, { 0 }, 0, SPLIT },
	{ "available index goes back",
	  index_goes_back,
	  { 0 },
	  { 0 },
	  0,
	  SPLIT },
	{ "address 0", offer, { 0, 11, NEXT, 1 }, { 0 }, 0, BOTH },
	{ "address that wraps", offer, { -10, 100, NEXT, 1 }, { 0 }, 0, BOTH },
	{ "length over the end",
	  offer,
	  { FRONT_GUEST + FRONT_MEMORY - 5, 11, NEXT, 1 },
	  { 0 },
	  0,
	  BOTH },
	{ "length that wraps",
	  offer,
	  { FRONT_GUEST + SLOT, 0xffffffff, NEXT, 1 },
	  { 0 },
	  0,
	  BOTH },
	{ "loop", offer, { FRONT_GUEST + SLOT, 11, NEXT, 0 }, { 0 }, 0, SPLIT },
	{ "loop of nothing",
	  offer,
	  { FRONT_GUEST + SLOT, 0, NEXT, 0 },
	  { 0 },
	  0,
	  SPLIT },
	{ "next beyond the table",
	  offer,
	  { FRONT_GUEST + SLOT, 11, NEXT, FRONT_QUEUE },
	  { 0 },
	  0,
	  SPLIT },
	{ "request behind reply",
	  offer,
	  { FRONT_GUEST + SLOT, 11, NEXT | WRITE, 2 },
	  { 0 },
	  0,
	  BOTH },
	{ "no reply", offer, { FRONT_GUEST + SLOT, 11, 0, 0 }, { 0 }, 0, BOTH },
	{ "no request",
	  offer,
	  { FRONT_GUEST + SLOT, 11, WRITE, 0 },
	  { 0 },
	  0,
	  BOTH },
	{ "request of 3 bytes",
	  offer,
	  { FRONT_GUEST + SLOT, 3, NEXT, 1 },
	  { 0 },
	  0,
	  BOTH },
	{ "request of 6 bytes",
	  offer,
	  { FRONT_GUEST + SLOT, 6, NEXT, 1 },
	  { 0 },
	  0,
	  BOTH },
	{ "message of 6 bytes",
	  offer,
	  { FRONT_GUEST + SLOT, 11, NEXT, 1 },
	  { 0 },
	  6,
	  BOTH },
	{ "indirect goes on",
	  offer,
	  { FRONT_GUEST + TABLE, 16, INDIRECT | NEXT, 1 },
	  { FRONT_GUEST + SLOT, 11, 0, 0 },
	  0,
	  BOTH },
	{ "indirect twice",
	  offer,
	  { FRONT_GUEST + TABLE, 16, INDIRECT, 0 },
	  { FRONT_GUEST + TABLE, 16, INDIRECT, 0 },
	  0,
	  SPLIT },
	{ "indirect loop",
	  offer,
	  { FRONT_GUEST + TABLE, 16, INDIRECT, 0 },
	  { FRONT_GUEST + SLOT, 11, NEXT, 0 },
	  0,
	  SPLIT },
	{ "indirect beyond",
	  offer,
	  { FRONT_GUEST + TABLE, 16, INDIRECT, 0 },
	  { FRONT_GUEST + SLOT, 11, NEXT, 1 },
	  0,
	  SPLIT },
	{ "indirect of 0 bytes",
	  offer,
	  { FRONT_GUEST + TABLE, 0, INDIRECT, 0 },
	  { FRONT_GUEST + SLOT, 11, NEXT, 1 },
	  0,
	  BOTH },
	{ "indirect of 17 bytes",
	  offer,
	  { FRONT_GUEST + TABLE, 17, INDIRECT, 0 },
	  { 0 },
	  0,
	  BOTH },
	{ "indirect of 1 GiB",
	  offer,
	  { FRONT_GUEST + TABLE, 1 << 30, INDIRECT, 0 },
	  { 0 },
	  0,
	  BOTH },
	{ "indirect nowhere", offer, { 16, 16, INDIRECT, 0 }, { 0 }, 0, BOTH },
	{ "indirect over the end",
	  offer,
	  { FRONT_GUEST + FRONT_MEMORY - 16, 32, INDIRECT, 0 },
	  { 0 },
	  0,
	  BOTH },
	{ "indirect at an odd address",
	  offer,
	  { FRONT_GUEST + TABLE + 1, 16, INDIRECT, 0 },
	  { 0 },
	  0,
	  BOTH },
	{ "indirect in a list",
	  indirect_in_list,
	  { 0 },
	  { FRONT_GUEST + SLOT + 5, 6, 0, 0 },
	  0,
	  PACKED },
	{ "list without end", list_without_end, { 0 }, { 0 }, 0, PACKED },
	{ "list of all but one, and more",
	  list_too_long,
	  { 0 },
	  { 0 },
	  0,
	  PACKED },
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
	if (f->flags & FRONT_PACKED)
		packed_write_desc((void *)(f->mem + TABLE), row->table);
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

static void
check_row(const char *path, const struct row *row, unsigned form)
{
	struct vhost_front f;

	front_open(&f, path, FRONT_INDIRECT | FRONT_STATUS | form);
	spoil(&f, row);
	check_told(&f);
	front_close(&f);
	front_open(&f, path, FRONT_INDIRECT | form);
	spoil(&f, row);
	CHECK(front_is_hung_up(&f));
	front_close(&f);
}

static void
check_odd(const char *path, unsigned form)
{
	struct vhost_front f;

	front_open(&f, path, form);
	check_answered(&f);
	/* Not negotiated here. */
	front_set_desc(&f, 0, FRONT_DESC(front_addr(TABLE), 16, INDIRECT, 0));
	front_offer(&f, 0);
	CHECK(front_is_hung_up(&f));
	front_close(&f);
}

int
main(void)
{
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
		if (rows[i].forms & SPLIT)
			check_row(path, &rows[i], 0);
		if (rows[i].forms & PACKED)
			check_row(path, &rows[i], FRONT_PACKED);
	}
	check_odd(path, 0);
	check_odd(path, FRONT_PACKED);
	harness_check_alive(&h);
	harness_wait_fds(&h, nr_fds);
	harness_end(&h);
	return 0;
}
