/* SPDX-License-Identifier: BSD-3-Clause */
/* Copying what is not data: owner, mode, times, xattrs, the origin mark. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "cleanup.h"
#include "copyup.h"
#include "overlay.h"
#include "owner.h"

/* ovl_must_copy_xattr(): losing these would change who may do what. */
static bool
must_copy(const char *name)
{
	return strncmp(name, "system.posix_acl_", 17) == 0 ||
	       strncmp(name, "security.", 9) == 0;
}

/* owner=mapped: under the name that it has in the upper. */
static int
copy_kept_xattr(struct tree *t, struct at to, const char *name, void *value,
		size_t size)
{
	char stored[XATTR_NAME_BUF];
	int r;

	if (!owner_passes_xattr(name))
		return 0;
	r = xattr_to_stored(t, (struct name){ name, strlen(name) }, stored);
	if (r == 0)
		r = real_setxattr(t->layers.upper, to, stored, value, size,
				  XATTR_CREATE);
	/* The one that is kept counts already. */
	return r == -EEXIST ? 0 : r;
}

static int
copy_xattr(struct tree *t, struct at from, struct at to, const char *name,
	   char *buf)
{
	struct upper *u = t->layers.upper;
	ssize_t n;
	int r;

	n = real_getxattr_raw(from, name, buf, TREE_XATTR_MAX);
	if (n == -ENODATA)
		return 0; /* gone since it was listed */
	if (n < 0)
		return (int)n;
	if (owner_keeps_xattr(t, name))
		return copy_kept_xattr(t, to, name, buf, (size_t)n);
	r = real_setxattr(u, to, name, buf, (size_t)n, 0);
	if (r == -EOPNOTSUPP && !must_copy(name))
		return 0;
	/* An ordinary user cannot label: the file is his own from now on. */
	if (r == -EPERM && !u->can_chown && strncmp(name, "security.", 9) == 0)
		return 0;
	return r;
}

int
copyup_xattrs(struct tree *t, struct at from, struct at to)
{
	CLEANUP_FREE char *names = malloc(TREE_XATTR_MAX);
	CLEANUP_FREE char *value = malloc(TREE_XATTR_MAX);
	const char *name;
	ssize_t n;
	int r;

	if (!names || !value)
		return -ENOMEM;
	n = real_listxattr(from, names, TREE_XATTR_MAX);
	if (n == -EOPNOTSUPP)
		return 0;
	if (n < 0)
		return (int)n;
	for (name = names; name < names + n; name += strlen(name) + 1) {
		if (xattr_is_private(t, name) && !xattr_is_escaped(t, name))
			continue;
		r = copy_xattr(t, from, to, name, value);
		if (r < 0)
			return r;
	}
	return 0;
}

int
copyup_owner_mode(struct upper *u, struct at to, const struct statx *stx)
{
	mode_t mode = stx->stx_mode & 07777;
	struct statx now;
	int r;

	r = real_statx(to, &now);
	if (r < 0)
		return r;
	if (now.stx_uid != stx->stx_uid || now.stx_gid != stx->stx_gid) {
		/* Not ours to give away: then not to be setuid as us. */
		if (u->can_chown)
			r = real_chown(u, to, stx->stx_uid, stx->stx_gid);
		else
			mode &= ~(mode_t)(S_ISUID | S_ISGID);
	}
	if (r == 0 && !S_ISLNK(stx->stx_mode))
		r = real_chmod(u, to, mode);
	return r;
}

int
copyup_times(struct upper *u, struct at to, const struct statx *stx)
{
	struct timespec ts[2] = {
		{ stx->stx_atime.tv_sec, stx->stx_atime.tv_nsec },
		{ stx->stx_mtime.tv_sec, stx->stx_mtime.tv_nsec },
	};

	return real_utimens(u, to, ts);
}

int
copyup_flags(struct tree *t, struct at from, struct at to,
	     const struct statx *stx)
{
	const uint64_t guarded = STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE;
	CLEANUP_CLOSE int src = -1, dst = -1;
	char letters[2];
	size_t nr = 0;
	struct statx unused;
	unsigned flags;
	int r;

	if (!S_ISREG(stx->stx_mode) && !S_ISDIR(stx->stx_mode))
		return 0;
	if (stx->stx_attributes & guarded) {
		if (stx->stx_attributes & STATX_ATTR_APPEND)
			letters[nr++] = 'a';
		if (stx->stx_attributes & STATX_ATTR_IMMUTABLE)
			letters[nr++] = 'i';
		r = private_set(t, to, PRIVATE_PROTATTR, letters, nr);
		if (r < 0)
			return r;
	}
	src = real_open(from, O_RDONLY | O_NOATIME, &unused);
	if (src < 0 || real_get_flags(src, &flags) < 0)
		return 0; /* no such flags here */
	flags &= FS_SYNC_FL | FS_NOATIME_FL;
	if (flags == 0)
		return 0;
	dst = real_open(to, O_RDONLY, &unused);
	if (dst < 0)
		return dst;
	/* The upper's file system may know none. */
	r = real_add_flags(t->layers.upper, dst, flags);
	return r == -ENOTTY || r == -EOPNOTSUPP ? 0 : r;
}

static int
set_ident(struct tree *t, struct at to, uint64_t path)
{
	uint8_t id[8];
	size_t i;

	for (i = 0; i < sizeof(id); i++)
		id[i] = (uint8_t)(path >> (8 * i));
	return private_set(t, to, PRIVATE_IDENT, id, sizeof(id));
}

int
copyup_origin(struct tree *t, const struct layer *layer, struct at from,
	      struct at to, uint64_t path)
{
	uint8_t fb[ORIGIN_MAX];
	size_t len;
	int r;

	if (!t->layers.upper->layer.has_xattr)
		return 0;
	len = origin_encode(layer, from, false, fb);
	r = private_set(t, to, PRIVATE_ORIGIN, fb, len);
	/*
	 * user.* cannot be on symbolic links and special files; the kernel
	 * lives without an origin there too (ovl_set_origin_fh()).
	 */
	if (r == -EPERM || r == -EOPNOTSUPP)
		return 0;
	return r < 0 || len > 0 ? r : set_ident(t, to, path);
}

int
copyup_number(struct tree *t, struct at to, uint64_t path)
{
	int r;

	if (!t->layers.upper->layer.has_xattr)
		return 0;
	r = private_set(t, to, PRIVATE_ORIGIN, "", 0);
	return r < 0 ? r : set_ident(t, to, path);
}
