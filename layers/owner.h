/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * owner=mapped: owner, mode, device number and, of what an ordinary user
 * cannot make or label, the type of an object are kept in an xattr. Private
 * to layers/.
 *
 * What has no mark is *plain*: what the server's user owns is shown as
 * root's, anything else with the ids it has. A mark is written only where
 * plain would show something else.
 */
#ifndef VENEER_LAYERS_OWNER_H
#define VENEER_LAYERS_OWNER_H

#include "node.h"

/* What clients are to see of an object. */
struct owner {
	uint32_t uid, gid;
	mode_t mode; /* with S_IFMT */
	uint32_t major, minor; /* of devices */
};

/* What is known of an object in memory; body.owner. */
struct owner_known {
	bool is_set;
	ino_t ino; /* of the real object that it was read from, */
	struct statx_timestamp ctime; /* and when that had changed last */
	struct owner owner;
};

/*
 * Let *@stx, of the real object @at, show what clients are to see of it. Does
 * nothing unless owner=mapped. Returns 0, -EIO (a malformed mark), errno.
 */
int owner_show(const struct tree *t, struct at at, struct statx *stx);
/* The same for the object of @n, from memory where its ctime has not moved. */
int owner_show_node(struct node *n, struct at at, struct statx *stx);
/* real_statx() and owner_show_node(). */
int owner_statx(struct node *n, struct at at, struct statx *stx);
/* The DT_* of the directory entry @at that the layer says is a file. */
unsigned char owner_d_type(const struct tree *t, struct at at);

/*
 * What @b is shown as has changed: after the change, for those of one tick of
 * the clock are not told apart by ctime.
 */
void owner_forget(struct body *b);

/* What @stx, which went through owner_show(), says. */
struct owner owner_of(const struct statx *stx);

/*
 * The mode that the real object of one shown with @mode gets: never one that
 * keeps the server out, nor one that lends the server's rights.
 */
mode_t owner_real_mode(mode_t mode);

/* Can the object be a symbolic link of its own, without a mark? */
static inline bool
owner_is_plain_link(const struct owner *o)
{
	return S_ISLNK(o->mode) && o->uid == 0 && o->gid == 0;
}

/*
 * Have the real upper object @at show @o: by the mark, if it needs one, and
 * its real mode. -EPERM: it is neither file nor directory, and needs one.
 */
int owner_set(const struct tree *t, struct at at, const struct owner *o);

/*
 * Make the file @at stand for an object that is to be shown as @o; of a
 * symbolic link @target (NUL-terminated), else NULL.
 */
int owner_make(const struct tree *t, struct at at, const struct owner *o,
	       const char *target);

/*
 * owner-change.c: change owner and mode of @n, which is in the upper, as
 * chown(2) and chmod(2) do: chown takes setuid, setgid and capabilities.
 */
int owner_change(struct node *n, const struct call *c,
		 const struct attr_set *set);

/*
 * owner-change.c: let a file stand for @n, which is in the upper, so that it
 * can have user.* xattrs. -EPERM: it can, or has several names or none.
 */
int owner_stand_in(struct node *n, const struct call *c);

/* The target of the symbolic link @at, also of a file that stands for one. */
ssize_t owner_readlink(const struct tree *t, struct at at, char *buf,
		       size_t size);

/* --- Names of xattrs (xattr-name.c) ---------------------------------------- */

/* What fuse-overlayfs and containers/storage prepend; a format of theirs. */
#define OWNER_PREFIX "user.containers.override_"

/* Is the client's @name kept under OWNER_PREFIX: security., trusted., ACLs? */
bool owner_keeps_xattr(const struct tree *t, const char *name);
/*
 * Is a real one of such a name shown, too, and kept under OWNER_PREFIX at
 * copy-up: capabilities and ACLs of a lower? Labels of the host are not.
 */
bool owner_passes_xattr(const char *name);
/* Is the stored @name a mark, which clients neither see nor set? */
bool owner_is_mark(const struct tree *t, const char *name);

#endif
