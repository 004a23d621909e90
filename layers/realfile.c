/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Real files: what is open in a layer for the handles of an object.
 *
 * A handle points to a real file, shared by the handles of one object that
 * were opened alike. Every operation asks realfile_get() for the one that
 * has the data now, as ovl_real_fdget() does: when body.generation moved, the
 * real file is opened again where the data is. An operation under way keeps
 * the old descriptor until it ends: real files are counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "cleanup.h"
#include "file.h"
#include "lookup.h"

/* Under b->lock: an open real file that serves @flags as well. */
static struct realfile *
find_shared(struct body *b, int flags)
{
	unsigned generation = atomic_load(&b->generation);
	struct realfile *rf;

	LIST_FOREACH (rf, &b->files, by_body)
		if (rf->flags == flags && rf->generation == generation) {
			rf->refs++;
			return rf;
		}
	return NULL;
}

int
realfile_add(struct body *b, const struct realfile *what, struct realfile **ret)
{
	struct realfile *rf = malloc(sizeof(*rf));

	if (!rf) {
		(void)real_close(what->fd);
		return -ENOMEM;
	}
	*rf = *what;
	rf->refs = 1;
	(void)pthread_mutex_lock(&b->lock);
	LIST_INSERT_HEAD(&b->files, rf, by_body);
	(void)pthread_mutex_unlock(&b->lock);
	*ret = rf;
	return 0;
}

/* The topmost object itself has the data. */
static int
open_top(struct node *n, const struct call *c, struct realfile *rf, int flags,
	 struct statx *ret_stx)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	int r = access_begin(n, c, &a);

	if (r < 0)
		return r;
	rf->layer = a.layer;
	rf->fd = real_open(a.at, flags | (a.layer != 0 ? O_NOATIME : 0),
			   ret_stx);
	return rf->fd == -ENOENT ? -ESTALE : rf->fd;
}

/* The topmost object is metadata only: its data is below (ovl_path_realdata). */
static int
open_below(struct node *n, const struct call *c, struct realfile *rf, int flags,
	   struct statx *ret_stx)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	CLEANUP_CLOSE int fd = -1;
	struct statx unused;
	int r;

	r = lookup_data(n, c, &fd, &rf->layer);
	if (r == 0 && c->nowait && layer_is_slow(n->body->tree, rf->layer))
		r = -EAGAIN;
	if (r == 0)
		r = access_begin(n, c, &a);
	if (r == 0)
		r = real_statx(a.at, ret_stx);
	if (r < 0)
		return r;
	rf->fd = real_open(AT(fd, ""), flags | O_NOATIME, &unused);
	return rf->fd;
}

int
realfile_open(struct node *n, const struct call *c, int flags,
	      struct realfile **ret, struct statx *ret_stx)
{
	struct body *b = n->body;
	struct realfile *rf = NULL, fresh = { .flags = flags & REALFILE_FLAGS };
	struct statx stx;
	int r;

	(void)pthread_mutex_lock(&b->lock);
	if (!(flags & O_TRUNC))
		rf = find_shared(b, fresh.flags);
	(void)pthread_mutex_unlock(&b->lock);
	if (rf && (!ret_stx || !atomic_load(&b->is_metacopy))) {
		*ret = rf;
		return ret_stx ? real_statx(AT(rf->fd, ""), ret_stx) : 0;
	}
	if (rf)
		(void)realfile_put(b, rf);
	/* Taken before the open: if the data moves now, we are out of date. */
	fresh.generation = atomic_load(&b->generation);
	flags &= REALFILE_FLAGS | O_TRUNC;
	if (atomic_load(&b->is_metacopy))
		r = open_below(n, c, &fresh, flags, &stx);
	else
		r = open_top(n, c, &fresh, flags, &stx);
	if (r < 0)
		return r;
	if (ret_stx)
		*ret_stx = stx;
	return realfile_add(b, &fresh, ret);
}

int
realfile_put(struct body *b, struct realfile *rf)
{
	bool last;
	int r = 0;

	(void)pthread_mutex_lock(&b->lock);
	last = --rf->refs == 0;
	if (last)
		LIST_REMOVE(rf, by_body);
	(void)pthread_mutex_unlock(&b->lock);
	if (last) {
		r = real_close(rf->fd);
		free(rf);
	}
	return r;
}

int
realfile_get(struct handle *h, const struct call *c, struct realfile **ret)
{
	struct body *b = h->node->body;
	struct realfile *rf, *fresh, *old = NULL;
	int r;

	(void)pthread_mutex_lock(&b->lock);
	rf = h->real;
	if (rf->generation == atomic_load(&b->generation)) {
		rf->refs++;
		(void)pthread_mutex_unlock(&b->lock);
		*ret = rf;
		return 0;
	}
	(void)pthread_mutex_unlock(&b->lock);
	if (c->nowait)
		return -EAGAIN;
	r = realfile_open(h->node, c, h->flags & ~O_TRUNC, &fresh, NULL);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&b->lock);
	if (h->real->generation != fresh->generation) {
		old = h->real;
		h->real = fresh;
		fresh->refs++;
	}
	(void)pthread_mutex_unlock(&b->lock);
	if (old)
		(void)realfile_put(b, old); /* read only: nothing to lose */
	*ret = fresh;
	return 0;
}
