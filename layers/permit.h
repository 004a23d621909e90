/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a caller may do, where the client has not checked that itself
 * (call.cred). As overlayfs: the rules of the VFS on what is shown of the
 * merged object (ovl_permission()), then the work with the server's own
 * rights. No thread ever takes on another identity, so that none can keep it;
 * and it works over read-only layers, with owner=mapped, without root.
 * Private to layers/.
 *
 * Without call.cred all of these return 0 at once.
 */
#ifndef VENEER_LAYERS_PERMIT_H
#define VENEER_LAYERS_PERMIT_H

#include "change.h"

enum { PERMIT_EXEC = 1, PERMIT_WRITE = 2, PERMIT_READ = 4 };

/* inode_permission(): 0, -EACCES, or why it could not be told. */
int permit_node(struct node *n, const struct call *c, int mask);
/* The same for a directory that is locked. */
int permit_dir(struct node *dir, const struct call *c, int mask);

/*
 * Opening with the host's @flags. Reading what may be executed is allowed: a
 * client's kernel reads a program to run it, as nfsd has it.
 */
int permit_open(struct node *n, const struct call *c, int flags);

/* may_delete() beyond its directory: -EPERM in one with the sticky bit. */
int permit_removal(const struct change *ch, struct at at);

/* setattr_prepare(), may_setattr(); *@set may lose S_ISGID. */
int permit_setattr(struct node *n, struct handle *h, const struct call *c,
		   struct attr_set *set);

/* xattr_permission() and what the handlers add; @name: as clients see it. */
int permit_xattr(struct node *n, const struct call *c, const char *name,
		 bool is_write);

/* may_linkat() with protected_hardlinks=1: -EPERM. */
int permit_link(struct node *n, const struct call *c);

/* vfs_mknod(): devices are root's to make. -EPERM. */
int permit_mknod(const struct call *c, mode_t mode);

/*
 * The group of a new object below the locked @dir, which is in the upper: the
 * one asked for if the caller is in it, else his own (UINT32_MAX: not said).
 */
int permit_group(struct node *dir, const struct call *c, uint32_t *ret);

/* Is the caller in @gid? Not to be asked without call.cred. */
bool permit_is_member(const struct call *c, uint32_t gid);

#endif
