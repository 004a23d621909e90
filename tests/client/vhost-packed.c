/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver's side of a packed queue (virtio 1.2, 2.8). What it offers is made
 * of the same tables as a split queue's, and named by the same heads.
 */
#include <string.h>

#include "harness.h"
#include "vhost-front.h"

enum { NEXT = 1, AVAIL = 1 << 7, USED = 1 << 15 };
enum { ENABLE, DISABLE, DESC };
#define SIZE FRONT_PACKED_QUEUE

static struct front_pos
further(struct front_pos at, unsigned nr)
{
	unsigned idx = at.idx + nr;

	return idx < SIZE
		       ? (struct front_pos){ (uint16_t)idx, at.wrap }
		       : (struct front_pos){ (uint16_t)(idx - SIZE), !at.wrap };
}

static uint16_t
number(struct front_pos at)
{
	return (uint16_t)(at.idx | at.wrap << 15);
}

void
packed_clear(struct vhost_front *f)
{
	struct front_packed *p = &f->packed;

	p->avail = p->used = (struct front_pos){ 0, true };
	memset(p->nr_descs, 0, sizeof(p->nr_descs));
}

void
packed_init(struct vhost_front *f)
{
	f->packed.ring = (void *)f->mem;
	f->packed.driver = (uint32_t *)f->avail;
	f->packed.device = (uint32_t *)f->used;
	f->desc = f->packed.table;
	packed_clear(f);
}

uint32_t
packed_base(const struct vhost_front *f)
{
	return number(f->packed.avail) | (uint32_t)number(f->packed.used) << 16;
}

void
packed_write_desc(struct front_packed_desc *to, struct front_desc d)
{
	/* The rest says nothing in a table, and is to be ignored. */
	*to = (struct front_packed_desc){ d.addr, d.len, 0x5a5a,
					  (uint16_t)(d.flags | NEXT) };
}

/* Is the one that the device waits for among the last @nr? */
static bool
wants_kick(const struct front_packed *p, unsigned nr)
{
	uint32_t events = __atomic_load_n(p->device, __ATOMIC_RELAXED);
	int event = events & 0x7fff, now = p->avail.idx;

	if (events >> 16 != DESC)
		return events >> 16 == ENABLE;
	if ((events >> 15 & 1) != p->avail.wrap)
		event -= SIZE;
	return event < now && event >= now - (int)nr;
}

void
packed_offer(struct vhost_front *f, uint16_t head)
{
	struct front_packed *p = &f->packed;
	struct front_packed_desc *first = &p->ring[p->avail.idx], *to = first;
	uint16_t flags, first_flags = 0;
	struct front_desc d = { 0 };
	unsigned nr = 0, i = head;

	do {
		CHECK(nr < front_nr_free(f) && i < FRONT_QUEUE);
		d = f->desc[i];
		i = d.next;
		to = &p->ring[p->avail.idx];
		PACKED_STORE(&to->addr, d.addr);
		PACKED_STORE(&to->len, d.len);
		PACKED_STORE(&to->id, head);
		flags = d.flags | (p->avail.wrap ? AVAIL : USED);
		if (nr++ == 0)
			first_flags = flags;
		else
			PACKED_STORE(&to->flags, flags);
		p->avail = further(p->avail, 1);
	} while (d.flags & NEXT);
	p->nr_descs[head] = (uint16_t)nr;
	__atomic_store_n(&first->flags, first_flags, __ATOMIC_RELEASE);
	__sync_synchronize();
	if (wants_kick(p, nr))
		front_kick(f);
}

bool
packed_has_used(const struct vhost_front *f)
{
	const struct front_packed *p = &f->packed;
	uint16_t flags =
		__atomic_load_n(&p->ring[p->used.idx].flags, __ATOMIC_ACQUIRE);

	return !!(flags & AVAIL) == p->used.wrap &&
	       !!(flags & USED) == p->used.wrap;
}

void
packed_ask_call(struct vhost_front *f)
{
	struct front_packed *p = &f->packed;
	uint32_t how = f->flags & FRONT_EVENT_IDX ? DESC : ENABLE;

	__atomic_store_n(p->driver, how << 16 | number(p->used),
			 __ATOMIC_RELAXED);
}

struct front_used
packed_take_used(struct vhost_front *f)
{
	struct front_packed *p = &f->packed;
	const struct front_packed_desc *d = &p->ring[p->used.idx];
	/* It counts where it is said that something was written. */
	bool has_len = PACKED_LOAD(&d->flags) & 2;
	struct front_used e = { PACKED_LOAD(&d->id),
				has_len ? PACKED_LOAD(&d->len) : 0 };

	if (e.id >= FRONT_QUEUE || p->nr_descs[e.id] == 0)
		return (struct front_used){ UINT32_MAX, 0 };
	p->used = further(p->used, p->nr_descs[e.id]);
	p->nr_descs[e.id] = 0;
	/* None until one is waited for. */
	__atomic_store_n(p->driver, DISABLE << 16, __ATOMIC_RELAXED);
	return e;
}
