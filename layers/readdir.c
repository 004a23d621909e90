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
#include "overlay.h"
#include "owner.h"

#define STREAM_BUFFER 32768

struct dirstream {
	pthread_mutex_t lock;
	/* under lock */
	struct listing *listing; /* owned; NULL: streaming, or not begun */
	int fd; /* owned; -1: not streaming */
	unsigned layer; /* const while streaming, else nothing */
	uint64_t next_off; /* the cookie that buf[pos] comes after */
	size_t pos, len;
	char *buf; /* owned; STREAM_BUFFER bytes, while streaming */
};

struct dirstream *
dirstream_new(void)
{
	struct dirstream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	(void)pthread_mutex_init(&s->lock, NULL);
	s->fd = -1;
	return s;
}

static void
dirstream_stop(struct dirstream *s)
{
	listing_free(take_ptr(&s->listing));
	if (s->fd >= 0)
		(void)real_close(take_fd(&s->fd));
	free(take_ptr(&s->buf));
	s->pos = s->len = 0;
	s->next_off = 0;
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

/*
 * Decide how to list @n, which is locked, and begin. Only here, at offset 0,
 * so that a rewind shows what is new and a copied-up directory as merged.
 */
static int
dirstream_start(struct dirstream *s, struct node *n, const struct call *c)
{
	struct dir *d = n->body->dir;
	bool is_upper = d->has_upper;
	struct statx stx;

	dirstream_stop(s);
	if (needs_listing(n)) {
		/* Many entries and layers: not on the loop. */
		if (c->nowait)
			return -EAGAIN;
		return listing_read(n, c, &s->listing);
	}
	s->layer = dir_top_layer(d);
	s->buf = malloc(STREAM_BUFFER);
	if (!s->buf)
		return -ENOMEM;
	s->fd = real_open(AT(is_upper ? d->upper_fd : d->lowers[0].fd, "."),
			  O_RDONLY | O_DIRECTORY | (is_upper ? 0 : O_NOATIME),
			  &stx);
	return s->fd < 0 ? s->fd : 0;
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
	r = real_statx(AT(s->fd, raw->d_name), &stx);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	ret->d_type = IFTODT(stx.stx_mode);
	r = whiteout_is(t, AT(s->fd, raw->d_name), &stx);
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

static int
stream_list(struct dirstream *s, struct node *n, uint64_t off, dirent_emit emit,
	    void *ctx)
{
	const struct dirent64 *raw;
	struct dirent_info e;
	int64_t at;
	int r;

	if (off != s->next_off) {
		at = real_seek(s->fd, off, SEEK_SET);
		if (at < 0)
			return (int)at;
		s->pos = s->len = 0;
		s->next_off = off;
	}
	for (;;) {
		if (s->pos == s->len) {
			r = stream_fill(s);
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
	is_begun = s->listing || s->fd >= 0;
	if (off == 0 || !is_begun) {
		r = dirstream_start(s, n, c);
		if (r < 0)
			return r;
	}
	if (s->listing)
		return listing_emit(s->listing, off, emit, ctx);
	return stream_list(s, n, off, emit, ctx);
}
