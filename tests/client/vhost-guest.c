/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's side of the front end: a driver, and a 9P client over it. */
#include "vhost-front.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "p9-carrier.h"

#define PATIENCE_MS 10000
#define IN_SLOT_REPLY (FRONT_SLOT_SIZE / 2)
#define IN_SLOT_TABLE (FRONT_SLOT_SIZE - 16384)
#define PIECE 1000
#define GAP 24
enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

uint64_t
front_addr(size_t off)
{
	return FRONT_GUEST + off;
}

uint8_t *
front_slot(struct vhost_front *f, unsigned slot)
{
	return f->mem + FRONT_RINGS_SIZE + slot * FRONT_SLOT_SIZE;
}

void
front_set_desc(struct vhost_front *f, unsigned i, struct front_desc d)
{
	f->desc[i] = d;
}

void
front_kick(struct vhost_front *f)
{
	uint64_t one = 1;

	CHECK_EQ(8, write(f->kick, &one, 8));
}

uint32_t
front_base(const struct vhost_front *f)
{
	return f->flags & FRONT_PACKED ? packed_base(f) : f->avail_idx;
}

unsigned
front_nr_free(const struct vhost_front *f)
{
	const struct front_packed *p = &f->packed;
	unsigned i, nr = FRONT_PACKED_QUEUE;

	if (!(f->flags & FRONT_PACKED))
		return FRONT_QUEUE -
		       (uint16_t)(f->avail_idx -
				  __atomic_load_n(&f->used[1],
						  __ATOMIC_ACQUIRE));
	for (i = 0; i < FRONT_QUEUE; i++)
		nr -= p->nr_descs[i];
	return nr;
}

static void
split_offer(struct vhost_front *f, uint16_t head)
{
	uint16_t old = f->avail_idx, event;
	bool wants;

	f->avail[2 + f->avail_idx % FRONT_QUEUE] = head;
	f->avail_idx++;
	__atomic_store_n(&f->avail[1], f->avail_idx, __ATOMIC_RELEASE);
	__sync_synchronize();
	event = __atomic_load_n(&f->used[2 + 4 * FRONT_QUEUE],
				__ATOMIC_RELAXED);
	wants = !(__atomic_load_n(&f->used[0], __ATOMIC_RELAXED) & 1);
	if (f->flags & FRONT_EVENT_IDX)
		wants = (uint16_t)(f->avail_idx - event - 1) <
			(uint16_t)(f->avail_idx - old);
	if (wants)
		front_kick(f);
}

void
front_offer(struct vhost_front *f, uint16_t head)
{
	if (f->flags & FRONT_PACKED)
		packed_offer(f, head);
	else
		split_offer(f, head);
}

bool
front_has_used(const struct vhost_front *f)
{
	if (f->flags & FRONT_PACKED)
		return packed_has_used(f);
	return __atomic_load_n(&f->used[1], __ATOMIC_ACQUIRE) != f->used_seen;
}

struct front_used
front_wait(struct vhost_front *f)
{
	struct pollfd p = { f->call, POLLIN, 0 };
	struct front_used e;
	uint64_t count;

	/* Ask for a call for this one, look, and only then wait. */
	if (f->flags & FRONT_PACKED)
		packed_ask_call(f);
	else
		__atomic_store_n(&f->avail[2 + FRONT_QUEUE], f->used_seen,
				 __ATOMIC_RELAXED);
	__sync_synchronize();
	while (!front_has_used(f)) {
		CHECK_EQ(1, poll(&p, 1, PATIENCE_MS));
		(void)!read(f->call, &count, sizeof(count));
	}
	if (f->flags & FRONT_PACKED) {
		e = packed_take_used(f);
		CHECK(e.id != UINT32_MAX);
		return e;
	}
	memcpy(&e, &f->used[2 + f->used_seen % FRONT_QUEUE * 4], sizeof(e));
	f->used_seen++;
	return e;
}

void
front_clear_rings(struct vhost_front *f)
{
	memset(f->mem, 0, FRONT_RINGS_SIZE);
	f->avail_idx = f->used_seen = 0;
	if (f->flags & FRONT_PACKED)
		packed_clear(f);
	f->slots = 0;
}

/* --- Messages ------------------------------------------------------------------ */

struct table {
	struct front_desc *desc;
	unsigned first, nr, max;
};

static void
add(struct table *t, uint64_t addr, size_t len, uint16_t flags)
{
	struct front_desc *d = &t->desc[t->nr];

	CHECK(t->nr < t->max);
	*d = (struct front_desc){ addr, (uint32_t)len, flags | NEXT,
				  (uint16_t)(t->first + t->nr + 1) };
	t->nr++;
}

/* Bytes that are cut into pieces: a head, then more. */
struct bytes {
	size_t off; /* in the memory */
	const uint8_t *from; /* what they are, or NULL */
	size_t len, head_len;
};

/*
 * The next piece of @b, at @*off, of which @*done are before it. Returns its
 * length, 0 at the end.
 */
