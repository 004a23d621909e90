/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An NBD session: options until one of them enters an export, then commands.
 * All on the loop thread, without locks.
 *
 * Options are worked on one at a time (a client may not send the next one
 * before the answer): the session is full meanwhile. Commands are decoded
 * and checked when they come; those for which there is no place wait in
 * session.queue, as does a READ between its pieces, which comes first.
 * session_drain() starts what there is place for; it runs once per event
 * from outside, never nested, so that completing one request inside another
 * one's submit() does not recurse.
 *
 * After DISC what has come before is done, the image is closed, and the
 * connection with it. A connection that just goes away has its reads
 * withdrawn, but a change that runs is never cut short (nbd.md 10).
 */
#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "macros.h"
#include "probe.h"
#include "session.h"

void
nbd_fatal(struct session *s, const char *why)
{
	if (!s->why)
		s->why = why;
}

static bool
session_is_full(const struct session *s)
{
	if (s->is_closed)
		return false;
	switch (s->state) {
	case NBD_STATE_FLAGS:
	case NBD_STATE_HAGGLING:
		return false;
	case NBD_STATE_OPTION:
	case NBD_STATE_TLS:
	case NBD_STATE_LEAVING:
		return true;
	case NBD_STATE_TRANSMISSION:
		break;
	}
	return s->nr_parked >= NBD_PARKED_MAX ||
	       s->parked_bytes > NBD_PARKED_BYTES_MAX;
}

/* --- running --- */

static void
park(struct nbd_req *r, bool is_first)
{
	struct session *s = r->s;

	if (is_first)
		TAILQ_INSERT_HEAD(&s->queue, r, by_list);
	else
		TAILQ_INSERT_TAIL(&s->queue, r, by_list);
	s->nr_parked++;
	s->parked_bytes += r->msg->in_len;
}

static void
unpark(struct nbd_req *r)
{
	struct session *s = r->s;

	TAILQ_REMOVE(&s->queue, r, by_list);
	s->nr_parked--;
	s->parked_bytes -= r->msg->in_len;
}

void
nbd_continue(struct nbd_req *r)
{
	park(r, true);
}

static bool
has_place(const struct session *s, const struct nbd_req *r)
{
	const struct session_config *c = &s->config;

	if (r->h.type == NBD_CMD_READ &&
	    c->events->unsent(c->owner) > NBD_UNSENT_MAX)
		return false;
	return s->nr_running < c->max_inflight &&
	       r->cost <= c->events->room(c->owner, s->running_bytes);
}

/* Start what may run now; false: there is no place for it. */
static bool
dispatch(struct session *s, struct nbd_req *r)
{
	nbd_command_cost(r);
	if (!has_place(s, r))
		return false;
	r->row->start(r);
	return true;
}

static void
session_drain(struct session *s)
{
	struct nbd_req *r;

	if (s->is_draining)
		return;
	s->is_draining = true;
	while ((r = TAILQ_FIRST(&s->queue))) {
		unpark(r);
		if (!dispatch(s, r)) {
			park(r, true);
			break;
		}
	}
	s->is_draining = false;
}

static void
closed_image(struct session *s, int err)
{
	(void)err; /* nobody is left to be told: DISC has no answer */
	s->image.handle = NULL;
	nbd_image_release(s);
	s->config.events->bye(s->config.owner);
}

/* After DISC, and when all that came before it is done. */
static void
close_image(struct session *s)
{
	if (s->state != NBD_STATE_LEAVING || !s->image.handle ||
	    s->is_closing || s->nr_running || s->nr_parked)
		return;
	s->is_closing = true;
	s->control = (struct request){ .node = s->image.node,
				       .handle = s->image.handle };
	nbd_control(s, REQUEST_CLOSE, closed_image);
}

/* The last thing that an entry point does: the session may be gone then. */
static void
session_leave(struct session *s, bool is_receiving)
{
	bool was_full = s->was_full;

	if (s->is_closed)
		return;
	close_image(s);
	s->was_full = session_is_full(s);
	if (s->why && !s->told_why) {
		s->told_why = true;
		s->config.events->fatal(s->config.owner, s->why);
	} else if (was_full && !s->was_full && !is_receiving) {
		s->config.events->ready(s->config.owner);
	}
}

