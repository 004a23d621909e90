/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Byte-range locks. A lock never waits here: a conflict is answered BLOCKED
 * at once and the client polls (9p.md 5.10), so no Tflush of a waiting lock
 * exists.
 */
#include <errno.h>

#include "checked.h"
#include "macros.h"
#include "ops.h"
#include "session.h"

enum { LOCK_TYPE_READ, LOCK_TYPE_WRITE, LOCK_TYPE_UNLOCK };
enum { LOCK_STATUS_SUCCESS, LOCK_STATUS_BLOCKED, LOCK_STATUS_ERROR };

#define LOCK_FLAGS 3u /* BLOCK, RECLAIM */

/* From the types on the wire, in their order. */
static const enum lock_type lock_types[] = { LOCK_RANGE_READ, LOCK_RANGE_WRITE,
					     LOCK_RANGE_NONE };

static int
convert_range(const struct p9_req *r, const struct p9_fields *m,
	      struct lock_range *ret)
{
	if (m->lock_type > LOCK_TYPE_UNLOCK ||
	    m->client_id.len > LOCK_CLIENT_ID_MAX ||
	    range_overflows_off(m->start, m->length))
		return -EINVAL;
	*ret = (struct lock_range){
		.type = lock_types[m->lock_type],
		.start = m->start,
		.end = m->length ? m->start + m->length - 1 : UINT64_MAX,
		.proc_id = m->proc_id,
		.owner = r->s->config.owner_id,
		.client_id = m->client_id,
	};
	return 0;
}

void
op_lock(struct p9_req *r, const struct p9_fields *m)
{
	int err = convert_range(r, m, &r->req.u.lock.range);

	if (m->flags & ~LOCK_FLAGS)
		err = -EINVAL;
	if (err) {
		p9_reply_error(r, err);
		return;
	}
	r->req.node = r->fid->node;
	r->req.handle = r->fid->handle;
	p9_submit(r, REQUEST_LOCK);
}

void
op_lock_done(struct p9_req *r)
{
	struct p9_fields m;

	if (r->req.error == 0)
		m.status = LOCK_STATUS_SUCCESS;
	else if (r->req.error == -EBUSY)
		m.status = LOCK_STATUS_BLOCKED;
	else
		m.status = LOCK_STATUS_ERROR;
	p9_reply(r, &m);
}

void
op_getlock(struct p9_req *r, const struct p9_fields *m)
{
	struct lock_range *range = &r->req.u.lock.range;
	int err = convert_range(r, m, range);

	if (err) {
		p9_reply_error(r, err);
		return;
	}
	/* Linux always asks with UNLCK; it wants to know who would be in the
	 * way of a write lock. */
	if (range->type == LOCK_RANGE_NONE)
		range->type = LOCK_RANGE_WRITE;
	r->req.node = r->fid->node;
	r->req.handle = r->fid->handle;
	p9_submit(r, REQUEST_GETLOCK);
}

void
op_getlock_done(struct p9_req *r)
{
	const struct lock_range *range = &r->req.u.lock.range;
	const uint8_t *p = r->msg->in[0].iov_base;
	struct p9_fields m;

	if (r->req.error) {
		p9_reply_error(r, r->req.error);
		return;
	}
	if (range->type == LOCK_RANGE_NONE) {
		/* Free: what was asked for comes back; it decoded before. */
		(void)p9_decode(r->row->t, p + P9_HEADER_SIZE,
				r->msg->in_len - P9_HEADER_SIZE, 0, &m);
		m.lock_type = LOCK_TYPE_UNLOCK;
	} else {
		m.lock_type = range->type == LOCK_RANGE_READ ? LOCK_TYPE_READ
							     : LOCK_TYPE_WRITE;
		m.start = range->start;
		m.length = range->end == UINT64_MAX
				   ? 0
				   : range->end - range->start + 1;
		m.proc_id = range->proc_id;
		m.client_id = range->client_id;
		m.client_id.len =
			MIN(m.client_id.len, (size_t)LOCK_CLIENT_ID_MAX);
	}
	p9_reply(r, &m);
}
