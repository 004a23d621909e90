/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Extended attributes. Txattrwalk takes a snapshot of a value (or of the
 * list of names) into a newfid, which Tread reads: size and bytes agree
 * whatever happens to the file meanwhile (CVE-2017-15038). Txattrcreate
 * turns a fid into a buffer that Twrite fills and Tclunk sets, whole or not
 * at all.
 *
 * The buffer grows only as bytes arrive and only in order, so that no byte
 * of it is ever uninitialised (CVE-2016-9103) and an announced size costs
 * nothing. All values of a session together are limited.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "checked.h"
#include "cleanup.h"
#include "macros.h"
#include "ops.h"
#include "session.h"

static bool
fits_session(const struct session *s, size_t more)
{
	return more <= s->config.max_xattr_bytes - s->xattr_bytes;
}

void
op_xattrwalk(struct p9_req *r, const struct p9_fields *m)
{
	r->req.node = r->fid->node;
	r->req.handle = p9_fid_handle(r->fid);
	r->req.name = m->name;
	r->req.u.xattr.value = NULL;
	r->req.u.xattr.size = 0;
	r->req.u.xattr.flags = 0;
	p9_submit(r, REQUEST_GETXATTR);
}

void
op_xattrwalk_done(struct p9_req *r)
{
	CLEANUP_FREE void *value = NULL;
	struct session *s = r->s;
	struct fid_xattr *x;
	struct p9_fields m;

	if (r->req.error) {
		p9_reply_error(r, r->req.error);
		return;
	}
	value = r->req.u.xattr.value;
	m.size = r->req.u.xattr.size;
	if (m.size > P9_XATTR_MAX) {
		p9_reply_error(r, -E2BIG);
		return;
	}
	x = fits_session(s, m.size) ? calloc(1, sizeof(*x)) : NULL;
	if (!x) {
		p9_reply_error(r, -ENOMEM);
		return;
	}
	x->value = take_ptr(&value);
	x->size = m.size;
	x->room = m.size;
	s->xattr_bytes += x->room;
	r->fid2->xattr = x;
	r->fid2->state = FID_XREAD;
	p9_reply(r, &m);
}

void
op_xattrcreate(struct p9_req *r, const struct p9_fields *m)
{
	struct fid *f = r->fid;
	struct fid_xattr *x;

	if (m->size > P9_XATTR_MAX) {
		p9_reply_error(r, -E2BIG);
		return;
	}
	if (m->name.len == 0 || (m->flags != 0 && m->flags != XATTR_CREATE &&
				 m->flags != XATTR_REPLACE)) {
		p9_reply_error(r, -EINVAL);
		return;
	}
	x = calloc(1, sizeof(*x) + m->name.len);
	if (!x) {
		p9_reply_error(r, -ENOMEM);
		return;
	}
	x->size = m->size;
	x->flags = (int)m->flags;
	x->name_len = m->name.len;
	memcpy(x->name, m->name.ptr, m->name.len);
	p9_fid_close(r->s, f);
	f->xattr = x;
	f->state = FID_XWRITE;
	p9_reply(r, NULL);
}

void
op_xattr_read(struct p9_req *r, const struct p9_fields *m)
{
	const struct fid_xattr *x = r->fid->xattr;
	size_t count = MIN(m->count, p9_data_max(r->s));
	struct wire_iov to;
	int err;

	count = m->offset < x->size ? MIN(count, x->size - m->offset) : 0;
	err = p9_data_room(r, P9_RREAD_HEADER, count);
	if (err) {
		p9_reply_error(r, err);
		return;
	}
	if (count) {
		wire_iov_init(&to, r->iov, r->nr_iov, 0, count);
		wire_iov_put(&to, x->value + m->offset, count);
	}
	p9_reply_data(r, P9_RREAD_HEADER, count);
}

/* Let the buffer hold @size bytes, which the announced size allows. */
static int
xattr_grow(struct session *s, struct fid_xattr *x, size_t size)
{
	size_t room = MIN(x->size, MAX(size, x->room * 2));
	uint8_t *value;

	if (size <= x->room)
		return 0;
	if (!fits_session(s, room - x->room))
		return -ENOSPC;
	value = realloc(x->value, room);
	if (!value)
		return -ENOMEM;
	s->xattr_bytes += room - x->room;
	x->value = value;
	x->room = room;
	return 0;
}

void
op_xattr_write(struct p9_req *r, const struct p9_fields *m)
{
	struct fid_xattr *x = r->fid->xattr;
	size_t count = m->data.len;
	struct p9_fields reply;
	uint64_t end;
	int err;

	if (add_overflows_u64(m->offset, count, &end))
		err = -EINVAL;
	else if (end > x->size)
		err = -ENOSPC;
	else if (m->offset > x->filled)
		err = -EINVAL; /* a hole: nobody writes values like that */
	else
		err = xattr_grow(r->s, x, end);
	if (err) {
		p9_reply_error(r, err);
		return;
	}
	if (count)
		wire_iov_get(r->msg->in, r->msg->nr_in, P9_TWRITE_HEADER,
			     x->value + m->offset, count);
	x->filled = MAX(x->filled, end);
	reply.count = (uint32_t)count;
	p9_reply(r, &reply);
}

void
op_xattr_commit(struct p9_req *r)
{
	static uint8_t empty[1];
	struct fid_xattr *x = r->fid->xattr;

	if (x->filled < x->size) {
		p9_reply_error(r, -EINVAL);
		return;
	}
	r->req.node = r->fid->node;
	r->req.name = (struct name){ x->name, x->name_len };
	r->req.u.xattr.size = x->size;
	r->req.u.xattr.flags = x->flags;
	/* removexattr() and an empty value look alike but for REPLACE. */
	if (x->size > 0)
		r->req.u.xattr.value = x->value;
	else
		r->req.u.xattr.value = x->flags == XATTR_REPLACE ? NULL : empty;
	p9_submit(r, REQUEST_SETXATTR);
}
