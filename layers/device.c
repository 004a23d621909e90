/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Block devices as images. A device node of the tree is never opened: it says
 * which device is meant, and whose it is. What is open is what the caller hands
 * over, and it is no part of a layer: nothing is copied up, and a volatile upper
 * does not keep it from being synced. Written is only what a node in the upper
 * stands for: the node of a lower gives nobody a right to write anything.
 *
 * The kernel's block layer does fallocate(2) in whole sectors only
 * (blkdev_fallocate(): EINVAL), and has no holes to be seen.
 */
#include <errno.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "macros.h"
#include "overlay.h"
#include "permit.h"
#include "sync.h"
#include "waiter.h"

/* What is asked of the device at a time. */
#define SLICE ((uint64_t)1 << 30)
/* Zeros that are written, at the edges of a range. */
#define ZEROS ((size_t)4096)

struct device {
	int fd; /* owned */
	bool is_writable;
	uint64_t size;
	uint64_t sector; /* power of two */
};

static bool
writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

int
tree_may_open_device(struct node *n, const struct call *c, int flags)
{
	if (!S_ISBLK(n->body->type))
		return -ENXIO;
	if (writes(flags) && (!node_upper(n) || !body_is_upper(n->body)))
		return -EROFS;
	return permit_open(n, c, flags);
}

int
tree_open_device(struct node *n, const struct call *c, int flags,
		 const struct tree_device *what, struct handle **ret)
{
	CLEANUP_CLOSE int fd = what->fd;
	struct device *d;
	int r = tree_may_open_device(n, c, flags);

	if (r < 0)
		return r;
	d = malloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	*d = (struct device){ .is_writable = writes(flags),
			      .size = what->size,
			      .sector = what->sector };
	d->fd = take_fd(&fd);
	r = file_handle_device(n, flags, d, ret);
	if (r < 0)
		(void)device_close(d);
	return r;
}

uint64_t
tree_device_size(const struct handle *h)
{
	return h->device ? h->device->size : 0;
}

int
device_close(struct device *d)
{
	int r = real_close(d->fd);

	free(d);
	return r;
}

ssize_t
device_read(struct handle *h, const struct call *c, const struct sync_io *io)
{
	const struct device *d = h->device;
	uint64_t left = io->off < d->size ? d->size - io->off : 0;
	ssize_t n = real_preadv(d->fd, io->iov, io->nr_iov, io->off, c->nowait);

	/* Short where not all was cached. */
	if (c->nowait && n >= 0 &&
	    (uint64_t)n < MIN(left, file_iov_size(io->iov, io->nr_iov)))
		return -EAGAIN;
	return n;
}

ssize_t
device_write(struct handle *h, const struct call *c, const struct sync_io *io)
{
	const struct device *d = h->device;
	struct upper *u = node_upper(h->node);
	bool is_sync = sync_is_asked(h, c);
	ssize_t n;
	int r;

	if (!d->is_writable)
		return -EBADF;
	n = is_sync ? sync_status(h->node->body) : 0;
	if (n < 0)
		return n;
	n = real_pwritev(u, d->fd, io->iov, io->nr_iov, io->off, is_sync);
	if (!is_sync)
		return n;
	r = sync_done(h->node, h, c, n < 0 ? (int)n : 0);
	return n < 0 || r == 0 ? n : r;
}

int
device_sync(struct handle *h, const struct call *c)
{
	const struct device *d = h->device;
	int r;

	if (!d->is_writable)
		return 0;
	if (c->nowait)
		return -EAGAIN;
	r = sync_status(h->node->body);
	if (r < 0)
		return r;
	return sync_done(h->node, h, c, real_sync_device(d->fd));
}

/* --- Zeros ----------------------------------------------------------------- */

static int
write_zeros(struct handle *h, uint64_t off, uint64_t end)
{
	static const char zeros[ZEROS];
	struct iovec iov = { .iov_base = (void *)(uintptr_t)zeros };
	ssize_t n;

	while (off < end) {
		iov.iov_len = (size_t)MIN(end - off, (uint64_t)ZEROS);
		n = real_pwritev(node_upper(h->node), h->device->fd, &iov, 1,
				 off, false);
		if (n <= 0)
			return n == 0 ? -EIO : (int)n;
		off += (uint64_t)n;
	}
	return 0;
}

/* Whole sectors. */
static int
zero_slice(struct handle *h, enum zero_how how, bool is_fast, uint64_t off,
	   uint64_t len)
{
	struct upper *u = node_upper(h->node);
	int fd = h->device->fd, r = -EOPNOTSUPP;

	if (how == ZERO_TRIM) {
		r = real_discard(u, fd, off, len);
		return r == -EOPNOTSUPP ? 0 : r;
	}
	if (how == ZERO_FREE)
		r = real_punch_hole(u, fd, off, len);
	/* Here the kernel writes the zeros itself where the device cannot. */
	if (r == -EOPNOTSUPP && !is_fast)
		r = real_zero_range(u, fd, off, len);
	return r;
}

static int
zero(struct handle *h, const struct call *c, const struct device_zeros *z)
{
	const struct device *d = h->device;
	uint64_t end = MIN(z->end, d->size), from, to, off, len;
	int r = 0;

	from = (z->off + d->sector - 1) & ~(d->sector - 1);
	to = end & ~(d->sector - 1);
	for (off = from; off < to && r == 0; off += len) {
		len = MIN(to - off, SLICE - off % SLICE);
		r = c->waiter && atomic_load(&c->waiter->is_unwanted)
			    ? -ECANCELED
			    : zero_slice(h, z->how, z->is_fast, off, len);
	}
	if (r < 0 || z->how == ZERO_TRIM)
		return r;
	if (from >= to) /* within two sectors */
		return write_zeros(h, z->off, end);
	r = write_zeros(h, z->off, from);
	return r < 0 ? r : write_zeros(h, to, end);
}

int
device_zero(struct handle *h, const struct call *c,
	    const struct device_zeros *z)
{
	int r;

	if (!h->device->is_writable)
		return -EBADF;
	if (c->nowait)
		return -EAGAIN;
	r = c->is_sync ? sync_status(h->node->body) : 0;
	if (r == 0)
		r = zero(h, c, z);
	return r == 0 && c->is_sync ? device_sync(h, c) : r;
}

/* --- Looking --------------------------------------------------------------- */

void
device_prefetch(const struct handle *h, uint64_t off, uint64_t len)
{
	real_prefetch(h->device->fd, off, len);
}

void
device_extents(const struct handle *h, const struct device_zeros *range,
	       extent_emit emit, void *ctx)
{
	uint64_t size = h->device->size;
	struct extent e = { .off = range->off,
			    .depth = atomic_load(&h->node->body->layer) + 1 };
	bool more = true;

	if (e.off < size) {
		e.len = MIN(range->end, size) - e.off;
		more = emit(ctx, &e);
		e.off += e.len;
	}
	if (!more || e.off >= range->end)
		return;
	e.len = range->end - e.off;
	e.is_hole = true;
	e.depth = 0;
	(void)emit(ctx, &e);
}