static void
command_done(struct request *req)
{
	struct nbd_req *r = container_of(req, struct nbd_req, req);
	struct session *s = r->s;

	TAILQ_REMOVE(&s->running, r, by_list);
	s->nr_running--;
	s->running_bytes -= r->cost;
	if (s->is_closed)
		nbd_drop(r);
	else
		r->row->finish(r);
	if (s->is_draining)
		return;
	session_drain(s);
	session_leave(s, false);
}

void
nbd_submit(struct nbd_req *r, enum request_op op)
{
	struct session *s = r->s;
	struct request *req = &r->req;

	req->op = op;
	req->error = 0;
	req->owner = s->config.owner;
	req->uid = NO_ID;
	req->gid = NO_ID;
	req->node = s->image.node;
	req->handle = s->image.handle;
	req->ret_node = NULL;
	req->ret_handle = NULL;
	req->done = command_done;
	TAILQ_INSERT_TAIL(&s->running, r, by_list);
	s->nr_running++;
	s->running_bytes += r->cost;
	s->config.backend->submit(req);
}

static void
control_forget(struct session *s)
{
	struct request *req = &s->control;
	const struct backend *b = s->config.backend;

	if (req->ret_handle)
		b->handle_unref(req->ret_handle);
	if (req->ret_node)
		b->node_unref(req->ret_node);
	if (req->op == REQUEST_IMAGE) {
		free(req->u.image.name);
		free(req->u.image.description);
		free(req->u.image.why);
	} else if (req->op == REQUEST_CLOSE) {
		s->image.handle = NULL;
	}
	if (s->opt.msg)
		nbd_opt_drop(s);
}

static void
control_done(struct request *req)
{
	struct session *s = container_of(req, struct session, control);

	s->is_control_running = false;
	if (s->is_closed) {
		control_forget(s);
		return;
	}
	s->then(s, req->error);
	if (s->is_draining)
		return;
	session_drain(s);
	session_leave(s, false);
}

void
nbd_control(struct session *s, enum request_op op,
	    void (*then)(struct session *s, int err))
{
	struct request *req = &s->control;

	req->op = op;
	req->owner = s->config.owner;
	req->uid = NO_ID;
	req->gid = NO_ID;
	req->done = control_done;
	s->then = then;
	s->is_control_running = true;
	s->config.backend->submit(req);
}

/* --- commands --- */

static struct nbd_req *
req_alloc(struct session *s)
{
	struct nbd_req *r = TAILQ_FIRST(&s->unused);

	if (r) {
		TAILQ_REMOVE(&s->unused, r, by_list);
		s->nr_unused--;
		return r;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->s = s;
	r->iov = r->iovs;
	r->max_iov = ARRAY_SIZE(r->iovs);
	return r;
}

static void
req_destroy(struct nbd_req *r)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(r->maps); i++)
		free(r->maps[i].v);
	if (r->iov != r->iovs)
		free(r->iov);
	free(r);
}

static struct nbd_req *
req_new(struct session *s, struct msg *msg)
{
	struct nbd_req *r = req_alloc(s);

	if (!r)
		return NULL;
	r->msg = msg;
	r->part = NULL;
	r->h = nbd_header_get(s->mode, msg->in[0].iov_base);
	r->row = nbd_command_find(r->h.type);
	r->done = 0;
	return r;
}

/* Has it once been a BLOCK_STATUS? That is too much to be kept. */
static bool
has_maps(const struct nbd_req *r)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(r->maps); i++)
		if (r->maps[i].v)
			return true;
	return false;
}

void
nbd_req_free(struct nbd_req *r)
{
	struct session *s = r->s;

	if (s->nr_unused >= NBD_FREE_REQS_MAX || has_maps(r)) {
		req_destroy(r);
		return;
	}
	TAILQ_INSERT_HEAD(&s->unused, r, by_list);
	s->nr_unused++;
}

static void
receive_command(struct session *s, struct msg *msg)
{
	struct nbd_req *r = req_new(s, msg);
	const char *text;
	int err;

	if (!r) {
		nbd_fatal(s, "no memory for a command");
		msg->ops->drop(msg);
		return;
	}
	PROBE3(request__start, s->config.owner_id, r->h.cookie, r->h.type);
	if (r->h.type == NBD_CMD_DISC) {
		s->state = NBD_STATE_LEAVING;
		nbd_drop(r);
		return;
	}
	err = nbd_command_check(r, &text);
	if (err)
		nbd_reply_error(r, err, text);
	else if (!TAILQ_EMPTY(&s->queue) || !dispatch(s, r))
		park(r, false);
}

