/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A 9P session: messages come in through session_receive(), are decoded,
 * get their fids and are started; their requests come back through
 * p9_done() and are answered. All on the loop thread, without locks.
 *
 * A message that cannot start yet waits in one of three places: in
 * session.queue when enough is running already (the order there is that of
 * arrival), in fid.waiters (see fid.c), or, a Tflush, behind its target
 * (tag.c). session_drain() starts what has become ready; it runs once per
 * event from outside, never nested, so that completing one request inside
 * another one's submit() does not recurse.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "cleanup.h"
#include "macros.h"
#include "probe.h"
#include "session.h"

/* --- waiting --- */

void
p9_park(struct p9_req *r, struct p9_req_list *list, enum p9_req_state state)
{
	r->state = (uint8_t)state;
	r->list = list;
	if (list)
		TAILQ_INSERT_TAIL(list, r, by_list);
	r->s->nr_parked++;
	r->s->parked_bytes += r->msg->in_len;
}

void
p9_unpark(struct p9_req *r)
{
	if (r->list)
		TAILQ_REMOVE(r->list, r, by_list);
	r->list = NULL;
	r->state = P9_REQ_NEW;
	r->s->nr_parked--;
	r->s->parked_bytes -= r->msg->in_len;
}

/* Into the queue, which is in order of arrival. */
static void
park_queued(struct session *s, struct p9_req *r)
{
	struct p9_req *at;

	TAILQ_FOREACH (at, &s->queue, by_list)
		if (at->seq > r->seq)
			break;
	p9_park(r, NULL, P9_REQ_QUEUED);
	r->list = &s->queue;
	if (at)
		TAILQ_INSERT_BEFORE(at, r, by_list);
	else
		TAILQ_INSERT_TAIL(&s->queue, r, by_list);
}

void
p9_requeue(struct session *s, struct p9_req *r)
{
	p9_unpark(r);
	park_queued(s, r);
}

void
p9_fatal(struct session *s, const char *why)
{
	if (!s->why)
		s->why = why;
}

static bool
session_is_full(const struct session *s)
{
	if (s->is_closed)
		return false;
	return s->nr_parked >= P9_PARKED_MAX ||
	       s->parked_bytes > MAX(s->msize, P9_MSIZE_HINT);
}

/* --- running --- */

static bool
has_place(const struct session *s, size_t cost)
{
	const struct session_config *c = &s->config;

	return s->nr_running < c->max_inflight &&
	       cost <= c->events->room(c->owner, s->running_bytes);
}

/* Of the request's data and of the reply's, as far as it is known. */
static size_t
cost_of(const struct p9_req *r, const struct p9_fields *m)
{
	size_t reply = P9_REPLY_MAX;

	if (r->type == P9_TREAD || r->type == P9_TREADDIR)
		reply = MIN(m->count, p9_data_max(r->s)) + P9_RREAD_HEADER;
	else if (r->type == P9_TXATTRWALK)
		reply += P9_XATTR_MAX; /* while the session looks at it */
	return r->msg->in_len + reply;
}

static size_t
message_head_len(const uint8_t *head, size_t len)
{
	return head[4] == P9_TWRITE ? MIN(len, P9_TWRITE_HEADER) : len;
}

static int
decode(const struct p9_req *r, struct p9_fields *ret)
{
	const uint8_t *p = r->msg->in[0].iov_base;
	size_t len = message_head_len(p, r->msg->in_len);

	return p9_decode(r->row->t, p + P9_HEADER_SIZE, len - P9_HEADER_SIZE,
			 r->msg->in_len - len, ret);
}

/* Start a message that may run now; false: there is no place for it. */
static bool
dispatch(struct session *s, struct p9_req *r)
{
	struct p9_fields m;
	int err;

	if (!r->row || !r->row->start) {
		p9_reply_error(r, -EOPNOTSUPP);
		return true;
	}
	err = decode(r, &m);
	if (err) {
		p9_reply_error(r, err);
		return true;
	}
	r->cost = cost_of(r, &m);
	if (!has_place(s, r->cost)) {
		park_queued(s, r);
		return false;
	}
	err = p9_fids_acquire(r, &m);
	if (err < 0)
		p9_reply_error(r, err);
	else if (err == 0)
		r->row->start(r, &m);
	return true;
}

