/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue per tree, one lock, one condition. A worker takes the oldest
 * request of the first lane of the first queue, both round-robin, that may
 * have one more running: a connection with 128 requests waiting has one done,
 * then others have theirs. A lane is two lines, since its syncs may have to
 * wait where the rest need not. A queue is a list of lanes that are ready, so
 * that nothing is looked for. Lanes are as long as the connections' limits of
 * requests in flight allow, and no longer.
 *
 * A request that would only wait for another one's copy-up is parked: it
 * holds no worker, and is queued again when it is woken. That may be before
 * its worker has put it aside (STATE_WOKEN); and a wake that is under way
 * when it is cancelled wins: it then runs, unwanted.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "pool.h"

/* request.run_state: under pool.lock. */
enum { STATE_IDLE, STATE_QUEUED, STATE_RUNNING, STATE_PARKED, STATE_WOKEN };

/* After so many requests of one lane alone it is taken to be alone. */
#define SHARED_FOR 64
/* What a lane holds where others are about, at least; or two for a core. */
#define SHARED_MIN 4
/* The same of syncs, each of which takes long. */
#define SYNCS_ALONE 8

/* What those who sync have in hand; UINT_MAX: nobody does. */
struct syncers {
	const struct pool_lane *last; /* who asked; only compared */
	const struct pool_lane *begun; /* whose began; only compared */
	unsigned nr_last; /* of who asked last, when he did */
	unsigned nr_other; /* of who did before */
	unsigned nr_alone; /* so many have begun, all of the same one */
};

struct queue {
	TAILQ_HEAD(, pool_lane) ready;
	unsigned nr_running;
	const struct pool_lane *last; /* who was here last; only compared */
	unsigned shared_for; /* so many more requests of that one alone */
	struct syncers syncers;
};

struct pool {
	const struct pool_ops *ops; /* const */
	void *ctx; /* borrowed; const */
	unsigned max_workers, max_per_queue, max_per_lane; /* const */
	unsigned max_shared; /* max_per_lane, where others are about; const */
	unsigned nr_queues; /* const */
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
	for (i = 0; i < nr_queues; i++) {
		TAILQ_INIT(&p->queues[i].ready);
		p->queues[i].syncers.nr_last = UINT_MAX;
		p->queues[i].syncers.nr_other = UINT_MAX;
	}
	p->ops = ops;
	p->ctx = ctx;
	p->nr_queues = nr_queues;
	p->max_workers = max_workers;
	p->max_per_queue =
		nr_queues > 1 ? MAX(max_workers / 2, 1u) : max_workers;
	p->max_per_lane = p->max_per_queue - p->max_per_queue / 8;
	p->max_shared = MAX(2 * (unsigned)sysconf(_SC_NPROCESSORS_ONLN),
			    (unsigned)SHARED_MIN);
	p->max_shared = MIN(p->max_shared, p->max_per_lane);
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->wake, &attr);
	(void)pthread_cond_init(&p->gone, &attr);
	(void)pthread_condattr_destroy(&attr);
	return p;
}

void
pool_lane_init(struct pool_lane *lane)
{
	*lane = (struct pool_lane){ 0 };
	STAILQ_INIT(&lane->waiting);
	STAILQ_INIT(&lane->syncs);
}

/*
 * Under lock: @lane asks for something. Where others do, too, none of them holds
 * more threads than keep the cores and the disk busy: a processor gives each
 * thread its share, not each client.
 */
static void
note_company(struct queue *q, const struct pool_lane *lane)
{
	if (q->last && q->last != lane)
		q->shared_for = SHARED_FOR;
	else if (q->shared_for > 0)
		q->shared_for--;
	q->last = lane;
}

/*
 * Under lock: @lane asks for a sync. A file system writes its journal for all
 * who sync at once, and a disk what all of them have written: many of one
 * client's make one of another's wait for each. With as many at work as the
 * other one has in hand, each has its half.
 */
static void
note_sync(struct syncers *s, const struct pool_lane *lane)
{
	if (s->last != lane) {
		s->nr_other = s->nr_last;
		s->last = lane;
	}
	s->nr_last = lane->nr_syncs;
}

/* Under lock: one of @lane's begins. Once it is alone workers may have slept
 * although much waits. */
static void
note_sync_begun(struct pool *p, struct syncers *s, const struct pool_lane *lane)
{
	s->nr_alone = s->begun == lane ? s->nr_alone + 1 : 0;
	s->begun = lane;
	if (s->nr_alone == SYNCS_ALONE)
		(void)pthread_cond_broadcast(&p->wake);
	if (s->nr_alone >= SYNCS_ALONE)
		s->nr_last = s->nr_other = UINT_MAX;
}

/* Under lock: is there a sync of @lane that may begin? */
static bool
may_sync(const struct queue *q, const struct pool_lane *lane)
{
	const struct syncers *s = &q->syncers;
	unsigned max = s->last == lane ? s->nr_other : s->nr_last;

	return !STAILQ_EMPTY(&lane->syncs) && lane->nr_syncing < MAX(max, 1u);
}

/* Under lock: put @lane, of which something changed, where it belongs. */
static void
lane_update(struct pool *p, struct pool_lane *lane)
{
	struct queue *q = &p->queues[lane->queue];
	unsigned max = q->shared_for > 0 ? p->max_shared : p->max_per_lane;
	bool is_ready = lane->nr_running < max &&
			(!STAILQ_EMPTY(&lane->waiting) || may_sync(q, lane));

	if (is_ready && !lane->is_ready)
		TAILQ_INSERT_TAIL(&q->ready, lane, by_queue);
	else if (!is_ready && lane->is_ready)
		TAILQ_REMOVE(&q->ready, lane, by_queue);
	lane->is_ready = is_ready;
}

