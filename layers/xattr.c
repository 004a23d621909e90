/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients' xattrs: get, list, set, remove. What is private is never shown
 * and never reached: names that look so are escaped (xattr-name.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "cleanup.h"
#include "copyup.h"
#include "file.h"
#include "overlay.h"
#include "owner.h"
#include "partial.h"
#include "permit.h"
#include "protattr.h"

/* The value of the stored name @name, or the raw list (@name NULL). */
static int
read_whole(struct at at, const char *name, void **ret, size_t *ret_size)
{
	CLEANUP_FREE char *buf = NULL;
	ssize_t n, got;

	/* It may grow between the two calls: then once more. */
	for (;;) {
		n = name ? real_getxattr_raw(at, name, NULL, 0)
			 : real_listxattr(at, NULL, 0);
		if (n < 0)
			return (int)n;
		if (n > TREE_XATTR_MAX)
			return -E2BIG;
		free(take_ptr(&buf));
		if (n == 0)
			break;
		buf = malloc((size_t)n);
		if (!buf)
			return -ENOMEM;
		got = name ? real_getxattr_raw(at, name, buf, (size_t)n)
			   : real_listxattr(at, buf, (size_t)n);
		if (got == -ERANGE)
			continue;
		if (got < 0)
			return (int)got;
		n = got;
		break;
	}
	*ret = take_ptr(&buf);
	*ret_size = (size_t)n;
	return 0;
}

/* What a client's name leads to. */
struct xattr_ref {
	char shown[XATTR_NAME_BUF], stored[XATTR_NAME_BUF];
};

static int
resolve(const struct tree *t, struct name name, struct xattr_ref *ret)
{
	int r = xattr_to_stored(t, name, ret->stored);

	if (r < 0)
		return r;
	memcpy(ret->shown, name.ptr, name.len);
	ret->shown[name.len] = '\0';
	return 0;
}

/* Is the shown @name for this caller? trusted.* is for root (overlay.md 2.4). */
static bool
is_for(const struct call *c, const char *name)
{
	if (strncmp(name, "trusted.", 8) == 0)
		return c->uid == 0;
	return strncmp(name, "system.", 7) != 0 ||
	       strncmp(name, "system.posix_acl_", 17) == 0;
}

/* xattr_permission(): only files and directories have user.* xattrs. */
static bool
is_possible(const struct node *n, const char *name)
{
	return strncmp(name, "user.", 5) != 0 || n->body->dir ||
	       S_ISREG(n->body->type);
}

static int
list(const struct tree *t, const struct call *c, struct at at, void **ret,
     size_t *ret_size)
{
	CLEANUP_FREE void *raw = NULL;
	char *in, *out, *end;
	size_t size = 0, len, shown;
	int r;

	r = read_whole(at, NULL, &raw, &size);
	if (r < 0 && r != -EOPNOTSUPP)
		return r;
	if (!raw) {
		*ret_size = 0;
		*ret = NULL;
		return 0;
	}
	/* Filtered in place: a shown name is never longer than the stored. */
	in = out = raw;
	for (end = in + size; in < end; in += len + 1) {
		len = strnlen(in, (size_t)(end - in));
		if (in + len == end)
			break; /* not terminated: none of the kernel's */
		if (xattr_is_private(t, in) && !xattr_is_escaped(t, in))
			continue;
		if (owner_is_mark(t, in) ||
		    (owner_keeps_xattr(t, in) && !owner_passes_xattr(in)))
			continue;
		shown = xattr_to_shown(t, in, len);
		if (!is_for(c, in))
			continue;
		memmove(out, in, shown + 1);
		out += shown + 1;
	}
	*ret_size = (size_t)(out - (char *)raw);
	*ret = take_ptr(&raw);
	return 0;
}

int
tree_getxattr(struct node *n, struct handle *h, const struct call *c,
	      struct name name, void **ret, size_t *ret_size)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct tree *t = n->body->tree;
	struct xattr_ref x;
	int r = 0;

	(void)h; /* a node always leads to its object, even when unlinked */
	if (name.len > 0)
		r = resolve(t, name, &x);
	if (r == 0)
		r = access_begin(n, c, &a);
	if (r < 0)
		return r;
	if (name.len == 0)
		return list(t, c, a.at, ret, ret_size);
	if (!is_for(c, x.shown) || !is_possible(n, x.shown) ||
	    owner_is_mark(t, x.shown))
		return -ENODATA;
	access_end(&a);
	r = permit_xattr(n, c, x.shown, false);
	if (r == 0)
		r = access_begin(n, c, &a);
	if (r < 0)
		return r;
	r = read_whole(a.at, x.stored, ret, ret_size);
	if (r != -ENODATA || !owner_keeps_xattr(t, x.shown) ||
	    !owner_passes_xattr(x.shown))
		return r;
	return read_whole(a.at, x.shown, ret, ret_size);
}

/* ovl_xattr_set(): what is not there is not removed, and copies nothing up. */
static int
check_removable(struct node *n, const struct call *c, const char *stored)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	ssize_t size;
	int r = access_begin(n, c, &a);

	if (r < 0)
		return r;
	size = real_getxattr_raw(a.at, stored, NULL, 0);
	return size < 0 ? (int)size : 0;
}

static int
store(struct node *n, const struct call *c, const char *stored,
      const void *value, size_t size, int flags)
{
	CLEANUP_PARTIAL struct partial *p = NULL;
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	CLEANUP_RWUNLOCK pthread_rwlock_t *lock = NULL;
	struct upper *u = node_upper(n);
	int r = partial_peek(n, c, &p);

	if (r == 0)
		r = access_begin(n, c, &a);
	if (r == 0)
		r = partial_lock_shared(p, c, &lock);
	if (r < 0)
		return r;
	if (!value)
		return real_removexattr(u, a.at, stored);
	return real_setxattr(u, a.at, stored, value, size, flags);
}

int
tree_setxattr(struct node *n, struct handle *h, const struct call *c,
	      struct name name, const void *value, size_t size, int flags)
{
	struct tree *t = n->body->tree;
	struct xattr_ref x;
	int r;

	(void)h;
	if (!t->layers.upper)
		return -EROFS;
	if (size > TREE_XATTR_MAX)
		return -E2BIG;
	r = resolve(t, name, &x);
	if (r < 0)
		return r;
	if (!is_for(c, x.shown) || !is_possible(n, x.shown) ||
	    owner_is_mark(t, x.shown))
		return -EPERM;
	r = protattr_check(n, c, PROTATTR_CHANGE);
	if (r == 0)
		r = permit_xattr(n, c, x.shown, true);
	if (r < 0)
		return r;
	if (!value) {
		r = check_removable(n, c, x.stored);
		if (r < 0)
			return r;
	}
	/* ovl_xattr_set(): the name needs no upper entry, only the object. */
	if (!body_is_upper(n->body))
		r = copyup_node(n, c, COPYUP_META);
	if (r == 0 && strcmp(x.stored, "system.posix_acl_access") == 0)
		r = realfile_keep(n, c);
	if (r == 0)
		r = store(n, c, x.stored, value, size, flags);
	if (r == -EPERM && value && owner_keeps_xattr(t, x.shown)) {
		r = owner_stand_in(n, c);
		if (r == 0)
			r = store(n, c, x.stored, value, size, flags);
	}
	return r;
}
