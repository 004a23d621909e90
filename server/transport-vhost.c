/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages over virtqueues in a guest's memory: a connection whose socket is a
 * VMM's (vhost-request.c), and whose messages come from a driver.
 *
 * The driver kicks through an eventfd when it has put something into a queue
 * that was found empty. We take what is there, in turns as all connections do;
 * replies are in the guest's memory already when they are sent, and one call
 * tells the driver of all that a batch has put back. While the loop polls
 * (loop_spin_begin()), the driver is asked for no kicks, and the queues are
 * looked at instead.
 *
 * A guest that makes nonsense loses its device, until it resets it; nothing
 * else.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhost.h"

/* Virtio's DEVICE_NEEDS_RESET (1.2, 2.1). */
#define STATUS_NEEDS_RESET 0x40u
/* The VMM's requests in a row; others have their turns then. */
#define REQUESTS_MAX 16

/* Why no more messages are taken. */
enum stop {
	STOP_EMPTY, /* nothing is in any queue */
	STOP_FULL, /* at a bound of what may be in flight */
	STOP_TURN, /* others first */
	STOP_BROKEN, /* of a queue; ring.why */
};

/* --- Nonsense ------------------------------------------------------------------ */

/* Does the VMM hear of it, other than by our hanging up? */
static bool
can_tell(const struct vhost *v)
{
	const uint64_t needed = VHOST_PROTOCOL_STATUS | VHOST_PROTOCOL_CONFIG |
				VHOST_PROTOCOL_BACKEND_REQ;

	return v->backend_fd >= 0 && (v->protocol_features & needed) == needed;
}

static void
tell(struct vhost *v)
{
	static const uint64_t one = 1;
	struct vhost_message m = {
		.head = { VHOST_BACKEND_CONFIG_CHANGE, VHOST_FLAG_VERSION, 0 },
	};
	unsigned i;

	v->status |= STATUS_NEEDS_RESET;
	/* What the VMM does not take now it finds out by asking. */
	(void)vhost_message_send(v->backend_fd, &m);
	for (i = 0; i < VHOST_QUEUES_MAX; i++)
		if (v->queues[i].err >= 0)
			(void)!write(v->queues[i].err, &one, sizeof(one));
}

void
vhost_break(struct vhost *v, const char *why)
{
	unsigned i;

	if (v->is_broken)
		return;
	v->is_broken = true;
	for (i = 0; i < VHOST_QUEUES_MAX; i++)
		if (v->queues[i].is_open && !v->queues[i].ring.why)
			v->queues[i].ring.why = why;
	if (!can_tell(v)) {
		v->conn->fatal = why;
		conn_flush_later(v->conn);
		return;
	}
	conn_warn(v->conn,
		  "the device needs a reset: its driver made nonsense");
	conn_warn(v->conn, why);
	tell(v);
}

/* The session says so: the same. */
static bool
fail(struct conn *c, const char *why)
{
	vhost_break(c->vhost, why);
	return c->vhost->is_broken && !c->fatal;
}

/* --- Taking messages ----------------------------------------------------------- */

static bool
is_full(const struct conn *c)
{
	return c->protocol->session_is_full(c->session);
}

/* The next queue in which something is, after the last one; NULL: none. */
static struct vhost_queue *
next_queue(struct vhost *v)
{
	struct vhost_queue *q;
	unsigned i;

	for (i = 0; i < VHOST_QUEUES_MAX; i++) {
		q = &v->queues[(v->next_queue + i) % VHOST_QUEUES_MAX];
		if (!vhost_queue_is_live(q) || !vring_has_next(&q->ring))
			continue;
		v->next_queue = (unsigned)(q - v->queues) + 1;
		return q;
	}
	return NULL;
}

static int
take_one(struct vhost *v, struct vhost_queue *q)
{
	struct conn *c = v->conn;
	struct vhost_msg *m;
	int r = vring_take(&q->ring, &v->chain);

	if (r <= 0)
		return r;
	r = vhost_msg_new(v, q, &m);
	if (r < 0)
		return r;
	c->protocol->session_receive(c->session, &m->msg);
	return 0;
}