static struct pool_line *
line_of(struct pool_lane *lane, const struct request *r)
{
	return r->run_syncs ? &lane->syncs : &lane->waiting;
}

/* Under lock: the next request of a lane that is ready, of that of its lines
 * that has fewer running. */
static struct request *
take_from(struct pool *p, struct queue *q, struct pool_lane *lane)
{
	bool syncs =
		may_sync(q, lane) && (STAILQ_EMPTY(&lane->waiting) ||
				      2 * lane->nr_syncing <= lane->nr_running);
	struct pool_line *line = syncs ? &lane->syncs : &lane->waiting;
	struct request *r = STAILQ_FIRST(line);

	STAILQ_REMOVE_HEAD(line, by_queue);
	p->nr_waiting--;
	q->nr_running++;
	lane->nr_running++;
	lane->nr_syncing += syncs;
	if (syncs)
		note_sync_begun(p, &q->syncers, lane);
	r->run_state = STATE_RUNNING;
	/* The others are before its next one. */
	TAILQ_REMOVE(&q->ready, lane, by_queue);
	lane->is_ready = false;
	lane_update(p, lane);
	return r;
}

/* Under lock. What may run changes by what others do: look again. */
static struct pool_lane *
first_ready(struct pool *p, const struct queue *q)
{
	struct pool_lane *lane;

	while ((lane = TAILQ_FIRST(&q->ready))) {
		lane_update(p, lane);
		if (lane->is_ready)
			break;
	}
	return lane;
}

/* Under lock: the next request that may run, and its queue. */
static struct request *
take(struct pool *p, struct queue **ret_queue)
{
	struct pool_lane *lane;
	struct queue *q;
	unsigned i;

	for (i = 0; i < p->nr_queues; i++) {
		q = &p->queues[(p->next_queue + i) % p->nr_queues];
		if (q->nr_running >= p->max_per_queue)
			continue;
		lane = first_ready(p, q);
		if (!lane)
			continue;
		p->next_queue = (p->next_queue + i + 1) % p->nr_queues;
		*ret_queue = q;
		return take_from(p, q, lane);
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

/* Under lock. */
static void
enqueue(struct pool *p, struct request *r)
{
	struct pool_lane *lane = r->run_lane;

	/* A client of two trees has one lane: it is in one queue at a time. */
	if (STAILQ_EMPTY(&lane->waiting) && STAILQ_EMPTY(&lane->syncs))
		lane->queue = r->run_queue;
	note_company(&p->queues[lane->queue], lane);
	if (r->run_syncs)
		note_sync(&p->queues[lane->queue].syncers, lane);
	r->run_state = STATE_QUEUED;
	STAILQ_INSERT_TAIL(line_of(lane, r), r, by_queue);
	p->nr_waiting++;
	lane_update(p, lane);
}

/* Under lock: @r is not done; it waits, or did. */
static void
put_aside(struct pool *p, struct request *r)
{
	if (r->run_state == STATE_WOKEN)
		enqueue(p, r);
	else
		r->run_state = STATE_PARKED;
}

/* Not under lock. */
static void
work_on(struct pool *p, struct request *r, struct queue *q)
{
	struct pool_lane *lane = r->run_lane;
	bool is_done = p->ops->work(p->ctx, r);

	(void)pthread_mutex_lock(&p->lock);
	q->nr_running--;
	lane->nr_running--;
	lane->nr_syncing -= r->run_syncs;
	lane->nr_syncs -= is_done && r->run_syncs;
	lane_update(p, lane);
	if (!is_done)
		put_aside(p, r);
	(void)pthread_mutex_unlock(&p->lock);
	/* Last: then @r may be gone, and the lane with it. */
	if (is_done)
		p->ops->complete(p->ctx, r);
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
		work_on(p, r, q);
		(void)pthread_mutex_lock(&p->lock);
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

/* Under lock. */
static void
enqueue_and_start(struct pool *p, struct request *r)
{
	enqueue(p, r);
	if (p->nr_idle < p->nr_waiting && p->nr_workers < p->max_workers)
		start_worker(p);
	(void)pthread_cond_signal(&p->wake);
}

static void
wake_request(struct waiter *w)
{
	struct request *r = container_of(w, struct request, waiter);
	struct pool *p = w->ctx;
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->lock;

	(void)pthread_mutex_lock(lock);
	if (r->run_state == STATE_PARKED)
		enqueue_and_start(p, r);
	else
		r->run_state = STATE_WOKEN;
}

void
pool_submit(struct pool *p, struct request *req, struct pool_lane *lane,
	    unsigned queue)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->lock;

	waiter_init(&req->waiter, wake_request, p);
	req->run_queue = queue;
	req->run_lane = lane;
	(void)pthread_mutex_lock(lock);
	lane->nr_syncs += req->run_syncs;
	enqueue_and_start(p, req);
}

bool
pool_cancel(struct pool *p, struct request *req)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &p->lock;

	(void)pthread_mutex_lock(lock);
	if (req->run_state == STATE_QUEUED) {
		STAILQ_REMOVE(line_of(req->run_lane, req), req, request,
			      by_queue);
		p->nr_waiting--;
		lane_update(p, req->run_lane);
	} else if (req->run_state != STATE_PARKED ||
		   !p->ops->unpark(p->ctx, req)) {
		atomic_store(&req->waiter.is_unwanted, true);
		return false;
	}
	req->run_lane->nr_syncs -= req->run_syncs;
	req->run_state = STATE_IDLE;
	return true;
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
