/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A loop thread: its libev loop, the connections it owns, and the two ways
 * in from other threads (accepted sockets, completed requests).
 */
#ifndef VENEER_SERVER_LOOP_H
#define VENEER_SERVER_LOOP_H

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "buffer.h"
#include "log.h"
#include "request.h"
#include "server.h"

struct conn;
struct conn_origin;

struct loop {
	struct server *server; /* borrowed; const */
	struct ev_loop *ev; /* owned; const */
	size_t max_buffers; /* const; bytes: its share of max_total_bytes */
	pthread_t thread; /* const; not of loops[0] */
	bool has_thread;
	atomic_uint nr_conns; /* others look at it to choose a loop */

	/* loop thread */
	ev_async wake;
	ev_timer tick;
	ev_idle spin; /* active: poll instead of sleeping */
	ev_prepare turn; /* active: turns is not empty */
	uint64_t spin_until_ns;
	atomic_ullong answered_ns; /* others look at it before they poll */
	uint64_t
		spun_ns; /* the last look that found nothing; 0: there is none */
	unsigned nr_in_vain;
	uint64_t crowded_until_ns;
	bool is_spin_useful;
	LIST_HEAD(, conn) conns;
	LIST_HEAD(, conn) dirty; /* with replies to be sent after the batch */
	/* Those with more to do that let others go first, in order. */
	TAILQ_HEAD(turn_list, conn) turns;
	struct buffer_cache buffers;
	LIST_HEAD(, conn) polled; /* spin looks at them; leave by themselves */
	uint64_t stamp_ns; /* the last look at the clock */
	uint64_t suspect_until_ns; /* see run_inline() in conn.c */
	long nr_blocks; /* likewise; -1: not looked at yet */
	bool is_stopping;
	double stop_at; /* when stopping: no more patience */
	struct log_rate rate;

	pthread_mutex_t lock;
	/* under lock */
	STAILQ_HEAD(, request) completed;
	STAILQ_HEAD(, incoming) incoming;
	bool must_stop;
};

/* Returns NULL without memory or an epoll. */
struct loop *loop_new(struct server *server);
/* After it has ended. NULL is fine. */
void loop_free(struct loop *l);

/* Run in a thread of its own; -errno. */
int loop_start(struct loop *l);
/* Run here, until stopped and all connections are gone. */
void loop_run(struct loop *l);
/* Wait for a started one to end. */
void loop_join(struct loop *l);

/* Any thread: finish what is in flight, close everything, end. */
void loop_stop(struct loop *l);
/* Any thread: serve @fd (taken over) there. */
void loop_give(struct loop *l, int fd, const struct conn_origin *origin);
/* Any thread: @req, submitted by a connection of @l, is done. */
void loop_complete(struct loop *l, struct request *req);

/* Loop thread: send what the batch has answered. */
void loop_flush(struct loop *l);
/*
 * Around the handling of what one recv brought: decide whether to poll for a
 * moment instead of sleeping.
 */
void loop_spin_begin(struct loop *l);
void loop_spin_end(struct loop *l);
/* CLOCK_MONOTONIC. */
uint64_t loop_clock_ns(void);

#endif
