/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a VMM asks about memory that is shared: the guest's, and that in which
 * we note what is in flight.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "macros.h"
#include "vhost-request.h"

/* --- Memory ------------------------------------------------------------------- */

/* Another table is valid, which is taken over. */
static int
replace_memory(struct vhost *v, struct guest_memory *mem)
{
	struct guest_memory *old = v->mem;
	struct vhost_queue *q;
	unsigned i;
	int r = 0;

	v->mem = mem;
	for (i = 0; i < VHOST_QUEUES_MAX && r == 0; i++) {
		q = &v->queues[i];
		if (q->is_open && vring_move(&q->ring, mem, &q->place) < 0)
			vhost_break(v, q->ring.why);
		else
			r = vhost_queue_open(v, q);
	}
	/* Messages that point into the old one hold it. */
	guest_memory_unref(old);
	return r;
}

static struct guest_range
range_of(const struct vhost_region *r)
{
	return (struct guest_range){ r->guest, r->size, r->user, r->off };
}

int
vhost_set_mem_table(struct vhost *v)
{
	const struct vhost_table *t = &v->rx.u.table;
	struct guest_range ranges[VHOST_TABLE_MAX];
	struct guest_memory *mem;
	unsigned i;
	int r;

	if (t->nr > VHOST_TABLE_MAX || v->rx.nr_fds != t->nr ||
	    v->rx.head.size < 8 + t->nr * sizeof(t->regions[0]))
		return -EINVAL;
	for (i = 0; i < t->nr; i++)
		ranges[i] = range_of(&t->regions[i]);
	r = guest_memory_new(ranges, v->rx.fds, t->nr, &mem);
	return r < 0 ? r : replace_memory(v, mem);
}

int
vhost_get_max_mem_slots(struct vhost *v)
{
	return vhost_reply_u64(v, GUEST_REGIONS_MAX);
}

int
vhost_add_mem_region(struct vhost *v)
{
	struct guest_range range = range_of(&v->rx.u.region.region);
	struct guest_memory *mem;
	int r;

	if (v->rx.nr_fds != 1)
		return -EINVAL;
	r = guest_memory_add(v->mem, &range, v->rx.fds[0], &mem);
	return r < 0 ? r : replace_memory(v, mem);
}

int
vhost_remove_mem_region(struct vhost *v)
{
	struct guest_range range = range_of(&v->rx.u.region.region);
	struct guest_memory *mem;
	int r = guest_memory_remove(v->mem, &range, &mem);

	return r < 0 ? r : replace_memory(v, mem);
}

/* --- What is in flight ---------------------------------------------------------- */

static bool
is_inflight_sane(const struct vhost *v)
{
	const struct vhost_inflight *f = &v->rx.u.inflight;

	return f->nr_queues > 0 && f->nr_queues <= VHOST_QUEUES_MAX &&
	       f->queue_size > 0 && f->queue_size <= VRING_SIZE_MAX &&
	       !vhost_has_open_queue(v);
}

/* For the queues that were asked for, of the form that was negotiated. */
static struct inflight
inflight_asked(const struct vhost *v)
{
	return (struct inflight){
		.nr_queues = v->rx.u.inflight.nr_queues,
		.queue_size = v->rx.u.inflight.queue_size,
		.is_packed = v->features & VHOST_F_RING_PACKED,
	};
}

int
vhost_get_inflight_fd(struct vhost *v)
{
	const struct vhost_inflight *f = &v->rx.u.inflight;
	struct inflight made = inflight_asked(v);
	int fd, r;

	if (!is_inflight_sane(v))
		return -EINVAL;
	r = inflight_new(&made, &fd);
	if (r < 0)
		return r;
	inflight_unmap(&v->inflight);
	v->inflight = made;
	v->tx.u.inflight = (struct vhost_inflight){
		.len = made.len,
		.nr_queues = f->nr_queues,
		.queue_size = f->queue_size,
	};
	v->tx.fds[0] = fd;
	v->tx.nr_fds = 1;
	/* As long as the VMM's compiler makes it. */
	return vhost_reply(v, MIN(v->rx.head.size, sizeof(v->tx.u.inflight)));
}

int
vhost_set_inflight_fd(struct vhost *v)
{
	const struct vhost_inflight *f = &v->rx.u.inflight;
	struct inflight given = inflight_asked(v);
	int r;

	if (!is_inflight_sane(v) || v->rx.nr_fds != 1)
		return -EINVAL;
	r = inflight_map(&given, v->rx.fds[0], f->off, f->len);
	if (r < 0)
		return r;
	inflight_unmap(&v->inflight);
	v->inflight = given;
	return 0;
}
