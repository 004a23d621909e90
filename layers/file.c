/* SPDX-License-Identifier: BSD-3-Clause */
/* Open files: the kernel's file.c for handles. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "copyup.h"
#include "file.h"
#include "lock.h"
#include "lookup.h"
#include "overlay.h"
#include "owner.h"
#include "partial.h"
#include "permit.h"
#include "protattr.h"
#include "sync.h"

static struct handle *
handle_new(struct node *n, int flags)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	atomic_init(&h->refs, 1);
	h->node = node_ref(n);
	h->flags = flags;
	if ((flags & O_ACCMODE) != O_RDONLY)
		sync_add_writer(n->body);
	return h;
}

int
file_handle_new(struct node *n, int flags, int fd, unsigned generation,
		struct handle **ret)
{
	struct handle *h = handle_new(n, flags);
	int r;

	if (!h) {
		(void)real_close(fd);
		return -ENOMEM;
	}
	r = realfile_add(n->body,
			 &(struct realfile){ .fd = fd,
					     .flags = flags & REALFILE_FLAGS,
					     .generation = generation,
					     .dev = n->body->real_dev,
					     .ino = n->body->real_ino },
			 &h->real);
	if (r < 0)
		handle_unref(h);
	else
		*ret = h;
	return r;
}

int
file_handle_device(struct node *n, int flags, struct device *d,
		   struct handle **ret)
{
	struct handle *h = handle_new(n, flags & O_ACCMODE);

	if (!h)
		return -ENOMEM;
	h->device = d;
	*ret = h;
	return 0;
}

static int
open_directory(struct node *n, const struct call *c, int flags,
	       struct handle **ret, struct ident *ret_ident)
{
	struct handle *h;
	int r = 0;

	if ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC)
		return -EISDIR;
	r = permit_open(n, c, flags);
	if (r == 0 && ret_ident)
		r = tree_ident(n, c, ret_ident);
	if (r < 0)
		return r;
	h = handle_new(n, flags);
	if (!h)
		return -ENOMEM;
	h->stream = dirstream_new(n->body->tree);
	if (!h->stream) {
		handle_unref(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

/* Opening for writing is allowed, and copies up, or does not happen. */
static int
prepare_write(struct node *n, const struct call *c, int flags)
{
	bool appends = flags & O_APPEND && !(flags & O_TRUNC);
	int r;

	if ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_TRUNC))
		return 0;
	r = protattr_check(n, c, appends ? PROTATTR_APPEND : PROTATTR_WRITE);
	return r < 0 ? r
		     : copyup_node(n, c,
				   flags & O_TRUNC ? COPYUP_TRUNCATED
						   : COPYUP_WRITE);
}

int
tree_open_node(struct node *n, const struct call *c, int flags,
	       struct handle **ret, struct ident *ret_ident)
{
	struct handle *h;
	struct statx stx;
	int r = 0;

	if (n->body->dir)
		return open_directory(n, c, flags, ret, ret_ident);
	if (S_ISLNK(n->body->type))
		return -ELOOP;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	/* Never a device, fifo or socket of the host. */
	if (!S_ISREG(n->body->type))
		return -ENXIO;
	r = permit_open(n, c, flags);
	if (r == 0)
		r = prepare_write(n, c, flags);
	if (r < 0)
		return r;
	h = handle_new(n, flags);
	if (!h)
		return -ENOMEM;
	r = realfile_open(n, c, file_real_flags(h) | (flags & O_TRUNC),
			  &h->real, ret_ident ? &stx : NULL);
	if (r < 0) {
		handle_unref(h);
		return r;
	}
	if (flags & O_TRUNC)
		ino_changed(n->body);
	if (ret_ident)
		ino_ident(n->body, &stx, ret_ident);
	*ret = h;
	return 0;
}

int
tree_open_late(struct node *n, const struct call *c, int flags,
	       struct handle **ret)
{
	struct handle *h;
	int r;

	if (n->body->dir)
		return -EISDIR;
	if (S_ISLNK(n->body->type))
		return -ELOOP;
	if (!S_ISREG(n->body->type))
		return -ENXIO;
	r = permit_open(n, c, flags);
	if (r == 0 && (flags & O_ACCMODE) != O_RDONLY)
		r = node_upper(n) ? protattr_check(n, c, PROTATTR_WRITE)
				  : -EROFS;
	if (r < 0)
		return r;
	h = handle_new(n, flags & REALFILE_FLAGS);
	if (!h)
		return -ENOMEM;
	h->is_late = true;
	r = realfile_open(n, c, file_real_flags(h), &h->real, NULL);
	if (r < 0)
		handle_unref(h);
	else
		*ret = h;
	return r;
}

int
file_real_flags(const struct handle *h)
{
	const struct body *b = h->node->body;
	int flags = h->flags & ~O_TRUNC;

	/* What is below is only read; writes to a partial file go elsewhere. */
	if (atomic_load(&b->is_metacopy) || (h->is_late && !body_is_upper(b)))
		flags = (flags & ~O_ACCMODE) | O_RDONLY;
	if (h->is_late && (flags & O_ACCMODE) != O_RDONLY)
		flags |= REALFILE_RANDOM;
	return flags;
}