static void
session_drain(struct session *s)
{
	struct p9_req *r;

	if (s->is_draining)
		return;
	s->is_draining = true;
	while ((r = TAILQ_FIRST(&s->queue))) {
		p9_unpark(r);
		if (!dispatch(s, r))
			break;
	}
	s->is_draining = false;
}

/* The last thing that an entry point does: the session may be gone then. */
static void
session_leave(struct session *s, bool is_receiving)
{
	bool was_full = s->was_full;

	s->was_full = session_is_full(s);
	if (s->why && !s->told_why && !s->is_closed) {
		s->told_why = true;
		s->config.events->fatal(s->config.owner, s->why);
	} else if (was_full && !s->was_full && !is_receiving && !s->is_closed) {
		s->config.events->ready(s->config.owner);
	}
}

static void
p9_done(struct request *req)
{
	struct p9_req *r = container_of(req, struct p9_req, req);
	struct session *s = r->s;

	s->nr_running--;
	s->running_bytes -= r->cost;
	r->state = P9_REQ_NEW;
	if (r->is_dead)
		p9_dead(r);
	else
		r->row->finish(r);
	if (s->is_draining)
		return;
	session_drain(s);
	session_leave(s, false);
}

void
p9_submit(struct p9_req *r, enum request_op op)
{
	struct session *s = r->s;
	struct request *req = &r->req;

	req->op = op;
	req->error = 0;
	req->owner = s->config.owner;
	req->uid = r->fid->uid;
	req->ret_node = NULL;
	req->ret_handle = NULL;
	req->done = p9_done;
	r->state = P9_REQ_RUNNING;
	s->nr_running++;
	s->running_bytes += r->cost;
	s->config.backend->submit(req);
}

/* --- Tversion --- */

static void
session_reset(struct session *s)
{
	p9_tags_reset(s);
	p9_fids_reset(s);
	s->msize = 0;
}

static void
hint_msize(struct session *s, uint32_t msize)
{
	char line[160];

	if (s->had_hint || msize >= P9_MSIZE_HINT)
		return;
	s->had_hint = true;
	(void)snprintf(line, sizeof(line),
		       "the client asked for an msize of %u bytes only, which "
		       "is slow: mount with -o msize=131072 or more",
		       msize);
	s->config.events->log(s->config.owner, LOG_WARNING, line);
}

static bool
name_starts(struct name n, const char *prefix)
{
	size_t len = strlen(prefix);

	return n.len >= len && memcmp(n.ptr, prefix, len) == 0;
}

static void
negotiate(struct session *s, struct p9_req *r)
{
	static const char ours[] = "9P2000.L", unknown[] = "unknown";
	struct p9_fields m;
	int err = decode(r, &m);

	if (!err && m.msize < P9_MSIZE_MIN)
		err = -EMSGSIZE;
	if (err) {
		p9_reply_error(r, err);
		return;
	}
	/* Also with a suffix: 9P2000.L.Google.N asks for extensions. */
	if (name_starts(m.version, ours)) {
		hint_msize(s, m.msize);
		m.msize = MIN(m.msize, s->config.max_msize);
		s->msize = m.msize;
		m.version = (struct name){ ours, sizeof(ours) - 1 };
	} else {
		m.msize = MIN(m.msize, s->config.max_msize);
		m.version = (struct name){ unknown, sizeof(unknown) - 1 };
	}
	p9_reply(r, &m);
}

/* --- the protocol's functions --- */

static void
receive(struct session *s, struct msg *msg, uint8_t type, uint16_t tag)
{
	struct p9_fields m;
	struct p9_req *r;
	int err;

	if (type == P9_TVERSION)
		session_reset(s);
	else if (p9_tag_find(s, tag)) {
		p9_fatal(s, "a tag was used again before its reply");
		p9_refuse(s, msg);
		return;
	}
	r = p9_req_new(s, msg, type, tag);
	if (!r) {
		p9_answer_error(s, msg, -ENOMEM);
	} else if (type == P9_TVERSION) {
		negotiate(s, r);
	} else if (!s->msize) {
		p9_reply_error(r, -EPROTO);
	} else if (type == P9_TFLUSH) {
		err = decode(r, &m);
		if (err)
			p9_reply_error(r, err);
		else
			p9_flush(r, m.oldtag);
	} else if (!TAILQ_EMPTY(&s->queue)) {
		p9_park(r, &s->queue, P9_REQ_QUEUED);
	} else {
		(void)dispatch(s, r);
	}
}

