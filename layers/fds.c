/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The budget of descriptors.
 *
 * What has descriptors and could open them again is on a clock. When there
 * are more than fds.max, the hand goes round: who was used since it came by
 * last gets another turn, who is busy too; of the others the descriptors are
 * taken away under fds.lock, with nothing but trylocks, and closed after it.
 * They are opened again when they are wanted: directories by reopen.c, files by
 * realfile.c, what is being listed by readdir.c.
 *
 * A holder is freed only after fds_drop(), which needs fds.lock: nobody under
 * it is looking at one that goes.
 */
#include <errno.h>

#include "macros.h"
#include "node.h"

/* Holders looked at before an ordinary sweep gives up. */
#define SWEEP_STEPS 256u

void
fds_init(struct fds *f)
{
	(void)pthread_mutex_init(&f->lock, NULL);
	TAILQ_INIT(&f->clock);
}

void
fds_fini(struct fds *f)
{
	(void)pthread_mutex_destroy(&f->lock);
}

/* Under fds.lock. */
static void
unlist(struct fds *f, struct fd_holder *h)
{
	if (!h->is_listed)
		return;
	TAILQ_REMOVE(&f->clock, h, by_clock);
	h->is_listed = false;
	f->nr_listed--;
}

void
fds_add(struct tree *t, struct fd_holder *h, unsigned nr)
{
	struct fds *f = &t->fds;

	if (nr == 0)
		return;
	fds_use(h);
	(void)pthread_mutex_lock(&f->lock);
	h->nr += nr;
	if (!h->is_listed && !atomic_load(&h->is_kept)) {
		TAILQ_INSERT_TAIL(&f->clock, h, by_clock);
		h->is_listed = true;
		f->nr_listed++;
	}
	atomic_fetch_add(&f->nr, nr);
	(void)pthread_mutex_unlock(&f->lock);
}

void
fds_del(struct tree *t, struct fd_holder *h, unsigned nr)
{
	struct fds *f = &t->fds;

	(void)pthread_mutex_lock(&f->lock);
	h->nr -= nr;
	if (h->nr == 0)
		unlist(f, h);
	atomic_fetch_sub(&f->nr, nr);
	(void)pthread_mutex_unlock(&f->lock);
}

void
fds_drop(struct tree *t, struct fd_holder *h)
{
	struct fds *f = &t->fds;

	(void)pthread_mutex_lock(&f->lock);
	unlist(f, h);
	atomic_fetch_sub(&f->nr, h->nr);
	h->nr = 0;
	(void)pthread_mutex_unlock(&f->lock);
}

void
fds_count(struct tree *t, int delta)
{
	atomic_fetch_add(&t->fds.nr, (unsigned)delta);
}

/* Under fds.lock: take from the holder at the hand what it has, or pass on. */
static unsigned
take_from_first(struct fds *f, const struct call *c, int *ret)
{
	struct fd_holder *h = TAILQ_FIRST(&f->clock);
	unsigned nr = 0;

	if (atomic_load(&h->is_kept)) {
		unlist(f, h);
		return 0;
	}
	if (!atomic_exchange_explicit(&h->is_used, false, memory_order_relaxed))
		switch ((enum fd_kind)h->kind) {
		case FD_DIR:
			nr = dir_take_fds(h, ret);
			break;
		case FD_FILE:
			nr = realfile_take_fds(h, c, ret);
			break;
		case FD_STREAM:
			nr = dirstream_take_fds(h, c, ret);
			break;
		}
	if (nr > 0) {
		unlist(f, h);
		h->nr -= nr;
		atomic_fetch_sub(&f->nr, nr);
	} else {
		TAILQ_REMOVE(&f->clock, h, by_clock);
		TAILQ_INSERT_TAIL(&f->clock, h, by_clock);
	}
	return nr;
}

/* Close until @target are left, or @steps holders were looked at. */
static unsigned
sweep(struct fds *f, const struct call *c, unsigned target, unsigned steps)
{
	unsigned nr, i, closed = 0;
	int taken[2 * FDS_MAX_OF_ONE];

	do {
		nr = 0;
		(void)pthread_mutex_lock(&f->lock);
		while (atomic_load(&f->nr) > target && steps > 0 &&
		       f->nr_listed > 0 && nr <= FDS_MAX_OF_ONE) {
			nr += take_from_first(f, c, taken + nr);
			steps--;
		}
		(void)pthread_mutex_unlock(&f->lock);
		for (i = 0; i < nr; i++)
			(void)real_close(taken[i]);
		closed += nr;
	} while (nr > 0);
	return closed;
}

void
fds_sweep(struct tree *t, const struct call *c)
{
	unsigned max = atomic_load_explicit(&t->fds.max, memory_order_relaxed);

	unsigned nr;

	if (atomic_load_explicit(&t->fds.nr, memory_order_relaxed) <= max)
		return;
	/* Not twice round: what was just opened is to be used first. */
	(void)pthread_mutex_lock(&t->fds.lock);
	nr = MIN(t->fds.nr_listed, SWEEP_STEPS);
	(void)pthread_mutex_unlock(&t->fds.lock);
	(void)sweep(&t->fds, c, max - max / 8, nr);
}

bool
fds_shrink(struct tree *t, const struct call *c, int r)
{
	struct fds *f = &t->fds;

	if (r != -EMFILE && r != -ENFILE)
		return false;
	return sweep(f, c, atomic_load(&f->nr) / 2,
		     3 * atomic_load(&f->nr) + SWEEP_STEPS) > 0;
}
