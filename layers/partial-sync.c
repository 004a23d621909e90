/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of a partial file is on disk, and how it becomes a whole one.
 *
 * A flush takes the bits that are set, syncs the file, and only then writes
 * them to the map as durable, and syncs that. After a power failure the
 * durable ones count; none of them says more than what is on disk.
 *
 * A synchronous write does without all that: its bytes go to disk by themselves
 * (RWF_DSYNC), and so do the bits of blocks that it has brought whole. Of a
 * block that was written before, and not synced, that would say too much: then
 * all is flushed.
 *
 * The mark says whether its map was ever brought to disk. Until the first
 * flush it was not, nothing is promised, and after a power failure whatever
 * is there as a map is made anew: becoming partial syncs nothing.
 *
 * The end: the data is synced, then the metacopy mark goes, as the kernel
 * does it; from there on everybody sees a whole file. Our mark goes, and that
 * is synced before the map goes: a mark without its map would be damage.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "macros.h"
#include "partial.h"

/* Of so many blocks at a time bits are kept by themselves. */
#define PARTIAL_KEEP_MAX 512

/* The range of words in which @now has bits that @old has not. */
static struct partial_words
new_words(const uint64_t *now, const uint64_t *old, size_t nr)
{
	size_t first = 0;

	while (first < nr && !(now[first] & ~old[first]))
		first++;
	while (nr > first && !(now[nr - 1] & ~old[nr - 1]))
		nr--;
	return (struct partial_words){ first, nr - first };
}

/* Under flush_lock. What one sync failed with no later one takes back. */
static int
sync_data(struct partial *p, bool datasync)
{
	if (p->sync_error == 0)
		p->sync_error = real_fsync(p->u, p->upper, datasync);
	return p->sync_error;
}

/* Under flush_lock: the map is on disk, and now the mark says so. */
static int
establish(struct partial *p)
{
	struct partial_mark mark = { .is_established = true };
	int r = partial_maps_sync(p->t);

	memcpy(mark.key, p->map.key, sizeof(mark.key));
	memcpy(mark.boot, p->t->partials->boot, sizeof(mark.boot));
	if (r == 0)
		r = partial_mark_set(p->t, AT(p->upper, ""), &mark);
	if (r == 0)
		r = sync_data(p, false);
	p->is_established = r == 0;
	return r;
}

/* Under flush_lock: bring the map to disk, where it @has_changed. */
static int
sync_map(struct partial *p, bool has_changed)
{
	int r = 0;

	if (has_changed || !p->is_established)
		r = real_fsync(p->u, p->map.fd, p->is_established);
	if (r == 0 && !p->is_established)
		r = establish(p);
	return r;
}

static struct partial_words
take_changed(struct partial *p)
{
	struct partial_words range;

	(void)pthread_mutex_lock(&p->blocks_lock);
	range = p->changed;
	p->changed = (struct partial_words){ 0 };
	(void)pthread_mutex_unlock(&p->blocks_lock);
	return range;
}

static void
give_changed_back(struct partial *p, struct partial_words range)
{
	(void)pthread_mutex_lock(&p->blocks_lock);
	partial_note_changed(p, range);
	(void)pthread_mutex_unlock(&p->blocks_lock);
}

/* Under flush_lock: the data, and then the bits of @range. */
static int
flush_range(struct partial *p, struct partial_words range, bool datasync)
{
	CLEANUP_FREE uint64_t *now = malloc((range.nr + 1) * sizeof(*now));
	struct partial_words part;
	size_t i;
	int r;

	if (!now)
		return -ENOMEM;
	for (i = 0; i < range.nr; i++)
		now[i] = atomic_load(&p->live[range.first + i]);
	r = sync_data(p, datasync);
	if (r < 0)
		return r;
	part = new_words(now, p->durable + range.first, range.nr);
	r = partial_map_write_bits(
		p->u, &p->map, PARTIAL_DURABLE, now + part.first,
		(struct partial_words){ range.first + part.first, part.nr });
	if (r == 0)
		r = sync_map(p, part.nr > 0);
	if (r == 0)
		memcpy(p->durable + range.first, now, range.nr * sizeof(*now));
	return r;
}

int
partial_flush(struct partial *p, bool datasync)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->flush_lock;
	struct partial_words range;
	int r;

	(void)pthread_mutex_lock(lock);
	/* The map is going, and the mark must not come back. */
	if (p->is_done)
		return sync_data(p, datasync);
	range = take_changed(p);
	r = flush_range(p, range, datasync);
	if (r < 0)
		give_changed_back(p, range);
	return r;
}

/* --- Synchronous writes --------------------------------------------------- */

bool
partial_is_established(struct partial *p)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->flush_lock;

	(void)pthread_mutex_lock(lock);
	return p->is_established;
}

ssize_t
partial_pwritev_sync(struct partial *p, const struct iovec *iov,
		     unsigned nr_iov, uint64_t off)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = NULL;
	ssize_t n = real_pwritev(p->u, p->upper, iov, nr_iov, off, true);

	if (n >= 0)
		return n;
	/* No room for these bytes; else it was others that are lost. */
	if ((n == -ENOSPC || n == -EDQUOT) &&
	    real_pwritev(p->u, p->upper, iov, nr_iov, off, false) < 0)
		return n;
	lock = &p->flush_lock;
	(void)pthread_mutex_lock(lock);
	if (p->sync_error == 0)
		p->sync_error = (int)n;
	return n;
}

