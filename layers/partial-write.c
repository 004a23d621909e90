/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changing a partial file. What is here is written as in any file. A missing
 * block is claimed; what the write leaves of it is read from below; all of it
 * is written at once, and then its bit. A failure leaves the bit as it is, and
 * so the old data; the room goes back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "partial-iov.h"

/* Blocks that one write brings at a time. */
#define STEP ((uint64_t)1 << 20)

/* What is left to be written. */
struct writing {
	struct partial *p; /* borrowed */
	struct partial_iov data;
	uint64_t off;
	size_t left;
	bool is_sync; /* by partial_pwritev_sync() */
	bool nowait; /* for a claim */
};

/* A part of that, and the missing blocks that it touches. */
struct filling {
	struct iovec part[PARTIAL_IOV_MAX];
	unsigned nr;
	size_t len;
	uint64_t first, nr_blocks;
	uint64_t begin, end; /* bytes: of the blocks, as far as the limit */
};

/* --- Missing blocks ------------------------------------------------------------ */

static void
give_back(struct partial *p, const struct filling *f)
{
	(void)real_punch_hole(p->u, p->upper, f->begin, f->end - f->begin);
}

/* The blocks are claimed: fill them. */
static int
fill(struct writing *w, struct filling *f)
{
	CLEANUP_FREE char *edges = NULL;
	size_t head = (size_t)(w->off - f->begin);
	size_t tail = (size_t)(f->end - (w->off + f->len));
	struct iovec all[PARTIAL_IOV_MAX + 2];
	unsigned nr = 0;
	int r = 0;

	if (head + tail > 0) {
		edges = malloc(head + tail);
		if (!edges)
			return -ENOMEM;
		r = partial_read_lower(w->p, edges, head, f->begin);
		if (r == 0)
			r = partial_read_lower(w->p, edges + head, tail,
					       w->off + f->len);
		if (r < 0)
			return r;
	}
	if (head > 0)
		all[nr++] = (struct iovec){ edges, head };
	memcpy(all + nr, f->part, f->nr * sizeof(*all));
	nr += f->nr;
	if (tail > 0)
		all[nr++] = (struct iovec){ edges + head, tail };
	r = partial_write_all(
		w->p, &(struct partial_iovs){ all, nr, w->is_sync }, f->begin);
	if (r == 0)
		r = partial_mark(w->p, f->first, f->nr_blocks);
	if (r < 0)
		give_back(w->p, f);
	else if (w->is_sync)
		partial_keep_bits(w->p, f->first, f->nr_blocks);
	return r;
}

/*
 * Write the next at most @max bytes, which begin in a missing block and end
 * before the limit. Returns 0 also where another one brought blocks meanwhile,
 * and nothing was done.
 */
static int
write_missing(struct writing *w, uint64_t max)
{
	struct partial_iov before = w->data;
	struct partial *p = w->p;
	struct filling f;
	int r;

	f.nr = partial_iov_take(&w->data, MIN(max, STEP), f.part, &f.len);
	f.first = w->off / PARTIAL_BLOCK;
	f.nr_blocks = partial_blocks(w->off + f.len) - f.first;
	f.begin = f.first * PARTIAL_BLOCK;
	f.end = MIN((f.first + f.nr_blocks) * PARTIAL_BLOCK,
		    atomic_load(&p->limit));
	r = partial_claim(p, f.first, f.nr_blocks, w->nowait);
	if (r <= 0) {
		w->data = before;
		return r;
	}
	r = fill(w, &f);
	partial_release(p, f.first, f.nr_blocks);
	if (r < 0)
		return r;
	w->off += f.len;
	w->left -= f.len;
	return 0;
}

static int
write_here(struct writing *w, uint64_t max)
{
	struct iovec part[PARTIAL_IOV_MAX];
	struct partial_iov before = w->data, unused;
	unsigned nr;
	size_t len;
	ssize_t n;

	nr = partial_iov_take(&w->data, max, part, &len);
	n = w->is_sync ? partial_pwritev_sync(w->p, part, nr, w->off)
		       : real_pwritev(w->p->u, w->p->upper, part, nr, w->off,
				      false);
	if (n <= 0)
		return n < 0 ? (int)n : -ENOSPC;
	if ((size_t)n < len) {
		w->data = unused = before;
		(void)partial_iov_take(&w->data, (uint64_t)n, part, &len);
	}
	w->off += (uint64_t)n;
	w->left -= (size_t)n;
	return 0;
}

