/* SPDX-License-Identifier: BSD-3-Clause */
/* What a VMM asks about single queues: where they are, their descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "vhost-request.h"

/* The queue with that number, or NULL. */
static struct vhost_queue *
queue_at(struct vhost *v, uint32_t index)
{
	return index < VHOST_QUEUES_MAX ? &v->queues[index] : NULL;
}

int
vhost_set_vring_num(struct vhost *v)
{
	struct vhost_queue *q = queue_at(v, v->rx.u.state.index);
	uint32_t num = v->rx.u.state.num;

	if (!q || q->is_open || num == 0 || num > VRING_SIZE_MAX ||
	    (!(v->features & VHOST_F_RING_PACKED) && (num & (num - 1)) != 0))
		return -EINVAL;
	q->place.size = (uint16_t)num;
	return 0;
}

int
vhost_set_vring_addr(struct vhost *v)
{
	const struct vhost_vring_addr *a = &v->rx.u.addr;
	struct vhost_queue *q = queue_at(v, a->index);

	if (!q || a->flags != 0) /* they would be about logging */
		return -EINVAL;
	q->place.desc = a->desc;
	q->place.avail = a->avail;
	q->place.used = a->used;
	q->has_place = true;
	if (!q->is_open)
		return vhost_queue_open(v, q);
	if (vring_move(&q->ring, v->mem, &q->place) < 0)
		vhost_break(v, q->ring.why);
	return 0;
}

/*
 * A queue that goes on somewhere else than where it stopped is another
 * driver's, after a reset: its session is a fresh one.
 */
int
vhost_set_vring_base(struct vhost *v)
{
	struct vhost_queue *q = queue_at(v, v->rx.u.state.index);
	uint32_t num = v->rx.u.state.num;

	if (!q || q->is_open ||
	    (!(v->features & VHOST_F_RING_PACKED) && num > UINT16_MAX))
		return -EINVAL;
	if (num != vhost_queue_base(v, q) && !vhost_has_open_queue(v) &&
	    conn_renew_session(v->conn) < 0)
		return -ENOMEM;
	q->base = num;
	q->has_base = true;
	return 0;
}

int
vhost_get_vring_base(struct vhost *v)
{
	struct vhost_queue *q = queue_at(v, v->rx.u.state.index);

	if (!q)
		return -EINVAL;
	vhost_queue_stop(q);
	v->pending = VHOST_STOP_QUEUE;
	v->pending_queue = q;
	return 0;
}

int
vhost_set_vring_enable(struct vhost *v)
{
	struct vhost_queue *q = queue_at(v, v->rx.u.state.index);

	if (!q || v->rx.u.state.num > 1)
		return -EINVAL;
	q->is_enabled = v->rx.u.state.num == 1;
	if (q->is_enabled)
		vhost_on_kick(q);
	return 0;
}

/*
 * The descriptor of a *_VRING_KICK, _CALL or _ERR. *@ret_fd is the caller's,
 * or -1 where the VMM gave none. Nothing done with it may ever block.
 */
static int
vring_fd(struct vhost *v, struct vhost_queue **ret, int *ret_fd)
{
	uint64_t u64 = v->rx.u.u64;
	CLEANUP_CLOSE int fd = vhost_message_take_fd(&v->rx, 0);
	struct stat st;

	*ret = queue_at(v, u64 & VHOST_VRING_INDEX_MASK);
	if (!*ret ||
	    (u64 & ~(uint64_t)(VHOST_VRING_INDEX_MASK | VHOST_VRING_NO_FD)) !=
		    0 ||
	    (fd < 0) != !!(u64 & VHOST_VRING_NO_FD))
		return -EINVAL;
	if (fd >= 0 &&
	    (fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ||
	     fcntl(fd, F_SETFL, O_NONBLOCK) < 0))
		return -EINVAL;
	*ret_fd = take_fd(&fd);
	return 0;
}

int
vhost_set_vring_kick(struct vhost *v)
{
	struct vhost_queue *q;
	int fd, r = vring_fd(v, &q, &fd);

	if (r < 0)
		return r;
	/* Without one we would have to poll for ever. */
	if (fd < 0)
		return -EOPNOTSUPP;
	vhost_queue_set_kick(q, fd);
	r = vhost_queue_open(v, q);
	/* What has come before is not kicked for again. */
	if (r == 0)
		vhost_on_kick(q);
	return r;
}

static void
replace_fd(int *at, int fd)
{
	if (*at >= 0)
		(void)close(*at);
	*at = fd;
}

int
vhost_set_vring_call(struct vhost *v)
{
	struct vhost_queue *q;
	int fd, r = vring_fd(v, &q, &fd);

	if (r < 0)
		return r;
	replace_fd(&q->call, fd);
	/* Calls of before may have got lost with the one that was there. */
	q->ring.must_call = q->is_open;
	return 0;
}

int
vhost_set_vring_err(struct vhost *v)
{
	struct vhost_queue *q;
	int fd, r = vring_fd(v, &q, &fd);

	if (r == 0)
		replace_fd(&q->err, fd);
	return r;
}
