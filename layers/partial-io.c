/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking at a partial file: what is here is read from the upper, the rest from
 * below. Without a lock: a block that is here stays, and a read beside the
 * write that brings it sees what was there before.
 */
#include <errno.h>

#include "macros.h"
#include "overlay.h"
#include "partial-iov.h"

struct partial_run
partial_run(const struct partial *p, uint64_t off, uint64_t len)
{
	uint64_t limit = atomic_load(&p->limit), end = off + len, next;
	struct partial_run run = { .len = len, .is_here = off >= limit };

	if (run.is_here)
		return run;
	run.is_here = partial_has(p, off / PARTIAL_BLOCK);
	next = (off / PARTIAL_BLOCK + 1) * PARTIAL_BLOCK;
	while (next < end && next < limit &&
	       partial_has(p, next / PARTIAL_BLOCK) == run.is_here)
		next += PARTIAL_BLOCK;
	/* What is behind the limit is here, whatever the last block is. */
	if (next >= limit)
		next = run.is_here ? end : limit;
	run.len = MIN(next, end) - off;
	return run;
}

size_t
partial_iov_size(const struct iovec *iov, unsigned nr_iov)
{
	size_t size = 0;
	unsigned i;

	for (i = 0; i < nr_iov; i++)
		size += iov[i].iov_len;
	return size;
}

unsigned
partial_iov_take(struct partial_iov *from, uint64_t max, struct iovec *ret,
		 size_t *ret_len)
{
	unsigned nr = 0;
	size_t len;

	*ret_len = 0;
	while (from->nr > 0 && nr < PARTIAL_IOV_MAX && *ret_len < max) {
		len = MIN(from->iov->iov_len - from->skip, max - *ret_len);
		if (len > 0)
			ret[nr++] = (struct iovec){
				(char *)from->iov->iov_base + from->skip, len
			};
		*ret_len += len;
		from->skip += len;
		if (from->skip == from->iov->iov_len) {
			from->iov++;
			from->nr--;
			from->skip = 0;
		}
	}
	return nr;
}

/*
 * Fewer bytes came than asked for, the last one before @off, without waiting:
 * the end of the file, or of what is cached?
 */
static ssize_t
settle_short(const struct partial *p, uint64_t off, size_t done)
{
	struct statx stx;
	int r = real_statx(AT(p->upper, ""), &stx);

	if (r < 0)
		return r;
	return off >= stx.stx_size ? (ssize_t)done : -EAGAIN;
}

/* May reading from @layer wait for a disk? */
static bool
may_wait(const struct partial *p, unsigned layer)
{
	return !layer_of(p->t, layer)->is_memory;
}

ssize_t
partial_read(struct partial *p, const struct call *c, const struct iovec *iov,
	     unsigned nr_iov, uint64_t off)
{
	size_t size = partial_iov_size(iov, nr_iov), done = 0, len;
	struct partial_iov rest = { iov, nr_iov, 0 };
	struct iovec part[PARTIAL_IOV_MAX];
	struct partial_run run;
	unsigned layer, nr;
	bool nowait;
	ssize_t n;

	while (done < size) {
		run = partial_run(p, off + done, size - done);
		layer = run.is_here ? 0 : p->lower_layer;
		RETURN_IF_SLOW(p->t, layer, c);
		nowait = c->nowait && may_wait(p, layer);
		nr = partial_iov_take(&rest, run.len, part, &len);
		n = real_preadv(run.is_here ? p->upper : p->lower, part, nr,
				off + done, nowait);
		if (n < 0)
			return done > 0 && n != -EAGAIN ? (ssize_t)done : n;
		done += (size_t)n;
		if ((size_t)n < len)
			return nowait ? settle_short(p, off + done, done)
				      : (ssize_t)done;
	}
	return (ssize_t)done;
}

void
partial_prefetch(const struct partial *p, uint64_t off, uint64_t len)
{
	struct partial_run run;

	for (; len > 0; off += run.len, len -= run.len) {
		run = partial_run(p, off, len);
		real_prefetch(run.is_here ? p->upper : p->lower, off, run.len);
	}
}

/* --- Extents ------------------------------------------------------------------ */

/* So many are looked for in one call. */
#define EXTENTS_MAX 65536

/* The next one to be told, which may still grow. */
struct teller {
	struct extent next;
	extent_emit emit;
	void *ctx;
};

/* False: nobody wants more. */
static bool
tell(struct teller *t, const struct extent *e)
{
	struct extent last = t->next;

	if (e->len == 0)
		return true; /* the file changed just now */
	if (last.len > 0 && last.is_hole == e->is_hole &&
	    last.depth == e->depth) {
		t->next.len += e->len;
		return true;
	}
	t->next = *e;
	return last.len == 0 || t->emit(t->ctx, &last);
}

int
partial_extents(const struct partial *p, uint64_t off, uint64_t len,
		extent_emit emit, void *ctx)
{
	struct teller t = { .emit = emit, .ctx = ctx };
	uint64_t end = off + len, run_end;
	struct partial_run run;
	unsigned nr = 0;
	struct extent e;
	int r;

	while (off < end && nr < EXTENTS_MAX) {
		run = partial_run(p, off, end - off);
		run_end = off + run.len;
		for (; off < run_end && nr < EXTENTS_MAX; off += e.len, nr++) {
			r = file_extent(run.is_here ? p->upper : p->lower, off,
					run_end, &e);
			if (r < 0)
				return r;
			if (!e.is_hole)
				e.depth = run.is_here ? 1 : p->lower_layer + 1;
			if (!tell(&t, &e))
				return 0;
		}
	}
	if (t.next.len > 0)
		(void)emit(ctx, &t.next);
	return 0;
}
