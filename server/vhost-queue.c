/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queues of a device: when they are open, kicks and calls. A queue opens
 * as soon as its place, its memory and its kick are known, in whatever order
 * the VMM says so; it is served while it is enabled as well.
 */
#include <errno.h>
#include <unistd.h>

#include "vhost.h"

bool
vhost_queue_is_live(const struct vhost_queue *q)
{
	return q->is_open && q->is_enabled && !q->is_stopping && !q->ring.why;
}

static void
on_kick(struct ev_loop *ev, ev_io *w, int revents)
{
	struct vhost_queue *q = w->data;
	struct loop *l = q->conn->loop;
	uint64_t count;
	ssize_t n = read(q->kick, &count, sizeof(count));

	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* The other end of a pipe is gone, or worse: it would never rest. */
	if (n <= 0)
		ev_io_stop(ev, w);
	vhost_on_kick(q);
	loop_flush(l); /* may free it */
}

void
vhost_queue_set_kick(struct vhost_queue *q, int fd)
{
	struct ev_loop *ev = q->conn->loop->ev;

	if (q->kick >= 0) {
		ev_io_stop(ev, &q->kicker);
		(void)close(q->kick);
	}
	q->kick = fd;
	if (fd < 0)
		return;
	ev_io_init(&q->kicker, on_kick, fd, EV_READ);
	q->kicker.data = q;
	ev_io_start(ev, &q->kicker);
}

uint32_t
vhost_queue_base(const struct vhost *v, const struct vhost_queue *q)
{
	return q->has_base
		       ? q->base
		       : vring_first_base(v->features & VHOST_F_RING_PACKED);
}

int
vhost_queue_open(struct vhost *v, struct vhost_queue *q)
{
	bool is_packed = v->features & VHOST_F_RING_PACKED;
	int r;

	if (q->is_open || q->kick < 0 || !q->has_place || !v->mem)
		return 0;
	q->ring = (struct vring){
		.has_event_idx = v->features & VHOST_F_EVENT_IDX,
		.has_indirect = v->features & VHOST_F_INDIRECT_DESC,
		.is_packed = is_packed,
		.inflight =
			inflight_queue(&v->inflight, (unsigned)(q - v->queues),
				       q->place.size, is_packed),
	};
	r = vring_open(&q->ring, v->mem, &q->place, vhost_queue_base(v, q));
	if (r < 0)
		return r;
	q->is_open = true;
	q->is_stopping = false;
	return 0;
}

void
vhost_queue_stop(struct vhost_queue *q)
{
	q->is_stopping = true;
	if (q->kick >= 0)
		ev_io_stop(q->conn->loop->ev, &q->kicker);
}

void
vhost_queue_settle(struct vhost_queue *q)
{
	if (!q->is_open)
		return;
	q->base = vring_base(&q->ring);
	q->has_base = true;
	if (q->ring.inflight)
		inflight_forget(q->ring.inflight);
}

void
vhost_queue_close(struct vhost_queue *q)
{
	vhost_queue_set_kick(q, -1);
	if (q->call >= 0)
		(void)close(q->call);
	if (q->err >= 0)
		(void)close(q->err);
	q->call = q->err = -1;
	if (q->is_open)
		vring_close(&q->ring);
	q->is_open = q->is_stopping = false;
}

void
vhost_call_drivers(struct vhost *v)
{
	static const uint64_t one = 1;
	struct vhost_queue *q;
	unsigned i;

	for (i = 0; i < VHOST_QUEUES_MAX; i++) {
		q = &v->queues[i];
		if (!q->is_open || !vring_wants_call(&q->ring) || q->call < 0)
			continue;
		/* EAGAIN: it has calls enough that it did not look at. */
		if (write(q->call, &one, sizeof(one)) < 0 && errno != EAGAIN &&
		    errno != EINTR)
			q->ring.why = "its driver cannot be called";
	}
}

bool
vhost_has_open_queue(const struct vhost *v)
{
	unsigned i;

	for (i = 0; i < VHOST_QUEUES_MAX; i++)
		if (v->queues[i].is_open)
			return true;
	return false;
}
