/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages over a stream socket.
 *
 * Bytes are received into a counted buffer and cut into frames in place;
 * messages that are still running on workers keep it, and the connection
 * goes on in a fresh one. What the frames of one recv answer goes out in one
 * sendmsg (or one for every CONN_FLUSH_EVERY of them). At depth 1 that
 * makes: epoll_wait, recv, the work, send.
 *
 * What a client can make us hold is bounded: half a frame by msize, requests
 * by the session (session_is_full), they and their replies by what event_room()
 * in conn.c tells it. At a bound we stop reading; a client that then does
 * nothing is closed after a time.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "macros.h"
#include "tls.h"

/* Received at a time; larger frames get a buffer of their size. */
#define STREAM_RX_SIZE ((size_t)64 << 10)
/*
 * Replies waiting to be sent at which reading stops: this part of the bytes
 * that may be in flight. The rest is for what was asked before.
 */
#define STREAM_TX_PART 4
/* Or this much before CONN_FLUSH_EVERY messages. */
#define STREAM_FLUSH_BYTES ((size_t)256 << 10)

/* Why a connection stopped handling frames, if not by an errno. */
enum stop {
	STOP_EMPTY, /* no whole frame is left */
	STOP_FULL, /* at a bound of what may be in flight */
	STOP_TURN, /* others first */
};

/* One for the frame of @len bytes at rx_pos. */
static struct stream_msg *
msg_received(struct conn *c, size_t len)
{
	struct stream_msg *m = stream_msg_new(c);

	if (!m)
		return NULL;
	m->in = (struct iovec){ c->rx->data + c->rx_pos, len };
	m->rx = c->rx;
	c->rx->refs++;
	m->msg.in = &m->in;
	m->msg.nr_in = 1;
	m->msg.in_len = len;
	c->nr_frames++;
	return m;
}

static bool
is_full(const struct conn *c)
{
	return c->tx_bytes > c->tx_max || c->is_leaving ||
	       c->protocol->session_is_full(c->session);
}

/*
 * The length of the frame at rx_pos if it is whole; 0: more must come, and
 * *@ret_want says how long it will be (0: unknown); -EPROTO, -EBADMSG.
 */
static ssize_t
whole_frame(struct conn *c, size_t *ret_want)
{
	size_t have = c->rx_len - c->rx_pos;
	ssize_t len;

	*ret_want = 0;
	if (have < c->protocol->min_frame)
		return 0;
	len = c->protocol->frame_len(
		c->session, (const uint8_t *)c->rx->data + c->rx_pos, have);
	if (len <= 0)
		return len;
	*ret_want = (size_t)len;
	return (size_t)len <= have ? len : 0;
}

/* Throw away what the session does not want of the last frame. */
static void
skip_rest(struct conn *c)
{
	size_t n = (size_t)MIN(c->rx_rest, (uint64_t)(c->rx_len - c->rx_pos));

	c->rx_rest -= n;
	c->rx_pos += n;
}

/* Give the frame of @len bytes at rx_pos to the session. */
static int
handle_frame(struct conn *c, size_t len)
{
	struct stream_msg *m = msg_received(c, len);

	if (!m)
		return -ENOMEM;
	if (c->protocol->frame_rest)
		c->rx_rest =
			c->protocol->frame_rest(c->session, m->in.iov_base);
	c->rx_pos += len;
	skip_rest(c);
	c->protocol->session_receive(c->session, &m->msg);
	return c->fatal ? -EPROTO : 0;
}

/* Handle whole frames in the buffer. Returns enum stop or an errno. */
static int
handle_frames(struct conn *c, size_t *ret_want)
{
	ssize_t len;
	int r;

	skip_rest(c);
	for (;;) {
		*ret_want = 0;
		if (c->rx_len > c->rx_pos && is_full(c))
			return STOP_FULL;
		if (c->tls_since > 0)
			return STOP_FULL; /* what comes is not for us */
		len = whole_frame(c, ret_want);
		if (len <= 0)
			break;
		if (conn_turn_is_over(c))
			return STOP_TURN;
		r = handle_frame(c, (size_t)len);
		if (r < 0)
			return r;
		if (++c->turn_frames % CONN_FLUSH_EVERY == 0 ||
		    c->tx_bytes > STREAM_FLUSH_BYTES) {
			stream_flush(c);
			if (c->is_closed)
				return -ECONNRESET;
			/* What waits until this was sent is to go on. */
			conn_flush_later(c);
		}
	}
	if (len < 0 && !c->fatal)
		c->fatal = len == -EBADMSG ? "a wrong magic number"
					   : "a frame of impossible length";
	return (int)len;
}

/*
 * Make room to receive more: at least the rest of a frame of @want bytes,
 * or of one whose length is unknown yet.
 */
static int
make_room(struct conn *c, size_t want)
{
	size_t have = c->rx ? c->rx_len - c->rx_pos : 0;
	size_t need = MAX(MAX(want, have + 1), STREAM_RX_SIZE / 2);
	struct buffer *b;

	if (c->rx && c->rx->refs == 1 && c->rx->size >= need) {
		/* Nobody else looks at it: from the front again. */
		if (c->rx_pos > 0 && c->rx->size - c->rx_pos < need) {
			memmove(c->rx->data, c->rx->data + c->rx_pos, have);
			c->rx_pos = 0;
			c->rx_len = have;
		} else if (have == 0) {
			c->rx_pos = c->rx_len = 0;
		}
		return 0;
	}
	if (c->rx && c->rx->size - c->rx_pos >= need &&
	    c->rx->size - c->rx_len > 0)
		return 0; /* behind what is still being looked at */
	/* A little over the frame: the next, small one comes along. */
	b = buffer_get(&c->loop->buffers, MAX(want + 1024, STREAM_RX_SIZE / 2));
	if (!b)
		return -ENOMEM;
	if (have > 0)
		memcpy(b->data, c->rx->data + c->rx_pos, have);
	buffer_unref(&c->loop->buffers, c->rx);
	c->rx = b;
	c->rx_pos = 0;
	c->rx_len = have;
	return 0;
}