/* Under p->lock. 0 or errno; w->left says how far it came. */
static int
write_runs(struct writing *w)
{
	struct partial_run run;
	int r = 0;

	while (w->left > 0 && r == 0) {
		run = partial_run(w->p, w->off, w->left);
		r = run.is_here ? write_here(w, run.len)
				: write_missing(w, run.len);
	}
	return r;
}

/* --- Writing ------------------------------------------------------------------- */

/*
 * Lock p->lock for a change that reaches @end, or (appends) that begins at the
 * end of the file. Returns 0, -EAGAIN (nowait), or errno.
 */
static int
begin(struct partial *p, const struct call *c, uint64_t end, bool appends)
{
	int r;

	if (c->nowait)
		return pthread_rwlock_tryrdlock(&p->lock) ? -EAGAIN : 0;
	if (!appends) {
		(void)pthread_rwlock_rdlock(&p->lock);
		if (!partial_is_limit_behind(p, end))
			return 0;
		(void)pthread_rwlock_unlock(&p->lock);
	}
	(void)pthread_rwlock_wrlock(&p->lock);
	r = partial_is_limit_behind(p, end) ? partial_keep_limit(p) : 0;
	if (r < 0)
		(void)pthread_rwlock_unlock(&p->lock);
	return r;
}

/*
 * Under p->lock: can all of it be written without waiting? So it can if nothing
 * has to be brought from below.
 */
static bool
is_easy(const struct partial *p, uint64_t off, size_t len)
{
	struct partial_run run = partial_run(p, off, len);
	uint64_t end = off + len;

	if (run.len < len || partial_is_limit_behind(p, end))
		return false;
	return run.is_here ||
	       (off % PARTIAL_BLOCK == 0 && len <= STEP &&
		(end % PARTIAL_BLOCK == 0 || end == atomic_load(&p->limit)));
}

/*
 * Is it worth while to sync just these bytes? Not the first time, nor where it
 * would take several syncs.
 */
static bool
is_narrow(struct partial *p, const struct partial_data *d, size_t size)
{
	return d->is_sync && !d->appends && size <= STEP &&
	       partial_is_established(p);
}

static ssize_t
write_locked(struct partial *p, const struct call *c,
	     const struct partial_data *d, size_t size)
{
	struct writing w = {
		p,        { d->iov, d->nr_iov, 0 }, d->off, size, d->is_narrow,
		c->nowait
	};
	struct statx stx;
	int r;

	if (d->appends) {
		r = real_statx(AT(p->upper, ""), &stx);
		if (r < 0)
			return r;
		w.off = stx.stx_size;
	}
	if (c->nowait && !is_easy(p, w.off, size))
		return -EAGAIN;
	r = write_runs(&w);
	return r < 0 && w.left == size ? r : (ssize_t)(size - w.left);
}

ssize_t
partial_write(struct partial *p, const struct call *c, struct partial_data *d)
{
	size_t size = partial_iov_size(d->iov, d->nr_iov);
	uint64_t end;
	ssize_t n;
	int r;

	if (size == 0)
		return 0;
	if (__builtin_add_overflow(d->off, size, &end) || end > INT64_MAX)
		return d->off > INT64_MAX ? -EINVAL : -EFBIG;
	RETURN_IF_SLOW(p->t, 0, c);
	if (c->nowait && d->appends)
		return -EAGAIN;
	d->is_narrow = is_narrow(p, d, size);
	r = begin(p, c, d->appends ? UINT64_MAX : end, d->appends);
	if (r < 0)
		return r;
	n = write_locked(p, c, d, size);
	(void)pthread_rwlock_unlock(&p->lock);
	return n;
}

/* --- Zeros ----------------------------------------------------------------------- */

/* A range that becomes zeros; under p->lock. */
struct zeroing {
	struct partial *p; /* borrowed */
	struct file_zero file;
};

/* The edge of a missing block. */
static int
zero_edge(const struct zeroing *z, uint64_t off, uint64_t len)
{
	static const char zeros[PARTIAL_BLOCK];
	struct iovec iov = { (void *)(uintptr_t)zeros, (size_t)len };
	struct writing w = { z->p,        { &iov, 1, 0 }, off,
			     (size_t)len, false,          false };

	return z->file.how == ZERO_TRIM ? 0 : write_runs(&w);
}

