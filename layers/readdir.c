/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listing directories.
 *
 * A directory that is in one layer only is streamed: its own order, its own
 * cookies. One that is merged, or holds objects copied up (whose numbers are
 * their origins'), is read whole into a listing (listing.c) when the handle
 * starts at offset 0; its cookies are positions in that listing, so every
 * entry that stays is seen exactly once whatever comes and goes meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "listing.h"
#include "macros.h"
#include "overlay.h"
#include "owner.h"

#define STREAM_BUFFER 32768
/* As much is kept of a directory in memory that is closed half-way. */
#define REST_MAX (8 * STREAM_BUFFER)

struct dirstream {
	pthread_mutex_t lock;
	/* under lock */
	struct listing *listing; /* owned; NULL: streaming, or not begun */
	bool is_streaming;
	bool is_rest; /* streaming: nothing comes after what is in buf */
	int fd; /* owned; -1: not streaming, or closed for now */
	unsigned layer; /* const while streaming, else nothing */
	uint64_t next_off; /* the cookie that buf[pos] comes after */
	size_t pos, len;
	char *buf; /* owned; of STREAM_BUFFER bytes while fd is open */
	struct fd_holder fds;
	struct tree *tree; /* borrowed; const */
};

struct dirstream *
dirstream_new(struct tree *t)
{
	struct dirstream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	(void)pthread_mutex_init(&s->lock, NULL);
	s->fd = -1;
	s->tree = t;
	s->fds.kind = FD_STREAM;
	return s;
}

static void
dirstream_stop(struct dirstream *s)
{
	listing_free(take_ptr(&s->listing));
	fds_drop(s->tree, &s->fds);
	if (s->fd >= 0)
		(void)real_close(take_fd(&s->fd));
	free(take_ptr(&s->buf));
	s->is_streaming = s->is_rest = false;
	s->pos = s->len = 0;
	s->next_off = 0;
}

/* Have all that is left in the buffer, if it is not too much. */
static bool
stream_read_rest(struct dirstream *s)
{
	ssize_t n = 1;
	char *p;

	s->len -= s->pos;
	memmove(s->buf, s->buf + s->pos, s->len);
	s->pos = 0;
	while (n > 0 && s->len < REST_MAX) {
		p = realloc(s->buf, s->len + STREAM_BUFFER);
		if (!p)
			return false;
		s->buf = p;
		n = real_getdents(s->fd, s->buf + s->len, STREAM_BUFFER);
		s->len += n > 0 ? (size_t)n : 0;
	}
	s->is_rest = n == 0;
	return s->is_rest;
}

/*
 * It goes on later from next_off: cookies outlive the descriptor, or nobody
 * could export the file system over NFS. But for ramfs, and tmpfs before Linux
 * 6.6, where they count entries: what is left there is read at once.
 */
unsigned
dirstream_take_fds(struct fd_holder *h, const struct call *c, int *ret)
{
	struct dirstream *s = container_of(h, struct dirstream, fds);
	const struct layer *l;
	unsigned nr = 0;

	if (pthread_mutex_trylock(&s->lock))
		return 0;
	l = layer_of(s->tree, s->layer);
	if (s->fd >= 0 && !(c->nowait && l->is_slow) &&
	    (s->is_rest || !l->is_memory || stream_read_rest(s))) {
		ret[nr++] = take_fd(&s->fd);
		if (!s->is_rest || s->pos == s->len) {
			free(take_ptr(&s->buf));
			s->pos = s->len = 0;
		}
	}
	(void)pthread_mutex_unlock(&s->lock);
	return nr;
}

void
dirstream_free(struct dirstream *s)
{
	if (!s)
		return;
	dirstream_stop(s);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Is what the layer lists not just what is to be seen? */
static bool
needs_listing(const struct node *n)
{
	const struct dir *d = n->body->dir;

	if (d->is_removed || d->nr_lowers + d->has_upper > 1)
		return true;
	if (d->has_upper)
		return d->is_marked_impure || d->has_renumbered;
	return d->lowers[0].has_xwhiteouts ||
	       layer_of(n->body->tree, d->lowers[0].layer)->has_oci_whiteouts;
}

/* Open the directory that is streamed, of @n, which is locked. */
static int
stream_open(struct dirstream *s, struct node *n)
{
	int fd, dir = dir_fd_of(n->body->dir, s->layer);
	struct statx stx;

	if (dir < 0)
		return -ESTALE;
	free(s->buf);
	s->pos = s->len = 0;
	s->buf = malloc(STREAM_BUFFER);
	if (!s->buf)
		return -ENOMEM;
	fd = real_open(AT(dir, "."),
		       O_RDONLY | O_DIRECTORY | (s->layer == 0 ? 0 : O_NOATIME),
		       &stx);
	if (fd < 0)
		return fd;
	s->fd = fd;
	fds_add(s->tree, &s->fds, 1);
	return 0;
}

/* The same after it was closed: where @off is. */
static int
stream_reopen(struct dirstream *s, struct node *n, const struct call *c,
	      uint64_t off)
{
	int r = stream_open(s, n);

	if (fds_shrink(s->tree, c, r))
		r = stream_open(s, n);
	if (r == 0 && real_seek(s->fd, off, SEEK_SET) < 0)
		r = -EIO;
	s->next_off = off;
	s->is_rest = false;
	return r;
}

/*
 * Decide how to list @n, which is locked, and begin. Only here, at offset 0,
 * so that a rewind shows what is new and a copied-up directory as merged.
 */
static int
dirstream_start(struct dirstream *s, struct node *n, const struct call *c)
{
	struct dir *d = n->body->dir;
	int r;

	dirstream_stop(s);
	if (needs_listing(n)) {
		/* Many entries and layers: not on the loop. */
		if (c->nowait)
			return -EAGAIN;
		r = listing_read(n, c, &s->listing);
		return fds_shrink(s->tree, c, r)
			       ? listing_read(n, c, &s->listing)
			       : r;
	}
	s->layer = dir_top_layer(d);
	r = stream_open(s, n);
	if (fds_shrink(s->tree, c, r))
		r = stream_open(s, n);
	s->is_streaming = r == 0;
	return r;
}

/* Fill in what is special about "." and "..". Returns false for others. */
static bool
fill_dots(struct node *n, struct dirent_info *e)
{
	struct node *parent;

	if (e->name.ptr[0] != '.' || e->name.len > 2 ||
	    (e->name.len == 2 && e->name.ptr[1] != '.'))
		return false;
	e->d_type = DT_DIR;
	e->path = n->body->path;
	if (e->name.len == 2) {
		parent = node_parent(n);
		e->path = parent->body->path;
		node_unref(parent);
	}
	return true;
}

/*
 * Turn one raw entry into what clients see. 1: emit it; 0: skip it (a
 * whiteout, or gone meanwhile); errno.
 */
static int
stream_entry(struct dirstream *s, struct node *n, const struct dirent64 *raw,
	     struct dirent_info *ret)
{
	struct tree *t = n->body->tree;
	struct statx stx;
	struct at at;
	int r;

	*ret = (struct dirent_info){
		.name = { raw->d_name, strlen(raw->d_name) },
		.path = ino_to_path(t, n->body->real_dev, raw->d_ino),
		.cookie = (uint64_t)raw->d_off,
		.d_type = raw->d_type,
	};
	if (fill_dots(n, ret))
		return 1;
	if (raw->d_type == DT_REG)
		ret->d_type = owner_d_type(t, AT(s->fd, raw->d_name));
	if (raw->d_type != DT_CHR && raw->d_type != DT_UNKNOWN)
		return 1;
	at = AT(s->fd < 0 ? dir_fd_of(n->body->dir, s->layer) : s->fd,
		raw->d_name);
	if (at.fd < 0)
		return -ESTALE;
	r = real_statx(at, &stx);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	ret->d_type = IFTODT(stx.stx_mode);
	r = whiteout_is(t, at, &stx);
	return r < 0 ? r : !r;
}

static int
stream_fill(struct dirstream *s)
{
	ssize_t n = real_getdents(s->fd, s->buf, STREAM_BUFFER);

	if (n < 0)
		return (int)n;
	s->pos = 0;
	s->len = (size_t)n;
	return n > 0;
}

/* Have what comes after @off next. */
static int
stream_go_to(struct dirstream *s, struct node *n, const struct call *c,
	     uint64_t off)
{
	int64_t at;

	if (s->fd < 0 && !(s->is_rest && off == s->next_off))
		return stream_reopen(s, n, c, off);
	if (off == s->next_off)
		return 0;
	at = real_seek(s->fd, off, SEEK_SET);
	if (at < 0)
		return (int)at;
	s->pos = s->len = 0;
	s->next_off = off;
	s->is_rest = false;
	return 0;
}

static int
stream_list(struct dirstream *s, struct node *n, dirent_emit emit, void *ctx)
{
	const struct dirent64 *raw;
	struct dirent_info e;
	int r;

	for (;;) {
		if (s->pos == s->len) {
			r = s->fd < 0 ? 0 : stream_fill(s);
			s->is_rest = r == 0;
			if (r <= 0)
				return r;
		}
		raw = (const void *)(s->buf + s->pos);
		r = stream_entry(s, n, raw, &e);
		if (r < 0)
			return r;
		if (r == 1 && !emit(ctx, &e))
			return 0;
		s->pos += raw->d_reclen;
		s->next_off = (uint64_t)raw->d_off;
	}
}

int
tree_readdir(struct handle *h, const struct call *c, uint64_t off,
	     dirent_emit emit, void *ctx)
{
	CLEANUP_UNLOCK_DIR struct node *locked = NULL;
	CLEANUP_UNLOCK pthread_mutex_t *lock = NULL;
	struct dirstream *s = h->stream;
	struct node *n = h->node;
	bool is_begun;
	int r;

	if (!s)
		return -ENOTDIR;
	if (off > INT64_MAX)
		return -EINVAL;
	r = lock_dir_shared(n, c);
	if (r < 0)
		return r;
	locked = n;
	if (n->body->dir->is_removed)
		return -ENOENT; /* iterate_dir() */
	r = lock_mutex(&s->lock, c);
	if (r < 0)
		return r;
	lock = &s->lock;
	RETURN_IF_SLOW(n->body->tree, dir_top_layer(n->body->dir), c);
	fds_use(&s->fds);
	is_begun = s->listing || s->is_streaming;
	if (off == 0 || !is_begun) {
		r = dirstream_start(s, n, c);
		if (r < 0)
			return r;
	}
	if (s->listing)
		return listing_emit(s->listing, off, emit, ctx);
	r = stream_go_to(s, n, c, off);
	if (r == 0)
		r = stream_list(s, n, emit, ctx);
	fds_sweep(s->tree, c);
	return r;
}