/* Receive once. Returns bytes, 0 at the end of the stream, errno. */
static ssize_t
receive(struct conn *c, bool *ret_filled)
{
	size_t room = c->rx->size - c->rx_len;
	char *to = c->rx->data + c->rx_len;
	ssize_t n;

	if (c->tls) {
		n = tls_recv(c->tls, to, room);
		if (n == -EPROTO)
			c->fatal = tls_why(c->tls);
	} else {
		n = recv(c->fd, to, room, MSG_DONTWAIT);
		if (n < 0)
			return -errno;
	}
	if (n < 0)
		return n;
	c->rx_len += (size_t)n;
	*ret_filled = (size_t)n == room;
	return n;
}

/* Handle and receive, for a turn. Returns enum stop or an errno. */
static int
pump(struct conn *c)
{
	bool filled = true;
	size_t want = 0;
	ssize_t n;
	int r = STOP_EMPTY;

	conn_turn_begin(c);
	if (c->rx)
		r = handle_frames(c, &want);
	while (r == STOP_EMPTY && filled) {
		r = make_room(c, want);
		if (r < 0)
			break;
		n = receive(c, &filled);
		if (n == -EAGAIN || n == -EINTR)
			break;
		if (n <= 0)
			return n == 0 ? -ECONNRESET : (int)n;
		r = handle_frames(c, &want);
		/* One frame at a time where they are larger than a buffer. */
		if (c->tx_bytes > c->tx_max / 4)
			filled = false;
	}
	return r;
}

/* Give a large buffer back when nothing is in it. */
static void
trim_rx(struct conn *c)
{
	if (!c->rx || c->rx_pos != c->rx_len)
		return;
	if (c->rx->refs > 1) {
		buffer_unref(&c->loop->buffers, c->rx);
		c->rx = NULL;
	}
	c->rx_pos = c->rx_len = 0;
}

static void
go_on(struct conn *c)
{
	uint64_t before = c->nr_frames;
	int r = pump(c);

	if (r < 0) {
		conn_close(c);
		return;
	}
	trim_rx(c);
	/* What TLS holds already makes no socket readable. */
	if (r == STOP_EMPTY && c->tls && tls_has_unread(c->tls))
		r = STOP_TURN;
	/* Since when is there half a frame? A byte more is no progress. */
	if (c->rx_pos == c->rx_len || r != STOP_EMPTY)
		c->rx_since = 0;
	else if (c->rx_since == 0 || c->nr_frames != before)
		c->rx_since = ev_now(c->loop->ev);
	if (r == STOP_FULL)
		ev_io_stop(c->loop->ev, &c->reader);
	else
		ev_io_start(c->loop->ev, &c->reader);
	if (r == STOP_TURN)
		conn_turn_wait(c);
}

static void
take_turn(struct conn *c)
{
	conn_turn_leave(c);
	go_on(c);
}

static void
on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct conn *c = w->data;
	struct loop *l = c->loop;

	(void)ev;
	(void)revents;
	if (c->is_waiting_turn)
		return; /* had one, and will have the next */
	l->stamp_ns = loop_clock_ns();
	loop_spin_begin(l);
	if (c->tls_since > 0)
		stream_handshake(c);
	else
		go_on(c);
	loop_flush(l); /* may free @c */
	loop_spin_end(l);
}

static void
resume(struct conn *c)
{
	if (c->is_closed)
		return;
	c->protocol->session_resume(c->session);
	if (!ev_is_active(&c->reader) && !is_full(c))
		go_on(c);
}

static void
on_writable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct conn *c = w->data;
	struct loop *l = c->loop;

	(void)ev;
	(void)revents;
	l->stamp_ns = loop_clock_ns();
	stream_flush(c);
	resume(c);
	loop_flush(l);
}

static int
start(struct conn *c)
{
	STAILQ_INIT(&c->tx);
	STAILQ_INIT(&c->free_msgs);
	c->tx_max =
		c->loop->server->config->max_inflight_bytes / STREAM_TX_PART;
	c->new_since = ev_now(c->loop->ev);
	ev_io_init(&c->reader, on_readable, c->fd, EV_READ);
	ev_io_init(&c->writer, on_writable, c->fd, EV_WRITE);
	c->reader.data = c->writer.data = c;
	ev_io_start(c->loop->ev, &c->reader);
	if (!c->protocol->greeting)
		return 0;
	return stream_say(c, c->protocol->greeting, c->protocol->greeting_len);
}

static void
stop(struct conn *c)
{
	ev_io_stop(c->loop->ev, &c->reader);
	ev_io_stop(c->loop->ev, &c->writer);
	conn_turn_leave(c);
	if (c->tls)
		tls_bye(c->tls);
	(void)close(c->fd);
	c->fd = -1;
	stream_forget(c);
}

static void
fini(struct conn *c)
{
	stream_forget(c);
	tls_session_free(c->tls);
	buffer_unref(&c->loop->buffers, c->rx);
}

const struct conn_ops stream_ops = {
	.start = start,
	.stop = stop,
	.fini = fini,
	.flush = stream_flush,
	.resume = resume,
	.take_turn = take_turn,
};
