/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a message is answered: exactly once, by a reply, an Rlerror or a drop,
 * after which its request is forgotten. Replies are encoded on the stack
 * and then laid over the transport's iovecs, whose first one may be as short
 * as an Rlerror (a virtqueue's is, before the pages of a read).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "macros.h"
#include "probe.h"
#include "session.h"

/* What the kernel calls ENOTSUPP must not leave it (fs/9p passes it on). */
#define KERNEL_ENOTSUPP 524
#define ERRNO_MAX 4095

/* Rlerror speaks the generic Linux numbers; some hosts have others. */
_Static_assert(EDEADLK == 35 && ENOTEMPTY == 39 && EOPNOTSUPP == 95,
	       "a host with errno numbers of its own needs a table here");

struct p9_qid
p9_qid_of(const struct ident *id)
{
	struct p9_qid qid = { .version = id->version, .path = id->path };

	if (S_ISDIR(id->type))
		qid.type = P9_QTDIR;
	else if (S_ISLNK(id->type))
		qid.type = P9_QTSYMLINK;
	return qid;
}

static uint32_t
ecode_of(int err)
{
	if (err == -KERNEL_ENOTSUPP)
		return EOPNOTSUPP;
	/* The guest would take these for limits of its own processes. */
	if (err == -EMFILE || err == -ENFILE)
		return ENOMEM;
	if (err >= 0 || err < -ERRNO_MAX)
		return EIO;
	return (uint32_t)-err;
}

static int
make_room(struct p9_req *r, size_t len)
{
	int err;

	if (len <= r->room)
		return 0;
	err = r->msg->ops->room(r->msg, len);
	if (err)
		return err;
	r->room = len;
	return 0;
}

static void
send_bytes(struct msg *msg, const void *buf, size_t len)
{
	struct wire_iov w;

	wire_iov_init(&w, msg->out, msg->nr_out, 0, len);
	wire_iov_put(&w, buf, len);
	msg->ops->send(msg, len);
}

/* The end of every message: what it came to, as in p9_trace(). */
static void
note_done(const struct session *s, const struct msg *msg, int err,
	  const struct p9_fields *m)
{
	PROBE4(request__done, s->config.owner_id, p9_msg_tag(msg),
	       p9_msg_type(msg), -err);
	if (s->config.trace)
		p9_trace(s, msg, err, m);
}

void
p9_drop(struct p9_req *r)
{
	note_done(r->s, r->msg, P9_DROPPED, NULL);
	r->msg->ops->drop(r->msg);
	p9_req_free(r);
}

void
p9_refuse(struct session *s, struct msg *msg)
{
	note_done(s, msg, P9_DROPPED, NULL);
	msg->ops->drop(msg);
}

void
p9_reply_error(struct p9_req *r, int err)
{
	uint8_t buf[P9_RLERROR_SIZE];
	struct p9_fields m;
	ssize_t len;

	m.ecode = ecode_of(err);
	len = p9_encode(P9_RLERROR, r->tag, p9_rlerror_fields, &m, buf,
			sizeof(buf));
	if (make_room(r, (size_t)len) < 0) {
		p9_fatal(r->s, "no memory for a reply");
		p9_drop(r);
		return;
	}
	note_done(r->s, r->msg, -(int)m.ecode, NULL);
	send_bytes(r->msg, buf, (size_t)len);
	p9_req_free(r);
}

void
p9_reply(struct p9_req *r, const struct p9_fields *m)
{
	uint8_t buf[P9_REPLY_MAX];
	ssize_t len;
	int err;

	len = p9_encode(r->type + 1, r->tag, r->row->r, m, buf, sizeof(buf));
	err = len < 0 ? (int)len : make_room(r, (size_t)len);
	if (err) {
		p9_reply_error(r, err);
		return;
	}
	note_done(r->s, r->msg, 0, m);
	send_bytes(r->msg, buf, (size_t)len);
	p9_req_free(r);
}

void
p9_reply_empty(struct p9_req *r)
{
	if (r->req.error)
		p9_reply_error(r, r->req.error);
	else
		p9_reply(r, NULL);
}

void
p9_reply_data(struct p9_req *r, size_t head_len, size_t count)
{
	uint8_t buf[P9_RREAD_HEADER];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };
	struct p9_fields m;
	struct wire_iov to;

	wire_put_u32(&w, (uint32_t)(head_len + count));
	wire_put_u8(&w, r->type + 1);
	wire_put_u16(&w, r->tag);
	if (head_len == P9_RREAD_HEADER)
		wire_put_u32(&w, (uint32_t)count);
	else
		wire_put_u16(&w, (uint16_t)count);
	/* How much was read; the target of a link is not told. */
	m.data.len = count;
	note_done(r->s, r->msg, 0, head_len == P9_RREAD_HEADER ? &m : NULL);
	wire_iov_init(&to, r->msg->out, r->msg->nr_out, 0, head_len);
	wire_iov_put(&to, buf, head_len);
	r->msg->ops->send(r->msg, head_len + count);
	p9_req_free(r);
}

void
p9_answer_error(struct session *s, struct msg *msg, int err)
{
	uint8_t buf[P9_RLERROR_SIZE];
	struct p9_fields m;

	m.ecode = ecode_of(err);
	(void)p9_encode(P9_RLERROR, p9_msg_tag(msg), p9_rlerror_fields, &m, buf,
			sizeof(buf)); /* it fits */
	if (msg->ops->room(msg, sizeof(buf)) == 0) {
		note_done(s, msg, -(int)m.ecode, NULL);
		send_bytes(msg, buf, sizeof(buf));
		return;
	}
	p9_fatal(s, "no memory for a reply");
	p9_refuse(s, msg);
}

int
p9_data_slice(struct p9_req *r, const struct iovec *iov, unsigned nr,
	      size_t off, size_t count)
{
	struct iovec *more;

	if (nr > r->max_iov) {
		more = calloc(nr, sizeof(*more));
		if (!more)
			return -ENOMEM;
		if (r->iov != r->iovs)
			free(r->iov);
		r->iov = more;
		r->max_iov = nr;
	}
	r->nr_iov = wire_iov_slice(iov, nr, off, count, r->iov);
	return 0;
}

int
p9_data_room(struct p9_req *r, size_t head_len, size_t count)
{
	int err = make_room(r, head_len + count);

	if (err)
		return err;
	return p9_data_slice(r, r->msg->out, r->msg->nr_out, head_len, count);
}