/* Take messages, for a turn. Returns enum stop or an errno. */
static int
pump(struct vhost *v)
{
	struct conn *c = v->conn;
	struct vhost_queue *q;
	int r;

	conn_turn_begin(c);
	while ((q = next_queue(v))) {
		if (is_full(c))
			return STOP_FULL;
		if (conn_turn_is_over(c))
			return STOP_TURN;
		r = take_one(v, q);
		if (r == -EPROTO && q->ring.why) {
			vhost_break(v, q->ring.why);
			return STOP_BROKEN;
		}
		if (r < 0)
			return r;
		if (c->fatal || v->is_broken)
			return STOP_BROKEN;
		if (++c->turn_frames % CONN_FLUSH_EVERY == 0)
			vhost_call_drivers(v);
	}
	return STOP_EMPTY;
}

/* Ask for kicks, or not; true: something has come meanwhile. */
static bool
ask_kicks(struct vhost *v, bool wanted)
{
	struct vhost_queue *q;
	bool has_more = false;
	unsigned i;

	for (i = 0; i < VHOST_QUEUES_MAX; i++) {
		q = &v->queues[i];
		if (vhost_queue_is_live(q) && vring_ask_kicks(&q->ring, wanted))
			has_more = true;
	}
	return has_more;
}

static void
stop_polling(struct vhost *v)
{
	if (v->is_polled)
		LIST_REMOVE(v->conn, by_polled);
	v->is_polled = false;
}

/* Nothing is there: look again soon, or wait for a kick. True: it came. */
static bool
rest(struct vhost *v)
{
	struct loop *l = v->conn->loop;

	if (!l->is_spin_useful)
		return ask_kicks(v, true);
	if (!v->is_polled) {
		v->is_polled = true;
		LIST_INSERT_HEAD(&l->polled, v->conn, by_polled);
		ev_idle_start(l->ev, &l->spin);
		(void)ask_kicks(v, false);
	}
	return false;
}

static void
go_on(struct conn *c)
{
	struct vhost *v = c->vhost;
	int r;

	do
		r = pump(v);
	while (r == STOP_EMPTY && rest(v));
	if (r < 0) {
		c->fatal = r == -ENOMEM ? "closed: no memory" : "closed";
		conn_close(c);
	} else if (r == STOP_TURN) {
		conn_turn_wait(c);
	}
	conn_flush_later(c); /* what was answered, calls for it */
}

void
vhost_on_kick(struct vhost_queue *q)
{
	struct conn *c = q->conn;
	struct loop *l = c->loop;

	if (c->is_waiting_turn || c->is_closed)
		return; /* had one, and will have the next */
	l->stamp_ns = loop_clock_ns();
	loop_spin_begin(l);
	go_on(c);
	loop_spin_end(l);
}

static void
take_turn(struct conn *c)
{
	conn_turn_leave(c);
	go_on(c);
}

static void
poll_queues(struct conn *c, bool is_last)
{
	struct vhost *v = c->vhost;

	if (is_last)
		stop_polling(v);
	if (c->is_waiting_turn)
		return;
	if (next_queue(v)) {
		loop_spin_begin(c->loop);
		go_on(c);
		loop_spin_end(c->loop);
	} else if (is_last && ask_kicks(v, true)) {
		go_on(c);
	}
}

static void
resume(struct conn *c)
{
	if (c->is_closed || c->vhost->is_broken)
		return;
	c->protocol->session_resume(c->session);
	if (!c->is_waiting_turn && !is_full(c) && next_queue(c->vhost))
		go_on(c);
}

/* --- The VMM's requests ---------------------------------------------------------- */

/* Send the reply. False: it waits, or the connection is gone. */
static bool
send_reply(struct conn *c)
{
	struct vhost *v = c->vhost;
	int r;

	if (!v->has_tx)
		return true;
	r = vhost_message_send(c->fd, &v->tx);
	if (r == -EAGAIN) {
		if (c->tx_since == 0)
			c->tx_since = ev_now(c->loop->ev);
		ev_io_start(c->loop->ev, &c->writer);
		return false;
	}
	c->tx_since = 0;
	v->has_tx = false;
	vhost_message_reset(&v->tx);
	ev_io_stop(c->loop->ev, &c->writer);
	if (r < 0)
		conn_close(c);
	return r > 0;
}

