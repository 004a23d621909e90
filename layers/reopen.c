/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Directories whose descriptors were closed: finding them again.
 *
 * Whoever locks one may hold any locks by then, also those of directories
 * above it. So none is waited for: from the directory up, the first one whose
 * descriptors are open and whose lock can be had at once is where the way down
 * begins; at last the root, whose descriptors are const. tree.moves_lock keeps
 * every name on the way as it is. Down it goes as any lookup does (search.c),
 * through redirects, opaque and merged directories. Those on the way whose
 * lock could be had are opened for good, of the others there is a stack for
 * the moment.
 *
 * What is found must be the object that the body is of, by device and inode
 * number; else a lower was edited behind our back: -ESTALE, as where something
 * was removed. The lowers below it are taken as they are now: they are fewer
 * where a directory above has just been made opaque (flatten.c).
 */
#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "search.h"

struct stop {
	struct node *n; /* borrowed: held by the one below */
	bool is_locked; /* exclusive: it will be open for good */
};

struct way {
	const struct call *c;
	struct node *base; /* borrowed; open */
	bool base_is_locked;
	struct stop *stops; /* owned; from the end of the way up */
	size_t nr, size;
};

int
lock_moves(struct tree *t, const struct call *c, bool excl)
{
	pthread_rwlock_t *l = &t->moves_lock;

	if (!c->nowait)
		return excl ? -pthread_rwlock_wrlock(l)
			    : -pthread_rwlock_rdlock(l);
	if (excl ? pthread_rwlock_trywrlock(l) : pthread_rwlock_tryrdlock(l))
		return -EAGAIN;
	return 0;
}

static int
add_stop(struct way *w, struct node *n, bool is_locked)
{
	struct stop *p;

	if (w->nr == w->size) {
		p = reallocarray(w->stops, w->size * 2 + 16, sizeof(*p));
		if (!p)
			return -ENOMEM;
		w->stops = p;
		w->size = w->size * 2 + 16;
	}
	w->stops[w->nr++] = (struct stop){ n, is_locked };
	return 0;
}

/* Can the way begin at @n? If not, it may be locked for being opened. */
static bool
try_base(struct node *n, bool *ret_locked)
{
	struct dir *d = n->body->dir;

	*ret_locked = false;
	if (!n->parent)
		return true;
	if (pthread_rwlock_tryrdlock(&d->lock) == 0) {
		*ret_locked = !d->is_closed;
		if (*ret_locked)
			return true;
		(void)pthread_rwlock_unlock(&d->lock);
	}
	if (pthread_rwlock_trywrlock(&d->lock))
		return false;
	*ret_locked = true;
	return !d->is_closed; /* somebody was faster */
}

/* From above @n up to the base. */
static int
climb(struct way *w, struct node *n)
{
	bool is_locked;
	int r;

	for (n = n->parent; !try_base(n, &is_locked); n = n->parent) {
		r = add_stop(w, n, is_locked);
		if (r < 0 && is_locked)
			(void)pthread_rwlock_unlock(&n->body->dir->lock);
		if (r < 0)
			return r;
	}
	w->base = n;
	w->base_is_locked = is_locked;
	return 0;
}

static void
leave(struct way *w, size_t first)
{
	size_t i;

	if (w->base_is_locked)
		unlock_dir(w->base);
	for (i = first; i < w->nr; i++)
		if (w->stops[i].is_locked)
			unlock_dir(w->stops[i].n);
	free(w->stops);
}

/* @n, locked exclusive, gets what was found under its name. */
static int
install(struct node *n, struct search *s)
{
	const struct body *b = n->body;
	struct dir *d = b->dir;
	const struct statx *top = d->has_upper ? &s->top : &s->top_lower;

	if (d->has_upper
		    ? !s->dir->has_upper
		    : s->dir->nr_lowers == 0 ||
			      s->dir->lowers[0].layer != atomic_load(&b->layer))
		return -ESTALE;
	if (top->stx_ino != b->real_ino || statx_dev(top) != b->real_dev)
		return -ESTALE;
	dir_trim(s->dir);
	dir_adopt(b->tree, d, s->dir);
	return 0;
}

/* One name down from @from; *@ret is where to go on, @ret_temp too if owned. */
static int
step_down(struct way *w, const struct stop *st, const struct dir *from,
	  const struct dir **ret, struct dir **ret_temp)
{
	CLEANUP_SEARCH struct search s =
		SEARCH_INIT(st->n->body->tree, w->c, from, st->n->name);
	int r;

	if (__atomic_load_n(&st->n->is_detached, __ATOMIC_ACQUIRE))
		return -ESTALE;
	r = search_run(&s);
	if (r == 0 && !s.dir)
		r = -ESTALE;
	if (r == 0 && st->is_locked)
		r = install(st->n, &s);
	if (r < 0)
		return r;
	*ret_temp = st->is_locked ? NULL : take_ptr(&s.dir);
	*ret = st->is_locked ? st->n->body->dir : *ret_temp;
	return 0;
}

/*
 * Down to the first stop. *@ret_temp: the stack there, the caller's, unless it
 * is open for good.
 */
static int
descend(struct way *w, struct dir **ret_temp)
{
	const struct dir *d = w->base->body->dir;
	struct dir *temp = NULL, *next;
	size_t i;
	int r = 0;

	for (i = w->nr; i-- > 0 && r == 0;) {
		r = step_down(w, &w->stops[i], d, &d, &next);
		dir_free(temp);
		temp = r == 0 ? next : NULL;
	}
	*ret_temp = temp;
	return r;
}

static int
reopen_once(struct node *n, const struct call *c)
{
	struct way w = { .c = c };
	struct dir *unused;
	int r = add_stop(&w, n, true);

	if (r == 0)
		r = climb(&w, n);
	if (r == 0)
		r = descend(&w, &unused);
	leave(&w, 1);
	return r;
}

int
dir_reopen(struct node *n, const struct call *c)
{
	struct tree *t = n->body->tree;
	int r;

	r = lock_moves(t, c, false);
	if (r < 0)
		return r;
	r = reopen_once(n, c);
	if (fds_shrink(t, c, r))
		r = reopen_once(n, c);
	(void)pthread_rwlock_unlock(&t->moves_lock);
	fds_sweep(t, c);
	return r == -ENOENT || r == -ENOTDIR ? -ESTALE : r;
}

static int
open_upper_once(struct node *n, const struct call *c)
{
	struct way w = { .c = c };
	struct dir *temp = NULL;
	const struct dir *d;
	bool is_locked;
	int r = 0, fd = -ESTALE;

	if (try_base(n, &is_locked)) {
		w.base = n;
		w.base_is_locked = is_locked;
	} else {
		r = add_stop(&w, n, is_locked);
		if (r < 0 && is_locked)
			unlock_dir(n);
		if (r == 0)
			r = climb(&w, n);
		if (r == 0)
			r = descend(&w, &temp);
	}
	d = temp ? temp : n->body->dir;
	if (r == 0 && d->has_upper)
		fd = real_open_path(AT(d->upper_fd, ""));
	dir_free(temp);
	leave(&w, 0);
	return r < 0 ? r : fd;
}

int
dir_open_upper(struct node *n, const struct call *c)
{
	int fd = open_upper_once(n, c);

	if (fds_shrink(n->body->tree, c, fd))
		fd = open_upper_once(n, c);
	return fd;
}
