/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * New objects: files, directories, symbolic links, special files (the
 * kernel's ovl_create_object()). Hard links are link.c's.
 *
 * Where the upper has nothing under the name the object is made in place.
 * Where it has a whiteout, it is made in the staging area and put over the
 * whiteout with one rename; a directory becomes opaque first and changes
 * places with the whiteout, so that nothing of the lower flashes up. The
 * staging area is not the real parent: what an object inherits from that is
 * worked out by hand (acl.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "acl.h"
#include "change.h"
#include "cleanup.h"
#include "copyup.h"
#include "file.h"
#include "overlay.h"
#include "owner.h"
#include "permit.h"
#include "sync.h"

/* What is to be made. */
struct spec {
	mode_t mode; /* with S_IFMT */
	dev_t dev;
	const char *target; /* of a symbolic link; NUL-terminated */
	int flags; /* of a file that is opened as it is made, or 0 */
	const struct call *c;
	uint32_t gid; /* of the new object; UINT32_MAX: as the host does */
	bool maps_owner; /* the tree's owner=mapped */
	struct statx stx; /* result: as clients see it */
	int fd; /* result: owned, of an opened file; or -1 */
};

/* @arg: the struct spec. A device 0:0 would be a whiteout (ovl_mknod()). */
static int
check_absent(const struct change *ch, const void *arg)
{
	const struct spec *s = arg;
	int r;

	if (ch->f.node)
		return -EEXIST;
	if (!S_ISCHR(s->mode) || s->dev != 0)
		return 0;
	r = permit_dir(ch->dir, ch->c, PERMIT_WRITE);
	return r < 0 ? r : -EPERM;
}

/* owner=mapped: what the new object is to be shown as. */
static struct owner
wanted_owner(const struct spec *s)
{
	return (struct owner){
		.uid = s->c->uid,
		.gid = s->gid == UINT32_MAX ? 0 : s->gid,
		.mode = s->mode,
		.major = major(s->dev),
		.minor = minor(s->dev),
	};
}

/* Must a file stand for the object (owner.h)? */
static bool
needs_stand_in(const struct spec *s)
{
	struct owner o = wanted_owner(s);

	return s->maps_owner && !S_ISREG(s->mode) && !S_ISDIR(s->mode) &&
	       !owner_is_plain_link(&o);
}

/* Make the bare object at @at. */
static int
make(struct tree *t, struct at at, struct spec *s)
{
	struct upper *u = t->layers.upper;
	struct owner o = wanted_owner(s);
	mode_t mode = s->maps_owner ? owner_real_mode(s->mode) : s->mode;

	if (needs_stand_in(s))
		return owner_make(t, at, &o, s->target);
	mode &= 07777;
	switch (s->mode & S_IFMT) {
	case S_IFREG:
		if (!s->flags)
			return real_mknod(u, at, S_IFREG | mode, 0);
		s->fd = real_create(u, at, s->flags & ~(O_EXCL | O_TRUNC),
				    mode);
		return s->fd < 0 ? s->fd : 0;
	case S_IFDIR:
		return real_mkdir(u, at, mode);
	case S_IFLNK:
		return real_symlink(u, s->target, at);
	default:
		return real_mknod(u, at, s->mode, s->dev);
	}
}

/*
 * owner=mapped: what it has from its directory (inode_init_owner()). Known
 * before it is made: whether something has to stand for it depends on that.
 */
static int
inherit_mapped(struct change *ch, struct spec *s)
{
	struct statx parent;
	int r = owner_statx(ch->dir, AT(ch->dir->body->dir->upper_fd, ""),
			    &parent);

	if (r < 0 || !(parent.stx_mode & S_ISGID))
		return r;
	if (s->gid == UINT32_MAX)
		s->gid = parent.stx_gid;
	if (S_ISDIR(s->mode))
		s->mode |= S_ISGID;
	return 0;
}

/* owner=mapped: the same by the mark, if it needs one. */
static int
settle_mapped(struct change *ch, struct at at, struct spec *s)
{
	struct tree *t = ch->dir->body->tree;
	struct owner o = wanted_owner(s);
	int r = 0;

	if (s->fd >= 0)
		at = AT(s->fd, "");
	/* What stands for something has its mark. */
	if (!needs_stand_in(s))
		r = owner_set(t, at, &o);
	if (r == 0)
		r = real_statx(at, &s->stx);
	return r < 0 ? r : owner_show(t, at, &s->stx);
}

/*
 * Give the new object its owner, and the setuid, setgid and sticky bits that
 * making it or chown(2) took away.
 */
static int
settle_owner(struct change *ch, struct at at, struct spec *s)
{
	struct upper *u = node_upper(ch->dir);
	uid_t uid = s->c->uid;
	gid_t gid = s->gid;
	mode_t special = s->mode & 07000, now;
	bool moves;
	int r;

	if (s->maps_owner)
		return settle_mapped(ch, at, s);
	if (s->fd >= 0)
		at = AT(s->fd, "");
	r = real_statx(at, &s->stx);
	if (r < 0)
		return r;
	if (gid == UINT32_MAX)
		gid = s->stx.stx_gid;
	moves = uid != s->stx.stx_uid || gid != s->stx.stx_gid;
	if (moves && u->can_chown) {
		r = real_chown(u, at, uid, gid);
		if (r < 0)
			return r;
	}
	if (S_ISLNK(s->mode))
		return 0;
	now = s->stx.stx_mode & 07777;
	/* A directory keeps the setgid it inherited whatever was asked. */
	if (S_ISDIR(s->mode))
		special |= now & S_ISGID;
	if (special == (now & 07000) && !(moves && special))
		return 0;
	s->stx.stx_mode = (uint16_t)((s->stx.stx_mode & ~07000) | special);
	return real_chmod(u, at, (now & 0777) | special);
}

/* Unmake what make() made. */
static void
unmake(struct upper *u, struct at at, struct spec *s)
{
	(void)real_unlink(u, at, S_ISDIR(s->mode) ? AT_REMOVEDIR : 0);
	if (s->fd >= 0)
		(void)real_close(take_fd(&s->fd));
}

static int
create_in_place(struct change *ch, struct spec *s)
{
	struct upper *u = node_upper(ch->dir);
	struct at at = change_at(ch);
	int r = make(ch->dir->body->tree, at, s);

	if (r < 0)
		return r;
	r = settle_owner(ch, at, s);
	if (r < 0) {
		unmake(u, at, s);
		return r;
	}
	/*
	 * So that what comes below it later does not merge; only to be on
	 * the safe side, hence allowed to fail (ovl_create_upper()).
	 */
	if (S_ISDIR(s->mode) && ch->dir->body->dir->nr_lowers > 0 &&
	    ch->dir->body->tree->layers.features.opaque_mkdir)
		(void)private_set(ch->dir->body->tree, at, PRIVATE_OPAQUE, "y",
				  1);
	return 0;
}

/* The default ACL of the parent, as its children would have got it. */
static int
inherit_acl(struct upper *u, struct at parent, struct at at, mode_t *mode)
{
	struct acl dflt, access;
	int r;

	r = acl_read_default(parent, &dflt);
	if (r < 0 || dflt.size == 0)
		return r;
	r = acl_create(&dflt, mode, &access);
	if (r == 0 && access.size > 0)
		r = real_setxattr(u, at, "system.posix_acl_access",
				  access.bytes, access.size, 0);
	if (r == 0 && S_ISDIR(*mode))
		r = real_setxattr(u, at, "system.posix_acl_default", dflt.bytes,
				  dflt.size, 0);
	return r;
}

/* What the real parent would have passed on: setgid, group, ACLs. */
static int
inherit(struct change *ch, struct at at, struct spec *s)
{
	struct upper *u = node_upper(ch->dir);
	struct at parent = AT(ch->dir->body->dir->upper_fd, "");
	struct statx stx;
	int r;

	r = real_statx(parent, &stx);
	if (r < 0)
		return r;
	/* inode_init_owner() */
	if (stx.stx_mode & S_ISGID) {
		r = real_chown(u, at, (uid_t)-1, stx.stx_gid);
		if (r < 0 && u->can_chown)
			return r;
		if (S_ISDIR(s->mode))
			s->mode |= S_ISGID;
	}
	if (S_ISLNK(s->mode))
		return 0;
	r = inherit_acl(u, parent, at, &s->mode);
	return r < 0 ? r : real_chmod(u, at, s->mode & 07777);
}

/* Put the staged object over the whiteout (ovl_create_over_whiteout()). */
static int
publish_over_whiteout(struct change *ch, struct at temp, struct spec *s)
{
	struct tree *t = ch->dir->body->tree;
	struct upper *u = t->layers.upper;
	struct statx stx;
	int r;

	if (!S_ISDIR(s->mode))
		return real_rename(u, temp, change_at(ch), 0);
	r = private_set(t, temp, PRIVATE_OPAQUE, "y", 1);
	if (r == 0)
		r = real_rename(u, temp, change_at(ch), RENAME_EXCHANGE);
	if (r < 0)
		return r;
	(void)real_unlink(u, temp, 0); /* the whiteout, in staging */
	/* XFS takes the new ".." for a change of the directory. */
	if (real_statx(change_at(ch), &stx) == 0)
		s->stx.stx_mtime = stx.stx_mtime;
	return 0;
}

/*
 * Over a whiteout; or (owner=mapped) where nothing is, so that what a file
 * stands for is never seen without its mark.
 */
static int
create_staged(struct change *ch, struct spec *s)
{
	struct upper *u = node_upper(ch->dir);
	char name[16];
	struct at temp = { u->work_fd, name };
	int r;

	workdir_temp(u, name);
	r = make(ch->dir->body->tree, temp, s);
	if (r < 0) {
		if (needs_stand_in(s))
			(void)real_unlink(u, temp, 0);
		return r;
	}
	if (!s->maps_owner)
		r = inherit(ch, temp, s);
	if (r == 0)
		r = settle_owner(ch, temp, s);
	if (r == 0)
		r = publish_over_whiteout(ch, temp, s);
	if (r < 0)
		unmake(u, temp, s);
	return r;
}

static int
create_once(struct change *ch, struct spec *s)
{
	int r = permit_mknod(s->c, s->mode);

	if (r == 0)
		r = permit_group(ch->dir, s->c, &s->gid);
	if (r < 0)
		return r;
	s->fd = -1;
	s->maps_owner = ch->dir->body->tree->layers.features.maps_owner;
	if (s->maps_owner)
		r = inherit_mapped(ch, s);
	if (r < 0)
		return r;
	if (ch->f.is_upper_whiteout || needs_stand_in(s))
		return create_staged(ch, s);
	return create_in_place(ch, s);
}

static int
create_object(struct change *ch, struct spec *s)
{
	int r = create_once(ch, s);

	return fds_shrink(ch->dir->body->tree, s->c, r) ? create_once(ch, s)
							: r;
}

/* Names that new objects cannot have: they exist, or are the directory. */
static int
create_named(struct node *dir, struct name name, struct spec *s,
	     struct ident *ret)
{
	CLEANUP_CHANGE struct change ch = { 0 };
	struct tree *t = dir->body->tree;
	int r;

	r = change_begin(dir, name, s->c, check_absent, s, &ch);
	if (r == 0)
		r = create_object(&ch, s);
	if (r < 0)
		return r;
	*ret = (struct ident){
		.path = ino_to_path(t, statx_dev(&s->stx), s->stx.stx_ino),
		.type = s->stx.stx_mode & S_IFMT,
		.version = ino_version_of(&s->stx, true, 0),
	};
	return 0;
}

int
tree_mkdir(struct node *dir, const struct call *c, struct name name,
	   mode_t mode, struct ident *ret)
{
	struct spec s = { .mode = S_IFDIR | (mode & 07777), .c = c };

	return create_named(dir, name, &s, ret);
}

int
tree_symlink(struct node *dir, const struct call *c, struct name name,
	     struct name target, struct ident *ret)
{
	CLEANUP_FREE char *copy = NULL;
	struct spec s = { .mode = S_IFLNK | 0777, .c = c };

	if (target.len == 0)
		return -ENOENT;
	if (target.len > 4095)
		return -ENAMETOOLONG;
	if (memchr(target.ptr, '\0', target.len))
		return -EINVAL;
	copy = strndup(target.ptr, target.len);
	if (!copy)
		return -ENOMEM;
	s.target = copy;
	return create_named(dir, name, &s, ret);
}

int
tree_mknod(struct node *dir, const struct call *c, struct name name,
	   mode_t mode, uint32_t major, uint32_t minor, struct ident *ret)
{
	struct spec s = { .mode = mode, .c = c };

	if ((mode & S_IFMT) == 0)
		s.mode |= S_IFREG;
	if (S_ISDIR(s.mode))
		return -EPERM;
	if (!S_ISREG(s.mode) && !S_ISFIFO(s.mode) && !S_ISSOCK(s.mode) &&
	    !S_ISCHR(s.mode) && !S_ISBLK(s.mode))
		return -EINVAL;
	if (S_ISCHR(s.mode) || S_ISBLK(s.mode))
		s.dev = makedev(major, minor);
	return create_named(dir, name, &s, ret);
}

/* --- Create and open ---------------------------------------------------- */

static int
check_create(const struct change *ch, const void *arg)
{
	const int *flags = arg;
	mode_t type;

	if (!ch->f.node)
		return 0;
	type = ch->f.node->body->type;
	if (*flags & O_EXCL || S_ISLNK(type))
		return -EEXIST;
	return S_ISDIR(type) ? -EISDIR : -EALREADY;
}

/* Make a node and a handle of the file just created at @ch. */
static int
adopt(struct change *ch, struct spec *s, struct node **ret,
      struct handle **ret_handle)
{
	struct tree *t = ch->dir->body->tree;
	struct node *n = NULL;
	struct body *b;
	int r;

	b = body_new(t, &s->stx, 0,
		     ino_to_path(t, statx_dev(&s->stx), s->stx.stx_ino), NULL);
	if (b)
		n = node_add(ch->dir, ch->name, b);
	if (!n)
		return -ENOMEM;
	atomic_store(&n->body->unsynced, UNSYNCED_MADE);
	r = file_handle_new(n, s->flags, take_fd(&s->fd), 0, ret_handle);
	fds_sweep(t, s->c);
	if (r < 0)
		node_unref(n);
	else
		*ret = n;
	return r;
}

static int
create_new(struct change *ch, struct spec *s, struct node **ret,
	   struct handle **ret_handle, struct ident *ret_ident)
{
	int r = create_object(ch, s);

	if (r < 0)
		return r;
	r = adopt(ch, s, ret, ret_handle);
	if (r < 0) {
		/* Without memory the file stays: it has its name by now. */
		if (s->fd >= 0)
			(void)real_close(s->fd);
		return r;
	}
	ino_ident((*ret)->body, &s->stx, ret_ident);
	return 0;
}

/* What was there already, without O_EXCL: open that. */
static int
open_existing(struct node *dir, const struct call *c, struct name name,
	      int flags, struct node **ret, struct handle **ret_handle,
	      struct ident *ret_ident)
{
	struct ident idents[1];
	struct node *n;
	unsigned nr;
	int r;

	r = tree_walk(dir, c, &name, 1, idents, &nr, &n);
	if (r < 0)
		return r;
	r = tree_open_node(n, c, flags, ret_handle, ret_ident);
	if (r < 0)
		node_unref(n);
	else
		*ret = n;
	return r;
}

int
tree_create(struct node *dir, const struct call *c, struct name name, int flags,
	    mode_t mode, struct node **ret, struct handle **ret_handle,
	    struct ident *ret_ident)
{
	struct spec s = {
		.mode = S_IFREG | (mode & 07777),
		.c = c,
		.flags = flags | O_CREAT,
	};
	int r;

	do {
		CLEANUP_CHANGE struct change ch = { 0 };

		r = change_begin(dir, name, c, check_create, &flags, &ch);
		if (r == 0)
			return create_new(&ch, &s, ret, ret_handle, ret_ident);
		change_end(&ch);
		if (r == -EALREADY)
			r = open_existing(dir, c, name,
					  flags & ~(O_CREAT | O_EXCL), ret,
					  ret_handle, ret_ident);
		/* Removed again between the two looks: then create it. */
	} while (r == -ENOENT && !dir->body->dir->is_removed);
	return r;
}
