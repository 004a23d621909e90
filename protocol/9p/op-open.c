/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tlopen and Tlcreate. The open flags on the wire have x86-64's numbers,
 * which are not this host's everywhere, and only some of them are for the
 * server: one table says which (9p.md 2).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "macros.h"
#include "ops.h"
#include "session.h"

#define DOTL_ACCMODE 3u
#define DOTL_NOACCESS 3u

struct open_flag {
	uint32_t dotl;
	int host;
	bool only_create; /* a Tlopen ignores it */
};

/*
 * What is not here is ignored: CREATE is what Tlcreate means; DIRECT, as
 * the guest's alignment says nothing about ours; NOATIME, as it fails for
 * others than the owner; NOFOLLOW and CLOEXEC, as the tree always has them.
 */
static const struct open_flag open_flags[] = {
	{ 0x80, O_EXCL, true },          { 0x200, O_TRUNC, false },
	{ 0x400, O_APPEND, false },      { 0x1000, O_DSYNC, false },
	{ 0x10000, O_DIRECTORY, false }, { 0x100000, O_SYNC, false },
};

/*
 * Clients send the offset of each write, computed from their size. Kernels
 * 6.4 to 6.18 write pages back, out of order, through fids opened RDWR and
 * APPEND: appended, they would corrupt the file. Fids opened WRONLY and
 * APPEND are uncached ones, where appending is right with several clients
 * (9p.md 5.9).
 */
static bool
honours_append(const struct session_config *c, int accmode)
{
	if (c->append_strict)
		return accmode != O_RDONLY;
	return accmode == O_WRONLY && !c->append_positional;
}

/* Returns the host's O_*, or -EINVAL. */
static int
translate_flags(const struct p9_req *r, uint32_t dotl, bool is_create)
{
	static const int accmodes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	int flags;
	size_t i;

	if ((dotl & DOTL_ACCMODE) == DOTL_NOACCESS)
		return -EINVAL;
	flags = accmodes[dotl & DOTL_ACCMODE];
	for (i = 0; i < ARRAY_SIZE(open_flags); i++)
		if ((dotl & open_flags[i].dotl) &&
		    (is_create || !open_flags[i].only_create))
			flags |= open_flags[i].host;
	if (!honours_append(&r->s->config, flags & O_ACCMODE))
		flags &= ~O_APPEND;
	return flags;
}

static void
publish_handle(struct p9_req *r)
{
	struct fid *f = r->fid;

	f->handle = r->req.ret_handle;
	f->accmode = r->req.u.open.flags & O_ACCMODE;
	f->state = S_ISDIR(r->req.ret_ident.type) ? FID_DIR : FID_FILE;
}

static void
reply_open(struct p9_req *r)
{
	struct p9_fields m;

	m.qid = p9_qid_of(&r->req.ret_ident);
	m.iounit = 0; /* msize - 24 */
	p9_reply(r, &m);
}

void
op_lopen(struct p9_req *r, const struct p9_fields *m)
{
	int flags = translate_flags(r, m->flags, false);

	if (flags < 0) {
		p9_reply_error(r, flags);
		return;
	}
	r->req.node = r->fid->node;
	r->req.u.open.flags = flags;
	r->req.u.open.mode = 0;
	p9_submit(r, REQUEST_OPEN);
}

void
op_lopen_done(struct p9_req *r)
{
	if (r->req.error) {
		p9_reply_error(r, r->req.error);
		return;
	}
	publish_handle(r);
	reply_open(r);
}

void
op_lcreate(struct p9_req *r, const struct p9_fields *m)
{
	int flags = translate_flags(r, m->flags, true);

	if (flags >= 0 && (flags & O_DIRECTORY))
		flags = -EINVAL; /* as open(2) since Linux 6.4 */
	if (flags < 0) {
		p9_reply_error(r, flags);
		return;
	}
	r->req.node = r->fid->node;
	r->req.name = m->name;
	r->req.gid = m->gid;
	r->req.u.open.flags = flags;
	r->req.u.open.mode = m->mode & 07777;
	p9_submit(r, REQUEST_CREATE);
}

void
op_lcreate_done(struct p9_req *r)
{
	struct fid *f = r->fid;

	if (r->req.error) {
		p9_reply_error(r, r->req.error);
		return;
	}
	/* The fid is the open file from now on, no longer the directory. */
	r->s->config.backend->node_unref(f->node);
	f->node = r->req.ret_node;
	publish_handle(r);
	reply_open(r);
}
