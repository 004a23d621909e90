/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split virtqueues. Layout and order of accesses are those of the virtio
 * specification 1.2, 2.7:
 *
 *   desc[size]  {addr 64, len 32, flags 16, next 16}
 *   avail       {flags 16, idx 16, ring[size] 16, used_event 16}
 *   used        {flags 16, idx 16, ring[size] {id 32, len 32}, avail_event 16}
 *
 * avail.idx is loaded with acquire before ring[] and the descriptors of what
 * it offers; used.idx is stored with release after ring[] and the reply.
 */
#include <errno.h>

#include "inflight-form.h"
#include "vring-form.h"

struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct vring_avail {
	uint16_t flags, idx, ring[];
};

struct vring_used_elem {
	uint32_t id, len;
};

struct vring_used {
	uint16_t flags, idx;
	struct vring_used_elem ring[];
};

#define AVAIL_NO_INTERRUPT 1u
#define USED_NO_NOTIFY 1u

/* Where the driver says at which used.idx it wants a call. */
static const uint16_t *
used_event(const struct vring *q)
{
	return &q->split.avail->ring[q->size];
}

/* Where we say at which avail.idx we want a kick. */
static uint16_t *
avail_event(const struct vring *q)
{
	return (uint16_t *)&q->split.used->ring[q->size];
}

static int
find(struct vring *q, const struct guest_memory *mem,
     const struct vring_place *place)
{
	size_t size = place->size;
	void *desc, *avail, *used;

	if ((size & (size - 1)) != 0)
		return -EINVAL;
	/* With the event index's field, whether it is used or not. */
	desc = vring_place_at(mem, place->desc, size * 16, 16);
	avail = vring_place_at(mem, place->avail, 6 + size * 2, 2);
	used = vring_place_at(mem, place->used, 6 + size * 8, 4);
	if (!desc || !avail || !used)
		return -EINVAL;
	q->split.desc = desc;
	q->split.avail = avail;
	q->split.used = used;
	return 0;
}

static int
begin(struct vring *q, uint32_t base)
{
	struct vring_split *s = &q->split;
	int r;

	if (base > UINT16_MAX)
		return -EINVAL;
	s->used_idx = s->told_idx = vring_load16(&s->used->idx);
	s->next_avail = (uint16_t)base;
	if (!q->inflight)
		return 0;
	r = inflight_split_recover(q);
	if (q->nr_again > 0)
		s->next_avail = (uint16_t)(s->used_idx + q->nr_again);
	return r;
}

static uint32_t
base_of(const struct vring *q)
{
	return q->split.next_avail;
}

/* --- Taking ------------------------------------------------------------------ */

struct table {
	const struct vring_desc *desc;
	unsigned nr, first; /* of the chain */
};

/*
 * Follow the chain. Returns 0; 1: it ends in *@ret_indirect, which is NULL
 * where there may be none; -EPROTO.
 */
static int
walk_table(struct vring *q, struct vring_chain *c, const struct table *t,
	   struct vring_piece *ret_indirect)
{
	unsigned steps, i = t->first;
	const struct vring_desc *d;
	struct vring_piece piece;
	int r;

	for (steps = 0; steps < t->nr; steps++) {
		if (i >= t->nr)
			return vring_broken(q,
					    "a descriptor is beyond its table");
		/* Each field once: afterwards the guest may change it. */
		d = &t->desc[i];
		piece = (struct vring_piece){ vring_load64(&d->addr),
					      vring_load32(&d->len),
					      vring_load16(&d->flags) };
		i = vring_load16(&d->next);
		if (piece.flags & VRING_DESC_INDIRECT) {
			if (!ret_indirect || (piece.flags & VRING_DESC_NEXT))
				return vring_broken(q,
						    "an indirect descriptor is "
						    "where none may be");
			*ret_indirect = piece;
			return 1;
		}
		r = vring_append(q, c, &piece);
		if (r < 0 || !(piece.flags & VRING_DESC_NEXT))
			return r;
	}
	return vring_broken(q, "a chain is longer than its table: a loop");
}

/* The head of what comes next; 0: none. */
static int
next_head(struct vring *q, uint16_t *ret)
{
	struct vring_split *s = &q->split;
	uint16_t idx, waiting;

	if (q->at_again < q->nr_again) {
		*ret = q->again[q->at_again++].id;
		return 1;
	}
	idx = le16toh(__atomic_load_n(&s->avail->idx, __ATOMIC_ACQUIRE));
	waiting = (uint16_t)(idx - s->next_avail);
	if (waiting == 0)
		return 0;
	if (waiting > q->size)
		return vring_broken(q, "the available index jumped");
	if (q->nr_taken >= q->size)
		return vring_broken(q, "more requests than descriptors");
	*ret = vring_load16(&s->avail->ring[s->next_avail & (q->size - 1)]);
	if (*ret >= q->size)
		return vring_broken(q, "a request begins beyond the table");
	s->next_avail++;
	if (q->inflight)
		inflight_split_take(q, *ret);
	return 1;
}

static bool
has_next(const struct vring *q)
{
	return vring_load16(&q->split.avail->idx) != q->split.next_avail;
}

static int
take(struct vring *q, struct vring_chain *ret)
{
	struct table t = { .desc = q->split.desc, .nr = q->size };
	struct vring_piece indirect;
	int r = next_head(q, &ret->token.id);

	if (r <= 0)
		return r;
	q->nr_taken++;
	t.first = ret->token.id;
	r = walk_table(q, ret, &t, &indirect);
	if (r == 1) {
		t.first = 0;
		t.desc = vring_indirect(q, &indirect, &t.nr);
		r = t.desc ? walk_table(q, ret, &t, NULL) : -EPROTO;
	}
	return r < 0 ? r : 1;
}

/* --- Putting ----------------------------------------------------------------- */

static void
put(struct vring *q, struct vring_token token, uint32_t len)
{
	struct vring_split *s = &q->split;
	struct vring_used_elem *e = &s->used->ring[s->used_idx & (q->size - 1)];

	vring_store32(&e->id, token.id);
	vring_store32(&e->len, len);
	s->used_idx++;
	if (q->inflight)
		inflight_split_put_begin(q, token.id);
	__atomic_store_n(&s->used->idx, htole16(s->used_idx), __ATOMIC_RELEASE);
	if (q->inflight)
		inflight_split_put_end(q, token.id);
}

static bool
wants_call(struct vring *q)
{
	struct vring_split *s = &q->split;
	uint16_t nr = (uint16_t)(s->used_idx - s->told_idx), event;

	if (nr == 0)
		return false;
	s->told_idx = s->used_idx;
	vring_barrier();
	if (!q->has_event_idx)
		return !(vring_load16(&s->avail->flags) & AVAIL_NO_INTERRUPT);
	/* Is the index that it waits for among those passed? */
	event = vring_load16(used_event(q));
	return (uint16_t)(s->used_idx - event - 1) < nr;
}

static void
ask_kicks(struct vring *q, bool wanted)
{
	struct vring_split *s = &q->split;

	if (!q->has_event_idx)
		vring_store16(&s->used->flags, wanted ? 0 : USED_NO_NOTIFY);
	else if (wanted)
		vring_store16(avail_event(q), s->next_avail);
}

const struct vring_form vring_split_form = {
	.find = find,
	.begin = begin,
	.base = base_of,
	.has_next = has_next,
	.take = take,
	.put = put,
	.wants_call = wants_call,
	.ask_kicks = ask_kicks,
};
