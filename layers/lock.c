/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lock table of one object: a list, since objects with many locks are
 * rare. An owner's locks never overlap each other: what it sets replaces
 * what it had there. What is locked at the host, too, is locked there before
 * it is in the table.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "cleanup.h"
#include "lock.h"
#include "macros.h"

/* Locks not in use yet: for pieces that a split will make. */
struct spares {
	LIST_HEAD(, lock_held) pieces;
};

struct lock_table *
lock_table_new(struct lock_host *host)
{
	struct lock_table *t = calloc(1, sizeof(*t));

	if (!t) {
		lock_host_free(host);
		return NULL;
	}
	(void)pthread_mutex_init(&t->lock, NULL);
	LIST_INIT(&t->held);
	t->host = host;
	return t;
}

static void
held_del(struct lock_table *t, struct lock_held *l)
{
	LIST_REMOVE(l, by_table);
	t->nr_held--;
	free(l);
}

void
lock_table_free(struct lock_table *t)
{
	if (!t)
		return;
	while (!LIST_EMPTY(&t->held))
		held_del(t, LIST_FIRST(&t->held));
	lock_host_free(t->host);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

static void
spares_fini(struct spares *s)
{
	struct lock_held *l;

	while ((l = LIST_FIRST(&s->pieces))) {
		LIST_REMOVE(l, by_table);
		free(l);
	}
}
#define CLEANUP_SPARES __attribute__((cleanup(spares_fini)))

static bool
spares_add(struct spares *s, unsigned nr)
{
	struct lock_held *l;

	for (; nr > 0; nr--) {
		l = calloc(1, sizeof(*l));
		if (!l)
			return false;
		LIST_INSERT_HEAD(&s->pieces, l, by_table);
	}
	return true;
}

static bool
same_owner(const struct lock_range *a, const struct lock_range *b)
{
	return a->owner == b->owner && a->proc_id == b->proc_id &&
	       a->client_id.len == b->client_id.len &&
	       memcmp(a->client_id.ptr, b->client_id.ptr, a->client_id.len) ==
		       0;
}

static bool
overlaps(const struct lock_range *a, const struct lock_range *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static const struct lock_held *
find_conflict(const struct lock_table *t, const struct lock_range *range)
{
	const struct lock_held *l;

	LIST_FOREACH (l, &t->held, by_table) {
		if (same_owner(&l->range, range) || !overlaps(&l->range, range))
			continue;
		if (l->range.type == LOCK_RANGE_WRITE ||
		    range->type == LOCK_RANGE_WRITE)
			return l;
	}
	return NULL;
}

static void
held_fill(struct lock_held *l, const struct handle *h,
	  const struct lock_range *range)
{
	l->handle = h;
	l->range = *range;
	memcpy(l->id, range->client_id.ptr, range->client_id.len);
	l->range.client_id.ptr = l->id;
}

static void
held_insert(struct lock_table *t, struct lock_held *l)
{
	LIST_INSERT_HEAD(&t->held, l, by_table);
	t->nr_held++;
}

bool
lock_is_replaced(const struct lock_held *l, const struct lock_change *c)
{
	if (!overlaps(&l->range, c->range))
		return false;
	if (!c->is_drop && same_owner(&l->range, c->range))
		return true;
	return c->range->type == LOCK_RANGE_NONE && l->handle == c->h;
}

/*
 * Cut [@range.start, @range.end] out of @l. @spares gives the piece that is
 * needed where something is left on either side.
 */
static void
cut(struct lock_table *t, struct lock_held *l, const struct lock_range *range,
    struct spares *spares)
{
	bool left = l->range.start < range->start;
	bool right = l->range.end > range->end;
	struct lock_held *piece;

	if (left && right) {
		piece = LIST_FIRST(&spares->pieces);
		LIST_REMOVE(piece, by_table);
		held_fill(piece, l->handle, &l->range);
		piece->range.start = range->end + 1;
		held_insert(t, piece);
		l->range.end = range->start - 1;
	} else if (left) {
		l->range.end = range->start - 1;
	} else if (right) {
		l->range.start = range->end + 1;
	} else {
		held_del(t, l);
	}
}

static void
clear_range(struct lock_table *t, const struct lock_change *c,
	    struct spares *spares)
{
	struct lock_held *l, *next;

	for (l = LIST_FIRST(&t->held); l; l = next) {
		next = LIST_NEXT(l, by_table);
		if (lock_is_replaced(l, c))
			cut(t, l, c->range, spares);
	}
}

/* How many locks fall into two pieces. */
static unsigned
nr_splits(const struct lock_table *t, const struct lock_change *c)
{
	const struct lock_held *l;
	unsigned nr = 0;

	LIST_FOREACH (l, &t->held, by_table)
		nr += lock_is_replaced(l, c) &&
		      l->range.start < c->range->start &&
		      l->range.end > c->range->end;
	return nr;
}

/* Join the new lock with its neighbours of the same owner and type. */
static void
merge(struct lock_table *t, struct lock_held *new)
{
	struct lock_held *l, *next;

	for (l = LIST_FIRST(&t->held); l; l = next) {
		next = LIST_NEXT(l, by_table);
		if (l == new || l->range.type != new->range.type ||
		    l->handle != new->handle ||
		    !same_owner(&l->range, &new->range))
			continue;
		if (l->range.end != UINT64_MAX &&
		    l->range.end + 1 == new->range.start)
			new->range.start = l->range.start;
		else if (new->range.end != UINT64_MAX &&new->range.end + 1 ==
			 l->range.start)
			new->range.end = l->range.end;
		else
			continue;
		held_del(t, l);
	}
}

/* Room for what @c adds: pieces and, unless it unlocks, *@ret_new. */
static int
prepare(struct lock_table *t, const struct lock_change *c,
	struct spares *spares, struct lock_held **ret_new)
{
	unsigned nr_new = nr_splits(t, c);

	if (!spares_add(spares, nr_new))
		return -ENOLCK;
	if (c->range->type != LOCK_RANGE_NONE) {
		*ret_new = calloc(1, sizeof(**ret_new));
		if (!*ret_new)
			return -ENOLCK;
		nr_new++;
	}
	/* Unlocking piece by piece makes more locks, too. */
	if (nr_new > 0 && t->nr_held + nr_new > LOCK_TABLE_MAX)
		return -ENOLCK;
	return t->host ? lock_host_reserve(t->host, t->nr_held + nr_new) : 0;
}

int
lock_table_set(struct lock_table *t, const struct handle *h,
	       const struct lock_range *range)
{
	const struct lock_change c = { .h = h, .range = range };
	CLEANUP_SPARES struct spares spares = { 0 };
	CLEANUP_FREE struct lock_held *new = NULL;
	int r;

	if (range->start > range->end ||
	    range->client_id.len > LOCK_CLIENT_ID_MAX)
		return -EINVAL;
	if (range->type != LOCK_RANGE_NONE && find_conflict(t, range))
		return -EBUSY;
	r = prepare(t, &c, &spares, &new);
	if (r == 0 && t->host && new)
		r = lock_host_set(t->host, range);
	if (r < 0)
		return r;
	if (t->host && !new)
		lock_host_unset(t->host, t, &c);
	clear_range(t, &c, &spares);
	if (new) {
		held_fill(new, h, range);
		held_insert(t, new);
		merge(t, take_ptr(&new));
	}
	return 0;
}

void
lock_table_test(const struct lock_table *t, struct lock_range *range,
		char client_id[LOCK_CLIENT_ID_MAX])
{
	const struct lock_held *l = find_conflict(t, range);

	if (!l) {
		range->type = LOCK_RANGE_NONE;
		return;
	}
	*range = l->range;
	memcpy(client_id, l->id, l->range.client_id.len);
	range->client_id.ptr = client_id;
}

void
lock_table_drop(struct lock_table *t, const struct handle *h)
{
	const struct lock_range all = { .type = LOCK_RANGE_NONE,
					.end = UINT64_MAX };
	const struct lock_change c = { .h = h, .range = &all, .is_drop = true };

	if (t->host)
		lock_host_unset(t->host, t, &c);
	clear_range(t, &c, NULL); /* nothing is left that could split */
}
