/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loop threads. Events of one turn are handled first; loop_flush() then
 * sends, resumes and frees what they touched (the dirty connections).
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"
#include "loop.h"
#include "macros.h"

struct incoming {
	STAILQ_ENTRY(incoming) by_loop;
	int fd; /* owned */
	struct conn_origin origin;
};

/* A look that finds nothing takes 1 us; being put aside, two switches. */
#define SPIN_GAP_NS 6000
/* One time in vain outweighs so many that were not; at so much, it is enough. */
#define IN_VAIN_COSTS 4
#define IN_VAIN_MAX 12
#define CROWDED_NS 5000000

/* A loop that answered someone so long ago is busy. */
#define BUSY_NS 500000

/* How often time-outs are looked at, and how long a stop may take. */
#define TICK_S 1.0
#define STOP_TICK_S 0.02
#define STOP_PATIENCE_S 5.0

uint64_t
loop_clock_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void
loop_flush(struct loop *l)
{
	struct conn *c;

	while ((c = LIST_FIRST(&l->dirty))) {
		LIST_REMOVE(c, by_dirty);
		c->is_dirty = false;
		if (c->fatal)
			conn_close(c);
		if (!c->is_closed)
			c->ops->flush(c);
		if (!c->is_closed)
			c->ops->resume(c);
		conn_reap(c);
	}
}

/*
 * Polling may be in vain: nobody asks in time; or, where there are fewer cores than
 * threads with work, we were put aside meanwhile, or kept those waiting who would
 * ask us. Where that is so again and again we sleep instead, for a while.
 */
static void
note_spin(struct loop *l, uint64_t now, bool was_in_vain)
{
	if (!was_in_vain) {
		l->nr_in_vain -= MIN(l->nr_in_vain, 1u);
		return;
	}
	l->nr_in_vain += IN_VAIN_COSTS;
	if (l->nr_in_vain < IN_VAIN_MAX)
		return;
	l->nr_in_vain = 0;
	l->crowded_until_ns = now + CROWDED_NS;
}

static bool
is_put_aside(const struct loop *l, uint64_t now)
{
	return l->spun_ns && now - l->spun_ns > SPIN_GAP_NS;
}

/*
 * Where each core has its loop to run and its client, polling takes time from
 * those who would ask next.
 */
static bool
may_poll(const struct loop *l)
{
	const struct server *s = l->server;
	unsigned i, nr_busy = 0;
	unsigned long long answered;

	for (i = 0; i < s->nr_loops; i++) {
		answered = atomic_load_explicit(&s->loops[i]->answered_ns,
						memory_order_relaxed);
		nr_busy += answered + BUSY_NS > l->stamp_ns;
	}
	return nr_busy <= s->max_polling;
}

/*
 * Sleeping and being woken on another core costs more than most requests do.
 * While a client is known to ask again at once (a guest's system calls, one
 * after the other), the loop polls for a moment instead: an idle watcher
 * makes libev look without waiting, and all connections are served as ever.
 */
void
loop_spin_begin(struct loop *l)
{
	uint64_t now = l->stamp_ns, max = l->server->config->poll_us * 1000ull;

	if (l->spun_ns)
		note_spin(l, now, is_put_aside(l, now));
	l->spun_ns = 0;
	/* Woken soon after the last answer? Then that is worth waiting for. */
	l->is_spin_useful =
		now - l->answered_ns < max && now >= l->crowded_until_ns;
}

void
loop_spin_end(struct loop *l)
{
	atomic_store_explicit(&l->answered_ns, l->stamp_ns,
			      memory_order_relaxed);
	if (!l->is_spin_useful || !may_poll(l))
		return;
	l->spin_until_ns = l->stamp_ns + l->server->config->poll_us * 1000ull;
	ev_idle_start(l->ev, &l->spin);
}

static void
on_spin(struct ev_loop *ev, ev_idle *w, int revents)
{
	struct loop *l = w->data;
	struct conn *c, *next;
	uint64_t now;
	bool is_last;

	(void)revents;
	now = loop_clock_ns();
	is_last = TAILQ_EMPTY(&l->turns) && now >= l->spin_until_ns;
	if (is_last || is_put_aside(l, now))
		note_spin(l, now, true);
	l->stamp_ns = now;
	l->spun_ns = is_last ? 0 : now;
	if (is_last)
		ev_idle_stop(ev, w); /* who finds something starts it again */
	for (c = LIST_FIRST(&l->polled); c; c = next) {
		next = LIST_NEXT(c, by_polled);
		c->ops->poll(c, is_last);
	}
	loop_flush(l);
}

/*
 * A client that sends more than is done in one turn (conn.h) gets
 * the next one when all others have had theirs: just before libev looks at all
 * descriptors (without waiting: spin is active), so that who comes meanwhile
 * is next.
 */
static void
on_turn(struct ev_loop *ev, ev_prepare *w, int revents)
{
	struct loop *l = w->data;
	struct conn *last = TAILQ_LAST(&l->turns, turn_list), *c;

	(void)revents;
	l->stamp_ns = loop_clock_ns();
	loop_spin_begin(l);
	while ((c = TAILQ_FIRST(&l->turns))) {
		c->ops->take_turn(c); /* may queue it again, behind @last */
		if (c == last)
			break;
	}
	loop_flush(l);
	loop_spin_end(l);
	if (TAILQ_EMPTY(&l->turns))
		ev_prepare_stop(ev, w);
}

static void
take_incoming(struct loop *l)
{
	struct incoming *in;

	for (;;) {
		(void)pthread_mutex_lock(&l->lock);
		in = STAILQ_FIRST(&l->incoming);
		if (in)
			STAILQ_REMOVE_HEAD(&l->incoming, by_loop);
		(void)pthread_mutex_unlock(&l->lock);
		if (!in)
			return;
		conn_new(l, in->fd, &in->origin);
		free(in);
	}
}

