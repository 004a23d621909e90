/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A chain of descriptors as a message. Its head, all but file data, is copied
 * out before anybody parses it; the copy is what is looked at, also for the
 * length. File data stays where it is, and replies are written there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "vhost.h"

/* Unused messages kept, and of how many iovecs. */
#define FREE_MSGS_MAX 128
#define FREE_IOV_MAX 160

static void
msg_free(struct vhost_msg *m)
{
	free(m->iov);
	free(m);
}

/* It is the device's again. */
static void
msg_release(struct vhost_msg *m)
{
	struct conn *c = m->conn;
	struct vhost *v = c->vhost;

	buffer_unref(&c->loop->buffers, m->big);
	guest_memory_unref(m->mem);
	m->big = NULL;
	m->mem = NULL;
	c->nr_msgs--;
	m->queue->nr_msgs--;
	/* Somebody may wait for this one. */
	conn_flush_later(c);
	if (v->nr_free >= FREE_MSGS_MAX || m->max_iov > FREE_IOV_MAX) {
		msg_free(m);
		return;
	}
	STAILQ_INSERT_HEAD(&v->free_msgs, m, by_device);
	v->nr_free++;
}

/* Give the chain back to the driver; a closed device touches nothing. */
static void
give_back(struct vhost_msg *m, size_t len)
{
	if (!m->conn->is_closed)
		vring_put(&m->queue->ring, m->token, (uint32_t)len);
	msg_release(m);
}

static int
chain_room(struct msg *msg, size_t len)
{
	struct vhost_msg *m = (struct vhost_msg *)msg;

	if (len > m->out_len)
		return -EMSGSIZE;
	msg->out = m->iov + msg->nr_in;
	msg->nr_out = m->nr_out;
	msg->out_len = m->out_len;
	return 0;
}

static void
chain_send(struct msg *msg, size_t len)
{
	give_back((struct vhost_msg *)msg, len);
}

/* Length 0: the driver takes no notice of what is in it (9p.md 4.4). */
static void
chain_drop(struct msg *msg)
{
	give_back((struct vhost_msg *)msg, 0);
}

static const struct msg_ops chain_ops = {
	.room = chain_room,
	.send = chain_send,
	.drop = chain_drop,
};

/* Copy bytes [@off, @off + @len) of the chain's request. */
static void
copy_request(const struct vring_chain *c, size_t off, size_t len, uint8_t *to)
{
	const struct iovec *iov = c->iov;
	size_t n;

	for (; len > 0; iov++) {
		if (off >= iov->iov_len) {
			off -= iov->iov_len;
			continue;
		}
		n = MIN(len, iov->iov_len - off);
		memcpy(to, (char *)iov->iov_base + off, n);
		to += n;
		len -= n;
		off = 0;
	}
}

/* An unused message with place for @nr iovecs; NULL without memory. */
static struct vhost_msg *
msg_alloc(struct vhost *v, unsigned nr)
{
	struct vhost_msg *m = STAILQ_FIRST(&v->free_msgs);
	struct iovec *iov;

	if (m) {
		STAILQ_REMOVE_HEAD(&v->free_msgs, by_device);
		v->nr_free--;
	} else {
		m = calloc(1, sizeof(*m));
	}
	if (!m || m->max_iov >= nr)
		return m;
	iov = reallocarray(m->iov, nr, sizeof(*iov));
	if (!iov) {
		msg_free(m);
		return NULL;
	}
	m->iov = iov;
	m->max_iov = nr;
	return m;
}

/* Where the first @head_len bytes are now; NULL without memory. */
static uint8_t *
keep_head(struct vhost_msg *m, const struct vring_chain *c, size_t head_len)
{
	if (head_len <= sizeof(m->small))
		return m->small;
	m->big = buffer_get(&m->conn->loop->buffers, head_len);
	if (!m->big)
		return NULL;
	memcpy(m->big->data, m->small, sizeof(m->small));
	copy_request(c, sizeof(m->small), head_len - sizeof(m->small),
		     (uint8_t *)m->big->data + sizeof(m->small));
	return (uint8_t *)m->big->data;
}

/* The iovecs: head, rest of the request, reply. */
static void
lay_out(struct vhost_msg *m, const struct vring_chain *c, uint8_t *head,
	size_t head_len)
{
	size_t off = head_len, left = m->msg.in_len - head_len, n;
	unsigned i, nr = 0;

	m->iov[nr++] = (struct iovec){ head, head_len };
	for (i = 0; left > 0; i++) {
		if (off >= c->iov[i].iov_len) {
			off -= c->iov[i].iov_len;
			continue;
		}
		n = MIN(left, c->iov[i].iov_len - off);
		m->iov[nr++] =
			(struct iovec){ (char *)c->iov[i].iov_base + off, n };
		left -= n;
		off = 0;
	}
	m->msg.in = m->iov;
	m->msg.nr_in = nr;
	m->nr_out = c->nr_out;
	m->out_len = c->out_len;
	memcpy(m->iov + nr, c->iov + c->nr_in, c->nr_out * sizeof(*m->iov));
}

/* Returns the length of its frame; -EPROTO. */
static ssize_t
frame_of(struct conn *c, struct vhost_msg *m, const struct vring_chain *chain)
{
	size_t have = MIN(chain->in_len, sizeof(m->small));
	ssize_t len;

	if (have < c->protocol->min_frame ||
	    chain->out_len < c->protocol->min_reply)
		return -EPROTO;
	memset(m->small, 0, 8); /* a frame may be shorter than its header */
	copy_request(chain, 0, have, m->small);
	len = c->protocol->frame_len(c->session, m->small, have);
	if (len <= 0)
		return -EPROTO;
	/* A chain that is too short for what it says is the session's. */
	return (ssize_t)MIN((size_t)len, chain->in_len);
}

int
vhost_msg_new(struct vhost *v, struct vhost_queue *q, struct vhost_msg **ret)
{
	const struct vring_chain *chain = &v->chain;
	struct conn *c = v->conn;
	struct vhost_msg *m = msg_alloc(v, chain->nr_in + chain->nr_out + 1);
	size_t head_len;
	uint8_t *head;
	ssize_t len;

	if (!m)
		return -ENOMEM;
	m->msg = (struct msg){ .ops = &chain_ops };
	m->conn = c;
	m->queue = q;
	m->token = chain->token;
	m->mem = guest_memory_ref(v->mem);
	c->nr_msgs++;
	q->nr_msgs++;
	len = frame_of(c, m, chain);
	if (len < 0) {
		q->ring.why = "a chain that holds no message";
		msg_release(m);
		return -EPROTO;
	}
	m->msg.in_len = (size_t)len;
	head_len = c->protocol->head_len(m->small, (size_t)len);
	head = keep_head(m, chain, head_len);
	if (!head) {
		msg_release(m);
		return -ENOMEM;
	}
	lay_out(m, chain, head, head_len);
	*ret = m;
	return 0;
}

void
vhost_free_msgs(struct vhost *v)
{
	struct vhost_msg *m;

	while ((m = STAILQ_FIRST(&v->free_msgs))) {
		STAILQ_REMOVE_HEAD(&v->free_msgs, by_device);
		msg_free(m);
	}
	v->nr_free = 0;
}
