/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lock table of one object: a list, since objects with many locks are
 * rare. An owner's locks never overlap each other: what it sets replaces
 * what it had there.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "cleanup.h"
#include "lock.h"
#include "macros.h"

struct held {
	LIST_ENTRY(held) by_table;
	const struct handle *handle; /* borrowed: who set it, never read */
	struct lock_range range; /* client_id points to id */
	char id[LOCK_CLIENT_ID_MAX];
};

struct lock_table {
	pthread_mutex_t lock;
	/* under lock */
	LIST_HEAD(, held) held;
	unsigned nr_held;
};

/* Locks not in use yet: for pieces that a split will make. */
struct spares {
	LIST_HEAD(, held) pieces;
};

struct lock_table *
lock_table_new(void)
{
	struct lock_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	(void)pthread_mutex_init(&t->lock, NULL);
	LIST_INIT(&t->held);
	return t;
}

static void
held_del(struct lock_table *t, struct held *l)
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
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

static void
spares_fini(struct spares *s)
{
	struct held *l;

	while ((l = LIST_FIRST(&s->pieces))) {
		LIST_REMOVE(l, by_table);
		free(l);
	}
}
#define CLEANUP_SPARES __attribute__((cleanup(spares_fini)))

static bool
spares_add(struct spares *s, unsigned nr)
{
	struct held *l;

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

static const struct held *
find_conflict(const struct lock_table *t, const struct lock_range *range)
{
	const struct held *l;

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
held_fill(struct held *l, const struct handle *h,
	  const struct lock_range *range)
{
	l->handle = h;
	l->range = *range;
	memcpy(l->id, range->client_id.ptr, range->client_id.len);
	l->range.client_id.ptr = l->id;
}

static void
held_insert(struct lock_table *t, struct held *l)
{
	LIST_INSERT_HEAD(&t->held, l, by_table);
	t->nr_held++;
}

/* What happens to the table. */
struct change {
	const struct handle *h;
	const struct lock_range *range;
	bool is_drop; /* all that @h set goes, whoever owns it */
};

/* Does the change take away what @l covers of the range? */
static bool
is_replaced(const struct held *l, const struct change *c)
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
cut(struct lock_table *t, struct held *l, const struct lock_range *range,
    struct spares *spares)
{
	bool left = l->range.start < range->start;
	bool right = l->range.end > range->end;
	struct held *piece;

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
clear_range(struct lock_table *t, const struct change *c, struct spares *spares)
{
	struct held *l, *next;

	for (l = LIST_FIRST(&t->held); l; l = next) {
		next = LIST_NEXT(l, by_table);
		if (is_replaced(l, c))
			cut(t, l, c->range, spares);
	}
}

/* How many locks fall into two pieces. */
static unsigned
nr_splits(const struct lock_table *t, const struct change *c)
{
	const struct held *l;
	unsigned nr = 0;

	LIST_FOREACH (l, &t->held, by_table)
		nr += is_replaced(l, c) && l->range.start < c->range->start &&
		      l->range.end > c->range->end;
	return nr;
}

/* Join the new lock with its neighbours of the same owner and type. */
static void
merge(struct lock_table *t, struct held *new)
{
	struct held *l, *next;

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

int
lock_table_set(struct lock_table *t, const struct handle *h,
	       const struct lock_range *range)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &t->lock;
	const struct change c = { .h = h, .range = range };
	CLEANUP_SPARES struct spares spares = { 0 };
	CLEANUP_FREE struct held *new = NULL;
	unsigned nr_new;

	(void)pthread_mutex_lock(lock);
	if (range->start > range->end ||
	    range->client_id.len > LOCK_CLIENT_ID_MAX)
		return -EINVAL;
	if (range->type != LOCK_RANGE_NONE && find_conflict(t, range))
		return -EAGAIN;
	nr_new = nr_splits(t, &c);
	if (!spares_add(&spares, nr_new))
		return -ENOLCK;
	if (range->type != LOCK_RANGE_NONE) {
		new = calloc(1, sizeof(*new));
		if (!new)
			return -ENOLCK;
		nr_new++;
	}
	/* Unlocking piece by piece makes more locks, too. */
	if (nr_new > 0 && t->nr_held + nr_new > LOCK_TABLE_MAX)
		return -ENOLCK;
	clear_range(t, &c, &spares);
	if (!new)
		return 0;
	held_fill(new, h, range);
	held_insert(t, new);
	merge(t, take_ptr(&new));
	return 0;
}

int
lock_table_test(struct lock_table *t, struct lock_range *range,
		char client_id[LOCK_CLIENT_ID_MAX])
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &t->lock;
	const struct held *l;

	(void)pthread_mutex_lock(lock);
	l = find_conflict(t, range);
	if (!l) {
		range->type = LOCK_RANGE_NONE;
		return 0;
	}
	*range = l->range;
	memcpy(client_id, l->id, l->range.client_id.len);
	range->client_id.ptr = client_id;
	return 0;
}

void
lock_table_drop(struct lock_table *t, const struct handle *h)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &t->lock;
	const struct lock_range all = { .type = LOCK_RANGE_NONE,
					.end = UINT64_MAX };
	const struct change c = { .h = h, .range = &all, .is_drop = true };

	(void)pthread_mutex_lock(lock);
	clear_range(t, &c, NULL); /* nothing is left that could split */
}
