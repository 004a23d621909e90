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
#include "partial.h"
#include "sync.h"
#include "waiter.h"

/* Zeros are written so many at a time, from one block of them. */
#define ZEROS ((size_t)64 << 10)
#define NR_ZEROS 16
/* What is asked of the file system at a time. */
#define SLICE ((uint64_t)1 << 30)
/* Blocks of files are no larger. */
#define BLOCK_MAX ((uint64_t)64 << 10)
/* So many are looked for in one call. */
#define EXTENTS_MAX 65536
/* At most so much is fetched ahead for one call. */
#define PREFETCH_MAX ((uint64_t)8 << 20)

/* --- Zeros ----------------------------------------------------------------- */

/* A range that is to become zeros. */
struct zeroing {
	struct upper *u;
	const struct call *c;
	int fd; /* borrowed */
	enum zero_how how;
	bool is_fast;
	uint64_t size; /* of the file */
};

/* A client that has left must not keep a worker for terabytes. */
static bool
is_unwanted(const struct call *c)
{
	return c->waiter && atomic_load(&c->waiter->is_unwanted);
}

/* The result @r of what @lacks stands for; remembers what there is not. */
static int
learn(struct upper *u, unsigned lacks, int r)
{
	if (r == -EOPNOTSUPP)
		atomic_fetch_or(&u->zero_lacks, lacks);
	return r;
}

static int
punch(struct upper *u, int fd, uint64_t off, uint64_t len)
{
	if (atomic_load(&u->zero_lacks) & ZERO_LACKS_PUNCH)
		return -EOPNOTSUPP;
	return learn(u, ZERO_LACKS_PUNCH, real_punch_hole(u, fd, off, len));
}

/* Zeros that stay allocated. */
static int
keep(struct upper *u, int fd, uint64_t off, uint64_t len)
{
	unsigned lacks = atomic_load(&u->zero_lacks);
	int r = -EOPNOTSUPP;

	if (!(lacks & ZERO_LACKS_RANGE))
		r = learn(u, ZERO_LACKS_RANGE,
			  real_zero_range(u, fd, off, len));
	if (r != -EOPNOTSUPP || lacks & ZERO_LACKS_ALLOCATE)
		return r;
	/* tmpfs: give them back, and take others, which read as zeros. */
	r = punch(u, fd, off, len);
	return r < 0 ? r
		     : learn(u, ZERO_LACKS_ALLOCATE,
			     real_allocate(u, fd, off, len));
}

/* Where nothing better is supported. */
static int
write_zeros(const struct zeroing *z, uint64_t off, uint64_t end)
{
	static const char zeros[ZEROS];
	struct iovec iov[NR_ZEROS];
	unsigned nr;
	uint64_t len;
	ssize_t n;

	while (off < end) {
		if (is_unwanted(z->c))
			return -ECANCELED;
		len = end - off;
		for (nr = 0; nr < NR_ZEROS && len > 0; nr++) {
			iov[nr].iov_base = (void *)(uintptr_t)zeros;
			iov[nr].iov_len = (size_t)MIN(len, (uint64_t)ZEROS);
			len -= iov[nr].iov_len;
		}
		n = real_pwritev(z->u, z->fd, iov, nr, off, false);
		if (n <= 0)
			return n == 0 ? -EIO : (int)n;
		off += (uint64_t)n;
	}
	return 0;
}

/* The same, but for what is a hole, and may stay one. */
static int
write_over_data(const struct zeroing *z, uint64_t off, uint64_t end)
{
	int64_t data, hole;
	int r = 0;

	for (; off < end && r == 0; off = (uint64_t)hole) {
		data = real_seek(z->fd, off, SEEK_DATA);
		if (data == -ENXIO)
			return 0;
		hole = data < 0 ? data
				: real_seek(z->fd, (uint64_t)data, SEEK_HOLE);
		if (hole == -EINVAL) /* knows no holes */
			return write_zeros(z, off, MIN(end, z->size));
		if (hole < 0)
			return (int)hole;
		r = write_zeros(z, (uint64_t)data, MIN((uint64_t)hole, end));
	}
	return r;
}

static int
zero_slice(const struct zeroing *z, uint64_t off, uint64_t len)
{
	int r = z->how == ZERO_KEEP ? keep(z->u, z->fd, off, len)
				    : punch(z->u, z->fd, off, len);

	if (r != -EOPNOTSUPP || z->is_fast)
		return r;
	switch (z->how) {
	case ZERO_TRIM:
		return 0;
	case ZERO_FREE:
		return write_over_data(z, off, off + len);
	case ZERO_KEEP:
		return write_zeros(z, off, off + len);
	}
	return r;
}

