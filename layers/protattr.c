/* SPDX-License-Identifier: BSD-3-Clause */
/* Immutable and append-only objects: ovl_check_protattr() and who asks. */
#include <errno.h>
#include <linux/stat.h>
#include <string.h>

#include "overlay.h"
#include "protattr.h"

#define IS_APPEND 1u
#define IS_IMMUTABLE 2u
#define IS_KNOWN 4u /* body.protattr says what there is */

static int
read_flags(struct node *n, struct at at, unsigned layer, unsigned *ret)
{
	char letters[32];
	unsigned flags = IS_KNOWN;
	struct statx stx;
	ssize_t len;
	int r;

	if (layer > 0) {
		r = real_statx(at, &stx);
		if (r < 0)
			return r == -ENOENT ? -ESTALE : r;
		if (stx.stx_attributes & STATX_ATTR_APPEND)
			flags |= IS_APPEND;
		if (stx.stx_attributes & STATX_ATTR_IMMUTABLE)
			flags |= IS_IMMUTABLE;
		*ret = flags;
		return 0;
	}
	len = private_get(n->body->tree, at, PRIVATE_PROTATTR, letters,
			  sizeof(letters) - 1);
	/* One unknown letter, and the kernel goes by none. */
	letters[len > 0 ? len : 0] = '\0';
	if (letters[strspn(letters, "ai")] != '\0' ||
	    (len > 0 && strlen(letters) != (size_t)len))
		letters[0] = '\0';
	if (strchr(letters, 'a'))
		flags |= IS_APPEND;
	if (strchr(letters, 'i'))
		flags |= IS_IMMUTABLE;
	*ret = flags;
	return 0;
}

/* inode_permission(), may_delete(), setattr_prepare(), vfs_link() */
static int
allows(unsigned flags, enum protattr_use use)
{
	switch (use) {
	case PROTATTR_WRITE:
	case PROTATTR_CHANGE:
	case PROTATTR_REMOVE:
		return flags & (IS_APPEND | IS_IMMUTABLE) ? -EPERM : 0;
	case PROTATTR_APPEND:
	case PROTATTR_ADD:
		return flags & IS_IMMUTABLE ? -EPERM : 0;
	}
	return 0;
}

static bool
can_have_flags(const struct node *n)
{
	return n->body->dir || S_ISREG(n->body->type);
}

int
protattr_check_at(struct node *n, struct at at, unsigned layer,
		  enum protattr_use use)
{
	unsigned flags = atomic_load(&n->body->protattr);
	int r = 0;

	if (!can_have_flags(n))
		return 0;
	if (!flags)
		r = read_flags(n, at, layer, &flags);
	if (r < 0)
		return r;
	atomic_store(&n->body->protattr, flags);
	return allows(flags, use);
}

int
protattr_check(struct node *n, const struct call *c, enum protattr_use use)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	unsigned flags = atomic_load(&n->body->protattr);
	int r;

	if (!can_have_flags(n))
		return 0;
	if (flags)
		return allows(flags, use);
	r = access_begin(n, c, &a);
	return r < 0 ? r : protattr_check_at(n, a.at, a.layer, use);
}
