/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One switch from request to tree_*() calls. Straight-line code, written
 * once, for the loop (nowait) and for workers alike.
 */
#include <errno.h>

#include "run.h"
#include "tree.h"

static int
run_attach(const struct server *server, struct request *r, const struct call *c)
{
	struct export *e = export_find(server, r->name.ptr, r->name.len);
	struct node *root;
	int err;

	if (!e)
		return -ENOENT;
	root = tree_root(e->tree);
	err = tree_ident(root, c, &r->ret_ident);
	if (err < 0)
		node_unref(root);
	else
		r->ret_node = root;
	return err;
}

static int
run_setxattr(struct request *r, const struct call *c)
{
	return tree_setxattr(r->node, r->handle, c, r->name, r->u.xattr.value,
			     r->u.xattr.size, r->u.xattr.flags);
}

/* Keep a count, or the error. */
static int
counted(struct request *r, ssize_t n)
{
	if (n < 0)
		return (int)n;
	r->ret_count = (size_t)n;
	return 0;
}

static int
dispatch(const struct server *server, struct request *r, const struct call *c)
{
	switch (r->op) {
	case REQUEST_ATTACH:
		return run_attach(server, r, c);
	case REQUEST_WALK:
		return tree_walk(r->node, c, r->u.walk.names,
				 r->u.walk.nr_names, r->u.walk.idents,
				 &r->u.walk.nr_idents, &r->ret_node);
	case REQUEST_OPEN:
		return tree_open_node(r->node, c, r->u.open.flags,
				      &r->ret_handle, &r->ret_ident);
	case REQUEST_CREATE:
		return tree_create(r->node, c, r->name, r->u.open.flags,
				   r->u.open.mode, &r->ret_node, &r->ret_handle,
				   &r->ret_ident);
	case REQUEST_READ:
		return counted(r, tree_read(r->handle, c, r->u.io.iov,
					    r->u.io.nr_iov, r->u.io.off));
	case REQUEST_WRITE:
		return counted(r, tree_write(r->handle, c, r->u.io.iov,
					     r->u.io.nr_iov, r->u.io.off));
	case REQUEST_READDIR:
		return tree_readdir(r->handle, c, r->u.readdir.off,
				    r->u.readdir.emit, r->u.readdir.emit_ctx);
	case REQUEST_CLOSE:
		return tree_release(r->handle, c);
	case REQUEST_GETATTR:
		return tree_getattr(r->node, r->handle, c, &r->ret_attr);
	case REQUEST_SETATTR:
		return tree_setattr(r->node, r->handle, c, &r->u.set);
	case REQUEST_STATFS:
		return tree_statfs(r->node, c, &r->ret_fs);
	case REQUEST_FSYNC:
		return tree_fsync(r->node, r->handle, c, r->u.datasync);
	case REQUEST_READLINK:
		return counted(r, tree_readlink(r->node, c,
						r->u.io.iov[0].iov_base,
						r->u.io.iov[0].iov_len));
	case REQUEST_MKDIR:
		return tree_mkdir(r->node, c, r->name, r->u.open.mode,
				  &r->ret_ident);
	case REQUEST_SYMLINK:
		return tree_symlink(r->node, c, r->name, r->name2,
				    &r->ret_ident);
	case REQUEST_MKNOD:
		return tree_mknod(r->node, c, r->name, r->u.mknod.mode,
				  r->u.mknod.major, r->u.mknod.minor,
				  &r->ret_ident);
	case REQUEST_LINK:
		return tree_link(r->node2, c, r->node, r->name);
	case REQUEST_UNLINK:
		return tree_unlink(r->node, c, r->name, r->u.unlink.is_dir);
	case REQUEST_REMOVE:
		return tree_remove(r->node, c);
	case REQUEST_RENAME:
		return tree_rename(r->node, r->name, r->node2, r->name2, c);
	case REQUEST_RENAME_NODE:
		return tree_rename_node(r->node, r->node2, r->name2, c);
	case REQUEST_GETXATTR:
		return tree_getxattr(r->node, r->handle, c, r->name,
				     &r->u.xattr.value, &r->u.xattr.size);
	case REQUEST_SETXATTR:
		return run_setxattr(r, c);
	case REQUEST_LOCK:
		return tree_lock(r->handle, &r->u.lock.range);
	case REQUEST_GETLOCK:
		return tree_getlock(r->handle, &r->u.lock.range,
				    r->u.lock.client_id);
	}
	return -ENOSYS;
}

bool
run(const struct server *server, struct request *r, bool nowait)
{
	struct call c = { .nowait = nowait, .uid = r->uid, .gid = r->gid };
	int err;

	if (!nowait) {
		c.waiter = &r->waiter;
		r->waiter.is_parked = false;
	}
	err = dispatch(server, r, &c);
	/* Not by the error: whoever was parked is woken. */
	if (c.waiter && c.waiter->is_parked)
		return false;
	/* A lock that conflicts is an answer: it never waits. */
	if (err == -EAGAIN && nowait && r->op != REQUEST_LOCK)
		return false;
	r->error = err;
	return true;
}
