/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The locks of a node: the table of its body, made at the first lock, and with
 * locks=host the mirror at the host, open while anything is locked.
 *
 * A copy-up moves the mirror: from before the copy has its name until it is
 * the object, the table's lock is held, and both files are locked. So no first
 * lock is set at a file that is about to be hidden, and none is missing where
 * others can reach it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "lock.h"

static bool
is_mirrored(const struct body *b)
{
	return b->tree->layers.features.locks_at_host && S_ISREG(b->type);
}

/* The lock table of @b, made at the first call; NULL: no memory. */
static struct lock_table *
locks_of(struct body *b)
{
	struct lock_host *host;
	struct lock_table *t;

	(void)pthread_mutex_lock(body_lock(b));
	if (!b->locks) {
		host = is_mirrored(b) ? lock_host_new(b->tree) : NULL;
		if (host || !is_mirrored(b))
			b->locks = lock_table_new(host);
	}
	t = b->locks;
	(void)pthread_mutex_unlock(body_lock(b));
	return t;
}

/* Lock @t; 0, or (nowait, locks=host) -EAGAIN. */
static int
lock_table_lock(struct lock_table *t, const struct body *b,
		const struct call *c)
{
	/* Between guests all is done in a moment. */
	if (!t->host || !c->nowait) {
		(void)pthread_mutex_lock(&t->lock);
		return 0;
	}
	RETURN_IF_SLOW(b->tree, atomic_load(&b->layer), c);
	if (pthread_mutex_trylock(&t->lock) != 0)
		return -EAGAIN;
	if (t->nr_held <= LOCK_HOST_INLINE)
		return 0;
	(void)pthread_mutex_unlock(&t->lock);
	return -EAGAIN;
}

/* Unlock @t, and let go of the host where nothing is locked. */
static void
lock_table_unlock(struct lock_table **t)
{
	if (!*t)
		return;
	if ((*t)->host && (*t)->nr_held == 0)
		lock_host_close((*t)->host);
	(void)pthread_mutex_unlock(&(*t)->lock);
}
#define CLEANUP_UNLOCK_TABLE __attribute__((cleanup(lock_table_unlock)))

/* The table of the object of @h, locked; the caller unlocks it. */
static int
lock_table_of(struct handle *h, const struct call *c, struct lock_table **ret)
{
	struct body *b = h->node->body;
	struct lock_table *t = locks_of(b);
	int r = t ? lock_table_lock(t, b, c) : -ENOLCK;

	if (r == 0)
		*ret = t;
	return r;
}

int
tree_lock(struct handle *h, const struct call *c,
	  const struct lock_range *range)
{
	CLEANUP_UNLOCK_TABLE struct lock_table *t = NULL;
	int r = lock_table_of(h, c, &t);

	if (r < 0)
		return r;
	if (range->type != LOCK_RANGE_NONE) {
		atomic_store(&h->has_locks, true);
		if (t->host)
			r = lock_host_open(t->host, h->node, c);
	}
	return r < 0 ? r : lock_table_set(t, h, range);
}

int
tree_getlock(struct handle *h, const struct call *c, struct lock_range *range,
	     char client_id[LOCK_CLIENT_ID_MAX])
{
	CLEANUP_UNLOCK_TABLE struct lock_table *t = NULL;
	struct lock_range asked = *range;
	int r = lock_table_of(h, c, &t);

	if (r < 0)
		return r;
	lock_table_test(t, &asked, client_id);
	if (asked.type == LOCK_RANGE_NONE && t->host) {
		asked = *range;
		r = lock_host_open(t->host, h->node, c);
		if (r == 0)
			r = lock_host_test(t->host, &asked, client_id);
	}
	if (r == 0)
		*range = asked;
	return r;
}

void
lock_node_drop(struct handle *h)
{
	CLEANUP_UNLOCK_TABLE struct lock_table *locked = NULL;

	if (!atomic_load(&h->has_locks))
		return;
	locked = locks_of(h->node->body); /* there since the first lock */
	(void)pthread_mutex_lock(&locked->lock);
	lock_table_drop(locked, h);
}

bool
lock_node_drop_is_slow(struct handle *h)
{
	static const struct call nowait = { .nowait = true };
	struct body *b = h->node->body;
	struct lock_table *t;

	if (!atomic_load(&h->has_locks))
		return false;
	t = locks_of(b);
	if (lock_table_lock(t, b, &nowait) < 0)
		return true;
	(void)pthread_mutex_unlock(&t->lock);
	return false;
}

int
lock_node_move(struct lock_move *m, struct body *b, int fd)
{
	struct lock_host *host;
	int r;

	if (!is_mirrored(b))
		return 0;
	m->t = locks_of(b);
	if (!m->t)
		return -ENOMEM;
	(void)pthread_mutex_lock(&m->t->lock);
	if (m->t->nr_held == 0)
		return 0; /* locked, so that there will be none */
	host = lock_host_new(b->tree);
	if (!host)
		return -ENOMEM;
	r = lock_host_reserve(host, m->t->nr_held);
	/* The same description: it may be written whatever its mode says. */
	fd = r < 0 ? r : real_open_path(AT(fd, ""));
	if (fd >= 0)
		lock_host_open_fd(host, fd);
	r = fd < 0 ? fd : lock_host_set_all(host, m->t);
	if (r < 0) {
		lock_host_free(host);
		return r;
	}
	lock_host_swap(m->t->host, host);
	m->old = host;
	return 0;
}

void
lock_node_moved(struct lock_move *m, bool is_done)
{
	if (!m->t)
		return;
	if (m->old && !is_done)
		lock_host_swap(m->t->host, m->old);
	lock_host_free(m->old);
	(void)pthread_mutex_unlock(&m->t->lock);
}
