/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * READ and WRITE. Data is not copied: a read goes straight into the reply's
 * iovecs, behind the place of its header, a write comes straight from the
 * message's.
 *
 * Where chunks may be sent, a large READ is done piece by piece, each read
 * and sent before the next begins (nbd.md 16): the last piece is the answer
 * to the message, those before it are messages of their own.
 */
#include <errno.h>

#include "macros.h"
#include "session.h"

#define DATA_HEADER_MAX (NBD_CHUNK_EXT_SIZE + 8)

/* Bytes before the data of a piece. */
static size_t
data_header(const struct nbd_req *r)
{
	return r->s->mode == NBD_SIMPLE ? NBD_SIMPLE_SIZE
					: nbd_chunk_size(r->s->mode) + 8;
}

static void
set_io(struct nbd_req *r, size_t count)
{
	r->req.u.io.iov = r->iov;
	r->req.u.io.nr_iov = r->nr_iov;
	r->req.u.io.off = r->h.off + r->done;
	r->req.u.io.count = count;
	r->req.u.io.is_sync = r->h.flags & NBD_FLAG_FUA;
}

void
nbd_drop_part(struct nbd_req *r)
{
	if (r->part && r->part != r->msg)
		r->part->ops->drop(r->part);
	r->part = NULL;
}

static int
read_room(struct nbd_req *r)
{
	size_t head = data_header(r);
	bool is_last = r->done + r->piece == r->h.len;
	int err;

	r->part = is_last ? r->msg : r->msg->ops->part(r->msg);
	if (!r->part)
		return -ENOMEM;
	err = nbd_make_room(r->part, head + r->piece);
	if (err)
		return err;
	return nbd_data_slice(r, r->part->out, r->part->nr_out, head, r->piece);
}

void
nbd_read(struct nbd_req *r)
{
	int err;

	if (r->h.len == 0) {
		nbd_reply_empty(r);
		return;
	}
	err = read_room(r);
	if (err) {
		nbd_drop_part(r);
		nbd_reply_error(r, err, NULL);
		return;
	}
	set_io(r, r->piece);
	nbd_submit(r, REQUEST_READ);
}

/*
 * The export keeps the size that it had, whatever became of the file: what
 * is behind its end reads as zeros (nbd.md 15).
 */
static void
fill_rest(const struct nbd_req *r)
{
	size_t skip = MIN(r->req.ret_count, r->piece);
	unsigned i;

	for (i = 0; i < r->nr_iov; i++) {
		size_t len = r->iov[i].iov_len, n = MIN(skip, len);

		memset((uint8_t *)r->iov[i].iov_base + n, 0, len - n);
		skip -= n;
	}
}

/* The header of the piece, whose data is in place behind it. */
static void
put_data_header(const struct nbd_req *r, bool is_last)
{
	uint8_t buf[DATA_HEADER_MAX];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };
	struct wire_iov to;

	if (r->s->mode == NBD_SIMPLE) {
		wire_put_be32(&w, NBD_SIMPLE_MAGIC);
		wire_put_be32(&w, 0);
		wire_put_be64(&w, r->h.cookie);
	} else {
		nbd_chunk_put(r, &w, is_last ? NBD_REPLY_DONE : 0,
			      NBD_CHUNK_OFFSET_DATA, 8 + r->piece);
		wire_put_be64(&w, r->h.off + r->done);
	}
	wire_iov_init(&to, r->part->out, r->part->nr_out, 0,
		      (size_t)(w.p - buf));
	wire_iov_put(&to, buf, (size_t)(w.p - buf));
}

void
nbd_read_done(struct nbd_req *r)
{
	size_t len = data_header(r) + r->piece;
	bool is_last = r->part == r->msg;
	if (r->req.error) {
		nbd_drop_part(r);
		nbd_reply_error(r, r->req.error, NULL);
		return;
	}
	fill_rest(r);
	put_data_header(r, is_last);
	r->done += r->piece;
	if (is_last) {
		nbd_send(r, len, 0);
	} else {
		r->part->ops->send(r->part, len);
		r->part = NULL;
		nbd_continue(r);
	}
}

void
nbd_write(struct nbd_req *r)
{
	size_t count = (size_t)(r->h.len - r->done);
	int err;

	if (r->h.len == 0) {
		nbd_reply_empty(r);
		return;
	}
	err = nbd_data_slice(r, r->msg->in, r->msg->nr_in,
			     nbd_request_size(r->s->mode) + (size_t)r->done,
			     count);
	if (err) {
		nbd_reply_error(r, err, NULL);
		return;
	}
	set_io(r, count);
	nbd_submit(r, REQUEST_WRITE);
}

void
nbd_write_done(struct nbd_req *r)
{
	if (!r->req.error && r->req.ret_count == 0)
		r->req.error = -EIO; /* as write(2) never does */
	if (r->req.error) {
		nbd_reply_error(r, r->req.error, NULL);
		return;
	}
	r->done += MIN(r->req.ret_count, r->h.len - r->done);
	if (r->done == r->h.len)
		nbd_reply_empty(r);
	else
		nbd_continue(r); /* and learn why it was cut short */
}