static bool
is_durable(const struct partial *p, uint64_t block)
{
	return p->durable[block / 64] >> (block % 64) & 1;
}

void
partial_keep_bits(struct partial *p, uint64_t first, uint64_t nr)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->flush_lock;
	uint64_t now[PARTIAL_KEEP_MAX / 64 + 2], i;
	struct partial_words range = { (size_t)(first / 64), 0 };

	if (nr > PARTIAL_KEEP_MAX)
		return;
	range.nr = (size_t)((first + nr - 1) / 64) - range.first + 1;
	(void)pthread_mutex_lock(lock);
	if (!p->is_established || p->is_done || p->sync_error < 0)
		return;
	memcpy(now, p->durable + range.first, range.nr * sizeof(*now));
	for (i = first; i < first + nr; i++)
		now[i / 64 - range.first] |= UINT64_C(1) << (i % 64);
	if (partial_map_write_bits(p->u, &p->map, PARTIAL_DURABLE, now,
				   range) == 0 &&
	    sync_map(p, true) == 0)
		memcpy(p->durable + range.first, now, range.nr * sizeof(*now));
}

/* Under flush_lock. What is behind the limit needs no bits. */
static bool
are_durable(const struct partial *p, uint64_t off, uint64_t end)
{
	uint64_t last = partial_blocks(MIN(end, atomic_load(&p->limit))), i;

	for (i = off / PARTIAL_BLOCK; i < last; i++)
		if (!is_durable(p, i))
			return false;
	return true;
}

int
partial_flush_written(struct partial *p, const struct partial_data *d,
		      uint64_t len)
{
	bool is_there;
	int r;

	if (!d->is_narrow)
		return partial_flush(p, true);
	(void)pthread_mutex_lock(&p->flush_lock);
	is_there = are_durable(p, d->off, d->off + len);
	r = p->sync_error;
	(void)pthread_mutex_unlock(&p->flush_lock);
	return r < 0 || is_there ? r : partial_flush(p, true);
}

/* --- The limit ------------------------------------------------------------ */

bool
partial_is_limit_behind(const struct partial *p, uint64_t end)
{
	uint64_t limit = atomic_load(&p->limit);

	return end > limit && p->map.limit > limit;
}

int
partial_keep_limit(struct partial *p)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->flush_lock;
	uint64_t old = p->map.limit;
	int r;

	(void)pthread_mutex_lock(lock);
	if (p->is_done)
		return 0;
	/* First that the file is so short: else what was cut off would be
	 * zeros, neither old nor new. */
	r = sync_data(p, false);
	if (r < 0)
		return r;
	p->map.limit = atomic_load(&p->limit);
	r = partial_map_write(p->u, &p->map);
	if (r == 0)
		r = sync_map(p, true);
	if (r < 0)
		p->map.limit = old;
	return r;
}

/* --- The end ------------------------------------------------------------------- */

/* From now on the body is a whole file; all in one step for realfile_get(). */
static void
flip(struct partial *p)
{
	struct body *b = p->body;

	(void)pthread_mutex_lock(body_lock(b));
	atomic_store(&b->is_metacopy, false);
	atomic_store(&b->is_partial, false);
	atomic_fetch_add(&b->generation, 1);
	if (b->partial == p) {
		b->partial = NULL;
		p->refs--;
	}
	(void)pthread_mutex_unlock(body_lock(b));
}

static int
sync_all(struct partial *p)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->flush_lock;

	(void)pthread_mutex_lock(lock);
	return sync_data(p, false);
}

/* Under p->lock exclusive. 1: it is whole now; 0: it was, or is not yet. */
static int
finish_locked(struct partial *p)
{
	int r;

	if (p->is_done || atomic_load(&p->nr_missing) > 0)
		return 0;
	r = sync_all(p);
	if (r == 0)
		r = private_remove(p->t, AT(p->upper, ""), PRIVATE_METACOPY);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&p->flush_lock);
	p->is_done = true;
	(void)pthread_mutex_unlock(&p->flush_lock);
	flip(p);
	return 1;
}

/* Not between a bit and its being counted: the last one may be that. */
static bool
is_complete(struct partial *p)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->blocks_lock;

	(void)pthread_mutex_lock(lock);
	return atomic_load(&p->nr_missing) == 0;
}

int
partial_finish(struct partial *p)
{
	int r;

	if (!is_complete(p))
		return 0;
	/* Most of it while others go on. */
	r = sync_all(p);
	if (r < 0)
		return r;
	(void)pthread_rwlock_wrlock(&p->lock);
	r = finish_locked(p);
	(void)pthread_rwlock_unlock(&p->lock);
	if (r != 1)
		return r;
	/* It is whole: what stays now, the next start removes. */
	if (private_remove(p->t, AT(p->upper, ""), PRIVATE_PARTIAL) == 0 &&
	    real_fsync(p->u, p->upper, false) == 0)
		(void)partial_maps_del(p->t, p->map.key);
	return 0;
}
