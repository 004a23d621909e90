/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who waits without a thread: queued by layers/ behind what another call is
 * doing, and woken when that ends. A plain value, embedded in a request.
 */
#ifndef VENEER_COMMON_WAITER_H
#define VENEER_COMMON_WAITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

struct claim;
struct tree;

struct waiter {
	/* Called once for each time it was parked: any thread, no lock held,
	 * perhaps before the call that parked it has returned. */
	void (*wake)(struct waiter *w);
	void *ctx; /* borrowed; the owner's */
	/* Set by the owner, any thread: nobody wants the result any more */
	atomic_bool is_unwanted;
	/* Set by the call that parks it; cleared by the owner before a call */
	bool is_parked;

	/* layers/, const while parked */
	struct tree *tree; /* borrowed */
	const void *about; /* compared only: what it waits for */
	int what; /* and how much of that */
	/* under tree.copyup_lock */
	struct claim *claim; /* borrowed; NULL: not parked, or woken */
	TAILQ_ENTRY(waiter) by_claim;
	int error; /* what that came to, for the call after waking */
};

static inline void
waiter_init(struct waiter *w, void (*wake)(struct waiter *w), void *ctx)
{
	w->wake = wake;
	w->ctx = ctx;
	atomic_init(&w->is_unwanted, false);
	w->is_parked = false;
	w->claim = NULL;
	w->error = 0;
}

#endif
