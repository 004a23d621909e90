/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Permissions, by the VFS's rules: acl_permission_check(), may_delete(),
 * setattr_prepare(), may_linkat(), xattr_permission(). The user 0 has all
 * capabilities that they ask for, others none.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "acl.h"
#include "cleanup.h"
#include "overlay.h"
#include "owner.h"
#include "permit.h"

static bool
is_root(const struct call *c)
{
	return !c->cred || c->cred->uid == 0;
}

bool
permit_is_member(const struct call *c, uint32_t gid)
{
	unsigned i;

	if (gid == c->cred->gid)
		return true;
	for (i = 0; i < c->cred->nr_groups; i++)
		if (c->cred->groups[i] == gid)
			return true;
	return false;
}

/* The class that the mode, or the ACL, has for the caller: rwx in 3 bits. */
static int
granted(const struct tree *t, struct at at, const struct statx *stx,
	const struct call *c, int mask, int *ret)
{
	mode_t mode = stx->stx_mode;
	struct acl acl;
	int r;

	if (stx->stx_uid == c->cred->uid) {
		*ret = mode >> 6 & 7;
		return 0;
	}
	/* The group's bits are the ACL's mask: none, no ACL to ask. */
	if (mode & 070 && !S_ISLNK(mode)) {
		r = acl_read_access(t, at, &acl);
		if (r == 0 && acl.size > 0)
			return acl_grant(&acl, c, stx, mask, ret);
		if (r < 0)
			return r;
	}
	*ret = permit_is_member(c, stx->stx_gid) ? mode >> 3 & 7 : mode & 7;
	return 0;
}

/* generic_permission(), for a caller that is not root. */
static int
check(const struct tree *t, struct at at, const struct statx *stx,
      const struct call *c, int mask)
{
	int have = 0, r;

	r = granted(t, at, stx, c, mask, &have);
	if (r < 0)
		return r;
	return (have & mask) == mask ? 0 : -EACCES;
}

/* The object of @n, held in place, and what is shown of it. */
static int
look(struct node *n, const struct call *c, struct access *a, struct statx *ret)
{
	int r = access_begin(n, c, a);

	return r < 0 ? r : owner_statx(n, a->at, ret);
}

int
permit_node(struct node *n, const struct call *c, int mask)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct statx stx;
	int r;

	if (is_root(c))
		return 0;
	r = look(n, c, &a, &stx);
	return r < 0 ? r : check(n->body->tree, a.at, &stx, c, mask);
}

int
permit_dir(struct node *dir, const struct call *c, int mask)
{
	struct at at = dir_top(dir->body->dir);
	struct statx stx;
	int r;

	if (is_root(c))
		return 0;
	r = owner_statx(dir, at, &stx);
	return r < 0 ? r : check(dir->body->tree, at, &stx, c, mask);
}

int
permit_open(struct node *n, const struct call *c, int flags)
{
	int mask = flags & O_TRUNC ? PERMIT_WRITE : 0, r;

	if (is_root(c))
		return 0;
	if ((flags & O_ACCMODE) != O_WRONLY)
		mask |= PERMIT_READ;
	if ((flags & O_ACCMODE) != O_RDONLY)
		mask |= PERMIT_WRITE;
	r = permit_node(n, c, mask);
	if (r == -EACCES && mask == PERMIT_READ && !n->body->dir)
		r = permit_node(n, c, PERMIT_EXEC);
	return r;
}

int
permit_removal(const struct change *ch, struct at at)
{
	struct node *dir = ch->dir;
	struct statx parent, stx;
	int r;

	if (is_root(ch->c))
		return 0;
	r = owner_statx(dir, dir_top(dir->body->dir), &parent);
	if (r < 0 || !(parent.stx_mode & S_ISVTX) ||
	    parent.stx_uid == ch->c->cred->uid)
		return r;
	r = owner_statx(ch->f.node, at, &stx);
	return r < 0 || stx.stx_uid == ch->c->cred->uid ? r : -EPERM;
}

static int
check_owner(const struct statx *stx, const struct call *c,
	    const struct attr_set *set)
{
	const uint32_t me = c->cred->uid;
	bool is_mine = stx->stx_uid == me;

	if (set->mask & ATTR_SET_UID && !(is_mine && set->uid == stx->stx_uid))
		return -EPERM;
	if (set->mask & ATTR_SET_GID &&
	    !(is_mine &&
	      (set->gid == stx->stx_gid || permit_is_member(c, set->gid))))
		return -EPERM;
	return set->mask & ATTR_SET_MODE && !is_mine ? -EPERM : 0;
}

