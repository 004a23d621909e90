/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copying the blocks of a partial file that nobody has written. The data is
 * read without a lock; then, under the exclusive one, what is still missing is
 * written, and times and capabilities are put back as they were: nobody sees
 * that anything happened.
 */
#include <errno.h>
#include <stdlib.h>

#include "claim.h"
#include "cleanup.h"
#include "macros.h"
#include "partial.h"

#define CAPABILITY "security.capability"

/* Data is copied by so much under the lock, ... */
#define STEP_MAX ((uint64_t)256 << 10)
/* ... and so many blocks of a hole below are counted as here. */
#define HOLE_MAX ((uint64_t)65536)
/* Between two looks at whether a copy-up is still wanted. */
#define SLICE ((uint64_t)8 << 20)

/* Missing blocks that are to come. */
struct step {
	struct partial *p; /* borrowed */
	uint64_t first, nr;
	bool is_hole; /* below */
	char *data; /* owned: of all of them; NULL of a hole */
};

/* What writing takes away. */
struct seen {
	struct statx stx;
	char capability[64];
	ssize_t capability_len; /* <= 0: it has none */
};

/* --- What is to be copied ------------------------------------------------------ */

/* The first missing block from @from on; @end: there is none. */
static uint64_t
next_missing(const struct partial *p, uint64_t from, uint64_t end)
{
	while (from < end && partial_has(p, from))
		from++;
	return from;
}

static uint64_t
nr_missing_at(const struct partial *p, uint64_t first, uint64_t max,
	      uint64_t end)
{
	uint64_t nr = 0;

	while (nr < max && first + nr < end && !partial_has(p, first + nr))
		nr++;
	return nr;
}

/* Choose blocks, about @max bytes. 1; 0: none is missing; or errno. */
static int
choose(struct step *s, uint64_t max)
{
	struct partial *p = s->p;
	uint64_t end = partial_blocks(atomic_load(&p->limit));
	uint64_t nr = MAX(MIN(max, STEP_MAX) / PARTIAL_BLOCK, UINT64_C(1));
	int64_t data;

	s->first = next_missing(p, atomic_load(&p->cursor), end);
	if (s->first >= end)
		s->first = next_missing(p, 0, end);
	if (s->first >= end)
		return 0;
	data = real_seek(p->lower, s->first * PARTIAL_BLOCK, SEEK_DATA);
	if (data == -ENXIO)
		data = INT64_MAX;
	/* An errno: who knows? Then it is none. */
	s->is_hole = data > 0 && (uint64_t)data / PARTIAL_BLOCK > s->first;
	if (s->is_hole)
		nr = MIN((uint64_t)data / PARTIAL_BLOCK - s->first, HOLE_MAX);
	s->nr = nr_missing_at(p, s->first, nr, end);
	if (s->nr == 0)
		return 1; /* came just now */
	atomic_store(&p->cursor, s->first + s->nr);
	if (!s->is_hole)
		s->data = malloc(s->nr * PARTIAL_BLOCK);
	return s->is_hole || s->data ? 1 : -ENOMEM;
}

/* Does it reach behind the limit? Then only as far as that. */
static uint64_t
end_of(const struct partial *p, uint64_t block)
{
	return MIN((block + 1) * PARTIAL_BLOCK, atomic_load(&p->limit));
}

/* --- Bringing it ---------------------------------------------------------------- */

static int
look(const struct partial *p, struct seen *ret)
{
	ret->capability_len =
		real_getxattr(AT(p->upper, ""), CAPABILITY, ret->capability,
			      sizeof(ret->capability));
	return real_statx(AT(p->upper, ""), &ret->stx);
}

static int
restore(const struct partial *p, const struct seen *seen)
{
	struct at at = AT(p->upper, "");
	int r = 0;

	if (seen->capability_len > 0)
		r = real_setxattr(p->u, at, CAPABILITY, seen->capability,
				  (size_t)seen->capability_len, 0);
	return r < 0 ? r : copyup_times(p->u, at, &seen->stx);
}

