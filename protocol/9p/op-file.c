/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages that move data. A read goes straight into the reply's iovecs,
 * behind the place of its header; a write comes straight from the
 * message's. Each reply stays 13 bytes below msize: the Linux client counts
 * 24 bytes for a header of 11, and 6.1 refuses replies as long as msize.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "checked.h"
#include "macros.h"
#include "ops.h"
#include "session.h"

static void
set_io(struct p9_req *r, uint64_t off, size_t count)
{
	r->req.node = r->fid->node;
	r->req.handle = p9_fid_handle(r->fid);
	r->req.u.io.iov = r->iov;
	r->req.u.io.nr_iov = r->nr_iov;
	r->req.u.io.off = off;
	r->req.u.io.count = count;
	r->req.u.io.is_sync = false;
	r->count = count;
}

/* Answer with what the backend put behind a header of @head_len bytes. */
static void
reply_count(struct p9_req *r, size_t head_len, size_t count)
{
	if (r->req.error)
		p9_reply_error(r, r->req.error);
	else
		p9_reply_data(r, head_len, count);
}

void
op_read(struct p9_req *r, const struct p9_fields *m)
{
	uint32_t count = MIN(m->count, p9_data_max(r->s));
	int err = 0;

	if (r->fid->state == FID_XREAD) {
		op_xattr_read(r, m);
		return;
	}
	if (r->fid->accmode == O_WRONLY)
		err = -EBADF;
	else if (range_overflows_off(m->offset, count))
		err = -EINVAL;
	else
		err = p9_data_room(r, P9_RREAD_HEADER, count);
	if (err) {
		p9_reply_error(r, err);
	} else if (count == 0) {
		p9_reply_data(r, P9_RREAD_HEADER, 0);
	} else {
		set_io(r, m->offset, count);
		p9_submit(r, REQUEST_READ);
	}
}

void
op_read_done(struct p9_req *r)
{
	reply_count(r, P9_RREAD_HEADER, MIN(r->req.ret_count, r->count));
}

static void
reply_written(struct p9_req *r, size_t count)
{
	struct p9_fields m;

	m.count = (uint32_t)count;
	p9_reply(r, &m);
}

void
op_write(struct p9_req *r, const struct p9_fields *m)
{
	size_t count = m->data.len;
	int err;

	if (r->fid->state == FID_XWRITE) {
		op_xattr_write(r, m);
		return;
	}
	if (r->fid->accmode == O_RDONLY)
		err = -EBADF;
	else if (range_overflows_off(m->offset, count))
		err = -EINVAL;
	else
		err = p9_data_slice(r, r->msg->in, r->msg->nr_in,
				    P9_TWRITE_HEADER, count);
	if (err) {
		p9_reply_error(r, err);
	} else if (count == 0) {
		reply_written(r, 0);
	} else {
		set_io(r, m->offset, count);
		p9_submit(r, REQUEST_WRITE);
	}
}

void
op_write_done(struct p9_req *r)
{
	if (r->req.error)
		p9_reply_error(r, r->req.error);
	else
		reply_written(r, MIN(r->req.ret_count, r->count));
}

/* The type byte of an entry's qid; its version is not looked at. */
static uint8_t
qid_type_of(unsigned char d_type)
{
	return d_type == DT_DIR   ? P9_QTDIR
	       : d_type == DT_LNK ? P9_QTSYMLINK
				  : P9_QTFILE;
}

/* Append an entry to the reply, if it fits whole. Any thread. */
static bool
emit_entry(void *ctx, const struct dirent_info *e)
{
	struct dir_writer *d = ctx;
	uint8_t buf[24 + P9_NAME_MAX];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };
	size_t len;

	if (e->name.len > P9_NAME_MAX)
		return true; /* it would end the client's whole listing */
	wire_put_u8(&w, qid_type_of(e->d_type));
	wire_put_u32(&w, 0);
	wire_put_u64(&w, e->path);
	wire_put_u64(&w, e->cookie);
	wire_put_u8(&w, e->d_type);
	wire_put_u16(&w, (uint16_t)e->name.len);
	wire_put_bytes(&w, e->name.ptr, e->name.len);
	len = (size_t)(w.p - buf);
	if (len > d->to.left) {
		d->is_full = true;
		return false;
	}
	wire_iov_put(&d->to, buf, len);
	d->size += len;
	return true;
}

void
op_readdir(struct p9_req *r, const struct p9_fields *m)
{
	uint32_t count = MIN(m->count, p9_data_max(r->s));
	int err = m->offset > INT64_MAX ? -EINVAL : 0;

	if (!err)
		err = p9_data_room(r, P9_RREAD_HEADER, count);
	if (err) {
		p9_reply_error(r, err);
		return;
	}
	wire_iov_init(&r->dir.to, r->iov, r->nr_iov, 0, count);
	r->dir.size = 0;
	r->dir.is_full = false;
	r->req.node = r->fid->node;
	r->req.handle = r->fid->handle;
	r->req.u.readdir.off = m->offset;
	r->req.u.readdir.emit = emit_entry;
	r->req.u.readdir.emit_ctx = &r->dir;
	p9_submit(r, REQUEST_READDIR);
}

void
op_readdir_done(struct p9_req *r)
{
	/* No bytes would mean the end of the directory. */
	if (!r->req.error && r->dir.size == 0 && r->dir.is_full)
		r->req.error = -EINVAL;
	reply_count(r, P9_RREAD_HEADER, r->dir.size);
}

void
op_readlink(struct p9_req *r, const struct p9_fields *m)
{
	size_t count = MIN(P9_SYMLINK_MAX + 1, p9_data_max(r->s));
	int err = p9_data_room(r, P9_RREADLINK_HEADER, count);

	(void)m;
	if (err) {
		p9_reply_error(r, err);
		return;
	}
	set_io(r, 0, count);
	p9_submit(r, REQUEST_READLINK);
}

void
op_readlink_done(struct p9_req *r)
{
	/* As long as the room: cut, as readlink(2) does. */
	if (!r->req.error && r->req.ret_count >= r->room - P9_RREADLINK_HEADER)
		r->req.error = -ENAMETOOLONG;
	reply_count(r, P9_RREADLINK_HEADER, r->req.ret_count);
}