static int
handle_free(struct handle *h)
{
	struct body *b = h->node->body;
	int r = 0;

	lock_node_drop(h);
	if (h->real)
		r = realfile_put(b, h->real);
	if (h->device)
		r = device_close(h->device);
	partial_relax(b);
	if ((h->flags & O_ACCMODE) != O_RDONLY)
		sync_del_writer(b);
	dirstream_free(h->stream);
	node_unref(h->node);
	free(h);
	return r;
}

void
handle_unref(struct handle *h)
{
	if (h && atomic_fetch_sub(&h->refs, 1) == 1)
		(void)handle_free(h);
}

int
tree_release(struct handle *h, const struct call *c)
{
	RETURN_IF_SLOW(h->node->body->tree, atomic_load(&h->node->body->layer),
		       c);
	/* The last one to close a device waits until all of it is on disk. */
	if (c->nowait && (h->device || lock_node_drop_is_slow(h)))
		return -EAGAIN;
	if (atomic_fetch_sub(&h->refs, 1) == 1)
		return handle_free(h);
	return 0;
}

struct node *
handle_node(struct handle *h)
{
	return h->node;
}

bool
handle_is_sync(const struct handle *h)
{
	return h->flags & (O_DSYNC | O_SYNC);
}

size_t
file_iov_size(const struct iovec *iov, unsigned nr_iov)
{
	size_t size = 0;
	unsigned i;

	for (i = 0; i < nr_iov; i++)
		size += iov[i].iov_len;
	return size;
}

/*
 * A write of 1 MiB is 0.1 ms of copying: less than it costs others to wait
 * for. 32 MiB (NBD) are 3 ms.
 */
#define WRITE_INLINE_MAX ((size_t)1 << 20)

static bool
is_long(const struct iovec *iov, unsigned nr_iov)
{
	return file_iov_size(iov, nr_iov) > WRITE_INLINE_MAX;
}

/*
 * @n bytes came where more were asked for, without waiting. Is that the end
 * of the file, or the end of what is cached?
 */
static ssize_t
settle_short_read(int fd, uint64_t off, ssize_t n)
{
	struct statx stx;
	int r;

	if (n == 0)
		return 0; /* not cached would have been EAGAIN */
	r = real_statx(AT(fd, ""), &stx);
	if (r < 0)
		return r;
	return off + (uint64_t)n >= stx.stx_size ? n : -EAGAIN;
}