/* Receive and do one request. Returns 1; 0: no more now; errno. */
static int
serve_request(struct conn *c)
{
	struct vhost *v = c->vhost;
	int r = vhost_message_receive(c->fd, &v->rx);

	if (r == -EAGAIN) {
		if (v->rx.done > 0 && c->rx_since == 0)
			c->rx_since = ev_now(c->loop->ev);
		return 0;
	}
	if (r <= 0)
		return r == 0 ? -ECONNRESET : r;
	c->rx_since = c->new_since = 0;
	r = vhost_request(v);
	if (r < 0 || c->is_closed)
		return r < 0 ? r : -ECONNRESET;
	if (v->pending != VHOST_NOTHING) {
		conn_flush_later(c);
		return 0;
	}
	vhost_message_reset(&v->rx);
	return send_reply(c) ? 1 : 0;
}

/* The VMM waits for us: does it still? What else it says waits, too. */
static void
look_for_end(struct conn *c)
{
	char byte;
	ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0)
		ev_io_stop(c->loop->ev, &c->reader);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		conn_close(c);
}

static void
serve_requests(struct conn *c)
{
	unsigned i;
	int r = 1;

	for (i = 0; i < REQUESTS_MAX && r == 1; i++)
		r = serve_request(c);
	if (r < 0 && !c->is_closed) {
		if (r != -ECONNRESET && !c->fatal)
			c->fatal = "closed: a request of the VMM was refused";
		conn_close(c);
	} else if (c->vhost->has_tx && !c->is_closed) {
		ev_io_stop(c->loop->ev, &c->reader);
	}
}

static void
on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct conn *c = w->data;
	struct loop *l = c->loop;

	(void)ev;
	(void)revents;
	l->stamp_ns = loop_clock_ns();
	if (c->vhost->pending != VHOST_NOTHING)
		look_for_end(c);
	else
		serve_requests(c);
	loop_flush(l); /* may free @c */
}

static void
on_writable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct conn *c = w->data;

	(void)revents;
	if (send_reply(c) && c->vhost->pending == VHOST_NOTHING)
		ev_io_start(ev, &c->reader);
	loop_flush(c->loop);
}

/* Have drivers called, and see whether what the VMM waits for is over. */
static void
flush(struct conn *c)
{
	struct vhost *v = c->vhost;

	vhost_call_drivers(v);
	if (!vhost_is_pending_over(v))
		return;
	vhost_finish_pending(v);
	if (send_reply(c))
		ev_io_start(c->loop->ev, &c->reader);
}

/* --- Life -------------------------------------------------------------------------- */

static int
start(struct conn *c)
{
	struct vhost *v = calloc(1, sizeof(*v));
	unsigned i;

	ev_io_init(&c->reader, on_readable, c->fd, EV_READ);
	ev_io_init(&c->writer, on_writable, c->fd, EV_WRITE);
	c->reader.data = c->writer.data = c;
	if (!v)
		return -ENOMEM;
	c->vhost = v;
	v->conn = c;
	v->backend_fd = -1;
	for (i = 0; i < VHOST_QUEUES_MAX; i++) {
		v->queues[i].conn = c;
		v->queues[i].kick = v->queues[i].call = v->queues[i].err = -1;
	}
	STAILQ_INIT(&v->free_msgs);
	c->new_since = ev_now(c->loop->ev);
	ev_io_start(c->loop->ev, &c->reader);
	return 0;
}

static void
stop(struct conn *c)
{
	struct vhost *v = c->vhost;
	unsigned i;

	ev_io_stop(c->loop->ev, &c->reader);
	ev_io_stop(c->loop->ev, &c->writer);
	conn_turn_leave(c);
	(void)close(c->fd);
	c->fd = -1;
	if (!v)
		return;
	stop_polling(v);
	for (i = 0; i < VHOST_QUEUES_MAX; i++)
		vhost_queue_close(&v->queues[i]);
	vhost_message_reset(&v->rx);
	vhost_message_reset(&v->tx);
	if (v->backend_fd >= 0)
		(void)close(v->backend_fd);
	inflight_unmap(&v->inflight);
	guest_memory_unref(v->mem);
	v->mem = NULL;
}

static void
fini(struct conn *c)
{
	if (!c->vhost)
		return;
	vhost_free_msgs(c->vhost);
	free(c->vhost);
}

const struct conn_ops vhost_ops = {
	.start = start,
	.stop = stop,
	.fini = fini,
	.flush = flush,
	.resume = resume,
	.take_turn = take_turn,
	.poll = poll_queues,
	.fail = fail,
};