/* A hole below is one here, unless something was left there. */
static int
bring_hole(struct partial *p, uint64_t begin, uint64_t end)
{
	int64_t data = real_seek(p->upper, begin, SEEK_DATA);
	CLEANUP_FREE char *zeros = NULL;
	int r = 0;

	if (data == -ENXIO || (data >= 0 && (uint64_t)data >= end))
		return 0;
	r = real_punch_hole(p->u, p->upper, begin, end - begin);
	if (r != -EOPNOTSUPP)
		return r;
	zeros = calloc(1, PARTIAL_BLOCK);
	if (!zeros)
		return -ENOMEM;
	for (r = 0; begin < end && r == 0; begin += PARTIAL_BLOCK) {
		struct iovec iov = { zeros,
				     (size_t)MIN(end - begin, PARTIAL_BLOCK) };

		r = partial_write_all(
			p, &(struct partial_iovs){ .iov = &iov, .nr = 1 },
			begin);
	}
	return r;
}

/* Blocks [@first, @first + @nr) of the step, which are all missing. */
static int
bring(const struct step *s, uint64_t first, uint64_t nr)
{
	uint64_t begin = first * PARTIAL_BLOCK;
	uint64_t end = end_of(s->p, first + nr - 1);
	struct iovec iov;
	int r;

	if (s->is_hole)
		return bring_hole(s->p, begin, end);
	iov = (struct iovec){ s->data + (first - s->first) * PARTIAL_BLOCK,
			      (size_t)(end - begin) };
	r = partial_write_all(
		s->p, &(struct partial_iovs){ .iov = &iov, .nr = 1 }, begin);
	/* Best effort: the room. */
	if (r < 0)
		(void)real_punch_hole(s->p->u, s->p->upper, begin, end - begin);
	return r;
}

/* Under p->lock exclusive: those that are still missing. */
static int
bring_all(const struct step *s)
{
	struct partial *p = s->p;
	uint64_t end =
		MIN(s->first + s->nr, partial_blocks(atomic_load(&p->limit)));
	uint64_t b = s->first, nr;
	struct seen seen;
	int r = p->is_done ? 0 : look(p, &seen), r2;

	if (p->is_done || r < 0)
		return r;
	while (r == 0) {
		b = next_missing(p, b, end);
		nr = nr_missing_at(p, b, s->nr, end);
		if (nr == 0)
			return 0;
		r = bring(s, b, nr);
		r2 = restore(p, &seen);
		if (r == 0)
			r = r2 < 0 ? r2 : partial_mark(p, b, nr);
		b += nr;
	}
	return r;
}

int64_t
partial_copy(struct partial *p, uint64_t max)
{
	struct step s = { .p = p };
	uint64_t begin, len;
	int r = choose(&s, max);

	if (r <= 0)
		return r;
	if (s.nr == 0)
		return 1;
	r = 0;
	begin = s.first * PARTIAL_BLOCK;
	len = end_of(p, s.first + s.nr - 1) - begin;
	/* Cut meanwhile: to be looked at again. */
	if (len > s.nr * PARTIAL_BLOCK)
		len = 0;
	if (s.data && len > 0)
		r = partial_read_lower(p, s.data, (size_t)len, begin);
	if (r == 0 && len > 0) {
		(void)pthread_rwlock_wrlock(&p->lock);
		r = bring_all(&s);
		(void)pthread_rwlock_unlock(&p->lock);
	}
	free(s.data);
	if (r < 0)
		return r;
	return s.is_hole || len == 0 ? 1 : (int64_t)len;
}

int
partial_complete(struct partial *p, struct claim *cl)
{
	uint64_t size = atomic_load(&p->limit), told = 0, left;
	int64_t n;
	int r = 0;

	do {
		n = partial_copy(p, STEP_MAX);
		left = MIN(atomic_load(&p->nr_missing) * PARTIAL_BLOCK, size);
		if (n > 0 && size - left >= told + SLICE) {
			told = size - left;
			r = claim_step(cl, told, size);
		}
	} while (n > 0 && r == 0);
	if (n < 0 || r < 0)
		return n < 0 ? (int)n : r;
	return partial_finish(p);
}
