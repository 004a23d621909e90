/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a new object inherits from the POSIX default ACL of its directory,
 * worked out by hand for objects that are made elsewhere (overlay.md 3.5).
 */
#ifndef VENEER_LAYERS_ACL_H
#define VENEER_LAYERS_ACL_H

#include "real.h"

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

#endif
