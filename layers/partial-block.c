/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The blocks of a partial file. A bit says that the block's data is in the
 * upper. It is written to the map after that data, and before anybody is told;
 * it never goes away. Who writes a part of a missing block claims it while the
 * rest of it is brought, so that two who do meet; whoever looks does not wait.
 */
#include <errno.h>

#include "cleanup.h"
#include "macros.h"
#include "partial.h"

/* Of so many words of bits at a time it is written that they are set. */
#define MARK_WORDS 128

static bool
has_bit(const uint64_t *words, uint64_t i)
{
	return words[i / 64] >> (i % 64) & 1;
}

void
partial_count(struct partial *p)
{
	uint64_t end = partial_blocks(atomic_load(&p->limit)), nr = 0;
	size_t w;

	for (w = 0; w < end / 64; w++)
		nr += (uint64_t)__builtin_popcountll(~atomic_load(&p->live[w]));
	if (end % 64 != 0)
		nr += (uint64_t)__builtin_popcountll(
			~atomic_load(&p->live[w]) &
			((UINT64_C(1) << end % 64) - 1));
	atomic_store(&p->nr_missing, nr);
}

void
partial_note_changed(struct partial *p, struct partial_words range)
{
	size_t end =
		MAX(p->changed.first + p->changed.nr, range.first + range.nr);

	if (range.nr == 0)
		return;
	if (p->changed.nr == 0) {
		p->changed = range;
		return;
	}
	p->changed.first = MIN(p->changed.first, range.first);
	p->changed.nr = end - p->changed.first;
}

/* Under blocks_lock. */
static bool
is_claimed(const struct partial *p, uint64_t first, uint64_t nr)
{
	uint64_t i;

	for (i = first; i < first + nr; i++)
		if (has_bit(p->claimed, i))
			return true;
	return false;
}

int
partial_claim(struct partial *p, uint64_t first, uint64_t nr, bool nowait)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->blocks_lock;
	uint64_t i;

	(void)pthread_mutex_lock(lock);
	while (is_claimed(p, first, nr)) {
		if (nowait)
			return -EAGAIN;
		(void)pthread_cond_wait(&p->blocks_free, lock);
	}
	for (i = first; i < first + nr; i++)
		if (partial_has(p, i))
			return 0;
	for (i = first; i < first + nr; i++)
		p->claimed[i / 64] |= UINT64_C(1) << (i % 64);
	return 1;
}

void
partial_release(struct partial *p, uint64_t first, uint64_t nr)
{
	uint64_t i;

	(void)pthread_mutex_lock(&p->blocks_lock);
	for (i = first; i < first + nr; i++)
		p->claimed[i / 64] &= ~(UINT64_C(1) << (i % 64));
	(void)pthread_cond_broadcast(&p->blocks_free);
	(void)pthread_mutex_unlock(&p->blocks_lock);
}

/* The bits of [@first, @first + @nr) in word @w. */
static uint64_t
bits_in(size_t w, uint64_t first, uint64_t nr)
{
	uint64_t from = MAX(first, w * UINT64_C(64)) - w * UINT64_C(64);
	uint64_t to =
		MIN(first + nr, (w + 1) * UINT64_C(64)) - w * UINT64_C(64);
	uint64_t below_to = to == 64 ? ~UINT64_C(0) : (UINT64_C(1) << to) - 1;

	return below_to & ~((UINT64_C(1) << from) - 1);
}

/* Under blocks_lock: the bits of @range, of those blocks. */
static int
mark_words(struct partial *p, struct partial_words range, uint64_t first,
	   uint64_t nr)
{
	uint64_t words[MARK_WORDS], old, gained = 0;
	size_t i;
	int r;

	for (i = 0; i < range.nr; i++) {
		old = atomic_load(&p->live[range.first + i]);
		words[i] = old | bits_in(range.first + i, first, nr);
		gained += (uint64_t)__builtin_popcountll(words[i] & ~old);
	}
	if (gained == 0)
		return 0;
	r = partial_map_write_bits(p->u, &p->map, PARTIAL_LIVE, words, range);
	if (r < 0)
		return r;
	for (i = 0; i < range.nr; i++)
		atomic_store_explicit(&p->live[range.first + i], words[i],
				      memory_order_release);
	partial_note_changed(p, range);
	atomic_fetch_sub(&p->nr_missing, gained);
	return 0;
}

int
partial_mark(struct partial *p, uint64_t first, uint64_t nr)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->blocks_lock;
	size_t end = (size_t)((first + nr - 1) / 64) + 1;
	struct partial_words range = { (size_t)(first / 64), 0 };
	int r = 0;

	(void)pthread_mutex_lock(lock);
	for (; range.first < end && r == 0; range.first += range.nr) {
		range.nr = MIN(end - range.first, (size_t)MARK_WORDS);
		r = mark_words(p, range, first, nr);
	}
	return r;
}

int
partial_read_lower(const struct partial *p, char *buf, size_t len, uint64_t off)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		struct iovec iov = { buf + done, len - done };

		n = real_preadv(p->lower, &iov, 1, off + done, false);
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		done += (size_t)n;
	}
	return 0;
}

int
partial_write_all(struct partial *p, struct partial_iovs *all, uint64_t off)
{
	struct iovec *iov = all->iov;
	unsigned nr_iov = all->nr;
	ssize_t n;

	while (nr_iov > 0) {
		n = all->is_sync ? partial_pwritev_sync(p, iov, nr_iov, off)
				 : real_pwritev(p->u, p->upper, iov, nr_iov,
						off, false);
		if (n <= 0)
			return n < 0 ? (int)n : -ENOSPC;
		off += (uint64_t)n;
		for (; nr_iov > 0 && (size_t)n >= iov->iov_len; nr_iov--, iov++)
			n -= (ssize_t)iov->iov_len;
		if (nr_iov > 0) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}
