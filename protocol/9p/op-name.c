/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages that make, link, rename and remove names in directories. Names
 * were checked when they were decoded; "is it a directory" is for the tree
 * to say. No umask is applied: the client has done that (9p.md 6.1).
 */
#include <errno.h>
#include <sys/stat.h>

#include "ops.h"
#include "session.h"

#define MODE_BITS 07777u
#define TUNLINKAT_REMOVEDIR 0x200u /* AT_REMOVEDIR */

void
op_symlink(struct p9_req *r, const struct p9_fields *m)
{
	r->req.node = r->fid->node;
	r->req.name = m->name;
	r->req.name2 = m->name2;
	r->req.gid = m->gid;
	p9_submit(r, REQUEST_SYMLINK);
}

void
op_mknod(struct p9_req *r, const struct p9_fields *m)
{
	mode_t type = m->mode & S_IFMT;

	if (type == 0)
		type = S_IFREG;
	if (type == S_IFDIR) { /* as mknod(2) */
		p9_reply_error(r, -EPERM);
		return;
	}
	if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK &&
	    type != S_IFCHR && type != S_IFBLK) {
		p9_reply_error(r, -EINVAL);
		return;
	}
	r->req.node = r->fid->node;
	r->req.name = m->name;
	r->req.gid = m->gid;
	r->req.u.mknod.mode = type | (m->mode & MODE_BITS);
	r->req.u.mknod.major = m->major;
	r->req.u.mknod.minor = m->minor;
	p9_submit(r, REQUEST_MKNOD);
}

void
op_mkdir(struct p9_req *r, const struct p9_fields *m)
{
	r->req.node = r->fid->node;
	r->req.name = m->name;
	r->req.gid = m->gid;
	r->req.u.open.flags = 0;
	r->req.u.open.mode = m->mode & MODE_BITS;
	p9_submit(r, REQUEST_MKDIR);
}

void
op_qid_done(struct p9_req *r)
{
	struct p9_fields m;

	if (r->req.error) {
		p9_reply_error(r, r->req.error);
		return;
	}
	m.qid = p9_qid_of(&r->req.ret_ident);
	p9_reply(r, &m);
}

void
op_link(struct p9_req *r, const struct p9_fields *m)
{
	r->req.node = r->fid->node;
	r->req.node2 = r->fid2->node;
	r->req.name = m->name;
	p9_submit(r, REQUEST_LINK);
}

void
op_rename(struct p9_req *r, const struct p9_fields *m)
{
	r->req.node = r->fid->node;
	r->req.node2 = r->fid2->node;
	r->req.name2 = m->name2;
	p9_submit(r, REQUEST_RENAME_NODE);
}

void
op_renameat(struct p9_req *r, const struct p9_fields *m)
{
	r->req.node = r->fid->node;
	r->req.name = m->name;
	r->req.node2 = r->fid2->node;
	r->req.name2 = m->name2;
	p9_submit(r, REQUEST_RENAME);
}

void
op_unlinkat(struct p9_req *r, const struct p9_fields *m)
{
	if (m->flags & ~TUNLINKAT_REMOVEDIR) {
		p9_reply_error(r, -EINVAL);
		return;
	}
	r->req.node = r->fid->node;
	r->req.name = m->name;
	r->req.u.unlink.is_dir = m->flags & TUNLINKAT_REMOVEDIR;
	p9_submit(r, REQUEST_UNLINK);
}

void
op_empty_done(struct p9_req *r)
{
	p9_reply_empty(r);
}
