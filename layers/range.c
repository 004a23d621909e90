/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is done with ranges of an open file beside reading and writing: the
 * kernel's ovl_fallocate(), ovl_fadvise() and ovl_llseek(). 9P has no words
 * for these; disk images are served with them.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "macros.h"
#include "overlay.h"
#include "sync.h"

/* Zeros are written so many at a time. */
#define ZEROS ((size_t)64 << 10)
/* At most so much is fetched ahead for one call. */
#define PREFETCH_MAX ((uint64_t)8 << 20)

/* Where nothing better is supported. */
static int
write_zeros(struct upper *u, int fd, uint64_t off, uint64_t len)
{
	static const char zeros[ZEROS];
	ssize_t n;

	while (len > 0) {
		struct iovec iov = { (void *)(uintptr_t)zeros,
				     (size_t)MIN(len, (uint64_t)ZEROS) };

		n = real_pwritev(u, fd, &iov, 1, off, false);
		if (n <= 0)
			return n == 0 ? -EIO : (int)n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Zeros that stay allocated. */
static int
zero_keep(struct upper *u, int fd, uint64_t off, uint64_t len)
{
	int r = real_zero_range(u, fd, off, len);

	if (r != -EOPNOTSUPP)
		return r;
	/* tmpfs: give them back, and take others, which read as zeros. */
	r = real_punch_hole(u, fd, off, len);
	return r < 0 ? r : real_allocate(u, fd, off, len);
}

static int
zero(struct upper *u, int fd, uint64_t off, uint64_t len, enum zero_how how,
     bool is_fast)
{
	int r = how == ZERO_KEEP ? zero_keep(u, fd, off, len)
				 : real_punch_hole(u, fd, off, len);

	if (r != -EOPNOTSUPP || is_fast)
		return r;
	return how == ZERO_TRIM ? 0 : write_zeros(u, fd, off, len);
}

/* Is all of the data in the upper? */
static bool
is_whole(const struct body *b)
{
	return body_is_upper(b) && !atomic_load(&b->is_metacopy);
}

int
tree_zero(struct handle *h, const struct call *c, uint64_t off, uint64_t len,
	  enum zero_how how, bool is_fast)
{
	struct body *b = h->node->body;
	struct upper *u = node_upper(h->node);
	struct realfile *rf;
	int r;

	if (!h->real || (h->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	r = c->is_sync ? sync_status(b) : 0;
	if (r < 0)
		return r;
	if (how == ZERO_TRIM && !is_whole(b))
		return 0;
	if (is_fast && !is_whole(b))
		return -EOPNOTSUPP;
	if (c->nowait)
		return -EAGAIN;
	r = file_begin_change(h, c, &rf);
	if (r < 0)
		return r;
	r = zero(u, rf->fd, off, len, how, is_fast);
	if (r == 0)
		ino_changed(b);
	if (r == 0 && c->is_sync)
		r = sync_file(h->node, h, c, rf->fd, true);
	(void)realfile_done(b, rf);
	return r;
}

int
tree_prefetch(struct handle *h, const struct call *c, uint64_t off,
	      uint64_t len)
{
	struct realfile *rf;
	int r;

	/* It may have to look for the blocks on disk. */
	if (c->nowait)
		return -EAGAIN;
	if (!h->real)
		return -EBADF;
	r = realfile_get(h, c, &rf);
	if (r < 0)
		return r;
	real_prefetch(rf->fd, off, MIN(len, PREFETCH_MAX));
	(void)realfile_done(h->node->body, rf);
	return 0;
}

/* The extent of the real file @fd that @off is in, up to @end. */
static int
one_extent(int fd, uint64_t off, uint64_t end, struct extent *ret)
{
	int64_t data = real_seek(fd, off, SEEK_DATA), next;

	*ret = (struct extent){ .off = off };
	if (data == -ENXIO) {
		ret->is_hole = true;
		ret->len = end - off;
		return 0;
	}
	if (data == -EINVAL)
		data = (int64_t)off; /* knows no holes */
	if (data < 0)
		return (int)data;
	ret->is_hole = (uint64_t)data > off;
	next = ret->is_hole ? data : real_seek(fd, off, SEEK_HOLE);
	if (next == -EINVAL)
		next = (int64_t)end;
	if (next < 0)
		return (int)next;
	ret->len = MIN((uint64_t)next, end) - off;
	return 0;
}

int
tree_extents(struct handle *h, const struct call *c, uint64_t off, uint64_t len,
	     extent_emit emit, void *ctx)
{
	struct realfile *rf;
	struct extent e;
	uint64_t end;
	int r;

	if (c->nowait)
		return -EAGAIN;
	if (!h->real)
		return -EBADF;
	if (__builtin_add_overflow(off, len, &end) || end > INT64_MAX)
		return -EINVAL;
	r = realfile_get(h, c, &rf);
	if (r < 0)
		return r;
	for (; off < end; off += e.len) {
		r = one_extent(rf->fd, off, end, &e);
		if (r < 0)
			break;
		e.depth = e.is_hole ? 0 : rf->layer + 1;
		if (!emit(ctx, &e))
			break;
	}
	(void)realfile_done(h->node->body, rf);
	return r;
}