static uint32_t
frame_max(const struct session *s)
{
	if (!s->msize && s->config.answers_early)
		return s->config.max_msize;
	return s->msize ? s->msize : P9_MSIZE_UNNEGOTIATED;
}

static void
session_receive(struct session *s, struct msg *msg)
{
	bool was_draining = s->is_draining;

	if (msg->in_len < P9_HEADER_SIZE) {
		/* No message at all; the stream's transport sends none. */
		p9_fatal(s, "a message of an impossible length");
		msg->ops->drop(msg);
		session_leave(s, true);
		return;
	}
	PROBE3(request__start, s->config.owner_id, p9_msg_tag(msg),
	       p9_msg_type(msg));
	if (s->is_closed || s->why) {
		p9_refuse(s, msg);
		return;
	}
	s->is_draining = true;
	if (msg->in_len > frame_max(s)) {
		p9_fatal(s, "a message of an impossible length");
		p9_refuse(s, msg);
	} else if (!s->had_version && !s->config.answers_early &&
		   p9_msg_type(msg) != P9_TVERSION) {
		p9_fatal(s, "the first message is not Tversion");
		p9_refuse(s, msg);
	} else {
		s->had_version = true;
		receive(s, msg, p9_msg_type(msg), p9_msg_tag(msg));
	}
	s->is_draining = was_draining;
	session_drain(s);
	session_leave(s, true);
}

static ssize_t
frame_len(const struct session *s, const uint8_t *head, size_t have)
{
	struct wire_in w = { .p = head, .end = head + P9_SIZE_SIZE };
	uint32_t len = wire_get_u32(&w);

	(void)have;
	if (len < P9_HEADER_SIZE || len > frame_max(s))
		return -EPROTO;
	return len;
}

static struct session *
session_new(const struct session_config *config)
{
	CLEANUP_FREE struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	/* Where the heap lies is random enough, and costs no system call. */
	s->fid_seed = hash_mix((uintptr_t)s) ^ hash_mix(config->owner_id);
	s->config.max_msize =
		MIN(MAX(config->max_msize, P9_MSIZE_MIN), P9_MSIZE_MAX);
	TAILQ_INIT(&s->queue);
	TAILQ_INIT(&s->unused);
	if (hash_init(&s->fids) < 0)
		return NULL;
	if (hash_init(&s->tags) < 0) {
		hash_fini(&s->fids);
		return NULL;
	}
	return take_ptr(&s);
}

static void
session_close(struct session *s)
{
	if (s->is_closed)
		return;
	s->is_closed = true;
	session_reset(s);
}

static void
session_resume(struct session *s)
{
	if (s->is_closed || s->why || TAILQ_EMPTY(&s->queue))
		return;
	session_drain(s);
	session_leave(s, false);
}

static bool
session_is_begun(const struct session *s)
{
	return s->msize > 0;
}

static bool
session_is_idle(const struct session *s)
{
	return s->nr_running == 0;
}

static void
session_free(struct session *s)
{
	struct p9_req *r;

	if (!s)
		return;
	session_close(s);
	while ((r = TAILQ_FIRST(&s->unused))) {
		TAILQ_REMOVE(&s->unused, r, by_list);
		if (r->iov != r->iovs)
			free(r->iov);
		free(r);
	}
	hash_fini(&s->fids);
	hash_fini(&s->tags);
	free(s);
}

const struct protocol protocol_9p = {
	.name = "9p",
	.min_frame = P9_SIZE_SIZE,
	.min_reply = P9_RLERROR_SIZE,
	.frame_len = frame_len,
	.head_len = message_head_len,
	.session_new = session_new,
	.session_receive = session_receive,
	.session_is_full = session_is_full,
	.session_resume = session_resume,
	.session_is_begun = session_is_begun,
	.session_close = session_close,
	.session_is_idle = session_is_idle,
	.session_free = session_free,
};