ssize_t
tree_read(struct handle *h, const struct call *c, const struct iovec *iov,
	  unsigned nr_iov, uint64_t off)
{
	CLEANUP_PARTIAL struct partial *p = NULL;
	struct body *b = h->node->body;
	struct realfile *rf;
	bool nowait;
	ssize_t n;
	int r;

	if (h->device)
		return device_read(h, c, &(struct sync_io){ iov, nr_iov, off });
	if (!handle_is_file(h))
		return b->dir ? -EISDIR : -EBADF;
	if ((h->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	r = partial_get(h->node, c, &p);
	if (p)
		return partial_read(p, c, iov, nr_iov, off);
	if (r == 0)
		r = realfile_get(h, c, &rf);
	if (r < 0)
		return r;
	if (c->nowait && layer_is_slow(b->tree, rf->layer)) {
		(void)realfile_done(b, rf);
		return -EAGAIN;
	}
	nowait = c->nowait && !layer_of(b->tree, rf->layer)->is_memory;
	n = real_preadv(rf->fd, iov, nr_iov, off, nowait);
	if (nowait && n >= 0 && (size_t)n < file_iov_size(iov, nr_iov))
		n = settle_short_read(rf->fd, off, n);
	(void)realfile_done(b, rf);
	return n;
}

int
file_drop_privs(struct node *n, const struct call *c)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct attr_set set = { .mask = ATTR_SET_MODE };
	struct statx stx;
	mode_t mode;
	int r;

	if (c->uid == 0 || !atomic_load_explicit(&n->body->may_have_suid,
						 memory_order_relaxed))
		return 0;
	r = access_begin(n, c, &a);
	if (r == 0)
		r = owner_statx(n, a.at, &stx);
	if (r < 0)
		return r;
	/*
	 * setattr_should_drop_sgid(): setgid goes too, but without group
	 * execute only if the writer is not in the group. Who is in it is
	 * not on the wire: the owner is taken to be.
	 */
	mode = stx.stx_mode & 07777 & ~(mode_t)S_ISUID;
	if (mode & S_IXGRP || (c->cred ? !permit_is_member(c, stx.stx_gid)
				       : stx.stx_uid != c->uid))
		mode &= ~(mode_t)S_ISGID;
	if (mode != (stx.stx_mode & 07777)) {
		set.mode = mode;
		if (n->body->tree->layers.features.maps_owner) {
			access_end(&a);
			r = owner_change(n, c, &set);
		} else {
			r = real_chmod(node_upper(n), a.at, mode);
		}
	}
	if (r == 0)
		atomic_store(&n->body->may_have_suid, mode & S_ISGID);
	return r;
}

int
file_begin_change(struct handle *h, const struct call *c,
		  struct partial **ret_partial, struct realfile **ret)
{
	int r = 0;

	RETURN_IF_SLOW(h->node->body->tree, 0, c);
	if (h->is_late)
		r = prepare_write(h->node, c, O_RDWR);
	if (r == 0)
		r = file_drop_privs(h->node, c);
	if (r == 0)
		r = partial_get(h->node, c, ret_partial);
	return r < 0 || *ret_partial ? r : realfile_get(h, c, ret);
}

static ssize_t
write_partial(struct partial *p, struct handle *h, const struct call *c,
	      const struct sync_io *io)
{
	struct partial_data d = { .iov = io->iov,
				  .nr_iov = io->nr_iov,
				  .off = io->off,
				  .appends = h->flags & O_APPEND,
				  .is_sync =
					  sync_is_asked(h, c) &&
					  !node_upper(h->node)->is_volatile };
	ssize_t n = partial_write(p, c, &d);
	int r;

	if (n <= 0)
		return n;
	ino_changed(h->node->body);
	if (!d.is_sync)
		return n;
	r = sync_done(h->node, h, c, partial_flush_written(p, &d, (uint64_t)n));
	return r < 0 ? r : n;
}

ssize_t
tree_write(struct handle *h, const struct call *c, const struct iovec *iov,
	   unsigned nr_iov, uint64_t off)
{
	CLEANUP_PARTIAL struct partial *p = NULL;
	struct body *b = h->node->body;
	const struct sync_io io = { iov, nr_iov, off };
	struct realfile *rf;
	bool is_sync;
	ssize_t n;
	int r;

	if (!handle_is_file(h) && !h->device)
		return b->dir ? -EISDIR : -EBADF;
	if ((h->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	is_sync = sync_is_asked(h, c);
	/* A synchronous write waits for the disk. */
	if (c->nowait && (is_sync || is_long(iov, nr_iov)))
		return -EAGAIN;
	if (h->device)
		return device_write(h, c, &io);
	r = is_sync ? sync_status(b) : 0;
	if (r == 0)
		r = file_begin_change(h, c, &p, &rf);
	if (r < 0)
		return r;
	if (p)
		return write_partial(p, h, c, &io);
	n = is_sync ? sync_write(h, c, rf->fd, &io)
		    : real_pwritev(node_upper(h->node), rf->fd, iov, nr_iov,
				   off, false);
	if (n > 0)
		ino_changed(b);
	(void)realfile_done(b, rf);
	return n;
}

/* On a volatile upper. */
static int
fsync_nothing(struct node *n, struct handle *h, const struct call *c)
{
	struct realfile *rf;
	int r;

	if (!h || !handle_is_file(h) || atomic_load(&n->body->is_metacopy))
		return sync_status(n->body);
	r = realfile_get(h, c, &rf);
	if (r < 0)
		return r;
	r = sync_look(node_upper(n), rf->fd);
	(void)realfile_done(n->body, rf);
	return r;
}

/* With nothing missing it is an ordinary file from now on; if not, later. */
static int
fsync_partial(struct partial *p, struct node *n, struct handle *h,
	      const struct call *c, bool datasync)
{
	int r = sync_done(n, h, c, partial_flush(p, datasync));

	if (r == 0)
		(void)partial_finish(p);
	return r;
}

/* ovl_fsync(): the upper only; what is in a lower is on disk or not ours. */
int
tree_fsync(struct node *n, struct handle *h, const struct call *c,
	   bool datasync)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	CLEANUP_PARTIAL struct partial *p = NULL;
	CLEANUP_CLOSE int fd = -1;
	struct realfile *rf = NULL;
	struct statx stx;
	int r;

	if (h && h->device)
		return device_sync(h, c);
	if (!body_is_upper(n->body))
		return 0;
	if (!n->body->dir && !S_ISREG(n->body->type))
		return 0;
	if (node_upper(n)->is_volatile)
		return fsync_nothing(n, h, c);
	if (c->nowait && sync_waits(n, h))
		return -EAGAIN;
	r = sync_status(n->body);
	if (r == 0)
		r = partial_get(n, c, &p);
	if (p && c->nowait)
		return -EAGAIN;
	if (r < 0 || p)
		return r < 0 ? r : fsync_partial(p, n, h, c, datasync);
	if (h && handle_is_file(h) && !atomic_load(&n->body->is_metacopy)) {
		r = realfile_get(h, c, &rf);
		if (r == 0) {
			r = sync_file(n, h, c, rf->fd, datasync);
			(void)realfile_done(n->body, rf);
		}
		return r;
	}
	r = access_begin(n, c, &a);
	if (r < 0)
		return r;
	fd = real_open(a.at, O_RDONLY, &stx);
	access_end(&a); /* a sync may take long: hold no name still */
	return fd < 0 ? fd : sync_file(n, h, c, fd, datasync);
}