/*
 * Past the end of the file are zeros already, and what a client takes for the
 * size may be anything by now: nothing is allocated there.
 */
static int
zero(struct zeroing *z, uint64_t off, uint64_t end)
{
	struct statx stx;
	uint64_t len, limit;
	int r = real_statx(AT(z->fd, ""), &stx);

	if (r < 0)
		return r;
	limit = z->size = stx.stx_size;
	/* To give back the last block, the hole must reach its end. */
	if (z->how != ZERO_KEEP && limit > 0)
		limit = ((limit - 1) | (BLOCK_MAX - 1)) + 1;
	for (end = MIN(end, limit); off < end && r == 0; off += len) {
		len = MIN(end - off, SLICE - off % SLICE);
		r = is_unwanted(z->c) ? -ECANCELED : zero_slice(z, off, len);
	}
	return r;
}

int
file_zero_range(const struct file_zero *what, uint64_t off, uint64_t len)
{
	struct zeroing z = {
		.u = what->u,
		.c = what->c,
		.fd = what->fd,
		.how = what->how,
	};

	return zero(&z, off, off + len);
}

/* Is all of the data in the upper? */
static bool
is_whole(const struct body *b)
{
	return body_is_upper(b) && !atomic_load(&b->is_metacopy);
}

/* 1: the file reads as zeros from @off to @end as it is; 0: who knows. */
static int
is_hole(struct handle *h, const struct call *c, uint64_t off, uint64_t end)
{
	struct realfile *rf;
	int64_t data;
	int r = realfile_get(h, c, &rf);

	if (r < 0)
		return r;
	data = real_seek(rf->fd, off, SEEK_DATA);
	(void)realfile_done(h->node->body, rf);
	return data == -ENXIO || (data >= 0 && (uint64_t)data >= end);
}

static int
zero_partial(struct partial *p, struct handle *h, const struct call *c,
	     const struct partial_zeros *what)
{
	int r = partial_zero(p, c, what);

	ino_changed(h->node->body);
	if (r == 0 && c->is_sync && !node_upper(h->node)->is_volatile)
		r = sync_done(h->node, h, c, partial_flush(p, true));
	return r;
}

static int
zero_upper(struct handle *h, const struct call *c, uint64_t off, uint64_t end,
	   struct zeroing *z)
{
	CLEANUP_PARTIAL struct partial *p = NULL;
	struct realfile *rf;
	int r = file_begin_change(h, c, &p, &rf);

	if (r < 0)
		return r;
	if (p)
		return zero_partial(
			p, h, c, &(struct partial_zeros){ off, end, z->how });
	z->u = node_upper(h->node);
	z->c = c;
	z->fd = rf->fd;
	r = zero(z, off, end);
	ino_changed(h->node->body); /* some of it may be, in any case */
	if (r == 0 && c->is_sync)
		r = sync_file(h->node, h, c, rf->fd, true);
	(void)realfile_done(h->node->body, rf);
	return r;
}

/* How fallocate(2) looks at a range. */
static int
check_range(uint64_t off, uint64_t len)
{
	if (off > INT64_MAX || len > INT64_MAX)
		return -EINVAL;
	return len > INT64_MAX - off ? -EFBIG : 0;
}

int
tree_zero(struct handle *h, const struct call *c, uint64_t off, uint64_t len,
	  enum zero_how how, bool is_fast)
{
	CLEANUP_PARTIAL struct partial *p = NULL;
	struct zeroing z = { .how = how, .is_fast = is_fast };
	struct body *b = h->node->body;
	int r;

