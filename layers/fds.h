/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors that can be closed and opened again: who holds some, and how
 * many a tree may have. Private to layers/.
 */
#ifndef VENEER_LAYERS_FDS_H
#define VENEER_LAYERS_FDS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct call;
struct tree;

/* Who; says how they are taken away (fds.c). */
enum fd_kind { FD_DIR, FD_FILE, FD_STREAM };

/* Embedded in an object that has descriptors; zero: it has none. */
struct fd_holder {
	/* under fds.lock */
	TAILQ_ENTRY(fd_holder) by_clock;
	unsigned nr; /* open ones */
	bool is_listed;
	atomic_bool is_used; /* since the clock's hand came by */
	atomic_bool is_kept; /* they cannot be had again: never closed */
	uint8_t kind; /* const; enum fd_kind */
};

/* Of a tree. */
struct fds {
	pthread_mutex_t lock;
	/* under lock */
	TAILQ_HEAD(fd_clock, fd_holder) clock; /* the hand is at the head */
	unsigned nr_listed;

	atomic_uint nr; /* open now, of all kinds */
	atomic_uint max; /* that there should be */
};

/* The most that one holder has: a directory in each layer. */
#define FDS_MAX_OF_ONE 512

void fds_init(struct fds *f);
void fds_fini(struct fds *f);

/* @h has so many more, or less. Locks nothing but fds.lock. */
void fds_add(struct tree *t, struct fd_holder *h, unsigned nr);
void fds_del(struct tree *t, struct fd_holder *h, unsigned nr);
/* @h has none any more, and goes. */
void fds_drop(struct tree *t, struct fd_holder *h);
/* The same for descriptors that are never closed for want of others. */
void fds_count(struct tree *t, int delta);

/* Somebody used them: they stay for another turn of the clock. */
static inline void
fds_use(struct fd_holder *h)
{
	if (!atomic_load_explicit(&h->is_used, memory_order_relaxed))
		atomic_store_explicit(&h->is_used, true, memory_order_relaxed);
}

/*
 * Close some where there are more than there should be. Any locks may be
 * held: what is locked is passed over.
 */
void fds_sweep(struct tree *t, const struct call *c);
/*
 * Is @r what an open says that found no descriptor free, and have some been
 * closed now? Then it is worth another try.
 */
bool fds_shrink(struct tree *t, const struct call *c, int r);

/*
 * Take the descriptors of a holder that nobody uses right now: they go to
 * @ret, which has room for FDS_MAX_OF_ONE. Returns how many; 0: it is busy.
 * Under fds.lock; waits for no lock.
 */
unsigned dir_take_fds(struct fd_holder *h, int *ret);
unsigned realfile_take_fds(struct fd_holder *h, const struct call *c, int *ret);
unsigned dirstream_take_fds(struct fd_holder *h, const struct call *c,
			    int *ret);

#endif
