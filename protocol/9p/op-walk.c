/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages by which fids come and go: Tattach and Twalk make one, Tclunk
 * and Tremove end one. A newfid is RESERVED while its request runs; if that
 * fails, releasing the fid removes it, so that nothing needs undoing here.
 *
 * A clone (Twalk without names) never leaves the protocol: the new fid
 * refers to the same node, also if that was unlinked meanwhile.
 */
#include <errno.h>
#include <sys/stat.h>

#include "macros.h"
#include "ops.h"
#include "session.h"

/* Who acts when the client named nobody: the kernel's overflow uid. */
#define UID_NOBODY 65534u

void
op_auth(struct p9_req *r, const struct p9_fields *m)
{
	(void)m; /* no authentication: as QEMU answers */
	/* ENOENT is what diod's client takes for "none needed". */
	p9_reply_error(r, -ENOENT);
}

/* The user of an attach without n_uname. Does not block: no getpwnam(). */
static uint32_t
uid_of_uname(struct name uname)
{
	uint64_t uid = 0;
	size_t i;

	if (uname.len == 4 && memcmp(uname.ptr, "root", 4) == 0)
		return 0;
	if (uname.len == 0 || uname.len > 10)
		return UID_NOBODY;
	for (i = 0; i < uname.len; i++) {
		if (uname.ptr[i] < '0' || uname.ptr[i] > '9')
			return UID_NOBODY;
		uid = uid * 10 + (uint64_t)(uname.ptr[i] - '0');
	}
	return uid < NO_ID ? (uint32_t)uid : UID_NOBODY;
}

void
op_attach(struct p9_req *r, const struct p9_fields *m)
{
	if (m->afid != P9_NOFID) {
		p9_reply_error(r, -EINVAL);
		return;
	}
	r->fid->uid = m->n_uname != NO_ID ? m->n_uname : uid_of_uname(m->uname);
	r->req.name = m->aname;
	p9_submit(r, REQUEST_ATTACH);
}

void
op_attach_done(struct p9_req *r)
{
	struct p9_fields m;

	if (r->req.error) {
		p9_reply_error(r, r->req.error);
		return;
	}
	r->fid->node = r->req.ret_node;
	r->fid->state = FID_PATH;
	m.qid = p9_qid_of(&r->req.ret_ident);
	p9_reply(r, &m);
}

/* Let the newfid, or the fid itself, name @node (a reference). */
static void
walk_publish(struct p9_req *r, struct node *node)
{
	struct fid *f = r->fid2 ? r->fid2 : r->fid;

	if (f->node)
		r->s->config.backend->node_unref(f->node);
	f->node = node;
	f->state = FID_PATH;
}

void
op_walk(struct p9_req *r, const struct p9_fields *m)
{
	const struct backend *b = r->s->config.backend;
	struct p9_fields reply;
	unsigned i;

	if (m->names.nr == 0) {
		b->node_ref(r->fid->node);
		walk_publish(r, r->fid->node);
		reply.qids.nr = 0;
		p9_reply(r, &reply);
		return;
	}
	for (i = 0; i < m->names.nr; i++)
		r->req.u.walk.names[i] = m->names.v[i];
	r->req.u.walk.nr_names = m->names.nr;
	r->req.u.walk.nr_idents = 0;
	r->req.node = r->fid->node;
	p9_submit(r, REQUEST_WALK);
}

void
op_walk_done(struct p9_req *r)
{
	struct request *req = &r->req;
	unsigned i, nr = MIN(req->u.walk.nr_idents, req->u.walk.nr_names);
	struct p9_fields m;

	/* Only a walk that fails at its first name is an error on the wire. */
	if (req->error && nr == 0) {
		p9_reply_error(r, req->error);
		return;
	}
	if (!req->error && req->ret_node)
		walk_publish(r, req->ret_node);
	m.qids.nr = nr;
	for (i = 0; i < nr; i++)
		m.qids.v[i] = p9_qid_of(&req->u.walk.idents[i]);
	p9_reply(r, &m);
}

void
op_clunk(struct p9_req *r, const struct p9_fields *m)
{
	struct fid *f = r->fid;

	(void)m;
	if (f->state == FID_XWRITE) {
		op_xattr_commit(r);
		return;
	}
	r->req.handle = p9_fid_handle(f);
	if (!r->req.handle) {
		p9_reply(r, NULL);
		return;
	}
	/* REQUEST_CLOSE takes the reference whatever happens. */
	f->handle = NULL;
	f->state = FID_PATH;
	p9_submit(r, REQUEST_CLOSE);
}

void
op_remove(struct p9_req *r, const struct p9_fields *m)
{
	(void)m;
	r->req.node = r->fid->node;
	p9_submit(r, REQUEST_REMOVE);
}
