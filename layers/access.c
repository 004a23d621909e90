/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reaching the real object of a node.
 *
 * A directory has descriptors of its own. Anything else is its parent's
 * descriptor in the right layer and its name, held in place by the parent's
 * shared lock; or, once its name is gone, the O_PATH descriptor that was
 * pinned just before.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "node.h"

static uint64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

unsigned
node_now_ms(void)
{
	return (unsigned)(now_ns() / 1000000);
}

bool
layer_is_slow(const struct tree *t, unsigned layer)
{
	long long until =
		atomic_load_explicit(&t->slow_until_ns, memory_order_relaxed);

	if (layer_of(t, layer)->is_slow)
		return true;
	return until != 0 && (long long)now_ns() < until;
}

void
tree_note_duration(struct node *n, uint64_t ns)
{
	if (ns > TREE_SLOW_NS)
		atomic_store_explicit(
			&n->body->tree->slow_until_ns,
			(long long)(now_ns() +
				    TREE_SLOW_FOR_MS * UINT64_C(1000000)),
			memory_order_relaxed);
}

/* The directory that @n has its name in: counted; NULL when detached. */
static struct node *
parent_ref(struct node *n)
{
	struct tree *t = n->body->tree;
	struct node *dir = NULL;

	(void)pthread_mutex_lock(&t->names_lock);
	if (!n->is_detached && n->parent)
		dir = node_ref(n->parent);
	(void)pthread_mutex_unlock(&t->names_lock);
	return dir;
}

struct node *
node_parent(struct node *n)
{
	struct tree *t = n->body->tree;
	struct node *dir;

	(void)pthread_mutex_lock(&t->names_lock);
	dir = node_ref(n->parent ? n->parent : n);
	(void)pthread_mutex_unlock(&t->names_lock);
	return dir;
}

int
node_snapshot_name(struct node *n, struct node **ret_dir, char buf[static 256],
		   struct name *ret_name)
{
	struct tree *t = n->body->tree;
	int r = 0;

	if (n == t->root)
		return -EBUSY;
	(void)pthread_mutex_lock(&t->names_lock);
	if (n->is_detached) {
		r = -ENOENT;
	} else {
		memcpy(buf, n->name, n->name_len);
		*ret_name = (struct name){ buf, n->name_len };
		*ret_dir = node_ref(n->parent);
	}
	(void)pthread_mutex_unlock(&t->names_lock);
	return r;
}

int
node_lock_parent(struct node *n, const struct call *c, bool excl,
		 struct node **ret)
{
	struct node *dir;
	int r;

	for (;;) {
		dir = parent_ref(n);
		if (!dir)
			return -ENOENT;
		r = excl ? lock_dir_excl(dir, c) : lock_dir_shared(dir, c);
		if (r < 0) {
			node_unref(dir);
			return r;
		}
		/* Renamed or removed before we had the lock? Then again. */
		if (__atomic_load_n(&n->parent, __ATOMIC_ACQUIRE) == dir &&
		    !__atomic_load_n(&n->is_detached, __ATOMIC_ACQUIRE))
			break;
		unlock_dir(dir);
		node_unref(dir);
	}
	*ret = dir;
	return 0;
}

static int
access_dir(struct node *n, const struct call *c, struct access *ret)
{
	struct dir *d = n->body->dir;
	int r = lock_dir_shared(n, c);

	if (r < 0)
		return r;
	ret->locked = node_ref(n);
	ret->layer = dir_top_layer(d);
	ret->at = dir_top(d);
	return 0;
}

static int
access_pinned(struct node *n, struct access *ret)
{
	struct body *b = n->body;

	(void)pthread_mutex_lock(body_lock(b));
	ret->at = AT(b->pin_fd, "");
	ret->layer = atomic_load(&b->layer);
	(void)pthread_mutex_unlock(body_lock(b));
	ret->locked = NULL;
	return ret->at.fd < 0 ? -ESTALE : 0;
}

int
access_begin(struct node *n, const struct call *c, struct access *ret)
{
	struct access a = ACCESS_NONE;
	int r;

	if (n->body->dir) {
		r = access_dir(n, c, &a);
	} else {
		r = node_lock_parent(n, c, false, &a.locked);
		if (r == -ENOENT)
			r = access_pinned(n, &a);
		else if (r == 0) {
			a.layer = atomic_load(&n->body->layer);
			a.at = a.layer == 0 && n->body->index_name
				       ? index_entry(n)
				       : AT(dir_fd_of(a.locked->body->dir,
						      a.layer),
					    n->name);
			if (a.at.fd < 0)
				r = -ESTALE;
		}
	}
	if (r == 0 && c->nowait && layer_is_slow(n->body->tree, a.layer))
		r = -EAGAIN;
	if (r < 0) {
		access_end(&a);
		return r;
	}
	*ret = a;
	return 0;
}

void
access_end(struct access *a)
{
	if (!a->locked)
		return;
	unlock_dir(a->locked);
	node_unref(a->locked);
	a->locked = NULL;
}
