/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One switch from request to tree_*() calls. Straight-line code, written
 * once, for the loop (nowait) and for workers alike.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "cleanup.h"
#include "groups.h"
#include "image.h"
#include "macros.h"
#include "run.h"
#include "tree.h"

static int
run_attach(const struct server *server, struct request *r, const struct call *c)
{
	struct export *e = export_find(server, r->name.ptr, r->name.len);
	uint32_t unused_uid, unused_gid;
	struct node *root;
	int err;

	if (!e)
		return -ENOENT;
	err = access_user(e->access, r->uid, NO_ID, &unused_uid, &unused_gid);
	if (err < 0)
		return err;
	root = tree_root(e->tree);
	err = tree_ident(root, c, &r->ret_ident);
	if (err < 0)
		node_unref(root);
	else
		r->ret_node = root;
	return err;
}

/* Whose access is not plain; else NULL. */
static const struct access *
access_of(const struct server *server, const struct request *r)
{
	const struct node *n = r->node;
	const struct export *e;

	/* A close gives its handle up, whoever asks: nothing may stop it. */
	if (!server->groups || r->op == REQUEST_CLOSE)
		return NULL;
	/* Images: whose rights count was settled by opening it (image.c). */
	if (r->uid == NO_ID)
		return NULL;
	if (!n && r->handle)
		n = handle_node(r->handle);
	e = n ? node_tree_user(n) : NULL;
	return e && !access_is_plain(e->access) ? e->access : NULL;
}

/* Not in place: a request may be run again, whole. */
static int
run_setattr(const struct access *a, struct request *r, const struct call *c)
{
	struct attr_set set = r->u.set;
	int err = a ? access_map_set(a, r->uid, &set) : 0;

	return err < 0 ? err : tree_setattr(r->node, r->handle, c, &set);
}

static int
run_getattr(const struct access *a, struct request *r, const struct call *c)
{
	int err = tree_getattr(r->node, r->handle, c, &r->ret_attr);

	if (a && err == 0)
		access_show_attr(a, &r->ret_attr);
	return err;
}

static int
run_getxattr(const struct access *a, struct request *r, const struct call *c)
{
	int err = tree_getxattr(r->node, r->handle, c, r->name,
				&r->u.xattr.value, &r->u.xattr.size);

	if (a && err == 0)
		(void)access_map_acl(a, r->name, r->u.xattr.value,
				     r->u.xattr.size, false);
	return err;
}

