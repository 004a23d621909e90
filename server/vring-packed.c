/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packed virtqueues. Layout and order of accesses are those of the virtio
 * specification 1.2, 2.8:
 *
 *   desc[size]      {addr 64, len 32, id 16, flags 16}
 *   driver, device  {offset 15, wrap 1, flags 2, reserved 14}
 *
 * Both sides go round in the ring: the driver writes lists of descriptors, of
 * which the last has the id; we write one used descriptor for each list, where
 * the one before would have ended had it been written whole. Flags tell an
 * available descriptor from a used one, and from those of the round before.
 *
 * The flags of a list's first descriptor are loaded with acquire before all
 * else of it; those of a used one are stored with release after the rest and
 * the reply. Where events are wanted is one load or store of 32 bits.
 */
#include <errno.h>

#include "inflight-form.h"

enum { EVENTS_ENABLE, EVENTS_DISABLE, EVENTS_DESC };
#define EVENTS_SHIFT 16
#define EVENTS_MASK 3u
#define POS_WRAP 0x8000u

_Static_assert(sizeof(struct vring_packed_desc) == 16,
	       "the layout of virtio 1.2, 2.8.13");

static uint16_t
pack_pos(struct vring_pos at)
{
	return (uint16_t)(at.idx | (at.wrap ? POS_WRAP : 0));
}

static struct vring_pos
unpack_pos(uint16_t v)
{
	return (struct vring_pos){ v & (POS_WRAP - 1), v & POS_WRAP };
}

/* How far @to is ahead of @from, of two rounds. */
static unsigned
distance(const struct vring *q, struct vring_pos from, struct vring_pos to)
{
	unsigned two = 2u * q->size;

	return (to.idx + (to.wrap ? q->size : 0) + two - from.idx -
		(from.wrap ? q->size : 0)) %
	       two;
}

/* --- Opening ----------------------------------------------------------------- */

static int
find(struct vring *q, const struct guest_memory *mem,
     const struct vring_place *place)
{
	void *desc, *driver, *device;

	desc = vring_place_at(mem, place->desc, (size_t)place->size * 16, 16);
	driver = vring_place_at(mem, place->avail, 4, 4);
	device = vring_place_at(mem, place->used, 4, 4);
	if (!desc || !driver || !device)
		return -EINVAL;
	q->packed.desc = desc;
	q->packed.driver = driver;
	q->packed.device = device;
	return 0;
}

static int
begin(struct vring *q, uint32_t base)
{
	struct vring_packed *p = &q->packed;

	p->avail = unpack_pos((uint16_t)base);
	p->used = unpack_pos((uint16_t)(base >> 16));
	p->nr_descs = p->nr_new = 0;
	if (p->avail.idx >= q->size || p->used.idx >= q->size ||
	    distance(q, p->used, p->avail) > q->size)
		return -EINVAL;
	return q->inflight ? inflight_packed_recover(q) : 0;
}

static uint32_t
base_of(const struct vring *q)
{
	return pack_pos(q->packed.avail) | (uint32_t)pack_pos(q->packed.used)
						   << 16;
}

/* --- Taking ------------------------------------------------------------------ */

static bool
has_next(const struct vring *q)
{
	const struct vring_packed *p = &q->packed;

	return vring_is_avail(vring_load16(&p->desc[p->avail.idx].flags),
			      p->avail.wrap);
}

/* Append what all descriptors of an indirect table point to. */
static int
append_indirect(struct vring *q, struct vring_chain *c,
		const struct vring_piece *d)
{
	const struct vring_packed_desc *table;
	struct vring_piece piece;
	unsigned i, nr;
	int r = 0;

	table = vring_indirect(q, d, &nr);
	if (!table)
		return -EPROTO;
	for (i = 0; i < nr && r == 0; i++) {
		/* Its other flags, and the id, say nothing. */
		piece = (struct vring_piece){ vring_load64(&table[i].addr),
					      vring_load32(&table[i].len),
					      vring_load16(&table[i].flags) };
		r = vring_append(q, c, &piece);
	}
	return r;
}

/* Append what a descriptor of the ring points to, the @nr-th of its list. */
static int
append(struct vring *q, struct vring_chain *c,
       const struct vring_packed_desc *d, unsigned nr)
{
	const struct vring_piece piece = { d->addr, d->len, d->flags };

	if (!(d->flags & VRING_DESC_INDIRECT))
		return vring_append(q, c, &piece);
	if (nr > 1 || (d->flags & VRING_DESC_NEXT))
		return vring_broken(q, "an indirect descriptor is where none "
				       "may be");
	return append_indirect(q, c, &piece);
}

/* Each field once, but the flags, which the caller has. */
static struct vring_packed_desc
load_desc(const struct vring_packed_desc *from, uint16_t flags)
{
	return (struct vring_packed_desc){ vring_load64(&from->addr),
					   vring_load32(&from->len),
					   vring_load16(&from->id), flags };
}