/*
 * Whole missing blocks: their data need not be brought. 1; 0: some came
 * meanwhile, look again; or errno.
 */
static int
zero_blocks(const struct zeroing *z, uint64_t first, uint64_t nr)
{
	struct partial *p = z->p;
	uint64_t begin = first * PARTIAL_BLOCK;
	uint64_t end =
		MIN((first + nr) * PARTIAL_BLOCK, atomic_load(&p->limit));
	bool is_trim = z->file.how == ZERO_TRIM;
	int r;

	r = partial_claim(p, first, nr, false);
	if (r <= 0)
		return r;
	/* An earlier try, lost in a crash, may have left something there. */
	r = is_trim ? real_punch_hole(p->u, p->upper, begin, end - begin)
		    : file_zero_range(&z->file, begin, end - begin);
	if (r == 0)
		r = partial_mark(p, first, nr);
	partial_release(p, first, nr);
	if (r == -EOPNOTSUPP && is_trim)
		r = 0; /* they may stay */
	return r < 0 ? r : 1;
}

/*
 * The missing part [@off, @end) of a range. Returns how much of it is done,
 * which may be nothing, or errno.
 */
static int64_t
zero_missing(const struct zeroing *z, uint64_t off, uint64_t end)
{
	uint64_t limit = atomic_load(&z->p->limit);
	uint64_t first = off / PARTIAL_BLOCK, nr, next;
	int r;

	if (off % PARTIAL_BLOCK != 0) {
		next = MIN(end, (first + 1) * PARTIAL_BLOCK);
		r = zero_edge(z, off, next - off);
		return r < 0 ? r : (int64_t)(next - off);
	}
	nr = (end == limit ? partial_blocks(end) : end / PARTIAL_BLOCK) - first;
	if (nr == 0) {
		r = zero_edge(z, off, end - off);
		return r < 0 ? r : (int64_t)(end - off);
	}
	r = zero_blocks(z, first, nr);
	if (r <= 0)
		return r;
	return (int64_t)(MIN((first + nr) * PARTIAL_BLOCK, end) - off);
}

int
partial_zero(struct partial *p, const struct call *c,
	     const struct partial_zeros *what)
{
	const struct zeroing z = { p, { p->u, c, p->upper, what->how } };
	CLEANUP_RWUNLOCK pthread_rwlock_t *lock = &p->lock;
	uint64_t off = what->off;
	struct partial_run run;
	int64_t n = 0;

	(void)pthread_rwlock_rdlock(lock);
	while (off < what->end && n >= 0) {
		run = partial_run(p, off, what->end - off);
		if (run.is_here) {
			n = file_zero_range(&z.file, off, run.len);
			off += run.len;
			continue;
		}
		n = zero_missing(&z, off, off + run.len);
		off += n > 0 ? (uint64_t)n : 0;
	}
	return n < 0 ? (int)n : 0;
}

/* --- Size ------------------------------------------------------------------------ */

/* The file ends at @size now; what comes back behind that is zeros. */
static void
cut(struct partial *p, uint64_t size)
{
	uint64_t first = partial_blocks(size), i;
	size_t words = partial_map_words(&p->map);

	if (size >= atomic_load(&p->limit))
		return;
	for (i = first; i < p->map.nr_blocks; i++)
		atomic_fetch_or(&p->live[i / 64], UINT64_C(1) << (i % 64));
	(void)pthread_mutex_lock(&p->blocks_lock);
	if (first < p->map.nr_blocks)
		partial_note_changed(p, (struct partial_words){
						(size_t)(first / 64),
						words - (size_t)(first / 64) });
	(void)pthread_mutex_unlock(&p->blocks_lock);
	atomic_store(&p->limit, size);
	partial_count(p);
}

int
partial_truncate(struct partial *p, uint64_t size, bool keeps_same)
{
	CLEANUP_RWUNLOCK pthread_rwlock_t *lock = &p->lock;
	int r = 0;

	(void)pthread_rwlock_wrlock(lock);
	if (partial_is_limit_behind(p, size))
		r = partial_keep_limit(p);
	if (r == 0)
		r = keeps_same ? real_truncate_changed(p->u, p->upper, size)
			       : real_truncate(p->u, p->upper, size);
	if (r == -EACCES && keeps_same)
		r = real_truncate(p->u, p->upper, size);
	if (r == 0)
		cut(p, size);
	return r;
}
