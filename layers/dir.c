/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Directories: the stack of descriptors that a directory is in the layers, and
 * the lock that holds it and the names below still.
 *
 * The descriptors of a directory that nobody has locked may be taken away
 * (fds.c). Locking is the only door: it has them opened again, so whoever has
 * a directory locked may use them. The root's are never closed.
 */
#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "macros.h"
#include "node.h"

int
lock_mutex(pthread_mutex_t *m, const struct call *c)
{
	if (c->nowait)
		return pthread_mutex_trylock(m) ? -EAGAIN : 0;
	(void)pthread_mutex_lock(m);
	return 0;
}

static int
take_shared(struct dir *d, const struct call *c)
{
	if (c->nowait)
		return pthread_rwlock_tryrdlock(&d->lock) ? -EAGAIN : 0;
	(void)pthread_rwlock_rdlock(&d->lock);
	return 0;
}

int
lock_dir_shared(struct node *dir, const struct call *c)
{
	struct dir *d = dir->body->dir;
	int r;

	for (;;) {
		r = take_shared(d, c);
		if (r < 0)
			return r;
		if (!d->is_closed)
			break;
		/* Opening takes the lock exclusive; then it may stay open. */
		(void)pthread_rwlock_unlock(&d->lock);
		r = lock_dir_excl(dir, c);
		if (r < 0)
			return r;
		(void)pthread_rwlock_unlock(&d->lock);
	}
	fds_use(&d->fds);
	return 0;
}

int
lock_dir_excl(struct node *dir, const struct call *c)
{
	struct dir *d = dir->body->dir;
	int r = 0;

	if (c->nowait) {
		if (pthread_rwlock_trywrlock(&d->lock))
			return -EAGAIN;
	} else {
		(void)pthread_rwlock_wrlock(&d->lock);
	}
	if (d->is_closed)
		r = dir_reopen(dir, c);
	if (r < 0)
		(void)pthread_rwlock_unlock(&d->lock);
	else
		fds_use(&d->fds);
	return r;
}

void
unlock_dir(struct node *dir)
{
	(void)pthread_rwlock_unlock(&dir->body->dir->lock);
}

struct dir *
dir_new(unsigned nr_lowers)
{
	struct dir *d = calloc(1, sizeof(*d));
	pthread_rwlockattr_t attr;
	unsigned i;

	if (!d)
		return NULL;
	d->fds.kind = FD_DIR;
	d->upper_fd = -1;
	if (nr_lowers > 0) {
		d->lowers = calloc(nr_lowers, sizeof(*d->lowers));
		if (!d->lowers) {
			free(d);
			return NULL;
		}
	}
	for (i = 0; i < nr_lowers; i++)
		d->lowers[i].fd = -1;
	d->nr_lowers = nr_lowers;
	/* A stream of lookups must not starve a create. */
	(void)pthread_rwlockattr_init(&attr);
	(void)pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(&d->lock, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
	return d;
}

unsigned
dir_nr_fds(const struct dir *d)
{
	return d->is_closed ? 0 : d->has_upper + d->nr_lowers;
}

/* Move all descriptors to @ret; returns how many. */
static unsigned
take_all(struct dir *d, int *ret)
{
	unsigned i, nr = 0;

	if (d->upper_fd >= 0)
		ret[nr++] = take_fd(&d->upper_fd);
	for (i = 0; i < d->nr_lowers; i++)
		if (d->lowers[i].fd >= 0)
			ret[nr++] = take_fd(&d->lowers[i].fd);
	return nr;
}

unsigned
dir_take_fds(struct fd_holder *h, int *ret)
{
	struct dir *d = container_of(h, struct dir, fds);
	unsigned nr = 0;

	if (pthread_rwlock_trywrlock(&d->lock))
		return 0;
	if (!d->is_removed) {
		nr = take_all(d, ret);
		d->is_closed = true;
	}
	(void)pthread_rwlock_unlock(&d->lock);
	return nr;
}

void
dir_adopt(struct tree *t, struct dir *d, struct dir *from)
{
	struct dir_lower *old = d->lowers;

	/* Else one that is being published: not ours yet. */
	if (d->has_upper)
		d->upper_fd = take_fd(&from->upper_fd);
	d->lowers = from->lowers;
	from->lowers = old;
	/* Only where a layer was edited, or what is above became opaque. */
	if (d->nr_lowers != from->nr_lowers)
		d->nr_lowers = from->nr_lowers;
	from->nr_lowers = 0;
	d->is_closed = false;
	fds_add(t, &d->fds, dir_nr_fds(d));
}

void
dir_set_upper(struct tree *t, struct dir *d, int fd)
{
	d->has_upper = true;
	if (d->is_closed) {
		(void)real_close(fd);
		return;
	}
	d->upper_fd = fd;
	fds_add(t, &d->fds, 1);
}

void
dir_drop_lowers(struct tree *t, struct dir *d)
{
	int taken[FDS_MAX_OF_ONE];
	int upper_fd = take_fd(&d->upper_fd);
	unsigned i, nr = take_all(d, taken);

	d->upper_fd = upper_fd;
	d->nr_lowers = 0;
	fds_del(t, &d->fds, nr);
	for (i = 0; i < nr; i++)
		(void)real_close(taken[i]);
}

void
dir_trim(struct dir *d)
{
	struct dir_lower *p;

	if (d->nr_lowers == 0) {
		free(take_ptr(&d->lowers));
		return;
	}
	p = reallocarray(d->lowers, d->nr_lowers, sizeof(*p));
	if (p)
		d->lowers = p;
}

void
dir_free(struct dir *d)
{
	unsigned i;

	if (!d)
		return;
	if (d->upper_fd >= 0)
		(void)real_close(d->upper_fd);
	for (i = 0; i < d->nr_lowers; i++)
		if (d->lowers[i].fd >= 0)
			(void)real_close(d->lowers[i].fd);
	(void)pthread_rwlock_destroy(&d->lock);
	free(d->lowers);
	free(d);
}

int
dir_fd_of(const struct dir *d, unsigned layer)
{
	unsigned i;

	if (layer == 0)
		return d->upper_fd;
	for (i = 0; i < d->nr_lowers; i++)
		if (d->lowers[i].layer == layer)
			return d->lowers[i].fd;
	return -1;
}