/* The list that begins with @flags where the next one is. */
static int
take_list(struct vring *q, struct vring_chain *c, uint16_t flags)
{
	struct vring_packed *p = &q->packed;
	struct vring_pos at = p->avail;
	struct vring_token *t = &c->token;
	struct vring_packed_desc d;
	int r;

	for (;;) {
		if (p->nr_descs + t->nr == q->size)
			return vring_broken(q, "more descriptors than fit");
		d = load_desc(&p->desc[at.idx], flags);
		t->nr++;
		r = q->inflight ? inflight_packed_note(q, &d, t) : 0;
		if (r < 0)
			return vring_broken(q, "what is in flight was noted, "
					       "and makes no sense now");
		r = append(q, c, &d, t->nr);
		if (r < 0)
			return r;
		at = vring_pos_add(at, 1, q->size);
		if (!(flags & VRING_DESC_NEXT))
			break;
		flags = vring_load16(&p->desc[at.idx].flags);
	}
	t->id = d.id;
	p->avail = at;
	p->nr_descs += t->nr;
	if (q->inflight)
		inflight_packed_take(q);
	return 1;
}

/* What an earlier server had taken: its descriptors are noted only. */
static int
take_again(struct vring *q, struct vring_chain *c)
{
	struct vring_packed_desc d;
	uint16_t entry;
	unsigned i;
	int r;

	c->token = q->again[q->at_again++];
	entry = c->token.first_entry;
	for (i = 1; i <= c->token.nr; i++) {
		r = inflight_packed_desc(q, &entry, &d);
		if (r < 0)
			return vring_broken(q, "what was in flight makes no "
					       "sense");
		r = append(q, c, &d, i);
		if (r < 0)
			return r;
	}
	return 1;
}

static int
take(struct vring *q, struct vring_chain *ret)
{
	struct vring_packed *p = &q->packed;
	uint16_t flags;
	int r;

	if (q->at_again < q->nr_again) {
		r = take_again(q, ret);
	} else {
		flags = le16toh(__atomic_load_n(&p->desc[p->avail.idx].flags,
						__ATOMIC_ACQUIRE));
		if (!vring_is_avail(flags, p->avail.wrap))
			return 0;
		ret->token = (struct vring_token){ .nr = 0 };
		r = take_list(q, ret, flags);
	}
	if (r > 0)
		q->nr_taken++;
	return r;
}

/* --- Putting ----------------------------------------------------------------- */

static void
put(struct vring *q, struct vring_token t, uint32_t len)
{
	struct vring_packed *p = &q->packed;
	struct vring_packed_desc *d = &p->desc[p->used.idx];
	struct vring_pos used = vring_pos_add(p->used, t.nr, q->size);
	uint16_t flags = p->used.wrap ? VRING_DESC_AVAIL | VRING_DESC_USED : 0;

	/* A length counts where something was written. */
	if (len > 0)
		flags |= VRING_DESC_WRITE;
	if (q->inflight)
		inflight_packed_put_begin(q, &t, used);
	__atomic_store_n(&d->id, htole16(t.id), __ATOMIC_RELAXED);
	vring_store32(&d->len, len);
	__atomic_store_n(&d->flags, htole16(flags), __ATOMIC_RELEASE);
	p->used = used;
	p->nr_descs -= t.nr;
	p->nr_new += t.nr;
	if (q->inflight)
		inflight_packed_put_end(q, &t);
}

static bool
wants_call(struct vring *q)
{
	struct vring_packed *p = &q->packed;
	unsigned nr = p->nr_new;
	struct vring_pos at;
	uint32_t events;

	if (nr == 0)
		return false;
	p->nr_new = 0;
	vring_barrier();
	events = vring_load32(p->driver);
	at = unpack_pos((uint16_t)events);
	switch (events >> EVENTS_SHIFT & EVENTS_MASK) {
	case EVENTS_DISABLE:
		return false;
	case EVENTS_DESC:
		/* Is the one that it waits for among those passed? */
		return !q->has_event_idx || at.idx >= q->size ||
		       distance(q, at, p->used) - 1 < nr;
	default:
		return true;
	}
}

static void
ask_kicks(struct vring *q, bool wanted)
{
	struct vring_packed *p = &q->packed;
	uint32_t how = EVENTS_DISABLE;

	if (wanted)
		how = q->has_event_idx ? EVENTS_DESC : EVENTS_ENABLE;
	vring_store32(p->device, how << EVENTS_SHIFT | pack_pos(p->avail));
}

const struct vring_form vring_packed_form = {
	.find = find,
	.begin = begin,
	.base = base_of,
	.has_next = has_next,
	.take = take,
	.put = put,
	.wants_call = wants_call,
	.ask_kicks = ask_kicks,
};
