/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Directories: the stack of descriptors that a directory is in the layers, and
 * the lock that holds it and the names below still.
 */
#include <errno.h>
#include <stdlib.h>

#include "node.h"

int
lock_mutex(pthread_mutex_t *m, const struct call *c)
{
	if (c->nowait)
		return pthread_mutex_trylock(m) ? -EAGAIN : 0;
	(void)pthread_mutex_lock(m);
	return 0;
}

int
lock_dir_shared(struct node *dir, const struct call *c)
{
	pthread_rwlock_t *l = &dir->body->dir->lock;

	if (c->nowait)
		return pthread_rwlock_tryrdlock(l) ? -EAGAIN : 0;
	(void)pthread_rwlock_rdlock(l);
	return 0;
}

int
lock_dir_excl(struct node *dir, const struct call *c)
{
	pthread_rwlock_t *l = &dir->body->dir->lock;

	if (c->nowait)
		return pthread_rwlock_trywrlock(l) ? -EAGAIN : 0;
	(void)pthread_rwlock_wrlock(l);
	return 0;
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

void
dir_drop_lowers(struct dir *d)
{
	unsigned i;

	for (i = 0; i < d->nr_lowers; i++)
		if (d->lowers[i].fd >= 0)
			(void)real_close(d->lowers[i].fd);
	d->nr_lowers = 0;
}

void
dir_free(struct dir *d)
{
	if (!d)
		return;
	if (d->upper_fd >= 0)
		(void)real_close(d->upper_fd);
	dir_drop_lowers(d);
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
