/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Real files: what is open in a layer for the handles of an object.
 *
 * A handle points to a real file, shared by the handles of one object that
 * were opened alike. Every operation asks realfile_get() for the one that
 * has the data now, as ovl_real_fdget() does: when body.generation moved, the
 * real file is opened again where the data is. An operation under way keeps
 * the old descriptor until it ends: real files are counted.
 *
 * The descriptor of one that no operation is using may be taken away (fds.c).
 * It is opened again by the name of the handle's node, or by what was pinned
 * when that went; and it must be the same inode.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "cleanup.h"
#include "file.h"
#include "lookup.h"
#include "macros.h"

/* Under body_lock(): an operation begins with @rf, which is open. */
static void
use(struct realfile *rf)
{
	rf->refs++;
	rf->nr_users++;
	fds_use(&rf->fds);
}

/* Under body_lock(): a real file that serves @flags as well, in use; or NULL. */
static struct realfile *
find_shared(struct body *b, int flags)
{
	unsigned generation = atomic_load(&b->generation);
	struct realfile *rf;

	LIST_FOREACH (rf, &b->files, by_body)
		if (rf->flags == flags && rf->generation == generation &&
		    rf->fd >= 0) {
			use(rf);
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
	rf->body = b;
	rf->fds.kind = FD_FILE;
	(void)pthread_mutex_lock(body_lock(b));
	LIST_INSERT_HEAD(&b->files, rf, by_body);
	(void)pthread_mutex_unlock(body_lock(b));
	fds_add(b->tree, &rf->fds, 1);
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
	if (rf->fd < 0)
		return rf->fd == -ENOENT ? -ESTALE : rf->fd;
	rf->dev = statx_dev(ret_stx);
	rf->ino = ret_stx->stx_ino;
	return 0;
}

/* The topmost object is metadata only: its data is below (ovl_path_realdata). */
static int
open_below(struct node *n, const struct call *c, struct realfile *rf, int flags,
	   struct statx *ret_stx)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	CLEANUP_CLOSE int fd = -1;
	struct statx data;
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
	/* Never for writing: what is below is a lower's. */
	rf->fd = real_open(AT(fd, ""),
			   (flags & ~(O_ACCMODE | O_TRUNC)) | O_NOATIME, &data);
	if (rf->fd < 0)
		return rf->fd;
	rf->dev = statx_dev(&data);
	rf->ino = data.stx_ino;
	return 0;
}

/* Open what has the data of @n now; fills in @rf but for its counts. */
static int
open_data(struct node *n, const struct call *c, int flags, struct realfile *rf,
	  struct statx *ret_stx)
{
	int how = flags & ~REALFILE_RANDOM, r;
	struct body *b = n->body;
	bool is_metacopy;

	*rf = (struct realfile){ .flags = flags & REALFILE_FLAGS };
	for (;;) {
		/* Taken before: if the data moves now, we are out of date. */
		rf->generation = atomic_load(&b->generation);
		is_metacopy = atomic_load(&b->is_metacopy);
		r = is_metacopy ? open_below(n, c, rf, how, ret_stx)
				: open_top(n, c, rf, how, ret_stx);
		/* Copied up just now, and without the data? */
		if (r < 0 || is_metacopy || !atomic_load(&b->is_metacopy))
			break;
		(void)real_close(rf->fd);
	}
	if (r == 0 && flags & REALFILE_RANDOM)
		real_access_random(rf->fd);
	return r;
}

/* The same again where no descriptor was free. */
static int
open_fresh(struct node *n, const struct call *c, int flags, struct realfile *rf,
	   struct statx *ret_stx)
{
	int r = open_data(n, c, flags, rf, ret_stx);

	if (fds_shrink(n->body->tree, c, r))
		r = open_data(n, c, flags, rf, ret_stx);
	return r;
}

/* An operation with @rf is over, its reference stays. */
static void
stop_using(struct body *b, struct realfile *rf)
{
	(void)pthread_mutex_lock(body_lock(b));
	rf->nr_users--;
	(void)pthread_mutex_unlock(body_lock(b));
}

int
realfile_open(struct node *n, const struct call *c, int flags,
	      struct realfile **ret, struct statx *ret_stx)
{
	struct body *b = n->body;
	struct realfile *rf = NULL, fresh;
	struct statx stx;
	int r;

	(void)pthread_mutex_lock(body_lock(b));
	if (!(flags & O_TRUNC))
		rf = find_shared(b, flags & REALFILE_FLAGS);
	(void)pthread_mutex_unlock(body_lock(b));
	if (rf && (!ret_stx || !atomic_load(&b->is_metacopy))) {
		r = ret_stx ? real_statx(AT(rf->fd, ""), ret_stx) : 0;
		if (r < 0) {
			(void)realfile_done(b, rf);
			return r;
		}
		stop_using(b, rf);
		*ret = rf;
		return 0;
	}
	if (rf)
		(void)realfile_done(b, rf);
	r = open_fresh(n, c, flags & (REALFILE_FLAGS | O_TRUNC), &fresh, &stx);
	if (r < 0)
		return r;
	if (ret_stx)
		*ret_stx = stx;
	r = realfile_add(b, &fresh, ret);
	fds_sweep(b->tree, c);
	return r;
}

int
realfile_put(struct body *b, struct realfile *rf)
{
	bool last;
	int r = 0;

	(void)pthread_mutex_lock(body_lock(b));
	last = --rf->refs == 0;
	if (last)
		LIST_REMOVE(rf, by_body);
	(void)pthread_mutex_unlock(body_lock(b));
	if (last) {
		fds_drop(b->tree, &rf->fds);
		if (rf->fd >= 0)
			r = real_close(rf->fd);
		free(rf);
	}
	return r;
}