static size_t
next_piece(const struct vhost_front *f, const struct bytes *b, size_t *done,
	   size_t *off)
{
	size_t max = *done == 0 ? b->head_len : b->len, left = b->len - *done;

	if (f->flags & FRONT_SMALL_PIECES) {
		max = max < PIECE ? max : PIECE;
		*off += *done > 0 ? GAP : 0;
	}
	max = max < left ? max : left;
	*done += max;
	return max;
}

/* Descriptors for @b, or to be written if it has no bytes. */
static void
add_cut(struct vhost_front *f, struct table *t, const struct bytes *b)
{
	size_t n, done = 0, off = b->off;

	while ((n = next_piece(f, b, &done, &off)) > 0) {
		add(t, front_addr(off), n, b->from ? 0 : WRITE);
		if (b->from)
			memcpy(f->mem + off, b->from + done - n, n);
		off += n;
	}
}

static unsigned
free_slot(struct vhost_front *f)
{
	unsigned i;

	for (i = 0; i < FRONT_SLOTS && f->slots & 1u << i; i++)
		;
	CHECK(i < FRONT_SLOTS);
	f->slots |= 1u << i;
	return i;
}

unsigned
front_put_message(struct vhost_front *f, const void *p, size_t len, size_t room)
{
	unsigned i, slot = free_slot(f), head = slot * FRONT_SLOT_DESCS;
	size_t off = (size_t)(front_slot(f, slot) - f->mem);
	uint8_t type = ((const uint8_t *)p)[4];
	bool is_indirect = f->flags & FRONT_INDIRECT;
	struct table t = { f->desc + head, head, 0, FRONT_SLOT_DESCS };

	CHECK(len <= IN_SLOT_REPLY && room <= IN_SLOT_TABLE - IN_SLOT_REPLY);
	if (is_indirect)
		t = (struct table){ (void *)(f->mem + off + IN_SLOT_TABLE), 0,
				    0, 1024 };
	/* Heads are cut off as Linux does with what it does not copy. */
	f->head_len[slot] = type == 116 ? 11 : room;
	add_cut(f, &t, &(struct bytes){ off, p, len, type == 118 ? 23 : len });
	add_cut(f, &t,
		&(struct bytes){ off + IN_SLOT_REPLY, NULL, room,
				 f->head_len[slot] });
	t.desc[t.nr - 1].flags &= (uint16_t)~NEXT;
	for (i = 0; i < t.nr && is_indirect && f->flags & FRONT_PACKED; i++)
		packed_write_desc((void *)&t.desc[i], t.desc[i]);
	if (is_indirect)
		front_set_desc(f, head,
			       FRONT_DESC(front_addr(off + IN_SLOT_TABLE),
					  t.nr * 16, INDIRECT, 0));
	front_offer(f, (uint16_t)head);
	return slot;
}

const uint8_t *
front_take_reply(struct vhost_front *f, unsigned slot)
{
	size_t off = (size_t)(front_slot(f, slot) - f->mem) + IN_SLOT_REPLY;
	/* Until the area's end: more than there can be. */
	struct bytes all = { off, NULL, 200000, f->head_len[slot] };
	size_t n, done = 0;

	f->slots &= ~(1u << slot);
	if (!f->reply)
		f->reply = malloc(IN_SLOT_REPLY);
	CHECK(f->reply);
	while ((n = next_piece(f, &all, &done, &off)) > 0) {
		memcpy(f->reply + done - n, f->mem + off, n);
		off += n;
	}
	return f->reply;
}

/* --- The 9P client ------------------------------------------------------------- */

static size_t
reply_room(const uint8_t *p)
{
	if (p[4] == 116 || p[4] == 40)
		return 11 + (size_t)p9_get32(p + 19);
	return 8192;
}

static int
carry(void *ctx, const void *p, size_t len)
{
	struct vhost_front *f = ctx;
	const uint8_t *m = p;
	size_t size;

	for (; len > 0; m += size, len -= size) {
		size = p9_get32(m);
		(void)front_put_message(f, m, size, reply_room(m));
	}
	return 0;
}

static ssize_t
fetch(void *ctx, void *to, size_t max)
{
	struct vhost_front *f = ctx;
	struct front_used e = front_wait(f);
	const uint8_t *p;

	CHECK_EQ(0, e.id % FRONT_SLOT_DESCS);
	p = front_take_reply(f, e.id / FRONT_SLOT_DESCS);
	CHECK(e.len >= 7 && e.len <= max);
	CHECK_EQ(e.len, p9_get32(p));
	memcpy(to, p, e.len);
	return (ssize_t)e.len;
}

static const struct p9_carrier carrier = { .send = carry, .receive = fetch };

void
front_open(struct vhost_front *f, const char *path, unsigned flags)
{
	front_connect(f, path, flags);
	front_setup(f);
	p9_init(&f->p9, -1);
	f->p9.carrier = &carrier;
	f->p9.carrier_ctx = f;
	CHECK_EQ(0, p9_version(&f->p9, 131072, "9P2000.L"));
	CHECK_EQ(0, p9_attach(&f->p9, 0, "", 0));
}
