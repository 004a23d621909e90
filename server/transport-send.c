/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of a stream, and what answers them: room for a reply, the queue of
 * those to be sent, and sending. Nothing is copied: a message keeps the
 * request until it is answered, and the reply until the last byte of it went
 * out; a send that took less goes on from there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conn.h"
#include "tls.h"

/* Unused messages kept. */
#define STREAM_FREE_MSGS 64
/* Sent in one go; the rest when others had theirs. */
#define STREAM_SEND_MAX ((size_t)1 << 20)
/* Iovecs of one sendmsg. */
#define STREAM_TX_IOV 64

static void
msg_release(struct stream_msg *m)
{
	struct conn *c = m->conn;

	buffer_unref(&c->loop->buffers, m->rx);
	buffer_unref(&c->loop->buffers, m->big);
	c->nr_msgs--;
	if (c->nr_free >= STREAM_FREE_MSGS) {
		free(m);
		return;
	}
	STAILQ_INSERT_HEAD(&c->free_msgs, m, by_conn);
	c->nr_free++;
}

static int
stream_room(struct msg *msg, size_t len)
{
	struct stream_msg *m = (struct stream_msg *)msg;
	struct buffer *b;

	if (len <= msg->out_len)
		return 0;
	if (len <= sizeof(m->small)) {
		m->out = (struct iovec){ m->small, sizeof(m->small) };
	} else {
		b = buffer_get(&m->conn->loop->buffers, len);
		if (!b)
			return -ENOMEM;
		buffer_unref(&m->conn->loop->buffers, m->big);
		m->big = b;
		m->out = (struct iovec){ b->data, b->size };
	}
	msg->out = &m->out;
	msg->nr_out = 1;
	msg->out_len = m->out.iov_len;
	return 0;
}

static void
stream_send(struct msg *msg, size_t len)
{
	struct stream_msg *m = (struct stream_msg *)msg;
	struct conn *c = m->conn;

	/* The request is not needed any more, its buffer may go. */
	buffer_unref(&c->loop->buffers, m->rx);
	m->rx = NULL;
	if (c->is_closed) {
		msg_release(m);
		return;
	}
	m->out.iov_len = len;
	m->sent = 0;
	STAILQ_INSERT_TAIL(&c->tx, m, by_conn);
	c->tx_bytes += len;
	conn_flush_later(c);
}

static void
stream_drop(struct msg *msg)
{
	msg_release((struct stream_msg *)msg);
}

static struct msg *stream_part(struct msg *msg);

static const struct msg_ops stream_msg_ops = {
	.room = stream_room,
	.send = stream_send,
	.drop = stream_drop,
	.part = stream_part,
};

struct stream_msg *
stream_msg_new(struct conn *c)
{
	struct stream_msg *m = STAILQ_FIRST(&c->free_msgs);

	if (m) {
		STAILQ_REMOVE_HEAD(&c->free_msgs, by_conn);
		c->nr_free--;
	} else {
		m = malloc(sizeof(*m));
		if (!m)
			return NULL;
	}
	m->conn = c;
	m->rx = NULL;
	m->big = NULL;
	m->msg = (struct msg){ .ops = &stream_msg_ops };
	c->nr_msgs++;
	return m;
}

static struct msg *
stream_part(struct msg *msg)
{
	struct stream_msg *m = stream_msg_new(((struct stream_msg *)msg)->conn);

	return m ? &m->msg : NULL;
}

/* Gather what is queued into @iov; returns how many. */
static unsigned
gather(struct conn *c, struct iovec iov[STREAM_TX_IOV])
{
	struct stream_msg *m;
	unsigned nr = 0;

	STAILQ_FOREACH (m, &c->tx, by_conn) {
		if (nr == STREAM_TX_IOV)
			break;
		iov[nr++] = (struct iovec){
			(char *)m->out.iov_base + m->sent,
			m->out.iov_len - m->sent,
		};
	}
	return nr;
}

/* @n bytes went out. Returns how many replies that completes. */
static unsigned
sent(struct conn *c, size_t n)
{
	struct stream_msg *m;
	unsigned nr = 0;
	size_t left;

	c->tx_bytes -= n;
	while (n > 0) {
		m = STAILQ_FIRST(&c->tx);
		left = m->out.iov_len - m->sent;
		if (n < left) {
			m->sent += n;
			break;
		}
		n -= left;
		STAILQ_REMOVE_HEAD(&c->tx, by_conn);
		msg_release(m);
		nr++;
	}
	return nr;
}

/* Send once. Returns bytes, or errno. */
static ssize_t
send_some(struct conn *c)
{
	struct iovec iov[STREAM_TX_IOV];
	struct msghdr mh = { .msg_iov = iov };
	ssize_t n;

	mh.msg_iovlen = gather(c, iov);
	if (c->tls) {
		n = tls_send(c->tls, iov, (unsigned)mh.msg_iovlen);
		if (n == -EPROTO)
			c->fatal = tls_why(c->tls);
		return n;
	}
	n = sendmsg(c->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

bool
stream_is_sent(const struct conn *c)
{
	return STAILQ_EMPTY(&c->tx) && !(c->tls && tls_has_unsent(c->tls));
}

void
stream_flush(struct conn *c)
{
	size_t max = STREAM_SEND_MAX * conn_patience(c), sum = 0;
	ssize_t n = 0;

	while (!stream_is_sent(c) && sum < max) {
		n = send_some(c);
		if (n == -EINTR)
			continue;
		if (n < 0)
			break;
		sum += (size_t)n;
		/* Bytes of the same reply are no progress, as with requests. */
		if (sent(c, (size_t)n) > 0)
			c->tx_since = 0;
	}
	if (n < 0 && n != -EAGAIN) {
		conn_close(c);
	} else if (stream_is_sent(c) && c->is_leaving) {
		conn_close(c);
	} else if (stream_is_sent(c)) {
		c->tx_since = 0;
		ev_io_stop(c->loop->ev, &c->writer);
		if (c->tls_since > 0)
			stream_handshake(c);
	} else {
		if (c->tx_since == 0)
			c->tx_since = ev_now(c->loop->ev);
		ev_io_start(c->loop->ev, &c->writer);
	}
}

int
stream_say(struct conn *c, const void *bytes, size_t len)
{
	struct stream_msg *m = stream_msg_new(c);

	if (!m)
		return -ENOMEM;
	if (stream_room(&m->msg, len) < 0) {
		msg_release(m);
		return -ENOMEM;
	}
	memcpy(m->out.iov_base, bytes, len);
	stream_send(&m->msg, len);
	return 0;
}

void
stream_forget(struct conn *c)
{
	struct stream_msg *m;

	while ((m = STAILQ_FIRST(&c->tx))) {
		STAILQ_REMOVE_HEAD(&c->tx, by_conn);
		msg_release(m);
	}
	c->tx_bytes = 0;
	while ((m = STAILQ_FIRST(&c->free_msgs))) {
		STAILQ_REMOVE_HEAD(&c->free_msgs, by_conn);
		free(m);
	}
	c->nr_free = 0;
}
