/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The messages in progress, by tag, and Tflush, which names one of them.
 *
 * Rules (9p.md 4.4): an Rflush comes after the final decision on its oldtag
 * and nothing for oldtag comes after it. What has not begun is withdrawn
 * and never answered; what runs is answered normally first. Several Tflush
 * of one tag wait in order in the target's list; so does the Tflush of a
 * Tflush. A Tclunk or Tremove that has freed its number is never withdrawn:
 * the client would believe the fid to be in use still.
 */
#include <stdlib.h>

#include "macros.h"
#include "session.h"

struct p9_req *
p9_tag_find(const struct session *s, uint16_t tag)
{
	struct hash_entry *e = hash_find(&s->tags, tag);

	return e ? container_of(e, struct p9_req, by_tag) : NULL;
}

static struct p9_req *
req_alloc(struct session *s)
{
	struct p9_req *r = TAILQ_FIRST(&s->unused);

	if (r) {
		TAILQ_REMOVE(&s->unused, r, by_list);
		s->nr_unused--;
		return r;
	}
	r = malloc(sizeof(*r));
	if (!r)
		return NULL;
	r->s = s;
	r->iov = r->iovs;
	r->max_iov = ARRAY_SIZE(r->iovs);
	return r;
}

struct p9_req *
p9_req_new(struct session *s, struct msg *msg, uint8_t type, uint16_t tag)
{
	struct p9_req *r = req_alloc(s);

	if (!r)
		return NULL;
	/* Member by member: the whole is over a kilobyte. */
	r->req.gid = NO_ID;
	r->req.node = NULL;
	r->req.node2 = NULL;
	r->req.handle = NULL;
	r->req.name = (struct name){ 0 };
	r->req.name2 = (struct name){ 0 };
	r->msg = msg;
	r->row = p9_message_find(type);
	TAILQ_INIT(&r->flushers);
	r->list = NULL;
	r->fid = NULL;
	r->fid2 = NULL;
	r->cost = 0;
	r->room = 0;
	r->tag = tag;
	r->type = type;
	r->state = P9_REQ_NEW;
	r->is_dead = false;
	r->is_ending = false;
	r->nr_waits = 0;
	r->seq = s->next_seq++;
	r->nr_iov = 0;
	hash_add(&s->tags, &r->by_tag, tag);
	return r;
}

void
p9_req_free(struct p9_req *r)
{
	struct session *s = r->s;
	struct p9_req *f;

	p9_fids_release(r);
	if (!r->is_dead)
		hash_del(&s->tags, &r->by_tag);
	while ((f = TAILQ_FIRST(&r->flushers))) {
		p9_unpark(f);
		p9_reply(f, NULL);
	}
	if (s->nr_unused < P9_FREE_REQS_MAX) {
		TAILQ_INSERT_HEAD(&s->unused, r, by_list);
		s->nr_unused++;
		return;
	}
	if (r->iov != r->iovs)
		free(r->iov);
	free(r);
}

/* The backend gave a running request back: true. */
static bool
withdraw(struct p9_req *r)
{
	struct session *s = r->s;

	if (!s->config.backend->cancel(&r->req))
		return false;
	s->nr_running--;
	s->running_bytes -= r->cost;
	return true;
}

void
p9_flush(struct p9_req *r, uint16_t oldtag)
{
	struct p9_req *t = p9_tag_find(r->s, oldtag);
	bool is_dropped = false;

	if (!t || t == r) {
		p9_reply(r, NULL);
		return;
	}
	if (!t->is_ending && TAILQ_EMPTY(&t->flushers)) {
		if (t->state == P9_REQ_QUEUED || t->state == P9_REQ_WAITING) {
			p9_unpark(t);
			is_dropped = true;
		} else if (t->state == P9_REQ_RUNNING) {
			is_dropped = withdraw(t);
		}
	}
	if (!is_dropped) {
		p9_park(r, &t->flushers, P9_REQ_FLUSHING);
		return;
	}
	p9_drop(t);
	p9_reply(r, NULL);
}

void
p9_tags_reset(struct session *s)
{
	struct hash_entry *e;
	struct p9_req *r;

	while ((e = hash_any(&s->tags))) {
		r = container_of(e, struct p9_req, by_tag);
		/* Those who flush first: nobody may be answered. */
		while (!TAILQ_EMPTY(&r->flushers))
			r = TAILQ_FIRST(&r->flushers);
		if (r->state != P9_REQ_RUNNING) {
			p9_unpark(r);
			p9_drop(r);
		} else if (!r->is_ending && withdraw(r)) {
			p9_drop(r);
		} else {
			r->is_dead = true;
			hash_del(&s->tags, &r->by_tag);
		}
	}
}

void
p9_dead(struct p9_req *r)
{
	const struct backend *b = r->s->config.backend;
	struct request *req = &r->req;

	if (req->ret_handle)
		b->handle_unref(req->ret_handle);
	if (req->ret_node)
		b->node_unref(req->ret_node);
	if (req->op == REQUEST_GETXATTR && !req->error)
		free(req->u.xattr.value);
	p9_drop(r);
}