static void
take_completed(struct loop *l)
{
	STAILQ_HEAD(, request) done = STAILQ_HEAD_INITIALIZER(done);
	struct request *r;
	struct conn *c;

	(void)pthread_mutex_lock(&l->lock);
	STAILQ_CONCAT(&done, &l->completed);
	(void)pthread_mutex_unlock(&l->lock);
	while ((r = STAILQ_FIRST(&done))) {
		STAILQ_REMOVE_HEAD(&done, by_queue);
		c = r->owner;
		r->done(r);
		conn_reap(c);
	}
}

static void
begin_stop(struct loop *l)
{
	if (l->is_stopping)
		return;
	l->is_stopping = true;
	l->stop_at = ev_now(l->ev) + STOP_PATIENCE_S;
	l->tick.repeat = STOP_TICK_S;
	ev_timer_again(l->ev, &l->tick);
}

static void
on_wake(struct ev_loop *ev, ev_async *w, int revents)
{
	struct loop *l = w->data;
	bool must_stop;

	(void)ev;
	(void)revents;
	l->stamp_ns = loop_clock_ns();
	take_incoming(l);
	take_completed(l);
	loop_flush(l);
	(void)pthread_mutex_lock(&l->lock);
	must_stop = l->must_stop;
	(void)pthread_mutex_unlock(&l->lock);
	if (must_stop)
		begin_stop(l);
}

/* Close what is idle, later everything; end when nothing is left. */
static void
continue_stop(struct loop *l)
{
	bool out_of_time = ev_now(l->ev) > l->stop_at;
	struct conn *c, *next;

	for (c = LIST_FIRST(&l->conns); c; c = next) {
		next = LIST_NEXT(c, by_loop);
		if (!c->is_closed && (out_of_time || conn_is_idle(c)))
			conn_close(c);
	}
	loop_flush(l);
	if (LIST_EMPTY(&l->conns) || ev_now(l->ev) > l->stop_at + 1.0)
		ev_break(l->ev, EVBREAK_ALL);
}

static void
on_tick(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct loop *l = w->data;
	struct conn *c, *next;

	(void)revents;
	l->stamp_ns = loop_clock_ns();
	if (l->is_stopping) {
		continue_stop(l);
		return;
	}
	for (c = LIST_FIRST(&l->conns); c; c = next) {
		next = LIST_NEXT(c, by_loop);
		conn_check_timeout(c, ev_now(ev));
	}
	loop_flush(l);
}

struct loop *
loop_new(struct server *server)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!l->ev) {
		free(l);
		return NULL;
	}
	l->server = server;
	l->nr_blocks = -1;
	l->max_buffers =
		server->config->max_total_bytes / server->config->nr_loops;
	LIST_INIT(&l->conns);
	LIST_INIT(&l->dirty);
	LIST_INIT(&l->polled);
	TAILQ_INIT(&l->turns);
	STAILQ_INIT(&l->completed);
	STAILQ_INIT(&l->incoming);
	(void)pthread_mutex_init(&l->lock, NULL);
	ev_async_init(&l->wake, on_wake);
	l->wake.data = l;
	ev_async_start(l->ev, &l->wake);
	ev_idle_init(&l->spin, on_spin);
	l->spin.data = l;
	ev_prepare_init(&l->turn, on_turn);
	l->turn.data = l;
	ev_timer_init(&l->tick, on_tick, TICK_S, TICK_S);
	l->tick.data = l;
	ev_timer_start(l->ev, &l->tick);
	return l;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	ev_async_stop(l->ev, &l->wake);
	ev_idle_stop(l->ev, &l->spin);
	ev_prepare_stop(l->ev, &l->turn);
	ev_timer_stop(l->ev, &l->tick);
	ev_loop_destroy(l->ev);
	buffer_cache_fini(&l->buffers);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

void
loop_run(struct loop *l)
{
	(void)ev_run(l->ev, 0);
}

static void *
thread_main(void *arg)
{
	loop_run(arg);
	return NULL;
}

int
loop_start(struct loop *l)
{
	sigset_t all, old;
	int r;

	/* Signals are for the main thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&l->thread, NULL, thread_main, l);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	l->has_thread = r == 0;
	return -r;
}

void
loop_join(struct loop *l)
{
	if (l->has_thread)
		(void)pthread_join(l->thread, NULL);
	l->has_thread = false;
}

void
loop_stop(struct loop *l)
{
	(void)pthread_mutex_lock(&l->lock);
	l->must_stop = true;
	(void)pthread_mutex_unlock(&l->lock);
	ev_async_send(l->ev, &l->wake);
}

void
loop_give(struct loop *l, int fd, const struct conn_origin *origin)
{
	struct incoming *in = malloc(sizeof(*in));

	if (!in) {
		(void)close(fd);
		atomic_fetch_sub(&l->nr_conns, 1);
		atomic_fetch_sub(&l->server->nr_conns, 1);
		return;
	}
	*in = (struct incoming){ .fd = fd, .origin = *origin };
	(void)pthread_mutex_lock(&l->lock);
	STAILQ_INSERT_TAIL(&l->incoming, in, by_loop);
	(void)pthread_mutex_unlock(&l->lock);
	ev_async_send(l->ev, &l->wake);
}

void
loop_complete(struct loop *l, struct request *req)
{
	bool was_empty;

	(void)pthread_mutex_lock(&l->lock);
	was_empty = STAILQ_EMPTY(&l->completed);
	STAILQ_INSERT_TAIL(&l->completed, req, by_queue);
	(void)pthread_mutex_unlock(&l->lock);
	if (was_empty)
		ev_async_send(l->ev, &l->wake);
}
