/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue per tree, one lock, one condition. A worker takes the oldest
 * request of the first queue, round-robin, that may have one more running.
 * The queues are as long as the connections' limits of requests in flight
 * allow, and no longer.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "cleanup.h"
#include "macros.h"
#include "pool.h"

/* request.run_state: under pool.lock while queued. */
enum { STATE_IDLE, STATE_QUEUED, STATE_RUNNING };

struct queue {
	STAILQ_HEAD(, request) waiting;
	unsigned nr_running;
};

struct pool {
	const struct pool_ops *ops; /* const */
	void *ctx; /* borrowed; const */
	unsigned max_workers, max_per_queue, nr_queues; /* const */
	pthread_mutex_t lock;
	pthread_cond_t wake; /* work or stop; CLOCK_MONOTONIC */
	pthread_cond_t gone; /* a worker ended */
	/* under lock */
	struct queue *queues; /* owned */
	unsigned next_queue, nr_waiting, nr_workers, nr_idle;
	bool is_stopping;
};

struct pool *
pool_new(const struct pool_ops *ops, void *ctx, unsigned max_workers,
	 unsigned nr_queues)
{
	struct pool *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;
	unsigned i;

	if (!p)
		return NULL;
	p->queues = calloc(nr_queues, sizeof(*p->queues));
	if (!p->queues) {
		free(p);
		return NULL;
	}
	for (i = 0; i < nr_queues; i++)
		STAILQ_INIT(&p->queues[i].waiting);
	p->ops = ops;
	p->ctx = ctx;
	p->nr_queues = nr_queues;
	p->max_workers = max_workers;
	p->max_per_queue =
		nr_queues > 1 ? MAX(max_workers / 2, 1u) : max_workers;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->wake, &attr);
	(void)pthread_cond_init(&p->gone, &attr);
	(void)pthread_condattr_destroy(&attr);
	return p;
}

/* Under lock: the next request that may run, and its queue. */
static struct request *
take(struct pool *p, struct queue **ret_queue)
{
	struct queue *q;
	struct request *r;
	unsigned i;

	for (i = 0; i < p->nr_queues; i++) {
		q = &p->queues[(p->next_queue + i) % p->nr_queues];
		r = STAILQ_FIRST(&q->waiting);
		if (!r || q->nr_running >= p->max_per_queue)
			continue;
		STAILQ_REMOVE_HEAD(&q->waiting, by_queue);
		p->next_queue = (p->next_queue + i + 1) % p->nr_queues;
		p->nr_waiting--;
		q->nr_running++;
		r->run_state = STATE_RUNNING;
		*ret_queue = q;
		return r;
	}
	return NULL;
}

/* Under lock: sleep until there may be work. False: idle for too long. */
static bool
sleep_for_work(struct pool *p)
{
	struct timespec until;
	int r;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += POOL_IDLE_S;
	p->nr_idle++;
	r = pthread_cond_timedwait(&p->wake, &p->lock, &until);
	p->nr_idle--;
	return r != ETIMEDOUT;
}

static void *
worker(void *arg)
{
	struct pool *p = arg;
	struct request *r;
	struct queue *q;

	(void)pthread_mutex_lock(&p->lock);
	for (;;) {
		r = take(p, &q);
		if (!r) {
			if (p->is_stopping || !sleep_for_work(p))
				break;
			continue;
		}
		(void)pthread_mutex_unlock(&p->lock);
		p->ops->work(p->ctx, r);
		p->ops->complete(p->ctx, r); /* @r may be gone now */
		(void)pthread_mutex_lock(&p->lock);
		q->nr_running--;
	}
	p->nr_workers--;
	(void)pthread_cond_signal(&p->gone);
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Under lock. Without a new thread the work waits for the others. */
static void
start_worker(struct pool *p)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, worker, p) == 0)
		p->nr_workers++;
	(void)pthread_attr_destroy(&attr);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
pool_submit(struct pool *p, struct request *req, unsigned queue)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->lock;

	(void)pthread_mutex_lock(lock);
	req->run_state = STATE_QUEUED;
	STAILQ_INSERT_TAIL(&p->queues[queue].waiting, req, by_queue);
	p->nr_waiting++;
	if (p->nr_idle < p->nr_waiting && p->nr_workers < p->max_workers)
		start_worker(p);
	(void)pthread_cond_signal(&p->wake);
}

bool
pool_cancel(struct pool *p, struct request *req)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->lock;
	struct request *r;
	unsigned i;

	(void)pthread_mutex_lock(lock);
	if (req->run_state != STATE_QUEUED)
		return false;
	for (i = 0; i < p->nr_queues; i++) {
		STAILQ_FOREACH (r, &p->queues[i].waiting, by_queue) {
			if (r != req)
				continue;
			STAILQ_REMOVE(&p->queues[i].waiting, req, request,
				      by_queue);
			p->nr_waiting--;
			req->run_state = STATE_IDLE;
			return true;
		}
	}
	return false;
}

bool
pool_free(struct pool *p, unsigned timeout_s)
{
	struct timespec until;
	bool is_done;

	if (!p)
		return true;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_s;
	(void)pthread_mutex_lock(&p->lock);
	p->is_stopping = true;
	(void)pthread_cond_broadcast(&p->wake);
	while (p->nr_workers > 0 &&
	       pthread_cond_timedwait(&p->gone, &p->lock, &until) == 0)
		continue;
	is_done = p->nr_workers == 0;
	(void)pthread_mutex_unlock(&p->lock);
	if (!is_done)
		return false;
	(void)pthread_mutex_destroy(&p->lock);
	(void)pthread_cond_destroy(&p->wake);
	(void)pthread_cond_destroy(&p->gone);
	free(p->queues);
	free(p);
	return true;
}