static bool
is_given(unsigned is_set, struct timespec ts)
{
	return is_set && ts.tv_nsec != UTIME_NOW;
}

/* Times to be set are the owner's; "now" is for all who may write. */
static int
check_times(const struct tree *t, struct at at, const struct statx *stx,
	    const struct call *c, const struct attr_set *set)
{
	const unsigned times = ATTR_SET_ATIME | ATTR_SET_MTIME;

	if (!(set->mask & times) || stx->stx_uid == c->cred->uid)
		return 0;
	if (is_given(set->mask & ATTR_SET_ATIME, set->atime) ||
	    is_given(set->mask & ATTR_SET_MTIME, set->mtime))
		return -EPERM;
	/* A truncation says mtime as well, and was allowed already. */
	if (set->mask & ATTR_SET_SIZE)
		return 0;
	return check(t, at, stx, c, PERMIT_WRITE);
}

int
permit_setattr(struct node *n, struct handle *h, const struct call *c,
	       struct attr_set *set)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct tree *t = n->body->tree;
	struct statx stx;
	uint32_t gid;
	int r;

	if (is_root(c))
		return 0;
	r = look(n, c, &a, &stx);
	if (r == 0)
		r = check_owner(&stx, c, set);
	/* Who opened it for writing may truncate it. */
	if (r == 0 && set->mask & ATTR_SET_SIZE &&
	    !(h && (h->flags & O_ACCMODE) != O_RDONLY))
		r = check(t, a.at, &stx, c, PERMIT_WRITE);
	if (r == 0)
		r = check_times(t, a.at, &stx, c, set);
	gid = set->mask & ATTR_SET_GID ? set->gid : stx.stx_gid;
	if (r == 0 && set->mask & ATTR_SET_MODE && !permit_is_member(c, gid))
		set->mode &= ~(mode_t)S_ISGID;
	return r;
}

/* user.*: who may read or write; the rest has its own rules. */
static int
check_user_xattr(const struct node *n, struct at at, const struct statx *stx,
		 const struct call *c, bool is_write)
{
	if (is_write && S_ISDIR(stx->stx_mode) && stx->stx_mode & S_ISVTX &&
	    stx->stx_uid != c->cred->uid)
		return -EPERM;
	return check(n->body->tree, at, stx, c,
		     is_write ? PERMIT_WRITE : PERMIT_READ);
}

int
permit_xattr(struct node *n, const struct call *c, const char *name,
	     bool is_write)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	bool is_user = strncmp(name, "user.", 5) == 0;
	struct statx stx;
	int r;

	if (is_root(c))
		return 0;
	/* Labels are root's to set, and everybody's to read. */
	if (strncmp(name, "security.", 9) == 0)
		return is_write ? -EPERM : 0;
	if (!is_user && !is_write)
		return 0;
	r = look(n, c, &a, &stx);
	if (r < 0)
		return r;
	if (is_user)
		return check_user_xattr(n, a.at, &stx, c, is_write);
	/* ACLs: inode_owner_or_capable() */
	return stx.stx_uid == c->cred->uid ? 0 : -EPERM;
}

int
permit_link(struct node *n, const struct call *c)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct statx stx;
	int r;

	if (is_root(c))
		return 0;
	r = look(n, c, &a, &stx);
	if (r < 0 || stx.stx_uid == c->cred->uid)
		return r;
	if (!S_ISREG(stx.stx_mode) || stx.stx_mode & S_ISUID ||
	    (stx.stx_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		return -EPERM;
	r = check(n->body->tree, a.at, &stx, c, PERMIT_READ | PERMIT_WRITE);
	return r == -EACCES ? -EPERM : r;
}

int
permit_mknod(const struct call *c, mode_t mode)
{
	return (S_ISCHR(mode) || S_ISBLK(mode)) && !is_root(c) ? -EPERM : 0;
}

int
permit_group(struct node *dir, const struct call *c, uint32_t *ret)
{
	struct statx stx;
	int r;

	*ret = c->gid;
	if (is_root(c))
		return 0;
	r = owner_statx(dir, AT(dir->body->dir->upper_fd, ""), &stx);
	if (r < 0)
		return r;
	/* inode_init_owner() */
	if (stx.stx_mode & S_ISGID)
		*ret = stx.stx_gid;
	else if (c->gid == UINT32_MAX || !permit_is_member(c, c->gid))
		*ret = c->cred->gid;
	return 0;
}