	if ((!handle_is_file(h) && !h->device) ||
	    (h->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	r = check_range(off, len);
	if (r == 0 && h->device)
		return device_zero(
			h, c,
			&(struct device_zeros){ off, off + len, how, is_fast });
	if (r == 0 && c->is_sync)
		r = sync_status(b);
	if (r < 0 || len == 0)
		return r;
	if (how == ZERO_TRIM && !is_whole(b) && !atomic_load(&b->is_partial))
		return 0;
	if (c->nowait)
		return -EAGAIN;
	r = partial_get(h->node, c, &p);
	if (r < 0)
		return r;
	if (p && is_fast)
		return -EOPNOTSUPP; /* edges of blocks may have to be read */
	if (!p && !is_whole(b)) {
		r = how == ZERO_FREE ? is_hole(h, c, off, off + len) : 0;
		if (r != 0)
			return r < 0 ? r : 0;
		if (is_fast)
			return -EOPNOTSUPP;
	}
	return zero_upper(h, c, off, off + len, &z);
}

/* --- Looking --------------------------------------------------------------- */

int
tree_prefetch(struct handle *h, const struct call *c, uint64_t off,
	      uint64_t len)
{
	CLEANUP_PARTIAL struct partial *p = NULL;
	struct realfile *rf;
	int r;

	/* posix_fadvise() takes no length for all of the file. */
	if (len == 0 || off > INT64_MAX)
		return 0;
	/* It may have to look for the blocks on disk. */
	if (c->nowait)
		return -EAGAIN;
	len = MIN(len, PREFETCH_MAX);
	if (h->device) {
		device_prefetch(h, off, len);
		return 0;
	}
	if (!handle_is_file(h))
		return -EBADF;
	r = partial_get(h->node, c, &p);
	if (p)
		partial_prefetch(p, off, len);
	if (r < 0 || p)
		return r;
	r = realfile_get(h, c, &rf);
	if (r < 0)
		return r;
	real_prefetch(rf->fd, off, len);
	(void)realfile_done(h->node->body, rf);
	return 0;
}

/* What is to be told of a real file. */
struct look {
	int fd; /* borrowed */
	uint64_t off, end; /* what is still to be told */
	unsigned depth; /* of its data */
};

/*
 * A file system without holes: all is data, up to the end of the file. @off may
 * be past that.
 */
static int
only_data(const struct look *l, struct extent *ret)
{
	struct statx stx;
	int r = real_statx(AT(l->fd, ""), &stx);

	if (r < 0)
		return r;
	ret->is_hole = l->off >= stx.stx_size;
	ret->len = (ret->is_hole ? l->end : MIN(stx.stx_size, l->end)) - l->off;
	return 0;
}

/*
 * The extent that @l.off is in, up to @l.end. The file may change meanwhile:
 * the length may be 0.
 */
static int
one_extent(const struct look *l, struct extent *ret)
{
	int64_t data = real_seek(l->fd, l->off, SEEK_DATA), next;

	*ret = (struct extent){ .off = l->off };
	if (data == -EINVAL)
		return only_data(l, ret);
	next = data;
	if (data == (int64_t)l->off)
		next = real_seek(l->fd, l->off, SEEK_HOLE);
	ret->is_hole = next == -ENXIO || data > (int64_t)l->off;
	if (next < 0 && next != -ENXIO)
		return (int)next;
	ret->len = (next < 0 ? l->end : MIN((uint64_t)next, l->end)) - l->off;
	return 0;
}

int
file_extent(int fd, uint64_t off, uint64_t end, struct extent *ret)
{
	const struct look l = { .fd = fd, .off = off, .end = end };

	return one_extent(&l, ret);
}

/* Tell neighbours that are alike as one. */
static int
tell(struct look *l, extent_emit emit, void *ctx)
{
	struct extent e = { 0 }, next;
	unsigned nr;
	int r;

	for (nr = 0; l->off < l->end && nr < EXTENTS_MAX; nr++) {
		r = one_extent(l, &next);
		if (r < 0)
			return r;
		next.depth = next.is_hole ? 0 : l->depth;
		l->off += next.len;
		if (e.len > 0 && next.is_hole == e.is_hole) {
			e.len += next.len;
		} else if (next.len > 0) {
			if (e.len > 0 && !emit(ctx, &e))
				return 0;
			e = next;
		}
	}
	if (e.len > 0)
		(void)emit(ctx, &e);
	return 0;
}

int
tree_extents(struct handle *h, const struct call *c, uint64_t off, uint64_t len,
	     extent_emit emit, void *ctx)
{
	CLEANUP_PARTIAL struct partial *p = NULL;
	struct look l = { .off = off };
	struct realfile *rf;
	int r;

	if (c->nowait)
		return -EAGAIN;
	if (!handle_is_file(h) && !h->device)
		return -EBADF;
	if (__builtin_add_overflow(off, len, &l.end) || l.end > INT64_MAX)
		return -EINVAL;
	if (h->device) {
		device_extents(
			h, &(struct device_zeros){ .off = off, .end = l.end },
			emit, ctx);
		return 0;
	}
	r = partial_get(h->node, c, &p);
	if (r < 0 || p)
		return r < 0 ? r : partial_extents(p, off, len, emit, ctx);
	r = realfile_get(h, c, &rf);
	if (r < 0)
		return r;
	l.fd = rf->fd;
	l.depth = rf->layer + 1;
	r = tell(&l, emit, ctx);
	(void)realfile_done(h->node->body, rf);
	return r;
}
