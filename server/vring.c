/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split virtqueues. Layout and order of accesses are those of the virtio
 * specification 1.2, 2.7:
 *
 *   desc[size]  {addr 64, len 32, flags 16, next 16}
 *   avail       {flags 16, idx 16, ring[size] 16, used_event 16}
 *   used        {flags 16, idx 16, ring[size] {id 32, len 32}, avail_event 16}
 *
 * - avail.idx is loaded with acquire before ring[] and the descriptors of what
 *   it offers; used.idx is stored with release after ring[] and the reply.
 * - Between asking for kicks and looking for what has come meanwhile, and
 *   between publishing used.idx and looking whether a call is wanted, there is
 *   a full barrier: each side writes its own and then reads the other's.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "inflight.h"
#include "vring.h"

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

enum { DESC_NEXT = 1u << 0, DESC_WRITE = 1u << 1, DESC_INDIRECT = 1u << 2 };
#define AVAIL_NO_INTERRUPT 1u
#define USED_NO_NOTIFY 1u

static uint16_t
load16(const uint16_t *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_RELAXED));
}

static void
store16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, htole16(v), __ATOMIC_RELAXED);
}

/* gcc warns of __atomic_thread_fence() under TSan, which this is as well. */
static void
barrier(void)
{
	__sync_synchronize();
}

/* Where the driver says at which used.idx it wants a call. */
static const uint16_t *
used_event(const struct vring *q)
{
	return &q->avail->ring[q->size];
}

/* Where we say at which avail.idx we want a kick. */
static uint16_t *
avail_event(const struct vring *q)
{
	return (uint16_t *)&q->used->ring[q->size];
}

static int
broken(struct vring *q, const char *why)
{
	if (!q->why)
		q->why = why;
	return -EPROTO;
}

/* --- Opening ----------------------------------------------------------------- */

/* @len bytes at the VMM's address @user, aligned to @align; or NULL. */
static void *
place_at(const struct guest_memory *mem, uint64_t user, size_t len,
	 unsigned align)
{
	void *p = guest_memory_at_user(mem, user, len);

	return p && (uintptr_t)p % align == 0 ? p : NULL;
}

static int
find_place(struct vring *q, const struct guest_memory *mem,
	   const struct vring_place *place)
{
	size_t size = place->size;
	void *desc, *avail, *used;

	if (size == 0 || size > VRING_SIZE_MAX || (size & (size - 1)) != 0)
		return -EINVAL;
	/* With the event index's field, whether it is used or not. */
	desc = place_at(mem, place->desc, size * 16, 16);
	avail = place_at(mem, place->avail, 6 + size * 2, 2);
	used = place_at(mem, place->used, 6 + size * 8, 4);
	if (!desc || !avail || !used)
		return -EINVAL;
	q->mem = mem;
	q->size = place->size;
	q->desc = desc;
	q->avail = avail;
	q->used = used;
	return 0;
}

int
vring_open(struct vring *q, const struct guest_memory *mem,
	   const struct vring_place *place, uint16_t base)
{
	int r = find_place(q, mem, place);

	if (r < 0)
		return r;
	q->used_idx = q->told_idx = load16(&q->used->idx);
	q->next_avail = base;
	q->must_call = true;
	q->nr_taken = q->nr_again = q->at_again = 0;
	q->why = NULL;
	if (!q->inflight)
		return 0;
	r = inflight_recover(q->inflight, q->size, q->used_idx, &q->again,
			     &q->counter);
	if (r < 0)
		return r;
	if (r > 0)
		q->next_avail = (uint16_t)(q->used_idx + r);
	q->nr_again = (unsigned)r;
	return 0;
}

int
vring_move(struct vring *q, const struct guest_memory *mem,
	   const struct vring_place *place)
{
	if (place->size == q->size && find_place(q, mem, place) == 0)
		return 0;
	(void)broken(q, "its queue is not in the guest's memory any more");
	return -EINVAL;
}

void
vring_close(struct vring *q)
{
	free(q->again);
	*q = (struct vring){ .size = 0 };
}

/* --- Taking ------------------------------------------------------------------ */

/* Each field once: afterwards the guest may change it. */
static struct vring_desc
load_desc(const struct vring_desc *from)
{
	return (struct vring_desc){
		.addr = le64toh(__atomic_load_n(&from->addr, __ATOMIC_RELAXED)),
		.len = le32toh(__atomic_load_n(&from->len, __ATOMIC_RELAXED)),
		.flags = load16(&from->flags),
		.next = load16(&from->next),
	};
}

/* Append to the chain; what follows the last piece in memory joins it. */
static void
append_piece(struct vring_chain *c, void *base, size_t len, bool is_out)
{
	unsigned nr = c->nr_in + c->nr_out;
	struct iovec *last = nr > 0 ? &c->iov[nr - 1] : NULL;

	if (is_out)
		c->out_len += len;
	else
		c->in_len += len;
	if (last && (is_out ? c->nr_out > 0 : true) &&
	    (char *)last->iov_base + last->iov_len == base) {
		last->iov_len += len;
		return;
	}
	c->iov[nr] = (struct iovec){ base, len };
	if (is_out)
		c->nr_out++;
	else
		c->nr_in++;
}