/* --- the protocol's functions --- */

static void
session_receive(struct session *s, struct msg *msg)
{
	bool was_draining = s->is_draining;

	if (s->is_closed || s->why || s->state == NBD_STATE_LEAVING) {
		msg->ops->drop(msg);
		return;
	}
	s->is_draining = true;
	if (s->state == NBD_STATE_TRANSMISSION)
		receive_command(s, msg);
	else
		nbd_handshake(s, msg);
	s->is_draining = was_draining;
	session_drain(s);
	session_leave(s, true);
}

static struct session *
session_new(const struct session_config *config)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	TAILQ_INIT(&s->queue);
	TAILQ_INIT(&s->running);
	TAILQ_INIT(&s->unused);
	return s;
}

static void
session_resume(struct session *s)
{
	if (s->is_closed || s->why || TAILQ_EMPTY(&s->queue))
		return;
	session_drain(s);
	session_leave(s, false);
}

static void
session_tls_ready(struct session *s)
{
	if (s->is_closed || s->state != NBD_STATE_TLS)
		return;
	s->is_tls = true;
	s->state = NBD_STATE_HAGGLING;
	session_leave(s, false);
}

static bool
session_is_begun(const struct session *s)
{
	return s->state == NBD_STATE_TRANSMISSION ||
	       s->state == NBD_STATE_LEAVING;
}

/* Nobody waits for what runs: withdraw it, unless it changes something. */
static void
withdraw(struct session *s)
{
	const struct backend *b = s->config.backend;
	struct nbd_req *r, *next;

	for (r = TAILQ_FIRST(&s->running); r; r = next) {
		next = TAILQ_NEXT(r, by_list);
		if (r->row->is_change || !b->cancel(&r->req))
			continue;
		TAILQ_REMOVE(&s->running, r, by_list);
		s->nr_running--;
		s->running_bytes -= r->cost;
		nbd_drop(r);
	}
	if (s->is_control_running && s->control.op != REQUEST_CLOSE &&
	    b->cancel(&s->control)) {
		s->is_control_running = false;
		control_forget(s);
	}
}

static void
session_close(struct session *s)
{
	struct nbd_req *r;

	if (s->is_closed)
		return;
	s->is_closed = true;
	while ((r = TAILQ_FIRST(&s->queue))) {
		unpark(r);
		nbd_drop(r);
	}
	withdraw(s);
}

static bool
session_is_idle(const struct session *s)
{
	return s->nr_running == 0 && !s->is_control_running;
}

static void
session_free(struct session *s)
{
	struct nbd_req *r;

	if (!s)
		return;
	session_close(s);
	while ((r = TAILQ_FIRST(&s->unused))) {
		TAILQ_REMOVE(&s->unused, r, by_list);
		req_destroy(r);
	}
	nbd_image_release(s);
	free(s->contexts_for);
	free(s->opt.out.p);
	free(s);
}

/* "NBDMAGIC", "IHAVEOPT", and what we know: fixed newstyle, no zeroes. */
static const uint8_t greeting[NBD_GREETING_SIZE] = {
	'N', 'B', 'D', 'M', 'A', 'G',
	'I', 'C', 'I', 'H', 'A', 'V',
	'E', 'O', 'P', 'T', 0,   NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES,
};

const struct protocol protocol_nbd = {
	.name = "nbd",
	.knows_shutdown = true,
	.greeting = greeting,
	.greeting_len = sizeof(greeting),
	.min_frame = NBD_CLIENT_FLAGS_SIZE,
	.min_reply = NBD_CHUNK_EXT_SIZE + 8,
	.frame_len = nbd_frame_len,
	.frame_rest = nbd_frame_rest,
	.head_len = nbd_head_len,
	.session_new = session_new,
	.session_receive = session_receive,
	.session_is_full = session_is_full,
	.session_resume = session_resume,
	.session_tls_ready = session_tls_ready,
	.session_is_begun = session_is_begun,
	.session_close = session_close,
	.session_is_idle = session_is_idle,
	.session_free = session_free,
};
