/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * POSIX ACLs: what a new object inherits from the default ACL of its
 * directory, worked out by hand for objects that are made elsewhere
 * (overlay.md 3.5), and what an access ACL grants.
 */
#ifndef VENEER_LAYERS_ACL_H
#define VENEER_LAYERS_ACL_H

#include "real.h"
#include "tree.h"

/* The value of a system.posix_acl_* xattr; size 0: there is none. */
#define ACL_MAX 4096
struct acl {
	size_t size;
	uint8_t bytes[ACL_MAX];
};

/*
 * As the kernel's posix_acl_create(): the default ACL @dflt and the mode
 * asked for make *@mode and the access ACL @ret (size 0: the mode says it
 * all). Pure. Returns 0 or -EINVAL (no ACL of version 2).
 */
int acl_create(const struct acl *dflt, mode_t *mode, struct acl *ret);

/* The default ACL of the directory @dir; size 0 without one. */
int acl_read_default(struct at dir, struct acl *ret);
/* The access ACL of @at, also one kept by owner=mapped; size 0 without one. */
int acl_read_access(const struct tree *t, struct at at, struct acl *ret);

/*
 * As posix_acl_permission(): which of rwx (3 bits) the ACL grants the caller
 * (call.cred), who wants @mask and does not own the object @stx. -EINVAL: no
 * ACL of version 2.
 */
int acl_grant(const struct acl *acl, const struct call *c,
	      const struct statx *stx, int mask, int *ret);

#endif