static int
append_desc(struct vring *q, struct vring_chain *c, const struct vring_desc *d)
{
	bool is_out = d->flags & DESC_WRITE;
	uint64_t addr = d->addr, left = d->len;
	size_t len;
	void *p;

	if (!is_out && c->nr_out > 0)
		return broken(q, "a request goes on behind its reply");
	while (left > 0) {
		if (c->nr_in + c->nr_out == VRING_IOV_MAX)
			return broken(q, "a chain has too many pieces");
		len = (size_t)left;
		p = guest_memory_at(q->mem, addr, &len);
		if (!p)
			return broken(q, "a descriptor points nowhere");
		append_piece(c, p, len, is_out);
		addr += len;
		left -= len;
	}
	return 0;
}

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
	   struct vring_desc *ret_indirect)
{
	unsigned steps, i = t->first;
	struct vring_desc d;
	int r;

	for (steps = 0; steps < t->nr; steps++) {
		if (i >= t->nr)
			return broken(q, "a descriptor is beyond its table");
		d = load_desc(&t->desc[i]);
		if (d.flags & DESC_INDIRECT) {
			if (!ret_indirect || (d.flags & DESC_NEXT))
				return broken(q, "an indirect descriptor is "
						 "where none may be");
			*ret_indirect = d;
			return 1;
		}
		r = append_desc(q, c, &d);
		if (r < 0 || !(d.flags & DESC_NEXT))
			return r;
		i = d.next;
	}
	return broken(q, "a chain is longer than its table: a loop");
}

static int
walk_indirect(struct vring *q, struct vring_chain *c,
	      const struct vring_desc *d)
{
	struct table t = { .nr = d->len / 16 };
	size_t len = d->len;

	if (!q->has_indirect)
		return broken(q, "an indirect descriptor, not negotiated");
	if (len == 0 || len % 16 != 0 || len / 16 > VRING_SIZE_MAX)
		return broken(q, "an indirect table of impossible length");
	t.desc = guest_memory_at(q->mem, d->addr, &len);
	if (!t.desc || len < d->len || (uintptr_t)t.desc % 8 != 0)
		return broken(q, "an indirect table points nowhere");
	return walk_table(q, c, &t, NULL);
}

/* The head of what comes next; 0: none. */
static int
next_head(struct vring *q, uint16_t *ret)
{
	uint16_t idx, waiting;

	if (q->at_again < q->nr_again) {
		*ret = q->again[q->at_again++];
		return 1;
	}
	idx = le16toh(__atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE));
	waiting = (uint16_t)(idx - q->next_avail);
	if (waiting == 0)
		return 0;
	if (waiting > q->size)
		return broken(q, "the available index jumped");
	if (q->nr_taken >= q->size)
		return broken(q, "more requests than descriptors");
	*ret = load16(&q->avail->ring[q->next_avail & (q->size - 1)]);
	if (*ret >= q->size)
		return broken(q, "a request begins beyond the table");
	q->next_avail++;
	if (q->inflight)
		inflight_take(q->inflight, *ret, q->counter++);
	return 1;
}

bool
vring_has_next(const struct vring *q)
{
	return !q->why && (q->at_again < q->nr_again ||
			   load16(&q->avail->idx) != q->next_avail);
}

int
vring_take(struct vring *q, struct vring_chain *ret)
{
	struct table t = { .desc = q->desc, .nr = q->size };
	struct vring_desc indirect;
	int r;

	if (q->why)
		return -EPROTO;
	r = next_head(q, &ret->head);
	if (r <= 0)
		return r;
	q->nr_taken++;
	ret->nr_in = ret->nr_out = 0;
	ret->in_len = ret->out_len = 0;
	t.first = ret->head;
	r = walk_table(q, ret, &t, &indirect);
	if (r == 1)
		r = walk_indirect(q, ret, &indirect);
	return r < 0 ? r : 1;
}

/* --- Putting ----------------------------------------------------------------- */

void
vring_put(struct vring *q, uint16_t head, uint32_t len)
{
	struct vring_used_elem *e = &q->used->ring[q->used_idx & (q->size - 1)];

	q->nr_taken--;
	if (q->why)
		return;
	__atomic_store_n(&e->id, htole32(head), __ATOMIC_RELAXED);
	__atomic_store_n(&e->len, htole32(len), __ATOMIC_RELAXED);
	q->used_idx++;
	if (q->inflight)
		inflight_put_begin(q->inflight, head);
	__atomic_store_n(&q->used->idx, htole16(q->used_idx), __ATOMIC_RELEASE);
	if (q->inflight)
		inflight_put_end(q->inflight, head, q->used_idx);
}

bool
vring_wants_call(struct vring *q)
{
	uint16_t old = q->told_idx, event;

	if (q->why || (q->used_idx == old && !q->must_call))
		return false;
	q->told_idx = q->used_idx;
	if (q->must_call) {
		q->must_call = false;
		return true;
	}
	barrier();
	if (!q->has_event_idx)
		return !(load16(&q->avail->flags) & AVAIL_NO_INTERRUPT);
	/* Is the index that it waits for among those passed? */
	event = load16(used_event(q));
	return (uint16_t)(q->used_idx - event - 1) <
	       (uint16_t)(q->used_idx - old);
}

bool
vring_ask_kicks(struct vring *q, bool wanted)
{
	if (q->why)
		return false;
	if (!q->has_event_idx)
		store16(&q->used->flags, wanted ? 0 : USED_NO_NOTIFY);
	else if (wanted)
		store16(avail_event(q), q->next_avail);
	if (!wanted)
		return false;
	barrier();
	return vring_has_next(q);
}
