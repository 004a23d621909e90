/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Claims: who is copying an object up, who waits for that, how far it is.
 * One copy, however many ask. Private to layers/.
 */
#ifndef VENEER_LAYERS_CLAIM_H
#define VENEER_LAYERS_CLAIM_H

#include "copyup.h"
#include "waiter.h"

/* A claim on a body: who holds it copies. On the claimer's stack. */
struct claim {
	LIST_ENTRY(claim) by_tree; /* under tree.copyup_lock */
	TAILQ_HEAD(, waiter) parked; /* under tree.copyup_lock */
	bool is_awaited; /* by a thread, too; under tree.copyup_lock */
	const struct body *body; /* borrowed; const, like the following */
	struct node *node; /* borrowed: the claimer's reference */
	const struct call *c; /* the claimer's */
	enum copyup_what what;
	/* the claimer's thread */
	uint64_t begun_ns, told_ns; /* CLOCK_MONOTONIC */
	uint64_t done, size; /* bytes of data; size 0: no slice yet */
};

/*
 * Claim the body of @n for @c, which wants @what of it in the upper.
 * Returns 1: claimed, copy it, then claim_release(); 0: somebody did it
 * meanwhile; -EINPROGRESS: another one is at it and c->waiter was parked
 * there; what the copy that it had waited for failed with. Without a waiter
 * it waits for the other one.
 */
int claim_take(struct claim *cl, struct node *n, const struct call *c,
	       enum copyup_what what);

/* Wake all who wait: the copy-up ended with @r, and left nothing behind. */
void claim_release(struct claim *cl, int r);

/*
 * After each slice of data (copy_job.step; @ctx is the claim): @done of
 * @size bytes are copied. Tells the progress. -ECANCELED: the claimer is
 * unwanted and nobody waits.
 */
int claim_step(void *ctx, uint64_t done, uint64_t size);

#endif