static int
run_setxattr(const struct access *a, struct request *r, const struct call *c)
{
	CLEANUP_FREE void *copy = NULL;
	const void *value = r->u.xattr.value;
	int err = 0;

	if (a && value) {
		copy = malloc(r->u.xattr.size + 1);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, value, r->u.xattr.size);
		err = access_map_acl(a, r->name, copy, r->u.xattr.size, true);
		value = copy;
	}
	return err < 0 ? err
		       : tree_setxattr(r->node, r->handle, c, r->name, value,
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

/* Room for the target of a link, and a byte that says that it was cut. */
#define LINK_MAX_LEN 4096

/* A guest cuts the room for a reply anywhere; the target comes in one piece. */
static int
run_readlink(struct request *r, const struct call *c)
{
	const struct iovec *iov = r->u.io.iov;
	unsigned i, nr = r->u.io.nr_iov;
	char buf[LINK_MAX_LEN];
	size_t n, done = 0;
	ssize_t len;

	if (nr == 1)
		return counted(r, tree_readlink(r->node, c, iov[0].iov_base,
						iov[0].iov_len));
	len = tree_readlink(r->node, c, buf, MIN(r->u.io.count, sizeof(buf)));
	for (i = 0; i < nr && len > 0 && done < (size_t)len; i++) {
		n = MIN(iov[i].iov_len, (size_t)len - done);
		memcpy(iov[i].iov_base, buf + done, n);
		done += n;
	}
	return counted(r, len);
}

/* What is done to files as blocks. */
static int
dispatch_image(const struct server *server, struct request *r,
	       const struct call *c)
{
	switch (r->op) {
	case REQUEST_IMAGE:
		return image_open(server, r, c);
	case REQUEST_IMAGE_LIST:
		return image_list(server, r, c);
	case REQUEST_ZERO:
		return tree_zero(r->handle, c, r->u.zero.off, r->u.zero.len,
				 r->u.zero.how, r->u.zero.is_fast);
	case REQUEST_PREFETCH:
		return tree_prefetch(r->handle, c, r->u.range.off,
				     r->u.range.len);
	case REQUEST_EXTENTS:
		return tree_extents(r->handle, c, r->u.extents.off,
				    r->u.extents.len, r->u.extents.emit,
				    r->u.extents.emit_ctx);
	default:
		return -ENOSYS;
	}
}

/* What makes, moves and removes names. */
static int
change_names(struct request *r, const struct call *c)
{
	switch (r->op) {
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
	default:
		return -ENOSYS;
	}
}

static int
dispatch(const struct server *server, const struct access *a, struct request *r,
	 const struct call *c)
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
		return run_getattr(a, r, c);
	case REQUEST_SETATTR:
		return run_setattr(a, r, c);
	case REQUEST_STATFS:
		return tree_statfs(r->node, c, &r->ret_fs);
	case REQUEST_FSYNC:
		return tree_fsync(r->node, r->handle, c, r->u.datasync);
	case REQUEST_READLINK:
		return run_readlink(r, c);
	case REQUEST_GETXATTR:
		return run_getxattr(a, r, c);
	case REQUEST_SETXATTR:
		return run_setxattr(a, r, c);
	case REQUEST_LOCK:
		return tree_lock(r->handle, c, &r->u.lock.range);
	case REQUEST_GETLOCK:
		return tree_getlock(r->handle, c, &r->u.lock.range,
				    r->u.lock.client_id);
	case REQUEST_IMAGE:
	case REQUEST_IMAGE_LIST:
	case REQUEST_ZERO:
	case REQUEST_PREFETCH:
	case REQUEST_EXTENTS:
		return dispatch_image(server, r, c);
	default:
		return change_names(r, c);
	}
}

/*
 * Who asks, on the host, and with access=server his groups: @user is to be
 * given back after the call.
 */
static int
identify(const struct server *server, const struct access *a,
	 const struct request *r, struct call *c, struct user **user)
{
	int err = access_user(a, r->uid, r->gid, &c->uid, &c->gid);

	if (err < 0 || a->mode == ACCESS_CLIENT)
		return err;
	err = groups_of(server->groups, c->uid, c->nowait, user);
	if (err == 0)
		c->cred = &(*user)->cred;
	return err;
}

/* Its own words ask for it, not how the file was opened. */
static bool
is_fua(const struct request *r)
{
	return (r->op == REQUEST_WRITE && r->u.io.is_sync) ||
	       (r->op == REQUEST_ZERO && r->u.zero.is_sync);
}

bool
run_syncs(const struct request *r)
{
	if (r->op == REQUEST_WRITE || r->op == REQUEST_ZERO)
		return is_fua(r) || handle_is_sync(r->handle);
	return r->op == REQUEST_FSYNC;
}

bool
run(const struct server *server, struct request *r, bool nowait)
{
	struct call c = { .nowait = nowait, .uid = r->uid, .gid = r->gid };
	const struct access *a = access_of(server, r);
	struct user *user = NULL;
	int err = 0;

	c.is_sync = is_fua(r);
	if (!nowait) {
		c.waiter = &r->waiter;
		r->waiter.is_parked = false;
	}
	if (a)
		err = identify(server, a, r, &c, &user);
	if (err == 0)
		err = dispatch(server, a, r, &c);
	user_unref(user);
	/* Not by the error: whoever was parked is woken. */
	if (c.waiter && c.waiter->is_parked)
		return false;
	if (err == -EAGAIN && nowait)
		return false;
	r->error = err;
	return true;
}
