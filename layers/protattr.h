/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Immutable and append-only objects (overlay.md 8): the flags of a lower
 * object count in the merged tree, and stay after copy-up as letters in the
 * mark "protattr", while the upper object itself has no such flags. What the
 * guest's kernel would refuse for them is refused here, since it cannot see
 * them. Private to layers/.
 */
#ifndef VENEER_LAYERS_PROTATTR_H
#define VENEER_LAYERS_PROTATTR_H

#include "node.h"

enum protattr_use {
	PROTATTR_WRITE, /* to open it for writing at any place, or truncate */
	PROTATTR_APPEND, /* to open it for appending */
	PROTATTR_CHANGE, /* its attributes, xattrs, links or name */
	PROTATTR_ADD, /* a name to the directory */
	PROTATTR_REMOVE, /* a name from the directory */
};

/*
 * May @n be used so? 0 or -EPERM; -EAGAIN (nowait), -ESTALE. Asks the disk
 * once for each object.
 */
int protattr_check(struct node *n, const struct call *c, enum protattr_use use);
/* The same where the caller's locks hold @n's real object, @at in @layer. */
int protattr_check_at(struct node *n, struct at at, unsigned layer,
		      enum protattr_use use);

#endif
