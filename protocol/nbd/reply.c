/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a command is answered (nbd.md 6): by a simple reply, as long as
 * nothing else was agreed on; after STRUCTURED_REPLY, by chunks if there is
 * data or an error to tell of; and after EXTENDED_HEADERS by chunks only,
 * with larger headers. An error is decided on before anything is sent of
 * the piece that it spoils, so that every header's length is followed by
 * what it promises.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "probe.h"
#include "session.h"

size_t
nbd_request_size(enum nbd_mode mode)
{
	return mode == NBD_EXTENDED ? NBD_REQUEST_EXT_SIZE : NBD_REQUEST_SIZE;
}

size_t
nbd_chunk_size(enum nbd_mode mode)
{
	return mode == NBD_EXTENDED ? NBD_CHUNK_EXT_SIZE : NBD_CHUNK_SIZE;
}

/*
 * The errors that NBD knows, and which of ours they stand for (nbd.md 10):
 * the one place where an errno is changed. What is not here comes from the
 * real file and says nothing about the request: EIO, where nbdkit would
 * answer EINVAL and blame the client.
 */
static const struct {
	int err;
	enum nbd_error wire;
} errors[] = {
	{ EPERM, NBD_EPERM },         { EROFS, NBD_EPERM },
	{ EACCES, NBD_EPERM },        { EIO, NBD_EIO },
	{ ENOMEM, NBD_ENOMEM },       { EINVAL, NBD_EINVAL },
	{ EOPNOTSUPP, NBD_EINVAL },   { ENOSPC, NBD_ENOSPC },
	{ EDQUOT, NBD_ENOSPC },       { EFBIG, NBD_ENOSPC },
	{ EOVERFLOW, NBD_EOVERFLOW }, { ESHUTDOWN, NBD_ESHUTDOWN },
};

static enum nbd_error
error_of(const struct nbd_req *r, int err)
{
	size_t i;

	/* Only where it means: not faster than writing zeros. */
	if (err == -EOPNOTSUPP && r->row && r->row->start == nbd_zero &&
	    r->h.flags & NBD_FLAG_FAST_ZERO)
		return NBD_ENOTSUP;
	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].err == -err)
			return errors[i].wire;
	return NBD_EIO;
}

int
nbd_make_room(struct msg *msg, size_t len)
{
	return msg->out_len >= len ? 0 : msg->ops->room(msg, len);
}

int
nbd_data_slice(struct nbd_req *r, const struct iovec *iov, unsigned nr,
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

void
nbd_chunk_put(const struct nbd_req *r, struct wire_out *w, uint16_t flags,
	      uint16_t type, uint64_t len)
{
	bool is_ext = r->s->mode == NBD_EXTENDED;

	wire_put_be32(w, is_ext ? NBD_CHUNK_EXT_MAGIC : NBD_CHUNK_MAGIC);
	wire_put_be16(w, flags);
	wire_put_be16(w, type);
	wire_put_be64(w, r->h.cookie);
	if (is_ext) {
		wire_put_be64(w, r->h.off);
		wire_put_be64(w, len);
	} else {
		wire_put_be32(w, (uint32_t)len);
	}
}

static void
put_simple(const struct nbd_req *r, struct wire_out *w, uint32_t error)
{
	wire_put_be32(w, NBD_SIMPLE_MAGIC);
	wire_put_be32(w, error);
	wire_put_be64(w, r->h.cookie);
}

/* The end of every command: what it came to, as in nbd_trace_command(). */
static void
note_done(const struct nbd_req *r, int err)
{
	PROBE4(request__done, r->s->config.owner_id, r->h.cookie, r->h.type,
	       err == NBD_DROPPED ? -1 : -err);
	if (r->s->config.trace)
		nbd_trace_command(r, err);
}

void
nbd_send(struct nbd_req *r, size_t len, int err)
{
	note_done(r, err);
	r->msg->ops->send(r->msg, len);
	nbd_req_free(r);
}

/* The last words on @r, which came to @err. */
static void
finish(struct nbd_req *r, const uint8_t *buf, size_t len, int err)
{
	struct msg *msg = r->msg;
	struct wire_iov w;

	if (nbd_make_room(msg, len) < 0) {
		nbd_fatal(r->s, "no memory for a reply");
		nbd_drop(r);
		return;
	}
	wire_iov_init(&w, msg->out, msg->nr_out, 0, len);
	wire_iov_put(&w, buf, len);
	nbd_send(r, len, err);
}

void
nbd_reply_empty(struct nbd_req *r)
{
	uint8_t buf[NBD_REPLY_MAX];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };

	/* READ is answered by chunks wherever there are any; others need not
	 * be until EXTENDED_HEADERS. */
	if (r->s->mode == NBD_EXTENDED ||
	    (r->s->mode == NBD_STRUCTURED && r->h.type == NBD_CMD_READ))
		nbd_chunk_put(r, &w, NBD_REPLY_DONE, NBD_CHUNK_NONE, 0);
	else
		put_simple(r, &w, 0);
	finish(r, buf, (size_t)(w.p - buf), 0);
}

void
nbd_reply_error(struct nbd_req *r, int err, const char *text)
{
	uint8_t buf[NBD_REPLY_MAX];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };
	enum nbd_error wire = error_of(r, err);
	char meaning[64];
	size_t len;

	if (!text) {
		text = strerrordesc_np(-err);
		(void)snprintf(meaning, sizeof(meaning), "%s.",
			       text ? text : "Unknown error");
		text = meaning;
	}
	len = strlen(text);
	if (r->s->mode == NBD_SIMPLE) {
		put_simple(r, &w, wire);
	} else {
		nbd_chunk_put(r, &w, NBD_REPLY_DONE, NBD_CHUNK_ERROR, 6 + len);
		wire_put_be32(&w, wire);
		wire_put_be16(&w, (uint16_t)len);
		wire_put_bytes(&w, text, len);
	}
	finish(r, buf, (size_t)(w.p - buf), err);
}

void
nbd_drop(struct nbd_req *r)
{
	note_done(r, NBD_DROPPED);
	nbd_drop_part(r);
	r->msg->ops->drop(r->msg);
	nbd_req_free(r);
}