int
realfile_done(struct body *b, struct realfile *rf)
{
	stop_using(b, rf);
	return realfile_put(b, rf);
}

/*
 * May @rf, under body_lock(), be closed for now? Not if an operation uses it, if
 * it could not be opened again with its flags, or if close(2) may wait, or
 * have something to say.
 */
static bool
may_close(const struct realfile *rf, const struct call *c)
{
	bool writes = (rf->flags & O_ACCMODE) != O_RDONLY;
	const struct upper *u = rf->body->tree->layers.upper;
	bool opens_all = u && u->ignores_modes;

	if (rf->refs == 0 || rf->nr_users > 0 || rf->fd < 0 ||
	    rf->body->keeps_files)
		return false;
	/* Nor is a network asked while locks are held. */
	if ((c->nowait || writes || !opens_all) &&
	    layer_of(rf->body->tree, rf->layer)->is_slow)
		return false;
	return opens_all || real_may_open(rf->fd, rf->flags);
}

unsigned
realfile_take_fds(struct fd_holder *h, const struct call *c, int *ret)
{
	struct realfile *rf = container_of(h, struct realfile, fds);
	unsigned nr = 0;

	if (pthread_mutex_trylock(body_lock(rf->body)))
		return 0;
	if (may_close(rf, c))
		ret[nr++] = take_fd(&rf->fd);
	(void)pthread_mutex_unlock(body_lock(rf->body));
	return nr;
}

/*
 * Open @rf, which the caller holds, again. 1: it is open, and in use by one
 * operation more; 0: it is outdated. -ESTALE: a lower was edited behind our
 * back.
 */
static int
reopen(struct node *n, const struct call *c, struct realfile *rf)
{
	struct body *b = n->body;
	struct realfile fresh;
	struct statx stx;
	int r = open_fresh(n, c, rf->flags, &fresh, &stx);

	if (r < 0)
		return r;
	(void)pthread_mutex_lock(body_lock(b));
	if (fresh.dev != rf->dev || fresh.ino != rf->ino) {
		/* Just copied up: the generation has moved, or is about to. */
		if ((fresh.layer != 0 || rf->layer == 0) &&
		    rf->generation == atomic_load(&b->generation))
			r = -ESTALE;
	} else {
		if (rf->fd < 0) {
			rf->fd = take_fd(&fresh.fd);
			fds_add(b->tree, &rf->fds, 1);
		}
		use(rf);
		r = 1;
	}
	(void)pthread_mutex_unlock(body_lock(b));
	if (fresh.fd >= 0)
		(void)real_close(fresh.fd);
	fds_sweep(b->tree, c);
	return r;
}

/*
 * Under body_lock(): must @h, opened before the data moved, or could be written
 * in the upper, go on?
 */
static bool
is_outdated(const struct handle *h, unsigned generation)
{
	const struct realfile *rf = h->real;

	return rf->generation != generation ||
	       rf->flags != (file_real_flags(h) & REALFILE_FLAGS);
}

/* Let @h have a real file of the present generation. */
static int
renew(struct handle *h, const struct call *c)
{
	struct body *b = h->node->body;
	struct realfile *fresh, *old = NULL;
	int r;

	if (c->nowait)
		return -EAGAIN;
	r = realfile_open(h->node, c, file_real_flags(h), &fresh, NULL);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(body_lock(b));
	if (is_outdated(h, fresh->generation)) {
		old = h->real;
		h->real = fresh;
		fresh->refs++;
	}
	(void)pthread_mutex_unlock(body_lock(b));
	if (old)
		(void)realfile_put(b, old); /* read only: nothing to lose */
	(void)realfile_put(b, fresh);
	return 0;
}

int
realfile_get(struct handle *h, const struct call *c, struct realfile **ret)
{
	struct body *b = h->node->body;
	struct realfile *rf;
	bool is_old;
	int r;

	for (;;) {
		(void)pthread_mutex_lock(body_lock(b));
		rf = h->real;
		is_old = is_outdated(h, atomic_load(&b->generation));
		if (!is_old && rf->fd >= 0)
			use(rf);
		else if (!is_old)
			rf->refs++; /* while it is being opened */
		else
			rf = NULL;
		r = rf && rf->fd >= 0;
		(void)pthread_mutex_unlock(body_lock(b));
		if (r) {
			*ret = rf;
			return 0;
		}
		r = is_old ? renew(h, c) : reopen(h->node, c, rf);
		if (rf)
			(void)realfile_put(b, rf);
		if (r > 0)
			*ret = rf;
		if (r != 0)
			return r < 0 ? r : 0;
	}
}

int
realfile_keep(struct node *n, const struct call *c)
{
	struct body *b = n->body;
	struct realfile *rf;
	int r = 0;

	if (b->tree->layers.upper->ignores_modes)
		return 0;
	do {
		(void)pthread_mutex_lock(body_lock(b));
		b->keeps_files = true;
		LIST_FOREACH (rf, &b->files, by_body)
			if (rf->fd < 0 &&
			    rf->generation == atomic_load(&b->generation))
				break;
		if (rf)
			rf->refs++;
		(void)pthread_mutex_unlock(body_lock(b));
		if (rf) {
			r = reopen(n, c, rf);
			if (r > 0)
				(void)realfile_done(b, rf);
			(void)realfile_put(b, rf);
		}
	} while (rf && r >= 0);
	return r == -EAGAIN ? r : 0;
}
