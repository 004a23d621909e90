/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker threads: what a loop may not wait for is done here. The only
 * place, with the hand-over of accepted sockets, where work crosses threads.
 */
#ifndef VENEER_SERVER_POOL_H
#define VENEER_SERVER_POOL_H

#include <stdbool.h>
#include <sys/queue.h>

#include "request.h"

struct pool;

/* Who asks: a connection. All of it under the pool's lock. */
struct pool_lane {
	STAILQ_HEAD(pool_line, request) waiting;
	struct pool_line syncs; /* what has run_syncs */
	TAILQ_ENTRY(pool_lane) by_queue; /* while is_ready */
	unsigned queue; /* that of what waits */
	unsigned nr_running, nr_syncing; /* the latter are of the former */
	unsigned nr_syncs; /* in hand: waiting, parked or running */
	bool is_ready; /* something waits, and may run */
};

struct pool_ops {
	/*
	 * Do the request; may block. Any worker. False: it has done nothing
	 * and was parked; req->waiter.wake() is called when it is to be done
	 * again, from its start.
	 */
	bool (*work)(void *ctx, struct request *req);
	/* Take a parked request back: false if it was woken before. Any
	 * thread, under the pool's lock; NULL where none is ever parked. */
	bool (*unpark)(void *ctx, struct request *req);
	/* It is done; hand it back to where it came from. Same worker. */
	void (*complete)(void *ctx, struct request *req);
};

/*
 * At most @max_workers threads, started on demand, ended after
 * POOL_IDLE_S idle. There are @nr_queues queues (one a tree); when there is
 * more than one, requests of one queue never hold more than half of the
 * workers, so that a hung layer leaves the others served. Those who ask have
 * their turns, one request each, and nobody holds the last eighth of what a
 * queue may: others begin at once. Where others are about, nobody holds more
 * than two threads for each core; and of syncs no more than another one, who
 * has some, has in hand, since a disk gives each sync its share, not each
 * client. NULL: no memory.
 */
struct pool *pool_new(const struct pool_ops *ops, void *ctx,
		      unsigned max_workers, unsigned nr_queues);
#define POOL_IDLE_S 10

void pool_lane_init(struct pool_lane *lane);

/* Does not block; @req->run_syncs is set. @lane lives until complete() was
 * called, or @req taken back. */
void pool_submit(struct pool *p, struct request *req, struct pool_lane *lane,
		 unsigned queue);

/*
 * Take @req back if no worker has begun it, or it is parked. False: it is
 * done, or being done: then it is told that nobody wants it any more.
 */
bool pool_cancel(struct pool *p, struct request *req);

/*
 * Stop: nothing is queued any more. Waits for the workers, at most
 * @timeout_s; returns false if some are still at it (the pool then stays,
 * leaked on purpose: they use it).
 */
bool pool_free(struct pool *p, unsigned timeout_s);

#endif
